//! What tests of this room share: manifests out of files and texts, and their pods.

use serde_json::Value;

use super::pod::Pod;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::krm::yaml::Piece;

/// The objects of a text.
pub(crate) fn objects(text: &str) -> Vec<Object> {
    let text = text.strip_prefix("---\n").unwrap_or(text);
    text.split("\n---\n")
        .filter_map(|document| {
            let value: Value = Piece::new(document, 0..document.len(), 0).value().unwrap();
            let word = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let id = ObjectId::new(
                word("/apiVersion"),
                word("/kind"),
                word("/metadata/namespace"),
                word("/metadata/name"),
            );
            (!value.is_null()).then_some(Object {
                id,
                value,
                place: None,
            })
        })
        .collect()
}

/// The objects of a file of the repository.
pub(crate) fn file(path: &str) -> Vec<Object> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    objects(&std::fs::read_to_string(root.join(path)).unwrap())
}

/// The pods of workloads, as far as these tests need them.
pub(crate) fn pods(objects: &[Object]) -> Vec<Pod<'_>> {
    let fields: [(&str, &[&str], &'static str); 4] = [
        ("Notebook", &["spec", "template", "spec"], ""),
        ("Deployment", &["spec", "template", "spec"], ""),
        (
            "RayCluster",
            &["spec", "headGroupSpec", "template", "spec"],
            "head",
        ),
        ("Pod", &["spec"], ""),
    ];
    let mut pods = Vec::new();
    for object in objects {
        for (kind, path, part) in fields {
            if object.id.kind != kind {
                continue;
            }
            let Some(spec) = super::fields::at(&object.value, path) else {
                continue;
            };
            pods.push(Pod {
                workload: object.id.clone(),
                part,
                object,
                field: path.join("."),
                spec,
                labels: std::collections::BTreeMap::new(),
                perhaps: Vec::new(),
            });
        }
    }
    pods
}
