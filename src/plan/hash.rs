//! Hashes of content, by which an edit by another hand is seen.

use serde_json::{Map, Value};

use crate::krm::annotations;
use crate::model::digest::sha256;
use crate::model::keys;

/// Hash of a value: of its JSON with all fields sorted.
pub fn of(value: &Value) -> String {
    sha256(&sorted(value).to_string())
}

/// The labels that we write. What others add beside them is theirs.
const OWN_LABELS: [&str; 6] = [
    annotations::MANAGED_BY,
    keys::NOTEBOOK_NAME,
    keys::NOTEBOOK_NAMESPACE,
    keys::ISTIO_REVISION,
    keys::RAY_ROUTE_CLUSTER,
    keys::RAY_ROUTE_NAMESPACE,
];

/// A generated object without what others may add to it: foreign labels and annotations, and its own hash.
pub fn own_part(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        keep(metadata, "labels", |key| OWN_LABELS.contains(&key));
        keep(metadata, "annotations", |key| {
            key != keys::CONTENT_HASH && is_own_annotation(key)
        });
    }
    object
}

/// Whether an annotation on a generated object is ours.
pub fn is_own_annotation(key: &str) -> bool {
    key.starts_with("gatewright.dev/") || keys::OWN_ANNOTATIONS.contains(&key)
}

/// Whether a label on a generated object is ours.
pub fn is_own_label(key: &str) -> bool {
    OWN_LABELS.contains(&key)
}

fn keep(metadata: &mut Map<String, Value>, field: &str, wanted: impl Fn(&str) -> bool) {
    let Some(Value::Object(fields)) = metadata.get_mut(field) else {
        return;
    };
    fields.retain(|key, _| wanted(key));
    if fields.is_empty() {
        metadata.remove(field);
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            Value::Object(
                names
                    .into_iter()
                    .map(|name| (name.clone(), sorted(&fields[name])))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}
