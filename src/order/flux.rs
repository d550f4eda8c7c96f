//! Flux's order: kustomize-controller's, one object after the other.
//!
//! An apply goes by stages (definitions; kinds that are called a class; the rest), within each by kinds that it knows, the
//! others by group and kind, then by namespace and name. What is stale is deleted afterwards, in the exact reverse and
//! without stages. Nothing waits for pods to end. Source: fluxcd/pkg `ssa/sort.go`, `ssa/manager_apply.go`,
//! `ssa/manager_delete.go`; kustomize-controller `internal/controller/kustomization_controller.go`.

use std::collections::BTreeSet;

use super::change::{Change, Pair};
use super::protection::{metadata, stays_with_flux, unwritten_by_flux};
use super::step::Step;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys::CLASS;

/// Kinds that come before those it does not know, in their order. Groups do not count.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come after those it does not know.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// What Flux does with one Kustomization.
pub fn steps(change: &Change<'_>) -> Vec<Step> {
    let mut steps = applied(change, |_| true);
    steps.extend(pruned(change, |_| true));
    steps
}

/// What Flux does with two Kustomizations, as `render --layout flux` writes them: the first has what closes and prunes nothing;
/// the second, with everything else, depends on it, and so begins when the first is at the same revision and ready.
///
/// Where both Kustomizations are deleted at once, the order is the same as where the second is emptied: `dependsOn` orders no
/// deletions, and the first deletes nothing.
pub fn two(change: &Change<'_>) -> Vec<Step> {
    let new = Closing::of(change.pairs().filter_map(|(_, _, pair)| pair.new));
    let old = Closing::of(change.pairs().filter_map(|(_, _, pair)| pair.old));
    let first = |pair: Pair<'_>| match (pair.new, pair.old) {
        (Some(object), _) => new.holds(object),
        (None, Some(object)) => old.holds(object),
        (None, None) => false,
    };
    // One that moves from the one to the other is written again, for each puts its name on what it applies; nothing else of
    // it changes, and so that is no step.
    let mut steps = applied(change, first);
    steps.extend(applied(change, |pair| !first(pair)));
    // What has moved between them is in the new set; so nothing is stale to one and wanted by the other.
    steps.extend(pruned(change, |pair| !first(pair)));
    steps
}

/// What is in the first of two Kustomizations: everything of class `enforce`, the Namespaces of that, and the definitions of
/// its kinds.
#[derive(Debug, Clone, Default)]
pub struct Closing<'a> {
    namespaces: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
}

// === impl Closing ===

impl<'a> Closing<'a> {
    /// Of a set of objects.
    pub fn of(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut closing = Self::default();
        for object in objects.into_iter().filter(|object| enforces(object)) {
            closing.namespaces.insert(&object.id.namespace);
            closing.groups.insert(&object.id.group);
        }
        closing
    }

    /// Whether an object of the set is in it.
    pub fn holds(&self, object: &Object) -> bool {
        let id = &object.id;
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Namespace") => self.namespaces.contains(id.name.as_str()),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => id
                .name
                .split_once('.')
                .is_some_and(|(_, group)| self.groups.contains(group)),
            _ => enforces(object),
        }
    }
}

fn enforces(object: &Object) -> bool {
    metadata(object, "annotations", CLASS) == Some("enforce")
}

fn applied(change: &Change<'_>, among: impl Fn(Pair<'_>) -> bool) -> Vec<Step> {
    let mut written: Vec<(Stage, Place<'_>, usize)> = change
        .pairs()
        .filter(|(_, _, pair)| pair.is_written() && among(*pair))
        .filter(|(_, _, pair)| pair.new.is_some_and(|new| !unwritten_by_flux(pair.old, new)))
        .map(|(index, id, _)| (stage(id), place(id), index))
        .collect();
    written.sort();
    written
        .into_iter()
        .map(|(_, _, index)| Step::Apply(vec![index]))
        .collect()
}

fn pruned(change: &Change<'_>, among: impl Fn(Pair<'_>) -> bool) -> Vec<Step> {
    let mut stale: Vec<(Place<'_>, usize)> = change
        .pairs()
        .filter(|(_, _, pair)| pair.is_stale() && among(*pair))
        .filter(|(_, _, pair)| pair.old.is_some_and(|old| !stays_with_flux(old)))
        .map(|(index, id, _)| (place(id), index))
        .collect();
    stale.sort_unstable();
    stale
        .into_iter()
        .rev()
        .map(|(_, index)| Step::Delete(vec![index]))
        .collect()
}

/// The stages of an apply. The first two are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Definitions,
    Classes,
    Rest,
}

fn stage(id: &ObjectId) -> Stage {
    match (id.group.as_str(), id.kind.as_str()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition")
        | ("", "Namespace")
        | ("rbac.authorization.k8s.io", "ClusterRole") => Stage::Definitions,
        (_, kind) if kind.ends_with("Class") => Stage::Classes,
        _ => Stage::Rest,
    }
}

/// Before, among or after the kinds that it does not know; there by group and kind; then by namespace and name.
type Place<'a> = (usize, &'a str, &'a str, &'a str, &'a str);

fn place(id: &ObjectId) -> Place<'_> {
    let at = |kinds: &[&str]| kinds.iter().position(|kind| *kind == id.kind);
    let rank = match (at(&FIRST), at(&LAST)) {
        (Some(first), _) => first,
        (None, None) => FIRST.len(),
        (None, Some(last)) => FIRST.len() + 1 + last,
    };
    (rank, &id.group, &id.kind, &id.namespace, &id.name)
}
