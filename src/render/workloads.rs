//! What is guarded, as the user's own objects around it see it: its pods' labels, the ports that may be open, and the names and
//! paths that lead to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::input::notebook::{KIND, Notebook};
use crate::input::ray::{Cluster, Document, Kind};
use crate::model::names::notebook_path;
use crate::model::notebook::{GUARD, GUARD_PORT, all_pod_labels};
use crate::model::ray::meaning;
use crate::model::ray::{Door, METRICS_PORT, SERVE_PORT};
use crate::plan::ray::RayGuard;

/// Something that people reach by a guard alone.
pub(super) struct Workload {
    /// Kind and name.
    pub(super) what: String,
    pub(super) namespace: String,
    is_notebook: bool,
    /// Labels of its pods, each kind of pod once.
    pub(super) pods: Vec<BTreeMap<String, String>>,
    /// The guard's port or ports, for people.
    pub(super) guards: String,
    /// Ports that may be open, by number and name.
    harmless: Vec<Value>,
    /// Services that its controller makes, which lead past the guard.
    pub(super) services: Vec<String>,
    /// The path of its own route.
    pub(super) path: String,
}

// === impl Workload ===

impl Workload {
    pub(super) fn of_notebook(namespace: &str, document: &Notebook) -> Self {
        Self {
            what: format!("{KIND} {}", document.name),
            namespace: namespace.to_owned(),
            is_notebook: true,
            pods: vec![all_pod_labels(document)],
            guards: format!("port {GUARD_PORT}"),
            harmless: vec![json!(GUARD_PORT), json!(GUARD)],
            services: vec![document.name.clone()],
            path: notebook_path(namespace, &document.name),
        }
    }

    pub(super) fn of_ray(guard: &RayGuard, document: &Document, cluster: &Cluster) -> Self {
        let mut harmless = vec![json!(METRICS_PORT), json!(SERVE_PORT)];
        for door in Door::ALL {
            harmless.extend([json!(guard.ports.of(door)), json!(door.container_port())]);
        }
        let ports = Door::ALL.map(|door| guard.ports.of(door).to_string());
        Self {
            what: format!("{} {}", document.kind.word(), document.name),
            namespace: guard.cluster.namespace.clone(),
            is_notebook: false,
            pods: meaning::pod_labels(document, cluster, &guard.cluster),
            guards: format!("ports {}", ports.join(" and ")),
            harmless,
            services: meaning::head_services(document, cluster),
            path: guard.path(),
        }
    }

    /// Whether it is a RayCluster of this name.
    pub(super) fn is_ray_cluster(&self, name: &str) -> bool {
        self.what == format!("{} {name}", Kind::RayCluster.word())
    }

    /// Where whoever reaches it runs code.
    pub(super) fn inside(&self) -> &'static str {
        if self.is_notebook {
            "the Notebook"
        } else {
            "the cluster"
        }
    }

    /// Whether a port, by number or name, may be open to everybody.
    pub(super) fn is_harmless(&self, port: &Value) -> bool {
        self.harmless.contains(port)
    }
}
