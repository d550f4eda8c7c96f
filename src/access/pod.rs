//! The pods that a workload will have, as far as its template says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::Hop;
use super::labels::Known;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// A pod template, and whose it is.
#[derive(Debug, Clone)]
pub struct Pod<'a> {
    /// The workload that people know: the Notebook rather than its `StatefulSet`.
    pub workload: ObjectId,
    /// `head` or `worker` of a RayCluster; else empty.
    pub part: &'static str,
    /// The object that holds the template.
    pub object: &'a Object,
    /// The path of the pod's spec in it, as in `spec.template.spec`.
    pub field: String,
    /// The pod's spec.
    pub spec: &'a Value,
    /// The labels that the pod will carry for certain.
    pub labels: BTreeMap<String, String>,
    /// Label keys that a controller may add with values that are not known here.
    pub perhaps: Vec<&'static str>,
}

// === impl Pod ===

impl<'a> Pod<'a> {
    /// Its namespace.
    pub fn namespace(&self) -> &'a str {
        &self.object.id.namespace
    }

    /// What is known of its labels.
    pub fn known(&self) -> Known<'_> {
        Known {
            certain: &self.labels,
            perhaps: &self.perhaps,
            open: false,
        }
    }

    /// The TCP ports that its containers declare by a name.
    pub fn ports_named(&self, name: &str) -> BTreeSet<u16> {
        let ports = self.containers().flat_map(|(_, container)| declared(container));
        ports
            .filter(|port| port.get("name").and_then(Value::as_str) == Some(name))
            .filter_map(number)
            .collect()
    }

    /// A place in its spec, as in `containers[1].args[0]`.
    pub fn hop(&self, field: &str, says: impl Into<String>) -> Hop {
        let path = match field {
            "" => self.field.clone(),
            field => format!("{}.{field}", self.field),
        };
        Hop {
            object: self.object.id.clone(),
            field: path,
            says: says.into(),
        }
    }

    /// Its containers with their paths: those that run beside each other, restartable init containers included.
    pub fn containers(&self) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
        let list = |name: &'static str| {
            let spec = self.spec;
            let all = spec.get(name).and_then(Value::as_array);
            all.into_iter()
                .flatten()
                .enumerate()
                .map(move |(index, container)| (format!("{name}[{index}]"), container))
        };
        let sidecars = list("initContainers").filter(|(_, container)| {
            container.get("restartPolicy").and_then(Value::as_str) == Some("Always")
        });
        let running: Vec<(String, &'a Value)> = list("containers").chain(sidecars).collect();
        running.into_iter()
    }
}

/// The TCP ports that a container declares.
pub fn declared(container: &Value) -> impl Iterator<Item = &Value> {
    let ports = container.get("ports").and_then(Value::as_array);
    ports.into_iter().flatten().filter(|port| is_tcp(port))
}

/// Whether a port is one of TCP, as it is where nothing else is said.
pub fn is_tcp(port: &Value) -> bool {
    let protocol = port.get("protocol").and_then(Value::as_str);
    protocol.is_none_or(|protocol| matches!(protocol, "" | "TCP"))
}

/// The number of a declared port.
pub fn number(port: &Value) -> Option<u16> {
    port.get("containerPort")?.as_u64()?.try_into().ok()
}
