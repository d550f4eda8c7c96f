//! The roles that every cluster has, as far as guards care.
//!
//! Source: kubernetes/kubernetes `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`. What a cluster's own definitions
//! add to admin, edit and view is not known here.

use super::Rule;

/// Roles that are put together by a label.
pub(super) const AGGREGATED: &[(&str, &str)] = &[
    ("admin", "rbac.authorization.k8s.io/aggregate-to-admin"),
    ("edit", "rbac.authorization.k8s.io/aggregate-to-edit"),
    ("view", "rbac.authorization.k8s.io/aggregate-to-view"),
];

/// What people see in a namespace: groups and resources.
const SEEN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "persistentvolumeclaims",
            "pods",
            "replicationcontrollers",
            "serviceaccounts",
            "services",
        ],
    ),
    (
        "apps",
        &["daemonsets", "deployments", "replicasets", "statefulsets"],
    ),
    ("batch", &["cronjobs", "jobs"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
];
/// Ways into pods.
const INSIDE: &[&str] = &[
    "pods/attach",
    "pods/exec",
    "pods/portforward",
    "pods/proxy",
    "services/proxy",
];
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];

/// The rules of a role that every cluster has.
pub(super) fn rules(name: &str) -> Option<Vec<Rule>> {
    match name {
        "cluster-admin" => Some(vec![rule("*", &["*"], &[&["*"]])]),
        "system:auth-delegator" => Some(vec![
            rule("authentication.k8s.io", &["tokenreviews"], &[&["create"]]),
            rule("authorization.k8s.io", &["subjectaccessreviews"], &[&["create"]]),
        ]),
        "view" => Some(seen(&[READ])),
        "edit" | "admin" => {
            let mut rules = seen(&[READ, WRITE]);
            rules.push(rule("", &["secrets"], &[READ, WRITE]));
            rules.push(rule("", INSIDE, &[READ, WRITE]));
            rules.push(rule("", &["serviceaccounts"], &[&["impersonate"]]));
            if name == "admin" {
                rules.push(rule(super::GROUP, &["roles", "rolebindings"], &[READ, WRITE]));
            }
            Some(rules)
        }
        _ => None,
    }
}

fn seen(verbs: &[&[&str]]) -> Vec<Rule> {
    SEEN.iter()
        .map(|(group, resources)| rule(group, resources, verbs))
        .collect()
}

fn rule(group: &str, resources: &[&str], verbs: &[&[&str]]) -> Rule {
    Rule {
        groups: vec![group.to_owned()],
        resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
        names: Vec::new(),
        verbs: verbs
            .iter()
            .flat_map(|verbs| verbs.iter())
            .map(|&verb| verb.to_owned())
            .collect(),
        by: None,
    }
}
