//! What belongs together: each workload with what can have to do with it.
//!
//! Whether somebody reaches a workload is decided by its own objects and by those that speak of more than one workload. Judged
//! in one piece, every step of one would have all the others judged again.
//!
//! An object is a workload's own only where its kind can act on nothing but what it names: a Service or policy that selects
//! the workload's name, a route to such a Service, an account or configuration that the workload names. Everything else is in
//! the slice of every workload of its namespace, or of every workload.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::change::{Change, Pair};
use crate::access::workloads::{Workloads, runs_user_code, selected};
use crate::access::world::World;
use crate::access::{labels, read};
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys;

/// Objects that are judged together, by their numbers in the change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// All of them, in their order.
    pub objects: Vec<usize>,
    /// Where the slice is one workload's: those that make it differ from the slice without the workload. While none of them is
    /// there, it tells nothing that the other does not.
    pub own: Option<Vec<usize>>,
}

/// Labels whose values are names of workloads, set by their controllers, or stand in the workloads themselves.
const NAMING: [&str; 4] = [
    keys::NOTEBOOK_NAME,
    "statefulset",
    keys::RAY_CLUSTER,
    keys::RAY_SOURCE,
];
/// Kinds that act on the Services and workloads that they name, and on nothing else.
const NAMED: [(&str, &str); 10] = [
    ("cert-manager.io", "Certificate"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "ReferenceGrant"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gatewright.dev", "AccessGraph"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.k8s.io", "Ingress"),
    ("route.openshift.io", "Route"),
];
/// Kinds that act on the workloads that name them, and on nothing else.
const NAMERS: [(&str, &str); 3] = [("", "ConfigMap"), ("", "Secret"), ("", "ServiceAccount")];
/// Kinds that act within their namespace alone.
const WITHIN: [(&str, &str); 7] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("gatewright.dev", "AccessGraph"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
];
/// Kinds of a workload's own that open and close nothing while the workload is not there.
const QUIET: [(&str, &str); 12] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("cert-manager.io", "Certificate"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"),
    ("gateway.networking.k8s.io", "ReferenceGrant"),
    ("gatewright.dev", "AccessGraph"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
];

/// The slices: one for each workload, and for each namespace with workloads one without them.
pub fn of(change: &Change<'_>) -> Vec<Slice> {
    let workloads: Vec<usize> = change
        .pairs()
        .filter(|(_, id, _)| runs_user_code(id))
        .map(|(index, _, _)| index)
        .collect();
    if workloads.len() < 2 {
        return vec![whole(change)];
    }
    Sorted::new(change, &workloads).slices(change)
}

/// Everything in one piece.
pub fn whole(change: &Change<'_>) -> Slice {
    Slice {
        objects: (0..change.len()).collect(),
        own: None,
    }
}

fn is_of(kinds: &[(&str, &str)], id: &ObjectId) -> bool {
    kinds.contains(&(id.group.as_str(), id.kind.as_str()))
}

/// Whose an object is, in one namespace: those workloads', or everybody's.
type Owners = Option<BTreeSet<usize>>;

/// Objects by whose they are.
#[derive(Debug, Default)]
struct Sorted<'a> {
    /// The workloads of each namespace.
    workloads: BTreeMap<&'a str, Vec<usize>>,
    /// The namespace of each workload.
    home: BTreeMap<usize, &'a str>,
    /// Namespaces that hold what others have to do with.
    shared: BTreeSet<&'a str>,
    /// Which workloads have a string in them, by namespace.
    having: BTreeMap<(&'a str, &'a str), BTreeSet<usize>>,
    /// Whose each Service of a namespace with workloads is.
    services: BTreeMap<(&'a str, &'a str), Owners>,
    /// What may have to do with every workload.
    everywhere: Vec<usize>,
    /// What has to do with the workloads of its namespace alone.
    common: BTreeMap<&'a str, Vec<usize>>,
    /// What belongs to a workload.
    own: BTreeMap<usize, Vec<usize>>,
    /// Other workloads that a policy lets in somewhere, by the policy's namespace.
    peers: BTreeMap<&'a str, BTreeSet<usize>>,
}

// === impl Sorted ===

impl<'a> Sorted<'a> {
    fn new(change: &Change<'a>, workloads: &[usize]) -> Self {
        let mut sorted = Self::default();
        for index in workloads {
            let (Some(id), Some(pair)) = (change.id(*index), change.pair(*index)) else {
                continue;
            };
            sorted.workloads.entry(&id.namespace).or_default().push(*index);
            sorted.home.insert(*index, &id.namespace);
            for object in versions(pair) {
                strings(&object.value, &mut |text| {
                    sorted
                        .having
                        .entry((id.namespace.as_str(), text))
                        .or_default()
                        .insert(*index);
                });
            }
        }
        for (_, id, pair) in change.pairs().filter(|(_, id, _)| is_of(&[("", "Service")], id)) {
            if sorted.workloads.contains_key(id.namespace.as_str()) {
                let owners = sorted.selected(pair, "/spec/selector");
                sorted.services.insert((&id.namespace, &id.name), owners);
            }
        }
        for (index, id, pair) in change.pairs().filter(|(_, id, _)| !runs_user_code(id)) {
            sorted.sort(index, id, pair);
        }
        sorted.share();
        sorted.find_peers(change);
        sorted
    }

    fn sort(&mut self, index: usize, id: &'a ObjectId, pair: Pair<'a>) {
        if let Some(owners) = self.owners(id, pair) {
            let outside = owners
                .iter()
                .any(|owner| self.home.get(owner) != Some(&id.namespace.as_str()));
            if outside {
                self.shared.insert(&id.namespace);
            }
            for owner in owners {
                self.own.entry(owner).or_default().push(index);
            }
            return;
        }
        let home = match id.kind.as_str() {
            "Namespace" if id.group.is_empty() => self.known(&id.name),
            _ if is_of(&WITHIN, id) => self.known(&id.namespace),
            _ => None,
        };
        if let Some(namespace) = home {
            self.common.entry(namespace).or_default().push(index);
        } else {
            self.shared.insert(&id.namespace);
            self.everywhere.push(index);
        }
    }

    /// What is in a namespace that others have to do with belongs to them as well.
    fn share(&mut self) {
        for namespace in &self.shared {
            self.everywhere
                .extend(self.common.remove(namespace).into_iter().flatten());
        }
    }

    /// A namespace, if there are workloads in it.
    fn known(&self, name: &str) -> Option<&'a str> {
        self.workloads.get_key_value(name).map(|(name, _)| *name)
    }

    /// The namespaces with workloads that an object may act on: its own, and those that it names.
    fn namespaces(&self, id: &'a ObjectId, pair: Pair<'a>) -> BTreeSet<&'a str> {
        let mut named: BTreeSet<&str> = self.known(&id.namespace).into_iter().collect();
        for object in versions(pair) {
            strings(&object.value, &mut |text| {
                // By themselves, or in the name of a Service: `SERVICE.NAMESPACE.svc…`.
                named.extend(self.known(text));
                let part = text.split(['.', '/', ':', '|']).nth(1);
                named.extend(part.and_then(|part| self.known(part)));
            });
        }
        named
    }

    fn owners(&self, id: &'a ObjectId, pair: Pair<'a>) -> Owners {
        let namespace = id.namespace.as_str();
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Service") => self.selected(pair, "/spec/selector"),
            ("networking.k8s.io", "NetworkPolicy") => self.selected(pair, "/spec/podSelector/matchLabels"),
            ("rbac.authorization.k8s.io", "ClusterRoleBinding" | "RoleBinding") => self.bound(id, pair),
            _ if is_of(&NAMERS, id) && id.name != "default" => {
                self.having.get(&(namespace, id.name.as_str())).cloned()
            }
            _ if is_of(&NAMED, id) => self.named(id, pair),
            _ => None,
        }
    }

    /// Those whose name both versions of a selector ask for.
    fn selected(&self, pair: Pair<'a>, at: &str) -> Owners {
        let mut owners = BTreeSet::new();
        for object in versions(pair) {
            let selector = object.value.pointer(at)?.as_object()?;
            let mut names = NAMING.iter().filter_map(|key| selector.get(*key)?.as_str());
            let name = names.next()?;
            owners.extend(self.having.get(&(object.id.namespace.as_str(), name))?);
        }
        Some(owners)
    }

    /// Those that a binding is about, where it binds nobody but accounts of theirs.
    fn bound(&self, id: &ObjectId, pair: Pair<'a>) -> Owners {
        let mut owners = BTreeSet::new();
        for object in versions(pair) {
            for subject in read::list(&object.value, "/subjects") {
                let name = read::text(subject, "/name").filter(|name| *name != "default")?;
                if read::text(subject, "/kind") != Some("ServiceAccount") {
                    return None;
                }
                let namespace = read::text(subject, "/namespace").unwrap_or(&id.namespace);
                owners.extend(self.having.get(&(namespace, name))?);
            }
        }
        Some(owners).filter(|owners| !owners.is_empty())
    }

    /// Those whose Services are named; everybody, where a Service is named that is not one workload's.
    fn named(&self, id: &'a ObjectId, pair: Pair<'a>) -> Owners {
        let mut owners = BTreeSet::new();
        let mut everybodys = false;
        for namespace in self.namespaces(id, pair) {
            for object in versions(pair) {
                strings(&object.value, &mut |text| {
                    for part in std::iter::once(text).chain(text.split(['.', '/', ':', '|'])) {
                        match self.services.get(&(namespace, part)) {
                            Some(Some(of)) => owners.extend(of),
                            Some(None) => everybodys = true,
                            None => {}
                        }
                    }
                });
            }
        }
        Some(owners).filter(|owners| !everybodys && !owners.is_empty())
    }

    /// The workloads that are peers of a policy: that they are there is part of what it opens.
    fn find_peers(&mut self, change: &Change<'a>) {
        for set in [false, true] {
            let objects = change
                .pairs()
                .filter_map(|(_, _, pair)| if set { pair.new } else { pair.old });
            let found = Workloads::find(&World::new(objects));
            let numbers: BTreeMap<&ObjectId, usize> =
                change.pairs().map(|(index, id, _)| (id, index)).collect();
            for (_, id, pair) in change.pairs().filter(|(_, id, _)| id.kind == "NetworkPolicy") {
                let Some((namespace, _)) = self.workloads.get_key_value(id.namespace.as_str()) else {
                    continue;
                };
                for object in versions(pair) {
                    let rules = read::list(&object.value, "/spec/ingress");
                    for peer in rules.iter().flat_map(|rule| read::list(rule, "/from")) {
                        let Some(selector) = peer.get("podSelector").and_then(labels::read) else {
                            continue;
                        };
                        let users = found.pods.iter().filter(|pod| runs_user_code(&pod.workload));
                        let selected = users.filter(|pod| selected(&selector, pod).possible());
                        let selected = selected.filter_map(|pod| numbers.get(&pod.workload).copied());
                        // One stands for all where every pod is meant.
                        let plain = selector.match_labels.is_none() && selector.match_expressions.is_none();
                        let peers = self.peers.entry(namespace).or_default();
                        peers.extend(selected.take(if plain { 1 } else { usize::MAX }));
                    }
                }
            }
        }
    }

    /// The Namespace of a workload, if it is there.
    fn namespace_of(&self, change: &Change<'_>, workload: usize) -> Option<&usize> {
        let common = self.common.get(self.home.get(&workload)?)?;
        common
            .iter()
            .find(|index| change.id(**index).is_some_and(|id| id.kind == "Namespace"))
    }

    fn slices(&self, change: &Change<'_>) -> Vec<Slice> {
        let mut slices = Vec::new();
        for (namespace, workloads) in &self.workloads {
            let mut common: BTreeSet<usize> = self.everywhere.iter().copied().collect();
            common.extend(self.common.get(namespace).into_iter().flatten());
            slices.push(Slice {
                objects: common.iter().copied().collect(),
                own: None,
            });
            let peers = self.peers.get(namespace);
            for workload in workloads {
                let own = self.own.get(workload).into_iter().flatten();
                let around = peers.into_iter().flatten();
                let own: BTreeSet<usize> = own
                    .chain([workload])
                    .chain(around.clone())
                    .chain(around.filter_map(|peer| self.namespace_of(change, *peer)))
                    .copied()
                    .collect();
                let loud = own
                    .iter()
                    .filter(|index| change.id(**index).is_some_and(|id| !is_of(&QUIET, id)));
                slices.push(Slice {
                    own: Some(loud.copied().collect()),
                    objects: common.union(&own).copied().collect(),
                });
            }
        }
        slices
    }
}

fn versions(pair: Pair<'_>) -> impl Iterator<Item = &Object> {
    pair.old.into_iter().chain(pair.new)
}

/// Every string in a value.
fn strings<'v>(value: &'v Value, take: &mut dyn FnMut(&'v str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, take)),
        Value::Object(entries) => entries.values().for_each(|item| strings(item, take)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
