//! Beside Open Data Hub's operator for Ray: what makes an outage there, and what stays open whatever is added.
//!
//! There the operator is the author of its own graph, and a RayCluster in git must be one that its webhook leaves alone. Facts
//! from runs of the real one: `fixtures/ray-operators/README.md`.

use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::Finding;

/// Longest name of a RayCluster beside the operator: its volume has it behind a prefix, and is not shortened.
const NAME_MAX: usize = 40;

/// Checks a document whose cluster is to be guarded.
pub fn check(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    if document.kind == Kind::RayCluster && document.name.len() > NAME_MAX {
        let message = format!(
            "must be at most {NAME_MAX} characters beside Open Data Hub's operator: the name of its volume is too long, and the \
             head never starts"
        );
        let finding = Finding::error(message).at("metadata.name");
        findings.push(finding.found(document.name.clone()));
    }
    if cluster.workers.as_ref().is_some_and(Vec::is_empty) {
        let message = "the operator's webhook drops the empty list, and GitOps writes it back for ever; leave the field out";
        findings.push(Finding::error(message).at(document.kind.path("workerGroupSpecs")));
    }
}
