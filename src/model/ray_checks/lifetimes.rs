//! What KubeRay asks of upgrades, of what a job leaves behind, and of workers that idle.

use std::collections::BTreeMap;

use super::versions::{self, Ray, Version, too_old};
use crate::input::ray::lifetimes::{Deletion, Rule, Upgrade, UpgradeOptions};
use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::Finding;

/// The first KubeRay that knows `upgradeStrategy` of a RayCluster.
const UPGRADE: Version = (1, 6);
/// The first KubeRay that knows `priority` of a group.
const PRIORITY: Version = (1, 7);
/// The first Ray that does.
const RAY_PRIORITY: Version = (2, 56);
/// Types of `upgradeStrategy`: a RayCluster's, and a RayService's.
const OF_CLUSTERS: [&str; 2] = ["Recreate", "None"];
const OF_SERVICES: [&str; 3] = ["NewClusterWithIncrementalUpgrade", "NewCluster", "None"];
/// What a job may leave behind (`deletionStrategy`), from what goes first to what goes last, and nothing at all.
const DELETE_WORKERS: &str = "DeleteWorkers";
const DELETE_CLUSTER: &str = "DeleteCluster";
const DELETE_SELF: &str = "DeleteSelf";
const DELETE_NONE: &str = "DeleteNone";
const IN_TURN: [&str; 3] = [DELETE_WORKERS, DELETE_CLUSTER, DELETE_SELF];
/// What is said of settings of that autoscaler.
const ONLY_WITH_SECOND: &str = "is for the second autoscaler alone, and KubeRay refuses the cluster without it; write \
     autoscalerOptions.version: v2, or remove this";

/// Checks a cluster.
pub(super) fn check(document: &Document, cluster: &Cluster, kuberay: Version, findings: &mut Vec<Finding>) {
    if let Some(upgrade) = &cluster.upgrade {
        of_cluster(document, upgrade, kuberay, findings);
    }
    if let Some(upgrade) = &document.upgrade {
        of_service(cluster, upgrade, findings);
    }
    if let Some(seconds) = cluster.autoscaler_idle.filter(|seconds| *seconds < 0) {
        let message = "is less than none, and KubeRay refuses the cluster for it";
        let path = document.kind.path("autoscalerOptions.idleTimeoutSeconds");
        findings.push(Finding::error(message).at(path).found(seconds));
    }
    let second = super::settings::has_second_autoscaler(cluster);
    for (index, group) in cluster.workers.iter().flatten().enumerate() {
        let path = document.kind.path(&format!("workerGroupSpecs[{index}]"));
        let mut refuse = |field: &str, value: i64, message: String| {
            let path = format!("{path}.{field}");
            findings.push(Finding::error(message).at(path).found(value));
        };
        if let Some(seconds) = group.idle {
            if seconds < 0 {
                let message = "is less than none, and KubeRay refuses the cluster for it";
                refuse("idleTimeoutSeconds", seconds, message.to_owned());
            } else if !second {
                refuse("idleTimeoutSeconds", seconds, ONLY_WITH_SECOND.to_owned());
            }
        }
        let Some(priority) = group.priority.filter(|priority| *priority != 0) else {
            continue;
        };
        if let Some(message) = too_old(kuberay, PRIORITY) {
            refuse("priority", priority, message);
        } else if !matches!(versions::of(cluster), Ray::Given(version) if version >= RAY_PRIORITY) {
            let (major, minor) = RAY_PRIORITY;
            let message = format!(
                "needs Ray {major}.{minor} or later, said in rayVersion: KubeRay refuses the cluster without it"
            );
            refuse("priority", priority, message);
        } else if !second {
            refuse("priority", priority, ONLY_WITH_SECOND.to_owned());
        }
    }
}

fn of_cluster(document: &Document, upgrade: &Upgrade, kuberay: Version, findings: &mut Vec<Finding>) {
    let path = document.kind.path("upgradeStrategy");
    if let Some(message) = too_old(kuberay, UPGRADE) {
        findings.push(Finding::error(message).at(path));
        return;
    }
    if upgrade.strategy.is_empty() {
        return;
    }
    if document.kind != Kind::RayCluster {
        let message = format!(
            "KubeRay refuses this in the cluster of a {}, which it replaces itself; remove it",
            document.kind.word()
        );
        findings.push(Finding::error(message).at(format!("{path}.type")));
    } else if !OF_CLUSTERS.contains(&upgrade.strategy.as_str()) {
        let message = format!(
            "must be {}; KubeRay refuses anything else",
            OF_CLUSTERS.join(" or ")
        );
        let finding = Finding::error(message).at(format!("{path}.type"));
        findings.push(finding.found(upgrade.strategy.clone()));
    }
}

fn of_service(cluster: &Cluster, upgrade: &Upgrade, findings: &mut Vec<Finding>) {
    let path = "spec.upgradeStrategy";
    let strategy = upgrade.strategy.as_str();
    if !strategy.is_empty() && !OF_SERVICES.contains(&strategy) {
        let message = format!(
            "must be one of {}; KubeRay refuses anything else",
            OF_SERVICES.join(", ")
        );
        findings.push(Finding::error(message).at(format!("{path}.type")).found(strategy));
    }
    if strategy != OF_SERVICES[0] {
        return;
    }
    if !cluster.autoscaling {
        let message = "moves the load from one cluster to the next by the autoscaler, and KubeRay refuses it without \
                       enableInTreeAutoscaling: true";
        findings.push(Finding::error(message).at(format!("{path}.type")).found(strategy));
    }
    let path = format!("{path}.clusterUpgradeOptions");
    let Some(options) = &upgrade.options else {
        let message = "is missing: KubeRay refuses NewClusterWithIncrementalUpgrade without it";
        findings.push(Finding::error(message).at(path));
        return;
    };
    for (field, found, message) in wrong(options) {
        let finding = Finding::error(message).at(format!("{path}.{field}"));
        findings.push(match found {
            Some(found) => finding.found(found),
            None => finding,
        });
    }
}

/// What KubeRay does not take of these: the field, its value, and why.
fn wrong(options: &UpgradeOptions) -> Vec<(&'static str, Option<i64>, &'static str)> {
    let percent = |value: &i64| (0..=100).contains(value);
    let mut wrong = Vec::new();
    if options.surge.is_some_and(|surge| !percent(&surge)) {
        wrong.push((
            "maxSurgePercent",
            options.surge,
            "must be from 0 to 100; KubeRay refuses anything else",
        ));
    }
    if !options.step.as_ref().is_some_and(percent) {
        let message = "must be there, from 0 to 100; KubeRay refuses anything else";
        wrong.push(("stepSizePercent", options.step, message));
    } else if options.step > Some(options.surge.unwrap_or(100)) {
        let message = "is more than maxSurgePercent; KubeRay refuses it from 1.7 on";
        wrong.push(("stepSizePercent", options.step, message));
    }
    if options.interval.is_none_or(|interval| interval <= 0) {
        let message = "must be there, and more than none; KubeRay refuses anything else";
        wrong.push(("intervalSeconds", options.interval, message));
    }
    if options.gateway_class.is_empty() {
        let message = "is missing: KubeRay makes a Gateway of this class, and refuses the service without it";
        wrong.push(("gatewayClassName", None, message));
    }
    wrong
}

/// Checks what a job leaves behind.
pub(super) fn deletion(document: &Document, deletion: &Deletion, findings: &mut Vec<Finding>) {
    let path = "spec.deletionStrategy";
    let has_outcomes = deletion.outcomes.iter().any(Option::is_some);
    let has_rules = !deletion.rules.is_empty();
    if !has_outcomes && !has_rules {
        let message = "says nothing, and KubeRay refuses the job for it; write deletionRules, or remove it";
        findings.push(Finding::error(message).at(path));
    }
    if has_rules && document.job.shutdown {
        let message =
            "stands beside shutdownAfterJobFinishes: true, and KubeRay refuses both; keep one of the two";
        findings.push(Finding::error(message).at(format!("{path}.deletionRules")));
    }
    if has_rules && has_outcomes {
        let message =
            "stands beside onSuccess or onFailure, and KubeRay refuses both; keep deletionRules alone";
        findings.push(Finding::error(message).at(format!("{path}.deletionRules")));
    } else if has_rules {
        rules(document, &deletion.rules, findings);
    } else if has_outcomes {
        outcomes(document, deletion, findings);
    }
}

/// What a policy cannot be in this job, whichever way it is written.
fn unfit(document: &Document, policy: &str) -> Option<&'static str> {
    let autoscaling = document
        .cluster
        .as_ref()
        .is_some_and(|cluster| cluster.autoscaling);
    let of_cluster = [DELETE_CLUSTER, DELETE_WORKERS].contains(&policy);
    if of_cluster && !document.job.selector.is_empty() {
        Some("the cluster that clusterSelector names is not the job's to delete: KubeRay refuses the job")
    } else if policy == DELETE_WORKERS && autoscaling {
        Some("workers are the autoscaler's to take away where it is on: KubeRay refuses the job")
    } else {
        None
    }
}

fn outcomes(document: &Document, deletion: &Deletion, findings: &mut Vec<Finding>) {
    for (field, policy) in ["onSuccess", "onFailure"].iter().zip(&deletion.outcomes) {
        let path = format!("spec.deletionStrategy.{field}");
        let policy = policy.as_deref().unwrap_or_default();
        let message = if policy.is_empty() {
            "is missing a policy: KubeRay wants one for either outcome, and refuses the job without it"
        } else if let Some(message) = unfit(document, policy) {
            message
        } else if policy == DELETE_NONE && document.job.shutdown {
            "contradicts shutdownAfterJobFinishes: true, and KubeRay refuses the job for it"
        } else {
            continue;
        };
        let finding = Finding::error(message).at(format!("{path}.policy"));
        findings.push(if policy.is_empty() {
            finding
        } else {
            finding.found(policy)
        });
    }
}

fn rules(document: &Document, rules: &[Rule], findings: &mut Vec<Finding>) {
    // What came before a rule of the same status: by its policy, after how many seconds.
    let mut known: BTreeMap<(&str, &str), BTreeMap<&str, i64>> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("spec.deletionStrategy.deletionRules[{index}]");
        let mut refuse = |field: &str, message: String| {
            findings.push(Finding::error(message).at(format!("{path}.{field}")));
        };
        let ttl = rule.ttl.unwrap_or_default();
        if rule.job.is_empty() == rule.deployment.is_empty() {
            let message = "must hold one of jobStatus and jobDeploymentStatus, and not both; KubeRay refuses anything else";
            refuse("condition", message.to_owned());
        } else if ttl < 0 {
            let message = "is less than none, and KubeRay refuses the job for it";
            refuse("condition.ttlSeconds", message.to_owned());
        } else if let Some(message) = unfit(document, &rule.policy) {
            refuse("policy", message.to_owned());
        } else {
            let same = known.entry((&rule.job, &rule.deployment)).or_default();
            let place = |policy: &str| IN_TURN.iter().position(|known| *known == policy);
            let own = place(&rule.policy);
            let in_the_way = same.iter().find(|(policy, other)| {
                let (own, its) = (own, place(policy));
                own.is_some()
                    && its.is_some()
                    && ((own > its && ttl < **other) || (own < its && ttl > **other))
            });
            if same.contains_key(rule.policy.as_str()) {
                let message =
                    "has the policy and the status of a rule above, and KubeRay refuses the job for it";
                refuse("policy", message.to_owned());
                continue;
            }
            if let Some((policy, other)) = in_the_way {
                let message = format!(
                    "is out of turn with {policy} after {other} seconds: workers go first, then the cluster, then the job, and \
                     KubeRay refuses any other order"
                );
                refuse("condition.ttlSeconds", message);
            }
            same.insert(&rule.policy, ttl);
        }
    }
}
