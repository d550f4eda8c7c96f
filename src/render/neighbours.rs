//! The user's own objects beside a Notebook: names that its controller needs, and roads that lead past the guard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Batch, Framed, generated, items, place};
use crate::input::notebook::Notebook;
use crate::input::platform::Operator;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::model::companion;
use crate::model::names::notebook_path;
use crate::model::notebook::all_pod_labels;
use crate::model::platform::Platform;

/// Kinds that lead requests to a Service: group, kind.
const ROADS: [(&str, &str); 7] = [
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gateway.networking.k8s.io", "TCPRoute"),
    ("networking.k8s.io", "Ingress"),
    ("extensions", "Ingress"),
    ("route.openshift.io", "Route"),
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
            } else if id.kind == "Service" {
                published_service(framed, item, &notebooks, findings);
            }
        } else if ROADS.contains(&kind) {
            road(framed, item, &notebooks, &paths, findings);
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

/// A Service of its own that opens a Notebook's pods to what is outside the cluster.
fn published_service(
    framed: &Framed,
    item: &Item,
    notebooks: &BTreeMap<(&str, &str), &Notebook>,
    findings: &mut Vec<Finding>,
) {
    let namespace = item.head.id.namespace.as_str();
    let mut here = notebooks
        .range((namespace, "")..)
        .take_while(|((other, _), _)| *other == namespace)
        .peekable();
    if here.peek().is_none() {
        return;
    }
    let Ok(value) = item.piece(&framed.source).value() else {
        return;
    };
    let published = ["NodePort", "LoadBalancer"]
        .iter()
        .any(|kind| value["spec"]["type"] == *kind);
    let Some(selector) = value["spec"]["selector"].as_object().filter(|_| published) else {
        return;
    };
    for ((_, name), notebook) in here {
        let labels = all_pod_labels(notebook);
        if selector
            .iter()
            .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
        {
            let message = format!(
                "leads from outside the cluster to Notebook {name}'s pod, past the gateway and its login; remove it"
            );
            let finding = Finding::warning(message)
                .at("spec.type")
                .found(value["spec"]["type"].clone());
            findings.push(place(framed, item, finding, None));
        }
    }
}

/// A route whose backend is the Service that the notebook controller makes, or whose path is a Notebook's.
fn road(
    framed: &Framed,
    item: &Item,
    notebooks: &BTreeMap<(&str, &str), &Notebook>,
    paths: &BTreeMap<String, &str>,
    findings: &mut Vec<Finding>,
) {
    let Ok(value) = item.piece(&framed.source).value() else {
        return;
    };
    let own = item.head.id.namespace.as_str();
    let mut said = BTreeSet::new();
    for (namespace, service, path) in backends(&value, own) {
        if notebooks.contains_key(&(namespace.as_str(), service.as_str()))
            && said.insert((namespace.clone(), service.clone()))
        {
            let message = format!(
                "leads to Notebook {service}'s own Service, past the guard: whoever reaches it runs code in the Notebook; \
                 remove it"
            );
            findings.push(place(
                framed,
                item,
                Finding::warning(message).at(path).found(service),
                None,
            ));
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

/// The Services that a route leads to: namespace, name, and where it says so.
fn backends(value: &Value, own: &str) -> Vec<(String, String, String)> {
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
    for (index, backend) in list(&spec["alternateBackends"]).iter().enumerate() {
        add(
            None,
            backend["name"].as_str(),
            format!("spec.alternateBackends[{index}].name"),
        );
    }
    found
}
