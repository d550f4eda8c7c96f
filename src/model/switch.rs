//! Annotations that say yes or no, and those that say whose something is: read alike on every kind.

use std::collections::BTreeMap;

use super::keys;
use super::names::{LABEL_MAX, is_dns_label, near_label};
use super::notebook::NOBODY;
use super::platform::Platform;
use crate::krm::results::Finding;

/// What a switch says; none where it is not there. Anything but `"true"` and `"false"` is an error.
pub fn read(annotations: &BTreeMap<String, String>, key: &str, findings: &mut Vec<Finding>) -> Option<bool> {
    match annotations.get(key).map(String::as_str) {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            let finding = Finding::error("must be \"true\" or \"false\"")
                .at(annotation(key))
                .found(other);
            findings.push(match other.trim().to_lowercase().as_str() {
                "true" | "t" | "1" | "yes" | "on" | "y" => finding.propose("true"),
                "false" | "f" | "0" | "no" | "off" | "n" => finding.propose("false"),
                _ => finding,
            });
            None
        }
    }
}

/// Warns of a switch written as a label: it switches nothing.
pub fn not_as_label(labels: &BTreeMap<String, String>, key: &str, findings: &mut Vec<Finding>) {
    if labels.contains_key(key) {
        let message = "is a label, which switches nothing on; write it as an annotation";
        findings.push(Finding::warning(message).at(format!("metadata.labels[{key:?}]")));
    }
}

/// Warns of annotations that are nearly one of these: they mean nothing.
pub fn nearly(
    annotations: &BTreeMap<String, String>,
    known: &[&str],
    foreign: &[&str],
    findings: &mut Vec<Finding>,
) {
    for key in annotations.keys().map(String::as_str) {
        if known.contains(&key) || foreign.contains(&key) {
            continue;
        }
        let Some(near) = known.iter().find(|known| strsim::osa_distance(key, known) <= 2) else {
            continue;
        };
        let message = format!("means nothing here; did you mean {near}?");
        findings.push(Finding::warning(message).at(annotation(key)));
    }
}

/// Who a document belongs to, as its annotation says. `what` is the document's kind.
pub fn owner(
    annotations: &BTreeMap<String, String>,
    what: &str,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let owner = annotations
        .get(keys::OWNER)
        .filter(|name| !name.trim().is_empty())?;
    let path = annotation(keys::OWNER);
    if NOBODY.contains(&owner.as_str()) {
        let message =
            format!("is everybody who has not logged in; name the {what}'s owner, or remove the annotation");
        findings.push(Finding::error(message).at(&path).found(owner.clone()));
    }
    if owner.trim() != owner {
        let finding = Finding::error("has blanks around it, and names are compared to the letter").at(path);
        findings.push(finding.found(owner.clone()).propose(owner.trim()));
    }
    Some(owner.clone())
}

/// The namespace of a document: its own, or Platform's default.
pub fn namespace(own: &str, platform: &Platform, findings: &mut Vec<Finding>) -> Option<String> {
    let namespace = match &platform.default_namespace {
        _ if !own.is_empty() => own,
        Some(default) => default,
        None => {
            let message = "is missing; name the namespace here, or set defaultNamespace in the Platform";
            findings.push(Finding::error(message).at("metadata.namespace"));
            return None;
        }
    };
    if !is_dns_label(namespace) {
        findings.push(no_label("metadata.namespace", namespace, LABEL_MAX));
        return None;
    }
    Some(namespace.to_owned())
}

/// A text that must be a DNS label and is none.
pub fn no_label(path: &str, text: &str, max: usize) -> Finding {
    let message =
        format!("must be a DNS label of at most {max} characters: lower-case letters, digits and dashes");
    let finding = Finding::error(message).at(path).found(text);
    match near_label(text, max) {
        Some(near) => finding.propose(near),
        None => finding,
    }
}

/// The path of an annotation.
pub fn annotation(key: &str) -> String {
    format!("metadata.annotations[{key:?}]")
}
