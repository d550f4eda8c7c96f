//! Files of a container: which ConfigMap or Secret, and which of its keys, a path is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Candidate;
use super::fault::{Fault, What};
use crate::access::answer::Hop;
use crate::access::arguments::Flag;
use crate::access::fields;
use crate::access::pod::Pod;
use crate::access::world::World;
use crate::model::keys::SERVING_CERTIFICATE;

/// What stands behind a path in a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum File<'a> {
    /// A key of an object, by kind and name; with the place of the volume.
    Key {
        kind: &'static str,
        name: &'a str,
        key: String,
        volume: Hop,
    },
    /// A volume of another sort, or the image's own file system.
    Elsewhere,
    /// A volume that lists its keys, and not this one; or a mount of a volume that the pod does not have.
    Nowhere(Hop),
}

/// Resolves a path in a container.
pub(super) fn resolve<'a>(pod: &Pod<'a>, container: &'a Value, path: &str) -> File<'a> {
    let mounts = fields::list(container, &["volumeMounts"]);
    let inner = |mount: &'a Value| -> Option<(usize, &'a Value, String)> {
        let at = fields::text(mount, &["mountPath"]).trim_end_matches('/');
        let rest = path.strip_prefix(at)?;
        let sub = fields::text(mount, &["subPath"]);
        let inner = match (rest, sub) {
            ("", sub) => sub.to_owned(),
            (rest, "") if rest.starts_with('/') => rest.trim_start_matches('/').to_owned(),
            (rest, sub) if rest.starts_with('/') => format!("{sub}{rest}"),
            _ => return None,
        };
        Some((at.len(), mount, inner))
    };
    let deepest = mounts.iter().filter_map(inner).max_by_key(|(length, ..)| *length);
    let Some((_, mount, inner)) = deepest else {
        return File::Elsewhere;
    };
    let name = fields::text(mount, &["name"]);
    let mut volumes = fields::list(pod.spec, &["volumes"]).iter().enumerate();
    let Some((index, volume)) = volumes.find(|(_, volume)| fields::text(volume, &["name"]) == name) else {
        return File::Nowhere(pod.hop("volumes", format!("has no volume {name}")));
    };
    let here = pod.hop(&format!("volumes[{index}]"), format!("volume {name}"));
    let sources: Vec<&Value> = match volume.get("projected") {
        Some(projected) => fields::list(projected, &["sources"]).iter().collect(),
        None => vec![volume],
    };
    let mut known = !sources.is_empty();
    for source in sources {
        let (kind, value, field) = if let Some(value) = source.get("configMap") {
            ("ConfigMap", value, "name")
        } else if let Some(value) = source.get("secret") {
            let field = if value.get("secretName").is_some() {
                "secretName"
            } else {
                "name"
            };
            ("Secret", value, field)
        } else {
            known =
                known && (source.get("serviceAccountToken").is_some() || source.get("downwardAPI").is_some());
            continue;
        };
        let items = fields::list(value, &["items"]);
        let listed = items.iter().find(|item| fields::text(item, &["path"]) == inner);
        let key = match listed {
            Some(item) => fields::text(item, &["key"]).to_owned(),
            None if items.is_empty() => inner.clone(),
            None => continue,
        };
        return File::Key {
            kind,
            name: fields::text(value, &[field]),
            key,
            volume: here,
        };
    }
    if known {
        File::Nowhere(here)
    } else {
        File::Elsewhere
    }
}

/// Looks who makes the certificate that a guard serves with.
pub(super) fn certificate(
    made: &BTreeSet<(String, String)>,
    candidate: &Candidate<'_>,
    flag: Option<&Flag>,
    faults: &mut Vec<Fault>,
) {
    let Some(flag) = flag else {
        faults.push(candidate.fault_here(What::NoCertificate));
        return;
    };
    let Some(path) = &flag.value else {
        let what = What::Unread("which certificate it has is not in the manifests".to_owned());
        faults.push(candidate.fault_of(flag, "tls-cert-file", what));
        return;
    };
    match resolve(candidate.pod, candidate.value, path) {
        File::Key {
            kind: "Secret",
            name,
            volume,
            ..
        } if !made.contains(&(candidate.pod.namespace().to_owned(), name.to_owned())) => {
            let what = What::Unread(format!(
                "nothing in the manifests makes Secret {name}, which holds its certificate"
            ));
            faults.push(candidate.fault(volume, what));
        }
        File::Nowhere(at) => {
            let what = What::ConfigMissing(format!("there is no file {path}, its certificate"));
            faults.push(candidate.fault(at, what));
        }
        File::Key { .. } | File::Elsewhere => {}
    }
}

/// Every Secret that the manifests hold, or that something in them makes: namespace and name.
pub(super) fn made(world: &World<'_>) -> BTreeSet<(String, String)> {
    const ALPHA: &str = "service.alpha.openshift.io/serving-cert-secret-name";
    const MAKERS: [(&str, &str, &[&str]); 4] = [
        ("", "Secret", &[]),
        ("bitnami.com", "SealedSecret", &[]),
        ("cert-manager.io", "Certificate", &["spec", "secretName"]),
        (
            "external-secrets.io",
            "ExternalSecret",
            &["spec", "target", "name"],
        ),
    ];
    let mut made = BTreeSet::new();
    for (group, kind, path) in MAKERS {
        for object in world.all(group, kind) {
            let target = fields::text(&object.value, path);
            let name = if target.is_empty() {
                object.id.name.as_str()
            } else {
                target
            };
            made.insert((object.id.namespace.clone(), name.to_owned()));
        }
    }
    for service in world.all("", "Service") {
        for key in [SERVING_CERTIFICATE, ALPHA] {
            let name = fields::text(&service.value, &["metadata", "annotations", key]);
            made.insert((service.id.namespace.clone(), name.to_owned()));
        }
    }
    made
}
