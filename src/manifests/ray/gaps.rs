//! What cannot be made for a Ray cluster, a finding each.

use crate::input::platform::{RayClientRoute, RayRoute};
use crate::krm::results::Finding;
use crate::model::platform::Platform;
use crate::model::ray::Door;
use crate::plan::ray::RayGuard;

/// What cannot be made for one.
pub fn gaps(platform: &Platform, guard: &RayGuard) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !guard.cluster.doors().contains(&Door::Client) {
        let way = match platform.ray.client.route {
            RayClientRoute::None => "",
            _ => ", and no route leads to it",
        };
        let message = format!(
            "Ray's nodes speak TLS with each other, the client server too, and no kube-rbac-proxy speaks HTTP/2 over TLS to what \
             it guards: the client port gets no guard and stays closed{way}. Jobs can be submitted by the dashboard's port"
        );
        let path = guard.cluster.kind.path("tlsOptions.enabled");
        findings.push(Finding::warning(message).at(path).found(true));
    }
    let has_host = matches!(platform.ray.route, RayRoute::Route | RayRoute::Ingress);
    if has_host && guard.dashboard_host(platform).is_none() {
        let message = "the host that OpenShift's router would make of name and namespace is too long, or might be another cluster's \
                       too; name the cluster's domain in the Platform (spec.domain) to have one written, or choose other names";
        findings.push(
            Finding::error(message)
                .at("metadata.name")
                .found(guard.cluster.name.clone()),
        );
    }
    findings
}
