//! Bindings that give something to requests without any identity, or everything to an account whose pods are guarded.

use std::collections::BTreeSet;

use super::judgement::{Judgement, Rule};
use crate::access::answer::Hop;
use crate::access::read;
use crate::access::study::Study;
use crate::cluster::object::Object;

const GROUP: &str = "rbac.authorization.k8s.io";
/// Whom an API server takes those for who show no credential.
const NOBODY: [(&str, &str); 2] = [("Group", "system:unauthenticated"), ("User", "system:anonymous")];
/// The role for everything.
const EVERYTHING: &str = "cluster-admin";
/// Where the pod templates of what runs people's code name their account.
const ACCOUNTS: [&str; 3] = [
    "/spec/template/spec/serviceAccountName",
    "/spec/headGroupSpec/template/spec/serviceAccountName",
    "/spec/serviceAccountName",
];
/// What a cluster itself gives to everybody, such as its own health and version.
const BUILT_IN: &str = "system:";

/// Judges every binding, whatever it is about.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let accounts = accounts(study);
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        for binding in study.world.all(GROUP, kind) {
            of(binding, judgements);
            everything(binding, &accounts, judgements);
        }
    }
}

/// The accounts of the workloads: namespace and name.
fn accounts<'s>(study: &'s Study<'_>) -> BTreeSet<(&'s str, &'s str)> {
    let objects = study
        .access
        .workloads
        .iter()
        .filter_map(|workload| study.world.of_id(&workload.id));
    objects
        .flat_map(|object| {
            let named = ACCOUNTS.iter().filter_map(|at| read::text(&object.value, at));
            named.map(|name| (object.id.namespace.as_str(), name))
        })
        .collect()
}

fn everything(binding: &Object, accounts: &BTreeSet<(&str, &str)>, judgements: &mut Vec<Judgement>) {
    if read::text(&binding.value, "/roleRef/name") != Some(EVERYTHING) {
        return;
    }
    for (index, subject) in read::list(&binding.value, "/subjects").iter().enumerate() {
        let text = |at| read::text(subject, at).unwrap_or_default();
        let (namespace, name) = (text("/namespace"), text("/name"));
        if text("/kind") != "ServiceAccount" || !accounts.contains(&(namespace, name)) {
            continue;
        }
        let at = Hop {
            object: binding.id.clone(),
            field: format!("subjects[{index}]"),
            says: format!("ServiceAccount {namespace}/{name}"),
        };
        judgements.push(Judgement {
            rule: Rule::TooWide,
            message: format!(
                "{} gives {EVERYTHING} to ServiceAccount {namespace}/{name}, as which a guarded workload runs",
                binding.id
            ),
            way: vec![at.clone()],
            at,
            advice: "bind system:auth-delegator, which is all that a guard needs".to_owned(),
        });
    }
}

fn of(binding: &Object, judgements: &mut Vec<Judgement>) {
    let role = read::text(&binding.value, "/roleRef/name").unwrap_or_default();
    if role.starts_with(BUILT_IN) {
        return;
    }
    for (index, subject) in read::list(&binding.value, "/subjects").iter().enumerate() {
        let (kind, name) = (read::text(subject, "/kind"), read::text(subject, "/name"));
        let nobody = NOBODY
            .iter()
            .any(|(of, named)| kind == Some(of) && name == Some(named));
        if !nobody {
            continue;
        }
        let at = Hop {
            object: binding.id.clone(),
            field: format!("subjects[{index}]"),
            says: name.unwrap_or_default().to_owned(),
        };
        judgements.push(Judgement {
            rule: Rule::TooWide,
            message: format!(
                "{} gives role {role} to requests without any identity",
                binding.id
            ),
            way: vec![at.clone()],
            at,
            advice: "bind it to the people and groups that need it".to_owned(),
        });
    }
}
