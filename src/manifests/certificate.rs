//! cert-manager's Certificate for a guard.
//!
//! Source of the shape: cert-manager/cert-manager `pkg/apis/certmanager/v1/types_certificate.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Object, meta};
use crate::model::platform::{Platform, Tls};
use crate::plan::class::Class;
use crate::plan::guard::Guard;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: CertificateSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateSpec {
    secret_name: String,
    dns_names: Vec<String>,
    usages: Vec<&'static str>,
    issuer_ref: IssuerRef,
}

#[derive(Serialize)]
struct IssuerRef {
    name: String,
    kind: String,
    group: String,
}

/// The Certificate, where cert-manager issues it.
pub fn certificate(platform: &Platform, guard: &Guard) -> Option<Object> {
    let Tls::CertManager { name, kind, group } = &platform.tls else {
        return None;
    };
    let host = guard.host();
    let certificate = Certificate {
        api_version: "cert-manager.io/v1",
        kind: "Certificate",
        metadata: meta::of_guard(guard, &guard.service, Class::Support),
        spec: CertificateSpec {
            secret_name: guard.tls_secret.clone(),
            dns_names: vec![host.clone(), format!("{host}.cluster.local")],
            usages: vec!["digital signature", "key encipherment", "server auth"],
            issuer_ref: IssuerRef {
                name: name.clone(),
                kind: kind.clone(),
                group: group.clone(),
            },
        },
    };
    Some(Object::new(Class::Support, &certificate))
}
