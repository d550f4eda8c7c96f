//! The pods of a cluster: what in them leads past the guard, and labels by which they would pass for others.

use std::collections::BTreeMap;

use crate::input::ray::{Cluster, Document, Group};
use crate::krm::results::{Finding, Severity};
use crate::model::keys;
use crate::model::platform::Platform;
use crate::model::pod::{self, Subject, Taken};
use crate::model::ray::{Door, Ports, VOLUMES};

/// Whose code runs in the pods, for findings.
const WHOSE: &str = "cluster's";

/// Checks the pods of a cluster in a namespace.
pub(super) fn check(
    document: &Document,
    cluster: &Cluster,
    namespace: &str,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    let ports = Ports::beside(platform.ray.operator);
    let numbers = Door::ALL
        .map(|door| [ports.of(door), ports.health(door)])
        .concat();
    let names = Door::ALL
        .map(|door| [door.container_port(), door.health_port()])
        .concat();
    let taken = Taken {
        containers: &Door::ALL.map(Door::container),
        volumes: &VOLUMES,
        ports: &numbers,
        port_names: &names,
    };
    let head = document.kind.path("headGroupSpec.template");
    let pod = &cluster.head.pod;
    // With an account of theirs its token is theirs to mount, of which another finding warns.
    let with_account = pod.service_account_name.is_empty() && pod.service_account.is_empty();
    let path = format!("{head}.spec");
    let subject = Subject {
        pod,
        path: &path,
        whose: WHOSE,
    };
    pod::check_head(subject, &taken, with_account, findings);
    labels(&cluster.head, &head, namespace, platform, findings);
    for (index, group) in cluster.workers.iter().flatten().enumerate() {
        let template = document.kind.path(&format!("workerGroupSpecs[{index}].template"));
        let path = format!("{template}.spec");
        let subject = Subject {
            pod: &group.pod,
            path: &path,
            whose: WHOSE,
        };
        pod::denials(subject, Severity::Error, findings);
        labels(group, &template, namespace, platform, findings);
    }
    for (index, (volume, _)) in cluster.autoscaler_mounts.iter().enumerate() {
        if VOLUMES.contains(&volume.as_str()) {
            let message =
                "is a volume of the guard, which holds its token and key; only the guard may mount it";
            let path = format!("autoscalerOptions.volumeMounts[{index}].name");
            let finding = Finding::error(message).at(document.kind.path(&path));
            findings.push(finding.found(volume.clone()));
        }
    }
}

/// Labels of a template by which policies would take its pods for others'. Those by which KubeRay knows its nodes, nobody
/// can write over (`ray-operator/controllers/ray/common/pod.go`, `labelPod`).
fn labels(group: &Group, template: &str, namespace: &str, platform: &Platform, findings: &mut Vec<Finding>) {
    let path = |key: &str| format!("{template}.metadata.labels[{key:?}]");
    let rows = [
        (
            keys::NOTEBOOK_NAME,
            "is the label of a Notebook's pods, and no cluster's node lets one in; remove it",
        ),
        (
            keys::RAY_SOURCE,
            "is written here by itself; by another's, a node would pass for that cluster's own; remove it",
        ),
        (
            keys::RAY_ORIGINATED_FROM,
            "is KubeRay's label of pods that submit jobs, whom policies let in; remove it",
        ),
        (
            keys::RAY_ORIGINATED_KIND,
            "is KubeRay's label of pods that submit jobs, whom policies let in; remove it",
        ),
    ];
    for (key, message) in rows {
        if let Some(value) = group.labels.get(key) {
            findings.push(Finding::error(message).at(path(key)).found(value.clone()));
        }
    }
    // KubeRay's own go on every node, and can be written over.
    let mut all: BTreeMap<&str, &str> = KUBERAY_LABELS.into();
    all.extend(
        group
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    let others = [
        ("the gateway", Some(&platform.gateway.pods)),
        ("the notebook controller", Some(&platform.culler)),
        ("KubeRay's operator", Some(&platform.ray.operator_pods)),
        ("those that collect metrics", platform.ray.metrics.as_ref()),
    ];
    for (who, pods) in others.into_iter().filter_map(|(who, pods)| Some((who, pods?))) {
        let fits = pods.namespace == namespace
            && !pods.labels.is_empty()
            && pods
                .labels
                .iter()
                .all(|(key, value)| all.get(key.as_str()) == Some(&value.as_str()));
        if let Some((key, value)) = pods.labels.iter().next().filter(|_| fits) {
            let message = format!(
                "makes the cluster's pods pass for {who}: policies let them in; change this label, or move the cluster to \
                 another namespace"
            );
            findings.push(Finding::error(message).at(path(key)).found(value.clone()));
        }
    }
}

/// Labels that KubeRay puts on every node, if its template says nothing else.
const KUBERAY_LABELS: [(&str, &str); 2] = [
    ("app.kubernetes.io/name", "kuberay"),
    ("app.kubernetes.io/created-by", "kuberay-operator"),
];
