//! What tells the gateway to verify a guard before it sends it a request.
//!
//! Sources of the shapes: istio/api `networking/v1alpha3/destination_rule.proto`; kubernetes-sigs/gateway-api
//! `apis/v1/backendtlspolicy_types.go`. Without such an object a gateway speaks plain HTTP to a port that takes TLS alone:
//! losing it closes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::gateway::GROUP;
use super::{Object, meta};
use crate::model::backend_tls::{Authority, BackendTls};
use crate::model::notebook::{GUARD, GUARD_PORT};
use crate::model::platform::Platform;
use crate::plan::class::Class;
use crate::plan::guard::Guard;

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
    ca_certificate_refs: Vec<CaRef>,
}

#[derive(Serialize)]
struct CaRef {
    group: &'static str,
    kind: String,
    name: String,
}

/// The rule for a guard.
pub fn backend_tls(platform: &Platform, guard: &Guard) -> Object {
    match &platform.backend_tls {
        BackendTls::DestinationRule(authority) => destination_rule(platform, guard, authority),
        BackendTls::Policy { version, kind, name } => policy(guard, version, kind, name),
    }
}

/// In the namespace of the gateway's pods, where Istio looks first, seen by nobody else, and out of reach of who owns the Notebook. The
/// browser's host would be the name asked for and verified if none were given here.
fn destination_rule(platform: &Platform, guard: &Guard, authority: &Authority) -> Object {
    let host = guard.host();
    let rule = DestinationRule {
        api_version: "networking.istio.io/v1",
        kind: "DestinationRule",
        metadata: meta::of_guard_in(
            guard,
            &guard.route,
            Some(&platform.gateway.pods.namespace),
            Class::Enforce,
        ),
        spec: DestinationRuleSpec {
            host: format!("{host}.cluster.local"),
            export_to: vec!["."],
            traffic_policy: TrafficPolicy {
                port_level_settings: vec![PortSettings {
                    port: PortSelector { number: GUARD_PORT },
                    tls: ClientTls {
                        mode: "SIMPLE",
                        sni: host.clone(),
                        subject_alt_names: vec![host],
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
                }],
            },
        },
    };
    Object::new(Class::Enforce, &rule)
}

fn policy(guard: &Guard, version: &str, kind: &str, name: &str) -> Object {
    let policy = BackendTlsPolicy {
        api_version: format!("{GROUP}/{version}"),
        kind: "BackendTLSPolicy",
        metadata: meta::of_guard(guard, &guard.service, Class::Enforce),
        spec: BackendTlsPolicySpec {
            target_refs: vec![TargetRef {
                group: "",
                kind: "Service",
                name: guard.service.clone(),
                section_name: GUARD,
            }],
            validation: Validation {
                hostname: guard.host(),
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
