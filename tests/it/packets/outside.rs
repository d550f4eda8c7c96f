//! Requests from outside, one by one: host, path, method and header, at each listener, through routes to Services to pods.
//!
//! From the specifications of the Gateway API, of Service and Ingress, and of OpenShift's Route. A route that may be
//! attached is; one request is answered by the match that is more specific than every other that is attached for certain.
//! Between two routes that are equally specific age decides, which no manifest says: either may win. Within one route the
//! first rule wins.

use std::borrow::Cow;
use std::collections::BTreeSet;

use gatewright::access::answer::Entry;

use super::inside::{Fault, labels, may_match, named, pairs_may_match, place_labels};
use super::manifests::{
    Backend, Cluster, From, Gateway, Kind, Listener, Match, Port, Route, RouteKind, RouteRule, STATEFULSET,
    Service, ServicePort, Workload,
};

/// Hosts that people ask for.
const ASKED: [&str; 5] = [
    "a.example.com",
    "c.example.com",
    "d.c.example.com",
    "b.example.net",
    "other.example.org",
];
/// Paths, and of gRPC the services.
const PATHS: [&str; 6] = ["/", "/p", "/p/r", "/p/q", "/p/q/r", "/pq"];
/// Methods; of gRPC they are the names of methods.
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const HEADERS: [&str; 3] = ["", "one", "two"];

/// An arrival: by which Gateway, if by one; which workload of the cluster; which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrival {
    pub(super) entry: Entry,
    /// Namespace and slot of the Gateway; of other entries nothing.
    pub(super) gateway: Option<(usize, usize)>,
    pub(super) workload: usize,
    pub(super) port: u16,
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        // One label at least, and as many as there are.
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => pattern == host,
    }
}

/// The TCP port of a pod that a Service's port leads to.
fn target(port: &ServicePort, workload: &Workload) -> Option<u16> {
    if port.protocol.is_some_and(|protocol| protocol != "TCP") {
        return None;
    }
    match port.target {
        None => Some(port.port),
        Some(Port::Number(number)) => Some(number),
        Some(Port::Name(name)) => named(workload, name),
    }
}

/// Every pod and port that one port of a Service leads to.
fn endpoints(cluster: &Cluster, service: &Service, port: &ServicePort) -> Vec<(usize, u16)> {
    let Some(selector) = service.selector.as_ref().filter(|pairs| !pairs.is_empty()) else {
        return Vec::new();
    };
    if service.kind == Some("ExternalName") {
        return Vec::new();
    }
    let all = cluster.workloads.iter().enumerate();
    all.filter(|(_, workload)| {
        workload.namespace == service.namespace && pairs_may_match(selector, &labels(workload))
    })
    .filter_map(|(index, workload)| target(port, workload).map(|port| (index, port)))
    .collect()
}

/// A Service of the manifests, or the one that the notebook controller makes: port 80 to the first container's first port.
fn service(cluster: &Cluster, namespace: usize, slot: usize) -> Option<Cow<'_, Service>> {
    let mut written = cluster.services.iter();
    if let Some(service) = written.find(|service| service.namespace == namespace && service.slot == slot) {
        return Some(Cow::Borrowed(service));
    }
    let mut notebooks = cluster.workloads.iter();
    let notebook = notebooks.find(|workload| {
        workload.kind == Kind::Notebook && workload.namespace == namespace && workload.slot + 3 == slot
    })?;
    let first = notebook
        .containers
        .first()
        .and_then(|container| container.ports.first());
    Some(Cow::Owned(Service {
        namespace,
        slot,
        kind: None,
        headless: false,
        external: false,
        selector: Some(vec![(STATEFULSET, labels(notebook)[STATEFULSET])]),
        ports: vec![ServicePort {
            name: Some("http-notebook"),
            port: 80,
            target: Some(Port::Number(first.map_or(8888, |port| port.number))),
            protocol: Some("TCP"),
        }],
    }))
}

/// Everything that arrives.
pub(super) fn arrivals(cluster: &Cluster, fault: Fault) -> BTreeSet<Arrival> {
    let mut all = BTreeSet::new();
    for gateway in &cluster.gateways {
        for listener in &gateway.listeners {
            at_listener(
                cluster,
                (gateway.namespace, gateway.slot),
                Some((gateway, listener)),
                fault,
                &mut all,
            );
        }
    }
    // A Gateway that is not in the manifests may have any listener.
    for route in &cluster.routes {
        for parent in route.parents.iter().filter(|parent| !parent.mesh) {
            let id = (parent.namespace.unwrap_or(route.namespace), parent.gateway);
            let known = cluster
                .gateways
                .iter()
                .any(|gateway| (gateway.namespace, gateway.slot) == id);
            if !known {
                at_listener(cluster, id, None, fault, &mut all);
            }
        }
    }
    ingresses(cluster, &mut all);
    openshift_routes(cluster, &mut all);
    services(cluster, &mut all);
    hosts(cluster, &mut all);
    all
}

/// Whether a route is attached to a listener: for certain, perhaps, or not.
fn attached(
    cluster: &Cluster,
    id: (usize, usize),
    at: Option<(&Gateway, &Listener)>,
    route: &Route,
    fault: Fault,
) -> bool {
    let Some((gateway, listener)) = at else {
        let mut parents = route.parents.iter().filter(|parent| !parent.mesh);
        return parents.any(|parent| (parent.namespace.unwrap_or(route.namespace), parent.gateway) == id);
    };
    let named = route.parents.iter().any(|parent| {
        !parent.mesh
            && (parent.namespace.unwrap_or(route.namespace), parent.gateway) == id
            && (fault == Fault::Listeners || parent.section.is_none_or(|section| section == listener.name))
            && (fault == Fault::Listeners || parent.port.is_none_or(|port| port == listener.port))
    });
    if fault == Fault::Listeners {
        return named;
    }
    let kinds = match &listener.kinds {
        Some(kinds) => kinds.clone(),
        None if listener.protocol == "TLS" => vec![RouteKind::Tls],
        None => vec![RouteKind::Http, RouteKind::Grpc],
    };
    let from = match &listener.from {
        From::All => true,
        From::Same | From::Default => route.namespace == gateway.namespace,
        From::Selector(selector) => may_match(selector, &place_labels(cluster, route.namespace), fault),
    };
    named && kinds.contains(&route.kind) && from
}

/// Whether it is attached whatever the labels of Namespaces are.
fn certainly(cluster: &Cluster, at: Option<(&Gateway, &Listener)>, route: &Route) -> bool {
    let Some((_, listener)) = at else {
        return false;
    };
    match &listener.from {
        From::Selector(_) => cluster
            .namespaces
            .iter()
            .any(|namespace| namespace.name == route.namespace),
        From::All | From::Same | From::Default => true,
    }
}

#[derive(Clone, Copy)]
struct Request {
    host: &'static str,
    path: &'static str,
    method: &'static str,
    header: &'static str,
}

/// How specific a match is; more wins.
type Rank = (usize, usize, bool, usize, bool, bool);

/// The rank of a match of a route under a listener's host for a request, if it matches.
fn rank(kind: RouteKind, host: usize, one: &Match, request: Request) -> Option<Rank> {
    let header = match one.header {
        Some(header) if header != request.header => return None,
        header => header.is_some(),
    };
    let method = match one.method {
        Some(method) if method != request.method => return None,
        method => method.is_some(),
    };
    let (exact, length) = match (kind, one.path) {
        (RouteKind::Grpc, None) => (false, 0),
        (RouteKind::Grpc, Some((_, path))) | (_, Some((true, path))) => {
            if path != request.path {
                return None;
            }
            (true, path.len())
        }
        (_, path) => {
            let prefix = path.map_or("/", |(_, path)| path);
            let bare = prefix.trim_end_matches('/');
            let rest = request.path.strip_prefix(bare)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
            (false, prefix.len())
        }
    };
    Some((host, 0, exact, length, method, header))
}

/// How specific the host is on which the route meets the request: what listener and route have in common counts.
fn host_rank(route: &Route, listener: Option<&str>, host: &str) -> Option<usize> {
    if listener.is_some_and(|listener| !host_matches(listener, host)) {
        return None;
    }
    let score = |pattern: &str| pattern.len() + if pattern.starts_with('*') { 0 } else { 1000 };
    let own = if route.hostnames.is_empty() {
        Some(0)
    } else {
        let hits = route
            .hostnames
            .iter()
            .filter(|pattern| host_matches(pattern, host));
        hits.map(|pattern| score(pattern)).max()
    };
    own.map(|own| own.max(listener.map_or(0, score)))
}

fn at_listener(
    cluster: &Cluster,
    id: (usize, usize),
    at: Option<(&Gateway, &Listener)>,
    fault: Fault,
    all: &mut BTreeSet<Arrival>,
) {
    let everybody = Match {
        path: None,
        method: None,
        header: None,
    };
    let routes: Vec<(&Route, bool)> = (cluster.routes.iter())
        .filter(|route| attached(cluster, id, at, route, fault))
        .map(|route| (route, certainly(cluster, at, route)))
        .collect();
    let hostname = at.and_then(|(_, listener)| listener.hostname);
    // Nothing is asked for where nothing would come of it.
    let mut leads = false;
    for rule in routes
        .iter()
        .flat_map(|(route, _)| route.rules.iter().map(move |rule| (route, rule)))
    {
        forwarded(cluster, rule.0, rule.1, fault, &mut |_, _| leads = true);
    }
    if !leads {
        return;
    }
    let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
    for kind in [RouteKind::Http, RouteKind::Grpc, RouteKind::Tls] {
        // Of two kinds that want one host, the older wins: either may.
        if routes.iter().all(|(route, _)| route.kind != kind) {
            continue;
        }
        for request in requests(kind) {
            let mut candidates: Vec<(usize, usize, bool, Rank)> = Vec::new();
            for (index, (route, certain)) in routes
                .iter()
                .enumerate()
                .filter(|(_, (route, _))| route.kind == kind)
            {
                let Some(host) = host_rank(route, hostname, request.host) else {
                    continue;
                };
                let mut best: Option<(usize, Rank)> = None;
                for (number, rule) in route.rules.iter().enumerate() {
                    let own = if rule.matches.is_empty() {
                        std::slice::from_ref(&everybody)
                    } else {
                        &rule.matches
                    };
                    let ranks = own.iter().filter_map(|one| rank(kind, host, one, request));
                    if let Some(rank) = ranks.max()
                        && best.is_none_or(|(_, before)| rank > before || fault == Fault::Precedence)
                    {
                        best = Some((number, rank));
                    }
                }
                if let Some((number, rank)) = best {
                    candidates.push((index, number, *certain, rank));
                }
            }
            let bar = candidates.iter().filter(|one| one.2).map(|one| one.3).max();
            for (index, number, _, rank) in candidates {
                if bar.is_none_or(|bar| rank >= bar) {
                    taken.insert((index, number));
                }
            }
        }
    }
    for (index, number) in taken {
        let route = routes[index].0;
        forwarded(
            cluster,
            route,
            &route.rules[number],
            fault,
            &mut |workload, port| {
                all.insert(Arrival {
                    entry: Entry::Gateway,
                    gateway: Some(id),
                    workload,
                    port,
                });
            },
        );
    }
}

fn requests(kind: RouteKind) -> Vec<Request> {
    let mut all = Vec::new();
    for host in ASKED {
        if kind == RouteKind::Tls {
            all.push(Request {
                host,
                path: "/",
                method: "",
                header: "",
            });
            continue;
        }
        for path in PATHS {
            for method in METHODS {
                for header in HEADERS {
                    all.push(Request {
                        host,
                        path,
                        method,
                        header,
                    });
                }
            }
        }
    }
    all
}

/// Where a rule sends a request, and its copy.
fn forwarded(
    cluster: &Cluster,
    route: &Route,
    rule: &RouteRule,
    fault: Fault,
    arrive: &mut impl FnMut(usize, u16),
) {
    let backends = rule
        .backends
        .iter()
        .filter(|backend| !rule.redirect && backend.weight != Some(0));
    // Whether a request that is forwarded to nobody is copied all the same, the specification leaves open.
    let sent: Vec<&Backend> = backends.chain(&rule.mirror).collect();
    for backend in sent {
        let namespace = backend.namespace.unwrap_or(route.namespace);
        let granted = cluster.grants.iter().any(|grant| {
            grant.namespace == namespace
                && grant.from_kind == route.kind.name()
                && grant.from_namespace == route.namespace
                && grant.to_kind == "Service"
                && grant.to_name.is_none_or(|name| name == backend.service)
        });
        if namespace != route.namespace && !granted && fault != Fault::Grants {
            continue;
        }
        let Some(service) = service(cluster, namespace, backend.service) else {
            continue;
        };
        for port in service.ports.iter().filter(|port| port.port == backend.port) {
            for (workload, port) in endpoints(cluster, &service, port) {
                arrive(workload, port);
            }
        }
    }
}

fn ingresses(cluster: &Cluster, all: &mut BTreeSet<Arrival>) {
    for ingress in &cluster.ingresses {
        let Some(service) = service(cluster, ingress.namespace, ingress.service) else {
            continue;
        };
        let wanted = service.ports.iter().filter(|port| match ingress.port {
            Port::Number(number) => port.port == number,
            Port::Name(name) => port.name == Some(name),
        });
        for port in wanted {
            for (workload, port) in endpoints(cluster, &service, port) {
                all.insert(Arrival {
                    entry: Entry::Ingress,
                    gateway: None,
                    workload,
                    port,
                });
            }
        }
    }
}

fn openshift_routes(cluster: &Cluster, all: &mut BTreeSet<Arrival>) {
    for route in &cluster.openshift {
        // With weight 0 a Service gets no new clients, but those that say by a cookie that they have been there.
        let services = [Some(route.service), route.alternate.map(|(slot, _)| slot)];
        let services = services.into_iter().flatten();
        for slot in services {
            let Some(service) = service(cluster, route.namespace, slot) else {
                continue;
            };
            for port in &service.ports {
                for (workload, number) in endpoints(cluster, &service, port) {
                    // The name is the Service's port's, the number the pod's.
                    let wanted = match route.port {
                        None => true,
                        Some(Port::Number(wanted)) => wanted == number,
                        Some(Port::Name(wanted)) => port.name == Some(wanted),
                    };
                    if wanted {
                        all.insert(Arrival {
                            entry: Entry::Route,
                            gateway: None,
                            workload,
                            port: number,
                        });
                    }
                }
            }
        }
    }
}

fn services(cluster: &Cluster, all: &mut BTreeSet<Arrival>) {
    for service in &cluster.services {
        let entry = match service.kind {
            Some("LoadBalancer") => Entry::LoadBalancer,
            // With external addresses too: one way in is as good as two.
            Some("NodePort") => Entry::NodePort,
            _ if service.external => Entry::LoadBalancer,
            _ => continue,
        };
        for port in &service.ports {
            for (workload, port) in endpoints(cluster, service, port) {
                all.insert(Arrival {
                    entry,
                    gateway: None,
                    workload,
                    port,
                });
            }
        }
    }
}

fn hosts(cluster: &Cluster, all: &mut BTreeSet<Arrival>) {
    for (index, workload) in cluster.workloads.iter().enumerate() {
        let mut ports: Vec<u16> = Vec::new();
        if workload.host_network {
            let (guards, open) = super::inside::answering(workload);
            let answering = (super::manifests::PORTS.iter().enumerate())
                .filter(|(bit, _)| (guards | open) >> bit & 1 == 1);
            ports.extend(answering.map(|(_, port)| *port));
        }
        let declared = workload.containers.iter().flat_map(|container| &container.ports);
        let declared =
            declared.filter(|port| port.host && port.protocol.is_none_or(|protocol| protocol == "TCP"));
        ports.extend(declared.map(|port| port.number));
        for port in ports {
            all.insert(Arrival {
                entry: Entry::Host,
                gateway: None,
                workload: index,
                port,
            });
        }
    }
}
