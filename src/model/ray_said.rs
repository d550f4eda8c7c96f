//! What a Ray document says itself of what is written out otherwise: it stays as it stands there.

use super::ray::AUTH_MODE_VARIABLE;
use crate::input::pod::{Container, EnvVar};
use crate::input::ray::{Cluster, Group};

/// Types of a Service that is open to the outside.
pub const OUTSIDE: [&str; 2] = ["NodePort", "LoadBalancer"];
/// The type that is not.
pub const INSIDE: &str = "ClusterIP";

/// The fields of the head's group that give KubeRay's Service its type, and what they say.
#[expect(clippy::type_complexity, reason = "a table of two columns")]
pub const SERVICE_TYPES: [(&[&str], fn(&Cluster) -> &str); 2] = [
    (&["serviceType"], |cluster| &cluster.service_type),
    (&["headService", "spec", "type"], |cluster| {
        &cluster.head_service_type
    }),
];

/// What a document says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Said {
    /// Whether Ray's container of the head can be told that Ray asks for no tokens: it is there, and says nothing of that.
    pub head_silent: bool,
    /// The same for each group of workers.
    pub workers_silent: Vec<bool>,
    /// Whether the autoscaler's options say nothing of it.
    pub autoscaler_silent: bool,
    /// Whether `authOptions` is there.
    pub tokens: bool,
    /// Whether `tlsOptions` says anything.
    pub mutual_tls: bool,
    /// Fields of the head that have KubeRay open its Service to the outside, each as the keys that lead to it.
    pub outside: Vec<&'static [&'static str]>,
}

// === impl Said ===

impl Said {
    /// Of a cluster as its document has it, without what was added to it.
    pub fn of(cluster: &Cluster) -> Self {
        let variable = |variable: &EnvVar| variable.name == AUTH_MODE_VARIABLE;
        // KubeRay takes a pod's first container for Ray's.
        let ray = |ray: &Container| !ray.env.iter().any(variable);
        let silent = |group: &Group| group.pod.containers.first().is_some_and(ray);
        Self {
            head_silent: silent(&cluster.head),
            workers_silent: cluster.workers.iter().flatten().map(silent).collect(),
            autoscaler_silent: !cluster.autoscaler_env.iter().any(variable),
            tokens: cluster.auth.is_some(),
            mutual_tls: cluster.mutual_tls.is_some(),
            outside: SERVICE_TYPES
                .iter()
                .filter(|(_, kind)| OUTSIDE.contains(&kind(cluster)))
                .map(|(path, _)| *path)
                .collect(),
        }
    }
}
