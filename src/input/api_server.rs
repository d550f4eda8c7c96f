//! KubeRay's API server: the fields we need of its Deployment, and of the Services that lead to its pods.
//!
//! Source of the shapes: `k8s.io/api` `apps/v1` and `core/v1`, as ray-project/kuberay `helm-chart/kuberay-apiserver` and
//! `apiserver/deploy/base` fill them in. Takes the value as kubectl reads it; everything not named here is the user's.

use std::collections::BTreeMap;

use serde_json::Value;

use super::place::{Place, Reader};
use super::pod::{self, Pod};
use crate::krm::results::Finding;

/// API group of Deployments.
pub const GROUP: &str = "apps";
/// The version of it that is read.
pub const VERSION: &str = "v1";
/// The kind.
pub const KIND: &str = "Deployment";
/// Where the pod spec is.
pub const POD_SPEC: &str = "spec.template.spec";

/// The fields of a Deployment that this crate reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `spec.selector.matchLabels`
    pub selector: BTreeMap<String, String>,
    /// `spec.template.metadata.labels`
    pub pod_labels: BTreeMap<String, String>,
    /// `spec.template.spec`
    pub pod: Pod,
}

/// The fields of a Service that this crate reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `spec.selector`
    pub selector: BTreeMap<String, String>,
    /// `spec.ports`
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// `port`
    pub number: u16,
    /// `targetPort` where it is a number.
    pub target: Option<u16>,
    /// `targetPort` where it is the name of a container's port; empty where it is not.
    pub target_name: String,
}

/// Labels of the pods and images of the containers in a value that may be a Deployment: enough to tell whose it is.
pub fn glance(value: &Value) -> (BTreeMap<&str, &str>, Vec<&str>) {
    let template = &value["spec"]["template"];
    let labels = template["metadata"]["labels"].as_object().into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let images = containers.filter_map(|container| container["image"].as_str());
    (labels.collect(), images.collect())
}

/// Reads a Deployment.
///
/// # Errors
/// All fields of the wrong type, at once.
pub fn read(value: &Value) -> Result<Deployment, Vec<Finding>> {
    let mut reader = Reader { findings: Vec::new() };
    let root = Place::root(value);
    let metadata = root.field("metadata");
    let spec = root.field("spec");
    let template = spec.field("template");
    for place in [&metadata, &spec, &template, &template.field("spec")] {
        reader.mapping(place);
    }
    let deployment = Deployment {
        name: reader.text(&metadata.field("name")),
        namespace: reader.text(&metadata.field("namespace")),
        selector: reader.texts(&spec.field("selector").field("matchLabels")),
        pod_labels: reader.texts(&template.field("metadata").field("labels")),
        pod: pod::read(&mut reader, &template.field("spec")),
    };
    reader
        .findings
        .is_empty()
        .then_some(deployment)
        .ok_or(reader.findings)
}

/// Reads a Service.
///
/// # Errors
/// All fields of the wrong type, at once.
pub fn read_service(value: &Value) -> Result<Service, Vec<Finding>> {
    let mut reader = Reader { findings: Vec::new() };
    let root = Place::root(value);
    let metadata = root.field("metadata");
    let spec = root.field("spec");
    for place in [&metadata, &spec] {
        reader.mapping(place);
    }
    let port = |reader: &mut Reader, place: &Place<'_>| {
        let target = place.field("targetPort");
        ServicePort {
            number: reader.number(&place.field("port")),
            target: target.value.is_number().then(|| reader.number(&target)),
            target_name: target.lenient(),
        }
    };
    let service = Service {
        name: reader.text(&metadata.field("name")),
        namespace: reader.text(&metadata.field("namespace")),
        labels: reader.texts(&metadata.field("labels")),
        selector: reader.texts(&spec.field("selector")),
        ports: reader.list(&spec.field("ports"), port),
    };
    reader
        .findings
        .is_empty()
        .then_some(service)
        .ok_or(reader.findings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn targets_are_numbers_names_or_nothing() {
        let value = json!({"metadata": {"name": "s"}, "spec": {"ports": [
            {"port": 8888, "targetPort": 8988}, {"port": 8887, "targetPort": "grpc"}, {"port": 80}
        ]}});
        let ports = read_service(&value).unwrap().ports;
        let all: Vec<(u16, Option<u16>, &str)> = ports
            .iter()
            .map(|port| (port.number, port.target, port.target_name.as_str()))
            .collect();
        assert_eq!(
            all,
            [(8888, Some(8988), ""), (8887, None, "grpc"), (80, None, "")]
        );
    }

    #[test]
    fn every_wrong_type_is_named() {
        let value = json!({"metadata": {"name": 1}, "spec": {"selector": {"matchLabels": []}, "template": {"spec": 2}}});
        let lines: Vec<String> = read(&value).unwrap_err().iter().map(Finding::to_line).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
    }
}
