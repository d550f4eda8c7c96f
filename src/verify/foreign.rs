//! Objects of other projects that open or lead to workloads in ways that are not followed here: said, for silence would mean safe.

use std::collections::BTreeSet;

use super::judgement::{Judgement, Rule};
use crate::access::answer::Hop;
use crate::access::endpoints;
use crate::access::read;
use crate::access::study::Study;
use crate::cluster::object::Object;

/// Kinds of policies that stand over or beside NetworkPolicy.
const POLICIES: [(&str, &str); 11] = [
    ("policy.networking.k8s.io", "AdminNetworkPolicy"),
    ("policy.networking.k8s.io", "BaselineAdminNetworkPolicy"),
    ("policy.networking.k8s.io", "ClusterNetworkPolicy"),
    ("cilium.io", "CiliumNetworkPolicy"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("crd.projectcalico.org", "NetworkPolicy"),
    ("crd.projectcalico.org", "GlobalNetworkPolicy"),
    ("projectcalico.org", "NetworkPolicy"),
    ("projectcalico.org", "GlobalNetworkPolicy"),
    ("crd.antrea.io", "ClusterNetworkPolicy"),
    ("crd.antrea.io", "NetworkPolicy"),
];

/// Judges all of them.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    policies(study, judgements);
    endpoints(study, judgements);
}

/// The namespaces of what is judged.
fn namespaces<'s>(study: &'s Study<'_>) -> BTreeSet<&'s str> {
    let workloads = study.access.workloads.iter();
    workloads.map(|workload| workload.id.namespace.as_str()).collect()
}

/// Ways in that end at a Service whose addresses are written down, and nobody says whose they are.
fn endpoints(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    if study.access.workloads.is_empty() {
        return;
    }
    for loose in study.loose.iter().filter(|loose| loose.unknown) {
        let service = &loose.end.object;
        if service.kind != "Service" || loose.end.field != "spec.selector" {
            continue;
        }
        let written = study
            .world
            .of_id(service)
            .is_some_and(|object| read::labels(&object.value, "/spec/selector").is_empty());
        let Some(first) = endpoints::objects(&study.world, service)
            .first()
            .copied()
            .filter(|_| written)
        else {
            continue;
        };
        let mut way = loose.hops.clone();
        way.extend([
            loose.end.clone(),
            Hop {
                object: first.id.clone(),
                field: String::new(),
                says: "holds its addresses".to_owned(),
            },
        ]);
        judgements.push(Judgement {
            rule: Rule::TooWide,
            at: loose.hops.last().cloned().unwrap_or_default(),
            message: format!(
                "a way from outside leads to {service}, whose addresses are written by hand: they may be those of any pod, past its guard"
            ),
            way,
            advice: "give the Service a selector, or take the way in away".to_owned(),
        });
    }
}

fn policies(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let namespaces = namespaces(study);
    if namespaces.is_empty() {
        return;
    }
    for (group, kind) in POLICIES {
        for policy in study.world.all(group, kind) {
            let namespace = policy.id.namespace.as_str();
            if namespace.is_empty() || namespaces.contains(namespace) {
                judgements.push(unfollowed(policy, allowing(policy)));
            }
        }
    }
}

/// The field of the first rule that lets somebody in.
fn allowing(policy: &Object) -> Option<String> {
    // Cilium has several specs in one object, too.
    let several = read::list(&policy.value, "/specs").iter().enumerate();
    let several = several.map(|(index, spec)| (format!("specs[{index}]"), spec));
    let one = policy.value.get("spec").map(|spec| ("spec".to_owned(), spec));
    one.into_iter().chain(several).find_map(|(at, spec)| {
        let rules = read::list(spec, "/ingress");
        let index = rules.iter().position(|rule| {
            let action = read::text(rule, "/action").map(str::to_ascii_lowercase);
            // Without an action (Cilium) a rule allows; any but a refusal may.
            !matches!(action.as_deref(), Some("deny" | "drop" | "reject" | "log"))
        })?;
        Some(format!("{at}.ingress[{index}]"))
    })
}

fn unfollowed(policy: &Object, allows: Option<String>) -> Judgement {
    let id = &policy.id;
    let (rule, field, message) = match allows {
        Some(field) => (
            Rule::TooWide,
            field,
            format!("{id} is not followed here and may open what NetworkPolicies close"),
        ),
        None => (
            Rule::Unknown,
            "spec".to_owned(),
            format!("{id} is not followed here: what it closes is not counted"),
        ),
    };
    Judgement {
        rule,
        at: Hop {
            object: id.clone(),
            field,
            says: "speaks of who may come in".to_owned(),
        },
        message,
        way: Vec::new(),
        advice:
            "say it as a NetworkPolicy, or see yourself that it lets nobody reach a port that asks nobody"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests;
