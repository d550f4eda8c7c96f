//! What KubeRay asks of RayJobs and RayServices beside their clusters.

use super::lifetimes;
use crate::input::ray::{Document, Kind};
use crate::krm::results::Finding;

/// The one label by which a RayJob may select its cluster (`ray-operator/controllers/ray/utils/constant.go`).
const SELECTOR: &str = "ray.io/cluster";
/// Submission modes that take less than others.
const INTERACTIVE: &str = "InteractiveMode";
const SIDECAR: &str = "SidecarMode";

/// Checks a document, with a cluster of its own or without.
pub(super) fn check(document: &Document, findings: &mut Vec<Finding>) {
    match document.kind {
        Kind::RayCluster => {}
        Kind::RayJob => job(document, findings),
        Kind::RayService => service(document, findings),
    }
}

fn job(document: &Document, findings: &mut Vec<Finding>) {
    let job = &document.job;
    let mut refuse = |field: &str, message: &str| {
        findings.push(Finding::error(message).at(format!("spec.{field}")));
    };
    let selects = !job.selector.is_empty();
    match (&document.cluster, selects) {
        (None, false) => {
            let message = "is missing: KubeRay runs a job on a cluster of its own, or on one that clusterSelector names";
            refuse("rayClusterSpec", message);
        }
        (Some(_), true) => {
            let message = "selects a cluster that is there, and rayClusterSpec says another, which is never made; keep one of the \
                           two";
            refuse("clusterSelector", message);
        }
        _ => {}
    }
    if selects {
        if job.selector.get(SELECTOR).is_none_or(String::is_empty) {
            refuse(
                "clusterSelector",
                "must name a RayCluster under the key ray.io/cluster: KubeRay refuses the job",
            );
        }
        if job.suspend {
            refuse(
                "suspend",
                "a job on a cluster that is there cannot be suspended: KubeRay refuses it",
            );
        }
        if document.submission_mode == SIDECAR {
            refuse(
                "submissionMode",
                "needs a cluster of the job's own: KubeRay refuses it beside clusterSelector",
            );
        }
    } else if job.suspend && !job.shutdown {
        refuse(
            "suspend",
            "needs shutdownAfterJobFinishes: true; KubeRay refuses the job without it",
        );
    }
    let tried_again = job.backoff_limit.is_some_and(|limit| limit > 0);
    if tried_again && (selects || document.submission_mode == INTERACTIVE) {
        let message = "a job that is submitted by hand, or on a cluster that is there, is not tried again: KubeRay refuses it";
        refuse("backoffLimit", message);
    }
    if job.backoff_limit.is_some_and(|limit| limit < 0) {
        refuse(
            "backoffLimit",
            "is less than none, and KubeRay refuses the job for it",
        );
    }
    match job.ttl {
        Some(ttl) if ttl < 0 => refuse(
            "ttlSecondsAfterFinished",
            "is less than none, and KubeRay refuses the job for it",
        ),
        Some(ttl) if ttl > 0 && !job.shutdown => refuse(
            "ttlSecondsAfterFinished",
            "needs shutdownAfterJobFinishes: true; KubeRay refuses the job without it",
        ),
        _ => {}
    }
    if let Some(deletion) = &job.deletion {
        lifetimes::deletion(document, deletion, findings);
    }
    if document.submission_mode != SIDECAR {
        return;
    }
    let mut refuse = |field: &str, message: &str| {
        findings.push(Finding::error(message).at(format!("spec.{field}")));
    };
    if let Some(field) = job.submitter {
        refuse(
            field,
            "means nothing in SidecarMode, and KubeRay refuses the job for it",
        );
    }
    let restart = document
        .cluster
        .as_ref()
        .map_or("", |cluster| &cluster.head.restart_policy);
    if !["", "Never"].contains(&restart) {
        let field = "rayClusterSpec.headGroupSpec.template.spec.restartPolicy";
        refuse(
            field,
            "must be Never in SidecarMode; KubeRay refuses anything else",
        );
    }
}

fn service(document: &Document, findings: &mut Vec<Finding>) {
    let Some(cluster) = &document.cluster else {
        let message = "is missing: without it there is no cluster to serve from";
        findings.push(Finding::error(message).at("spec.rayClusterConfig"));
        return;
    };
    if !cluster.head_service.is_empty() {
        let message = "KubeRay makes one Service for every cluster of a RayService, and refuses a name for them; remove it";
        let path = document.kind.path("headGroupSpec.headService.metadata.name");
        findings.push(
            Finding::error(message)
                .at(path)
                .found(cluster.head_service.clone()),
        );
    }
}
