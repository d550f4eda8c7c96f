//! NetworkPolicies: which ports of a pod others reach.
//!
//! Policies add up (`k8s.io/api/networking/v1`, NetworkPolicySpec): a pod that at least one ingress policy selects is closed but
//! for what the rules of all of them let in; a pod that none selects is open to everybody. What cannot be known never closes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::answer::{Caller, Hop, Who};
use super::labels::{self, Known, Selected};
use super::pod::Pod;
use super::surroundings::Surroundings;
use super::workloads::{RAY, selected};
use crate::cluster::object::Object;
use crate::model::keys;

/// A policy that was read.
#[derive(Debug)]
pub struct Policy<'a> {
    object: &'a Object,
    /// `None`: it does not fit its schema, so nothing is known of what it does.
    spec: Option<NetworkPolicy>,
}

/// A namespace and one label.
type Place<'a> = (&'a str, Option<(String, String)>);

/// The policies of all namespaces.
#[derive(Debug, Default)]
pub struct Policies<'a> {
    all: Vec<Policy<'a>>,
    /// By namespace, and by one label that they ask for, if they ask for one.
    by_label: BTreeMap<Place<'a>, Vec<usize>>,
}

// === impl Policies ===

impl<'a> Policies<'a> {
    /// Reads all of them.
    pub fn new(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut policies = Self::default();
        for object in objects {
            let spec = NetworkPolicy::deserialize(&object.value)
                .ok()
                .filter(|policy| policy.spec.is_some());
            let label = spec
                .as_ref()
                .and_then(|policy| {
                    policy
                        .spec
                        .as_ref()?
                        .pod_selector
                        .as_ref()?
                        .match_labels
                        .as_ref()?
                        .iter()
                        .next()
                })
                .map(|(key, value)| (key.clone(), value.clone()));
            let at = policies.all.len();
            policies
                .by_label
                .entry((object.id.namespace.as_str(), label))
                .or_default()
                .push(at);
            policies.all.push(Policy { object, spec });
        }
        policies
    }

    /// Those that may select a pod, in the order of their names, with how sure that is.
    pub fn of_pod(&self, pod: &Pod<'_>) -> Vec<(&Policy<'a>, Selected)> {
        let namespace = pod.namespace();
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut take = |label: Option<(String, String)>| {
            if let Some(here) = self.by_label.get(&(namespace, label)) {
                found.extend(here);
            }
        };
        take(None);
        for (key, value) in &pod.labels {
            take(Some((key.clone(), value.clone())));
        }
        if !pod.perhaps.is_empty() {
            let uncertain = self
                .by_label
                .range((namespace, None)..)
                .take_while(|((at, _), _)| *at == namespace)
                .filter(|((_, label), _)| {
                    label
                        .as_ref()
                        .is_some_and(|(key, _)| pod.perhaps.contains(&key.as_str()))
                });
            for (_, here) in uncertain {
                found.extend(here);
            }
        }
        found
            .into_iter()
            .filter_map(|at| self.all.get(at))
            .map(|policy| (policy, policy.selects(pod)))
            .filter(|(_, selected)| selected.possible())
            .collect()
    }

    /// Those that do not fit their schema.
    pub fn unreadable(&self) -> impl Iterator<Item = &'a Object> {
        self.all
            .iter()
            .filter(|policy| policy.spec.is_none())
            .map(|policy| policy.object)
    }
}

// === impl Policy ===

impl<'a> Policy<'a> {
    /// The object.
    pub fn object(&self) -> &'a Object {
        self.object
    }

    fn selects(&self, pod: &Pod<'_>) -> Selected {
        let Some(spec) = self.spec.as_ref().and_then(|policy| policy.spec.as_ref()) else {
            return Selected::Maybe;
        };
        if !self.closes_ingress() {
            return Selected::No;
        }
        match &spec.pod_selector {
            None => Selected::Yes,
            Some(selector) => selected(selector, pod),
        }
    }

    /// Absent `policyTypes` mean Ingress always, and Egress where there are egress rules.
    fn closes_ingress(&self) -> bool {
        let spec = self.spec.as_ref().and_then(|policy| policy.spec.as_ref());
        spec.is_none_or(|spec| {
            spec.policy_types
                .as_ref()
                .is_none_or(|types| types.is_empty() || types.iter().any(|kind| kind == "Ingress"))
        })
    }

    fn rules(&self) -> &[NetworkPolicyIngressRule] {
        let spec = self.spec.as_ref().and_then(|policy| policy.spec.as_ref());
        spec.and_then(|spec| spec.ingress.as_deref()).unwrap_or_default()
    }
}

/// Who reaches which of these ports of a pod.
pub fn callers(
    policies: &Policies<'_>,
    around: &Surroundings<'_>,
    pod: &Pod<'_>,
    ports: &BTreeSet<u16>,
) -> Vec<Caller> {
    let mut callers = Vec::new();
    let on_the_node = pod.spec.get("hostNetwork").and_then(serde_json::Value::as_bool) == Some(true);
    let selecting = policies.of_pod(pod);
    if on_the_node
        || !selecting
            .iter()
            .any(|(policy, sure)| *sure == Selected::Yes && policy.spec.is_some())
    {
        let by = if on_the_node {
            vec![pod.hop(
                "hostNetwork",
                "on the node's network, where NetworkPolicies do not apply",
            )]
        } else {
            vec![pod.hop("", "no NetworkPolicy selects this pod for certain")]
        };
        callers.push(Caller {
            who: Who::Everybody,
            ports: ports.clone(),
            by,
        });
        return callers;
    }
    for (policy, _) in selecting {
        for (index, rule) in policy.rules().iter().enumerate() {
            let let_in = admitted_ports(rule.ports.as_deref(), pod, ports);
            if let_in.is_empty() {
                continue;
            }
            let field = format!("spec.ingress[{index}]");
            let peers = rule.from.as_deref().unwrap_or_default();
            if peers.is_empty() {
                callers.push(caller(
                    Who::Everybody,
                    &let_in,
                    policy,
                    &field,
                    "no `from`: everybody",
                ));
            }
            for (at, peer) in peers.iter().enumerate() {
                for who in peer_reach(peer, pod, around) {
                    let field = format!("{field}.from[{at}]");
                    callers.push(caller(who, &let_in, policy, &field, &peer_words(peer)));
                }
            }
        }
    }
    merge(callers)
}

/// Who is let in to ports of a closed pod beside these, on which nothing is known to answer: what runs in it may open any.
pub fn callers_of_others(
    policies: &Policies<'_>,
    around: &Surroundings<'_>,
    pod: &Pod<'_>,
    known: &BTreeSet<u16>,
) -> Vec<Caller> {
    let selecting = policies.of_pod(pod);
    let rules = selecting.iter().flat_map(|(policy, _)| policy.rules());
    let named = rules.flat_map(|rule| rule.ports.iter().flatten());
    let others: BTreeSet<u16> = named.filter_map(|port| one_of(port, known)).collect();
    let closed = selecting.iter().any(|(_, sure)| *sure == Selected::Yes);
    if others.is_empty() || !closed {
        return Vec::new();
    }
    callers(policies, around, pod, &others)
}

/// A port that a rule names, and that is none of these.
fn one_of(port: &NetworkPolicyPort, known: &BTreeSet<u16>) -> Option<u16> {
    let Some(IntOrString::Int(first)) = port.port else {
        return None;
    };
    let last = port.end_port.unwrap_or(first);
    (first..=last)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| !known.contains(port))
}

fn caller(who: Who, ports: &BTreeSet<u16>, policy: &Policy<'_>, field: &str, says: &str) -> Caller {
    Caller {
        who,
        ports: ports.clone(),
        by: vec![Hop {
            object: policy.object.id.clone(),
            field: field.to_owned(),
            says: says.to_owned(),
        }],
    }
}

/// One entry for each caller and rule, in order.
fn merge(mut callers: Vec<Caller>) -> Vec<Caller> {
    callers.sort();
    callers.dedup();
    callers
}

/// Which of these ports a rule lets in. Absent or empty `ports` are all of them.
fn admitted_ports(
    rules: Option<&[NetworkPolicyPort]>,
    pod: &Pod<'_>,
    ports: &BTreeSet<u16>,
) -> BTreeSet<u16> {
    let rules = rules.unwrap_or_default();
    if rules.is_empty() {
        return ports.clone();
    }
    let mut found = BTreeSet::new();
    for rule in rules {
        if rule.protocol.as_deref().is_some_and(|protocol| protocol != "TCP") {
            continue;
        }
        match (&rule.port, rule.end_port) {
            (None, _) => found.extend(ports),
            (Some(IntOrString::Int(first)), None) => {
                found.extend(ports.iter().filter(|port| i32::from(**port) == *first));
            }
            (Some(IntOrString::Int(first)), Some(last)) => {
                found.extend(
                    ports
                        .iter()
                        .filter(|port| (*first..=last).contains(&i32::from(**port))),
                );
            }
            (Some(IntOrString::String(name)), _) => {
                let named = pod.ports_named(name);
                found.extend(ports.iter().filter(|port| named.contains(port)));
            }
        }
    }
    found
}

/// Whoever has an address of a range. Half of all addresses is no address.
fn at(cidr: &str) -> Who {
    let wide = cidr
        .rsplit_once('/')
        .is_some_and(|(_, bits)| bits == "0" || bits == "1");
    if wide {
        Who::Everybody
    } else {
        Who::Addresses(cidr.to_owned())
    }
}

/// Everybody whom a peer may mean.
fn peer_reach(peer: &NetworkPolicyPeer, pod: &Pod<'_>, around: &Surroundings<'_>) -> Vec<Who> {
    if let Some(block) = &peer.ip_block {
        return vec![at(&block.cidr)];
    }
    let everything = LabelSelector::default();
    let pods = peer.pod_selector.as_ref().unwrap_or(&everything);
    let mut reach = Vec::new();
    let nothing = BTreeMap::new();
    if !labels::satisfiable(pods, &nothing) {
        return reach;
    }
    let plain = labels::selects(pods, Known::exactly(&nothing)) == Selected::Yes;
    let own = pod.namespace();
    let in_namespace = |namespace: &str| match &peer.namespace_selector {
        None => {
            if namespace == own {
                Selected::Yes
            } else {
                Selected::No
            }
        }
        Some(selector) => around.namespace_selected(selector, namespace),
    };
    for gateway in around.gateways() {
        if around
            .gateway_pods_selected(gateway, &in_namespace, peer.namespace_selector.as_ref(), pods)
            .possible()
        {
            reach.push(Who::Gateway(gateway.clone()));
        }
    }
    let mut itself = false;
    if in_namespace(own).possible() {
        itself = selected(pods, pod) == Selected::Yes && !plain;
        if itself {
            reach.push(Who::Itself);
        }
        if plain {
            reach.push(Who::SameNamespace);
        }
    }
    for workload in around.users_selected(pods, plain, &in_namespace, pod) {
        reach.push(Who::Workload(workload));
    }
    // The nodes of a Ray cluster must reach each other, and have no other way to say who they are. Labels of a Notebook are its
    // owner's.
    let a_notebook = BTreeMap::from([(keys::NOTEBOOK_NAME.to_owned(), String::new())]);
    let is_ray = pod.workload.group == RAY
        && [keys::RAY_CLUSTER, keys::RAY_SOURCE]
            .iter()
            .any(|key| labels::pinned(pods, key).is_some())
        && !(around.has_notebooks(own) && labels::satisfiable(pods, &a_notebook));
    let words = || format!("pods with {}", labels::words(pods));
    let in_own = if submits(pods, pod) && !labels::satisfiable(pods, &a_notebook) {
        Some(Who::Named(format!("the {} that submit the job", words())))
    } else {
        (!(plain || itself && is_ray)).then(|| Who::SameNamespaceLabelled(words()))
    };
    let Some(selector) = &peer.namespace_selector else {
        reach.extend(in_own);
        return reach;
    };
    let which = if plain {
        "any pod".to_owned()
    } else {
        format!("pods with {}", labels::words(pods))
    };
    if let Some(names) = labels::pinned(selector, keys::NAMESPACE_NAME) {
        for name in names.iter().filter(|name| in_namespace(name).possible()) {
            if name == own {
                reach.extend(in_own.clone());
            } else if plain {
                reach.push(Who::WholeNamespace(name.clone()));
            } else {
                let words = labels::words(pods);
                let text = format!("pods of namespace {name} with {words}");
                // Labels of a Notebook go onto its pods: where it could have these, its owner is a caller.
                let notebook = BTreeMap::from([(keys::NOTEBOOK_NAME.to_owned(), String::new())]);
                let theirs = around.has_users(name) && labels::satisfiable(pods, &notebook);
                reach.push(if theirs {
                    Who::LabelledNamespaces(text)
                } else {
                    Who::Named(text)
                });
            }
        }
        return reach;
    }
    if in_namespace(own).possible() {
        reach.extend(in_own);
    }
    if around.any_namespace_selected(selector) {
        reach.push(Who::OtherNamespaces(format!("{which} of any namespace")));
    } else if around.some_namespace_selected(selector) {
        let words = labels::words(selector);
        reach.push(Who::LabelledNamespaces(format!(
            "{which} of namespaces with {words}"
        )));
    }
    reach
}

/// Whether a peer means the pods that KubeRay starts to submit a RayJob, by their labels
/// (`ray-operator/controllers/ray/rayjob_controller.go`): it asks the dashboard by them, and has no other way.
fn submits(pods: &LabelSelector, pod: &Pod<'_>) -> bool {
    let is = |key: &str, value: &str| {
        labels::pinned(pods, key).is_some_and(|values| values == BTreeSet::from([value.to_owned()]))
    };
    pod.workload.group == RAY
        && is(keys::RAY_ORIGINATED_KIND, &pod.workload.kind)
        && is(keys::RAY_ORIGINATED_FROM, &pod.workload.name)
}

fn peer_words(peer: &NetworkPolicyPeer) -> String {
    if let Some(block) = &peer.ip_block {
        return format!("addresses {}", block.cidr);
    }
    let pods = match &peer.pod_selector {
        Some(selector) if !labels::words(selector).is_empty() => {
            format!("pods with {}", labels::words(selector))
        }
        _ => "any pod".to_owned(),
    };
    match &peer.namespace_selector {
        None => format!("{pods} of this namespace"),
        Some(selector) if labels::words(selector).is_empty() => format!("{pods} of any namespace"),
        Some(selector) => format!("{pods} of namespaces with {}", labels::words(selector)),
    }
}
