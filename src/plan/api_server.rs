//! A guarded API server of KubeRay's and the names of everything that is made for it.

use crate::input::api_server::{GROUP, KIND, VERSION};
use crate::input::platform::ApiServerGuard;
use crate::krm::object_id::ObjectId;
use crate::model::api_server::{ApiServer, Door};
use crate::model::names::{LABEL_MAX, guard_secret, joined, suffixed};
use crate::model::platform::Platform;

/// The path that the gateway serves an API server under.
pub const PATH: &str = "/kuberay";

/// A guarded API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedApiServer {
    /// The API server.
    pub server: ApiServer,
    /// What stands in front of it.
    pub guard: ApiServerGuard,
    /// NetworkPolicy that leaves the guard's ports open alone.
    pub closing: String,
    /// Service in front of a guard that reviews.
    pub service: String,
    /// ConfigMap with its configuration.
    pub config_map: String,
    /// Secret with its certificate.
    pub tls_secret: String,
    /// ClusterRoleBinding that lets it ask who somebody is and what they may do.
    pub delegator: String,
    /// Role and `RoleBinding` of the people who may use the API server.
    pub access: String,
    /// Role and `RoleBinding` of the people who may look.
    pub view: String,
    /// HTTPRoute to the guard.
    pub route: String,
    /// ReferenceGrant for that route.
    pub grant: String,
}

/// The id of a Deployment.
pub fn deployment_id(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new(&format!("{GROUP}/{VERSION}"), KIND, namespace, name)
}

// === impl GuardedApiServer ===

impl GuardedApiServer {
    /// Names everything for an API server.
    pub fn new(platform: &Platform, server: ApiServer) -> Self {
        let name = &server.name;
        let service = suffixed(name, "api-server-proxy", LABEL_MAX);
        let everywhere = joined("kuberay", &server.namespace, name);
        Self {
            guard: platform.api_server.guard,
            closing: suffixed(name, "api-server-closed", LABEL_MAX),
            config_map: format!("{service}-config"),
            tls_secret: guard_secret(&service),
            delegator: format!("{everywhere}-auth-delegator"),
            access: format!("{name}-api-server-access"),
            view: format!("{name}-api-server-view"),
            route: everywhere,
            grant: format!("{service}-route"),
            service,
            server,
        }
    }

    /// The Deployment.
    pub fn id(&self) -> ObjectId {
        deployment_id(&self.server.namespace, &self.server.name)
    }

    /// Where the guard in front of a door listens.
    pub fn port(&self, door: Door) -> u16 {
        door.guard_port(self.guard)
    }
}
