//! What a Ray document says itself of what is written out otherwise: it stays as it stands there.

use super::ray::AUTH_MODE_VARIABLE;
use crate::input::pod::{Container, EnvVar};
use crate::input::ray::{Cluster, Group};

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
        }
    }
}
