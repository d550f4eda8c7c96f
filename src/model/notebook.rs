//! What a Notebook in the input is meant to be.
//!
//! Takes the fields read by `input::notebook`; gives the switch, the guard's settings and the checks that need no other
//! document. Everything wrong is said at once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::companion;
use super::habits;
use super::image;
use super::names::{self, is_dns_label};
use super::platform::{Platform, Pods, Resources, check_resources};
use super::pod;
use super::ray::meaning;
use super::switch::{self, no_label};
use super::{keys, legacy, login};
use crate::input::notebook::{KIND, Notebook as Document, POD_SPEC};
use crate::input::platform::Operator;
use crate::krm::results::{Finding, Severity};

/// Name of the guard's container, its port and, with suffixes, its objects (as Open Data Hub has it).
pub const GUARD: &str = "kube-rbac-proxy";
/// The port the guard listens on.
pub const GUARD_PORT: u16 = 8443;
/// The port of the guard's own health checks.
pub const HEALTH_PORT: u16 = 8444;
/// Name of the health port.
pub const HEALTH_PORT_NAME: &str = "proxy-health";
/// The port a notebook server listens on if it says nothing.
pub const NOTEBOOK_PORT: u16 = 8888;
/// The guard's volumes: configuration, certificate, token.
pub const GUARD_VOLUMES: [&str; 3] = [
    "kube-rbac-proxy-config",
    "kube-rbac-proxy-tls-certificates",
    "kube-rbac-proxy-token",
];

/// The user and group of whoever has not logged in.
pub const NOBODY: [&str; 2] = ["system:anonymous", "system:unauthenticated"];

/// The accounts that pods of a namespace run as without asking for it (`builder` and `deployer`: OpenShift).
pub const COMMON_ACCOUNTS: [&str; 3] = ["default", "builder", "deployer"];

/// What is to become of a Notebook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// It gets a guard and is exposed through it.
    On,
    /// It is not exposed.
    Off,
}

/// A Notebook to be guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notebook {
    /// Its name, a DNS label.
    pub name: String,
    /// Its namespace, a DNS label.
    pub namespace: String,
    /// Who it belongs to.
    pub owner: Option<String>,
    /// The ServiceAccount its pods run as.
    pub service_account: ServiceAccount,
    /// The port its server listens on.
    pub port: u16,
    /// The guard's resources.
    pub resources: Resources,
    /// The guard's image, where it is held at another than the Platform's.
    pub guard_image: Option<String>,
    /// Its own container's name and the image of that, where a lock gives one.
    pub image: Option<(String, String)>,
}

/// A Notebook that is exposed without a guard, as Platform allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its name, a DNS label.
    pub name: String,
    /// Its namespace, a DNS label.
    pub namespace: String,
    /// The port its server listens on.
    pub port: u16,
}

/// Whose ServiceAccount a Notebook runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceAccount {
    /// One that we make, of the Notebook's name.
    Ours,
    /// One that the user named.
    Theirs(String),
}

/// What we added to a Notebook in an earlier run, so that it is not taken for the user's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Injected {
    /// The guard's container and volumes.
    pub guard: bool,
    /// `serviceAccountName`
    pub service_account: bool,
}

/// Reads the switch. A Notebook of Open Data Hub 2 is read as it is once converted.
///
/// # Errors
/// A value other than `"true"` and `"false"`, and switches that contradict each other.
pub fn switch(document: &Document, findings: &mut Vec<Finding>) -> Option<Switch> {
    let before = findings.len();
    let mut read = |key: &str| switch::read(&document.annotations, key, findings);
    let (current, older) = (read(keys::INJECT_AUTH), read(keys::INJECT_OAUTH));
    if findings.len() > before {
        return None;
    }
    let path = format!("metadata.annotations[{:?}]", keys::INJECT_OAUTH);
    let legacy = legacy::leftovers(document);
    match (current, older) {
        (Some(current), Some(older)) if current != older => {
            let message = format!("contradicts {}; keep one of the two", keys::INJECT_AUTH);
            findings.push(
                Finding::error(message)
                    .at(path)
                    .found(older.to_string())
                    .propose(current.to_string()),
            );
            None
        }
        (Some(true), _) if !legacy.is_empty() => {
            let message = format!(
                "switched on, but what Open Data Hub 2 added is still there ({}); take it out, or set {} to \"true\" as \
                 well to have the Notebook converted",
                legacy.join(", "),
                keys::INJECT_OAUTH
            );
            let path = format!("metadata.annotations[{:?}]", keys::INJECT_AUTH);
            findings.push(Finding::error(message).at(path));
            None
        }
        (Some(true), Some(true)) => {
            let message = format!("says the same as {}, which is enough", keys::INJECT_AUTH);
            findings.push(Finding::warning(message).at(path));
            Some(Switch::On)
        }
        (Some(true), _) | (None, Some(true)) => Some(Switch::On),
        (Some(false) | None, _) => {
            if !legacy.is_empty() {
                let message = format!(
                    "not switched on, but what Open Data Hub 2 added is there ({}): it passes through unchanged and is not \
                     exposed; set {} to \"true\" to have the Notebook converted, or take it out",
                    legacy.join(", "),
                    keys::INJECT_OAUTH
                );
                findings.push(Finding::warning(message));
            }
            Some(Switch::Off)
        }
    }
}

/// Warns of annotations that look like ours and are none: a misspelled switch switches nothing.
pub fn misspelled(document: &Document, findings: &mut Vec<Finding>) {
    let mut ours = vec![
        keys::INJECT_AUTH,
        keys::INJECT_OAUTH,
        keys::OWNER,
        keys::GUARD_IMAGE,
    ];
    ours.extend(keys::SIDECAR_RESOURCES.iter().map(|(_, _, key)| *key));
    for key in [keys::INJECT_AUTH, keys::INJECT_OAUTH] {
        switch::not_as_label(&document.labels, key, findings);
    }
    switch::nearly(&document.annotations, &ours, &keys::FOREIGN_ANNOTATIONS, findings);
}

/// Checks a Notebook that is switched on and gives what it means.
///
/// # Errors
/// Everything that keeps it from being guarded.
pub fn guarded(
    document: &Document,
    namespace: String,
    platform: &Platform,
    injected: Injected,
    findings: &mut Vec<Finding>,
) -> Option<Notebook> {
    let before = errors(findings);
    check_name(&document.name, Severity::Error, findings);
    check_labels(document, Severity::Error, findings);
    let beside = platform.notebook_controller == Operator::OpenDataHub;
    pod::check(document, injected, !beside, findings);
    habits::check(document, &namespace, beside, findings);
    if beside {
        companion::check(document, true, findings);
    }
    let resources = resources(document, &platform.sidecar.resources, findings);
    let held = image::held(document, platform, findings);
    let owner = switch::owner(&document.annotations, KIND, findings);
    if errors(findings) > before {
        return None;
    }
    Some(Notebook {
        name: document.name.clone(),
        namespace,
        owner,
        service_account: if beside {
            ServiceAccount::Ours
        } else {
            service_account(document, injected, findings)
        },
        port: port(document),
        resources,
        guard_image: held,
        image: None,
    })
}

/// Looks at a Notebook that is not guarded: it is closed all the same where its namespace holds a guarded one. Gives the
/// port its server listens on.
pub fn unguarded(
    document: &Document,
    namespace: &str,
    platform: &Platform,
    injected: Injected,
    findings: &mut Vec<Finding>,
) -> u16 {
    let beside = platform.notebook_controller == Operator::OpenDataHub;
    habits::check(document, namespace, beside, findings);
    if beside {
        check_name(&document.name, Severity::Error, findings);
        companion::check(document, false, findings);
    } else {
        check_name(&document.name, Severity::Warning, findings);
        check_labels(document, Severity::Warning, findings);
        pod::denials(pod::of_notebook(document), Severity::Warning, findings);
        foreign_account(document, findings);
    }
    let index = document
        .pod
        .containers
        .iter()
        .position(|container| container.name == GUARD);
    if let Some(index) = index.filter(|_| !injected.guard) {
        let message = "is the name of the guard's container, in a Notebook that is not switched on; if it was generated once, \
                       its record is gone: remove it, its volumes and its ServiceAccount by hand";
        let path = format!("{POD_SPEC}.containers[{index}].name");
        findings.push(Finding::warning(message).at(path).found(GUARD));
    }
    port(document)
}

/// Open Data Hub's webhook refuses a Notebook that runs as another account than its own.
fn foreign_account(document: &Document, findings: &mut Vec<Finding>) {
    let named = [
        ("serviceAccountName", &document.pod.service_account_name),
        ("serviceAccount", &document.pod.service_account),
    ];
    if let Some((field, name)) = named
        .into_iter()
        .find(|(_, name)| !name.is_empty() && **name != document.name)
    {
        let message = "whoever opens this Notebook has the rights of this ServiceAccount";
        let path = format!("{POD_SPEC}.{field}");
        findings.push(Finding::info(message).at(path).found(name.clone()));
    }
}

/// A Notebook's labels go onto its pods: with those of the gateway, the login service or somebody else whom policies let in, it
/// would be let in where only these may, and perhaps get their traffic. `others` are pods by labels, each with whose they are;
/// `beside_ray` is whether there are guarded Ray nodes in the namespace.
pub fn passes_for_others(
    document: &Document,
    namespace: &str,
    others: &[(&str, &Pods)],
    beside_ray: bool,
    findings: &mut Vec<Finding>,
) {
    let labels = all_pod_labels(document);
    for (who, pods) in others {
        if let Some((key, value)) = pods.fits(namespace, &labels) {
            let message = format!(
                "makes the Notebook's pod pass for one of {who}: policies let it in, and Services lead to it; change this \
                 label, or move the Notebook to another namespace"
            );
            let path = format!("metadata.labels[{key:?}]");
            findings.push(Finding::error(message).at(path).found(value));
        }
    }
    if let Some((key, value)) = meaning::node_label(&labels).filter(|_| beside_ray) {
        let message = "makes the Notebook's pod pass for one of a Ray cluster: policies let its nodes in, and Services lead to \
                       it; remove it, or move the Notebook to another namespace";
        let path = format!("metadata.labels[{key:?}]");
        findings.push(Finding::error(message).at(path).found(value));
    }
}

/// The login service's account may ask who a token belongs to, and its token is the login service's own: a Notebook beside it
/// must not run as it.
pub fn runs_as_login(document: &Document, findings: &mut Vec<Finding>) {
    let named = [
        ("serviceAccountName", &document.pod.service_account_name),
        ("serviceAccount", &document.pod.service_account),
    ];
    for (field, name) in named {
        if name == login::NAME {
            let message = "is the login service's account; name another, or leave the field out";
            let path = format!("{POD_SPEC}.{field}");
            findings.push(Finding::error(message).at(path).found(name.clone()));
        }
    }
}

/// What a Notebook that is not guarded is exposed as: nothing, unless it says `"false"` itself and Platform allows it.
pub fn open(
    document: &Document,
    namespace: &str,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> Option<Open> {
    let says_no = document
        .annotations
        .get(keys::INJECT_AUTH)
        .is_some_and(|value| value == "false");
    if !says_no || !platform.allow_unauthenticated || platform.notebook_controller != Operator::None {
        return None;
    }
    let before = errors(findings);
    check_name(&document.name, Severity::Error, findings);
    check_labels(document, Severity::Error, findings);
    if errors(findings) > before {
        return None;
    }
    let message = "exposed without a guard, as Platform's allowUnauthenticated permits: everybody whom the gateway lets in \
                   opens it and runs code in it";
    let path = format!("metadata.annotations[{:?}]", keys::INJECT_AUTH);
    findings.push(Finding::warning(message).at(path).found("false").propose("true"));
    Some(Open {
        name: document.name.clone(),
        namespace: namespace.to_owned(),
        port: port(document),
    })
}

fn errors(findings: &[Finding]) -> usize {
    findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count()
}

fn check_name(name: &str, severity: Severity, findings: &mut Vec<Finding>) {
    if name.is_empty() {
        findings.push(Finding::error("is missing").at("metadata.name"));
    } else if !is_dns_label(name) || name.len() > names::NOTEBOOK_MAX {
        let finding = no_label("metadata.name", name, names::NOTEBOOK_MAX);
        findings.push(Finding { severity, ..finding });
    } else if name.starts_with(|first: char| first.is_ascii_digit()) {
        let message = "begins with a digit: API servers before 1.35 refuse the Services of such a Notebook";
        findings.push(Finding::warning(message).at("metadata.name").found(name));
    }
}

/// A Notebook's labels go onto its pods and over the controller's own, by which policies and Services find them.
fn check_labels(document: &Document, severity: Severity, findings: &mut Vec<Finding>) {
    for key in [keys::NOTEBOOK_NAME, keys::STATEFUL_SET] {
        if let Some(value) = document.labels.get(key)
            && *value != document.name
        {
            let message = "replaces the label by which policies and Services find the pod, and so takes it out of both; \
                           remove it";
            findings.push(
                Finding {
                    severity,
                    ..Finding::error(message)
                }
                .at(format!("metadata.labels.{key}"))
                .found(value.clone()),
            );
        }
    }
}

fn resources(document: &Document, defaults: &Resources, findings: &mut Vec<Finding>) -> Resources {
    let mut resources = defaults.clone();
    for (resource, side, key) in keys::SIDECAR_RESOURCES {
        let amount = document
            .annotations
            .get(key)
            .map(|text| text.trim())
            .unwrap_or_default();
        if !amount.is_empty() {
            let amounts = if side == "request" {
                &mut resources.requests
            } else {
                &mut resources.limits
            };
            amounts.insert(resource.to_owned(), amount.to_owned());
        }
    }
    let path = |side: &str, resource: &str| {
        let row = keys::SIDECAR_RESOURCES
            .iter()
            .find(|(of, which, _)| *of == resource && side.starts_with(which));
        format!(
            "metadata.annotations[{:?}]",
            row.map(|(_, _, key)| *key).unwrap_or_default()
        )
    };
    check_resources(&resources, path, findings);
    resources
}

fn service_account(document: &Document, injected: Injected, findings: &mut Vec<Finding>) -> ServiceAccount {
    let named = if injected.service_account {
        ""
    } else {
        &document.pod.service_account_name
    };
    let (field, name) = if named.is_empty() {
        ("serviceAccount", &*document.pod.service_account)
    } else {
        ("serviceAccountName", named)
    };
    if name.is_empty() || (injected.service_account && field == "serviceAccount") {
        return ServiceAccount::Ours;
    }
    pod::runs_as(&format!("{POD_SPEC}.{field}"), name, "the notebook's", findings)
}

/// The port that the notebook controller's Service leads to: the first of the first container's.
pub fn port(document: &Document) -> u16 {
    let user = document
        .pod
        .containers
        .iter()
        .find(|container| container.name != GUARD);
    user.and_then(|container| container.ports.first())
        .map_or(NOTEBOOK_PORT, |port| port.number)
}

/// The first field of a Notebook's value that we own, for the place of a finding.
pub fn guard_index(value: &Value) -> Option<usize> {
    let containers = value.pointer("/spec/template/spec/containers")?.as_array()?;
    containers.iter().position(|container| container["name"] == GUARD)
}

/// The labels of a Notebook's pods: the controller's, with the Notebook's own on top.
pub fn all_pod_labels(document: &Document) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (keys::NOTEBOOK_NAME.to_owned(), document.name.clone()),
        (keys::STATEFUL_SET.to_owned(), document.name.clone()),
        (keys::WORKBENCHES.to_owned(), "true".to_owned()),
    ]);
    labels.extend(document.labels.clone());
    labels
}

/// Labels of a Notebook's pods, by which its own objects find them.
pub fn pod_labels(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(keys::NOTEBOOK_NAME.to_owned(), name.to_owned())])
}

#[cfg(test)]
#[path = "notebook/tests.rs"]
mod tests;
