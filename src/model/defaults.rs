//! Every default of a Platform, in one table: what the resolver uses and what the docs print.

use crate::input::platform::Flavor;

/// A field's default.
#[derive(Debug, Clone, Copy)]
pub struct Default {
    /// The field's path in `spec`.
    pub path: &'static str,
    /// On OpenShift.
    pub openshift: &'static str,
    /// On any other Kubernetes.
    pub kubernetes: &'static str,
}

impl Default {
    const fn same(path: &'static str, value: &'static str) -> Self {
        Self {
            path,
            openshift: value,
            kubernetes: value,
        }
    }

    /// The default on a flavor of cluster.
    pub fn on(&self, flavor: Flavor) -> &'static str {
        match flavor {
            Flavor::OpenShift => self.openshift,
            Flavor::Kubernetes => self.kubernetes,
        }
    }
}

/// `applicationsNamespace`
pub const APPLICATIONS_NAMESPACE: Default = Default::same("applicationsNamespace", "opendatahub");
/// `gateway.operator`
pub const GATEWAY_OPERATOR: Default = Default::same("gateway.operator", "None");
/// `gateway.name`
pub const GATEWAY_NAME: Default = Default::same("gateway.name", "data-science-gateway");
/// `gateway.namespace`
pub const GATEWAY_NAMESPACE: Default = Default::same("gateway.namespace", "openshift-ingress");
/// `gateway.className`
pub const GATEWAY_CLASS: Default = Default::same("gateway.className", "data-science-gateway-class");
/// `gateway.controllerName`
pub const GATEWAY_CONTROLLER: Default = Default {
    path: "gateway.controllerName",
    openshift: "openshift.io/gateway-controller/v1",
    kubernetes: "istio.io/gateway-controller",
};
/// `gateway.controllerName` of Envoy Gateway.
pub const ENVOY_GATEWAY_CONTROLLER: &str = "gateway.envoyproxy.io/gatewayclass-controller";
/// `gateway.version` of Envoy Gateway.
pub const ENVOY_GATEWAY_VERSION: &str = "1.9";
/// `gateway.implementation`
pub const GATEWAY_IMPLEMENTATION: Default = Default::same("gateway.implementation", "Istio");
/// `gateway.ingressMode`
pub const INGRESS_MODE: Default = Default {
    path: "gateway.ingressMode",
    openshift: "OcpRoute",
    kubernetes: "LoadBalancer",
};
/// `gateway.gatewayApi`
pub const GATEWAY_API: Default = Default::same("gateway.gatewayApi", "1.2");
/// `gateway.version`
pub const GATEWAY_VERSION: Default = Default::same("gateway.version", "1.28");
/// `onMissingOidc`
pub const ON_MISSING_OIDC: Default = Default::same("onMissingOidc", "fence");
/// `tls.source`
pub const TLS_SOURCE: Default = Default {
    path: "tls.source",
    openshift: "ServiceCA",
    kubernetes: "CertManager",
};
/// `tls.issuerRef.name`
pub const ISSUER_NAME: Default = Default::same("tls.issuerRef.name", "selfsigned");
/// `tls.issuerRef.kind`
pub const ISSUER_KIND: Default = Default::same("tls.issuerRef.kind", "ClusterIssuer");
/// `tls.issuerRef.group`
pub const ISSUER_GROUP: Default = Default::same("tls.issuerRef.group", "cert-manager.io");
/// `tls.caRef.name`: of the object with the authority that signs the guards' certificates.
pub const CA_NAME: Default = Default::same("tls.caRef.name", "gatewright-backend-ca");
/// `tls.caRef.key`: the one that gateways read.
pub const CA_KEY: Default = Default::same("tls.caRef.key", "ca.crt");
/// `tls.skipVerify`
pub const SKIP_VERIFY: Default = Default::same("tls.skipVerify", "false");
/// `sidecar.image`: the image of the design document for Notebooks.
pub const SIDECAR_IMAGE: Default = Default::same(
    "sidecar.image",
    "registry.redhat.io/openshift4/ose-kube-rbac-proxy-rhel9@sha256:784c4667a867abdbec6d31a4bbde52676a0f37f8e448eaae37568a46fcdeace7",
);
/// `sidecar.program`
pub const SIDECAR_PROGRAM: Default = Default::same("sidecar.program", "kube-rbac-proxy");
/// `sidecar.resources.requests.cpu` and `.limits.cpu`
pub const SIDECAR_CPU: [Default; 2] = [
    Default::same("sidecar.resources.requests.cpu", "100m"),
    Default::same("sidecar.resources.limits.cpu", "100m"),
];
/// `sidecar.resources.requests.memory` and `.limits.memory`
pub const SIDECAR_MEMORY: [Default; 2] = [
    Default::same("sidecar.resources.requests.memory", "64Mi"),
    Default::same("sidecar.resources.limits.memory", "64Mi"),
];
/// `allowTags`
pub const ALLOW_TAGS: Default = Default::same("allowTags", "false");
/// `allowUnauthenticated`
pub const ALLOW_UNAUTHENTICATED: Default = Default::same("allowUnauthenticated", "false");
/// `notebooks.controller`
pub const NOTEBOOK_CONTROLLER: Default = Default::same("notebooks.controller", "None");
/// `notebooks.routeNamespace`: the applications namespace.
pub const ROUTE_NAMESPACE: Default = Default::same("notebooks.routeNamespace", "opendatahub");
/// `notebooks.culler.labels`: a label of the notebook controller's pods.
pub const CULLER_LABEL: (&str, &str) = ("app", "notebook-controller");
/// `notebooks.shortPaths`
pub const SHORT_PATHS: Default = Default::same("notebooks.shortPaths", "false");
/// `rayClusters.guard`
pub const RAY_GUARD: Default = Default::same("rayClusters.guard", "All");
/// `rayClusters.operator`
pub const RAY_OPERATOR: Default = Default::same("rayClusters.operator", "None");
/// `rayClusters.rayTokens`
pub const RAY_TOKENS: Default = Default::same("rayClusters.rayTokens", "Off");
/// `rayClusters.kubeRay`
pub const KUBERAY: Default = Default::same("rayClusters.kubeRay", "1.6");
/// `rayClusters.operatorPods.labels`: a label of the operator's pods, in KubeRay's chart and in Open Data Hub's manifests.
pub const KUBERAY_OPERATOR_LABEL: (&str, &str) = ("app.kubernetes.io/component", "kuberay-operator");
/// `rayClusters.mutualTls`
pub const RAY_MUTUAL_TLS: Default = Default::same("rayClusters.mutualTls", "false");
/// `rayClusters.dashboardHost`
pub const RAY_DASHBOARD_HOST: Default = Default::same("rayClusters.dashboardHost", "Pod");
/// `rayClusters.route`
pub const RAY_ROUTE: Default = Default::same("rayClusters.route", "HTTPRoute");
/// `rayClusters.client.route`
pub const RAY_CLIENT_ROUTE: Default = Default::same("rayClusters.client.route", "None");
/// `rayClusters.client.listener`
pub const RAY_CLIENT_LISTENER: Default = Default::same("rayClusters.client.listener", "ray-client");
/// `rayClusters.egress.to`
pub const RAY_EGRESS: Default = Default::same("rayClusters.egress.to", "Any");
/// `rayClusters.egress.dns.namespace`
pub const DNS_NAMESPACE: Default = Default {
    path: "rayClusters.egress.dns.namespace",
    openshift: "openshift-dns",
    kubernetes: "kube-system",
};
/// `kubeRayApiServer.guard`
pub const API_SERVER_GUARD: Default = Default::same("kubeRayApiServer.guard", "Off");
/// `kubeRayApiServer.secret`
pub const API_SERVER_SECRET: Default = Default::same("kubeRayApiServer.secret", "kuberay-apiserver-token");
/// `kubeRayApiServer.key`
pub const API_SERVER_KEY: Default = Default::same("kubeRayApiServer.key", "token");
/// `kubeRayApiServer.route`
pub const API_SERVER_ROUTE: Default = Default::same("kubeRayApiServer.route", "true");
/// `images.kubeAuthProxy`: the digest at which Open Data Hub pins the image that holds it (opendatahub-io/kubeflow
/// `components/odh-notebook-controller/config/base/params.env`).
pub const LOGIN_IMAGE: Default = Default::same(
    "images.kubeAuthProxy",
    "quay.io/opendatahub/odh-kube-auth-proxy@sha256:dcb09fbabd8811f0956ef612a0c9ddd5236804b9bd6548a0647d2b531c9d01b3",
);
/// `secrets.store.kind`
pub const STORE_KIND: Default = Default::same("secrets.store.kind", "ClusterSecretStore");
/// `secrets.store.key`
pub const STORE_KEY: Default = Default::same("secrets.store.key", "kube-auth-proxy");
/// `secrets.strategy`
pub const SECRETS_STRATEGY: Default = Default::same("secrets.strategy", "Reference");
/// `accessGraphs`
pub const ACCESS_GRAPHS: Default = Default::same("accessGraphs", "Emit");

/// Fields whose default comes from other fields, or is no single value.
const DERIVED: [(&str, &str); 15] = [
    (
        "gateway.className",
        "of a GatewayConfig in the input as above, of a Gateway `odh-gateway-class`",
    ),
    (
        "gateway.name",
        "of a GatewayConfig in the input as above, of a Gateway `odh-gateway`",
    ),
    (
        "gateway.controllerName",
        "for EnvoyGateway `gateway.envoyproxy.io/gatewayclass-controller`",
    ),
    ("gateway.version", "for EnvoyGateway `1.9`"),
    ("notebooks.routeNamespace", "the value of `applicationsNamespace`"),
    (
        "notebooks.culler.namespace",
        "the value of `applicationsNamespace`",
    ),
    ("notebooks.culler.labels", "`app: notebook-controller`"),
    (
        "rayClusters.routeNamespace",
        "the value of `applicationsNamespace`",
    ),
    (
        "rayClusters.operatorPods.namespace",
        "the value of `applicationsNamespace`",
    ),
    (
        "rayClusters.operatorPods.labels",
        "`app.kubernetes.io/component: kuberay-operator`",
    ),
    ("rayClusters.rayTokenSecret", "the name of the RayCluster"),
    (
        "rayClusters.dashboardHost",
        "beside Open Data Hub's operator `Loopback`",
    ),
    ("rayClusters.egress.dns.labels", "all pods of the namespace"),
    (
        "tls.caRef.kind",
        "`Secret` (in `gateway.namespace`) for Istio below Gateway API 1.4, else `ConfigMap` (in each Notebook's namespace)",
    ),
    (
        "gateway.podNamespace",
        "the value of `gateway.namespace`; for EnvoyGateway `envoy-gateway-system`",
    ),
];

/// Environment variable that overrides [`SIDECAR_IMAGE`] (the design document's name for it); Platform overrides both.
pub const SIDECAR_IMAGE_VARIABLE: &str = "RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE";

/// All of them, in the order of the schema.
pub const TABLE: [&Default; 48] = [
    &APPLICATIONS_NAMESPACE,
    &GATEWAY_OPERATOR,
    &GATEWAY_NAME,
    &GATEWAY_NAMESPACE,
    &GATEWAY_CLASS,
    &GATEWAY_CONTROLLER,
    &GATEWAY_IMPLEMENTATION,
    &INGRESS_MODE,
    &GATEWAY_API,
    &GATEWAY_VERSION,
    &ON_MISSING_OIDC,
    &TLS_SOURCE,
    &ISSUER_NAME,
    &ISSUER_KIND,
    &ISSUER_GROUP,
    &CA_NAME,
    &CA_KEY,
    &SKIP_VERIFY,
    &SIDECAR_IMAGE,
    &SIDECAR_PROGRAM,
    &SIDECAR_CPU[0],
    &SIDECAR_MEMORY[0],
    &SIDECAR_CPU[1],
    &SIDECAR_MEMORY[1],
    &LOGIN_IMAGE,
    &ALLOW_TAGS,
    &ALLOW_UNAUTHENTICATED,
    &NOTEBOOK_CONTROLLER,
    &SHORT_PATHS,
    &RAY_GUARD,
    &RAY_OPERATOR,
    &KUBERAY,
    &RAY_TOKENS,
    &RAY_MUTUAL_TLS,
    &RAY_DASHBOARD_HOST,
    &RAY_ROUTE,
    &RAY_CLIENT_ROUTE,
    &RAY_CLIENT_LISTENER,
    &RAY_EGRESS,
    &DNS_NAMESPACE,
    &API_SERVER_GUARD,
    &API_SERVER_SECRET,
    &API_SERVER_KEY,
    &API_SERVER_ROUTE,
    &SECRETS_STRATEGY,
    &STORE_KIND,
    &STORE_KEY,
    &ACCESS_GRAPHS,
];

/// Path and default of every field whose default depends on nothing: what a schema can state.
pub fn for_schema() -> Vec<(&'static str, String)> {
    let derived = |path: &str| DERIVED.iter().any(|(known, _)| *known == path);
    let fixed = TABLE
        .iter()
        .filter(|default| default.openshift == default.kubernetes && !derived(default.path));
    fixed
        .map(|default| (default.path, default.openshift.to_owned()))
        .collect()
}

/// The table as Markdown.
pub fn to_markdown() -> String {
    let mut text =
        String::from("| field of `spec` | default on OpenShift | default on Kubernetes |\n|---|---|---|\n");
    for default in TABLE {
        let kubernetes = if default.openshift == default.kubernetes {
            "the same"
        } else {
            default.kubernetes
        };
        let cell = |value: &str| {
            if value == "the same" {
                value.to_owned()
            } else {
                format!("`{value}`")
            }
        };
        text.push_str(&format!(
            "| `{}` | `{}` | {} |\n",
            default.path,
            default.openshift,
            cell(kubernetes)
        ));
    }
    for (path, value) in DERIVED {
        text.push_str(&format!("| `{path}` | {value} | the same |\n"));
    }
    text
}
