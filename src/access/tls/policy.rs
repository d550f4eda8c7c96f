//! BackendTLSPolicy.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Fault, GATEWAY_GROUP, What};
use crate::access::answer::HopTls;
use crate::access::fields;
use crate::access::world::World;
use crate::cluster::object::Object;

/// All policies, by the namespace and name of the Services they are for, each with the position of the target.
#[derive(Debug)]
pub(super) struct Policies<'a>(BTreeMap<(&'a str, &'a str), Vec<(&'a Object, usize)>>);

// === impl Policies ===

impl<'a> Policies<'a> {
    pub(super) fn new(world: &World<'a>) -> Self {
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for policy in world.all(GATEWAY_GROUP, "BackendTLSPolicy") {
            for (index, target) in fields::list(&policy.value, &["spec", "targetRefs"])
                .iter()
                .enumerate()
            {
                if fields::text(target, &["kind"]) == "Service" && fields::text(target, &["group"]).is_empty()
                {
                    let key = (policy.id.namespace.as_str(), fields::text(target, &["name"]));
                    all.entry(key).or_default().push((policy, index));
                }
            }
        }
        Self(all)
    }

    /// What the policies of a Service say about one of its ports.
    pub(super) fn find(
        &self,
        world: &World<'_>,
        istio: Option<bool>,
        service: &Object,
        port: &Value,
        faults: &mut Vec<Fault>,
    ) -> Option<HopTls> {
        let name = fields::text(port, &["name"]);
        let all = self
            .0
            .get(&(service.id.namespace.as_str(), service.id.name.as_str()))?;
        let of_section = |section: &str| -> Vec<(&Object, usize)> {
            let is_it = |(policy, index): &&(&'a Object, usize)| {
                let targets = fields::list(&policy.value, &["spec", "targetRefs"]);
                targets
                    .get(*index)
                    .map(|target| fields::text(target, &["sectionName"]))
                    == Some(section)
            };
            all.iter().filter(is_it).copied().collect()
        };
        let exact = if name.is_empty() {
            Vec::new()
        } else {
            of_section(name)
        };
        let candidates = if exact.is_empty() { of_section("") } else { exact };
        let ((policy, index), others) = candidates.split_first()?;
        // The oldest counts, then the first by name; how old they are is not for git to say.
        if let Some((other, _)) = others.iter().find(|(other, _)| other.id != policy.id) {
            faults.push(Fault {
                at: fields::hop(
                    policy,
                    format!("spec.targetRefs[{index}]"),
                    "is for the same port",
                ),
                what: What::Contradicted(other.id.clone()),
            });
        }
        let judged = candidates
            .iter()
            .map(|(policy, index)| judge(world, istio, (policy, *index), service, faults));
        judged.max_by_key(super::weakness)
    }
}

fn judge(
    world: &World<'_>,
    istio: Option<bool>,
    (policy, target): (&Object, usize),
    service: &Object,
    faults: &mut Vec<Fault>,
) -> HopTls {
    let refs = fields::list(&policy.value, &["spec", "validation", "caCertificateRefs"]);
    let names = fields::list(&policy.value, &["spec", "validation", "subjectAltNames"]);
    let field = "spec.validation.caCertificateRefs";
    for (index, authority) in refs.iter().enumerate() {
        let (kind, name) = (
            fields::text(authority, &["kind"]),
            fields::text(authority, &["name"]),
        );
        let at = fields::hop(policy, format!("{field}[{index}]"), format!("{kind} {name}"));
        if istio == Some(true) && kind != "ConfigMap" {
            faults.push(Fault {
                at: at.clone(),
                what: What::AuthorityKind(kind.to_owned()),
            });
            return HopTls::Unverified(at);
        }
        if world.get("", kind, &policy.id.namespace, name).is_none() {
            faults.push(Fault {
                at,
                what: What::NoAuthority(format!("{kind} {name}")),
            });
        }
    }
    // By the API the host is asked for; Istio asks for a name only where one is listed.
    if istio == Some(true) && names.is_empty() {
        let at = fields::hop(policy, "spec.validation", "lists no subjectAltNames");
        faults.push(Fault {
            at: at.clone(),
            what: What::AnyName,
        });
        return HopTls::Unverified(at);
    }
    let host = fields::text(&policy.value, &["spec", "validation", "hostname"]);
    // What is listed counts; the host is asked for where nothing is.
    let listed: Vec<&str> = names
        .iter()
        .map(|name| fields::text(name, &["hostname"]))
        .collect();
    let asked = if listed.is_empty() { vec![host] } else { listed };
    if let Some(name) = super::of_another(service, &asked) {
        faults.push(Fault {
            at: fields::hop(policy, "spec.validation", name),
            what: What::OtherName(name.to_owned()),
        });
    }
    HopTls::Verified(fields::hop(
        policy,
        format!("spec.targetRefs[{target}]"),
        format!("verified as {host}"),
    ))
}
