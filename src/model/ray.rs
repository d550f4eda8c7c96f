//! What a Ray cluster in the input is meant to be.
//!
//! Takes the fields read by `input::ray`; gives the switch, the guard's settings and Ray's own, as far as one document says
//! them. What KubeRay itself would refuse is in `ray_checks`.

pub mod meaning;

use std::collections::BTreeMap;

use super::keys;
use super::notebook::ServiceAccount;
use crate::input::platform::Operator;
use crate::input::ray::Kind;

/// The dashboard's and the Jobs API's port, if nothing moves it (ray-project/ray `python/ray/_private/ray_constants.py`).
pub const DASHBOARD_PORT: u16 = 8265;
/// The client server's port, if nothing moves it.
pub const CLIENT_PORT: u16 = 10001;
/// The port of metrics on every node (`ray-operator/controllers/ray/utils/constant.go`).
pub const METRICS_PORT: u16 = 8080;
/// The port of applications that Ray Serve serves: people's own, and none of Ray's doors.
pub const SERVE_PORT: u16 = 8000;
/// The setting of `rayStartParams` that moves the dashboard.
pub const DASHBOARD_PORT_PARAM: &str = "dashboard-port";
/// The setting of `rayStartParams` that moves the client server.
pub const CLIENT_PORT_PARAM: &str = "ray-client-server-port";
/// The setting of `rayStartParams` for the address that the dashboard answers on.
pub const DASHBOARD_HOST_PARAM: &str = "dashboard-host";
/// First version of the Gateway API with TLSRoute in its standard channel, as `v1`.
pub const TLS_ROUTE_SINCE: (u32, u32) = (1, 5);
/// The loopback address.
pub const LOOPBACK: &str = "127.0.0.1";
/// The variable that says whether Ray asks for tokens of its own.
pub const AUTH_MODE_VARIABLE: &str = "RAY_AUTH_MODE";
/// Its value for: no.
pub const AUTH_DISABLED: &str = "disabled";

/// The guard's volumes: configuration, certificate, token.
pub const VOLUMES: [&str; 3] = [
    "ray-proxy-config",
    "ray-proxy-tls-certificates",
    "ray-proxy-token",
];

/// The guard's volume with the authority of client certificates, where there are any.
pub const CLIENT_CA_VOLUME: &str = "ray-proxy-client-ca";

/// Where the guard of a head listens. Beside Open Data Hub's operator, whose own proxy has 8443, these are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// In front of the dashboard.
    pub dashboard: u16,
    /// In front of the client server.
    pub client: u16,
    /// Health checks of the first.
    pub dashboard_health: u16,
    /// Health checks of the second.
    pub client_health: u16,
}

/// One of the two ports that are guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// Dashboard and Jobs API: HTTP/1.1 and WebSockets.
    Dashboard,
    /// Ray Client: gRPC.
    Client,
}

/// A Ray cluster to be guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct RayCluster {
    /// The document that holds it.
    pub kind: Kind,
    /// The document's name, a DNS label.
    pub name: String,
    /// Its namespace, a DNS label.
    pub namespace: String,
    /// Who it belongs to.
    pub owner: Option<String>,
    /// The ServiceAccount its head runs as.
    pub service_account: ServiceAccount,
    /// Where the dashboard listens.
    pub dashboard: u16,
    /// Where the client server listens.
    pub client: u16,
    /// Whether the dashboard is put on the loopback address.
    pub loopback: bool,
    /// Whether KubeRay puts its autoscaler into the head's pod: it needs the ServiceAccount's token.
    pub autoscaling: bool,
    /// Ray's own tokens.
    pub tokens: Tokens,
    /// Whether Ray's nodes speak TLS with each other (`tlsOptions`), the client server included.
    pub mutual_tls: bool,
    /// Whether KubeRay starts pods that submit the job by the dashboard (RayJob in `K8sJobMode`).
    pub submitters: bool,
}

/// Ray's own tokens in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokens {
    /// Off, said by a variable of ours in every container of Ray.
    Off,
    /// One token, from this Secret.
    Secret(String),
    /// Kubernetes tokens.
    Kubernetes,
}

// === impl Ports ===

impl Ports {
    /// The ports beside Open Data Hub's operator.
    pub fn beside_open_data_hub() -> Self {
        Self::beside(Operator::OpenDataHub)
    }

    /// The ports beside an operator, or none.
    pub fn beside(operator: Operator) -> Self {
        match operator {
            Operator::None => Self {
                dashboard: super::notebook::GUARD_PORT,
                dashboard_health: super::notebook::HEALTH_PORT,
                client: 8445,
                client_health: 8446,
            },
            Operator::OpenDataHub => Self {
                dashboard: 8453,
                dashboard_health: 8454,
                client: 8455,
                client_health: 8456,
            },
        }
    }

    /// Where the guard in front of a door listens.
    pub fn of(self, door: Door) -> u16 {
        match door {
            Door::Dashboard => self.dashboard,
            Door::Client => self.client,
        }
    }

    /// Where it answers health checks.
    pub fn health(self, door: Door) -> u16 {
        match door {
            Door::Dashboard => self.dashboard_health,
            Door::Client => self.client_health,
        }
    }
}

// === impl Door ===

impl Door {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dashboard, Self::Client];

    /// The guard's container.
    pub fn container(self) -> &'static str {
        match self {
            Self::Dashboard => "kube-rbac-proxy-dashboard",
            Self::Client => "kube-rbac-proxy-client",
        }
    }

    /// The port of the guard's Service, named as KubeRay names the port behind it: clients look for these names.
    pub fn service_port(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Client => "client",
        }
    }

    /// The port of the guard's container: 15 characters at most, and no name that Ray's own containers have.
    pub fn container_port(self) -> &'static str {
        match self {
            Self::Dashboard => "proxy-dashboard",
            Self::Client => "proxy-client",
        }
    }

    /// The port of the guard's health checks.
    pub fn health_port(self) -> &'static str {
        match self {
            Self::Dashboard => "proxy-d-health",
            Self::Client => "proxy-c-health",
        }
    }
}

// === impl RayCluster ===

impl RayCluster {
    /// The doors that get a guard. Where Ray's nodes speak TLS with each other, so does the client server, and no stock
    /// kube-rbac-proxy speaks HTTP/2 over TLS to what it guards: the client port then stays closed
    /// (brancz/kube-rbac-proxy `cmd/kube-rbac-proxy/app/{kube-rbac-proxy,transport}.go`: `--upstream-force-h2c` dials without
    /// TLS, and with `--upstream-ca-file` Go's transport speaks HTTP/1.1).
    pub fn doors(&self) -> &'static [Door] {
        if self.mutual_tls {
            &[Door::Dashboard]
        } else {
            &Door::ALL
        }
    }

    /// Where a door leads to.
    pub fn upstream(&self, door: Door) -> u16 {
        match door {
            Door::Dashboard => self.dashboard,
            Door::Client => self.client,
        }
    }

    /// Labels by which all nodes of the cluster are found: KubeRay's own, or for clusters whose names KubeRay makes up, one
    /// that we put on their pods.
    pub fn node_labels(&self) -> BTreeMap<String, String> {
        self.pod_labels()
            .unwrap_or_else(|| BTreeMap::from([(keys::RAY_CLUSTER.to_owned(), self.name.clone())]))
    }

    /// Labels that we put on the pods of a cluster whose name KubeRay makes up.
    pub fn pod_labels(&self) -> Option<BTreeMap<String, String>> {
        match self.kind {
            Kind::RayCluster => None,
            Kind::RayJob | Kind::RayService => Some(BTreeMap::from([(
                keys::RAY_SOURCE.to_owned(),
                self.source_label(),
            )])),
        }
    }

    /// Labels by which the head is found.
    pub fn head_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.node_labels();
        labels.insert(keys::RAY_NODE_TYPE.to_owned(), "head".to_owned());
        labels
    }

    /// The value of our label on the pods of clusters whose names KubeRay makes up: names of RayJobs and RayServices are short
    /// enough (47 characters at most, KubeRay's own limit).
    pub fn source_label(&self) -> String {
        format!("{}.{}", self.kind.word().to_lowercase(), self.name)
    }
}
