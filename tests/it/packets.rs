//! The model of reachability beside packets: random small clusters are decided by `access::of` and `verify`, and by trying
//! every packet and every request, one by one.
//!
//! The two share no code: the packets (`inside`, `outside`) are decided from the types that the manifests are written from
//! (`manifests`), by what the specifications say; the model reads the manifests. What must be equal, for each workload and
//! each of its answering ports:
//!
//! - the workloads, their guards' ports and their unguarded ports;
//! - whether a pod without labels in the workload's own namespace reaches it, and whether one with any labels does;
//! - the same for pods of other namespaces: those of the manifests, one that only selectors name, one that nothing names;
//! - whether an address that is no pod's reaches it;
//! - for each Gateway, whether its pods reach it;
//! - which other workload with other people's code reaches it (what the model says of one is so; and whoever reaches it is
//!   named, or its namespace is);
//! - from outside, by which kind of entry and which Gateway a request reaches which port that no policy stops, and whether
//!   a guard answers there.
//!
//! And of `verify`: there is an error of an open port if a port that asks nobody is reached by a pod without labels in the
//! workload's own namespace or by a Gateway's pods, and there is none if no pod at all reaches one; there is an error of an
//! unguarded route if a request reaches such a port from outside.
//!
//! What manifests leave open is tried with everything it could be, for each selector on its own, and what any of it
//! reaches is open: labels of Namespaces that are not there, labels that controllers add, Gateways that are not there,
//! which of two equal routes is older. Policies stop the pods of Gateways alone: of Ingress controllers, routers and load
//! balancers it is not known where they are. A pod's address may lie in a block of all addresses, a Gateway's in any.
//!
//! `PROPTEST_CASES` says how many clusters are tried; `make soak` tries at least the 100,000 that it is meant for:
//!
//! ```text
//! PROPTEST_CASES=100000 cargo test --release --test it -- packets::
//! ```

mod generate;
mod inside;
mod manifests;
mod outside;
mod tape;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use gatewright::access::answer::{Access, Entry, Who};
use gatewright::access::study;
use gatewright::krm::object_id::ObjectId;
use gatewright::krm::yaml::{Quoting, to_block};
use gatewright::verify;
use gatewright::verify::judgement::{Judgement, Rule};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use inside::{Fault, PLACES, Ports, Source, Wall};
use manifests::{Cluster, Kind, NAMESPACES, PORTS, Workload};
use outside::Arrival;

/// How many clusters are tried unless `PROPTEST_CASES` says so.
const CASES: u32 = 20_000;

/// A way from outside: the entry, the Gateway by namespace and name, the port, and whether a guard answers.
type Way = (Entry, Option<(String, String)>, u16, bool);

/// Who reaches which ports of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Reached {
    guards: Vec<u16>,
    unguarded: Vec<u16>,
    own_plain: Vec<u16>,
    own_any: Vec<u16>,
    other_plain: Vec<u16>,
    other_any: Vec<u16>,
    addresses: Vec<u16>,
    gateways: BTreeMap<(String, String), Vec<u16>>,
    outside: BTreeSet<Way>,
}

/// What was seen, so that it is known that the clusters do meet.
#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    workloads: usize,
    /// Those with a guard.
    guarded: usize,
    /// Those that a policy closes.
    closed: usize,
    /// Those of which something that asks nobody is reached from inside.
    open: usize,
    /// Those of which nothing that asks nobody is reached at all.
    safe: usize,
    /// Those that a Gateway's pods reach past the guard, and a pod without labels does not.
    gateway_only: usize,
    /// Those that are reached by each kind of entry.
    entries: BTreeMap<Entry, usize>,
    /// Those that a Gateway leads to by a guard.
    served: usize,
    /// Requests at a Gateway that policies stop.
    stopped: usize,
}

fn list(ports: Ports) -> Vec<u16> {
    let all = PORTS.iter().enumerate();
    all.filter(|(bit, _)| ports >> bit & 1 == 1)
        .map(|(_, port)| *port)
        .collect()
}

fn bits(ports: &BTreeSet<u16>) -> Ports {
    let all = PORTS.iter().enumerate();
    all.filter(|(_, port)| ports.contains(port))
        .fold(0, |all, (bit, _)| all | 1 << bit)
}

/// Whether it is a workload of the answers: other people's code, or a guard.
fn judged(workload: &Workload) -> bool {
    matches!(workload.kind, Kind::Notebook | Kind::Ray)
        || workload
            .containers
            .iter()
            .any(|container| container.guard.is_some())
}

/// The Gateways that are there or named.
fn gateways(cluster: &Cluster) -> BTreeSet<(usize, usize)> {
    let there = cluster
        .gateways
        .iter()
        .map(|gateway| (gateway.namespace, gateway.slot));
    let named = cluster.routes.iter().flat_map(|route| {
        let parents = route.parents.iter().filter(|parent| !parent.mesh);
        parents.map(|parent| (parent.namespace.unwrap_or(route.namespace), parent.gateway))
    });
    there.chain(named).collect()
}

fn gateway_name((namespace, slot): (usize, usize)) -> (String, String) {
    (NAMESPACES[namespace].to_owned(), format!("g{slot}"))
}

/// By packets; and how many requests from Gateways policies stop.
fn tried(cluster: &Cluster, fault: Fault) -> (BTreeMap<ObjectId, Reached>, usize) {
    let labels = inside::every_labels(cluster);
    let arrivals = outside::arrivals(cluster, fault);
    let mut all = BTreeMap::new();
    let mut stopped = 0;
    for (index, workload) in cluster
        .workloads
        .iter()
        .enumerate()
        .filter(|(_, workload)| judged(workload))
    {
        let wall = Wall::new(cluster, workload, fault);
        let (guards, unguarded) = inside::answering(workload);
        let answering = guards | unguarded;
        let from = |place: usize, any: bool| {
            let labels = if any { &labels[..] } else { &labels[..1] };
            let mut ports = 0;
            for labels in labels {
                if ports & answering == answering {
                    break;
                }
                ports |= wall.lets(&Source::Pod {
                    place,
                    labels: *labels,
                });
            }
            list(ports & answering)
        };
        let others = |any: bool| {
            let places = (0..PLACES).filter(|place| *place != workload.namespace);
            let mut ports: Vec<u16> = places.flat_map(|place| from(place, any)).collect();
            ports.sort_by_key(|port| PORTS.iter().position(|one| one == port));
            ports.dedup();
            ports
        };
        let own = arrivals.iter().filter(|arrival| arrival.workload == index);
        let (through, shut): (Vec<&Arrival>, Vec<&Arrival>) = own.partition(|arrival| passes(&wall, arrival));
        stopped += shut.len();
        let outside = through.into_iter().map(|arrival| {
            let guard = bits(&BTreeSet::from([arrival.port])) & guards != 0;
            let gateway = arrival.gateway.map(gateway_name);
            (arrival.entry, gateway, arrival.port, guard)
        });
        all.insert(
            workload.id(),
            Reached {
                guards: list(guards),
                unguarded: list(unguarded),
                own_plain: from(workload.namespace, false),
                own_any: from(workload.namespace, true),
                other_plain: others(false),
                other_any: others(true),
                addresses: list(wall.addresses() & answering),
                gateways: (gateways(cluster).into_iter())
                    .map(|(namespace, slot)| {
                        let ports = wall.gateway(namespace, slot);
                        (gateway_name((namespace, slot)), list(ports & answering))
                    })
                    .collect(),
                outside: outside.collect(),
            },
        );
    }
    (all, stopped)
}

/// Whether the pods that an arrival comes from get past the policies.
fn passes(wall: &Wall<'_>, arrival: &Arrival) -> bool {
    let Some((namespace, slot)) = arrival.gateway else {
        return true;
    };
    let ports = wall.gateway(namespace, slot) | wall.addresses();
    ports & bits(&BTreeSet::from([arrival.port])) != 0
}

/// By the model.
fn modelled(access: &Access) -> BTreeMap<ObjectId, Reached> {
    let mut all = BTreeMap::new();
    for workload in &access.workloads {
        let guards: BTreeSet<u16> = workload.guards.iter().map(|guard| guard.port).collect();
        let answering = bits(&guards) | bits(&workload.unguarded);
        let by = |meant: &dyn Fn(&Who) -> bool| {
            let callers = workload.callers.iter().filter(|caller| meant(&caller.who));
            list(callers.fold(0, |all, caller| all | bits(&caller.ports)) & answering)
        };
        let everybody = |who: &Who| *who == Who::Everybody;
        let own_plain = |who: &Who| everybody(who) || *who == Who::SameNamespace;
        let other_plain = |who: &Who| match who {
            Who::OtherNamespaces(text) | Who::LabelledNamespaces(text) => text.starts_with("any pod"),
            Who::WholeNamespace(_) => true,
            who => everybody(who),
        };
        let outside = workload
            .paths
            .iter()
            .filter(|path| path.stopped.is_empty() && PORTS.contains(&path.port))
            .map(|path| {
                let gateway = path
                    .via
                    .as_ref()
                    .map(|id| (id.namespace.clone(), id.name.clone()));
                if let Some(guard) = path.guard {
                    assert_eq!(workload.guards[guard].port, path.port, "the guard of a way");
                }
                (path.entry, gateway, path.port, path.guard.is_some())
            });
        let known = access.gateways.iter().map(|gateway| {
            let id = &gateway.id;
            let ports = by(&|who| everybody(who) || *who == Who::Gateway(id.clone()));
            ((id.namespace.clone(), id.name.clone()), ports)
        });
        let reached = Reached {
            guards: list(bits(&guards)),
            unguarded: list(bits(&workload.unguarded)),
            own_plain: by(&own_plain),
            own_any: by(&|who| own_plain(who) || matches!(who, Who::SameNamespaceLabelled(_) | Who::Itself)),
            other_plain: by(&other_plain),
            other_any: by(&|who| {
                other_plain(who)
                    || matches!(
                        who,
                        Who::Named(_) | Who::OtherNamespaces(_) | Who::LabelledNamespaces(_)
                    )
            }),
            addresses: by(&|who| everybody(who) || matches!(who, Who::Addresses(_))),
            gateways: known.collect(),
            outside: outside.collect(),
        };
        all.insert(workload.id.clone(), reached);
    }
    all
}

/// What the model says of other workloads, beside the packets from their pods.
fn from_workloads(cluster: &Cluster, access: &Access) -> Result<(), String> {
    let users: Vec<&Workload> = (cluster.workloads.iter())
        .filter(|one| matches!(one.kind, Kind::Notebook | Kind::Ray))
        .collect();
    for workload in cluster.workloads.iter().filter(|workload| judged(workload)) {
        let id = workload.id();
        let Some(said) = access.workloads.iter().find(|one| one.id == id) else {
            return Err(format!("{id} is no workload of the answers"));
        };
        let wall = Wall::new(cluster, workload, Fault::None);
        let guards: BTreeSet<u16> = said.guards.iter().map(|guard| guard.port).collect();
        let answering = bits(&guards) | bits(&said.unguarded);
        for user in users.iter().filter(|user| user.id() != id) {
            let source = Source::Pod {
                place: user.namespace,
                labels: inside::labels(user),
            };
            let reached = wall.lets(&source) & answering;
            let mut named = 0;
            let mut covered = 0;
            for caller in &said.callers {
                let ports = bits(&caller.ports) & answering;
                let own = user.namespace == workload.namespace;
                match &caller.who {
                    Who::Workload(one) if *one == user.id() => named |= ports,
                    Who::Everybody => covered |= ports,
                    Who::SameNamespace if own => covered |= ports,
                    Who::OtherNamespaces(text) | Who::LabelledNamespaces(text)
                        if !own && text.starts_with("any pod") =>
                    {
                        covered |= ports;
                    }
                    Who::WholeNamespace(name) if name == NAMESPACES[user.namespace] => covered |= ports,
                    _ => {}
                }
            }
            if named & !reached != 0 {
                return Err(format!(
                    "{} does not reach {:?} of {id}",
                    user.id(),
                    list(named & !reached)
                ));
            }
            if reached & !named & !covered != 0 {
                let ports = list(reached & !named & !covered);
                return Err(format!(
                    "{} reaches {ports:?} of {id} and is not named",
                    user.id()
                ));
            }
        }
    }
    Ok(())
}

/// What `verify` says of open ports, beside what is reached.
fn from_verify(tried: &BTreeMap<ObjectId, Reached>, judgements: &[Judgement]) -> Result<(), String> {
    for (id, reached) in tried {
        let of = |rules: &[Rule]| {
            let mut all = judgements.iter().filter(|one| rules.contains(&one.rule));
            all.any(|one| one.way.iter().any(|hop| hop.object == *id))
        };
        let open = |ports: &[u16]| ports.iter().any(|port| reached.unguarded.contains(port));
        let inside = open(&reached.own_plain) || reached.gateways.values().any(|ports| open(ports));
        let outside =
            (reached.outside.iter()).any(|(_, _, port, guard)| !guard && reached.unguarded.contains(port));
        if inside && !of(&[Rule::OpenPort]) {
            return Err(format!("an open port of {id} is no error"));
        }
        if outside && !of(&[Rule::UnguardedRoute]) {
            return Err(format!("an unguarded route to {id} is no error"));
        }
        let any = inside || open(&reached.other_any) || open(&reached.own_any);
        if !any && of(&[Rule::OpenPort]) {
            return Err(format!(
                "{id} has an error of an open port, and nobody reaches one"
            ));
        }
    }
    Ok(())
}

/// What disagrees, in words.
fn disagreement(cluster: &Cluster, fault: Fault, seen: &RefCell<Seen>) -> Option<String> {
    let objects = cluster.objects();
    let study = study::of(&objects);
    let (tried, stopped) = tried(cluster, fault);
    let modelled = modelled(&study.access);
    seen.borrow_mut().take(cluster, &tried, stopped);
    let text = || -> String {
        let documents = objects
            .iter()
            .map(|object| to_block(&object.value, Quoting::WhereNeeded));
        documents.collect::<Vec<_>>().join("---\n")
    };
    if tried != modelled {
        let mut lines = Vec::new();
        for id in tried.keys().chain(modelled.keys()).collect::<BTreeSet<_>>() {
            if tried.get(id) != modelled.get(id) {
                lines.push(format!(
                    "{id}\n  packets {:?}\n  model   {:?}",
                    tried.get(id),
                    modelled.get(id)
                ));
            }
        }
        return Some(format!("{}\n{}", lines.join("\n"), text()));
    }
    let judgements = verify::judge(&study);
    from_workloads(cluster, &study.access)
        .and_then(|()| from_verify(&tried, &judgements))
        .err()
        .map(|says| format!("{says}\n{}", text()))
}

// === impl Seen ===

impl Seen {
    fn take(&mut self, cluster: &Cluster, tried: &BTreeMap<ObjectId, Reached>, stopped: usize) {
        self.cases += 1;
        self.stopped += stopped;
        for workload in cluster.workloads.iter().filter(|workload| judged(workload)) {
            let Some(reached) = tried.get(&workload.id()) else {
                continue;
            };
            self.workloads += 1;
            self.guarded += usize::from(!reached.guards.is_empty());
            let wall = Wall::new(cluster, workload, Fault::None);
            self.closed += usize::from(wall.stands());
            let open = |ports: &[u16]| ports.iter().any(|port| reached.unguarded.contains(port));
            let inside = open(&reached.own_any) || open(&reached.other_any) || open(&reached.addresses);
            let outside = reached.outside.iter().any(|(_, _, _, guard)| !guard);
            self.open += usize::from(inside);
            self.safe += usize::from(!inside && !outside);
            let served = |way: &Way| way.0 == Entry::Gateway && way.3;
            self.served += usize::from(reached.outside.iter().any(served));
            let gateway = reached.gateways.values().any(|ports| open(ports));
            self.gateway_only += usize::from(gateway && !open(&reached.own_plain));
            for entry in reached.outside.iter().map(|way| way.0).collect::<BTreeSet<_>>() {
                *self.entries.entry(entry).or_default() += 1;
            }
        }
    }
}

/// Tries so many clusters; how far they are shrunk where they disagree.
fn run(cases: u32, shrinking: u32, fault: Fault, seen: &RefCell<Seen>) -> Result<(), String> {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: shrinking,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&tape::Sections(generate::CHANCES.to_vec()), |sections| {
        let cluster = generate::cluster(&sections);
        match disagreement(&cluster, fault, seen) {
            None => Ok(()),
            Some(says) => Err(TestCaseError::fail(says)),
        }
    });
    match result {
        Ok(()) => Ok(()),
        // The manifests say more than the bytes they are read from.
        Err(TestError::Fail(reason, _)) => Err(reason.message().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_model_agrees_with_every_packet() {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let cases: u32 = cases.unwrap_or(CASES);
    let seen = RefCell::default();
    let result = run(cases, 20_000, Fault::None, &seen);
    let seen = seen.into_inner();
    eprintln!("{seen:#?}");
    if let Err(says) = result {
        panic!("{says}");
    }
    if cases < 1_000 {
        return;
    }
    // About a half of what is seen, in parts of a thousand cases.
    let at_least = |what: &str, count: usize, per_thousand: usize| {
        let least = seen.cases * per_thousand / 1000;
        assert!(
            count >= least,
            "the clusters hardly meet: {what} {count} times, which should be {least}"
        );
    };
    at_least("workloads", seen.workloads, 1000);
    at_least("with a guard", seen.guarded, 600);
    at_least("closed by a policy", seen.closed, 400);
    at_least("open from inside", seen.open, 600);
    at_least("safe", seen.safe, 150);
    at_least("past the guard from a Gateway alone", seen.gateway_only, 5);
    at_least("served by a guard", seen.served, 5);
    at_least("stopped by a policy", seen.stopped, 5);
    for (entry, per_thousand) in [
        (Entry::Gateway, 25),
        (Entry::Ingress, 12),
        (Entry::Route, 25),
        (Entry::LoadBalancer, 60),
        (Entry::NodePort, 50),
        (Entry::Host, 35),
    ] {
        let count = seen.entries.get(&entry).copied().unwrap_or_default();
        at_least(&format!("{entry:?}"), count, per_thousand);
    }
}

/// Packets that are decided wrongly do disagree, and soon.
#[test]
fn a_fault_is_seen() {
    for (fault, within) in [
        (Fault::Ports, 500),
        (Fault::Negation, 500),
        (Fault::Grants, 4_000),
        (Fault::Listeners, 4_000),
        (Fault::Precedence, 10_000),
    ] {
        let result = run(within, 0, fault, &RefCell::default());
        assert!(result.is_err(), "{fault:?} is not seen in {within} clusters");
    }
}
