//! What in a guarded pod would leave a way around the guard, or into it: a Notebook's, or those of a Ray cluster.

use std::collections::BTreeMap;

use super::notebook::{
    COMMON_ACCOUNTS, GUARD, GUARD_PORT, GUARD_VOLUMES, HEALTH_PORT, HEALTH_PORT_NAME, Injected,
    ServiceAccount,
};
use crate::input::notebook::{Notebook as Document, POD_SPEC};
use crate::input::pod::{Container, Pod, Security};
use crate::krm::annotations::PREVIOUS_NAMES;
use crate::krm::results::{Finding, Severity};

/// A pod that findings speak of.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The path of its spec.
    pub path: &'a str,
    /// Whose code runs in it: `notebook's`.
    pub whose: &'a str,
}

/// What a guard has in a pod, and nothing else there may have.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// Names of its containers.
    pub containers: &'a [&'a str],
    /// Names of its volumes.
    pub volumes: &'a [&'a str],
    /// Its ports.
    pub ports: &'a [u16],
    /// The names of its ports.
    pub port_names: &'a [&'a str],
}

/// What a Notebook's guard has.
const OF_NOTEBOOKS: Taken<'_> = Taken {
    containers: &[GUARD],
    volumes: &GUARD_VOLUMES,
    ports: &[GUARD_PORT, HEALTH_PORT],
    port_names: &[GUARD, HEALTH_PORT_NAME],
};

/// The pod of a Notebook.
pub fn of_notebook(document: &Document) -> Subject<'_> {
    Subject {
        pod: &document.pod,
        path: POD_SPEC,
        whose: "notebook's",
    }
}

/// Checks the pod of a Notebook that is switched on.
///
/// `ours` is whether the guard is one of ours: the one that Open Data Hub's controller puts in may run as anybody, and has
/// the token that all containers have.
pub fn check(document: &Document, injected: Injected, ours: bool, findings: &mut Vec<Finding>) {
    let subject = of_notebook(document);
    let named = !document.pod.service_account_name.is_empty() || !document.pod.service_account.is_empty();
    // The whole pod may run as an account of theirs, of which another finding warns.
    let with_account = ours && (!named || injected.service_account);
    walls(subject, &OF_NOTEBOOKS, ours, with_account, findings);
    let own = |container: &Container| injected.guard && container.name == GUARD;
    let mut users = document.pod.containers.iter().enumerate();
    let first = users.find(|(_, container)| !own(container));
    let path = format!("{POD_SPEC}.containers");
    match first {
        None => findings.push(Finding::error("holds no container that could be guarded").at(&path)),
        Some((index, first))
            if !document
                .pod
                .containers
                .iter()
                .any(|container| !own(container) && is_named(document, &container.name)) =>
        {
            let message = "no container has the Notebook's name; the controllers' status, certificates and settings will miss it";
            let finding = Finding::warning(message)
                .at(format!("{path}[{index}].name"))
                .found(first.name.clone());
            findings.push(finding.propose(document.name.clone()));
        }
        Some(_) => {}
    }
    in_the_way(subject, &OF_NOTEBOOKS, injected.guard, findings);
}

/// Checks the pod of a Ray cluster's head, whose guard is not in it yet. `with_account` is whether it runs as an account of
/// ours.
pub fn check_head(subject: Subject<'_>, taken: &Taken<'_>, with_account: bool, findings: &mut Vec<Finding>) {
    walls(subject, taken, true, with_account, findings);
    in_the_way(subject, taken, false, findings);
}

/// What is between a pod's containers, and between them and the node. `ours` is whether the guard is one of ours, which is
/// never root.
fn walls(
    subject: Subject<'_>,
    taken: &Taken<'_>,
    ours: bool,
    with_account: bool,
    findings: &mut Vec<Finding>,
) {
    let Subject { pod, path, whose } = subject;
    denials(subject, Severity::Error, findings);
    if pod.share_process_namespace {
        let message =
            format!("lets the {whose} code read the guard's files, its token among them; remove it");
        let finding = Finding::error(message).at(format!("{path}.shareProcessNamespace"));
        findings.push(finding.found(true).propose(false));
    }
    if with_account {
        credentials(subject, taken, findings);
    }
    if ours && pod.security.run_as_user == Some(0) {
        let message = "the guard, which is never root, inherits this and cannot start; move it to the containers that need it";
        let path = format!("{path}.securityContext.runAsUser");
        findings.push(Finding::error(message).at(path).found(0));
    }
}

/// What has a name or a port that the guard has. `there` is whether the guard stands in the pod already.
fn in_the_way(subject: Subject<'_>, taken: &Taken<'_>, there: bool, findings: &mut Vec<Finding>) {
    let Subject { pod, path, .. } = subject;
    let is_guard = |container: &Container| taken.containers.contains(&container.name.as_str());
    for (index, container) in pod.containers.iter().enumerate() {
        if pod.containers[..index]
            .iter()
            .any(|other| other.name == container.name)
        {
            let path = format!("{path}.containers[{index}].name");
            findings.push(
                Finding::error("two containers cannot have one name")
                    .at(path)
                    .found(container.name.clone()),
            );
        }
    }
    let users = pod.containers.iter().enumerate();
    for (index, container) in users.filter(|(_, container)| !there || !is_guard(container)) {
        let path = format!("{path}.containers[{index}]");
        if is_guard(container) {
            let message = "is the name of the guard's container, and this one is not known to be ours; rename it, or remove \
                           it and its volumes to have them generated";
            let finding = Finding::error(message).at(format!("{path}.name"));
            findings.push(finding.found(container.name.clone()));
            continue;
        }
        check_container(container, &path, taken, findings);
    }
    for (index, container) in pod.init_containers.iter().enumerate() {
        let path = format!("{path}.initContainers[{index}]");
        if is_guard(container) {
            let message = "is the name of the guard's container; rename this one";
            let finding = Finding::error(message).at(format!("{path}.name"));
            findings.push(finding.found(container.name.clone()));
        }
        check_container(container, &path, taken, findings);
    }
    // Beside a guard that is not ours its volumes are no news.
    if !there && !pod.containers.iter().any(is_guard) {
        for (index, volume) in pod.volumes.iter().enumerate() {
            if taken.volumes.contains(&volume.name.as_str()) {
                let path = format!("{path}.volumes[{index}].name");
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

/// What opens the node, or the way past any policy, to a pod's code: refused by Open Data Hub's webhook as well
/// (opendatahub-io/kubeflow `components/odh-notebook-controller/controllers/notebook_podspec_validation.go`), and some that
/// it overlooks.
pub fn denials(subject: Subject<'_>, severity: Severity, findings: &mut Vec<Finding>) {
    let Subject {
        pod,
        path: spec,
        whose,
    } = subject;
    let mut deny = |path: String, message: &str| {
        let finding = Finding::error(message).at(path);
        findings.push(Finding { severity, ..finding });
    };
    let shared = [
        (
            "hostNetwork",
            pod.host_network,
            format!("on the node's network no policy closes the {whose} port; remove it"),
        ),
        (
            "hostPID",
            pod.host_pid,
            format!("lets the {whose} code look into every process of the node; remove it"),
        ),
        (
            "hostIPC",
            pod.host_ipc,
            format!("lets the {whose} code into the memory that the node's processes share; remove it"),
        ),
    ];
    for (field, _, message) in shared.iter().filter(|(_, set, _)| *set) {
        deny(format!("{spec}.{field}"), message);
    }
    for (index, _) in pod
        .volumes
        .iter()
        .enumerate()
        .filter(|(_, volume)| volume.host_path)
    {
        let message = "mounts a folder of the node, where other pods' volumes and credentials lie; use a claim or an emptyDir";
        deny(format!("{spec}.volumes[{index}].hostPath"), message);
    }
    unconfined(&pod.security, spec, &mut deny);
    for (list, containers) in [
        ("containers", &pod.containers),
        ("initContainers", &pod.init_containers),
    ] {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("{spec}.{list}[{index}]");
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

/// The Secrets of guards and of the login service that a pod reads: with them its code could pass for these. `secrets`
/// are those in its namespace, each with whose it is; `volumes` the guard's own, `this` the workload that the pod is of.
pub fn keys_of_others(
    subject: Subject<'_>,
    this: &str,
    volumes: &[&str],
    secrets: &BTreeMap<String, &str>,
    findings: &mut Vec<Finding>,
) {
    let Subject { pod, path: spec, .. } = subject;
    let mut deny = |path: String, name: &str| {
        let whose = secrets.get(name).copied().unwrap_or_default();
        let message = format!("is {whose}, with which this {this}'s code could pass for it; remove it");
        findings.push(Finding::error(message).at(path).found(name));
    };
    for (index, volume) in pod.volumes.iter().enumerate() {
        // Ours, or refused for its name.
        let own = volumes.contains(&volume.name.as_str());
        for name in volume
            .secrets
            .iter()
            .filter(|name| !own && secrets.contains_key(name.as_str()))
        {
            deny(format!("{spec}.volumes[{index}]"), name);
        }
    }
    for (list, containers) in [
        ("containers", &pod.containers),
        ("initContainers", &pod.init_containers),
    ] {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("{spec}.{list}[{index}]");
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

/// The ServiceAccount that a pod of the user's is to run as, by the user's own word in a field. `whose` code shares it.
pub fn runs_as(field: &str, name: &str, whose: &str, findings: &mut Vec<Finding>) -> ServiceAccount {
    if COMMON_ACCOUNTS.contains(&name) {
        let message = "pods of the namespace run as this ServiceAccount without asking for it, and it would get the guard's \
                       right to review tokens; name another, or leave the field out";
        findings.push(Finding::error(message).at(field).found(name));
    } else {
        let message = format!(
            "the guard runs as this ServiceAccount too, so {whose} code shares the guard's right to review tokens; leave the \
             field out to have them kept apart"
        );
        findings.push(Finding::warning(message).at(field).found(name));
    }
    ServiceAccount::Theirs(name.to_owned())
}

/// What would hand the guard's token to the other code in the pod.
fn credentials(subject: Subject<'_>, taken: &Taken<'_>, findings: &mut Vec<Finding>) {
    let Subject { pod, path, whose } = subject;
    if pod.automount_token == Some(true) {
        let message = format!(
            "mounts the token of the guard's ServiceAccount into every container, with which the {whose} code could review \
             tokens; remove it, or name a ServiceAccount of your own"
        );
        let path = format!("{path}.automountServiceAccountToken");
        findings.push(Finding::error(message).at(path).found(true).propose(false));
    }
    for (index, volume) in pod.volumes.iter().enumerate() {
        // Ours, or refused for its name.
        if taken.volumes.contains(&volume.name.as_str()) {
            continue;
        }
        for source in &volume.tokens {
            let message = format!(
                "projects a token of the guard's ServiceAccount, with which the {whose} code could review tokens; remove it, or \
                 name a ServiceAccount of your own"
            );
            let path = format!("{path}.volumes[{index}].projected.sources[{source}].serviceAccountToken");
            findings.push(Finding::error(message).at(path));
        }
    }
}

fn check_container(container: &Container, path: &str, taken: &Taken<'_>, findings: &mut Vec<Finding>) {
    if container.name.is_empty() {
        findings.push(Finding::error("is missing").at(format!("{path}.name")));
    }
    for (index, port) in container.ports.iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let tcp = ["", "TCP"].contains(&port.protocol.as_str());
        if tcp && taken.ports.contains(&port.number) {
            let message = "is a port of the guard, which listens in the same pod; use another";
            findings.push(
                Finding::error(message)
                    .at(format!("{path}.containerPort"))
                    .found(port.number),
            );
        }
        if taken.port_names.contains(&port.name.as_str()) {
            let message = "is the name of a port of the guard; rename this one";
            findings.push(
                Finding::error(message)
                    .at(format!("{path}.name"))
                    .found(port.name.clone()),
            );
        }
    }
    for (index, volume) in container.volume_mounts.iter().enumerate() {
        if taken.volumes.contains(&volume.as_str()) {
            let message =
                "is a volume of the guard, which holds its token and key; only the guard may mount it";
            let path = format!("{path}.volumeMounts[{index}].name");
            findings.push(Finding::error(message).at(path).found(volume.clone()));
        }
    }
}
