//! The user's own objects beside the gateway and the login service: routes that the filter lets through unasked, and what
//! undoes the filter, the policies and the rules that are written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::policies::selects;
use super::{Batch, Framed, generated, items, place};
use crate::input::platform::GatewayImplementation;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::manifests::envoy_filter::unchecked_routes;
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::plan::Plan;
use crate::plan::hop::Hop;
use crate::plan::ray::RayGuard;

/// Where Istio's own namespace-less configuration applies to every namespace.
const ISTIO_ROOT: &str = "istio-system";
/// Kinds that have a template of pods.
const WORKLOADS: [(&str, &str); 5] = [
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
];

/// Refuses what would be let through without a login, and warns of what weakens the gateway otherwise.
pub(super) fn check(batch: &Batch, plan: &Plan, gateway: &Gateway, findings: &mut Vec<Finding>) {
    let around = Around::new(plan, gateway);
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        let look = match (id.group.as_str(), id.kind.as_str()) {
            ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => Around::route,
            ("gateway.networking.k8s.io", "BackendTLSPolicy") => Around::backend_policy,
            ("networking.istio.io", "VirtualService") => Around::virtual_service,
            ("networking.istio.io", "DestinationRule") => Around::destination_rule,
            ("networking.istio.io", "EnvoyFilter") => Around::envoy_filter,
            ("gateway.envoyproxy.io", _) => Around::envoy_policy,
            ("networking.k8s.io", "NetworkPolicy") => Around::network_policy,
            ("", "Service") => Around::service,
            ("", "Pod") => Around::pod,
            kind if WORKLOADS.contains(&kind) => Around::workload,
            _ => continue,
        };
        let Ok(value) = item.piece(&framed.source).value() else {
            continue;
        };
        let own = look(&around, item, &value);
        findings.extend(own.into_iter().map(|finding| placed(framed, item, finding)));
    }
}

fn placed(framed: &Framed, item: &Item, finding: Finding) -> Finding {
    let tree = item.piece(&framed.source).tree().ok();
    place(framed, item, finding, tree.as_ref())
}

struct Around<'a> {
    plan: &'a Plan,
    gateway: &'a Gateway,
    /// The names that Istio gives to the rules which are let through.
    unchecked: BTreeSet<String>,
    /// The Services behind the gateway whose certificates are verified: namespace, name.
    verified: BTreeSet<(String, String)>,
    /// Labels of the login service's pods.
    login: BTreeMap<String, String>,
}

// === impl Around ===

impl<'a> Around<'a> {
    fn new(plan: &'a Plan, gateway: &'a Gateway) -> Self {
        let is_istio = gateway.implementation == GatewayImplementation::Istio;
        let unchecked = unchecked_routes(gateway).into_iter().filter(|_| is_istio);
        let of_ray = |guard: &RayGuard| Hop::to_ray(guard, &guard.reencrypted(&plan.platform));
        let hops = plan.guards.values().map(Hop::to_guard);
        let hops = hops.chain(plan.rays.values().map(of_ray));
        Self {
            plan,
            gateway,
            unchecked: unchecked
                .flat_map(|(route, rules)| (0..rules).map(move |rule| (route.clone(), rule)))
                .map(|(route, rule)| format!("{}.{route}.{rule}", gateway.namespace))
                .collect(),
            verified: hops
                .chain([Hop::to_login(gateway)])
                .map(|hop| (hop.namespace, hop.service))
                .collect(),
            login: BTreeMap::from([("app".to_owned(), login::NAME.to_owned())]),
        }
    }

    fn is_here(&self, item: &Item) -> bool {
        item.head.id.namespace == self.gateway.namespace
    }

    fn unchecked(path: &str, found: &str) -> Finding {
        let message = "is the name of a route that the gateway lets through without a login: whoever reaches this one is asked for \
                       nothing; rename it";
        Finding::error(message).at(path).found(found)
    }

    fn route(&self, item: &Item, value: &Value) -> Vec<Finding> {
        let id = &item.head.id;
        let first = format!("{}.{}.0", id.namespace, id.name);
        // While people can log in our own route has the name, and the collision is said.
        let collides = self.plan.serves() && id.kind == "HTTPRoute";
        if self.unchecked.contains(&first) && !collides {
            return vec![Self::unchecked("metadata.name", &id.name)];
        }
        let mut parents = value["spec"]["parentRefs"].as_array().into_iter().flatten();
        if !parents.any(|parent| self.is_gateway(parent, &id.namespace)) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for (rule, at) in value["spec"]["rules"].as_array().into_iter().flatten().zip(0..) {
            for (matched, index) in rule["matches"].as_array().into_iter().flatten().zip(0..) {
                let path = matched["path"]["value"].as_str().unwrap_or_default();
                if matched["path"]["type"] == "Exact" && login::PATHS.contains(&path) {
                    let message = "is a path of the login service: of two routes the older one wins, and codes and cookies of \
                                   logins would go here; take another path";
                    let field = format!("spec.rules[{at}].matches[{index}].path.value");
                    findings.push(Finding::warning(message).at(field).found(path));
                }
            }
        }
        findings
    }

    fn virtual_service(&self, _: &Item, value: &Value) -> Vec<Finding> {
        let rules = value["spec"]["http"].as_array().into_iter().flatten().zip(0..);
        rules
            .filter_map(|(rule, at)| {
                let name = rule["name"].as_str()?;
                let is_unchecked = self.unchecked.contains(name);
                is_unchecked.then(|| Self::unchecked(&format!("spec.http[{at}].name"), name))
            })
            .collect()
    }

    fn destination_rule(&self, item: &Item, value: &Value) -> Vec<Finding> {
        let host = value["spec"]["host"].as_str().unwrap_or_default();
        let mut parts = host.split('.');
        let name = parts.next().unwrap_or_default().to_owned();
        let namespace = parts.next().unwrap_or(&item.head.id.namespace).to_owned();
        if !self.verified.contains(&(namespace, name)) {
            return Vec::new();
        }
        let message = "is a Service whose certificate the gateway verifies by a rule of its own: of two rules for one host Istio \
                       takes the older one, and this one may verify nothing; remove it";
        vec![Finding::warning(message).at("spec.host").found(host)]
    }

    fn envoy_filter(&self, item: &Item, value: &Value) -> Vec<Finding> {
        let namespace = &item.head.id.namespace;
        let spec = &value["spec"];
        let pods = &self.gateway.pods;
        let labels = serde_json::json!({ "matchLabels": spec["workloadSelector"]["labels"] });
        let is_near = *namespace == pods.namespace || *namespace == ISTIO_ROOT;
        let by_reference = spec["targetRefs"].as_array();
        let hits = match by_reference {
            Some(targets) => targets.iter().any(|target| self.is_target(target, item)),
            None => selects(&labels, &pods.labels),
        };
        if self.gateway.implementation != GatewayImplementation::Istio || !is_near || !hits {
            return Vec::new();
        }
        let message = "changes the gateway's own Envoys, where it can undo the login and what is stripped of requests; make sure \
                       that it does not, or narrow its selector";
        vec![Finding::warning(message).at("spec")]
    }

    /// Envoy Gateway's policies: one that is nearer to a route stands in place of the gateway's.
    fn envoy_policy(&self, item: &Item, value: &Value) -> Vec<Finding> {
        if self.gateway.implementation != GatewayImplementation::EnvoyGateway {
            return Vec::new();
        }
        let spec = &value["spec"];
        let kind = item.head.id.kind.as_str();
        let mut targets = spec["targetRefs"].as_array().into_iter().flatten();
        let mut selectors = spec["targetSelectors"].as_array().into_iter().flatten();
        let is_near = |namespace: &String| self.gateway.namespaces.contains(namespace);
        let of_route = |target: &Value| {
            ["SecurityPolicy", "EnvoyExtensionPolicy"].contains(&kind)
                && target["kind"]
                    .as_str()
                    .is_some_and(|kind| kind.ends_with("Route"))
                && is_near(&item.head.id.namespace)
        };
        let of_gateway = |target: &Value| target["kind"] == "Gateway" && self.is_here(item);
        let hits = targets.any(|target| self.is_target(target, item) || of_route(target))
            || self.is_target(&spec["targetRef"], item)
            || of_route(&spec["targetRef"])
            || selectors.any(|selector| of_gateway(selector) || of_route(selector));
        if !hits {
            return Vec::new();
        }
        if kind == "EnvoyPatchPolicy" {
            let message = "changes the gateway's own Envoys, where it can undo the login and what is stripped of requests; make \
                           sure that it does not";
            return vec![Finding::warning(message).at("spec")];
        }
        let message = "applies to the gateway or to a route of it: one policy of a kind is in force, a route's own instead of the \
                       gateway's, and of two for the gateway the older one; the login would not be asked, or forged headers get \
                       in. Remove it";
        vec![Finding::warning(message).at("spec")]
    }

    fn backend_policy(&self, item: &Item, value: &Value) -> Vec<Finding> {
        let here = &item.head.id.namespace;
        let mut targets = value["spec"]["targetRefs"].as_array().into_iter().flatten();
        let hits = targets.any(|target| {
            let name = target["name"].as_str().unwrap_or_default().to_owned();
            target["kind"] == "Service" && self.verified.contains(&(here.clone(), name))
        });
        if !hits {
            return Vec::new();
        }
        let message = "is about a Service whose certificate the gateway verifies by a policy of its own: of two the older one is \
                       in force; remove it";
        vec![Finding::warning(message).at("spec.targetRefs")]
    }

    fn network_policy(&self, item: &Item, value: &Value) -> Vec<Finding> {
        let spec = &value["spec"];
        if !self.is_here(item)
            || !self.gateway.network_policies
            || !selects(&spec["podSelector"], &self.login)
        {
            return Vec::new();
        }
        let rules = spec["ingress"].as_array().into_iter().flatten().zip(0..);
        let opens = |rule: &Value| {
            let is_port = |port: &Value| port["port"] == login::PORT || port["port"] == login::PORT_NAME;
            let to_login = rule["ports"].as_array().is_none_or(|ports| {
                ports.is_empty()
                    || ports
                        .iter()
                        .any(|port| is_port(port) || !port["endPort"].is_null())
            });
            let from_gateway = |peer: &Value| {
                let given = &peer["podSelector"]["matchLabels"];
                let labels = &self.gateway.pods.labels;
                !labels.is_empty() && labels.iter().all(|(key, value)| given[key] == value.as_str())
            };
            let peers = rule["from"].as_array();
            to_login && !peers.is_some_and(|peers| !peers.is_empty() && peers.iter().all(from_gateway))
        };
        rules
            .filter(|(rule, _)| opens(rule))
            .map(|(_, at)| {
                let message = "lets others than the gateway reach the login service: policies add up; narrow its podSelector or \
                               its ports";
                Finding::warning(message).at(format!("spec.ingress[{at}]"))
            })
            .collect()
    }

    fn service(&self, item: &Item, value: &Value) -> Vec<Finding> {
        let selector = &value["spec"]["selector"];
        let is_empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
        let labels = serde_json::json!({ "matchLabels": selector });
        // Our own Service's name is taken: another finding.
        if !self.is_here(item)
            || is_empty
            || item.head.id.name == login::NAME
            || !selects(&labels, &self.login)
        {
            return Vec::new();
        }
        let message = "leads to the login service's pods, past the gateway; remove it";
        vec![
            Finding::warning(message)
                .at("spec.selector")
                .found(selector.clone()),
        ]
    }

    fn pod(&self, item: &Item, value: &Value) -> Vec<Finding> {
        self.passes(item, &value["metadata"]["labels"], "metadata.labels.app")
    }

    fn workload(&self, item: &Item, value: &Value) -> Vec<Finding> {
        if item.head.id.name == login::NAME && item.head.id.kind == "Deployment" {
            return Vec::new();
        }
        let path = "spec.template.metadata.labels.app";
        self.passes(item, &value["spec"]["template"]["metadata"]["labels"], path)
    }

    fn passes(&self, item: &Item, labels: &Value, path: &str) -> Vec<Finding> {
        if !self.is_here(item) || labels["app"] != login::NAME {
            return Vec::new();
        }
        let message = "makes these pods pass for the login service's: its Service leads people's sessions to them; change this label";
        vec![Finding::warning(message).at(path).found(login::NAME)]
    }

    /// Whether a parent of a route is the gateway.
    fn is_gateway(&self, parent: &Value, own: &str) -> bool {
        let namespace = parent["namespace"].as_str().unwrap_or(own);
        parent["name"] == self.gateway.name.as_str() && namespace == self.gateway.namespace
    }

    /// Whether a policy's target is the gateway, or its class.
    fn is_target(&self, target: &Value, item: &Item) -> bool {
        match target["kind"].as_str() {
            Some("Gateway") => self.is_here(item) && target["name"] == self.gateway.name.as_str(),
            Some("GatewayClass") => target["name"] == self.gateway.class.as_str(),
            _ => false,
        }
    }
}
