//! What is made for Ray clusters: one file per concern.

pub mod clients;
pub mod gaps;
pub mod head;
pub mod network;
pub mod people;
pub mod routes;

use k8s_openapi::api::core::v1::ServicePort;

use super::{Object, backend_tls, certificate, config, http_route, meta, rbac, service};
use crate::config::kube_rbac_proxy::ResourceAttributes;
use crate::input::platform::Operator;
use crate::input::ray::{GROUP, VERSIONS};
use crate::model::notebook::ServiceAccount;
use crate::model::platform::Platform;
use crate::model::ray::Door;
use crate::plan::class::Class;
use crate::plan::ray::RayGuard;

/// gRPC is HTTP/2 and nothing else: the word by which Istio and Envoy Gateway know what to speak, inside TLS too.
const GRPC: &str = "grpc";

/// What a namespace with guarded Ray clusters gets, whatever clusters these are.
pub fn of_namespace(platform: &Platform, namespace: &str) -> Vec<Object> {
    let mut objects = vec![network::closing_policy(platform, namespace)];
    objects.extend(clients::objects(platform, namespace));
    objects
}

/// What one guarded cluster gets.
pub fn of_cluster(platform: &Platform, guard: &RayGuard) -> Vec<Object> {
    let mut objects = vec![
        network::opening_policy(platform, guard),
        network::guard_policy(guard),
    ];
    // Beside the operator the account is the operator's.
    if guard.cluster.service_account == ServiceAccount::Ours && platform.ray.operator == Operator::None {
        let metadata = meta::of_ray(guard, &guard.service_account, Class::Support);
        objects.push(rbac::account(metadata, Some(false)));
    }
    let metadata = meta::of_ray_in(guard, &guard.delegator, None, Class::Support);
    objects.push(rbac::delegator(
        metadata,
        &guard.service_account,
        &guard.cluster.namespace,
    ));
    objects.push(config_map(guard));
    objects.push(service(platform, guard));
    objects.extend(certificate::of_ray(platform, guard));
    objects.extend(backend_tls::of_ray(platform, guard));
    objects.extend(people::objects(platform, guard));
    let routes = routes::objects(platform, guard);
    objects.extend(http_route::ray_grant(
        platform,
        guard,
        &routes::granted_kinds(platform, guard),
    ));
    objects.extend(routes);
    objects
}

/// What both guards ask for. No program gets a verb: by the HTTP method there is something to look at and something to do, and
/// gRPC is POST.
fn config_map(guard: &RayGuard) -> Object {
    let attributes = ResourceAttributes {
        namespace: guard.cluster.namespace.clone(),
        api_group: GROUP.into(),
        api_version: VERSIONS[0].into(),
        resource: guard.cluster.kind.plural().into(),
        subresource: Some(config::SUBRESOURCE.to_owned()),
        verb: None,
        name: guard.cluster.name.clone(),
    };
    config::of_review(meta::of_ray(guard, &guard.config_map, Class::Support), attributes)
}

/// The Service, which leads to the guards' ports alone.
fn service(platform: &Platform, guard: &RayGuard) -> Object {
    let port = |door: &Door| -> ServicePort {
        let protocol = (*door == Door::Client).then_some(GRPC);
        service::port(
            door.service_port(),
            guard.ports.of(*door),
            door.container_port(),
            protocol,
        )
    };
    service::of_guards(
        platform,
        meta::of_ray(guard, &guard.service, Class::Support),
        guard.cluster.head_labels(),
        guard.cluster.doors().iter().map(port).collect(),
        &guard.tls_secret,
    )
}

#[cfg(test)]
mod tests;
