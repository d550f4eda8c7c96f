//! What tells the gateway to verify a guard before it sends it a request.
//!
//! Sources of the shapes: istio/api `networking/v1alpha3/destination_rule.proto`; kubernetes-sigs/gateway-api
//! `apis/v1/backendtlspolicy_types.go`. Without such an object a gateway speaks plain HTTP to a port that takes TLS alone:
//! losing it closes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::http_route::GROUP;
use super::{Object, meta};
use crate::model::backend_tls::{Authority, BackendTls};
use crate::model::gateway::Gateway;
use crate::model::platform::Platform;
use crate::plan::api_server::GuardedApiServer;
use crate::plan::class::Class;
use crate::plan::guard::Guard;
use crate::plan::hop::Hop;
use crate::plan::ray::RayGuard;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DestinationRule {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: DestinationRuleSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DestinationRuleSpec {
    host: String,
    export_to: Vec<&'static str>,
    traffic_policy: TrafficPolicy,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrafficPolicy {
    port_level_settings: Vec<PortSettings>,
}

#[derive(Serialize)]
struct PortSettings {
    port: PortSelector,
    tls: ClientTls,
}

#[derive(Serialize)]
struct PortSelector {
    number: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientTls {
    mode: &'static str,
    sni: String,
    subject_alt_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificates: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_skip_verify: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackendTlsPolicy {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: BackendTlsPolicySpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackendTlsPolicySpec {
    target_refs: Vec<TargetRef>,
    validation: Validation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetRef {
    group: &'static str,
    kind: &'static str,
    name: String,
    section_name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    hostname: String,
    subject_alt_names: Vec<SubjectAltName>,
    ca_certificate_refs: Vec<CaRef>,
}

#[derive(Serialize)]
struct SubjectAltName {
    #[serde(rename = "type")]
    kind: &'static str,
    hostname: String,
}

#[derive(Serialize)]
struct CaRef {
    group: &'static str,
    kind: String,
    name: String,
}

/// The rule for a guard.
pub fn of_guard(platform: &Platform, guard: &Guard) -> Object {
    let hop = Hop::to_guard(guard);
    match &platform.backend_tls {
        BackendTls::DestinationRule(authority) => {
            let namespace = Some(platform.gateway.pods.namespace.as_str());
            destination_rule(
                meta::of_guard_in(guard, &hop.rule, namespace, Class::Enforce),
                &hop,
                authority,
            )
        }
        BackendTls::Policy { version, kind, name } => policy(
            meta::of_guard(guard, &hop.service, Class::Enforce),
            &hop,
            version,
            kind,
            name,
        ),
    }
}

/// The rule for the login service.
pub fn of_login(platform: &Platform, gateway: &Gateway) -> Object {
    let hop = Hop::to_login(gateway);
    match &platform.backend_tls {
        BackendTls::DestinationRule(authority) => {
            let namespace = &gateway.pods.namespace;
            destination_rule(
                meta::of_gateway(gateway, &hop.rule, namespace, Class::Enforce),
                &hop,
                authority,
            )
        }
        BackendTls::Policy { version, kind, name } => {
            let metadata = meta::of_gateway(gateway, &hop.service, &gateway.namespace, Class::Enforce);
            policy(metadata, &hop, version, kind, name)
        }
    }
}

/// The rule for the guards of a Ray cluster, where the gateway speaks TLS with any.
pub fn of_ray(platform: &Platform, guard: &RayGuard) -> Option<Object> {
    let doors = guard.reencrypted(platform);
    if doors.is_empty() {
        return None;
    }
    let hop = Hop::to_ray(guard, &doors);
    Some(match &platform.backend_tls {
        BackendTls::DestinationRule(authority) => {
            let namespace = Some(platform.gateway.pods.namespace.as_str());
            let metadata = meta::of_ray_in(guard, &hop.rule, namespace, Class::Enforce);
            destination_rule(metadata, &hop, authority)
        }
        BackendTls::Policy { version, kind, name } => {
            let metadata = meta::of_ray(guard, &hop.service, Class::Enforce);
            policy(metadata, &hop, version, kind, name)
        }
    })
}

/// The rule for the guard of KubeRay's API server.
pub fn of_api_server(platform: &Platform, guard: &GuardedApiServer) -> Object {
    let hop = Hop::to_api_server(guard);
    match &platform.backend_tls {
        BackendTls::DestinationRule(authority) => {
            let namespace = Some(platform.gateway.pods.namespace.as_str());
            let metadata = meta::of_api_server(guard, &hop.rule, namespace, Class::Enforce);
            destination_rule(metadata, &hop, authority)
        }
        BackendTls::Policy { version, kind, name } => {
            let namespace = Some(hop.namespace.as_str());
            let metadata = meta::of_api_server(guard, &hop.service, namespace, Class::Enforce);
            policy(metadata, &hop, version, kind, name)
        }
    }
}

/// In the namespace of the gateway's pods, where Istio looks first, seen by nobody else, and out of reach of who owns the Notebook. The
/// browser's host would be the name asked for and verified if none were given here.
fn destination_rule(metadata: ObjectMeta, hop: &Hop, authority: &Authority) -> Object {
    let host = hop.host();
    let setting = |(number, _): &(u16, &str)| PortSettings {
        port: PortSelector { number: *number },
        tls: ClientTls {
            mode: "SIMPLE",
            sni: host.clone(),
            subject_alt_names: vec![host.clone()],
            ca_certificates: match authority {
                Authority::File(path) => Some(path),
                _ => None,
            },
            credential_name: match authority {
                Authority::Secret(name) => Some(name.clone()),
                _ => None,
            },
            insecure_skip_verify: (*authority == Authority::Anybody).then_some(true),
        },
    };
    let rule = DestinationRule {
        api_version: "networking.istio.io/v1",
        kind: "DestinationRule",
        metadata,
        spec: DestinationRuleSpec {
            host: format!("{host}.cluster.local"),
            export_to: vec!["."],
            traffic_policy: TrafficPolicy {
                port_level_settings: hop.ports.iter().map(setting).collect(),
            },
        },
    };
    Object::new(Class::Enforce, &rule)
}

fn policy(metadata: ObjectMeta, hop: &Hop, version: &str, kind: &str, name: &str) -> Object {
    let target = |(_, name): &(u16, &'static str)| TargetRef {
        group: "",
        kind: "Service",
        name: hop.service.clone(),
        section_name: name,
    };
    let policy = BackendTlsPolicy {
        api_version: format!("{GROUP}/{version}"),
        kind: "BackendTLSPolicy",
        metadata,
        spec: BackendTlsPolicySpec {
            target_refs: hop.ports.iter().map(target).collect(),
            validation: Validation {
                hostname: hop.host(),
                // By the API the host above is enough; Istio asks for a name in the certificate only where one is listed.
                subject_alt_names: vec![SubjectAltName {
                    kind: "Hostname",
                    hostname: hop.host(),
                }],
                ca_certificate_refs: vec![CaRef {
                    group: "",
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                }],
            },
        },
    };
    Object::new(Class::Enforce, &policy)
}
