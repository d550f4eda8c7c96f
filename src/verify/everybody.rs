//! Rights around a guard: who may do, past it, what it asks about.
//!
//! Whoever may exec into a pod, forward its port or write what it is made of needs no guard. Of everybody, nobody may.

use std::collections::BTreeSet;

use super::judgement::{Judgement, Rule};
use crate::access::answer::Subject;
use crate::access::rights::{Given, SERVICE_ACCOUNTS, label};
use crate::access::study::Study;

/// What lets people past a guard at once, or be somebody else: group, resource, verbs.
const PAST: &[(&str, &str, &[&str])] = &[
    ("", "pods/exec", &["create", "get"]),
    ("", "pods/attach", &["create", "get"]),
    ("", "pods/portforward", &["create", "get"]),
    ("", "pods/proxy", &["create", "get", "update", "patch", "delete"]),
    (
        "",
        "services/proxy",
        &["create", "get", "update", "patch", "delete"],
    ),
    (
        "rbac.authorization.k8s.io",
        "rolebindings",
        &["create", "update", "patch", "bind", "escalate"],
    ),
    (
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        &["create", "update", "patch", "bind", "escalate"],
    ),
    ("", "users", &["impersonate"]),
    ("", "groups", &["impersonate"]),
    ("", "serviceaccounts", &["impersonate"]),
];
/// What lets people change a guard, or what stands before it.
const AROUND: &[(&str, &str, &[&str])] = &[
    ("", "pods", &["create", "update", "patch"]),
    ("", "configmaps", &["update", "patch"]),
    ("kubeflow.org", "notebooks", &["update", "patch"]),
    ("ray.io", "rayclusters", &["update", "patch"]),
    ("apps", "statefulsets", &["update", "patch"]),
    ("apps", "deployments", &["update", "patch"]),
    ("networking.k8s.io", "networkpolicies", &["update", "patch"]),
    (
        "rbac.authorization.k8s.io",
        "roles",
        &["update", "patch", "bind", "escalate"],
    ),
    (
        "rbac.authorization.k8s.io",
        "clusterroles",
        &["update", "patch", "bind", "escalate"],
    ),
];

/// Resources of PAST that are in no namespace.
const OF_CLUSTER: [&str; 3] = ["users", "groups", "clusterrolebindings"];

/// Judges what everybody is given where workloads are judged.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let namespaces: BTreeSet<&str> = study
        .access
        .workloads
        .iter()
        .map(|workload| workload.id.namespace.as_str())
        .collect();
    if namespaces.is_empty() {
        return;
    }
    for given in &study.given {
        let here = given.namespace.is_empty() || namespaces.contains(given.namespace.as_str());
        if !here || !counts(&given.subject, &namespaces) {
            continue;
        }
        for (rule, list) in [(Rule::Everybody, PAST), (Rule::TooWide, AROUND)] {
            let may: Vec<String> = list.iter().filter_map(|what| allowed(given, what)).collect();
            if !may.is_empty() {
                judgements.push(say(rule, given, &may));
            }
        }
    }
}

/// Whether the pods of a group of `ServiceAccounts` are those of users; other groups of everybody always count.
fn counts(subject: &Subject, namespaces: &BTreeSet<&str>) -> bool {
    let of_namespace = subject
        .name
        .strip_prefix(SERVICE_ACCOUNTS)
        .and_then(|rest| rest.strip_prefix(':'));
    of_namespace.is_none_or(|namespace| namespaces.contains(namespace))
}

/// What of a list a right holds, in words.
fn allowed(given: &Given, (group, resource, verbs): &(&str, &str, &[&str])) -> Option<String> {
    let is = |all: &[String], one: &str| all.iter().any(|other| other == "*" || other == one);
    let part = resource.split_once('/').map_or("", |(_, part)| part);
    let spelled =
        |own: &String| own == "*" || own == resource || (!part.is_empty() && *own == format!("*/{part}"));
    // A RoleBinding gives nothing of what is in no namespace.
    if !given.namespace.is_empty() && OF_CLUSTER.contains(resource) {
        return None;
    }
    if !is(&given.groups, group) || !given.resources.iter().any(spelled) {
        return None;
    }
    let verbs: Vec<&str> = verbs
        .iter()
        .copied()
        .filter(|verb| given.verbs.contains("*") || given.verbs.contains(*verb))
        .collect();
    (!verbs.is_empty()).then(|| format!("{} {resource}", verbs.join("|")))
}

fn say(rule: Rule, given: &Given, may: &[String]) -> Judgement {
    let place = if given.namespace.is_empty() {
        "in every namespace".to_owned()
    } else {
        format!("in namespace {}", given.namespace)
    };
    let what = if rule == Rule::Everybody {
        "gets past every guard, or becomes somebody else"
    } else {
        "may change what is guarded, or its guard"
    };
    Judgement {
        rule,
        at: given.way.first().cloned().unwrap_or_default(),
        message: format!(
            "{} {what} {place}: it may {}",
            label(&given.subject),
            may.join(", ")
        ),
        way: given.way.clone(),
        advice: "Bind the role to the people and groups that need it.".to_owned(),
    }
}

#[cfg(test)]
#[path = "everybody/tests.rs"]
mod tests;
