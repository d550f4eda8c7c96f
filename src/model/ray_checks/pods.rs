//! The pods of a cluster: what in them leads past the guard, and labels by which they would pass for others.

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

/// Labels of a template by which its pods would pass for those that submit jobs, and labels that KubeRay gives every node, by
/// which all of them would pass for somebody whom policies let in. Those by which KubeRay knows its nodes are looked at
/// in unguarded clusters, too (`meaning::other_node`).
fn labels(group: &Group, template: &str, namespace: &str, platform: &Platform, findings: &mut Vec<Finding>) {
    for key in [keys::RAY_ORIGINATED_FROM, keys::RAY_ORIGINATED_KIND] {
        if let Some(value) = group.labels.get(key) {
            let message = "is KubeRay's label of pods that submit jobs, whom policies let in; remove it";
            let path = format!("{template}.metadata.labels[{key:?}]");
            findings.push(Finding::error(message).at(path).found(value.clone()));
        }
    }
    let says = |key: &str, value: &str| group.labels.get(key).map(String::as_str) == Some(value);
    let given =
        |key: &str, value: &str| !group.labels.contains_key(key) && KUBERAY_LABELS.contains(&(key, value));
    let others = [
        ("operatorPods", Some(&platform.ray.operator_pods)),
        ("metrics", platform.ray.metrics.as_ref()),
    ];
    for (field, pods) in others
        .into_iter()
        .filter_map(|(field, pods)| Some((field, pods?)))
    {
        let mut labels = pods.labels.iter();
        let mut with_kuberays = pods.labels.iter();
        // By labels of the template alone it is said elsewhere.
        let fits = pods.namespace == namespace
            && with_kuberays.any(|(key, value)| given(key, value))
            && labels.all(|(key, value)| says(key, value) || given(key, value));
        if fits {
            let message = format!(
                "the Platform's rayClusters.{field} selects pods of this namespace by labels that KubeRay gives every node: policies let the nodes in wherever they let these in; select them by others, or move the cluster"
            );
            findings.push(Finding::error(message).at(format!("{template}.metadata.labels")));
        }
    }
}

/// Labels that KubeRay puts on every node, if its template says nothing else.
const KUBERAY_LABELS: [(&str, &str); 2] = [
    ("app.kubernetes.io/name", "kuberay"),
    ("app.kubernetes.io/created-by", "kuberay-operator"),
];
