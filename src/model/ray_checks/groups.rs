//! The groups of a cluster: names, containers, how many nodes, and what Ray is told of their resources.

use std::collections::BTreeSet;

use crate::input::ray::{Cluster, Document, Group};
use crate::krm::results::Finding;
use crate::model::names::{is_label_key, is_label_value};

/// Settings of `rayStartParams` that say what `resources` of a group says.
const RESOURCE_PARAMS: [&str; 4] = ["num-cpus", "num-gpus", "memory", "resources"];
/// Who may look after a cluster: KubeRay, or Kueue in its place.
const MANAGERS: [&str; 2] = ["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"];

/// Checks the head's group and those of the workers.
pub(super) fn check(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let head = document.kind.path("headGroupSpec");
    group(&cluster.head, &head, findings);
    let mut names = BTreeSet::new();
    for (index, worker) in cluster.workers.iter().flatten().enumerate() {
        let path = document.kind.path(&format!("workerGroupSpecs[{index}]"));
        group(worker, &path, findings);
        if worker.name.is_empty() {
            findings.push(Finding::error("is missing").at(format!("{path}.groupName")));
        } else if !names.insert(&worker.name) {
            let message = "is the name of another group as well: KubeRay takes their pods for one group's";
            findings.push(
                Finding::error(message)
                    .at(format!("{path}.groupName"))
                    .found(worker.name.clone()),
            );
        }
        replicas(cluster, worker, &path, findings);
        if worker.suspend && cluster.autoscaling {
            let message = "no group can be suspended where the autoscaler is on: KubeRay refuses the cluster";
            findings.push(Finding::error(message).at(format!("{path}.suspend")).found(true));
        }
    }
    if !cluster.managed_by.is_empty() && !MANAGERS.contains(&cluster.managed_by.as_str()) {
        let message = "is nobody that the API server takes: KubeRay itself or Kueue's MultiKueue";
        let finding = Finding::error(message).at(document.kind.path("managedBy"));
        findings.push(finding.found(cluster.managed_by.clone()).propose(MANAGERS[0]));
    }
    if cluster.managed_by == MANAGERS[1] {
        let message = "the pods run in another cluster, to which what is generated here does not go: there nothing guards them \
                       unless it is applied there";
        let finding = Finding::warning(message).at(document.kind.path("managedBy"));
        findings.push(finding.found(cluster.managed_by.clone()));
    }
}

fn group(group: &Group, path: &str, findings: &mut Vec<Finding>) {
    let containers = format!("{path}.template.spec.containers");
    if group.pod.containers.is_empty() {
        let message = "holds no container: KubeRay runs Ray in the first, and starts nothing without one";
        findings.push(Finding::error(message).at(containers));
    }
    let params = group.start_params.iter().flatten();
    for (param, value) in params {
        if group.resources && RESOURCE_PARAMS.contains(&param.as_str()) && !value.is_empty() {
            let message = format!("KubeRay refuses this beside {path}.resources; keep one of the two");
            findings.push(Finding::error(message).at(format!("{path}.rayStartParams.{param}")));
        }
        if param == "labels" {
            let message = format!("KubeRay refuses this; write the labels under {path}.labels");
            findings.push(Finding::error(message).at(format!("{path}.rayStartParams.labels")));
        }
    }
    for (key, value) in &group.ray_labels {
        if !is_label_key(key) || !is_label_value(value) {
            let message = "is no label as Kubernetes spells them, and KubeRay refuses the cluster for it";
            let path = format!("{path}.labels[{key:?}]");
            findings.push(Finding::error(message).at(path).found(value.clone()));
        }
    }
}

/// How many nodes a group has.
fn replicas(cluster: &Cluster, group: &Group, path: &str, findings: &mut Vec<Finding>) {
    for (field, count) in [
        ("minReplicas", group.min_replicas),
        ("maxReplicas", group.max_replicas),
    ] {
        match count {
            None if !cluster.autoscaling => {
                let message =
                    "is missing: without the autoscaler KubeRay refuses a group that does not say both";
                findings.push(Finding::error(message).at(format!("{path}.{field}")));
            }
            Some(count) if count < 0 => {
                let message = "is less than none, and KubeRay refuses the cluster for it";
                findings.push(Finding::error(message).at(format!("{path}.{field}")).found(count));
            }
            _ => {}
        }
    }
    if let (Some(min), Some(max)) = (group.min_replicas, group.max_replicas)
        && min > max
    {
        let message = format!("is more than maxReplicas, {max}: KubeRay refuses the cluster for it");
        let path = format!("{path}.minReplicas");
        findings.push(Finding::error(message).at(path).found(min).propose(max));
    }
    if let Some(count) = group.replicas.filter(|_| cluster.autoscaling) {
        let message = "is the autoscaler's to say: from git it is set back at every sync, and nodes stop at work; leave it out";
        findings.push(
            Finding::warning(message)
                .at(format!("{path}.replicas"))
                .found(count),
        );
    }
}
