//! Ways in by kinds that are not followed: whatever names the Service of a judged workload is said.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::judgement::{Judgement, Rule};
use crate::access::answer::Hop;
use crate::access::services::{self, Service};
use crate::access::study::Study;
use crate::access::workloads::{RAY, Workloads};
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// Kinds that lead from outside to Services, or let somebody else lead there.
const KINDS: [(&str, &str); 43] = [
    ("apisix.apache.org", "ApisixRoute"),
    ("apisix.apache.org", "ApisixUpstream"),
    ("cilium.io", "CiliumClusterwideEnvoyConfig"),
    ("cilium.io", "CiliumEnvoyConfig"),
    ("cilium.io", "CiliumLocalRedirectPolicy"),
    ("configuration.konghq.com", "KongIngress"),
    ("configuration.konghq.com", "TCPIngress"),
    ("elbv2.k8s.aws", "TargetGroupBinding"),
    ("extensions", "Ingress"),
    ("gateway.envoyproxy.io", "Backend"),
    ("gateway.kgateway.dev", "Backend"),
    ("gateway.solo.io", "RouteTable"),
    ("gateway.solo.io", "VirtualService"),
    ("getambassador.io", "Mapping"),
    ("getambassador.io", "TCPMapping"),
    ("gloo.solo.io", "Proxy"),
    ("gloo.solo.io", "Upstream"),
    ("ingress.k8s.ngrok.com", "HTTPSEdge"),
    ("ingress.k8s.ngrok.com", "TCPEdge"),
    ("ingress.k8s.ngrok.com", "Tunnel"),
    ("k8s.nginx.org", "TransportServer"),
    ("k8s.nginx.org", "VirtualServer"),
    ("k8s.nginx.org", "VirtualServerRoute"),
    ("multicluster.x-k8s.io", "ServiceExport"),
    ("net.gke.io", "ServiceExport"),
    ("networking.cfargotunnel.com", "TunnelBinding"),
    ("networking.gke.io", "MultiClusterIngress"),
    ("networking.gke.io", "MultiClusterService"),
    ("networking.internal.knative.dev", "Ingress"),
    ("networking.istio.io", "ServiceEntry"),
    ("projectcontour.io", "HTTPProxy"),
    ("serving.knative.dev", "DomainMapping"),
    ("serving.knative.dev", "Route"),
    ("serving.knative.dev", "Service"),
    ("skupper.io", "AttachedConnector"),
    ("skupper.io", "Connector"),
    ("traefik.containo.us", "IngressRoute"),
    ("traefik.containo.us", "IngressRouteTCP"),
    ("traefik.containo.us", "TraefikService"),
    ("traefik.io", "IngressRoute"),
    ("traefik.io", "IngressRouteTCP"),
    ("traefik.io", "TraefikService"),
    ("voyager.appscode.com", "Ingress"),
];
/// Annotations of a Service by which other projects lead to it.
const ANNOTATIONS: [&str; 4] = [
    "getambassador.io/config",
    "skupper.io/proxy",
    "tailscale.com/expose",
    "tailscale.com/hostname",
];

/// Namespaces, and in each the Services of judged workloads; by their names first.
type Named = BTreeMap<String, BTreeSet<String>>;

/// Judges all of them.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let mut asked: Vec<(&Object, Vec<&str>)> = Vec::new();
    for (group, kind) in KINDS {
        for object in study.world.all(group, kind) {
            let mut words = Vec::new();
            for (key, value) in object.value.as_object().into_iter().flatten() {
                match key.as_str() {
                    "metadata" if kind == "ServiceExport" => words.push(object.id.name.as_str()),
                    "apiVersion" | "kind" | "status" | "metadata" => {}
                    _ => collect(value, &mut words),
                }
            }
            asked.push((object, words));
        }
    }
    for ingress in study.world.all("networking.k8s.io", "Ingress") {
        let words: Vec<&str> = annotations(ingress)
            .filter(|(key, _)| key.ends_with("/default-backend"))
            .map(|(_, value)| value)
            .collect();
        if !words.is_empty() {
            asked.push((ingress, words));
        }
    }
    let annotated: Vec<&Object> = study
        .world
        .all("", "Service")
        .into_iter()
        .filter(|service| annotations(service).any(|(key, _)| ANNOTATIONS.contains(&key)))
        .collect();
    if asked.is_empty() && annotated.is_empty() {
        return;
    }
    let named = named(study);
    for (object, words) in asked {
        let there: BTreeSet<&str> = words.iter().copied().collect();
        let found = words
            .iter()
            .find_map(|word| meant(&named, &object.id.namespace, word, &there));
        judgements.extend(found.map(|(namespace, name)| unfollowed(object, &namespace, &name)));
    }
    for service in annotated {
        let (namespace, name) = (&service.id.namespace, &service.id.name);
        if named.get(name).is_some_and(|there| there.contains(namespace)) {
            judgements.push(unfollowed(service, namespace, name));
        }
    }
}

fn annotations(object: &Object) -> impl Iterator<Item = (&str, &str)> {
    let all = object
        .value
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    let all = all.into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// Every text in a value.
fn collect<'v>(value: &'v Value, words: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => words.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The Services of what is judged: written ones, and those that controllers make.
fn named(study: &Study<'_>) -> Named {
    let judged: BTreeSet<&ObjectId> = study.access.workloads.iter().map(|one| &one.id).collect();
    let workloads = Workloads::find(&study.world);
    let mut named = Named::new();
    let mut add = |namespace: &str, name: String| {
        named.entry(name).or_default().insert(namespace.to_owned());
    };
    for object in study.world.all("", "Service") {
        let pods = Service::written(object).all_pods(&workloads);
        if pods.iter().any(|pod| judged.contains(&pod.workload)) {
            add(&object.id.namespace, object.id.name.clone());
        }
    }
    for id in judged {
        if id.kind == "Notebook" {
            add(&id.namespace, id.name.clone());
        }
        if id.group == RAY {
            let own = study.world.of_id(id);
            let own = own.map(services::made_by_ray).unwrap_or_default();
            for service in own {
                add(&id.namespace, service.id.name);
            }
        }
    }
    named
}

/// The Service that a word means: its name, where the object is of its namespace or names that, too, or its host.
fn meant(named: &Named, own: &str, word: &str, there: &BTreeSet<&str>) -> Option<(String, String)> {
    let holds = |namespace: &str, name: &str| named.get(name).is_some_and(|all| all.contains(namespace));
    let host = word.split_once("://").map_or(word, |(_, rest)| rest);
    let bare = host.split(['/', ':']).next().unwrap_or_default();
    if let Some((namespace, name)) = services::named(bare)
        && holds(&namespace, &name)
    {
        return Some((namespace, name));
    }
    if let Some((namespace, name)) = host.split_once('/') {
        let name = name.split([':', '/']).next().unwrap_or_default();
        if holds(namespace, name) {
            return Some((namespace.to_owned(), name.to_owned()));
        }
    }
    let namespaces = named.get(bare)?;
    let mut namespaces = namespaces.iter();
    let namespace = namespaces
        .find(|namespace| own.is_empty() || *namespace == own || there.contains(namespace.as_str()))?;
    Some((namespace.clone(), bare.to_owned()))
}

fn unfollowed(object: &Object, namespace: &str, name: &str) -> Judgement {
    let at = Hop {
        object: object.id.clone(),
        field: String::new(),
        says: format!("names {namespace}/{name}"),
    };
    let service = Hop {
        object: ObjectId::new("v1", "Service", namespace, name),
        field: String::new(),
        says: "is in front of what is judged here".to_owned(),
    };
    Judgement {
        rule: Rule::TooWide,
        message: format!(
            "{} names the Service {namespace}/{name} and may lead there from outside, in a way that is not followed here",
            object.id
        ),
        way: vec![at.clone(), service],
        at,
        advice: "lead there by an HTTPRoute of the Gateway API or an Ingress, or see yourself that it leads to the guard's port alone"
            .to_owned(),
    }
}
