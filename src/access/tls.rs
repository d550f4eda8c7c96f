//! Whether the last hop, from an entry to a Service's port, is TLS, and whether anybody checks the certificate.
//!
//! Sources: kubernetes-sigs/gateway-api `apis/v1/backendtlspolicy_types.go` (GEP-713 for which of several counts); istio/istio
//! `pilot/pkg/model/push_context.go` (destinationRule) and `pilot/pkg/networking/core/cluster_tls.go`; OpenShift's router for Routes.

use serde_json::Value;

use super::answer::{Hop, HopTls};
use super::fields;
use super::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys;

mod destination_rule;
mod policy;

/// API group of the Gateway API.
pub(super) const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";
/// Where Istio's own configuration usually is: what stands there is for the whole mesh.
pub(super) const MESH_ROOT: &str = "istio-system";

/// What says how hops are protected, indexed.
#[derive(Debug)]
pub struct Hops<'a> {
    world: &'a World<'a>,
    rules: destination_rule::Rules<'a>,
    policies: policy::Policies<'a>,
}

/// What is known of a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hopped {
    /// How it is protected.
    pub tls: HopTls,
    /// What is wrong with the objects that say so.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong, or cannot be known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The object to change, and its field.
    pub at: Hop,
    /// What.
    pub what: What,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The authority to verify by is not in the manifests, whose namespace they hold otherwise.
    NoAuthority(String),
    /// Two objects speak of the same port, and which one counts is not said by them.
    Contradicted(ObjectId),
    /// Istio reads an authority from a ConfigMap alone.
    AuthorityKind(String),
    /// No name is asked for in the certificate.
    AnyName,
    /// Which authorities are trusted depends on the version.
    SystemAuthorities,
    /// Whether a name is asked for depends on the version.
    NameByVersion,
    /// The name that is asked for is another Service's.
    OtherName(String),
    /// The name that is asked for is in none of the certificates that are made for the pod.
    NotCertified(String),
}

// === impl Hops ===

impl<'a> Hops<'a> {
    /// Reads every object that says how a hop is protected.
    pub fn new(world: &'a World<'a>) -> Self {
        Self {
            world,
            rules: destination_rule::Rules::new(world),
            policies: policy::Policies::new(world),
        }
    }

    /// The hop from a Gateway to a port of a Service. `port` is the entry of the Service's `spec.ports`.
    pub fn hop(&self, gateway: &ObjectId, service: &Object, port: &Value) -> Hopped {
        let istio = is_istio(self.world, gateway);
        let mut faults = Vec::new();
        let by_policy = self.policies.find(self.world, istio, service, port, &mut faults);
        let by_rule = if istio == Some(false) {
            None
        } else {
            self.rules.find(self.world, gateway, service, port, &mut faults)
        };
        // Where both speak, the one that checks less is taken for the one that counts.
        let tls = match (by_policy, by_rule) {
            (Some(policy), Some(rule)) if weakness(&policy) >= weakness(&rule) => policy,
            (_, Some(rule)) => rule,
            (Some(policy), None) => policy,
            (None, None) if self.is_elsewhere(gateway) => HopTls::Unknown,
            (None, None) => HopTls::Plain,
        };
        faults.sort();
        faults.dedup();
        Hopped { tls, faults }
    }

    /// Whether the manifests hold neither a Gateway nor anything else of its namespace, where its rules would be.
    fn is_elsewhere(&self, gateway: &ObjectId) -> bool {
        const KINDS: [(&str, &str); 6] = [
            ("", "ConfigMap"),
            ("", "Service"),
            ("", "ServiceAccount"),
            ("apps", "Deployment"),
            ("networking.istio.io", "EnvoyFilter"),
            ("networking.k8s.io", "NetworkPolicy"),
        ];
        self.world.of_id(gateway).is_none()
            && KINDS
                .iter()
                .all(|(group, kind)| self.world.within(group, kind, &gateway.namespace).is_empty())
            && !self.rules.any_in(&gateway.namespace)
    }
}

/// The hop from OpenShift's router behind a Route.
pub fn of_route(route: &Object) -> HopTls {
    let tls = &["spec", "tls"];
    let at = |field: &str, says: &str| fields::hop(route, format!("spec.tls.{field}"), says);
    let termination = fields::text(&route.value, &["spec", "tls", "termination"]);
    match termination {
        "reencrypt" => {
            let own = fields::text(&route.value, &["spec", "tls", "destinationCACertificate"]);
            // Without one the router asks for a certificate of OpenShift's service CA.
            let says = if own.is_empty() {
                "verified by OpenShift's service CA"
            } else {
                "verified by the authority in the Route"
            };
            HopTls::Verified(at("termination", says))
        }
        "passthrough" => HopTls::Passed,
        _ if fields::at(&route.value, tls).is_some() && !["edge", ""].contains(&termination) => {
            HopTls::Unknown
        }
        _ => HopTls::Plain,
    }
}

/// Of the names that are asked for in a Service's certificate, one of another Service of the cluster; none where one of them
/// is its own, or where they are names that a certificate may have for other reasons.
fn of_another<'n>(service: &Object, names: &[&'n str]) -> Option<&'n str> {
    let (name, namespace) = (&service.id.name, &service.id.namespace);
    let (own, any) = (format!("{name}.{namespace}"), format!("*.{namespace}"));
    let is_own = |asked: &&str| {
        let rest = asked.strip_prefix(&own).or_else(|| asked.strip_prefix(&any));
        *asked == name || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(".svc"))
    };
    if names.iter().any(is_own) {
        return None;
    }
    let of_cluster = |asked: &&&str| asked.split('.').skip(1).any(|label| label == "svc");
    names.iter().find(of_cluster).copied()
}

fn weakness(tls: &HopTls) -> u8 {
    match tls {
        HopTls::Verified(_) | HopTls::Passed => 0,
        HopTls::Unknown => 1,
        HopTls::Unverified(_) => 2,
        HopTls::Plain => 3,
    }
}

/// Whether a Gateway is Istio's, by its class; `None` where that is not in the manifests.
pub(super) fn is_istio(world: &World<'_>, gateway: &ObjectId) -> Option<bool> {
    let object = world.of_id(gateway)?;
    let class = fields::text(&object.value, &["spec", "gatewayClassName"]);
    let controller = match world.get(GATEWAY_GROUP, "GatewayClass", "", class) {
        Some(class) => fields::text(&class.value, &["spec", "controllerName"]),
        None if class == "istio" => return Some(true),
        None => return None,
    };
    Some(controller.starts_with("istio.io/") || controller.starts_with("openshift.io/gateway-controller"))
}

/// The labels that a Gateway's pods have for certain, with what its infrastructure adds.
pub(super) fn label_of_gateway<'g>(world: &World<'g>, gateway: &'g ObjectId, key: &str) -> Option<&'g str> {
    if key == keys::GATEWAY_NAME || key == "istio.io/gateway-name" || key == keys::ENVOY_GATEWAY_NAME {
        return Some(&gateway.name);
    }
    if key == keys::ENVOY_GATEWAY_NAMESPACE {
        return Some(&gateway.namespace);
    }
    let object = world.of_id(gateway)?;
    [
        ["spec", "infrastructure", "labels", key].as_slice(),
        ["metadata", "labels", key].as_slice(),
    ]
    .iter()
    .find_map(|path| fields::at(&object.value, path).and_then(Value::as_str))
}

/// Whether labels select a Gateway's pods: `None` where they ask for one that is not known.
pub(super) fn selects_gateway(world: &World<'_>, gateway: &ObjectId, labels: &Value) -> Option<bool> {
    let mut certain = true;
    for (key, value) in labels.as_object().into_iter().flatten() {
        match label_of_gateway(world, gateway, key) {
            Some(label) if Some(label) == value.as_str() => {}
            Some(_) => return Some(false),
            None => certain = false,
        }
    }
    certain.then_some(true)
}

#[cfg(test)]
#[path = "tls/tests.rs"]
mod tests;
