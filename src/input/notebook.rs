//! `kubeflow.org` Notebook: the fields we need of it, read from a value with every wrong type named.
//!
//! Takes the value as kubectl reads it, so an unquoted `true` in an annotation is the boolean that an API server would
//! refuse. Everything not named here is the user's and never looked at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::place::{Place, Reader};
use super::pod::{self, Pod};
use crate::krm::results::Finding;

/// API group of Notebooks.
pub const GROUP: &str = "kubeflow.org";
/// Kind of Notebooks.
pub const KIND: &str = "Notebook";
/// The versions that the Notebook CRD serves.
pub const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha1"];
/// Where the pod spec is.
pub const POD_SPEC: &str = "spec.template.spec";

/// The fields of a Notebook that this crate reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notebook {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`
    pub annotations: BTreeMap<String, String>,
    /// `metadata.finalizers`
    pub finalizers: Vec<String>,
    /// `spec.template.spec`
    pub pod: Pod,
}

/// Reads a Notebook.
///
/// # Errors
/// All fields of the wrong type, at once.
pub fn read(value: &Value) -> Result<Notebook, Vec<Finding>> {
    let mut reader = Reader { findings: Vec::new() };
    let metadata = Place::root(value).field("metadata");
    let template = Place::root(value).field("spec").field("template");
    for place in [
        &metadata,
        &Place::root(value).field("spec"),
        &template,
        &template.field("spec"),
    ] {
        reader.mapping(place);
    }
    let notebook = Notebook {
        name: reader.text(&metadata.field("name")),
        namespace: reader.text(&metadata.field("namespace")),
        labels: reader.texts(&metadata.field("labels")),
        annotations: reader.texts(&metadata.field("annotations")),
        finalizers: reader.list(&metadata.field("finalizers"), Reader::text),
        pod: pod::read(&mut reader, &template.field("spec")),
    };
    if reader.findings.is_empty() {
        Ok(notebook)
    } else {
        Err(reader.findings)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_fields_is_a_mapping() {
        for (value, path) in [
            (json!({"metadata": "x"}), "metadata"),
            (json!({"spec": "x"}), "spec"),
            (json!({"spec": {"template": ["x"]}}), "spec.template"),
            (json!({"spec": {"template": {"spec": 1}}}), "spec.template.spec"),
        ] {
            let lines: Vec<String> = read(&value).unwrap_err().iter().map(Finding::to_line).collect();
            assert!(
                lines[0].starts_with(&format!("error: {path}: must be a mapping")),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn every_wrong_type_is_named() {
        let value = json!({
            "metadata": {"name": true, "annotations": {"notebooks.opendatahub.io/inject-auth": true}},
            "spec": {"template": {"spec": {"containers": [{"name": 1, "ports": [{"containerPort": "8888"}]}], "volumes": {}}}}
        });
        let lines: Vec<String> = read(&value).unwrap_err().iter().map(Finding::to_line).collect();
        assert_eq!(
            lines,
            [
                "error: metadata.name: must be text; quote it (found true; write \"true\")",
                "error: metadata.annotations[\"notebooks.opendatahub.io/inject-auth\"]: must be text; quote it (found true; write \"true\")",
                "error: spec.template.spec.containers[0].name: must be text; quote it (found 1; write \"1\")",
                "error: spec.template.spec.containers[0].ports[0].containerPort: must be a port number from 1 to 65535 (found \"8888\")",
                "error: spec.template.spec.volumes: must be a list (found {})",
            ]
        );
    }
}
