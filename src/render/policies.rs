//! The user's own NetworkPolicies beside the one that closes: policies add up, so one that is too wide opens what is closed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Batch, Framed, generated, items, place};
use crate::input::notebook::Notebook;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::model::notebook::{GUARD, GUARD_PORT, all_pod_labels};

/// Warns of every policy in the input that lets somebody reach a Notebook's pod on another port than the guard's. Takes the
/// Notebooks of closed namespaces, each with its namespace.
pub(super) fn check<'a>(
    batch: &Batch,
    notebooks: impl Iterator<Item = (&'a str, &'a Notebook)>,
    findings: &mut Vec<Finding>,
) {
    let policies = policies(batch);
    if policies.is_empty() {
        return;
    }
    for (namespace, notebook) in notebooks {
        let labels = all_pod_labels(notebook);
        for policy in policies.get(namespace).into_iter().flatten() {
            let spec = &policy.value["spec"];
            if !selects(&spec["podSelector"], &labels) {
                continue;
            }
            for (index, rule) in spec["ingress"].as_array().into_iter().flatten().enumerate() {
                if leads_to_the_guard_alone(rule) {
                    continue;
                }
                let message = format!(
                    "opens more of Notebook {}'s pod than the guard's port {GUARD_PORT}: policies add up, and this one lets \
                     its callers past the guard; narrow its podSelector or its ports",
                    notebook.name
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

fn leads_to_the_guard_alone(rule: &Value) -> bool {
    let is_guard = |port: &Value| {
        let one = port["endPort"].is_null();
        one && (port["port"] == GUARD_PORT || port["port"] == GUARD)
    };
    rule["ports"]
        .as_array()
        .is_some_and(|ports| !ports.is_empty() && ports.iter().all(is_guard))
}
