//! A hop from the gateway to a Service that answers with TLS: whom the gateway has to verify.

use super::guard::Guard;
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::model::notebook::{GUARD, GUARD_PORT};

/// A hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Name of the rule, where that stands in the gateway's namespace.
    pub rule: String,
    /// The Service.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// Its port.
    pub port: u16,
    /// Name of that port.
    pub port_name: &'static str,
}

// === impl Hop ===

impl Hop {
    /// To a guard.
    pub fn to_guard(guard: &Guard) -> Self {
        Self {
            rule: guard.route.clone(),
            service: guard.service.clone(),
            namespace: guard.notebook.namespace.clone(),
            port: GUARD_PORT,
            port_name: GUARD,
        }
    }

    /// To the login service.
    pub fn to_login(gateway: &Gateway) -> Self {
        Self {
            rule: login::NAME.to_owned(),
            service: login::NAME.to_owned(),
            namespace: gateway.namespace.clone(),
            port: login::PORT,
            port_name: login::PORT_NAME,
        }
    }

    /// The Service's name within the cluster, which its certificate is for.
    pub fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}
