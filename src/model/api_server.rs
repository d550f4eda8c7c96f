//! KubeRay's API server: how its documents are known, and what they mean.
//!
//! Sources: ray-project/kuberay `helm-chart/kuberay-apiserver` (v1.0 to v1.6.2 and later), `apiserver/deploy/base`,
//! `apiserver/cmd/main.go` for the ports; `experimental/cmd/main.go` before 156391d3d for the security proxy's settings.
//!
//! It makes and deletes Ray clusters with rights of its own, and leads into their dashboards: whoever reaches it runs code in
//! every namespace it works in.

use std::collections::BTreeMap;

use super::keys;
use super::names::{LABEL_MAX, is_dns_label, is_dns_name};
use super::notebook::COMMON_ACCOUNTS;
use super::platform::Platform;
use crate::input::api_server::{Deployment, POD_SPEC, Service, ServicePort};
use crate::input::platform::ApiServerGuard;
use crate::input::pod::Container;
use crate::krm::results::{Finding, has_errors};

/// The value of [`keys::COMPONENT`] on everything of the API server's.
pub const COMPONENT: &str = "kuberay-apiserver";
/// The end of its image's name, whatever registry it comes from.
const IMAGE: &str = "kuberay/apiserver";

/// One of its two ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// REST: the API server's own, and the Kubernetes API for Ray's kinds.
    Http,
    /// The same as gRPC.
    Grpc,
}

/// A variable of the security proxy.
pub const HTTP_LOCAL_PORT: &str = "HTTP_LOCAL_PORT";
/// A variable of the security proxy.
pub const HTTP_REMOTE_PORT: &str = "HTTP_REMOTE_PORT";
/// A variable of the security proxy.
pub const GRPC_LOCAL_PORT: &str = "GRPC_LOCAL_PORT";
/// A variable of the security proxy.
pub const GRPC_REMOTE_PORT: &str = "GRPC_REMOTE_PORT";
/// A variable of the security proxy: the paths that it asks for the token on.
pub const SECURITY_PREFIX: &str = "SECURITY_PREFIX";
/// The only value of it that leaves no path out.
pub const EVERY_PATH: &str = "/";
/// A variable of the security proxy.
pub const SECURITY_TOKEN: &str = "SECURITY_TOKEN";
/// A variable of the security proxy.
pub const ENABLE_GRPC: &str = "ENABLE_GRPC";
/// The volumes of guards that review: configuration, certificate, token.
pub const VOLUMES: [&str; 3] = [
    "api-server-proxy-config",
    "api-server-proxy-tls-certificates",
    "api-server-proxy-token",
];
/// The security proxy's container, as the chart names it.
pub const PROXY: &str = "security-proxy-container";

/// An API server to be guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServer {
    /// The Deployment's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Whether the document names none itself.
    pub bare: bool,
    /// Labels by which its pods are found.
    pub selector: BTreeMap<String, String>,
    /// The account it runs as.
    pub service_account: String,
    /// Where it listens for HTTP.
    pub http: u16,
    /// Where it listens for gRPC.
    pub grpc: u16,
    /// The security proxy that is in the document already.
    pub proxy: Option<Proxy>,
}

/// A security proxy that the document holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The index of its container.
    pub at: usize,
    /// The container's name.
    pub container: String,
    /// Its variables that have a value, by name: index and value. Never the token.
    pub settings: BTreeMap<String, (usize, String)>,
    /// Its ports by the names that the chart gives them: index and number.
    pub ports: BTreeMap<Door, (usize, u16)>,
}

/// What a Service has of an API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Road {
    /// Whether the document names no namespace itself.
    pub bare: bool,
    /// Its ports that lead to the API server or to its security proxy: index, to which door, and the number they lead to, where
    /// it is written.
    pub ports: Vec<(usize, Door, Option<u16>)>,
}

/// Where a port of a Service leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To one of the API server's own ports.
    Own(Door),
    /// To one of the ports of the security proxy that is there.
    Proxy(Door),
    /// Elsewhere.
    Other,
}

// === impl Door ===

impl Door {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Http, Self::Grpc];

    /// The name that the chart gives the container's port.
    pub fn port_name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }

    /// Where the API server listens unless it is told otherwise.
    pub fn usual(self) -> u16 {
        match self {
            Self::Http => 8888,
            Self::Grpc => 8887,
        }
    }

    /// The container of a guard that reviews.
    pub fn container(self) -> &'static str {
        match self {
            Self::Http => "kube-rbac-proxy-http",
            Self::Grpc => "kube-rbac-proxy-grpc",
        }
    }

    /// The port of its Service.
    pub fn service_port(self) -> &'static str {
        match self {
            Self::Http => "https",
            Self::Grpc => "grpcs",
        }
    }

    /// The port of its container.
    pub fn container_port(self) -> &'static str {
        match self {
            Self::Http => "proxy-http",
            Self::Grpc => "proxy-grpc",
        }
    }

    /// The port of its health checks, by name.
    pub fn health_port(self) -> &'static str {
        match self {
            Self::Http => "proxy-h-health",
            Self::Grpc => "proxy-g-health",
        }
    }

    /// The port of its health checks.
    pub fn health(self) -> u16 {
        match self {
            Self::Http => super::notebook::HEALTH_PORT,
            Self::Grpc => 8446,
        }
    }

    /// Where a guard in front of it listens.
    pub fn guard_port(self, guard: ApiServerGuard) -> u16 {
        match (guard, self) {
            (ApiServerGuard::Review, Self::Http) => super::notebook::GUARD_PORT,
            (ApiServerGuard::Review, Self::Grpc) => 8445,
            // The chart's own values.
            (ApiServerGuard::Token | ApiServerGuard::Off, Self::Http) => 8988,
            (ApiServerGuard::Token | ApiServerGuard::Off, Self::Grpc) => 8987,
        }
    }
}

// === impl ApiServer ===

impl ApiServer {
    /// Where it listens.
    pub fn port(&self, door: Door) -> u16 {
        match door {
            Door::Http => self.http,
            Door::Grpc => self.grpc,
        }
    }

    /// What a Service has of it.
    pub fn road(&self, service: &Service) -> Road {
        let ports = service.ports.iter().enumerate();
        let led = ports.filter_map(|(index, port)| match self.target(port) {
            Target::Own(door) | Target::Proxy(door) => Some((index, door, port.target)),
            Target::Other => None,
        });
        Road {
            bare: service.namespace.is_empty(),
            ports: led.collect(),
        }
    }

    /// Where a port of a Service leads. A name stands for the API server's own port: the first container of a pod that has a
    /// port of that name gets the requests.
    pub fn target(&self, port: &ServicePort) -> Target {
        let number = if port.target_name.is_empty() {
            Some(port.target.unwrap_or(port.number))
        } else {
            None
        };
        for door in Door::ALL {
            if number == Some(self.port(door)) || port.target_name == door.port_name() {
                return Target::Own(door);
            }
            let proxy = self.proxy.as_ref().and_then(|proxy| proxy.listens(door));
            if number.is_some() && number == proxy {
                return Target::Proxy(door);
            }
        }
        Target::Other
    }
}

/// Whether pods with these labels and images are the API server's.
pub fn is_api_server<'t>(labels: &BTreeMap<&str, &str>, images: impl IntoIterator<Item = &'t str>) -> bool {
    labels.get(keys::COMPONENT) == Some(&COMPONENT) || images.into_iter().any(is_its_image)
}

/// Whether a Service is the API server's own, by the label that the chart gives it whatever its names are.
pub fn is_its_service(service: &Service) -> bool {
    service.labels.get(keys::COMPONENT).map(String::as_str) == Some(COMPONENT)
}

/// Whether a Service leads to pods with these labels, where it is in their namespace.
pub fn is_behind(service: &Service, pod_labels: &BTreeMap<String, String>) -> bool {
    let mut selector = service.selector.iter();
    !service.selector.is_empty() && selector.all(|(key, value)| pod_labels.get(key) == Some(value))
}

fn is_its_image(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    name == IMAGE
        || name
            .strip_suffix(IMAGE)
            .is_some_and(|before| before.ends_with('/'))
}

/// The namespace that a document of the API server's is in.
pub fn namespace(given: &str, platform: &Platform) -> Option<String> {
    let own = Some(given.to_owned()).filter(|own| !own.is_empty());
    own.or_else(|| platform.default_namespace.clone())
}

/// Checks a Deployment that is to get a guard and gives what it means.
///
/// # Errors
/// Everything that keeps it from being guarded.
pub fn guarded(document: &Deployment, platform: &Platform, findings: &mut Vec<Finding>) -> Option<ApiServer> {
    let before = findings.len();
    let guard = platform.api_server.guard;
    let error = |message: &str| Finding::error(message);
    let Some(namespace) = namespace(&document.namespace, platform) else {
        let message = "is missing; name the namespace here, or set defaultNamespace in the Platform";
        findings.push(error(message).at("metadata.namespace"));
        return None;
    };
    if !is_dns_label(&namespace) {
        findings.push(
            error("is no name of a namespace")
                .at("metadata.namespace")
                .found(namespace.clone()),
        );
    }
    if !is_dns_name(&document.name) {
        findings.push(
            error("is no name of a Deployment")
                .at("metadata.name")
                .found(document.name.clone()),
        );
    }
    if document.selector.is_empty() {
        let message =
            "is missing: the policy that closes the API server finds its pods by these labels; name them";
        findings.push(error(message).at("spec.selector.matchLabels"));
    }
    let (proxies, others): (Vec<_>, Vec<_>) = document
        .pod
        .containers
        .iter()
        .enumerate()
        .partition(|(_, one)| is_proxy(one));
    let own = others
        .iter()
        .find(|(_, container)| is_its_image(&container.image))
        .or_else(|| others.first());
    let Some((at, own)) = own else {
        let message = "has no container of the API server's: nothing is there to be guarded";
        findings.push(error(message).at(format!("{POD_SPEC}.containers")));
        return None;
    };
    pod(document, *at, guard, findings);
    let declared = |door: Door| {
        let port = own.ports.iter().find(|port| port.name == door.port_name());
        port.map_or(door.usual(), |port| port.number)
    };
    let server = ApiServer {
        name: document.name.clone(),
        namespace,
        bare: document.namespace.is_empty(),
        selector: document.selector.clone(),
        service_account: [&document.pod.service_account_name, &document.pod.service_account]
            .into_iter()
            .find(|name| !name.is_empty())
            .cloned()
            .unwrap_or_default(),
        http: declared(Door::Http),
        grpc: declared(Door::Grpc),
        proxy: proxies.first().map(|(at, container)| Proxy::of(*at, container)),
    };
    taken(document, &server, guard, findings);
    match guard {
        ApiServerGuard::Token => token(&proxies, findings),
        ApiServerGuard::Review => review(&server, &proxies, findings),
        ApiServerGuard::Off => {}
    }
    (!has_errors(&findings[before..])).then_some(server)
}

/// What in the pod would lead around a guard.
fn pod(document: &Deployment, own: usize, guard: ApiServerGuard, findings: &mut Vec<Finding>) {
    let pod = &document.pod;
    let mut refuse = |message: &str, path: String| findings.push(Finding::error(message).at(path));
    if pod.host_network {
        let message =
            "puts the API server on the node's own addresses, where no NetworkPolicy holds; remove it";
        refuse(message, format!("{POD_SPEC}.hostNetwork"));
    }
    if guard == ApiServerGuard::Review && pod.share_process_namespace {
        let message = "lets the containers see each other's memory, the guard's key included; remove it";
        refuse(message, format!("{POD_SPEC}.shareProcessNamespace"));
    }
    for (index, container) in pod.containers.iter().enumerate() {
        for (at, port) in container.ports.iter().enumerate() {
            if port.host_port.is_some() {
                let message = if index == own {
                    "opens the API server on the node, past the guard; remove it"
                } else {
                    "opens a port of the API server's pod on the node; remove it"
                };
                refuse(
                    message,
                    format!("{POD_SPEC}.containers[{index}].ports[{at}].hostPort"),
                );
            }
        }
    }
}

/// Ports and names that the guard needs and something else has.
fn taken(document: &Deployment, server: &ApiServer, guard: ApiServerGuard, findings: &mut Vec<Finding>) {
    let theirs = server.proxy.as_ref().filter(|_| guard == ApiServerGuard::Token);
    for (index, container) in document.pod.containers.iter().enumerate() {
        if theirs.is_some_and(|proxy| proxy.container == container.name) {
            continue;
        }
        for (at, port) in container.ports.iter().enumerate() {
            let is_taken = |door: &Door| {
                door.guard_port(guard) == port.number
                    || (guard == ApiServerGuard::Review && door.health() == port.number)
            };
            if Door::ALL.iter().any(is_taken) {
                let path = format!("{POD_SPEC}.containers[{index}].ports[{at}].containerPort");
                let message = "is where the guard listens; give this container another port";
                findings.push(Finding::error(message).at(path).found(port.number));
            }
        }
        if guard == ApiServerGuard::Token && container.name == PROXY {
            let message = "is the name that the guard's container gets; rename this one";
            let path = format!("{POD_SPEC}.containers[{index}].name");
            findings.push(Finding::error(message).at(path).found(container.name.clone()));
        }
    }
}

/// What a security proxy that is there already may not say.
fn token(proxies: &[(usize, &Container)], findings: &mut Vec<Finding>) {
    for (index, container) in proxies {
        let path = |at: usize| format!("{POD_SPEC}.containers[{index}].env[{at}].value");
        for (at, variable) in container.env.iter().enumerate() {
            if variable.name == SECURITY_PREFIX && (variable.value != EVERY_PATH || variable.from_elsewhere) {
                let message = "leaves every path that does not begin with it without a token, the same paths in other \
                               spellings included; ask for the token on all";
                let finding = Finding::error(message).at(path(at)).found(variable.value.clone());
                findings.push(finding.propose(EVERY_PATH));
            }
            if variable.name == SECURITY_TOKEN && !variable.from_elsewhere && !variable.value.is_empty() {
                // The value itself is not said: what is found goes into logs.
                let message = "is the token in plain text: it is taken out and comes from the Platform's Secret from now on, but \
                               it is in the repository's history; make a new one";
                findings.push(Finding::warning(message).at(path(at)));
            }
        }
    }
    if let Some((index, _)) = proxies.get(1) {
        let message = "is a second security proxy; keep one";
        findings.push(Finding::error(message).at(format!("{POD_SPEC}.containers[{index}]")));
    }
}

/// What a guard that asks the API server of Kubernetes needs.
fn review(server: &ApiServer, proxies: &[(usize, &Container)], findings: &mut Vec<Finding>) {
    if let Some((index, _)) = proxies.first() {
        let message = "is the chart's security proxy, and the Platform asks for another guard (kubeRayApiServer.guard: Review); \
                       render the chart without it (security: null), or set guard: Token";
        findings.push(Finding::error(message).at(format!("{POD_SPEC}.containers[{index}]")));
    }
    let path = format!("{POD_SPEC}.serviceAccountName");
    if server.service_account.is_empty() || COMMON_ACCOUNTS.contains(&server.service_account.as_str()) {
        let message = "must name an account of the API server's own: pods get this one without asking, and with it the right to \
                       review anybody's token";
        let finding = Finding::error(message).at(path);
        findings.push(finding.found(server.service_account.clone()));
    } else {
        let message = "is the API server's own account, whose token its code can read: it may review anybody's token and rights \
                       from now on, as the guard must";
        findings.push(
            Finding::warning(message)
                .at(path)
                .found(server.service_account.clone()),
        );
    }
    if server.name.len() > LABEL_MAX {
        let message = "is too long for the names of what is made for it: 63 characters at most";
        findings.push(
            Finding::error(message)
                .at("metadata.name")
                .found(server.name.clone()),
        );
    }
}

/// Whether a container is KubeRay's security proxy, by its settings: its names differ between the chart and the plain manifests.
fn is_proxy(container: &Container) -> bool {
    let has = |name: &str| container.env.iter().any(|variable| variable.name == name);
    has(HTTP_LOCAL_PORT) && (has(HTTP_REMOTE_PORT) || has(SECURITY_TOKEN) || has(SECURITY_PREFIX))
}

// === impl Proxy ===

impl Proxy {
    /// Where it listens by its own settings.
    fn listens(&self, door: Door) -> Option<u16> {
        let (_, port) = self.settings.get(match door {
            Door::Http => HTTP_LOCAL_PORT,
            Door::Grpc => GRPC_LOCAL_PORT,
        })?;
        port.parse().ok()
    }

    fn of(at: usize, container: &Container) -> Self {
        let settings = container
            .env
            .iter()
            .enumerate()
            .filter(|(_, variable)| variable.name != SECURITY_TOKEN && !variable.from_elsewhere);
        Self {
            at,
            container: container.name.clone(),
            settings: settings
                .map(|(at, variable)| (variable.name.clone(), (at, variable.value.clone())))
                .collect(),
            ports: Door::ALL
                .into_iter()
                .filter_map(|door| {
                    let mut ports = container.ports.iter().enumerate();
                    let (at, port) = ports.find(|(_, port)| port.name == door.port_name())?;
                    Some((door, (at, port.number)))
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_by_its_label_or_its_image() {
        let labels = BTreeMap::from([(keys::COMPONENT, COMPONENT)]);
        assert!(is_api_server(&labels, ["mirror.example/anything:1"]));
        let none = BTreeMap::from([(keys::COMPONENT, "other")]);
        for (image, is) in [
            ("quay.io/kuberay/apiserver:v1.5.1", true),
            ("kuberay/apiserver", true),
            ("kuberay/apiserver:nightly", true),
            ("registry:5000/kuberay/apiserver@sha256:0", true),
            ("registry:5000/kuberay/apiserver", true),
            ("quay.io/kuberay/apiserver-tools:1", false),
            ("quay.io/notkuberay/apiserver:1", false),
            ("kuberay/operator:1", false),
        ] {
            assert_eq!(is_api_server(&none, [image]), is, "{image}");
        }
    }
}
