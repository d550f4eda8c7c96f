//! Copies of the cluster's own configuration (`config.openshift.io`), from which the auth mode, the domain and the TLS
//! profile can be read without asking a cluster.
//!
//! Source: openshift/api `config/v1/types_{authentication,ingress,apiserver,tlssecurityprofile}.go`. What is read is
//! little; the rest may hold anything.

use serde_json::Value;

/// API group.
pub const GROUP: &str = "config.openshift.io";
/// Kind: how the API server tells who somebody is.
pub const AUTHENTICATION: &str = "Authentication";
/// Kind: the cluster's ingress domain.
pub const INGRESS: &str = "Ingress";
/// Kind: the API server's own settings.
pub const API_SERVER: &str = "APIServer";
/// The only name these have.
pub const NAME: &str = "cluster";

/// What is read of `Authentication`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authentication {
    /// `spec.type`; empty stands for OpenShift's own OAuth server.
    pub kind: String,
    /// `spec.oidcProviders`.
    pub providers: Vec<OidcProvider>,
}

/// An `OpenID` Connect issuer that the API server trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OidcProvider {
    /// `issuer.issuerURL`
    pub issuer: String,
    /// `issuer.audiences`
    pub audiences: Vec<String>,
    /// `issuer.issuerCertificateAuthority.name`: its own authority, where it has one.
    pub authority: String,
    /// `claimMappings.groups.claim`: where the groups are in a token.
    pub groups_claim: String,
    /// `claimMappings.groups.prefix`: what stands before each group's name.
    pub group_prefix: String,
}

/// What is read of `Ingress`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingress {
    /// `spec.domain`
    pub domain: String,
    /// `spec.appsDomain`, which goes first.
    pub apps_domain: String,
}

/// What is read of `APIServer`: `spec.tlsSecurityProfile`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSecurityProfile {
    /// `type`: Old, Intermediate, Modern or Custom.
    pub kind: String,
    /// `custom.minTLSVersion` and `custom.ciphers`, where there is a `custom`.
    pub custom: Option<(String, Vec<String>)>,
}

/// Reads an `Authentication`.
pub fn authentication(value: &Value) -> Authentication {
    let spec = &value["spec"];
    let providers = spec["oidcProviders"].as_array().into_iter().flatten();
    Authentication {
        // What is no text is no type that is known.
        kind: match &spec["type"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        providers: providers.map(provider).collect(),
    }
}

fn provider(value: &Value) -> OidcProvider {
    let issuer = &value["issuer"];
    OidcProvider {
        issuer: text(&issuer["issuerURL"]),
        audiences: texts(&issuer["audiences"]),
        authority: text(&issuer["issuerCertificateAuthority"]["name"]),
        groups_claim: text(&value["claimMappings"]["groups"]["claim"]),
        group_prefix: text(&value["claimMappings"]["groups"]["prefix"]),
    }
}

/// Reads an `Ingress`.
pub fn ingress(value: &Value) -> Ingress {
    Ingress {
        domain: text(&value["spec"]["domain"]),
        apps_domain: text(&value["spec"]["appsDomain"]),
    }
}

/// Reads an `APIServer`'s TLS profile.
pub fn tls_profile(value: &Value) -> TlsSecurityProfile {
    let profile = &value["spec"]["tlsSecurityProfile"];
    let custom = &profile["custom"];
    TlsSecurityProfile {
        kind: text(&profile["type"]),
        custom: custom
            .is_object()
            .then(|| (text(&custom["minTLSVersion"]), texts(&custom["ciphers"]))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
