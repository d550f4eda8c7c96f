//! What in a Notebook's pod would leave a way around the guard, or into it.

use super::notebook::{GUARD, GUARD_PORT, GUARD_VOLUMES, HEALTH_PORT, HEALTH_PORT_NAME, Injected};
use crate::input::notebook::{Container, Notebook as Document, POD_SPEC};
use crate::krm::results::Finding;

/// Checks the pod of a Notebook that is switched on.
pub fn check(document: &Document, injected: Injected, findings: &mut Vec<Finding>) {
    shared_namespaces(document, findings);
    let own = |container: &&Container| !(injected.guard && container.name == GUARD);
    let users: Vec<(usize, &Container)> = document
        .containers
        .iter()
        .enumerate()
        .filter(|(_, container)| own(container))
        .collect();
    let path = format!("{POD_SPEC}.containers");
    if users.is_empty() {
        findings.push(Finding::error("holds no container that could be guarded").at(&path));
    } else if !users.iter().any(|(_, container)| container.name == document.name) {
        let (index, first) = users[0];
        let message = "no container has the Notebook's name; the controllers' status, certificates and settings will miss it";
        let finding = Finding::warning(message)
            .at(format!("{path}[{index}].name"))
            .found(first.name.clone());
        findings.push(finding.propose(document.name.clone()));
    }
    for (index, container) in document.containers.iter().enumerate() {
        if document.containers[..index]
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
    for (index, container) in document.init_containers.iter().enumerate() {
        let path = format!("{POD_SPEC}.initContainers[{index}]");
        if container.name == GUARD {
            let message = "is the name of the guard's container; rename this one";
            findings.push(Finding::error(message).at(format!("{path}.name")).found(GUARD));
        }
        check_container(container, &path, findings);
    }
    // Beside a guard that is not ours its volumes are no news.
    if !injected.guard && in_the_way.is_none() {
        for (index, volume) in document.volumes.iter().enumerate() {
            if GUARD_VOLUMES.contains(&volume.as_str()) {
                let path = format!("{POD_SPEC}.volumes[{index}].name");
                let message = "is the name of one of the guard's volumes; rename this one";
                findings.push(Finding::error(message).at(path).found(volume.clone()));
            }
        }
    }
}

fn shared_namespaces(document: &Document, findings: &mut Vec<Finding>) {
    let rows = [
        (
            "hostNetwork",
            document.host_network,
            "on the node's network no policy closes the notebook's port; remove it",
        ),
        (
            "hostPID",
            document.host_pid,
            "lets the notebook's code look into every process of the node; remove it",
        ),
        (
            "hostIPC",
            document.host_ipc,
            "lets the notebook's code into the memory that the node's processes share; remove it",
        ),
        (
            "shareProcessNamespace",
            document.share_process_namespace,
            "lets the notebook's code read the guard's files, its token among them; remove it",
        ),
    ];
    for (field, set, message) in rows {
        if set {
            let finding = Finding::error(message).at(format!("{POD_SPEC}.{field}"));
            findings.push(finding.found(true).propose(false));
        }
    }
}

fn check_container(container: &Container, path: &str, findings: &mut Vec<Finding>) {
    if container.name.is_empty() {
        findings.push(Finding::error("is missing").at(format!("{path}.name")));
    }
    for (index, port) in container.ports.iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        if [GUARD_PORT, HEALTH_PORT].contains(&port.number) {
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
        if let Some(host_port) = port.host_port {
            let message = "opens the port on the node, where not every network closes it; remove it";
            findings.push(
                Finding::error(message)
                    .at(format!("{path}.hostPort"))
                    .found(host_port),
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
