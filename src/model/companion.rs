//! Beside Open Data Hub's notebook controller: what it refuses, and what it makes an outage of.
//!
//! There the controller is the author of the graph, and a Notebook in git must be one that its webhook leaves alone. Facts
//! from runs of the real one: `fixtures/odh-notebook-controller/README.md`.

use std::collections::BTreeMap;

use super::keys;
use super::names::{LABEL_MAX, NOTEBOOK_MAX};
use super::notebook::{COMMON_ACCOUNTS, GUARD, NOTEBOOK_PORT};
use super::pod;
use crate::input::notebook::{Notebook as Document, POD_SPEC};
use crate::krm::results::{Finding, Severity};

/// Longest name of a guarded Notebook: the controller's Service has it with a suffix, and does not shorten.
const GUARDED_MAX: usize = LABEL_MAX - GUARD.len() - 1;

/// The controller's own names for a Notebook's objects.
pub struct Names {
    /// HTTPRoute, in the applications namespace.
    pub route: String,
    /// ClusterRoleBinding.
    pub delegator: String,
    /// Service, and the stem of the others.
    pub service: String,
}

// === impl Names ===

impl Names {
    /// Plain joins, as the controller makes them.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            route: format!("nb-{namespace}-{name}"),
            delegator: format!("{name}-rbac-{namespace}-auth-delegator"),
            service: format!("{name}-{GUARD}"),
        }
    }

    /// What else the controller writes in the Notebook's namespace: kind and name.
    pub fn others(&self, name: &str) -> [(&'static str, String); 4] {
        [
            ("ConfigMap", format!("{}-config", self.service)),
            ("NetworkPolicy", format!("{name}-ctrl-np")),
            ("NetworkPolicy", format!("{}-np", self.service)),
            ("ReferenceGrant", GRANT.to_owned()),
        ]
    }
}

/// The controller's one ReferenceGrant per namespace.
const GRANT: &str = "notebook-httproute-access";

/// Kind of the controller's route.
pub const ROUTE: &str = "HTTPRoute";
/// Kind of its binding.
pub const DELEGATOR: &str = "ClusterRoleBinding";

/// Checks a Notebook. `guarded` is whether it is switched on.
pub fn check(document: &Document, guarded: bool, findings: &mut Vec<Finding>) {
    let max = if guarded { GUARDED_MAX } else { NOTEBOOK_MAX };
    if (max + 1..=NOTEBOOK_MAX).contains(&document.name.len()) {
        let message = format!(
            "must be at most {max} characters beside Open Data Hub's controller: the name of its Service is too long, and the \
             Notebook never starts"
        );
        findings.push(
            Finding::error(message)
                .at("metadata.name")
                .found(document.name.clone()),
        );
    }
    for key in [keys::NOTEBOOK_NAME, keys::STATEFUL_SET] {
        if !guarded
            && document
                .labels
                .get(key)
                .is_some_and(|value| *value != document.name)
        {
            let message = "replaces the label by which policies find the pod: the Notebook is open to the cluster, or never starts";
            findings.push(Finding::error(message).at(format!("metadata.labels.{key}")));
        }
    }
    if document.name == GUARD {
        let message = "is the name of the container that the controller's webhook replaces by its own";
        findings.push(Finding::error(message).at("metadata.name").found(GUARD));
    }
    if guarded && COMMON_ACCOUNTS.contains(&document.name.as_str()) {
        let message = "is a ServiceAccount that pods run as without asking: the controller gives it the guard's right to review \
                       tokens; rename the Notebook";
        findings.push(
            Finding::error(message)
                .at("metadata.name")
                .found(document.name.clone()),
        );
    }
    if guarded && !document.annotations.contains_key(keys::INJECT_AUTH) {
        let message = format!(
            "means nothing to Open Data Hub's controller, which would expose the Notebook without a guard; write {} instead",
            keys::INJECT_AUTH
        );
        let path = format!("metadata.annotations[{:?}]", keys::INJECT_OAUTH);
        findings.push(Finding::error(message).at(path));
    }
    account(document, findings);
    if guarded {
        guarded_pod(document, findings);
    } else {
        pod::denials(pod::of_notebook(document), Severity::Error, findings);
        let message = "beside Open Data Hub's controller a Notebook that is not switched on gets a route without a guard; it \
                       leads nowhere as long as the Notebook's Service has no port 8888";
        let path = format!("metadata.annotations[{:?}]", keys::INJECT_AUTH);
        findings.push(Finding::warning(message).at(path).propose("true"));
    }
}

fn account(document: &Document, findings: &mut Vec<Finding>) {
    if !document.pod.service_account_name.is_empty() && document.pod.service_account_name != document.name {
        let message = "Open Data Hub's webhook replaces this ServiceAccount, or refuses the Notebook for it; leave the field out";
        let path = format!("{POD_SPEC}.serviceAccountName");
        let finding = Finding::error(message).at(path);
        findings.push(finding.found(document.pod.service_account_name.clone()));
    }
    if !document.pod.service_account.is_empty() && document.pod.service_account != document.name {
        let message = "Open Data Hub's webhook overlooks this older spelling, and the Notebook runs as whatever it names; \
                       remove it";
        let path = format!("{POD_SPEC}.serviceAccount");
        findings.push(
            Finding::error(message)
                .at(path)
                .found(document.pod.service_account.clone()),
        );
    }
}

fn guarded_pod(document: &Document, findings: &mut Vec<Finding>) {
    if document.pod.automount_token == Some(false) {
        let message = "the controller's guard has no token but the one that is mounted into all containers: without it \
                       everybody is refused";
        let path = format!("{POD_SPEC}.automountServiceAccountToken");
        findings.push(Finding::error(message).at(path).found(false));
    }
    let first = document
        .pod
        .containers
        .iter()
        .position(|container| container.name != GUARD);
    let port = first.and_then(|index| Some((index, document.pod.containers[index].ports.first()?.number)));
    if let Some((index, port)) = port.filter(|(_, port)| *port != NOTEBOOK_PORT) {
        let message = "the controller's guard leads to port 8888 alone, whatever this says: nobody reaches the Notebook";
        let path = format!("{POD_SPEC}.containers[{index}].ports[0].containerPort");
        let finding = Finding::error(message).at(path);
        findings.push(finding.found(port).propose(NOTEBOOK_PORT));
    }
}

/// Says where two Notebooks get one name from the controller: the second has no route, or no right to review tokens, and one
/// that is not switched on takes another's away. The value is whether it is switched on.
pub fn collisions<'a>(notebooks: &BTreeMap<(&'a str, &'a str), bool>) -> Vec<((&'a str, &'a str), Finding)> {
    let mut sharing: BTreeMap<(&str, String), Vec<(&'a str, &'a str)>> = BTreeMap::new();
    for id @ (namespace, name) in notebooks.keys() {
        let names = Names::new(namespace, name);
        sharing.entry((ROUTE, names.route)).or_default().push(*id);
        sharing.entry((DELEGATOR, names.delegator)).or_default().push(*id);
    }
    let mut found = Vec::new();
    for ((kind, name), ids) in sharing {
        let matters = kind == ROUTE || ids.iter().any(|id| notebooks.get(id) == Some(&true));
        let (namespace, first) = ids[0];
        for id in ids[1..].iter().filter(|_| matters) {
            let message = format!(
                "Open Data Hub's controller calls its {kind} {name}, as that of Notebook {namespace}/{first}: one of the two is \
                 cut off; rename one"
            );
            found.push((*id, Finding::error(message).at("metadata.name").found(id.1)));
        }
    }
    found
}

/// What a reader must know of a graph whose author is the controller.
pub fn notes() -> [Finding; 2] {
    let path = "spec.notebooks.controller";
    let shared = "its guard runs as the Notebook's ServiceAccount with the token mounted into every container, so each \
                  notebook's code shares the guard's right to review tokens";
    let drift = "what it adds to Notebooks shows as a difference in Argo CD for ever: put what `gatewright schema argocd` \
                 prints into the Application (Flux shows none)";
    [shared, drift].map(|message| Finding::info(message).at(path).found("OpenDataHub"))
}

/// Variables that the controller sets in the Notebook's container, from what it finds in the cluster: certificates, proxy,
/// image, experiment tracking.
const VARIABLES: [&str; 13] = [
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "PIPELINES_SSL_SA_CERTS",
    "KF_PIPELINES_SSL_SA_CERTS",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "JUPYTER_IMAGE",
    "MLFLOW_K8S_INTEGRATION",
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_URI",
];

/// Volumes that it adds and mounts, for the same reason.
const VOLUMES: [&str; 4] = [
    "trusted-ca",
    "runtime-images",
    "elyra-dsp-details",
    "odh-feast-config",
];

/// What a Notebook in git and a living one differ in as long as the controller runs, as jq paths in their order: what Argo
/// CD is to ignore.
pub fn ignored_paths() -> Vec<String> {
    const CONTAINERS: &str = ".spec.template.spec.containers[]";
    let one_of = |names: &[&str]| {
        let any: Vec<String> = names.iter().map(|name| format!(".name == \"{name}\"")).collect();
        format!("select({})", any.join(" or "))
    };
    let [config, tls, _] = super::notebook::GUARD_VOLUMES;
    let all_volumes = [&[config, tls], &VOLUMES[..]].concat();
    let annotations = [
        keys::STOPPED,
        keys::UPDATE_PENDING,
        keys::LAST_ACTIVITY,
        keys::LAST_CHECK,
        keys::RESTART,
    ];
    let mut paths: Vec<String> = annotations
        .iter()
        .map(|key| format!(".metadata.annotations[\"{key}\"]"))
        .collect();
    let selection = keys::IMAGE_SELECTION;
    paths.extend([
        ".metadata.finalizers[]? | select(startswith(\"notebook.opendatahub.io/\"))".to_owned(),
        format!("{CONTAINERS} | {}", one_of(&[GUARD])),
        format!(".spec.template.spec.volumes[]? | {}", one_of(&all_volumes)),
        ".spec.template.spec.serviceAccountName".to_owned(),
        format!(
            "select((.metadata.annotations[\"{selection}\"] // \"\") != \"\") | .spec.template.spec.containers[0].image"
        ),
        format!("{CONTAINERS}.env[]? | {}", one_of(&VARIABLES)),
        format!("{CONTAINERS}.volumeMounts[]? | {}", one_of(&VOLUMES)),
        // A list of which nothing is left was not there before.
        format!("{CONTAINERS}.env | select(. == [])"),
        format!("{CONTAINERS}.volumeMounts | select(. == [])"),
    ]);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_two_is_found_as_the_controller_spells_it() {
        let found = |notebooks: &[((&'static str, &'static str), bool)]| {
            let notebooks = notebooks.iter().copied().collect();
            let found = collisions(&notebooks);
            found
                .iter()
                .map(|((namespace, name), finding)| format!("{namespace}/{name} {}", finding.message))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&[(("a", "x"), true), (("b", "x"), true)]), [""; 0]);
        let routes = found(&[(("a", "b-c"), true), (("a-b", "c"), false)]);
        assert!(
            routes.len() == 1 && routes[0].contains("HTTPRoute nb-a-b-c"),
            "{routes:?}"
        );
        let stolen = found(&[(("u", "w-rbac-v"), true), (("v-rbac-u", "w"), false)]);
        assert!(
            stolen.len() == 1 && stolen[0].contains("ClusterRoleBinding"),
            "{stolen:?}"
        );
        assert_eq!(
            found(&[(("u", "w-rbac-v"), false), (("v-rbac-u", "w"), false)]),
            [""; 0]
        );
    }
}
