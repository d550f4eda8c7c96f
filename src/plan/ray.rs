//! A guarded Ray cluster and the names of everything that is made for it.

use crate::input::platform::{Operator, RayClientRoute, RayRoute};
use crate::input::ray::{GROUP, Kind, VERSIONS};
use crate::krm::object_id::ObjectId;
use crate::model::names::{LABEL_MAX, guard_secret, joined, suffixed, within};
use crate::model::notebook::{COMMON_ACCOUNTS, ServiceAccount};
use crate::model::platform::Platform;
use crate::model::ray::{Door, Ports, RayCluster};
use crate::model::ray_companion;

/// A guarded Ray cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RayGuard {
    /// The cluster.
    pub cluster: RayCluster,
    /// Where its guard listens.
    pub ports: Ports,
    /// Service in front of the guard.
    pub service: String,
    /// ConfigMap with the guard's configuration.
    pub config_map: String,
    /// Secret with the guard's certificate.
    pub tls_secret: String,
    /// The ServiceAccount the head runs as.
    pub service_account: String,
    /// ClusterRoleBinding that lets the guard ask who somebody is and what they may do.
    pub delegator: String,
    /// Role and `RoleBinding` of the people who may use the cluster.
    pub access: String,
    /// Role and `RoleBinding` of the people who may look.
    pub view: String,
    /// NetworkPolicy that opens the cluster's nodes to each other, and to whom it must.
    pub opening: String,
    /// What tells the gateway to verify the guards, where that stands in the gateway's namespace.
    pub rule: String,
    /// HTTPRoute to the dashboard's guard; OpenShift Route or Ingress where that is the way.
    pub route: String,
    /// `TLSRoute`, GRPCRoute, Route or Ingress to the client's guard.
    pub client_route: String,
    /// ReferenceGrant for routes from another namespace.
    pub grant: String,
}

/// The host of a Route or an Ingress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Made by OpenShift's router: the Route's name, its namespace and the router's domain.
    OfRouter,
    /// Ours.
    Written(String),
}

// === impl Host ===

impl Host {
    /// What is written of it.
    pub fn written(self) -> Option<String> {
        match self {
            Self::OfRouter => None,
            Self::Written(host) => Some(host),
        }
    }
}

/// The id of a document with a Ray cluster in it.
pub fn ray_id(kind: Kind, namespace: &str, name: &str) -> ObjectId {
    ObjectId::new(&format!("{GROUP}/{}", VERSIONS[0]), kind.word(), namespace, name)
}

/// The path that a cluster's dashboard is served under: the CodeFlare SDK's (`src/codeflare_sdk/ray/cluster/cluster.py`). Those of
/// RayJobs and RayServices have one of their own, for they may share a name.
pub fn path(kind: Kind, namespace: &str, name: &str) -> String {
    match kind {
        Kind::RayCluster => format!("/ray/{namespace}/{name}"),
        Kind::RayJob | Kind::RayService => format!("/{}/{namespace}/{name}", kind.word().to_lowercase()),
    }
}

/// What names begin with, or hold: a RayCluster and a RayJob may have one name.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::RayCluster => "ray",
        Kind::RayJob => "rayjob",
        Kind::RayService => "rayservice",
    }
}

/// Name of the NetworkPolicy that opens a cluster's nodes to each other, guarded or not.
pub fn opening_name(kind: Kind, name: &str) -> String {
    format!("{}-nodes", service_name(kind, name))
}

fn service_name(kind: Kind, name: &str) -> String {
    suffixed(name, &format!("{}-proxy", word(kind)), LABEL_MAX)
}

// === impl RayGuard ===

impl RayGuard {
    /// Names everything for a cluster. None of the names is one that KubeRay, its forks or the CodeFlare operator make or
    /// delete (`fixtures/ray-operators/README.md`).
    pub fn new(platform: &Platform, cluster: RayCluster) -> Self {
        let (namespace, name) = (&cluster.namespace, &cluster.name);
        let word = word(cluster.kind);
        let service = service_name(cluster.kind, name);
        let everywhere = joined(word, namespace, name);
        let service_account = match (&cluster.service_account, platform.ray.operator) {
            (ServiceAccount::Theirs(theirs), _) => theirs.clone(),
            // The operator gives the head an account of its own, whatever stands here.
            (ServiceAccount::Ours, Operator::OpenDataHub) => ray_companion::account(name),
            // An account that pods get without asking must not hold the guard's rights.
            (ServiceAccount::Ours, Operator::None) if COMMON_ACCOUNTS.contains(&name.as_str()) => {
                service.clone()
            }
            // KubeRay's autoscaler makes one of the cluster's own name if it is not there; this one is there first.
            (ServiceAccount::Ours, Operator::None) => suffixed(name, &format!("{word}-head"), LABEL_MAX),
        };
        Self {
            ports: Ports::beside(platform.ray.operator),
            config_map: format!("{service}-config"),
            tls_secret: guard_secret(&service),
            delegator: format!("{everywhere}-auth-delegator"),
            access: format!("{name}-{word}-access"),
            view: format!("{name}-{word}-view"),
            opening: opening_name(cluster.kind, name),
            grant: format!("{service}-route"),
            route: match platform.ray.route {
                RayRoute::HttpRoute | RayRoute::None => everywhere.clone(),
                // The CodeFlare SDK looks for this name.
                RayRoute::Route | RayRoute::Ingress if cluster.kind == Kind::RayCluster => {
                    format!("ray-dashboard-{name}")
                }
                RayRoute::Route | RayRoute::Ingress => format!("{word}-dashboard-{name}"),
            },
            client_route: match platform.ray.client.route {
                RayClientRoute::Route | RayClientRoute::Ingress if cluster.kind == Kind::RayCluster => {
                    format!("rayclient-{name}")
                }
                RayClientRoute::Route | RayClientRoute::Ingress => format!("{word}-client-{name}"),
                RayClientRoute::TlsRoute | RayClientRoute::GrpcRoute | RayClientRoute::None => {
                    format!("{everywhere}-client")
                }
            },
            rule: everywhere,
            service,
            service_account,
            cluster,
        }
    }

    /// The document.
    pub fn id(&self) -> ObjectId {
        ray_id(self.cluster.kind, &self.cluster.namespace, &self.cluster.name)
    }

    /// The path that the dashboard is served under.
    pub fn path(&self) -> String {
        path(self.cluster.kind, &self.cluster.namespace, &self.cluster.name)
    }

    /// The doors that the gateway speaks TLS with.
    pub fn reencrypted(&self, platform: &Platform) -> Vec<Door> {
        let by_gateway = |door: &&Door| match door {
            Door::Dashboard => platform.ray.route == RayRoute::HttpRoute,
            Door::Client => platform.ray.client.route == RayClientRoute::GrpcRoute,
        };
        self.cluster.doors().iter().filter(by_gateway).copied().collect()
    }

    /// The name of the guard's Service within the cluster, which its certificate is for.
    pub fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.cluster.namespace)
    }

    /// The host of the dashboard, where it has one of its own. The router's is as good as ours where it is a label, and of no other
    /// cluster: a name and a namespace with a dash between them can be parted in one way only if the namespace has none. None:
    /// one must be written, and Platform names no domain for it.
    pub fn dashboard_host(&self, platform: &Platform) -> Option<Host> {
        let namespace = &self.cluster.namespace;
        let of_router = format!("{}-{namespace}", self.route);
        if platform.ray.route == RayRoute::Route && of_router.len() <= LABEL_MAX && !namespace.contains('-') {
            return Some(Host::OfRouter);
        }
        let domain = &platform.facts.domain.as_ref()?;
        let prefix = format!("{}-dashboard", word(self.cluster.kind));
        let label = within(&joined(&prefix, namespace, &self.cluster.name), LABEL_MAX);
        Some(Host::Written(format!("{label}.{domain}")))
    }

    /// The host of the client port from outside, under the platform's domain: one label, different for every cluster.
    pub fn client_host(&self, platform: &Platform) -> Option<String> {
        let domain = platform.ray.client.domain.as_ref()?;
        let label = joined(
            word(self.cluster.kind),
            &self.cluster.namespace,
            &self.cluster.name,
        );
        Some(format!("{}.{domain}", within(&label, LABEL_MAX)))
    }
}
