//! Everything that manifests say about access, put together: the answers, and what they rest on.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Access, Caller, Gateway, Guard, Hop, HopTls, LoginState, Path, Who, Workload};
use super::gateways::Listener;
use super::guards::{Guards, fault::Fault};
use super::hostnames;
use super::login::{self, GatewayLogin};
use super::pod::Pod;
use super::policies::{self, Policies};
use super::rights::Given;
use super::surroundings::Surroundings;
use super::ways::{Loose, Way, Ways};
use super::workloads::{self, Workloads};
use super::world::World;
use super::{certificates, entries, read, routes, tls, virtual_services};
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// The answers, and what they rest on.
#[derive(Debug)]
pub struct Study<'a> {
    /// The objects.
    pub world: World<'a>,
    /// The answers.
    pub access: Access,
    /// Ways that end before a pod.
    pub loose: Vec<Loose>,
    /// What is wrong with guards, each with its workload.
    pub faults: Vec<(ObjectId, Fault)>,
    /// What is wrong with what protects hops.
    pub tls_faults: Vec<tls::Fault>,
    /// What each gateway asks.
    pub logins: BTreeMap<ObjectId, GatewayLogin>,
    /// Ways that end in pods which are no workloads of the answers: login services, other applications.
    pub elsewhere: Vec<Elsewhere>,
    /// What is not known of roles and bindings.
    pub unknown_rights: Vec<Hop>,
    /// Who is let in to ports on which nothing is known to answer, by workload and part.
    pub undeclared: Vec<(ObjectId, String, Caller)>,
    /// What bindings give to everybody.
    pub given: Vec<Given>,
    /// Namespaces, gateways and other people's pods.
    pub around: Surroundings<'a>,
    /// Objects that do not fit their schema.
    pub unreadable: Vec<ObjectId>,
}

/// A way to a pod that is no workload of the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The way.
    pub path: Path,
    /// Whose pod.
    pub owner: ObjectId,
}

/// One workload under construction.
struct Judged<'p, 'a> {
    pods: Vec<&'p Pod<'a>>,
    guards: Vec<Guard>,
    unguarded: BTreeSet<u16>,
    /// Guards of each pod, by their index in `guards`.
    of_pod: Vec<Vec<usize>>,
    paths: Vec<Path>,
    /// Ports on which guards say whether they are well, or answer to nobody outside the pod.
    quiet: BTreeSet<u16>,
}

/// Studies objects.
pub fn of<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Study<'a> {
    let world = World::new(objects);
    let workloads = Workloads::find(&world);
    let guards = Guards::new(&world);
    let named = routes::gateways(&world);
    let users = workloads
        .pods
        .iter()
        .filter(|pod| workloads::runs_user_code(&pod.workload));
    let around = Surroundings::new(&world, &named, users);
    let policies = Policies::new(world.all("networking.k8s.io", "NetworkPolicy"));

    let mut faults = BTreeSet::new();
    let mut judged: BTreeMap<(ObjectId, &'static str), Judged<'_, 'a>> = BTreeMap::new();
    for pods in workloads.owners() {
        let Some(first) = pods.first() else { continue };
        let key = (first.workload.clone(), first.part);
        if let Some(one) = judge(&guards, pods, &mut faults) {
            judged.insert(key, one);
        }
    }

    let logins: BTreeMap<ObjectId, GatewayLogin> = named
        .iter()
        .map(|gateway| (gateway.clone(), login::of_gateway(&world, gateway)))
        .collect();
    let mut ways = Ways::default();
    routes::follow(&world, &workloads, &around, &mut ways);
    let answering = |pod: &Pod<'a>| match judged.get(&(pod.workload.clone(), pod.part)) {
        Some(one) => one.answering(),
        None => workloads::answering(pod),
    };
    entries::follow(&world, &workloads, &answering, &mut ways);
    virtual_services::follow(&world, &workloads, &mut ways);
    let Ways { ends, loose } = ways;
    let hops = tls::Hops::new(&world);
    let mut tls_faults = Vec::new();
    let mut elsewhere = Vec::new();
    for way in ends {
        let path = protected(&world, &hops, &logins, &way, &mut tls_faults);
        match judged.get_mut(&(way.pod.workload.clone(), way.pod.part)) {
            Some(one) => one.add(way.pod, path),
            None => elsewhere.push(Elsewhere {
                path,
                owner: way.pod.workload.clone(),
            }),
        }
    }

    tls_faults.sort();
    tls_faults.dedup();
    drop(hops);
    let mut undeclared = Vec::new();
    for ((id, part), one) in judged.iter().filter(|((id, _), _)| workloads::runs_user_code(id)) {
        let mut known = one.answering();
        known.extend(&one.quiet);
        // One policy is for all nodes of a Ray cluster: the ports of the head's guards are meant for the head.
        let parts = judged.range((id.clone(), "")..);
        let parts = parts.take_while(|((other, _), _)| other == id);
        known.extend(parts.flat_map(|(_, other)| other.guards.iter().map(|guard| guard.port)));
        for pod in &one.pods {
            let callers = policies::callers_of_others(&policies, &around, pod, &known);
            undeclared.extend(
                callers
                    .into_iter()
                    .map(|caller| (id.clone(), (*part).to_owned(), caller)),
            );
        }
    }
    let workloads = judged
        .into_iter()
        .map(|((id, part), one)| one.finish(id, part, &policies, &around))
        .collect();
    let gateways = named.iter().map(|id| gateway(&world, id, &logins)).collect();
    let unknown_rights = guards.rights().unknown();
    let given = guards.rights().everybodys();
    Study {
        access: Access { gateways, workloads },
        loose,
        faults: faults.into_iter().collect(),
        tls_faults,
        logins,
        elsewhere,
        unknown_rights,
        given,
        unreadable: policies.unreadable().map(|object| object.id.clone()).collect(),
        undeclared,
        around,
        world,
    }
}

fn judge<'p, 'a>(
    guards: &Guards<'_>,
    pods: Vec<&'p Pod<'a>>,
    faults: &mut BTreeSet<(ObjectId, Fault)>,
) -> Option<Judged<'p, 'a>> {
    let mut one = Judged {
        pods: Vec::new(),
        guards: Vec::new(),
        unguarded: BTreeSet::new(),
        of_pod: Vec::new(),
        paths: Vec::new(),
        quiet: BTreeSet::new(),
    };
    let mut user = false;
    for pod in pods {
        user |= workloads::needs_a_guard(pod);
        let found = guards.find(pod);
        for fault in found.faults {
            faults.insert((pod.workload.clone(), fault));
        }
        let mut open = workloads::answering(pod);
        for guard in &found.guards {
            open.extend(&guard.upstreams);
        }
        for guard in &found.guards {
            open.remove(&guard.port);
        }
        // Where a guard says that it answers on a port itself, but the workload does too, who gets it is not known.
        let claimed = workloads::claimed(pod, &found.guards);
        open.retain(|port| {
            claimed.contains(port) || !(found.health.contains(port) || found.quiet.contains(port))
        });
        open.extend(&found.open);
        user |= !found.open.is_empty();
        one.unguarded.extend(open);
        one.quiet.extend(found.health.iter().chain(&found.quiet));
        let mut own = Vec::new();
        for guard in found.guards {
            let known = one.guards.iter().position(|there| *there == guard);
            own.push(known.unwrap_or_else(|| {
                one.guards.push(guard);
                one.guards.len() - 1
            }));
        }
        one.pods.push(pod);
        one.of_pod.push(own);
    }
    (user || !one.guards.is_empty()).then_some(one)
}

/// What is asked, and how the hop to the pod is protected, on one way.
fn protected(
    world: &World<'_>,
    hops: &tls::Hops<'_>,
    logins: &BTreeMap<ObjectId, GatewayLogin>,
    way: &Way<'_, '_>,
    faults: &mut Vec<tls::Fault>,
) -> Path {
    let mut path = way.path.clone();
    if let (Some(gateway), Some((route, rule))) = (&path.via, &way.route) {
        path.login = logins
            .get(gateway)
            .map_or(LoginState::Unknown, |login| login.state_for(route, *rule));
    }
    path.hop = hop_tls(world, hops, &path, way, faults);
    path
}

fn hop_tls(
    world: &World<'_>,
    hops: &tls::Hops<'_>,
    path: &Path,
    way: &Way<'_, '_>,
    faults: &mut Vec<tls::Fault>,
) -> HopTls {
    let service = way.service.as_ref();
    let object = service.and_then(|(id, _)| world.of_id(id));
    let port = service.and_then(|(_, number)| {
        let ports = read::list(&object?.value, "/spec/ports");
        ports
            .iter()
            .find(|port| read::port(port, "/port") == Some(*number))
    });
    match (&path.via, &way.route, object, port) {
        (Some(gateway), Some((route, _)), ..) if passes_through(world, gateway, route, path) => {
            HopTls::Passed
        }
        (Some(gateway), Some((route, _)), Some(object), Some(port)) if route.kind != "TCPRoute" => {
            let hopped = hops.hop(gateway, object, port);
            faults.extend(hopped.faults);
            if let HopTls::Verified(by) = &hopped.tls {
                faults.extend(certificates::uncovered(world, way.pod, by));
            }
            match hopped.tls {
                HopTls::Plain if world.of_id(gateway).is_none() && ruled_elsewhere(world, &object.id) => {
                    HopTls::Unknown
                }
                tls => tls,
            }
        }
        (None, None, _, _) => path
            .hops
            .first()
            .and_then(|first| world.of_id(&first.object))
            .filter(|first| first.id.group == entries::ROUTE_GROUP)
            .map_or(HopTls::Unknown, tls::of_route),
        _ => HopTls::Unknown,
    }
}

/// Whether some `DestinationRule` speaks of a Service by its name: it may be where the pods of a Gateway run that is not in the
/// manifests.
fn ruled_elsewhere(world: &World<'_>, service: &ObjectId) -> bool {
    let host = format!("{}.{}.svc", service.name, service.namespace);
    world
        .all("networking.istio.io", "DestinationRule")
        .into_iter()
        .any(|rule| read::text(&rule.value, "/spec/host").is_some_and(|name| name.starts_with(&host)))
}

/// Whether a way is that of a TLSRoute whose listener does not decrypt. Of a Gateway that is not in the manifests it is taken for
/// one that does not: every implementation can that, and few anything else (Gateway API, `TLSRoute`).
fn passes_through(world: &World<'_>, gateway: &ObjectId, route: &ObjectId, path: &Path) -> bool {
    if route.kind != "TLSRoute" {
        return false;
    }
    let Some(gateway) = world.of_id(gateway) else {
        return true;
    };
    let listeners = Listener::all(gateway);
    let is_on_the_way = |listener: &&Listener<'_>| {
        let at = listener.hop();
        path.hops
            .iter()
            .any(|hop| hop.object == at.object && hop.field == at.field)
    };
    let mut attached = listeners.iter().filter(is_on_the_way).peekable();
    if attached.peek().is_some() {
        attached.all(Listener::passes_through)
    } else {
        // Its listener is in a ListenerSet, or refuses it.
        listeners.iter().any(Listener::passes_through)
    }
}

fn gateway(world: &World<'_>, id: &ObjectId, logins: &BTreeMap<ObjectId, GatewayLogin>) -> Gateway {
    let object = world.of_id(id);
    let listeners = object.map(Listener::all).unwrap_or_default();
    let hosts = listeners
        .iter()
        .map(|listener| listener.hostname().unwrap_or(hostnames::ANY).to_owned())
        .collect();
    Gateway {
        id: id.clone(),
        known: object.is_some(),
        hosts,
        login: logins.get(id).and_then(|login| login.login.clone()),
    }
}

// === impl Judged ===

impl Judged<'_, '_> {
    /// The ports on which something answers: the guards' and those that ask nobody.
    fn answering(&self) -> BTreeSet<u16> {
        let mut ports = self.unguarded.clone();
        ports.extend(self.guards.iter().map(|guard| guard.port));
        ports
    }

    fn add(&mut self, pod: &Pod<'_>, mut path: Path) {
        let at = self
            .pods
            .iter()
            .position(|own| std::ptr::eq::<Pod<'_>>(*own, pod));
        let own = at.and_then(|at| self.of_pod.get(at));
        path.guard = own.into_iter().flatten().copied().find(|index| {
            let guard = self.guards.get(*index);
            guard.is_some_and(|guard| guard.port == path.port)
        });
        self.paths.push(path);
    }

    fn finish(
        mut self,
        id: ObjectId,
        part: &str,
        policies: &Policies<'_>,
        around: &Surroundings<'_>,
    ) -> Workload {
        let mut ports = self.answering();
        ports.extend(self.paths.iter().map(|path| path.port));
        let mut callers: Vec<Caller> = Vec::new();
        let mut images: Vec<(String, String)> = Vec::new();
        for pod in &self.pods {
            for caller in policies::callers(policies, around, pod, &ports) {
                if !callers.contains(&caller) {
                    callers.push(caller);
                }
            }
            for (_, container) in pod.containers() {
                let name = read::text(container, "/name").unwrap_or_default().to_owned();
                let image = (
                    name,
                    read::text(container, "/image").unwrap_or_default().to_owned(),
                );
                if !images.contains(&image) {
                    images.push(image);
                }
            }
        }
        callers.sort();
        for path in &mut self.paths {
            stop_by_policy(path, &callers);
        }
        self.paths.sort_by(|left, right| {
            (left.entry, &left.url, &left.hops).cmp(&(right.entry, &right.url, &right.hops))
        });
        self.paths.dedup();
        Workload {
            id,
            part: part.to_owned(),
            images,
            guards: self.guards,
            unguarded: self.unguarded,
            paths: self.paths,
            callers,
        }
    }
}

/// A gateway's pods are inside the cluster: where policies do not let them in, its ways end before the pod.
fn stop_by_policy(path: &mut Path, callers: &[Caller]) {
    let Some(gateway) = &path.via else { return };
    let let_in = callers.iter().any(|caller| {
        let who = match &caller.who {
            Who::Everybody | Who::Addresses(_) => true,
            Who::Gateway(id) => id == gateway,
            _ => false,
        };
        who && caller.ports.contains(&path.port)
    });
    if !let_in {
        let last = path.hops.last().cloned().unwrap_or_default();
        path.stopped.push(Hop {
            says: format!(
                "no NetworkPolicy lets the pods of {gateway} reach port {}",
                path.port
            ),
            ..last
        });
    }
}
