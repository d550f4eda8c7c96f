//! What in a Notebook's pod would leave a way around the guard, or into it.

use std::collections::BTreeMap;

use super::notebook::{GUARD, GUARD_PORT, GUARD_VOLUMES, HEALTH_PORT, HEALTH_PORT_NAME, Injected};
use crate::input::notebook::{Notebook as Document, POD_SPEC};
use crate::input::pod::{Container, Security};
use crate::krm::annotations::PREVIOUS_NAMES;
use crate::krm::results::{Finding, Severity};

/// Checks the pod of a Notebook that is switched on.
///
/// `ours` is whether the guard is one of ours: the one that Open Data Hub's controller puts in may run as anybody, and has
/// the token that all containers have.
pub fn check(document: &Document, injected: Injected, ours: bool, findings: &mut Vec<Finding>) {
    denials(document, Severity::Error, findings);
    if document.pod.share_process_namespace {
        let message = "lets the notebook's code read the guard's files, its token among them; remove it";
        let finding = Finding::error(message).at(format!("{POD_SPEC}.shareProcessNamespace"));
        findings.push(finding.found(true).propose(false));
    }
    if ours {
        credentials(document, injected, findings);
    }
    if ours && document.pod.security.run_as_user == Some(0) {
        let message = "the guard, which is never root, inherits this and cannot start; move it to the containers that need it";
        let path = format!("{POD_SPEC}.securityContext.runAsUser");
        findings.push(Finding::error(message).at(path).found(0));
    }
    let own = |container: &&Container| !(injected.guard && container.name == GUARD);
    let users: Vec<(usize, &Container)> = document
        .pod
        .containers
        .iter()
        .enumerate()
        .filter(|(_, container)| own(container))
        .collect();
    let path = format!("{POD_SPEC}.containers");
    if users.is_empty() {
        findings.push(Finding::error("holds no container that could be guarded").at(&path));
    } else if !users
        .iter()
        .any(|(_, container)| is_named(document, &container.name))
    {
        let (index, first) = users[0];
        let message = "no container has the Notebook's name; the controllers' status, certificates and settings will miss it";
        let finding = Finding::warning(message)
            .at(format!("{path}[{index}].name"))
            .found(first.name.clone());
        findings.push(finding.propose(document.name.clone()));
    }
    for (index, container) in document.pod.containers.iter().enumerate() {
        if document.pod.containers[..index]
            .iter()
            .any(|other| other.name == container.name)
        {
            let path = format!("{path}[{index}].name");
            findings.push(
                Finding::error("two containers cannot have one name")
                    .at(path)
                    .found(container.name.clone()),
            );
        }
    }
    let in_the_way = users.iter().find(|(_, container)| container.name == GUARD);
    for (index, container) in &users {
        let path = format!("{path}[{index}]");
        if container.name == GUARD {
            let message = "is the name of the guard's container, and this one is not known to be ours; rename it, or remove \
                           it and its volumes to have them generated";
            findings.push(Finding::error(message).at(format!("{path}.name")).found(GUARD));
            continue;
        }
        check_container(container, &path, findings);
    }
    for (index, container) in document.pod.init_containers.iter().enumerate() {
        let path = format!("{POD_SPEC}.initContainers[{index}]");
        if container.name == GUARD {
            let message = "is the name of the guard's container; rename this one";
            findings.push(Finding::error(message).at(format!("{path}.name")).found(GUARD));
        }
        check_container(container, &path, findings);
    }
    // Beside a guard that is not ours its volumes are no news.
    if !injected.guard && in_the_way.is_none() {
        for (index, volume) in document.pod.volumes.iter().enumerate() {
            if GUARD_VOLUMES.contains(&volume.name.as_str()) {
                let path = format!("{POD_SPEC}.volumes[{index}].name");
                let message = "is the name of one of the guard's volumes; rename this one";
                findings.push(Finding::error(message).at(path).found(volume.name.clone()));
            }
        }
    }
}

/// Whether a container has the Notebook's name, or will have it: kustomize gives containers a new name after the function
/// ran, where our own configuration tells it to.
pub fn is_named(document: &Document, container: &str) -> bool {
    let before = document
        .annotations
        .get(PREVIOUS_NAMES)
        .map_or("", String::as_str);
    container == document.name || before.split(',').any(|name| name == container)
}

/// Capabilities with which a container leaves its own walls.
const CAPABILITIES: [&str; 9] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];
/// The type of a process that `SELinux` does not confine.
const UNCONFINED: &str = "spc_t";

/// What opens the node, or the way past any policy, to a notebook's code: refused by Open Data Hub's webhook as well
/// (opendatahub-io/kubeflow `components/odh-notebook-controller/controllers/notebook_podspec_validation.go`), and some that
/// it overlooks.
pub fn denials(document: &Document, severity: Severity, findings: &mut Vec<Finding>) {
    let mut deny = |path: String, message: &str| {
        let finding = Finding::error(message).at(path);
        findings.push(Finding { severity, ..finding });
    };
    let shared = [
        (
            "hostNetwork",
            document.pod.host_network,
            "on the node's network no policy closes the notebook's port; remove it",
        ),
        (
            "hostPID",
            document.pod.host_pid,
            "lets the notebook's code look into every process of the node; remove it",
        ),
        (
            "hostIPC",
            document.pod.host_ipc,
            "lets the notebook's code into the memory that the node's processes share; remove it",
        ),
    ];
    for (field, _, message) in shared.iter().filter(|(_, set, _)| *set) {
        deny(format!("{POD_SPEC}.{field}"), message);
    }
    for (index, _) in document
        .pod
        .volumes
        .iter()
        .enumerate()
        .filter(|(_, volume)| volume.host_path)
    {
        let message = "mounts a folder of the node, where other pods' volumes and credentials lie; use a claim or an emptyDir";
        deny(format!("{POD_SPEC}.volumes[{index}].hostPath"), message);
    }
    unconfined(&document.pod.security, POD_SPEC, &mut deny);
    for (list, containers) in [
        ("containers", &document.pod.containers),
        ("initContainers", &document.pod.init_containers),
    ] {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("{POD_SPEC}.{list}[{index}]");
            if container.privileged {
                let message = "a privileged container is root on the node; remove it";
                deny(format!("{path}.securityContext.privileged"), message);
            }
            unconfined(&container.security, &path, &mut deny);
            for (at, port) in container.ports.iter().enumerate() {
                if port.host_port.is_some() {
                    let message = "opens the port on the node, where not every network closes it; remove it";
                    deny(format!("{path}.ports[{at}].hostPort"), message);
                }
            }
            for (at, capability) in container.capabilities.iter().enumerate() {
                // Runtimes take any case, with or without the prefix.
                let upper = capability.to_uppercase();
                if CAPABILITIES.contains(&upper.trim_start_matches("CAP_")) {
                    let message = "lets the container's code out of its walls, or into its neighbours' traffic; remove it";
                    deny(format!("{path}.securityContext.capabilities.add[{at}]"), message);
                }
            }
        }
    }
}

/// Settings of a `securityContext` that take a container's walls away.
fn unconfined(security: &Security, path: &str, deny: &mut impl FnMut(String, &str)) {
    let path = format!("{path}.securityContext");
    if security.proc_mount.eq_ignore_ascii_case("Unmasked") {
        deny(
            format!("{path}.procMount"),
            "shows the node's kernel settings to the container; remove it",
        );
    }
    if security.se_linux_type == UNCONFINED {
        deny(
            format!("{path}.seLinuxOptions.type"),
            "is not confined by SELinux; remove it",
        );
    }
    if security.host_process {
        let message = "runs on the node itself; remove it";
        deny(format!("{path}.windowsOptions.hostProcess"), message);
    }
}

/// The Secrets of guards and of the login service that a Notebook reads: with them its code could pass for these. `secrets`
/// are those in its namespace, each with whose it is.
pub fn keys_of_others(document: &Document, secrets: &BTreeMap<&str, &str>, findings: &mut Vec<Finding>) {
    let mut deny = |path: String, name: &str| {
        let whose = secrets.get(name).copied().unwrap_or_default();
        let message = format!("is {whose}, with which this Notebook's code could pass for it; remove it");
        findings.push(Finding::error(message).at(path).found(name));
    };
    for (index, volume) in document.pod.volumes.iter().enumerate() {
        // Ours, or refused for its name.
        let own = GUARD_VOLUMES.contains(&volume.name.as_str());
        for name in volume
            .secrets
            .iter()
            .filter(|name| !own && secrets.contains_key(name.as_str()))
        {
            deny(format!("{POD_SPEC}.volumes[{index}]"), name);
        }
    }
    for (list, containers) in [
        ("containers", &document.pod.containers),
        ("initContainers", &document.pod.init_containers),
    ] {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("{POD_SPEC}.{list}[{index}]");
            for (at, variable) in container.env.iter().enumerate() {
                if secrets.contains_key(variable.secret.as_str()) {
                    deny(format!("{path}.env[{at}]"), &variable.secret);
                }
            }
            for (at, name) in container.env_from_secrets.iter().enumerate() {
                if secrets.contains_key(name.as_str()) {
                    deny(format!("{path}.envFrom[{at}]"), name);
                }
            }
        }
    }
}

/// What would hand the guard's token to the notebook's code.
fn credentials(document: &Document, injected: Injected, findings: &mut Vec<Finding>) {
    let named = !document.pod.service_account_name.is_empty() || !document.pod.service_account.is_empty();
    if named && !injected.service_account {
        return; // The whole pod runs as an account of theirs, of which another finding warns.
    }
    if document.pod.automount_token == Some(true) {
        let message = "mounts the token of the guard's ServiceAccount into every container, with which the notebook's code could \
                       review tokens; remove it, or name a ServiceAccount of your own";
        let path = format!("{POD_SPEC}.automountServiceAccountToken");
        findings.push(Finding::error(message).at(path).found(true).propose(false));
    }
    for (index, volume) in document.pod.volumes.iter().enumerate() {
        // Ours, or refused for its name.
        if GUARD_VOLUMES.contains(&volume.name.as_str()) {
            continue;
        }
        for source in &volume.tokens {
            let message = "projects a token of the guard's ServiceAccount, with which the notebook's code could review tokens; \
                           remove it, or name a ServiceAccount of your own";
            let path = format!("{POD_SPEC}.volumes[{index}].projected.sources[{source}].serviceAccountToken");
            findings.push(Finding::error(message).at(path));
        }
    }
}

fn check_container(container: &Container, path: &str, findings: &mut Vec<Finding>) {
    if container.name.is_empty() {
        findings.push(Finding::error("is missing").at(format!("{path}.name")));
    }
    for (index, port) in container.ports.iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let tcp = ["", "TCP"].contains(&port.protocol.as_str());
        if tcp && [GUARD_PORT, HEALTH_PORT].contains(&port.number) {
            let message = "is a port of the guard, which listens in the same pod; use another";
            findings.push(
                Finding::error(message)
                    .at(format!("{path}.containerPort"))
                    .found(port.number),
            );
        }
        if [GUARD, HEALTH_PORT_NAME].contains(&port.name.as_str()) {
            let message = "is the name of a port of the guard; rename this one";
            findings.push(
                Finding::error(message)
                    .at(format!("{path}.name"))
                    .found(port.name.clone()),
            );
        }
    }
    for (index, volume) in container.volume_mounts.iter().enumerate() {
        if GUARD_VOLUMES.contains(&volume.as_str()) {
            let message =
                "is a volume of the guard, which holds its token and key; only the guard may mount it";
            let path = format!("{path}.volumeMounts[{index}].name");
            findings.push(Finding::error(message).at(path).found(volume.clone()));
        }
    }
}
