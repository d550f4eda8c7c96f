//! cert-manager's Certificates: of the guards, of the login service, and of the gateway's listener.
//!
//! Source of the shape: cert-manager/cert-manager `pkg/apis/certmanager/v1/types_certificate.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Object, meta};
use crate::model::certificate::Maker;
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::model::platform::{Platform, Tls};
use crate::plan::class::Class;
use crate::plan::guard::Guard;
use crate::plan::hop::Hop;

/// cert-manager's group.
const GROUP: &str = "cert-manager.io";
const API_VERSION: &str = "cert-manager.io/v1";

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
#[serde(rename_all = "camelCase")]
struct Issuer {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: IssuerSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IssuerSpec {
    self_signed: Empty,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct IssuerRef {
    name: String,
    kind: String,
    group: String,
}

/// The Certificate of a guard, where cert-manager issues it.
pub fn of_guard(platform: &Platform, guard: &Guard) -> Option<Object> {
    let metadata = meta::of_guard(guard, &guard.service, Class::Support);
    let hop = Hop::to_guard(guard);
    Some(within(metadata, &guard.tls_secret, &hop, issuer_of(platform)?))
}

/// The Certificate of the login service, where cert-manager issues it.
pub fn of_login(platform: &Platform, gateway: &Gateway) -> Option<Object> {
    let metadata = meta::of_gateway(gateway, login::NAME, &gateway.namespace, Class::Support);
    let hop = Hop::to_login(gateway);
    Some(within(metadata, login::TLS_SECRET, &hop, issuer_of(platform)?))
}

/// The Certificate of the gateway's listener, where cert-manager makes it; and the Issuer of one that signs itself.
pub fn of_gateway(gateway: &Gateway) -> Vec<Object> {
    let name = &gateway.certificate.secret;
    let metadata = |name: &str| meta::of_gateway(gateway, name, &gateway.namespace, Class::Support);
    let issuer = match &gateway.certificate.maker {
        Maker::SelfSigned => IssuerRef {
            name: format!("{}-selfsigned", gateway.name),
            kind: "Issuer".into(),
            group: GROUP.into(),
        },
        Maker::Issuer { name, kind, group } => IssuerRef {
            name: name.clone(),
            kind: kind.clone(),
            group: group.clone(),
        },
        Maker::ServiceCa | Maker::Router | Maker::Provided => return Vec::new(),
    };
    let mut objects = Vec::new();
    if gateway.certificate.maker == Maker::SelfSigned {
        let issuer = Issuer {
            api_version: API_VERSION,
            kind: "Issuer",
            metadata: metadata(&issuer.name),
            spec: IssuerSpec {
                self_signed: Empty {},
            },
        };
        objects.push(Object::new(Class::Support, &issuer));
    }
    let hosts = [Some(&gateway.host), gateway.legacy_host.as_ref()];
    let dns_names = hosts.into_iter().flatten().cloned().collect();
    objects.push(certificate(metadata(name), name, dns_names, issuer));
    objects
}

fn issuer_of(platform: &Platform) -> Option<IssuerRef> {
    let Tls::CertManager { name, kind, group } = &platform.tls else {
        return None;
    };
    Some(IssuerRef {
        name: name.clone(),
        kind: kind.clone(),
        group: group.clone(),
    })
}

/// For a Service, by its names within the cluster.
fn within(metadata: ObjectMeta, secret: &str, hop: &Hop, issuer: IssuerRef) -> Object {
    let host = hop.host();
    let dns_names = vec![host.clone(), format!("{host}.cluster.local")];
    certificate(metadata, secret, dns_names, issuer)
}

fn certificate(metadata: ObjectMeta, secret: &str, dns_names: Vec<String>, issuer_ref: IssuerRef) -> Object {
    let certificate = Certificate {
        api_version: API_VERSION,
        kind: "Certificate",
        metadata,
        spec: CertificateSpec {
            secret_name: secret.to_owned(),
            dns_names,
            usages: vec!["digital signature", "key encipherment", "server auth"],
            issuer_ref,
        },
    };
    Object::new(Class::Support, &certificate)
}
