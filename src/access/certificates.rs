//! Whether the certificate that a pod shows can have the name that is asked for.

use super::answer::Hop;
use super::fields;
use super::pod::Pod;
use super::tls::{Fault, What};
use super::world::World;

/// API group of cert-manager.
const CERT_MANAGER: &str = "cert-manager.io";

/// What is wrong where cert-manager makes the certificates of a pod, and none of them is for a name that is asked for.
pub(super) fn uncovered(world: &World<'_>, pod: &Pod<'_>, verified: &Hop) -> Option<Fault> {
    let asked = asked(world, verified);
    let first = asked.first()?;
    let secrets: Vec<&str> = fields::list(pod.spec, &["volumes"])
        .iter()
        .map(|volume| fields::text(volume, &["secret", "secretName"]))
        .collect();
    let own: Vec<_> = world
        .within(CERT_MANAGER, "Certificate", pod.namespace())
        .into_iter()
        .filter(|certificate| secrets.contains(&fields::text(&certificate.value, &["spec", "secretName"])))
        .collect();
    let covered = own.iter().any(|certificate| {
        let names = fields::texts(&certificate.value, &["spec", "dnsNames"]);
        let common = fields::text(&certificate.value, &["spec", "commonName"]);
        let mut names = names.into_iter().chain([common]);
        names.any(|name| asked.iter().any(|asked| is_for(name, asked)))
    });
    let certificate = own.first().filter(|_| !covered)?;
    Some(Fault {
        at: fields::hop(certificate, "spec.dnsNames", "has other names"),
        what: What::NotCertified(first.clone()),
    })
}

/// A certificate's name, whose first label may be a star (RFC 6125, section 6.4.3).
fn is_for(name: &str, asked: &str) -> bool {
    let rest = |text: &str| text.split_once('.').map(|(_, rest)| rest.to_owned());
    name == asked || (name.starts_with("*.") && rest(name) == rest(asked))
}

/// The names that an object which verifies a hop asks for; any of them will do.
fn asked(world: &World<'_>, verified: &Hop) -> Vec<String> {
    let Some(object) = world.of_id(&verified.object) else {
        return Vec::new();
    };
    let owned = |names: Vec<&str>| -> Vec<String> {
        let names = names.into_iter().filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    match object.id.kind.as_str() {
        "BackendTLSPolicy" => {
            let listed = fields::list(&object.value, &["spec", "validation", "subjectAltNames"]);
            let listed = owned(
                listed
                    .iter()
                    .map(|name| fields::text(name, &["hostname"]))
                    .collect(),
            );
            if listed.is_empty() {
                owned(vec![fields::text(
                    &object.value,
                    &["spec", "validation", "hostname"],
                )])
            } else {
                listed
            }
        }
        "DestinationRule" => {
            let settings = verified.field.strip_suffix(".mode").unwrap_or_default();
            let pointer = format!("/{}", settings.replace(['.', '['], "/").replace(']', ""));
            let settings = object.value.pointer(&pointer);
            owned(
                settings
                    .map(|tls| fields::texts(tls, &["subjectAltNames"]))
                    .unwrap_or_default(),
            )
        }
        _ => Vec::new(),
    }
}
