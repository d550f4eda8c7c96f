//! What the login service may do, who may reach it, and where its secrets come from.
//!
//! Sources of the shapes: openshift/api `oauth/v1/types.go`; external-secrets/external-secrets
//! `apis/externalsecrets/v1/externalsecret_types.go`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Serialize;

use super::network::port;
use super::rbac::role_ref;
use super::{Object, login, meta};
use crate::input::platform::{AuthMode, Flavor};
use crate::model::gateway::Gateway;
use crate::model::keys;
use crate::model::login::{CREDENTIALS, KEYS, METRICS_PORT, NAME, PATHS, PORT, Provider, Store, issuer_port};
use crate::model::names::joined;
use crate::plan::class::Class;

/// The ports of API servers: the Service's, and the one behind it, which policies see.
const API_PORTS: [u16; 2] = [443, 6443];
/// The namespaces that OpenShift's monitoring asks from.
const MONITORING: [&str; 2] = ["openshift-monitoring", "openshift-user-workload-monitoring"];
/// How often an ExternalSecret looks, in the operator's own default, written out.
const REFRESH: &str = "1h0m0s";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OAuthClient {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    grant_method: &'static str,
    #[serde(rename = "redirectURIs")]
    redirect_uris: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalSecret {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: ExternalSecretSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalSecretSpec {
    refresh_interval: &'static str,
    secret_store_ref: StoreRef,
    target: Target,
    data: Vec<Datum>,
}

#[derive(Serialize)]
struct StoreRef {
    kind: String,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    name: String,
    creation_policy: &'static str,
    deletion_policy: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Datum {
    secret_key: String,
    remote_ref: RemoteRef,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemoteRef {
    key: String,
    property: &'static str,
    conversion_strategy: &'static str,
    decoding_strategy: &'static str,
    metadata_policy: &'static str,
}

/// Its ServiceAccount. What else runs as it by mistake has no token.
pub fn service_account(gateway: &Gateway) -> Object {
    let account = ServiceAccount {
        metadata: meta::of_gateway(gateway, NAME, &gateway.namespace, Class::Support),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    Object::new(Class::Support, &account)
}

/// It may ask who a token belongs to, and nothing else; and that only where Kubernetes tokens are let in. Beside Open Data
/// Hub's operator that one's binding stands, whose role an API server lets nobody change.
pub fn token_review(gateway: &Gateway) -> Vec<Object> {
    if !gateway.login.token_review || gateway.beside_operator {
        return Vec::new();
    }
    let name = joined(&format!("{NAME}-tokenreview"), &gateway.namespace, &gateway.name);
    let role = ClusterRole {
        metadata: meta::of_gateway_in_cluster(gateway, &name, Class::Support),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec!["authentication.k8s.io".into()]),
            resources: Some(vec!["tokenreviews".into()]),
            verbs: vec!["create".into()],
            ..PolicyRule::default()
        }]),
        aggregation_rule: None,
    };
    let binding = ClusterRoleBinding {
        metadata: meta::of_gateway_in_cluster(gateway, &name, Class::Support),
        role_ref: role_ref("ClusterRole", &name),
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".into(),
            name: NAME.into(),
            namespace: Some(gateway.namespace.clone()),
            api_group: None,
        }]),
    };
    vec![
        Object::new(Class::Support, &role),
        Object::new(Class::Support, &binding),
    ]
}

/// Only the gateway reaches it, and it reaches names, the API server and what answers at the same port: an issuer, OpenShift's
/// OAuth server. It says nothing of the issuer, so that it is the same whether there is one or not.
pub fn closing_policy(gateway: &Gateway) -> Object {
    let mut ingress = vec![NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(namespace(&gateway.pods.namespace)),
            pod_selector: Some(LabelSelector {
                match_labels: Some(gateway.pods.labels.clone()),
                match_expressions: None,
            }),
            ip_block: None,
        }]),
        ports: Some(vec![tcp(PORT)]),
    }];
    if gateway.flavor == Flavor::OpenShift {
        ingress.extend(MONITORING.map(|name| NetworkPolicyIngressRule {
            from: Some(vec![NetworkPolicyPeer {
                namespace_selector: Some(namespace(name)),
                ..NetworkPolicyPeer::default()
            }]),
            ports: Some(vec![tcp(METRICS_PORT)]),
        }));
    }
    let dns: &[u16] = match gateway.flavor {
        // OpenShift's DNS listens at 5353 behind its Service.
        Flavor::OpenShift => &[53, 5353],
        Flavor::Kubernetes => &[53],
    };
    let names = dns
        .iter()
        .flat_map(|number| [port("UDP", *number), port("TCP", *number)]);
    let egress = vec![to(names.collect()), to(API_PORTS.map(tcp).into())];
    policy(gateway, NAME, Class::Enforce, Some(ingress), egress)
}

/// Lets it reach an issuer that answers at another port.
pub fn issuer_policy(gateway: &Gateway) -> Option<Object> {
    let Some(Provider::Oidc { issuer, .. }) = &gateway.login.provider else {
        return None;
    };
    let number = issuer_port(issuer);
    if API_PORTS.contains(&number) {
        return None;
    }
    let name = format!("{NAME}-issuer");
    Some(policy(
        gateway,
        &name,
        Class::Support,
        None,
        vec![to(vec![tcp(number)])],
    ))
}

fn policy(
    gateway: &Gateway,
    name: &str,
    class: Class,
    ingress: Option<Vec<NetworkPolicyIngressRule>>,
    egress: Vec<NetworkPolicyEgressRule>,
) -> Object {
    let mut types = vec!["Egress".to_owned()];
    if ingress.is_some() {
        types.insert(0, "Ingress".to_owned());
    }
    let policy = NetworkPolicy {
        metadata: meta::of_gateway(gateway, name, &gateway.namespace, class),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(login::pod_labels()),
                match_expressions: None,
            }),
            policy_types: Some(types),
            ingress,
            egress: Some(egress),
        }),
    };
    Object::new(class, &policy)
}

fn to(ports: Vec<NetworkPolicyPort>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule {
        ports: Some(ports),
        to: None,
    }
}

fn namespace(name: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(
            keys::NAMESPACE_NAME.to_owned(),
            name.to_owned(),
        )])),
        match_expressions: None,
    }
}

fn tcp(number: u16) -> NetworkPolicyPort {
    port("TCP", number)
}

/// OpenShift's OAuth client. Its secret is not in git: whoever applies this leaves the field to whoever sets it.
pub fn oauth_client(gateway: &Gateway, mode: AuthMode) -> Option<Object> {
    if mode != AuthMode::OpenShift {
        return None;
    }
    let client = OAuthClient {
        api_version: "oauth.openshift.io/v1",
        kind: "OAuthClient",
        metadata: meta::of_gateway_in_cluster(gateway, &gateway.oauth_client, Class::Support),
        grant_method: "auto",
        redirect_uris: vec![format!("https://{}{}", gateway.host, PATHS[1])],
    };
    Some(Object::new(Class::Support, &client))
}

/// Fetches the secrets from a store, where there is one.
pub fn external_secrets(gateway: &Gateway) -> Vec<Object> {
    let (Some(store), Some(provider)) = (&gateway.login.secrets.store, &gateway.login.provider) else {
        return Vec::new();
    };
    let mut secrets: BTreeMap<&str, Vec<(&str, &'static str)>> = BTreeMap::new();
    let client = match provider {
        Provider::OpenShift => (CREDENTIALS, KEYS[1]),
        Provider::Oidc { secret, key, .. } => (secret.as_str(), key.as_str()),
    };
    secrets
        .entry(client.0)
        .or_default()
        .push((client.1, "clientSecret"));
    secrets
        .entry(CREDENTIALS)
        .or_default()
        .push((KEYS[2], "cookieSecret"));
    let objects = secrets.into_iter().map(|(name, rows)| {
        let secret = ExternalSecret {
            api_version: "external-secrets.io/v1",
            kind: "ExternalSecret",
            metadata: meta::of_gateway(gateway, name, &gateway.namespace, Class::Support),
            spec: ExternalSecretSpec {
                refresh_interval: REFRESH,
                secret_store_ref: StoreRef {
                    kind: store.kind.clone(),
                    name: store.name.clone(),
                },
                target: Target {
                    name: name.to_owned(),
                    creation_policy: "Owner",
                    deletion_policy: "Retain",
                },
                data: rows
                    .iter()
                    .map(|(key, property)| datum(store, key, property))
                    .collect(),
            },
        };
        Object::new(Class::Support, &secret)
    });
    objects.collect()
}

fn datum(store: &Store, key: &str, property: &'static str) -> Datum {
    Datum {
        secret_key: key.to_owned(),
        remote_ref: RemoteRef {
            key: store.key.clone(),
            property,
            conversion_strategy: "Default",
            decoding_strategy: "None",
            metadata_policy: "None",
        },
    }
}
