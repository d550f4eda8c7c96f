//! What KubeRay reports of a Ray cluster as an event alone, and what in one would leave a way around the guard, or into it.
//!
//! KubeRay admits nearly everything and says what it does not like in an event that nobody reads: no pods, no condition
//! (ray-project/kuberay `ray-operator/controllers/ray/utils/validation.go`, v1.7). Takes a document as people wrote it,
//! without what was added to it; gives findings alone.

mod auth;
mod groups;
mod jobs;
mod lifetimes;
mod pods;
mod ports;
mod settings;
mod versions;

use super::names::{is_dns_label, near_label};
use super::platform::Platform;
use super::ray_companion;
use crate::input::platform::Operator;
use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::Finding;

/// Longest name of a RayCluster (`ray-operator/controllers/ray/utils/constant.go`).
const CLUSTER_NAME_MAX: usize = 53;
/// Longest name of what makes RayClusters: their names are this one with six more characters.
const SOURCE_NAME_MAX: usize = CLUSTER_NAME_MAX - 6;

/// Checks a document whose cluster is to be guarded.
pub fn check(
    document: &Document,
    cluster: &Cluster,
    namespace: &str,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    name(document, findings);
    jobs::check(document, findings);
    groups::check(document, cluster, findings);
    versions::check(document, cluster, platform.ray.kuberay, findings);
    auth::check(document, cluster, platform, findings);
    settings::check(document, cluster, platform, findings);
    lifetimes::check(document, cluster, platform.ray.kuberay, findings);
    ports::check(document, cluster, platform, findings);
    pods::check(document, cluster, namespace, platform, findings);
    if platform.ray.operator == Operator::OpenDataHub {
        ray_companion::check(document, cluster, namespace, platform, findings);
    }
}

/// Checks a document that holds no cluster: a RayJob may run on one that is there.
pub fn without_cluster(document: &Document, findings: &mut Vec<Finding>) {
    name(document, findings);
    jobs::check(document, findings);
}

/// KubeRay wants a DNS label that begins with a letter, short enough for what it puts behind it.
fn name(document: &Document, findings: &mut Vec<Finding>) {
    let name = &document.name;
    let max = match document.kind {
        Kind::RayCluster => CLUSTER_NAME_MAX,
        Kind::RayJob | Kind::RayService => SOURCE_NAME_MAX,
    };
    let message = if name.is_empty() {
        "is missing".to_owned()
    } else if name.len() > max {
        format!(
            "must be at most {max} characters: KubeRay starts no {} with a longer name",
            document.kind.word()
        )
    } else if !is_dns_label(name) || name.starts_with(|first: char| first.is_ascii_digit()) {
        "must be lower-case letters, digits and dashes, with a letter first: KubeRay starts nothing of another name"
            .to_owned()
    } else {
        return;
    };
    let finding = Finding::error(message).at("metadata.name").found(name.clone());
    let near = near_label(
        name.trim_start_matches(|first: char| !first.is_ascii_alphabetic()),
        max,
    );
    findings.push(match near {
        Some(near) => finding.propose(near),
        None => finding,
    });
}

#[cfg(test)]
mod tests;
