//! kube-rbac-proxy's `--config-file`, as its forks read it: which questions it makes a program ask.
//!
//! Source: brancz/kube-rbac-proxy `pkg/authz/auth.go`, `pkg/proxy/proxy.go`; opendatahub-io's `pkg/authz/endpoints.go`. Files are read
//! by `sigs.k8s.io/yaml`: YAML 1.1, keys in any case, unknown keys dropped, words that are no text made into text.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fault::What;
use crate::access::answer::Review;
use crate::access::workloads::{RAY, ray_resource};

/// The verbs that HTTP methods become.
pub(super) const METHODS: [&str; 6] = ["get", "create", "update", "patch", "delete", "*"];
/// The keys of `resourceAttributes`.
const KEYS: [&str; 7] = [
    "namespace",
    "apiGroup",
    "apiVersion",
    "resource",
    "subresource",
    "name",
    "verb",
];

/// What a configuration says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// The question of every request.
    pub review: Option<Review>,
    /// Questions of single paths, by the field that holds them.
    pub further: Vec<(String, Review)>,
    /// Users who pass without a question, with their verbs and by the field.
    pub users: Vec<(String, String, BTreeSet<String>)>,
    /// What is wrong, by the field below the file's root.
    pub faults: Vec<(String, What)>,
}

/// Which verbs a program asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbs {
    /// Those that methods become, whatever is configured.
    OfMethods,
    /// The configured one.
    Configured,
    /// It is not known which of the two.
    Either,
}

/// Reads a configuration.
pub(super) fn read(file: &Value, verbs: Verbs) -> Config {
    let mut config = Config::default();
    if let Some(name) = spelled_twice(file) {
        config.faults.push((String::new(), What::KeyTwice(name.clone())));
    }
    let Some(authorization) = key(file, "authorization").filter(|value| value.is_object()) else {
        config.faults.push((String::new(), What::AsksNothing));
        return config;
    };
    let clients = key(authorization, "rewrites").is_some_and(|value| !value.is_null());
    match key(authorization, "resourceAttributes").filter(|value| value.is_object()) {
        Some(attributes) => {
            let place = "authorization.resourceAttributes";
            config.review = Some(review(attributes, place, verbs, clients, &mut config.faults));
        }
        None => config.faults.push(("authorization".to_owned(), What::AsksByPath)),
    }
    statics(authorization, &mut config);
    endpoints(authorization, verbs, &mut config);
    config
}

fn review(
    attributes: &Value,
    place: &str,
    verbs: Verbs,
    clients: bool,
    faults: &mut Vec<(String, What)>,
) -> Review {
    let mut word = |name: &str| -> String {
        let value = key(attributes, name);
        let text = value.map(go_text).unwrap_or_default();
        let here = format!("{place}.{name}");
        if clients && text.contains("{{") {
            faults.push((here, What::ClientNames(name.to_owned())));
        } else if value.is_some_and(|value| !value.is_string()) {
            faults.push((
                here,
                What::ReadAs {
                    field: name.to_owned(),
                    read: text.clone(),
                    meant: String::new(),
                },
            ));
        }
        text
    };
    let verb = word("verb");
    let mut review = Review {
        group: word("apiGroup"),
        resource: word("resource"),
        subresource: word("subresource"),
        namespace: word("namespace"),
        name: word("name"),
        verbs: BTreeSet::new(),
    };
    if !verb.is_empty() && verbs != Verbs::OfMethods {
        review.verbs.insert(verb.clone());
    }
    if verb.is_empty() || verbs != Verbs::Configured {
        review.verbs.extend(METHODS.map(str::to_owned));
    }
    let meant = attributes.as_object().into_iter().flatten().map(|(key, _)| key);
    let dropped = meant
        .filter(|key| !KEYS.iter().any(|known| folded(known) == folded(key)))
        .find(|key| key.to_ascii_lowercase().contains("name"));
    if review.name.is_empty() {
        faults.push((
            place.to_owned(),
            What::AllNames {
                asked: review.clone(),
                dropped: dropped.cloned(),
            },
        ));
    }
    if review.namespace.is_empty() {
        faults.push((
            place.to_owned(),
            What::AllNamespaces {
                asked: review.clone(),
            },
        ));
    }
    review
}

/// Static rules: whom they name passes unasked. Groups are not compared, so a rule without a user is for everybody.
fn statics(authorization: &Value, config: &mut Config) {
    let Some(rules) = key(authorization, "static").and_then(Value::as_array) else {
        return;
    };
    for (index, rule) in rules.iter().enumerate() {
        let text = |name: &str| key(rule, name).map(go_text).unwrap_or_default();
        let place = format!("authorization.static[{index}]");
        let of_resources = key(rule, "resourceRequest") == Some(&Value::Bool(true));
        let fits = match &config.review {
            Some(review) => {
                of_resources
                    && [
                        ("namespace", &review.namespace),
                        ("apiGroup", &review.group),
                        ("resource", &review.resource),
                        ("subresource", &review.subresource),
                        ("name", &review.name),
                    ]
                    .iter()
                    .all(|(name, asked)| text(name).is_empty() || text(name) == **asked)
            }
            None => !of_resources,
        };
        if !fits {
            continue;
        }
        let user = key(rule, "user").and_then(|user| key(user, "name")).map(go_text);
        let verb = text("verb");
        let verbs: BTreeSet<String> = if verb.is_empty() {
            METHODS.map(str::to_owned).into()
        } else {
            BTreeSet::from([verb])
        };
        match user.filter(|user| !user.is_empty()) {
            Some(user) => config.users.push((place, user, verbs)),
            None => config.faults.push((place, What::StaticForEverybody)),
        }
    }
}

/// Questions of single paths: Open Data Hub's addition, which other forks do not see.
fn endpoints(authorization: &Value, verbs: Verbs, config: &mut Config) {
    let lists = |value: &Value, name: &str| -> Vec<Value> {
        key(value, name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for (at, endpoint) in lists(authorization, "endpoints").iter().enumerate() {
        for (mapping_at, mapping) in lists(endpoint, "mappings").iter().enumerate() {
            for (resource_at, resource) in lists(mapping, "resources").iter().enumerate() {
                let place = format!(
                    "authorization.endpoints[{at}].mappings[{mapping_at}].resources[{resource_at}].resourceAttributes"
                );
                let clients = key(resource, "rewrites").is_some_and(|value| !value.is_null());
                if let Some(attributes) = key(resource, "resourceAttributes") {
                    let review = review(attributes, &place, verbs, clients, &mut config.faults);
                    config.further.push((place, review));
                }
            }
        }
    }
}

/// A key as Go's JSON finds it: as it is written, or in any case.
pub(super) fn key<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).or_else(|| {
        let mut entries = value.as_object()?.iter();
        entries
            .find(|(key, _)| folded(key) == folded(name))
            .map(|(_, value)| value)
    })
}

/// A key as Go's JSON compares it: it takes the long s and the Kelvin sign for letters too.
fn folded(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

/// A key that stands beside another spelling of itself. Go's JSON takes one after the other, and the last counts.
fn spelled_twice(value: &Value) -> Option<&String> {
    match value {
        Value::Object(entries) => {
            let mut known = BTreeSet::new();
            entries
                .keys()
                .find(|key| !known.insert(folded(key)))
                .or_else(|| entries.values().find_map(spelled_twice))
        }
        Value::Array(items) => items.iter().find_map(spelled_twice),
        _ => None,
    }
}

/// A value as the text that Go's YAML makes of it where text is wanted.
fn go_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => whole.to_string(),
            (_, Some(whole), _) => whole.to_string(),
            (.., Some(float)) => go_float(float),
            _ => number.to_string(),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits; an exponent below 1e-4 and from 1e21 on.
fn go_float(value: f64) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..21).contains(&exponent) {
        return plain;
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// What a question is held against: the workload that is guarded.
pub(super) fn fitting(review: &Review, workload: &crate::krm::object_id::ObjectId) -> Option<What> {
    let (group, resource, services): (&str, &str, Vec<String>) =
        match (workload.kind.as_str(), ray_resource(&workload.kind)) {
            ("Notebook", _) => ("kubeflow.org", "notebooks", Vec::new()),
            // KubeRay's own name for the head's Service; of RayJobs and RayServices it makes up the names.
            ("RayCluster", Some(resource)) => (RAY, resource, vec![format!("{}-head-svc", workload.name)]),
            (_, Some(resource)) => (RAY, resource, Vec::new()),
            // Any other object may stand for a Deployment; another Deployment may not.
            ("Deployment", _) if review.group == "apps" && review.resource == "deployments" => {
                ("apps", "deployments", Vec::new())
            }
            _ => return None,
        };
    let own = review.group == group && review.resource == resource;
    let its_service = review.group.is_empty() && review.resource == "services";
    let name_fits = review.name.is_empty()
        || (own && review.name == workload.name)
        || (its_service && services.contains(&review.name));
    let namespace_fits = review.namespace.is_empty() || review.namespace == workload.namespace;
    if (own || its_service && !services.is_empty()) && name_fits && namespace_fits {
        return None;
    }
    Some(What::OtherObject {
        asked: review.clone(),
        guarded: format!("{resource} {} in {}", workload.name, workload.namespace),
    })
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
