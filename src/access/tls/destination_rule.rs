//! Istio's `DestinationRule`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Fault, MESH_ROOT, What, selects_gateway};
use crate::access::answer::HopTls;
use crate::access::fields;
use crate::access::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

const GROUP: &str = "networking.istio.io";
const KIND: &str = "DestinationRule";
/// The domain of a cluster, where nothing says another.
const DOMAIN: &str = "svc.cluster.local";

/// All rules: by namespace and host, and those of a namespace whose host is a pattern.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    exact: BTreeMap<(&'a str, String), Vec<&'a Object>>,
    patterns: BTreeMap<&'a str, Vec<&'a Object>>,
}

// === impl Rules ===

impl<'a> Rules<'a> {
    pub(super) fn new(world: &World<'a>) -> Self {
        let mut rules = Self {
            exact: BTreeMap::new(),
            patterns: BTreeMap::new(),
        };
        for rule in world.all(GROUP, KIND) {
            let namespace = rule.id.namespace.as_str();
            let host = full(rule);
            if host.starts_with('*') {
                rules.patterns.entry(namespace).or_default().push(rule);
            } else {
                rules.exact.entry((namespace, host)).or_default().push(rule);
            }
        }
        rules
    }

    /// Whether there is any in a namespace.
    pub(super) fn any_in(&self, namespace: &str) -> bool {
        self.patterns.contains_key(namespace)
            || self
                .exact
                .range((namespace, String::new())..)
                .next()
                .is_some_and(|((at, _), _)| *at == namespace)
    }

    /// What the rules that a gateway goes by say about a port of a Service: the first namespace that has any for its host
    /// counts, the gateway's before the Service's before the mesh's, and in it the one that fits the host best.
    pub(super) fn find(
        &self,
        world: &World<'_>,
        gateway: &ObjectId,
        service: &Object,
        port: &Value,
        faults: &mut Vec<Fault>,
    ) -> Option<HopTls> {
        let host = format!("{}.{}.{DOMAIN}", service.id.name, service.id.namespace);
        let own = gateway.namespace.as_str();
        for namespace in [own, service.id.namespace.as_str(), MESH_ROOT] {
            let exact = self.exact.get(&(namespace, host.clone())).into_iter().flatten();
            let patterns = self.patterns.get(namespace).into_iter().flatten();
            let mut fitting: Vec<(Specific, &Object)> = exact
                .chain(patterns)
                .filter(|rule| is_visible(rule, own))
                .filter_map(|rule| Some((fits(world, gateway, rule, &host)?, *rule)))
                .collect();
            fitting.sort_by_key(|(specific, _)| std::cmp::Reverse(*specific));
            let Some((best, rule)) = fitting.first() else {
                continue;
            };
            let equal: Vec<&Object> = fitting
                .iter()
                .filter(|(specific, _)| specific == best)
                .map(|(_, rule)| *rule)
                .collect();
            if let Some(other) = equal.get(1) {
                faults.push(Fault {
                    at: fields::hop(rule, "spec.host", "is for the same host"),
                    what: What::Contradicted(other.id.clone()),
                });
            }
            let judged = equal.iter().map(|rule| match judge(rule, service, port, faults) {
                // Whether it is for this gateway's pods at all is not known.
                HopTls::Verified(_) if perhaps(world, gateway, rule) => HopTls::Unknown,
                tls => tls,
            });
            return judged.max_by_key(super::weakness);
        }
        None
    }
}

/// A rule's host in full: a name without a dot is one of the rule's own namespace.
fn full(rule: &Object) -> String {
    let written = fields::text(&rule.value, &["spec", "host"]);
    if written.contains(['.', '*']) {
        written.to_ascii_lowercase()
    } else {
        format!("{written}.{}.{DOMAIN}", rule.id.namespace)
    }
}

/// How well a rule fits: for these pods alone, exactly this host, how much of it.
type Specific = (bool, bool, usize);

fn fits(world: &World<'_>, gateway: &ObjectId, rule: &Object, host: &str) -> Option<Specific> {
    let labels = fields::at(&rule.value, &["spec", "workloadSelector", "matchLabels"]);
    let chosen = match labels {
        None => false,
        Some(_) if rule.id.namespace != gateway.namespace => return None,
        // One that may select fits as well as one that selects all.
        Some(labels) => match selects_gateway(world, gateway, labels) {
            Some(false) => return None,
            certain => certain == Some(true),
        },
    };
    let full = full(rule);
    if full == host {
        return Some((chosen, true, full.len()));
    }
    let suffix = full.strip_prefix('*')?;
    (host.ends_with(suffix) && host.len() > suffix.len()).then_some((chosen, false, full.len()))
}

/// Whether a rule is for some pods alone, and the gateway's may be others.
fn perhaps(world: &World<'_>, gateway: &ObjectId, rule: &Object) -> bool {
    let labels = fields::at(&rule.value, &["spec", "workloadSelector", "matchLabels"]);
    labels.is_some_and(|labels| selects_gateway(world, gateway, labels) != Some(true))
}

/// Whether a gateway in a namespace sees a rule.
fn is_visible(rule: &Object, from: &str) -> bool {
    let seen_by = fields::texts(&rule.value, &["spec", "exportTo"]);
    let own = rule.id.namespace == from;
    seen_by.is_empty()
        || seen_by
            .iter()
            .any(|to| *to == "*" || *to == from || (*to == "." && own))
}

fn judge(rule: &Object, service: &Object, port: &Value, faults: &mut Vec<Fault>) -> HopTls {
    let number = fields::port(port, &["port"]);
    let settings = fields::list(&rule.value, &["spec", "trafficPolicy", "portLevelSettings"]);
    let of_port = settings
        .iter()
        .enumerate()
        .find(|(_, setting)| fields::port(setting, &["port", "number"]) == number);
    // What is said of a port replaces what is said of all.
    let (tls, field) = match of_port {
        Some((index, setting)) => (
            setting.get("tls"),
            format!("spec.trafficPolicy.portLevelSettings[{index}].tls"),
        ),
        None => (
            fields::at(&rule.value, &["spec", "trafficPolicy", "tls"]),
            "spec.trafficPolicy.tls".to_owned(),
        ),
    };
    let Some(tls) = tls else {
        return HopTls::Plain;
    };
    let text = |name: &str| fields::text(tls, &[name]);
    let at = |inner: &str, says: &str| fields::hop(rule, format!("{field}.{inner}"), says);
    match text("mode") {
        "ISTIO_MUTUAL" => HopTls::Verified(at("mode", "verified as a member of the mesh")),
        "SIMPLE" | "MUTUAL" if fields::is_true(tls, &["insecureSkipVerify"]) => {
            HopTls::Unverified(at("insecureSkipVerify", "nobody checks the certificate"))
        }
        "SIMPLE" | "MUTUAL" if text("caCertificates").is_empty() && text("credentialName").is_empty() => {
            faults.push(Fault {
                at: at("mode", "names no authority"),
                what: What::SystemAuthorities,
            });
            HopTls::Unknown
        }
        "SIMPLE" | "MUTUAL" => {
            let names = fields::texts(tls, &["subjectAltNames"]);
            if names.is_empty() {
                // With a name to show, Istio asks for none; with neither, newer versions ask for the host of the request.
                let shown = !text("sni").is_empty();
                let at = at("mode", "lists no subjectAltNames");
                let (what, tls) = if shown {
                    (What::AnyName, HopTls::Unverified(at.clone()))
                } else {
                    (What::NameByVersion, HopTls::Unknown)
                };
                faults.push(Fault { at, what });
                return tls;
            }
            if let Some(name) = super::of_another(service, &names) {
                faults.push(Fault {
                    at: at("subjectAltNames", name),
                    what: What::OtherName(name.to_owned()),
                });
            }
            HopTls::Verified(at("mode", "verified"))
        }
        "" | "DISABLE" => HopTls::Plain,
        _ => HopTls::Unknown,
    }
}
