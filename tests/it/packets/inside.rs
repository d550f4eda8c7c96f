//! Packets inside the cluster, one by one: from every pod that could be to every port of every pod that is.
//!
//! From the API reference of NetworkPolicy alone. A pod that any policy for ingress selects takes what some rule of some
//! such policy lets in; any other pod takes everything. A label that is not known is tried with every value and none, for
//! each selector on its own: what may be out is not closed, what may be in is open.

use super::manifests::{
    APP, Cluster, ELSEWHERE, G0, GATEWAY, HASH, HEAD, KEYS, Kind, Labels, NAMESPACE, NAMESPACES, NOTEBOOK,
    Operator, PORTS, Peer, Policy, PolicyPort, Port, RAY, ROLE, Rule, STATEFULSET, Selector, TEAM, UNKNOWN,
    UNSEEN, VALUES, W0, Workload, X,
};

/// Bits in the order of `PORTS`.
pub(super) type Ports = u16;
pub(super) const EVERY: Ports = (1 << PORTS.len()) - 1;

/// Places in which a pod may be: the namespaces of the cluster, one that only selectors name, and one that nothing names.
pub(super) const PLACES: usize = NAMESPACES.len() + 2;
pub(super) const NAMED_ONLY: usize = NAMESPACES.len();
pub(super) const NOWHERE: usize = NAMESPACES.len() + 1;

/// Faults that are put in on purpose, to see that the comparison sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// A rule's ports are not looked at.
    Ports,
    /// `NotIn` and `DoesNotExist` match nothing.
    Negation,
    /// A cross-namespace reference needs no grant.
    Grants,
    /// Any listener takes any route.
    Listeners,
}

/// Where a packet comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// A pod with these labels in one of the `PLACES`.
    Pod { place: usize, labels: Labels },
    /// An address that is no pod's, as a number.
    Address(u32),
}

/// The labels of a workload's pods.
pub(super) fn labels(workload: &Workload) -> Labels {
    let mut labels: Labels = [0; KEYS.len()];
    labels[APP] = workload.app;
    labels[ROLE] = workload.role;
    let name = W0 + u8::try_from(workload.slot).unwrap();
    match workload.kind {
        Kind::Notebook => {
            labels[NOTEBOOK] = name;
            labels[STATEFULSET] = name;
        }
        Kind::Deployment => labels[HASH] = UNKNOWN,
        Kind::Ray => labels[RAY] = HEAD,
        Kind::StatefulSet | Kind::Pod => {}
    }
    labels
}

/// The labels of a place: of a Namespace that is in the manifests what it says, else anything.
pub(super) fn place_labels(cluster: &Cluster, place: usize) -> Labels {
    let mut labels: Labels = [0; KEYS.len()];
    labels[NAMESPACE] = match place {
        NAMED_ONLY => ELSEWHERE,
        NOWHERE => UNSEEN,
        place => X + u8::try_from(place).unwrap(),
    };
    let written = cluster
        .namespaces
        .iter()
        .find(|namespace| namespace.name == place);
    labels[TEAM] = written.map_or(UNKNOWN, |namespace| namespace.team);
    labels
}

/// The labels of every pod that could be: for each key that a peer asks about no label, each value that one asks for, and
/// one that none asks for. Keys that nobody asks about make no difference.
pub(super) fn every_labels(cluster: &Cluster) -> Vec<Labels> {
    let rules = cluster
        .policies
        .iter()
        .flat_map(|policy| policy.ingress.iter().flatten());
    let peers = rules.flat_map(|rule| rule.from.iter().flatten());
    let mut asked: [Vec<u8>; KEYS.len()] = std::array::from_fn(|_| Vec::new());
    for peer in peers {
        let Peer::Pods { pods: Some(pods), .. } = peer else {
            continue;
        };
        let pairs = pods.labels.iter().map(|(key, value)| (*key, *value));
        let expressions = pods.expressions.iter();
        let more = expressions
            .flat_map(|(key, _, values)| values.iter().map(|value| (*key, *value)).chain([(*key, UNSEEN)]));
        for (key, value) in pairs.chain(more) {
            if !asked[key].contains(&value) {
                asked[key].push(value);
            }
        }
    }
    let mut all: Vec<Labels> = vec![[0; KEYS.len()]];
    for (key, values) in asked.iter().enumerate().filter(|(_, values)| !values.is_empty()) {
        let before = all.clone();
        for value in values.iter().copied().chain([UNSEEN]) {
            all.extend(before.iter().map(|labels| {
                let mut labels = *labels;
                labels[key] = value;
                labels
            }));
        }
    }
    all
}

/// One of each kind of address: in every block, behind an exception, in none but the widest.
pub(super) const ADDRESSES: [u32; 4] = [0x0a02_0001, 0x0a01_0001, 0xc000_0205, 0x0808_0808];

fn meets(labels: &Labels, key: usize, operator: Operator, values: &[u8], fault: Fault) -> bool {
    let has = labels[key];
    if fault == Fault::Negation && matches!(operator, Operator::NotIn | Operator::DoesNotExist) {
        return false;
    }
    match operator {
        Operator::In => has != 0 && values.contains(&has),
        Operator::NotIn => has == 0 || !values.contains(&has),
        Operator::Exists => has != 0,
        Operator::DoesNotExist => has == 0,
    }
}

fn matches(selector: &Selector, labels: &Labels, fault: Fault) -> bool {
    selector.labels.iter().all(|(key, value)| labels[*key] == *value)
        && (selector.expressions.iter())
            .all(|(key, operator, values)| meets(labels, *key, *operator, values, fault))
}

/// Whether every label that could be matches, and whether any does.
fn every_any(selector: &Selector, labels: &Labels, fault: Fault) -> (bool, bool) {
    let mentioned = |key: &usize| {
        selector.labels.iter().any(|(other, _)| other == key)
            || selector.expressions.iter().any(|(other, ..)| other == key)
    };
    let unknown = (0..KEYS.len()).find(|key| labels[*key] == UNKNOWN && mentioned(key));
    let Some(key) = unknown else {
        let yes = matches(selector, labels, fault);
        return (yes, yes);
    };
    let mut answer = (true, false);
    for value in 0..=u8::try_from(VALUES.len()).unwrap() {
        let mut tried = *labels;
        tried[key] = value;
        let (every, any) = every_any(selector, &tried, fault);
        answer = (answer.0 && every, answer.1 || any);
    }
    answer
}

/// Whether the labels may match; `closes` of a policy is the other half.
pub(super) fn may_match(selector: &Selector, labels: &Labels, fault: Fault) -> bool {
    every_any(selector, labels, fault).1
}

/// Whether plain pairs, as a Service has them, may match.
pub(super) fn pairs_may_match(pairs: &[(usize, u8)], labels: &Labels) -> bool {
    pairs
        .iter()
        .all(|(key, value)| labels[*key] == *value || labels[*key] == UNKNOWN)
}

fn for_ingress(policy: &Policy) -> bool {
    policy
        .types
        .as_ref()
        .is_none_or(|types| types.contains(&"Ingress"))
}

fn bit(port: u16) -> Ports {
    PORTS
        .iter()
        .position(|one| *one == port)
        .map_or(0, |index| 1 << index)
}

/// The container port of a name, for TCP.
pub(super) fn named(workload: &Workload, name: &str) -> Option<u16> {
    // Containers first, then those that were started before them and stay.
    let order = [false, true].into_iter();
    let containers = order.flat_map(|sidecar| {
        workload
            .containers
            .iter()
            .filter(move |one| one.sidecar == sidecar)
    });
    let mut ports = containers.flat_map(|container| &container.ports);
    let tcp = |protocol: Option<&str>| protocol.is_none_or(|protocol| protocol == "TCP");
    ports
        .find(|port| port.name == Some(name) && tcp(port.protocol))
        .map(|port| port.number)
}

fn lets_port(rule: &Rule, workload: &Workload, port: u16, fault: Fault) -> bool {
    let Some(ports) = rule.ports.as_ref().filter(|ports| !ports.is_empty()) else {
        return true;
    };
    let lets = |one: &PolicyPort| {
        if one.protocol.is_some_and(|protocol| protocol != "TCP") {
            return false;
        }
        match (one.port, one.end) {
            (None, _) => true,
            (Some(Port::Number(from)), None) => from == port,
            (Some(Port::Number(from)), Some(end)) => (from..=end).contains(&port),
            (Some(Port::Name(name)), _) => named(workload, name) == Some(port),
        }
    };
    fault == Fault::Ports || ports.iter().any(lets)
}

fn contains(block: &str, address: u32) -> bool {
    let (start, length) = match block {
        "10.0.0.0/8" => (0x0a00_0000_u32, 8),
        "10.1.0.0/16" => (0x0a01_0000, 16),
        "192.0.2.0/24" => (0xc000_0200, 24),
        "0.0.0.0/0" => return true,
        other => unreachable!("{other}"),
    };
    (start ^ address) >> (32 - length) == 0
}

/// The policies of one workload, as its packets meet them.
pub(super) struct Wall<'a> {
    workload: &'a Workload,
    /// Whether a policy certainly selects the pods.
    closed: bool,
    /// The rules of every policy that may select them, with the ports each lets in.
    rules: Vec<(&'a Policy, &'a Rule, Ports)>,
    places: [Labels; PLACES],
    fault: Fault,
}

// === impl Wall ===

impl<'a> Wall<'a> {
    pub(super) fn new(cluster: &'a Cluster, workload: &'a Workload, fault: Fault) -> Self {
        let own = labels(workload);
        let mut closed = false;
        let mut rules = Vec::new();
        for policy in &cluster.policies {
            if policy.namespace != workload.namespace || !for_ingress(policy) {
                continue;
            }
            let (every, any) = every_any(&policy.pods, &own, fault);
            closed |= every;
            if any {
                for rule in policy.ingress.iter().flatten() {
                    let ports = PORTS
                        .iter()
                        .filter(|port| lets_port(rule, workload, **port, fault));
                    rules.push((policy, rule, ports.fold(0, |all, port| all | bit(*port))));
                }
            }
        }
        let places = std::array::from_fn(|place| place_labels(cluster, place));
        Self {
            workload,
            closed,
            rules,
            places,
            fault,
        }
    }

    /// Whether packets are looked at at all: nobody knows what policies do to pods in the node's own network.
    pub(super) fn stands(&self) -> bool {
        self.closed && !self.workload.host_network
    }

    /// The ports that a packet from there arrives at.
    pub(super) fn lets(&self, source: &Source) -> Ports {
        if !self.stands() {
            return EVERY;
        }
        let mut ports = 0;
        for (policy, rule, here) in &self.rules {
            if ports | here != ports && self.from(policy, rule, source) {
                ports |= here;
            }
        }
        ports
    }

    fn from(&self, policy: &Policy, rule: &Rule, source: &Source) -> bool {
        let Some(from) = rule.from.as_ref().filter(|from| !from.is_empty()) else {
            return true;
        };
        from.iter().any(|peer| match (peer, source) {
            (Peer::Pods { pods, namespaces }, Source::Pod { place, labels }) => {
                let there = match namespaces {
                    None => *place == policy.namespace,
                    Some(selector) => may_match(selector, &self.places[*place], self.fault),
                };
                there
                    && pods
                        .as_ref()
                        .is_none_or(|pods| may_match(pods, labels, self.fault))
            }
            // Nearly every address is in it, and which ones pods have is not known.
            (Peer::Block { cidr, .. }, Source::Pod { .. }) => *cidr == "0.0.0.0/0",
            (Peer::Block { cidr, except }, Source::Address(address)) => {
                contains(cidr, *address) && !except.is_some_and(|except| contains(except, *address))
            }
            (Peer::Pods { .. }, Source::Address(_)) => false,
        })
    }

    /// Where the pods of a Gateway arrive. Istio runs them beside it under its name; Envoy Gateway beside it or in a
    /// namespace of its own, under labels that nobody here asks for.
    pub(super) fn gateway(&self, namespace: usize, slot: usize) -> Ports {
        let plain: Labels = [0; KEYS.len()];
        let mut named = plain;
        named[GATEWAY] = G0 + u8::try_from(slot).unwrap();
        let pods = [(namespace, named), (namespace, plain), (NOWHERE, plain)];
        let sources = pods.map(|(place, labels)| Source::Pod { place, labels });
        sources.iter().fold(0, |all, source| all | self.lets(source))
    }

    /// Where anything with an address arrives.
    pub(super) fn addresses(&self) -> Ports {
        let all = ADDRESSES
            .iter()
            .map(|address| self.lets(&Source::Address(*address)));
        all.fold(0, |all, ports| all | ports)
    }
}

/// The ports on which something answers: first the guards', then those that ask nobody.
pub(super) fn answering(workload: &Workload) -> (Ports, Ports) {
    let mut guards = 0;
    let mut health = 0;
    let mut open = match workload.kind {
        Kind::Notebook => bit(8888),
        Kind::Ray => bit(8265),
        _ => 0,
    };
    for container in &workload.containers {
        if let Some((upstream, own_health)) = container.guard {
            guards |= bit(8443);
            open |= bit(upstream);
            if own_health {
                health |= bit(8444);
            }
        }
        for port in &container.ports {
            if port.protocol.is_none_or(|protocol| protocol == "TCP") {
                open |= bit(port.number);
            }
        }
    }
    (guards, open & !guards & !health)
}
