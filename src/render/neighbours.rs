//! The user's own objects beside a Notebook: names that its controller needs, and roads that lead past the guard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Batch, Framed, generated, items, place};
use crate::input::notebook::Notebook;
use crate::input::platform::Operator;
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::model::companion;
use crate::model::names::notebook_path;
use crate::model::notebook::{GUARD, GUARD_PORT, all_pod_labels};
use crate::model::platform::Platform;

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

/// Warns of every object that takes a name of the notebook controller's, and of every road to a Notebook but its own. Takes
/// all Notebooks, each with its namespace.
pub(super) fn check<'a>(
    batch: &Batch,
    platform: &Platform,
    notebooks: impl Iterator<Item = (&'a str, &'a Notebook)>,
    findings: &mut Vec<Finding>,
) {
    let notebooks: BTreeMap<(&str, &str), &Notebook> = notebooks
        .map(|(namespace, notebook)| ((namespace, notebook.name.as_str()), notebook))
        .collect();
    let paths: BTreeMap<String, &str> = notebooks
        .keys()
        .map(|(namespace, name)| (notebook_path(namespace, name), *name))
        .collect();
    let controllers = match platform.notebook_controller {
        Operator::OpenDataHub => controllers_objects(platform, notebooks.keys()),
        Operator::None => BTreeMap::new(),
    };
    // By namespace and name, the Services that lead to a Notebook past its guard: the controller's, and the user's own.
    let mut services: BTreeMap<(String, String), String> = notebooks
        .keys()
        .map(|(namespace, name)| (((*namespace).to_owned(), (*name).to_owned()), (*name).to_owned()))
        .collect();
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        if id.group.is_empty() && id.kind == "Service" {
            let here = (id.namespace.clone(), id.name.clone());
            let selected = own_service(framed, item, &notebooks, findings);
            services.extend(
                selected
                    .filter(|_| !services.contains_key(&here))
                    .map(|name| (here.clone(), name)),
            );
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
        if [("", "Service"), ("apps", "StatefulSet")].contains(&kind) {
            if notebooks.contains_key(&(id.namespace.as_str(), id.name.as_str())) {
                let message = format!(
                    "the notebook controller makes a {} of this name for Notebook {}: it overwrites this one, or waits for \
                     ever for it to go; rename it",
                    id.kind, id.name
                );
                let finding = Finding::warning(message)
                    .at("metadata.name")
                    .found(id.name.clone());
                findings.push(place(framed, item, finding, None));
            }
        } else if ROADS.contains(&kind) {
            road(framed, item, &services, &paths, findings);
        }
    }
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

/// The Notebook whose pods a Service of the user's own leads to, past the guard. Says so where it does from outside the
/// cluster.
fn own_service(
    framed: &Framed,
    item: &Item,
    notebooks: &BTreeMap<(&str, &str), &Notebook>,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let namespace = item.head.id.namespace.as_str();
    let mut here = notebooks
        .range((namespace, "")..)
        .take_while(|((other, _), _)| *other == namespace)
        .peekable();
    here.peek()?;
    let value = item.piece(&framed.source).value().ok()?;
    let spec = &value["spec"];
    // A Service without a selector has no pods.
    let selector = spec["selector"]
        .as_object()
        .filter(|selector| !selector.is_empty())?;
    let ports = spec["ports"].as_array()?;
    let leads_to_the_guard = |port: &Value| {
        let target = if port["targetPort"].is_null() {
            &port["port"]
        } else {
            &port["targetPort"]
        };
        *target == GUARD_PORT || *target == GUARD
    };
    if ports.iter().all(leads_to_the_guard) {
        return None;
    }
    let (_, notebook) = here.find(|(_, notebook)| {
        let labels = all_pod_labels(notebook);
        let mut all = selector.iter();
        all.all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
    })?;
    let kind = ["NodePort", "LoadBalancer"]
        .iter()
        .any(|kind| spec["type"] == *kind);
    let external = spec["externalIPs"]
        .as_array()
        .is_some_and(|addresses| !addresses.is_empty());
    if kind || external {
        let message = format!(
            "leads from outside the cluster to Notebook {}'s pod, past the gateway and its login; remove it",
            notebook.name
        );
        let field = if kind { "type" } else { "externalIPs" };
        let finding = Finding::warning(message)
            .at(format!("spec.{field}"))
            .found(spec[field].clone());
        findings.push(place(framed, item, finding, None));
    }
    Some(notebook.name.clone())
}

/// A route whose backend is the Service that the notebook controller makes, or whose path is a Notebook's.
fn road(
    framed: &Framed,
    item: &Item,
    services: &BTreeMap<(String, String), String>,
    paths: &BTreeMap<String, &str>,
    findings: &mut Vec<Finding>,
) {
    let Ok(value) = item.piece(&framed.source).value() else {
        return;
    };
    let own = item.head.id.namespace.as_str();
    let mut said = BTreeSet::new();
    for (namespace, service, path) in backends(&value, own) {
        let here = (namespace, service);
        if let Some(notebook) = services.get(&here).filter(|_| said.insert(here.clone())) {
            let message = format!(
                "leads to a Service in front of Notebook {notebook}'s pod, past the guard: whoever reaches it runs code in the \
                 Notebook; remove it"
            );
            let finding = Finding::warning(message).at(path).found(here.1);
            findings.push(place(framed, item, finding, None));
        }
    }
    for (rule, at) in value["spec"]["rules"].as_array().into_iter().flatten().zip(0..) {
        for (matched, index) in rule["matches"].as_array().into_iter().flatten().zip(0..) {
            let given = matched["path"]["value"].as_str().unwrap_or_default();
            if let Some(name) = paths
                .get(given.trim_end_matches('/'))
                .filter(|_| !given.is_empty())
            {
                let message = format!(
                    "is the path of Notebook {name}, which gets a route of its own: of two the older one wins; remove it"
                );
                let path = format!("spec.rules[{at}].matches[{index}].path.value");
                findings.push(place(
                    framed,
                    item,
                    Finding::warning(message).at(path).found(given),
                    None,
                ));
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
