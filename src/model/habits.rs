//! What people write into Notebooks that does them harm without opening anything: every one is a warning.

use super::keys;
use crate::input::notebook::{Notebook as Document, POD_SPEC};
use crate::krm::results::Finding;
use crate::model::names::notebook_path;

/// Prefix of the finalizers of Open Data Hub 3's controller.
const CONTROLLER_FINALIZERS: &str = "notebook.opendatahub.io/";
/// Where a Notebook's server is told its base path, and how its arguments begin (Jupyter Server's option).
const PREFIX_VARIABLE: &str = "NB_PREFIX";
const ARGUMENTS_VARIABLE: &str = "NOTEBOOK_ARGS";
const BASE_URL: &str = "--ServerApp.base_url=";

/// Checks a Notebook, guarded or not.
pub fn check(document: &Document, namespace: &str, findings: &mut Vec<Finding>) {
    state(document, findings);
    selection(document, findings);
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
fn selection(document: &Document, findings: &mut Vec<Finding>) {
    let key = keys::IMAGE_SELECTION;
    let Some(selection) = document.annotations.get(key).filter(|text| !text.is_empty()) else {
        return;
    };
    let path = format!("metadata.annotations[{key:?}]");
    if selection.split(':').count() != 2 {
        let message = "must be NAME:TAG of an image stream: Open Data Hub's webhook refuses anything else";
        findings.push(Finding::warning(message).at(&path).found(selection.clone()));
    }
    let has_own = document
        .containers
        .iter()
        .any(|container| container.name == document.name);
    if !has_own && !document.containers.is_empty() {
        let message =
            "needs a container of the Notebook's name: Open Data Hub's webhook refuses this Notebook";
        findings.push(Finding::warning(message).at(&path).found(selection.clone()));
    }
}

/// A server under another path than its route: every request ends in 404, the culler's too, which then stops it.
fn base_path(document: &Document, namespace: &str, findings: &mut Vec<Finding>) {
    let path = notebook_path(namespace, &document.name);
    let message = "the Notebook is reached under another path, which nothing rewrites: its server answers 404, the culler's \
                   questions too";
    for (index, container) in document.containers.iter().enumerate() {
        for (at, variable) in container.env.iter().enumerate() {
            let field = format!("{POD_SPEC}.containers[{index}].env[{at}].value");
            if variable.name == PREFIX_VARIABLE && !variable.value.is_empty() && !same(&variable.value, &path)
            {
                let finding = Finding::warning(message).at(&field).found(variable.value.clone());
                findings.push(finding.propose(path.clone()));
            }
            let given = Some(&variable.value).filter(|_| variable.name == ARGUMENTS_VARIABLE);
            let base = given.and_then(|value| value.split(BASE_URL).nth(1));
            let base = base.and_then(|rest| rest.split_whitespace().next());
            // A reference to another variable is filled in by the kubelet.
            if let Some(base) = base.filter(|base| !base.contains('$') && !same(base, &path)) {
                let finding = Finding::warning(message)
                    .at(field)
                    .found(format!("{BASE_URL}{base}"));
                findings.push(finding.propose(format!("{BASE_URL}{path}")));
            }
        }
    }
}

fn same(given: &str, path: &str) -> bool {
    given.trim_matches(['"', '\'']).trim_end_matches('/') == path
}
