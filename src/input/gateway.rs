//! `services.platform.opendatahub.io/v1alpha1` Gateway (the design document's) and `GatewayConfig` (Open Data Hub's): the
//! gateway that people come in by.
//!
//! Sources: the design document, section 2.1; opendatahub-io/opendatahub-operator `api/services/v1alpha1/gateway_types.go`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::platform::{IngressMode, IssuerRef};

/// Kind of the design document.
pub const GATEWAY: &str = "Gateway";
/// Kind that Open Data Hub ships.
pub const GATEWAY_CONFIG: &str = "GatewayConfig";
/// The only name of a `GatewayConfig` that Open Data Hub's CRD takes.
pub const CONFIG_NAME: &str = "default-gateway";

/// The design document's Gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GatewaySpec {
    /// The domain that the gateway's host is in. The cluster's ingress domain if none is given.
    pub domain: Option<String>,
    /// The whole host name, instead of one that is made of the gateway's name and the domain.
    pub hostname: Option<String>,
    /// The certificate of the gateway's listener.
    pub certificate: Option<CertificateSpec>,
    /// How traffic reaches the gateway.
    #[schemars(schema_with = "ingress_mode")]
    pub ingress_mode: Option<String>,
    /// An existing `GatewayClass`: none is written then.
    pub gateway_class_name: Option<String>,
}

/// The certificate of a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateSpec {
    /// Where it comes from.
    #[serde(rename = "type")]
    #[schemars(rename = "type")]
    pub kind: Option<CertificateType>,
    /// Name of its Secret, in the namespace of the gateway.
    pub secret_name: Option<String>,
    /// The cert-manager issuer, where the type is `CertManager`.
    pub issuer_ref: Option<IssuerRef>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum CertificateType {
    /// The default certificate of OpenShift's router.
    OpenshiftDefaultIngress,
    /// A self-signed one, made by cert-manager.
    SelfSigned,
    /// cert-manager, by an issuer that exists.
    CertManager,
    /// Somebody else: the Secret exists.
    Provided,
}

/// Open Data Hub's `GatewayConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GatewayConfigSpec {
    /// How traffic reaches the gateway.
    #[schemars(schema_with = "ingress_mode")]
    pub ingress_mode: Option<String>,
    /// The `OpenID` Connect client.
    pub oidc: Option<Oidc>,
    /// The certificate of the gateway's listener, where the ingress mode is `LoadBalancer`.
    pub certificate: Option<CertificateSpec>,
    /// The domain that the gateway's host is in. The cluster's ingress domain if none is given.
    pub domain: Option<String>,
    /// The first label of the gateway's host.
    pub subdomain: Option<String>,
    /// The session cookie.
    pub cookie: Option<Cookie>,
    /// How long the gateway waits for the login service; the older name, which wins.
    pub auth_timeout: Option<String>,
    /// How long the gateway waits for the login service.
    pub auth_proxy_timeout: Option<String>,
    /// NetworkPolicies.
    pub network_policy: Option<NetworkPolicySpec>,
    /// Secret with the issuer's authority, key `ca.crt`, in the namespace of the gateway.
    #[serde(rename = "providerCASecretName")]
    #[schemars(rename = "providerCASecretName")]
    pub provider_ca_secret_name: Option<String>,
    /// Whether the issuer's certificate is verified.
    pub verify_provider_certificate: Option<bool>,
    /// Whether Kubernetes tokens are let in beside sessions.
    #[serde(rename = "enableK8sTokenValidation")]
    #[schemars(rename = "enableK8sTokenValidation")]
    pub enable_k8s_token_validation: Option<bool>,
    /// The most pods of the login service; with 2 they are not scaled.
    pub auth_proxy_max_replicas: Option<u32>,
    /// How fast TokenReviews are made.
    pub token_review: Option<TokenReviewSpec>,
    /// Settings of the OpenShift Route.
    pub ocp_route: Option<OcpRouteSpec>,
    /// More ways in. Not acted on.
    pub additional_ingresses: Option<Vec<AdditionalIngress>>,
}

/// An `OpenID` Connect client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Oidc {
    /// The issuer, to the letter of the tokens' `iss`.
    #[serde(rename = "issuerURL")]
    #[schemars(rename = "issuerURL")]
    pub issuer_url: Option<String>,
    /// The client's id.
    #[serde(rename = "clientID")]
    #[schemars(rename = "clientID")]
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret_ref: Option<SecretKeyRef>,
    /// Namespace of that Secret; the gateway's if none is given.
    pub secret_namespace: Option<String>,
}

/// One key of a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecretKeyRef {
    /// Name of the Secret.
    pub name: Option<String>,
    /// Key in it.
    pub key: Option<String>,
    /// Whether it may be missing. It may not.
    pub optional: Option<bool>,
}

/// The session cookie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cookie {
    /// When a session ends.
    pub expire: Option<String>,
    /// When a session is refreshed: less than the issuer's tokens live. An hour, and four minutes with OIDC, where it is unset.
    pub refresh: Option<String>,
}

/// NetworkPolicies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkPolicySpec {
    /// Of the login service.
    pub ingress: Option<NetworkPolicyIngress>,
}

/// The NetworkPolicy of the login service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkPolicyIngress {
    /// Whether there is one.
    pub enabled: Option<bool>,
}

/// How fast TokenReviews are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenReviewSpec {
    /// In a second.
    pub qps: Option<u32>,
    /// At once.
    pub burst: Option<u32>,
    /// How long an answer is kept.
    #[serde(rename = "cacheTTL")]
    #[schemars(rename = "cacheTTL")]
    pub cache_ttl: Option<String>,
}

/// Settings of the OpenShift Route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OcpRouteSpec {
    /// How long the router waits for an answer.
    pub server_timeout: Option<String>,
}

/// One more way in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AdditionalIngress {
    /// Its name.
    pub name: Option<String>,
    /// Its host.
    pub hostname: Option<String>,
    /// The ingress controller that takes its Route.
    pub ingress_controller_name: Option<String>,
    /// Labels of its Route.
    pub route_labels: Option<BTreeMap<String, String>>,
    /// Its login.
    pub auth: Option<AdditionalAuth>,
}

/// The login of one more way in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AdditionalAuth {
    /// Its `OpenID` Connect client.
    pub oidc: Option<Oidc>,
    /// The most pods of its login service.
    pub max_replicas: Option<u32>,
}

/// An empty text counts as nothing here: Open Data Hub writes it back.
fn ingress_mode(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "description": "How traffic reaches the gateway. OcpRoute: Through an OpenShift Route. LoadBalancer: Through a load balancer.",
        "type": "string",
        "enum": ["", "OcpRoute", "LoadBalancer"]
    })
}

/// The mode that a text names, if it names one.
pub fn mode(text: Option<&String>) -> Option<IngressMode> {
    match text.map(String::as_str) {
        Some("OcpRoute") => Some(IngressMode::OcpRoute),
        Some("LoadBalancer") => Some(IngressMode::LoadBalancer),
        _ => None,
    }
}
