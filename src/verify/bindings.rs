//! Bindings that give something to requests without any identity.

use super::judgement::{Judgement, Rule};
use crate::access::answer::Hop;
use crate::access::read;
use crate::access::study::Study;
use crate::cluster::object::Object;

const GROUP: &str = "rbac.authorization.k8s.io";
/// Whom an API server takes those for who show no credential.
const NOBODY: [(&str, &str); 2] = [("Group", "system:unauthenticated"), ("User", "system:anonymous")];
/// What a cluster itself gives to everybody, such as its own health and version.
const BUILT_IN: &str = "system:";

/// Judges every binding, whatever it is about.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        for binding in study.world.all(GROUP, kind) {
            of(binding, judgements);
        }
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
