//! cert-manager's Certificates: of the guards, of the login service, of the gateway's listener, and of people.
//!
//! Source of the shape: cert-manager/cert-manager `pkg/apis/certmanager/v1/types_certificate.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Object, meta};
use crate::model::certificate::Maker;
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::model::platform::{Platform, Tls};
use crate::model::ray::Door;
use crate::plan::api_server::GuardedApiServer;
use crate::plan::class::Class;
use crate::plan::guard::Guard;
use crate::plan::hop::Hop;
use crate::plan::ray::RayGuard;

/// cert-manager's group.
const GROUP: &str = "cert-manager.io";
const API_VERSION: &str = "cert-manager.io/v1";
/// Ten years: whatever an authority signed is void once it has another key, and cert-manager makes nothing of that anew.
const AUTHORITY_DURATION: &str = "87600h0m0s";

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    common_name: Option<String>,
    #[serde(rename = "isCA", skip_serializing_if = "Option::is_none")]
    is_ca: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<&'static str>,
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
enum IssuerSpec {
    SelfSigned {},
    #[serde(rename_all = "camelCase")]
    Ca {
        secret_name: String,
    },
}

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
        objects.push(self::issuer(metadata(&issuer.name), IssuerSpec::SelfSigned {}));
    }
    let hosts = [Some(&gateway.host), gateway.legacy_host.as_ref()];
    let dns_names = hosts.into_iter().flatten().cloned().collect();
    objects.push(certificate(metadata(name), name, dns_names, issuer));
    objects
}

/// The Certificate of a Ray cluster's guards, where cert-manager issues it: for their Service, and for the host of the client
/// port where TLS is passed on as it is.
pub fn of_ray(platform: &Platform, guard: &RayGuard) -> Option<Object> {
    let metadata = meta::of_ray(guard, &guard.service, Class::Support);
    let mut dns_names = names_within(&guard.host());
    if platform.ray.client.passes_through() && guard.cluster.doors().contains(&Door::Client) {
        dns_names.extend(guard.client_host(platform));
    }
    Some(certificate(
        metadata,
        &guard.tls_secret,
        dns_names,
        issuer_of(platform)?,
    ))
}

/// The Certificate of the guards of KubeRay's API server, where cert-manager issues it.
pub fn of_api_server(platform: &Platform, guard: &GuardedApiServer) -> Option<Object> {
    let namespace = Some(guard.server.namespace.as_str());
    let metadata = meta::of_api_server(guard, &guard.service, namespace, Class::Support);
    let hop = Hop::to_api_server(guard);
    Some(within(metadata, &guard.tls_secret, &hop, issuer_of(platform)?))
}

/// An authority that signs itself, for the certificates of people: the Issuer that makes it, itself, and the Issuer that signs
/// with it. Both Issuers and the authority have names of their own; the authority's Secret has the last one's.
pub(super) fn authority(metadata: impl Fn(&str) -> ObjectMeta, name: &str) -> Vec<Object> {
    let own = |name: &str| IssuerRef {
        name: name.to_owned(),
        kind: "Issuer".into(),
        group: GROUP.into(),
    };
    let root = format!("{name}-root");
    let certificate = Certificate {
        api_version: API_VERSION,
        kind: "Certificate",
        metadata: metadata(name),
        spec: CertificateSpec {
            secret_name: name.to_owned(),
            dns_names: Vec::new(),
            common_name: Some(name.to_owned()),
            is_ca: Some(true),
            duration: Some(AUTHORITY_DURATION),
            usages: vec!["cert sign"],
            issuer_ref: own(&root),
        },
    };
    let signing = IssuerSpec::Ca {
        secret_name: name.to_owned(),
    };
    vec![
        issuer(metadata(&root), IssuerSpec::SelfSigned {}),
        issuer(metadata(name), signing),
        Object::new(Class::Support, &certificate),
    ]
}

/// The Certificate of a person, by an authority made by the above.
pub(super) fn of_person(metadata: ObjectMeta, secret: &str, person: &str, authority: &str) -> Object {
    let certificate = Certificate {
        api_version: API_VERSION,
        kind: "Certificate",
        metadata,
        spec: CertificateSpec {
            secret_name: secret.to_owned(),
            dns_names: Vec::new(),
            common_name: Some(person.to_owned()),
            is_ca: None,
            duration: None,
            usages: vec!["digital signature", "key encipherment", "client auth"],
            issuer_ref: IssuerRef {
                name: authority.to_owned(),
                kind: "Issuer".into(),
                group: GROUP.into(),
            },
        },
    };
    Object::new(Class::Support, &certificate)
}

fn issuer(metadata: ObjectMeta, spec: IssuerSpec) -> Object {
    let issuer = Issuer {
        api_version: API_VERSION,
        kind: "Issuer",
        metadata,
        spec,
    };
    Object::new(Class::Support, &issuer)
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
    certificate(metadata, secret, names_within(&hop.host()), issuer)
}

/// A Service's names within the cluster.
fn names_within(host: &str) -> Vec<String> {
    vec![host.to_owned(), format!("{host}.cluster.local")]
}

fn certificate(metadata: ObjectMeta, secret: &str, dns_names: Vec<String>, issuer_ref: IssuerRef) -> Object {
    let certificate = Certificate {
        api_version: API_VERSION,
        kind: "Certificate",
        metadata,
        spec: CertificateSpec {
            secret_name: secret.to_owned(),
            dns_names,
            common_name: None,
            is_ca: None,
            duration: None,
            usages: vec!["digital signature", "key encipherment", "server auth"],
            issuer_ref,
        },
    };
    Object::new(Class::Support, &certificate)
}
