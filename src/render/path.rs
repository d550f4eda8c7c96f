//! Where an object is kept: one file each, under a name that no other object has.

use serde_json::{Value, json};

use crate::krm::annotations;
use crate::krm::object_id::ObjectId;
use crate::manifests::Object;
use crate::model::digest::sha256;

/// The folder of generated objects in a package.
const FOLDER: &str = "gatewright";
/// File names longer than this (bytes) are cut and get a hash; file systems end at 255.
const MAX_NAME: usize = 200;

/// `NAMESPACE/KIND[.GROUP]_NAME.yaml`, without the namespace for objects that name none.
pub fn file_of(id: &ObjectId) -> String {
    let kind = id.kind.to_lowercase();
    let kind = if id.group.is_empty() {
        kind
    } else {
        format!("{kind}.{}", id.group)
    };
    let mut name = format!("{kind}_{}", id.name);
    if name.len() > MAX_NAME {
        let hash: String = sha256(&id.reference()).chars().take(16).collect();
        let head: String = name.chars().take(MAX_NAME - 20).collect();
        name = format!("{head}-{hash}");
    }
    let name = safe(&name);
    if id.namespace.is_empty() {
        return format!("{name}.yaml");
    }
    let mut folder = safe(&id.namespace);
    if folder != id.namespace {
        // Not a name that a cluster takes; still a folder of its own, and inside.
        let hash: String = sha256(&id.namespace).chars().take(16).collect();
        folder = format!("{folder}-{hash}");
    }
    format!("{folder}/{name}.yaml")
}

/// A text as one visible entry of a folder.
fn safe(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let mut safe: String = text.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if safe.starts_with('.') {
        safe.insert(0, '_');
    }
    safe
}

/// A new object, with the annotations that tell an orchestrator which file to write it to.
pub fn placed(object: Object, with_path: bool) -> Value {
    let mut value = object.value;
    if with_path {
        let path = format!("{FOLDER}/{}", file_of(&object.id));
        for (key, text) in [
            (annotations::PATH, path.as_str()),
            (annotations::LEGACY_PATH, path.as_str()),
            (annotations::INDEX, "0"),
            (annotations::LEGACY_INDEX, "0"),
        ] {
            value["metadata"]["annotations"][key] = json!(text);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_has_a_file_of_its_own() {
        let id = |api: &str, kind: &str, ns: &str, name: &str| file_of(&ObjectId::new(api, kind, ns, name));
        assert_eq!(id("v1", "Service", "ns", "a"), "ns/service_a.yaml");
        assert_eq!(
            id("serving.knative.dev/v1", "Service", "ns", "a"),
            "ns/service.serving.knative.dev_a.yaml"
        );
        assert_eq!(
            id("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:a"),
            "clusterrole.rbac.authorization.k8s.io_system:a.yaml"
        );
        let long = "a".repeat(253);
        assert!(id("g/v1", "K", "", &long).len() < 230);
        assert_ne!(
            id("g/v1", "K", "", &long),
            id("g/v1", "K", "", &format!("{}b", &long[1..]))
        );
        assert_eq!(id("v1", "K", "", "../../x"), "k_.._.._x.yaml");
        for namespace in ["../evil", "/evil", ".git", "..", "a/b", "a\\b"] {
            let file = id("v1", "K", namespace, "x");
            assert_eq!(file.matches('/').count(), 1, "{file}");
            assert!(!file.starts_with('.') && !file.starts_with('/'), "{file}");
        }
        assert_ne!(id("v1", "K", "a/b", "x"), id("v1", "K", "a_b", "x"));
    }
}
