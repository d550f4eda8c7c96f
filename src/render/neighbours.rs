//! The user's own objects beside what is guarded: names that its controller needs, and roads that lead past the guard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::workloads::Workload;
use super::{Batch, Framed, generated, items, place};
use crate::input::notebook::Notebook;
use crate::input::platform::Operator;
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::model::platform::Platform;
use crate::model::{companion, ray_companion};

/// Kinds that lead requests to a Service: group, kind.
const ROADS: [(&str, &str); 8] = [
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gateway.networking.k8s.io", "TCPRoute"),
    ("networking.k8s.io", "Ingress"),
    ("extensions", "Ingress"),
    ("route.openshift.io", "Route"),
    ("networking.istio.io", "VirtualService"),
];

/// Warns of every object that takes a name of a controller's, and of every road to a Notebook or a guarded Ray cluster but its
/// own. Takes all Notebooks, each with its namespace, and all of both.
pub(super) fn check<'a>(
    batch: &Batch,
    platform: &Platform,
    notebooks: impl Iterator<Item = (&'a str, &'a Notebook)>,
    workloads: &[Workload],
    findings: &mut Vec<Finding>,
) {
    let notebooks: BTreeSet<(&str, &str)> = notebooks
        .map(|(namespace, notebook)| (namespace, notebook.name.as_str()))
        .collect();
    let mut here: BTreeMap<&str, Vec<&Workload>> = BTreeMap::new();
    let mut around = Around::default();
    for workload in workloads {
        here.entry(&workload.namespace).or_default().push(workload);
        around.paths.insert(&workload.path, workload);
        for service in &workload.services {
            around
                .services
                .insert((workload.namespace.clone(), service.clone()), workload);
        }
    }
    let made = around.services.clone();
    let controllers = match platform.notebook_controller {
        Operator::OpenDataHub => controllers_objects(platform, notebooks.iter()),
        Operator::None => BTreeMap::new(),
    };
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        if id.group.is_empty() && id.kind == "Service" {
            let at = (id.namespace.clone(), id.name.clone());
            let there = here.get(id.namespace.as_str()).map_or(&[][..], Vec::as_slice);
            if let Some(workload) = own_service(framed, item, there, findings) {
                around.services.entry(at).or_insert(workload);
            }
        }
    }
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        let kind = (id.group.as_str(), id.kind.as_str());
        let place_of = (id.kind.clone(), id.namespace.clone(), id.name.clone());
        if let Some(notebook) = controllers.get(&place_of) {
            let message = format!(
                "Open Data Hub's controller is the author of this object of Notebook {notebook}: it takes back every \
                 difference, and deletes some with the Notebook; leave it out"
            );
            findings.push(place(
                framed,
                item,
                Finding::warning(message).at("metadata.name"),
                None,
            ));
            continue;
        }
        let taken = if [("", "Service"), ("apps", "StatefulSet")].contains(&kind)
            && notebooks.contains(&(id.namespace.as_str(), id.name.as_str()))
        {
            Some(format!(
                "the notebook controller makes a {} of this name for Notebook {}: it overwrites this one, or waits for ever \
                 for it to go; rename it",
                id.kind, id.name
            ))
        } else if kind == ("", "Service") {
            let workload = made.get(&(id.namespace.clone(), id.name.clone()));
            workload.map(|workload| {
                format!(
                    "KubeRay makes a Service of this name for {}, which does not start as long as this one is there; rename it",
                    workload.what
                )
            })
        } else {
            None
        };
        if let Some(message) = taken {
            let finding = Finding::warning(message).at("metadata.name");
            findings.push(place(framed, item, finding.found(id.name.clone()), None));
        } else if is_deleted(platform, item, &here) {
            findings.push(place(framed, item, ray_companion::deleted_route(&id.name), None));
        } else if ROADS.contains(&kind) {
            around.road(framed, item, findings);
        }
    }
}

/// Whether Open Data Hub's operator for Ray deletes a route: it has the name of a RayCluster.
fn is_deleted(platform: &Platform, item: &Item, here: &BTreeMap<&str, Vec<&Workload>>) -> bool {
    let id = &item.head.id;
    let beside = platform.ray.operator == Operator::OpenDataHub;
    let there = here.get(id.namespace.as_str()).map_or(&[][..], Vec::as_slice);
    beside
        && (id.group.as_str(), id.kind.as_str()) == ROADS[0]
        && there.iter().any(|workload| workload.is_ray_cluster(&id.name))
}

/// The ways to what is guarded.
#[derive(Default)]
struct Around<'a> {
    /// By namespace and name, the Services that lead there past the guard: a controller's, and the user's own.
    services: BTreeMap<(String, String), &'a Workload>,
    /// The paths of our own routes.
    paths: BTreeMap<&'a str, &'a Workload>,
}

/// What the controller makes for each Notebook: kind, namespace and name, and the Notebook.
fn controllers_objects<'a>(
    platform: &Platform,
    notebooks: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> BTreeMap<(String, String, String), String> {
    let mut objects = BTreeMap::new();
    for (namespace, name) in notebooks {
        let names = companion::Names::new(namespace, name);
        let others = names.others(name);
        let home = platform.applications_namespace.clone();
        let mut add = |kind: &str, place: &str, object: String| {
            let notebook = format!("{namespace}/{name}");
            objects.insert((kind.to_owned(), place.to_owned(), object), notebook);
        };
        add(companion::ROUTE, &home, names.route);
        add(companion::DELEGATOR, "", names.delegator);
        for (kind, object) in others {
            add(kind, namespace, object);
        }
    }
    objects
}

/// The one of these whose pods a Service of the user's own leads to, past the guard. Says so where it does from outside the
/// cluster.
fn own_service<'a>(
    framed: &Framed,
    item: &Item,
    here: &[&'a Workload],
    findings: &mut Vec<Finding>,
) -> Option<&'a Workload> {
    here.first()?;
    let value = item.piece(&framed.source).value().ok()?;
    let spec = &value["spec"];
    // A Service without a selector has no pods.
    let selector = spec["selector"]
        .as_object()
        .filter(|selector| !selector.is_empty())?;
    let ports = spec["ports"].as_array()?;
    let target = |port: &Value| {
        if port["targetPort"].is_null() {
            port["port"].clone()
        } else {
            port["targetPort"].clone()
        }
    };
    let selects = |labels: &BTreeMap<String, String>| {
        let mut all = selector.iter();
        all.all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
    };
    let workload = here.iter().find(|workload| {
        let past_the_guard = |port: &Value| !workload.is_harmless(&target(port));
        workload.pods.iter().any(selects) && ports.iter().any(past_the_guard)
    })?;
    let kind = ["NodePort", "LoadBalancer"]
        .iter()
        .any(|kind| spec["type"] == *kind);
    let external = spec["externalIPs"]
        .as_array()
        .is_some_and(|addresses| !addresses.is_empty());
    if kind || external {
        let message = format!(
            "leads from outside the cluster to {}'s pod, past the gateway and its login; remove it",
            workload.what
        );
        let field = if kind { "type" } else { "externalIPs" };
        let finding = Finding::warning(message)
            .at(format!("spec.{field}"))
            .found(spec[field].clone());
        findings.push(place(framed, item, finding, None));
    }
    Some(workload)
}

// === impl Around ===

impl Around<'_> {
    /// A route whose backend is a Service in front of the pods, or whose path is that of our own route.
    fn road(&self, framed: &Framed, item: &Item, findings: &mut Vec<Finding>) {
        let Ok(value) = item.piece(&framed.source).value() else {
            return;
        };
        let own = item.head.id.namespace.as_str();
        let mut said = BTreeSet::new();
        for (namespace, service, path) in backends(&value, own) {
            let here = (namespace, service);
            if let Some(workload) = self.services.get(&here).filter(|_| said.insert(here.clone())) {
                let message = format!(
                    "leads to a Service in front of {}'s pod, past the guard: whoever reaches it runs code in {}; remove it",
                    workload.what,
                    workload.inside()
                );
                let finding = Finding::warning(message).at(path).found(here.1);
                findings.push(place(framed, item, finding, None));
            }
        }
        for (rule, at) in value["spec"]["rules"].as_array().into_iter().flatten().zip(0..) {
            for (matched, index) in rule["matches"].as_array().into_iter().flatten().zip(0..) {
                let given = matched["path"]["value"].as_str().unwrap_or_default();
                let workload = self.paths.get(given.trim_end_matches('/'));
                if let Some(workload) = workload.filter(|_| !given.is_empty()) {
                    let message = format!(
                        "is the path of {}, which gets a route of its own: of two the older one wins; remove it",
                        workload.what
                    );
                    let path = format!("spec.rules[{at}].matches[{index}].path.value");
                    let finding = Finding::warning(message).at(path).found(given);
                    findings.push(place(framed, item, finding, None));
                }
            }
        }
    }
}

/// Whether an object is of a kind that leads requests to a Service.
pub(super) fn is_road(id: &ObjectId) -> bool {
    ROADS.contains(&(id.group.as_str(), id.kind.as_str()))
}

/// The Services that a route leads to: namespace, name, and where it says so.
pub(super) fn backends(value: &Value, own: &str) -> Vec<(String, String, String)> {
    let spec = &value["spec"];
    let mut found = Vec::new();
    let mut add = |namespace: Option<&str>, name: Option<&str>, path: String| {
        if let Some(name) = name {
            found.push((namespace.unwrap_or(own).to_owned(), name.to_owned(), path));
        }
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for (at, rule) in list(&spec["rules"]).iter().enumerate() {
        for (index, backend) in list(&rule["backendRefs"]).iter().enumerate() {
            let path = format!("spec.rules[{at}].backendRefs[{index}].name");
            add(backend["namespace"].as_str(), backend["name"].as_str(), path);
        }
        for (index, path) in list(&rule["http"]["paths"]).iter().enumerate() {
            let field = format!("spec.rules[{at}].http.paths[{index}].backend");
            add(
                None,
                path["backend"]["service"]["name"].as_str(),
                format!("{field}.service.name"),
            );
            add(
                None,
                path["backend"]["serviceName"].as_str(),
                format!("{field}.serviceName"),
            );
        }
    }
    add(
        None,
        spec["defaultBackend"]["service"]["name"].as_str(),
        "spec.defaultBackend.service.name".into(),
    );
    add(None, spec["to"]["name"].as_str(), "spec.to.name".into());
    for protocol in ["http", "tls", "tcp"] {
        for (at, rule) in list(&spec[protocol]).iter().enumerate() {
            for (index, route) in list(&rule["route"]).iter().enumerate() {
                let path = format!("spec.{protocol}[{at}].route[{index}].destination.host");
                let mut parts = route["destination"]["host"]
                    .as_str()
                    .unwrap_or_default()
                    .split('.');
                let name = parts.next().filter(|name| !name.is_empty());
                add(parts.next(), name, path);
            }
        }
    }
    for (index, backend) in list(&spec["alternateBackends"]).iter().enumerate() {
        add(
            None,
            backend["name"].as_str(),
            format!("spec.alternateBackends[{index}].name"),
        );
    }
    found
}
