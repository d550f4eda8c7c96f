//! Client certificates for people whose programs have no way to send a token: an authority in each namespace, and a certificate
//! for each person, all made by cert-manager.
//!
//! What that opens. The client's guard takes the name in a certificate of this authority for its caller's, and asks for that
//! name what it asks for a token's. A certificate says no group: rights that somebody has by a group alone do not count. The
//! authority is one namespace's, and no guard elsewhere knows it; the guards mount its certificate and not its key. But who may
//! make cert-manager's Certificates or `CertificateRequests` in the namespace, read its Secrets or start pods with them can have a
//! certificate for any name. All of these may reach the namespace's Ray clusters in other ways; they must not be
//! given to who may not. A certificate is good until it ends (90 days if cert-manager is not told otherwise): a person who is
//! taken off the list is kept out by the Roles.

use k8s_openapi::api::rbac::v1::Subject;

use super::super::rbac::{self, granted, one};
use super::super::{Object, certificate, meta};
use crate::model::names::of_person;
use crate::model::platform::Platform;
use crate::plan::class::Class;

/// The authority: its Certificate, its Secret and the Issuer that signs with it. The dot keeps the name apart from those of Ray
/// clusters, whose Secrets have the clusters' names.
pub const AUTHORITY: &str = "ray-clients.gatewright";
/// What the name of a person's certificate begins with.
const PERSON: &str = "ray-client";

/// Whether there are any.
pub fn wanted(platform: &Platform) -> bool {
    !platform.ray.client.certificates.is_empty()
}

/// What a namespace gets.
pub fn objects(platform: &Platform, namespace: &str) -> Vec<Object> {
    if !wanted(platform) {
        return Vec::new();
    }
    let metadata = |name: &str| meta::of_platform(platform, name, namespace, Class::Support);
    let mut objects = certificate::authority(metadata, AUTHORITY);
    for person in &platform.ray.client.certificates {
        let name = of_person(PERSON, person);
        objects.push(certificate::of_person(metadata(&name), &name, person, AUTHORITY));
        // Whose it is may fetch it.
        let rule = one("", "secrets".to_owned(), &name, vec!["get".to_owned()]);
        let subject = Subject {
            kind: "User".into(),
            name: person.clone(),
            api_group: Some(rbac::GROUP.into()),
            namespace: None,
        };
        objects.extend(granted(&metadata(&name), vec![rule], vec![subject]));
    }
    objects
}
