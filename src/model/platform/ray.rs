//! What Platform says of Ray: how RayClusters and the KubeRay API server are treated.

use super::{Pods, Resolver, Subjects};
use crate::input::platform::{
    ApiServerGuard, DashboardHost, KubeRayApiServerSpec, Operator, PodsSpec, RayClientRoute, RayClustersSpec,
    RayEgress, RayGuard, RayRoute, RayTokens,
};
use crate::krm::results::Finding;
use crate::model::names::{is_dns_label, is_dns_name, is_secret_key};
use crate::model::{backend_tls, defaults, image};

/// How RayClusters are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ray {
    /// Which of them get a guard.
    pub guard: RayGuard,
    /// Who is the author of the graph: we alone, or Open Data Hub's operator beside us.
    pub operator: Operator,
    /// Version of the KubeRay operator: major and minor.
    pub kuberay: (u32, u32),
    /// Its pods.
    pub operator_pods: Pods,
    /// The pods that collect metrics, if any do.
    pub metrics: Option<Pods>,
    /// Ray's own tokens.
    pub tokens: RayTokens,
    /// The Secret with Ray's token, where it is not one of the RayCluster's own name.
    pub token_secret: Option<String>,
    /// Whether Ray's nodes speak TLS with each other.
    pub mutual_tls: bool,
    /// Which address the dashboard answers on.
    pub dashboard_host: DashboardHost,
    /// Where routes go.
    pub route_namespace: String,
    /// How people reach the dashboard from outside.
    pub route: RayRoute,
    /// The class of Ingresses.
    pub ingress_class: Option<String>,
    /// The client port from outside.
    pub client: Client,
    /// What Ray's nodes may reach.
    pub egress: Egress,
    /// Who may use every RayCluster.
    pub users: Subjects,
    /// Who may look at every RayCluster.
    pub readers: Subjects,
}

/// The client port from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// By which route.
    pub route: RayClientRoute,
    /// The domain of the clusters' hosts; there is one where there is a route.
    pub domain: Option<String>,
    /// The Gateway's listener for it.
    pub listener: String,
    /// People who get a client certificate.
    pub certificates: Vec<String>,
}

/// What Ray's nodes may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    /// Everything, or their own cluster.
    pub to: RayEgress,
    /// Address ranges of the API server.
    pub api_servers: Vec<String>,
    /// The pods that answer DNS.
    pub dns: Pods,
}

/// How the KubeRay API server is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServer {
    /// What stands in front of it.
    pub guard: ApiServerGuard,
    /// Image of the token program; there is one where it is used.
    pub image: Option<String>,
    /// The Secret with the token.
    pub secret: String,
    /// The key in it.
    pub key: String,
    /// Who may use it.
    pub users: Subjects,
    /// Who may look.
    pub readers: Subjects,
    /// Whether the gateway leads to it.
    pub route: bool,
}

// === impl Client ===

impl Client {
    /// Whether TLS reaches the guard as the client speaks it.
    pub fn passes_through(&self) -> bool {
        match self.route {
            RayClientRoute::TlsRoute | RayClientRoute::Route | RayClientRoute::Ingress => true,
            RayClientRoute::GrpcRoute | RayClientRoute::None => false,
        }
    }
}

// === impl Resolver ===

impl Resolver<'_> {
    /// How RayClusters are treated.
    pub(super) fn ray(&mut self, given: RayClustersSpec, applications: &str) -> Option<Ray> {
        let operator = self.choice::<Operator>(given.operator, &defaults::RAY_OPERATOR)?;
        let kuberay = self.text(given.kube_ray, &defaults::KUBERAY);
        let route_namespace = match given.route_namespace {
            Some(own) => self.checked(own, "spec.rayClusters.routeNamespace"),
            None => applications.to_owned(),
        };
        let operator_pods = {
            let spec = given.operator_pods.unwrap_or_default();
            let (key, value) = defaults::KUBERAY_OPERATOR_LABEL;
            let usual = [(key.to_owned(), value.to_owned())].into();
            self.pods(spec, applications, usual, "spec.rayClusters.operatorPods")
        };
        let metrics = given.metrics.map(|spec| {
            let path = "spec.rayClusters.metrics";
            if spec.namespace.is_none() {
                let message = "is missing: name the namespace of the pods that collect metrics";
                self.findings
                    .push(Finding::error(message).at(format!("{path}.namespace")));
            }
            self.pods(spec, applications, [].into(), path)
        });
        let dashboard_host = match given.dashboard_host {
            None if operator == Operator::OpenDataHub => DashboardHost::Loopback,
            given => self.choice(given, &defaults::RAY_DASHBOARD_HOST)?,
        };
        if let Some(secret) = given.ray_token_secret.as_ref().filter(|name| !is_dns_name(name)) {
            let message = "is no name of a Secret: lower-case letters, digits, dashes and dots";
            let finding = Finding::error(message).at("spec.rayClusters.rayTokenSecret");
            self.findings.push(finding.found(secret.clone()));
        }
        Some(Ray {
            guard: self.choice(given.guard, &defaults::RAY_GUARD)?,
            operator,
            kuberay: backend_tls::parse(&kuberay)?,
            operator_pods,
            metrics,
            tokens: self.choice(given.ray_tokens, &defaults::RAY_TOKENS)?,
            token_secret: given.ray_token_secret,
            mutual_tls: given.mutual_tls.unwrap_or_default(),
            dashboard_host,
            route_namespace,
            route: self.choice(given.route, &defaults::RAY_ROUTE)?,
            ingress_class: given.ingress_class,
            client: self.client(given.client.unwrap_or_default())?,
            egress: self.egress(given.egress.unwrap_or_default())?,
            users: self.subjects(given.users.unwrap_or_default(), "spec.rayClusters.users"),
            readers: self.subjects(given.readers.unwrap_or_default(), "spec.rayClusters.readers"),
        })
    }

    fn client(&mut self, given: crate::input::platform::RayClientSpec) -> Option<Client> {
        let route = self.choice(given.route, &defaults::RAY_CLIENT_ROUTE)?;
        let path = "spec.rayClusters.client.domain";
        match &given.domain {
            Some(domain) if !is_dns_name(domain) => {
                let finding = Finding::error("is no domain: labels of lower-case letters, digits and dashes");
                self.findings.push(finding.at(path).found(domain.clone()));
            }
            None if route != RayClientRoute::None => {
                let message = "is missing: every cluster's client port has the same paths, so hosts tell them apart; name a \
                               domain whose hosts lead to the gateway, for example ray.apps.example.com";
                self.findings.push(Finding::error(message).at(path));
            }
            _ => {}
        }
        let listener = self.text(given.listener, &defaults::RAY_CLIENT_LISTENER);
        if !is_dns_name(&listener) {
            let finding = Finding::error("is no name of a listener").at("spec.rayClusters.client.listener");
            self.findings.push(finding.found(listener.clone()));
        }
        Some(Client {
            route,
            domain: given.domain,
            listener,
            certificates: given.certificates,
        })
    }

    fn egress(&mut self, given: crate::input::platform::RayEgressSpec) -> Option<Egress> {
        let to = self.choice(given.to, &defaults::RAY_EGRESS)?;
        if to == RayEgress::Cluster && given.api_servers.is_empty() {
            let message = "is missing: the guard asks the API server about every caller, and nodes that reach their own cluster \
                           alone keep it from that; list the API server's address ranges, for example 10.0.0.1/32";
            self.findings
                .push(Finding::error(message).at("spec.rayClusters.egress.apiServers"));
        }
        let namespace = defaults::DNS_NAMESPACE.on(self.flavor);
        let dns = self.pods(
            given.dns.unwrap_or_default(),
            namespace,
            [].into(),
            "spec.rayClusters.egress.dns",
        );
        Some(Egress {
            to,
            api_servers: given.api_servers,
            dns,
        })
    }

    /// How the KubeRay API server is treated.
    pub(super) fn api_server(&mut self, given: KubeRayApiServerSpec, allow_tags: bool) -> Option<ApiServer> {
        let guard = self.choice(given.guard, &defaults::API_SERVER_GUARD)?;
        let path = "spec.kubeRayApiServer";
        match &given.image {
            Some(image) => image::check(image, allow_tags, &format!("{path}.image"), self.findings),
            None if guard == ApiServerGuard::Token => {
                let message = "is missing: name an image whose program takes the settings of KubeRay's security proxy \
                               (HTTP_LOCAL_PORT and so on), by digest. KubeRay's own is no longer built, and a request line in \
                               absolute form passes it without a token";
                self.findings
                    .push(Finding::error(message).at(format!("{path}.image")));
            }
            None => {}
        }
        let secret = self.text(given.secret, &defaults::API_SERVER_SECRET);
        if !is_dns_name(&secret) {
            let message = "is no name of a Secret: lower-case letters, digits, dashes and dots";
            let finding = Finding::error(message).at(format!("{path}.secret"));
            self.findings.push(finding.found(secret.clone()));
        }
        let key = self.text(given.key, &defaults::API_SERVER_KEY);
        if !is_secret_key(&key) {
            let finding = Finding::error("is no key of a Secret").at(format!("{path}.key"));
            self.findings.push(finding.found(key.clone()));
        }
        Some(ApiServer {
            guard,
            image: given.image,
            secret,
            key,
            users: self.subjects(given.users.unwrap_or_default(), &format!("{path}.users")),
            readers: self.subjects(given.readers.unwrap_or_default(), &format!("{path}.readers")),
            route: given
                .route
                .unwrap_or(defaults::API_SERVER_ROUTE.on(self.flavor) == "true"),
        })
    }

    /// Pods, with what is usual where nothing is given. An empty selector there is an error; one that is usual is not.
    fn pods(
        &mut self,
        given: PodsSpec,
        namespace: &str,
        usual: std::collections::BTreeMap<String, String>,
        path: &str,
    ) -> Pods {
        let namespace = given.namespace.unwrap_or_else(|| namespace.to_owned());
        if !is_dns_label(&namespace) {
            let finding = Finding::error("is no name of a namespace").at(format!("{path}.namespace"));
            self.findings.push(finding.found(namespace.clone()));
        }
        let labels = match given.labels {
            Some(labels) => self.labels(labels, &format!("{path}.labels")),
            None => usual,
        };
        Pods { namespace, labels }
    }
}
