//! A cluster from bytes. Each object has its slot, so that one that goes away renames none of the others.

use super::manifests::{
    A, APP, B, Backend, C, Cluster, Container, ContainerPort, ELSEWHERE, From, G0, GATEWAY, Gateway, Grant,
    HASH, HEAD, HOSTS, Ingress, Kind, Listener, Match, NAMED, NAMESPACE, NOTEBOOK, Namespace, OpenShiftRoute,
    Operator, Parent, Peer, Policy, PolicyPort, Port, RAY, ROLE, Route, RouteKind, RouteRule, Rule,
    STATEFULSET, Selector, Service, ServicePort, TEAM, W0, Workload, X,
};
use super::tape::Tape;

/// How often, of 256, each slot is filled: three Namespaces, three workloads, four policies, three Services, two Gateways,
/// three routes, two grants, an Ingress, a Route of OpenShift.
pub(super) const CHANCES: [u8; 22] = [
    128, 128, 128, // Namespaces
    250, 128, 80, // workloads
    160, 128, 100, 60, // policies
    230, 160, 100, // Services
    180, 80, // Gateways
    180, 128, 80, // routes
    128, 80, // grants
    80, // Ingress
    80, // OpenShift Route
];
const GUARDS: bool = true;
const WORKLOADS: usize = 3;
const POLICIES: usize = 6;
const SERVICES: usize = 10;
const GATEWAYS: usize = 13;
const ROUTES: usize = 15;
const GRANTS: usize = 18;
const INGRESS: usize = 20;
const OPENSHIFT: usize = 21;

const PROTOCOLS: [Option<&str>; 8] = [
    None,
    Some("TCP"),
    None,
    Some("TCP"),
    None,
    Some("TCP"),
    Some("UDP"),
    None,
];

/// Where the first byte of a section puts its object.
fn place(sections: &[Vec<u8>], slot: usize) -> usize {
    let mut tape = Tape::new(sections.get(slot).map_or(&[], Vec::as_slice));
    tape.of(&[0, 0, 0, 1, 0, 1, 2, 0])
}

/// The cluster that the sections say.
pub(super) fn cluster(sections: &[Vec<u8>]) -> Cluster {
    let mut all = Cluster::default();
    let there = |slots: std::ops::Range<usize>| {
        let start = slots.start;
        let filled = slots.filter(|slot| sections.get(*slot).is_some_and(|bytes| !bytes.is_empty()));
        filled.map(move |slot| {
            (slot - start, place(sections, slot), {
                let mut tape = Tape::new(&sections[slot]);
                tape.below(8);
                tape
            })
        })
    };
    // Behind the Services of the manifests those that a controller makes, one for each Notebook.
    let services: Vec<usize> = (SERVICES..GATEWAYS)
        .chain(WORKLOADS..POLICIES)
        .map(|slot| place(sections, slot))
        .collect();
    let gateways: Vec<usize> = (GATEWAYS..ROUTES).map(|slot| place(sections, slot)).collect();
    for (slot, _, mut tape) in there(0..WORKLOADS) {
        all.namespaces.push(Namespace {
            name: slot,
            team: tape.of(&[0, A, B]),
        });
    }
    for (slot, namespace, mut tape) in there(WORKLOADS..POLICIES) {
        all.workloads.push(workload(slot, namespace, &mut tape));
    }
    for (slot, namespace, mut tape) in there(POLICIES..SERVICES) {
        all.policies.push(policy(slot, namespace, &mut tape));
    }
    for (slot, namespace, mut tape) in there(SERVICES..GATEWAYS) {
        all.services.push(service(slot, namespace, &mut tape));
    }
    for (slot, namespace, mut tape) in there(GATEWAYS..ROUTES) {
        let listeners = (0..=tape.of(&[0, 0, 1]))
            .map(|index| listener(index, &mut tape))
            .collect();
        all.gateways.push(Gateway {
            namespace,
            slot,
            listeners,
        });
    }
    for (slot, namespace, mut tape) in there(ROUTES..GRANTS) {
        all.routes
            .push(route(slot, namespace, &services, &gateways, &mut tape));
    }
    for (slot, _, mut tape) in there(GRANTS..INGRESS) {
        // A grant stands where a Service is, mostly.
        let service = of_services(&mut tape);
        all.grants.push(Grant {
            namespace: services[service],
            slot,
            from_kind: tape.of(&[
                "HTTPRoute",
                "HTTPRoute",
                "HTTPRoute",
                "GRPCRoute",
                "TLSRoute",
                "HTTPRoute",
            ]),
            from_namespace: tape.below(3),
            to_kind: tape.of(&["Service", "Service", "Service", "Service", "Secret"]),
            to_name: tape.of(&[None, None, Some(service), Some(service), Some(0), Some(1)]),
        });
    }
    for (_, namespace, mut tape) in there(INGRESS..OPENSHIFT) {
        all.ingresses.push(Ingress {
            namespace,
            service: of_services(&mut tape),
            port: named_or(&mut tape, &[80, 81, 8443]),
            default: tape.chance(4),
            host: tape.of(&[None, Some(HOSTS[0]), Some(HOSTS[1])]),
        });
    }
    for (_, namespace, mut tape) in there(OPENSHIFT..OPENSHIFT + 1) {
        all.openshift.push(OpenShiftRoute {
            namespace,
            service: of_services(&mut tape),
            alternate: tape.of(&[None, None, Some((0, 10)), Some((1, 0)), Some((2, 5))]),
            weight: tape.of(&[None, None, None, Some(0), Some(10)]),
            port: tape
                .chance(10)
                .then(|| named_or(&mut tape, &[8443, 8888, 9000, 80])),
            passthrough: tape.chance(4),
        });
    }
    all
}

fn of_services(tape: &mut Tape) -> usize {
    tape.of(&[0, 0, 1, 2, 0, 1, 3, 4])
}

fn named_or(tape: &mut Tape, numbers: &[u16]) -> Port {
    let number = tape.of(numbers);
    if tape.chance(6) {
        Port::Name(tape.of(&NAMED))
    } else {
        Port::Number(number)
    }
}

fn workload(slot: usize, namespace: usize, tape: &mut Tape) -> Workload {
    let kind = tape.of(&[
        Kind::Notebook,
        Kind::Notebook,
        Kind::Notebook,
        Kind::Notebook,
        Kind::Deployment,
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::Pod,
        Kind::Ray,
    ]);
    let app = tape.of(&[0, A, A, B]);
    let role = tape.of(&[0, 0, A, B]);
    let host_network = tape.chance(1);
    let mut ports = Vec::new();
    for _ in 0..tape.of(&[0, 1, 1, 2]) {
        ports.push(ContainerPort {
            name: tape.of(&[None, Some("back"), Some("back"), Some("nowhere")]),
            number: tape.of(&[8888, 8888, 9000, 8265]),
            protocol: tape.of(&PROTOCOLS),
            host: tape.chance(1),
        });
    }
    let mut containers = vec![Container {
        guard: None,
        sidecar: false,
        ports: apart(ports),
    }];
    // Of Deployments and the like, those without a guard are nobody's business.
    if GUARDS
        && tape.chance(if kind == Kind::Notebook || kind == Kind::Ray {
            8
        } else {
            14
        })
    {
        let number = 8443;
        let named = tape.chance(12);
        containers.push(Container {
            guard: Some((tape.of(&[8888, 8888, 9000]), tape.chance(5))),
            sidecar: tape.chance(3),
            ports: if tape.chance(13) {
                vec![ContainerPort {
                    name: named.then_some("front"),
                    number,
                    protocol: tape.of(&PROTOCOLS[..6]),
                    host: tape.chance(1),
                }]
            } else {
                Vec::new()
            },
        });
    }
    Workload {
        kind,
        namespace,
        slot,
        app,
        role,
        containers,
        host_network,
    }
}

/// One port of a number and one of a name, as an API server wants it.
fn apart(ports: Vec<ContainerPort>) -> Vec<ContainerPort> {
    let mut all: Vec<ContainerPort> = Vec::new();
    for mut port in ports {
        if all.iter().any(|other| other.number == port.number) {
            continue;
        }
        if all.iter().any(|other| other.name == port.name) {
            port.name = None;
        }
        all.push(port);
    }
    all
}

/// What pods are chosen by; `own` are keys that pods have, `foreign` those of Namespaces.
fn selector(tape: &mut Tape, pods: bool) -> Selector {
    let one = |tape: &mut Tape| {
        if pods {
            tape.of(&[
                (APP, A),
                (APP, B),
                (ROLE, A),
                (NOTEBOOK, W0),
                (STATEFULSET, W0),
                (APP, A),
                (NOTEBOOK, W0 + 1),
                (GATEWAY, G0),
                (HASH, A),
                (RAY, HEAD),
                (ROLE, C),
                (APP, A),
            ])
        } else {
            tape.of(&[
                (NAMESPACE, X),
                (NAMESPACE, X + 1),
                (TEAM, A),
                (TEAM, B),
                (NAMESPACE, X + 2),
                (NAMESPACE, ELSEWHERE),
            ])
        }
    };
    let mut made = Selector::default();
    for _ in 0..tape.of(&[0, 1, 1, 1, 0, 2]) {
        let pair = one(tape);
        if made.labels.iter().all(|(key, _)| *key != pair.0) {
            made.labels.push(pair);
        }
    }
    for _ in 0..tape.of(&[0, 0, 0, 1, 1, 2]) {
        let (key, value) = one(tape);
        let operator = tape.of(&[
            Operator::Exists,
            Operator::In,
            Operator::NotIn,
            Operator::DoesNotExist,
        ]);
        let values = match operator {
            Operator::In | Operator::NotIn if tape.chance(6) => vec![value, one(tape).1],
            Operator::In | Operator::NotIn => vec![value],
            Operator::Exists | Operator::DoesNotExist => Vec::new(),
        };
        made.expressions.push((key, operator, values));
    }
    made
}

fn policy(slot: usize, namespace: usize, tape: &mut Tape) -> Policy {
    let types = tape.of(&[0, 1, 1, 1, 1, 2, 3, 0]);
    let rules = tape.of(&[0, 1, 1, 2, 1, 4]);
    let pods = if tape.chance(8) {
        selector(tape, true)
    } else {
        Selector::default()
    };
    Policy {
        namespace,
        slot,
        pods,
        types: match types {
            0 => None,
            1 => Some(vec!["Ingress"]),
            2 => Some(vec!["Egress"]),
            _ => Some(vec!["Ingress", "Egress"]),
        },
        egress: types >= 2 && tape.chance(8),
        ingress: match rules {
            0 => None,
            // An empty list is no list.
            4 => Some(Vec::new()),
            rules => Some((0..rules).map(|_| rule(tape)).collect()),
        },
    }
}

fn rule(tape: &mut Tape) -> Rule {
    let from = match tape.below(8) {
        0 => None,
        1 => Some(Vec::new()),
        2..=6 => Some(vec![peer(tape)]),
        _ => Some(vec![peer(tape), peer(tape)]),
    };
    let ports = match tape.below(8) {
        0 | 1 => None,
        2 => Some(Vec::new()),
        3..=6 => Some(vec![policy_port(tape)]),
        _ => Some(vec![policy_port(tape), policy_port(tape)]),
    };
    Rule { from, ports }
}

fn peer(tape: &mut Tape) -> Peer {
    match tape.below(8) {
        0..=2 => Peer::Pods {
            pods: Some(selector(tape, true)),
            namespaces: None,
        },
        3 | 4 => Peer::Pods {
            pods: None,
            namespaces: Some(selector(tape, false)),
        },
        5 | 6 => Peer::Pods {
            pods: Some(selector(tape, true)),
            namespaces: Some(selector(tape, false)),
        },
        _ => Peer::Block {
            cidr: tape.of(&["10.0.0.0/8", "0.0.0.0/0", "192.0.2.0/24"]),
            except: tape.of(&[None, None, Some("10.0.0.0/8"), Some("10.1.0.0/16")]),
        },
    }
    .checked()
}

fn policy_port(tape: &mut Tape) -> PolicyPort {
    let protocol = tape.of(&PROTOCOLS);
    match tape.below(8) {
        0 => PolicyPort {
            protocol,
            port: None,
            end: None,
        },
        1 | 2 => PolicyPort {
            protocol,
            port: Some(Port::Name(tape.of(&NAMED))),
            end: None,
        },
        3 => {
            let (from, to) = tape.of(&[(8443, 8888), (8000, 8443), (8444, 8444), (7000, 9000), (1, 65535)]);
            PolicyPort {
                protocol,
                port: Some(Port::Number(from)),
                end: Some(to),
            }
        }
        _ => PolicyPort {
            protocol,
            port: Some(Port::Number(tape.of(&[8443, 8888, 8443, 9000, 8265, 7777]))),
            end: None,
        },
    }
}

fn service(slot: usize, namespace: usize, tape: &mut Tape) -> Service {
    let kind = tape.of(&[
        None,
        Some("ClusterIP"),
        None,
        Some("ClusterIP"),
        None,
        Some("NodePort"),
        Some("LoadBalancer"),
        Some("ExternalName"),
    ]);
    let mut selector = Vec::new();
    for _ in 0..tape.of(&[1, 1, 1, 2]) {
        let pair = tape.of(&[
            (STATEFULSET, W0),
            (NOTEBOOK, W0),
            (APP, A),
            (APP, A),
            (APP, B),
            (ROLE, A),
            (STATEFULSET, W0 + 1),
            (HASH, A),
            (RAY, HEAD),
        ]);
        if selector.iter().all(|(key, _)| *key != pair.0) {
            selector.push(pair);
        }
    }
    let several = tape.chance(4);
    let port = |tape: &mut Tape, name, port| ServicePort {
        name,
        port,
        target: match tape.below(8) {
            0 => None,
            1 | 2 => Some(Port::Name(tape.of(&["front", "front", "back", "nowhere"]))),
            _ => Some(Port::Number(tape.of(&[8443, 8888, 8443, 9000, 7777, 8265]))),
        },
        protocol: tape.of(&PROTOCOLS),
    };
    let number = tape.of(&[80, 80, 80, 8443]);
    let mut ports = vec![port(tape, several.then_some("front"), number)];
    if !several {
        ports[0].name = tape.of(&[None, Some("front")]);
    }
    if several {
        ports.push(port(tape, Some("back"), 81));
    }
    Service {
        namespace,
        slot,
        kind,
        headless: tape.chance(2) && matches!(kind, None | Some("ClusterIP")),
        external: tape.chance(1) && kind != Some("ExternalName"),
        selector: match tape.below(8) {
            6 => None,
            7 => Some(Vec::new()),
            _ => Some(selector),
        },
        ports,
    }
}

fn listener(index: usize, tape: &mut Tape) -> Listener {
    let protocol = tape.of(&["HTTPS", "HTTP", "HTTPS", "TLS"]);
    let from = match tape.below(6) {
        0 => From::Default,
        1 => From::Same,
        2 | 3 => From::All,
        _ => From::Selector(selector(tape, false)),
    };
    let kinds = match tape.below(8) {
        6 if protocol != "TLS" => Some(vec![RouteKind::Http]),
        7 if protocol != "TLS" => Some(vec![RouteKind::Grpc]),
        7 => Some(vec![RouteKind::Tls]),
        _ => None,
    };
    Listener {
        name: ["l0", "l1"][index],
        port: [443, 8080][index],
        protocol,
        hostname: tape.of(&[None, None, Some(HOSTS[0]), Some(HOSTS[1])]),
        from,
        kinds,
    }
}

fn route(slot: usize, namespace: usize, services: &[usize], gateways: &[usize], tape: &mut Tape) -> Route {
    let kind = tape.of(&[
        RouteKind::Http,
        RouteKind::Http,
        RouteKind::Http,
        RouteKind::Http,
        RouteKind::Grpc,
        RouteKind::Tls,
    ]);
    let mut parents = Vec::new();
    for _ in 0..=tape.of(&[0, 0, 0, 1]) {
        let gateway = tape.of(&[0, 0, 0, 1]);
        let own = gateways[gateway] == namespace && tape.chance(8);
        parents.push(Parent {
            mesh: tape.chance(1),
            // Now and then the wrong one.
            namespace: if own || tape.chance(1) {
                None
            } else {
                Some(gateways[gateway])
            },
            gateway,
            section: tape.of(&[None, None, None, Some("l0"), Some("l1"), Some("none")]),
            port: tape.of(&[None, None, None, Some(443), Some(8080), None]),
        });
    }
    let hostnames = tape.of(&[
        &[][..],
        &[HOSTS[0]],
        &[HOSTS[1]],
        &[HOSTS[2]],
        &[HOSTS[2], HOSTS[0]],
        &[],
    ]);
    let backend = |tape: &mut Tape, weight: bool| {
        let service = of_services(tape);
        let own = services[service] == namespace && !tape.chance(4);
        Backend {
            namespace: if own || tape.chance(1) {
                None
            } else {
                Some(services[service])
            },
            service,
            port: tape.of(&[80, 80, 80, 8443, 81]),
            weight: if weight {
                tape.of(&[None, None, None, Some(0), Some(3)])
            } else {
                None
            },
        }
    };
    let mut rules = Vec::new();
    let count = if kind == RouteKind::Tls {
        1
    } else {
        1 + tape.of(&[0, 0, 1])
    };
    for _ in 0..count {
        let mut matches = Vec::new();
        if kind != RouteKind::Tls {
            for _ in 0..tape.of(&[0, 1, 1, 2]) {
                matches.push(Match {
                    path: tape.of(&[
                        None,
                        Some((false, "/p")),
                        Some((true, "/p")),
                        Some((false, "/p/q")),
                        Some((false, "/")),
                    ]),
                    method: tape.of(&[None, None, None, Some("GET"), Some("POST")]),
                    header: tape.of(&[None, None, None, Some("one"), Some("two")]),
                });
            }
        }
        if kind == RouteKind::Grpc {
            for one in &mut matches {
                if one.path == Some((false, "/")) || (one.method.is_none() && one.path.is_none()) {
                    one.path = Some((true, "/p"));
                }
            }
        }
        let redirect = kind == RouteKind::Http && tape.chance(2);
        rules.push(RouteRule {
            matches,
            redirect,
            mirror: (kind != RouteKind::Tls && tape.chance(2)).then(|| backend(tape, false)),
            backends: if redirect {
                Vec::new()
            } else {
                (0..tape.of(&[1, 1, 1, 2, 0]))
                    .map(|_| backend(tape, true))
                    .collect()
            },
        });
    }
    Route {
        kind,
        namespace,
        slot,
        parents,
        hostnames: hostnames.to_vec(),
        rules,
    }
}

// === impl Peer ===

impl Peer {
    /// What is left out must lie within the block.
    fn checked(self) -> Self {
        match self {
            Self::Block {
                cidr,
                except: Some(except),
            } if cidr == "192.0.2.0/24" || cidr == except => Self::Block { cidr, except: None },
            other => other,
        }
    }
}
