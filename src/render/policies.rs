//! The user's own NetworkPolicies beside the one that closes: policies add up, so one that is too wide opens what is closed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::workloads::Workload;
use super::{Batch, Framed, generated, items, place};
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::model::keys;

/// Warns of every policy in the input that lets somebody reach pods of what is guarded on other ports than the guard's. Takes
/// what is in closed namespaces.
pub(super) fn check<'a>(
    batch: &Batch,
    workloads: impl Iterator<Item = &'a Workload>,
    findings: &mut Vec<Finding>,
) {
    let policies = policies(batch);
    if policies.is_empty() {
        return;
    }
    for workload in workloads {
        for policy in policies.get(workload.namespace.as_str()).into_iter().flatten() {
            let spec = &policy.value["spec"];
            let selected = |labels| selects(&spec["podSelector"], labels);
            if !workload.pods.iter().any(selected) {
                continue;
            }
            for (index, rule) in spec["ingress"].as_array().into_iter().flatten().enumerate() {
                if leads_to_the_guard_alone(rule, workload) || is_between_nodes(rule, workload) {
                    continue;
                }
                let message = format!(
                    "opens more of {}'s pod than the guard's {}: policies add up, and this one lets its callers past the guard; \
                     narrow its podSelector or its ports",
                    workload.what, workload.guards
                );
                let finding = Finding::warning(message)
                    .at(format!("spec.ingress[{index}]"))
                    .found(rule.clone());
                let tree = policy.item.piece(&policy.framed.source).tree().ok();
                findings.push(place(policy.framed, policy.item, finding, tree.as_ref()));
            }
        }
    }
}

/// A policy of the user's.
struct Policy<'a> {
    framed: &'a Framed,
    item: &'a Item,
    value: Value,
}

/// The user's policies by namespace. One that cannot be read is refused by the API server as well.
fn policies(batch: &Batch) -> BTreeMap<&str, Vec<Policy<'_>>> {
    let mut policies: BTreeMap<&str, Vec<Policy<'_>>> = BTreeMap::new();
    for (_, framed, item) in items(batch) {
        let id = &item.head.id;
        if id.group != "networking.k8s.io" || id.kind != "NetworkPolicy" || generated::is_ours(item) {
            continue;
        }
        if let Ok(value) = item.piece(&framed.source).value() {
            policies
                .entry(&id.namespace)
                .or_default()
                .push(Policy { framed, item, value });
        }
    }
    policies
}

/// Whether a label selector selects pods with these labels (an empty one selects all).
pub(super) fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    equal
        .into_iter()
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
        && expressions.all(|expression| {
            let label = labels.get(expression["key"].as_str().unwrap_or_default());
            let values = expression["values"].as_array();
            let listed = label
                .is_some_and(|label| values.is_some_and(|values| values.iter().any(|value| value == label)));
            match expression["operator"].as_str() {
                Some("In") => listed,
                Some("NotIn") => !listed,
                Some("Exists") => label.is_some(),
                Some("DoesNotExist") => label.is_none(),
                // Unknown: what cannot be ruled out counts.
                _ => true,
            }
        })
}

fn leads_to_the_guard_alone(rule: &Value, workload: &Workload) -> bool {
    let is_guard = |port: &Value| port["endPort"].is_null() && workload.is_harmless(&port["port"]);
    rule["ports"]
        .as_array()
        .is_some_and(|ports| !ports.is_empty() && ports.iter().all(is_guard))
}

/// Whether a rule lets in nobody but nodes of the same Ray cluster, by its name.
fn is_between_nodes(rule: &Value, workload: &Workload) -> bool {
    let is_node = |peer: &Value| {
        let only_pods = peer.as_object().is_some_and(|fields| fields.len() == 1);
        let name = &peer["podSelector"]["matchLabels"][keys::RAY_CLUSTER];
        let own = workload.pods.iter().any(|labels| {
            let label = labels.get(keys::RAY_CLUSTER).map(String::as_str);
            label.is_some() && label == name.as_str()
        });
        only_pods && own
    };
    rule["from"]
        .as_array()
        .is_some_and(|peers| !peers.is_empty() && peers.iter().all(is_node))
}
