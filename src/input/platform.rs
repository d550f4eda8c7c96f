//! `gatewright.dev/v1alpha1` Platform: the facts of the target cluster, given as the functionConfig.
//!
//! Every field is optional but `flavor`; the defaults are in `model::defaults`. The comments here are the schema's
//! descriptions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// API group of our own documents.
pub const GROUP: &str = "gatewright.dev";
/// Version of our own documents.
pub const VERSION: &str = "v1alpha1";
/// Kind of the functionConfig.
pub const KIND: &str = "Platform";

/// The facts of the target cluster.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlatformSpec {
    /// What the cluster is: decides the certificate source and the names of the platform's own services.
    pub flavor: Option<Flavor>,
    /// Ingress domain of the cluster, for example apps.example.com. Needed once a gateway is defined in the input.
    pub domain: Option<String>,
    /// The namespace of the platform's own applications: the notebook controller runs here.
    pub applications_namespace: Option<String>,
    /// Namespace for Notebooks that name none. It is written into them. Without it such a Notebook is an error.
    pub default_namespace: Option<String>,
    /// The gateway that routes attach to.
    pub gateway: Option<GatewaySpec>,
    /// How people log in. Needed once a Gateway, `GatewayConfig` or Auth is defined in the input.
    pub auth_mode: Option<AuthMode>,
    /// What happens when authMode is OIDC and its configuration is missing.
    pub on_missing_oidc: Option<OnMissingOidc>,
    /// How the API server reads the groups of people who log in by OIDC.
    pub oidc: Option<OidcSpec>,
    /// The login service.
    pub login: Option<LoginSpec>,
    /// Certificates of the hops inside the cluster.
    pub tls: Option<TlsSpec>,
    /// The guard: the proxy container in front of each workload.
    pub sidecar: Option<SidecarSpec>,
    /// Images of other generated workloads.
    pub images: Option<ImagesSpec>,
    /// Allows images that we add to be named by tag instead of digest.
    pub allow_tags: Option<bool>,
    /// Allows a route to a workload without a guard. Each use is a warning.
    pub allow_unauthenticated: Option<bool>,
    /// How Notebooks are treated.
    pub notebooks: Option<NotebooksSpec>,
    /// How RayClusters are treated.
    pub ray_clusters: Option<RayClustersSpec>,
    /// How the KubeRay API server is treated.
    pub kube_ray_api_server: Option<KubeRayApiServerSpec>,
    /// Where secrets come from. They are never in the output.
    pub secrets: Option<SecretsSpec>,
    /// Whether AccessGraph objects are written beside what they list.
    pub access_graphs: Option<AccessGraphs>,
}

/// What a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Flavor {
    /// OpenShift 4.19 or later.
    OpenShift,
    /// Any other Kubernetes.
    Kubernetes,
}

/// How people log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AuthMode {
    /// OpenShift's own OAuth server.
    OpenShift,
    /// An `OpenID` Connect issuer that the API server trusts.
    #[serde(rename = "OIDC")]
    #[schemars(rename = "OIDC")]
    Oidc,
    /// Nobody can log in: nothing is exposed.
    None,
}

/// What happens when the OIDC configuration is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMissingOidc {
    /// What protects is written, what exposes is not.
    Fence,
    /// The run fails.
    Fail,
}

/// How the API server reads the groups of people who log in by OIDC: as in the entry for their issuer. On OpenShift a copy
/// of Authentication/cluster says the same; where both are given, they must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OidcSpec {
    /// The claim of a token that holds the groups: the API server's flag --oidc-groups-claim, or claimMappings.groups.claim of
    /// its `AuthenticationConfiguration`. Without it the login service reads the claim groups.
    pub groups_claim: Option<String>,
    /// What the API server puts before each group: its flag --oidc-groups-prefix, or claimMappings.groups.prefix of its
    /// `AuthenticationConfiguration`. Groups are written with it everywhere, and the login service looks for them in a token
    /// without it. An empty text says that there is none.
    pub groups_prefix: Option<String>,
}

/// The login service.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoginSpec {
    /// What a Kubernetes token must be for to pass the gateway: one of these audiences. With any, the tokens that
    /// `ServiceAccounts` have by default are refused. The guards ask for no audience, which means the API server's own: a
    /// token that is to reach a workload is for both. Without any, every token that the API server takes passes, as far as
    /// groups allow it. Sessions of people are no matter of this.
    pub token_audiences: Vec<String>,
}

/// The gateway.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GatewaySpec {
    /// Whether another operator runs the gateway too.
    pub operator: Option<Operator>,
    /// Name of the Gateway that routes attach to.
    pub name: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its `GatewayClass`.
    pub class_name: Option<String>,
    /// The controller of that class.
    pub controller_name: Option<String>,
    /// Which program runs behind it: decides the labels of its pods and the policies that fit it.
    pub implementation: Option<GatewayImplementation>,
    /// The namespace its pods run in, where that is not the Gateway's own.
    pub pod_namespace: Option<String>,
    /// How traffic reaches it.
    pub ingress_mode: Option<IngressMode>,
    /// Version of the Gateway API that the cluster serves, for example 1.2.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+$"))]
    pub gateway_api: Option<String>,
    /// Version of the implementation, for example 1.28.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+$"))]
    pub version: Option<String>,
}

/// Whether another operator is at work on the same objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Operator {
    /// None does.
    None,
    /// Open Data Hub's does.
    OpenDataHub,
}

/// Gateway implementations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum GatewayImplementation {
    /// Istio, OpenShift's included.
    Istio,
    /// Envoy Gateway.
    EnvoyGateway,
}

/// How traffic reaches the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum IngressMode {
    /// Through an OpenShift Route.
    OcpRoute,
    /// Through a load balancer.
    LoadBalancer,
}

/// Certificates inside the cluster.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsSpec {
    /// Who issues the certificates of the guards.
    pub source: Option<TlsSource>,
    /// The cert-manager issuer, where source is `CertManager`.
    pub issuer_ref: Option<IssuerRef>,
    /// The object that holds the authority of those certificates, where source is `CertManager` or Provided.
    pub ca_ref: Option<CaRef>,
    /// Turns verification of the guards' certificates off. Every run warns about it.
    pub skip_verify: Option<bool>,
}

/// Who issues certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TlsSource {
    /// OpenShift's service CA, asked by annotation.
    #[serde(rename = "ServiceCA")]
    #[schemars(rename = "ServiceCA")]
    ServiceCa,
    /// cert-manager: a Certificate is written for each guard.
    CertManager,
    /// Somebody else: the Secrets exist under the names the guards mount.
    Provided,
}

/// A cert-manager issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IssuerRef {
    /// Its name.
    pub name: Option<String>,
    /// Its kind: `ClusterIssuer` or Issuer.
    pub kind: Option<String>,
    /// Its API group.
    pub group: Option<String>,
}

/// Where the authority of the guards' certificates is kept.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CaRef {
    /// ConfigMap or Secret.
    pub kind: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The key in it.
    pub key: Option<String>,
}

/// The guard.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SidecarSpec {
    /// Its image, by digest.
    pub image: Option<String>,
    /// Which program the image holds: decides flags, configuration and roles. Beside Open Data Hub's notebook controller it
    /// is that controller's image, and odh-kube-rbac-proxy if nothing is given.
    pub program: Option<SidecarProgram>,
    /// Its resources; the annotations on a workload override them.
    pub resources: Option<ResourcesSpec>,
}

/// The programs that can be the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SidecarProgram {
    /// The upstream kube-rbac-proxy, OpenShift's build included: takes the verb from the HTTP method.
    KubeRbacProxy,
    /// Open Data Hub's fork: honours a configured verb, and needs to be told not to cut `WebSockets`.
    OdhKubeRbacProxy,
    /// Our own, `gatewright proxy`: honours a configured verb. No image of it is published, so one must be named.
    Gatewright,
}

/// Requests and limits.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResourcesSpec {
    /// What is reserved.
    pub requests: Option<ResourceAmounts>,
    /// What is not exceeded.
    pub limits: Option<ResourceAmounts>,
}

/// Amounts of the two resources a proxy uses, as Kubernetes quantities.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResourceAmounts {
    /// For example 100m.
    pub cpu: Option<String>,
    /// For example 64Mi.
    pub memory: Option<String>,
}

/// Images of other generated workloads.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ImagesSpec {
    /// The login service, by digest.
    pub kube_auth_proxy: Option<String>,
}

/// How Notebooks are treated.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NotebooksSpec {
    /// Whether Open Data Hub's notebook controller runs too and is the author of the graph.
    pub controller: Option<Operator>,
    /// The namespace of the `HTTPRoutes`.
    pub route_namespace: Option<String>,
    /// Who may open every Notebook, beside its owner.
    pub users: Option<SubjectsSpec>,
    /// The pods that ask Notebooks whether they are idle.
    pub culler: Option<PodsSpec>,
    /// Answers /notebooks/NAME too, by a redirect.
    pub short_paths: Option<bool>,
}

/// People and groups, spelled as TokenReview returns them, prefix included.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SubjectsSpec {
    /// User names.
    pub users: Vec<String>,
    /// Group names.
    pub groups: Vec<String>,
}

/// Pods, by namespace and labels.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodsSpec {
    /// Their namespace; the applications namespace if none is given.
    pub namespace: Option<String>,
    /// Their labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// How RayClusters, RayJobs and RayServices are treated.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RayClustersSpec {
    /// Which RayClusters get a guard.
    pub guard: Option<RayGuard>,
    /// Whether another operator is at work on RayClusters.
    pub operator: Option<Operator>,
    /// Version of the KubeRay operator that runs in the cluster, for example 1.6: decides which fields may be written.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+$"))]
    pub kube_ray: Option<String>,
    /// The pods of the KubeRay operator, which asks the dashboard for the state of jobs and of Serve.
    pub operator_pods: Option<PodsSpec>,
    /// The pods that collect metrics from port 8080 of every Ray node. Without them nobody does.
    pub metrics: Option<PodsSpec>,
    /// Ray's own tokens.
    pub ray_tokens: Option<RayTokens>,
    /// Where rayTokens is Secret: the Secret in the RayCluster's namespace that holds the token under the key `auth_token`. The
    /// RayCluster's own name if none is given.
    pub ray_token_secret: Option<String>,
    /// Whether Ray's nodes speak TLS with each other, by certificates that KubeRay has cert-manager make (`tlsOptions`).
    pub mutual_tls: Option<bool>,
    /// Which address of the head the dashboard answers on.
    pub dashboard_host: Option<DashboardHost>,
    /// The namespace of the routes; the applications namespace if none is given.
    pub route_namespace: Option<String>,
    /// How people reach the dashboard and the Jobs API from outside.
    pub route: Option<RayRoute>,
    /// The class of Ingresses, where route is Ingress.
    pub ingress_class: Option<String>,
    /// How Ray's clients reach the client port from outside.
    pub client: Option<RayClientSpec>,
    /// What Ray's nodes may reach.
    pub egress: Option<RayEgressSpec>,
    /// Who may use every RayCluster, beside its owner: look, submit jobs, stop them, and so run code.
    pub users: Option<SubjectsSpec>,
    /// Who may look at every RayCluster: whatever is asked by GET. With Ray that is more than looking: logs and the environment
    /// of jobs are shown, a debugger or a profiler is attached to a worker, and up to Ray 2.52 an actor is ended.
    pub readers: Option<SubjectsSpec>,
}

/// The client port, from outside.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RayClientSpec {
    /// By which route.
    pub route: Option<RayClientRoute>,
    /// The domain under which each cluster's client port has a host of its own, for example ray.apps.example.com: its paths
    /// are the same for every cluster, so hosts tell them apart. Needed where there is a route.
    pub domain: Option<String>,
    /// The Gateway's listener for that domain.
    pub listener: Option<String>,
    /// People who get a client certificate for every RayCluster, from cert-manager, in a Secret of their own: for clients that
    /// have no way to send a token.
    pub certificates: Vec<String>,
}

/// What Ray's nodes may reach.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RayEgressSpec {
    /// Everything, or their own cluster.
    pub to: Option<RayEgress>,
    /// Address ranges of the API server, for example 10.0.0.1/32: the guard asks it about every caller. Needed where nodes reach
    /// their own cluster alone.
    pub api_servers: Vec<String>,
    /// The pods that answer DNS.
    pub dns: Option<PodsSpec>,
}

/// Which address of the head the dashboard answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum DashboardHost {
    /// The pod's: workers and the KubeRay operator reach it, as far as policies let them.
    Pod,
    /// The loopback address: nobody but the guard reaches it, whatever policies there are. RayJobs and RayServices keep the
    /// pod's, for the operator calls them.
    Loopback,
}

/// How people reach the dashboard from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RayRoute {
    /// An HTTPRoute on the gateway, whose login browsers pass.
    #[serde(rename = "HTTPRoute")]
    #[schemars(rename = "HTTPRoute")]
    HttpRoute,
    /// An OpenShift Route, without a login: for callers with a token.
    Route,
    /// An Ingress, without a login: for callers with a token.
    Ingress,
    /// They do not.
    None,
}

/// How Ray's clients reach the client port from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RayClientRoute {
    /// A TLSRoute: the gateway passes TLS on to the guard as it is.
    #[serde(rename = "TLSRoute")]
    #[schemars(rename = "TLSRoute")]
    TlsRoute,
    /// A GRPCRoute: the gateway ends TLS, lets in who is logged in, and speaks TLS to the guard.
    #[serde(rename = "GRPCRoute")]
    #[schemars(rename = "GRPCRoute")]
    GrpcRoute,
    /// An OpenShift Route that passes TLS on as it is.
    Route,
    /// An Ingress of ingress-nginx that passes TLS on as it is.
    Ingress,
    /// They do not. Inside the cluster the guard answers all the same.
    None,
}

/// What Ray's nodes may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RayEgress {
    /// Everything.
    Any,
    /// Their own cluster, DNS and the API server.
    Cluster,
}

/// How the KubeRay API server is treated: its Deployment and Service, known by the labels that its chart gives them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KubeRayApiServerSpec {
    /// What stands in front of it.
    pub guard: Option<ApiServerGuard>,
    /// Where guard is Token: the image of a program that takes the settings of KubeRay's security proxy, by digest.
    pub image: Option<String>,
    /// Where guard is Token: the Secret with the token, in the API server's namespace.
    pub secret: Option<String>,
    /// The key in it.
    pub key: Option<String>,
    /// Where guard is Review: who may use it, and so everything that it may do.
    pub users: Option<SubjectsSpec>,
    /// Where guard is Review: who may look.
    pub readers: Option<SubjectsSpec>,
    /// Where guard is Review: whether the gateway leads to it, under the path /kuberay.
    pub route: Option<bool>,
}

/// What stands in front of the KubeRay API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ApiServerGuard {
    /// Nothing: its documents pass through unchanged.
    Off,
    /// One token, the same for all.
    Token,
    /// Who is asked for by the API server of Kubernetes, and may by RBAC.
    Review,
}

/// Which RayClusters get a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RayGuard {
    /// All that do not say no.
    All,
    /// Those that say yes.
    Annotated,
}

/// Ray's own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RayTokens {
    /// Not used: the guard decides alone.
    Off,
    /// One token for each cluster, from a Secret.
    Secret,
    /// Kubernetes tokens: Ray asks the API server itself.
    Kubernetes,
}

/// Where secrets come from.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretsSpec {
    /// How they are named in the output.
    pub strategy: Option<SecretsStrategy>,
    /// The store of the External Secrets operator, where the strategy is `ExternalSecret`.
    pub store: Option<SecretStore>,
    /// Any text. Changing it starts the login service's pods anew, as they must be after a secret changed.
    pub revision: Option<String>,
}

/// A store of the External Secrets operator.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretStore {
    /// Its name.
    pub name: Option<String>,
    /// Its kind: `ClusterSecretStore` or `SecretStore`.
    pub kind: Option<String>,
    /// The entry in it, with the properties `clientSecret` and `cookieSecret`.
    pub key: Option<String>,
}

/// How secrets are named in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SecretsStrategy {
    /// Existing Secrets are referred to by name.
    Reference,
    /// `ExternalSecrets` are written that fetch them.
    ExternalSecret,
}

/// Whether AccessGraph objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AccessGraphs {
    /// They are.
    Emit,
    /// They are not: for clusters without their CRD.
    Omit,
}
