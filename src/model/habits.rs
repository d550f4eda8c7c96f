//! What people write into Notebooks that does them harm without opening anything: every one is a warning, but for
//! what a webhook refuses that is there.

use super::keys;
use super::notebook::port;
use crate::input::notebook::{Notebook as Document, POD_SPEC};
use crate::krm::results::{Finding, Severity};
use crate::model::names::notebook_path;

/// Prefix of the finalizers of Open Data Hub 3's controller.
const CONTROLLER_FINALIZERS: &str = "notebook.opendatahub.io/";
/// Where a Notebook's server is told its base path, and how its arguments begin (Jupyter Server's option).
const PREFIX_VARIABLE: &str = "NB_PREFIX";
const ARGUMENTS_VARIABLE: &str = "NOTEBOOK_ARGS";
const BASE_URLS: [&str; 2] = ["--ServerApp.base_url=", "--NotebookApp.base_url="];
const PORTS: [&str; 2] = ["--ServerApp.port=", "--NotebookApp.port="];
/// Said of a server's base path that is not the route's.
const ELSEWHERE: &str = "the Notebook is reached under another path, which nothing rewrites: its server answers 404, the \
                         culler's questions too";

/// Checks a Notebook, guarded or not.
///
/// `refused` is whether Open Data Hub's webhook is there to refuse what it refuses.
pub fn check(document: &Document, namespace: &str, refused: bool, findings: &mut Vec<Finding>) {
    state(document, findings);
    selection(document, refused, findings);
    base_path(document, namespace, findings);
}

/// What controllers write on a living Notebook and git would write back at every sync.
fn state(document: &Document, findings: &mut Vec<Finding>) {
    let rows = [
        (
            keys::STOPPED,
            "in git it stops the Notebook at every sync, whoever has started it; leave it to the cluster",
        ),
        (
            keys::UPDATE_PENDING,
            "is a controller's note about the living Notebook; leave it to the cluster",
        ),
        (
            keys::LAST_ACTIVITY,
            "is the culler's note; in git it sets the clock back at every sync, or stops a busy Notebook",
        ),
    ];
    for (key, message) in rows {
        if let Some(value) = document.annotations.get(key) {
            let path = format!("metadata.annotations[{key:?}]");
            findings.push(Finding::warning(message).at(path).found(value.clone()));
        }
    }
    for (index, name) in document.finalizers.iter().enumerate() {
        if name.starts_with(CONTROLLER_FINALIZERS) {
            let message = "is a controller's own: where that does not run, the Notebook can never be deleted; leave it to the \
                           cluster";
            let path = format!("metadata.finalizers[{index}]");
            findings.push(Finding::warning(message).at(path).found(name.clone()));
        }
    }
}

/// `name:tag` of an image stream: Open Data Hub's webhook refuses the Notebook for any other form.
fn selection(document: &Document, refused: bool, findings: &mut Vec<Finding>) {
    let mut say = |message: &str, path: &str, selection: &str| {
        let severity = if refused {
            Severity::Error
        } else {
            Severity::Warning
        };
        let finding = Finding::error(message).at(path).found(selection);
        findings.push(Finding { severity, ..finding });
    };
    let key = keys::IMAGE_SELECTION;
    let Some(selection) = document.annotations.get(key).filter(|text| !text.is_empty()) else {
        return;
    };
    let path = format!("metadata.annotations[{key:?}]");
    if selection.split(':').count() != 2 {
        let message = "must be NAME:TAG of an image stream: Open Data Hub's webhook refuses anything else";
        say(message, &path, selection);
    }
    let has_own = document
        .pod
        .containers
        .iter()
        .any(|container| container.name == document.name);
    if !has_own && !document.pod.containers.is_empty() {
        let message =
            "needs a container of the Notebook's name: Open Data Hub's webhook refuses this Notebook";
        say(message, &path, selection);
    }
}

/// A server under another path than its route: every request ends in 404, the culler's too, which then stops it.
fn base_path(document: &Document, namespace: &str, findings: &mut Vec<Finding>) {
    let path = notebook_path(namespace, &document.name);
    let port = port(document);
    if let Some(value) = document.annotations.get(keys::REWRITE) {
        let path = format!("metadata.annotations[{:?}]", keys::REWRITE);
        let message = "rewrites nothing here: it is for Kubeflow's Istio routes, and the server must answer under the route's \
                       own path";
        findings.push(Finding::warning(message).at(path).found(value.clone()));
    }
    for (index, container) in document.pod.containers.iter().enumerate() {
        for (at, variable) in container.env.iter().enumerate() {
            let field = format!("{POD_SPEC}.containers[{index}].env[{at}].value");
            if variable.name == PREFIX_VARIABLE && !variable.value.is_empty() && !same(&variable.value, &path)
            {
                let finding = Finding::warning(ELSEWHERE)
                    .at(&field)
                    .found(variable.value.clone());
                findings.push(finding.propose(path.clone()));
            }
            if variable.name == ARGUMENTS_VARIABLE {
                arguments(&variable.value, &field, &path, port, findings);
            }
        }
        for (list, texts) in [("command", &container.command), ("args", &container.args)] {
            for (at, text) in texts.iter().enumerate() {
                let field = format!("{POD_SPEC}.containers[{index}].{list}[{at}]");
                arguments(text, &field, &path, port, findings);
            }
        }
    }
}

/// What a server's arguments say of its path and port.
fn arguments(text: &str, field: &str, path: &str, port: u16, findings: &mut Vec<Finding>) {
    let values = |option: &'static str| {
        let value = |rest: &str| {
            let value = rest.split_whitespace().next().unwrap_or_default();
            value.trim_matches(['"', '\'']).to_owned()
        };
        // A reference to another variable is filled in by the kubelet.
        let all = text.split(option).skip(1).map(value);
        all.filter(|value| !value.is_empty() && !value.contains('$'))
            .map(move |value| (option, value))
    };
    for (option, given) in BASE_URLS.into_iter().flat_map(values) {
        if !same(&given, path) {
            let finding = Finding::warning(ELSEWHERE)
                .at(field)
                .found(format!("{option}{given}"));
            findings.push(finding.propose(format!("{option}{path}")));
        }
    }
    for (option, given) in PORTS.into_iter().flat_map(values) {
        if given.parse() != Ok(port) {
            let message = format!(
                "the Notebook's Service, its guard and its policies lead to port {port}: declare this one as the first port of \
                 the first container, or change it"
            );
            findings.push(
                Finding::warning(message)
                    .at(field)
                    .found(format!("{option}{given}")),
            );
        }
    }
}

fn same(given: &str, path: &str) -> bool {
    given.trim_matches(['"', '\'']).trim_end_matches('/') == path
}
