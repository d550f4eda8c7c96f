//! A hop from the gateway to a Service that answers with TLS: whom the gateway has to verify.

use super::api_server::GuardedApiServer;
use super::guard::Guard;
use super::ray::RayGuard;
use crate::model::api_server;
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::model::notebook::{GUARD, GUARD_PORT};
use crate::model::ray::Door;

/// A hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Name of the rule, where that stands in the gateway's namespace.
    pub rule: String,
    /// The Service.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// Its ports, by number and name.
    pub ports: Vec<(u16, &'static str)>,
}

// === impl Hop ===

impl Hop {
    /// To a guard.
    pub fn to_guard(guard: &Guard) -> Self {
        Self {
            rule: guard.route.clone(),
            service: guard.service.clone(),
            namespace: guard.notebook.namespace.clone(),
            ports: vec![(GUARD_PORT, GUARD)],
        }
    }

    /// To the login service.
    pub fn to_login(gateway: &Gateway) -> Self {
        Self {
            rule: login::NAME.to_owned(),
            service: login::NAME.to_owned(),
            namespace: gateway.namespace.clone(),
            ports: vec![(login::PORT, login::PORT_NAME)],
        }
    }

    /// To the guards of a Ray cluster: of those doors where the gateway itself speaks TLS. What it passes on as it is has TLS of
    /// its own.
    pub fn to_ray(guard: &RayGuard, doors: &[Door]) -> Self {
        let port = |door: &Door| (guard.ports.of(*door), door.service_port());
        Self {
            rule: guard.rule.clone(),
            service: guard.service.clone(),
            namespace: guard.cluster.namespace.clone(),
            ports: doors.iter().map(port).collect(),
        }
    }

    /// To the guard in front of KubeRay's API server: the gateway leads to HTTP alone.
    pub fn to_api_server(guard: &GuardedApiServer) -> Self {
        let door = api_server::Door::Http;
        Self {
            rule: guard.route.clone(),
            service: guard.service.clone(),
            namespace: guard.server.namespace.clone(),
            ports: vec![(guard.port(door), door.service_port())],
        }
    }

    /// The Service's name within the cluster, which its certificate is for.
    pub fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}
