//! Files of a container: which ConfigMap or Secret, and which of its keys, a path is.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// What a key of an object holds.
pub(super) enum Content {
    /// A text, and the field that holds it.
    Text(String, &'static str),
    /// The object is there, and has no such key.
    NoKey,
    /// It is not known.
    Unknown,
}

/// Whether an object of a kind and name has a key, where that is known.
pub(super) type Holds<'h> = &'h dyn Fn(&str, &str, &str) -> Option<bool>;

/// What stands under a key of a ConfigMap or Secret.
pub(super) fn content(world: &World<'_>, kind: &str, (namespace, name): (&str, &str), key: &str) -> Content {
    let Some(object) = world.get("", kind, namespace, name) else {
        return Content::Unknown;
    };
    let text = |field: &str| fields::at(&object.value, &[field, key]).and_then(Value::as_str);
    let (plain, coded) = match kind {
        "Secret" => ("stringData", "data"),
        _ => ("data", "binaryData"),
    };
    if let Some(text) = text(plain) {
        return Content::Text(text.to_owned(), plain);
    }
    let Some(coded_text) = text(coded) else {
        let there = [plain, coded]
            .iter()
            .any(|field| fields::at(&object.value, &[field, key]).is_some());
        // What others write into Secrets is often left out of manifests.
        return if there || kind == "Secret" {
            Content::Unknown
        } else {
            Content::NoKey
        };
    };
    let letters: String = coded_text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(letters).ok();
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Content::Text(text, if kind == "Secret" { "data" } else { "binaryData" }),
        None => Content::Unknown,
    }
}

/// Whether a pod starts without a ConfigMap that it has a volume of.
pub(super) fn is_optional(pod: &Pod<'_>, name: &str) -> bool {
    let optional = |source: &Value| {
        fields::text(source, &["configMap", "name"]) == name
            && fields::is_true(source, &["configMap", "optional"])
    };
    fields::list(pod.spec, &["volumes"]).iter().any(|volume| {
        let sources = fields::list(volume, &["projected", "sources"]);
        optional(volume) || sources.iter().any(optional)
    })
}

/// Whether a path of a container lies in one of its volumes.
pub(super) fn is_mounted(container: &Value, path: &str) -> bool {
    let path = normal(path);
    fields::list(container, &["volumeMounts"]).iter().any(|mount| {
        let at = normal(fields::text(mount, &["mountPath"]));
        below(&path, &at).is_some()
    })
}

/// A path without what leads nowhere: `.`, `..`, slashes too many. Without a slash at its end.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let start = if path.starts_with('/') { "/" } else { "" };
    format!("{start}{}", parts.join("/"))
}

/// The part of a path below a folder; empty: it is the folder.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

/// Resolves a path in a container.
pub(super) fn resolve<'a>(pod: &Pod<'a>, container: &'a Value, path: &str, holds: Holds<'_>) -> File<'a> {
    let path = normal(path);
    let mounts = fields::list(container, &["volumeMounts"]).iter();
    let deepest = mounts
        .filter_map(|mount| {
            let at = normal(fields::text(mount, &["mountPath"]));
            let rest = below(&path, &at)?.to_owned();
            Some((at.len(), mount, rest))
        })
        .max_by_key(|(length, ..)| *length);
    let Some((_, mount, rest)) = deepest else {
        return File::Elsewhere;
    };
    if !fields::text(mount, &["subPathExpr"]).is_empty() {
        return File::Elsewhere;
    }
    let inner = normal(&format!("{}/{rest}", fields::text(mount, &["subPath"])));
    let inner = inner.trim_start_matches('/');
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
    let several = sources.len() > 1;
    // Of several with one path the last counts.
    for source in sources.into_iter().rev() {
        let (kind, value, field) = if let Some(value) = source.get("configMap") {
            ("ConfigMap", value, "name")
        } else if let Some(value) = source.get("secret") {
            let field = if value.get("secretName").is_some() {
                "secretName"
            } else {
                "name"
            };
            ("Secret", value, field)
        } else if let Some(token) = source.get("serviceAccountToken") {
            if normal(fields::text(token, &["path"])) == inner {
                return File::Elsewhere;
            }
            continue;
        } else if let Some(own) = source.get("downwardAPI") {
            let items = fields::list(own, &["items"]).iter();
            if items
                .map(|item| normal(fields::text(item, &["path"])))
                .any(|path| path == inner)
            {
                return File::Elsewhere;
            }
            continue;
        } else {
            return File::Elsewhere;
        };
        let object = fields::text(value, &[field]);
        let items = fields::list(value, &["items"]);
        let listed = items
            .iter()
            .rfind(|item| normal(fields::text(item, &["path"])) == inner);
        let key = match listed {
            Some(item) => fields::text(item, &["key"]),
            None if items.is_empty() => inner,
            None => continue,
        };
        if several {
            match holds(kind, object, key) {
                Some(true) => {}
                Some(false) => continue,
                None => return File::Elsewhere,
            }
        }
        return File::Key {
            kind,
            name: object,
            key: key.to_owned(),
            volume: here,
        };
    }
    File::Nowhere(here)
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
    match resolve(candidate.pod, candidate.value, path, &|_, _, _| Some(true)) {
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
