//! Objects from a plan: pure, typed, every default of the API written out.
//!
//! Takes a `plan`; gives [`Object`]s. One file per concern. Never reads an input document and never sees YAML.

pub mod access_graph;
pub mod addition;
pub mod api_server;
pub mod backend_tls;
pub mod certificate;
pub mod config;
pub mod envoy;
pub mod envoy_filter;
pub mod envoy_gateway;
pub mod envoy_patch;
pub mod gateway;
pub mod groups;
pub mod http_route;
pub mod login;
pub mod login_access;
pub mod lua;
pub mod meta;
pub mod network;
pub mod object;
pub mod openshift_route;
pub mod ray;
pub mod rbac;
pub mod scaling;
pub mod service;
pub mod sidecar;

pub use object::Object;

use crate::input::platform::{GatewayImplementation, Operator};
use crate::input::ray::Kind;
use crate::krm::object_id::ObjectId;
use crate::model::gateway::{Access, Gateway};
use crate::model::platform::Platform;
use crate::plan::api_server::GuardedApiServer;
use crate::plan::class::Class;
use crate::plan::guard::Guard;
use crate::plan::ray::{RayGuard, ray_id};
use crate::plan::{Plan, notebook_id};

/// Every object of a plan, in the order in which they are best applied, and after them what lists them.
pub fn objects(plan: &Plan) -> Vec<Object> {
    let platform = &plan.platform;
    let mut objects: Vec<Object> = Vec::new();
    if platform.notebook_controller == Operator::None {
        let closing = |namespace: &String| network::closing_policy(platform, namespace);
        objects.extend(plan.closed.iter().map(closing));
        for ((namespace, name), port) in &plan.culled {
            objects.push(network::culler_policy(platform, namespace, name, *port));
        }
    }
    for guard in plan.guards.values() {
        objects.extend(ours_alone(plan, guard));
        if platform.notebook_controller == Operator::None {
            objects.extend(what_a_controller_makes(plan, guard));
        }
    }
    for exposed in plan.exposed.values() {
        objects.push(http_route::unguarded_grant(platform, exposed));
        objects.push(network::unguarded_policy(platform, exposed));
        objects.push(http_route::unguarded_route(platform, exposed));
    }
    for namespace in &plan.ray_closed {
        objects.extend(ray::of_namespace(platform, namespace));
    }
    for (namespace, name) in &plan.ray_bystanders {
        objects.push(ray::network::bystander_policy(platform, namespace, name));
    }
    for guard in plan.rays.values() {
        objects.extend(ray::of_cluster(platform, guard));
    }
    for guard in plan.api_servers.values() {
        objects.extend(api_server::objects(platform, guard));
    }
    if let Some(access) = &plan.access {
        objects.extend(of_access(platform, access));
    }
    if !plan.serves() {
        objects.retain(|object| object.class != Class::Serve);
    }
    objects.sort_by_key(Object::apply_order);
    if platform.access_graphs {
        let graphs = access_graph::access_graphs(plan, &sources(plan), &objects);
        objects.extend(graphs);
    }
    objects
}

/// The gateway, the login service and the groups that the input defines.
fn of_access(platform: &Platform, access: &Access) -> Vec<Object> {
    let mut objects = Vec::new();
    let beside_operator = platform.facts.operator == Operator::OpenDataHub;
    if let Some(groups) = &access.groups {
        objects.extend(groups::objects(platform, beside_operator, groups));
    }
    let Some(gateway) = &access.gateway else {
        return objects;
    };
    if gateway.network_policies {
        objects.push(login_access::closing_policy(gateway));
        objects.extend(login_access::issuer_policy(gateway));
    }
    objects.extend(match gateway.implementation {
        GatewayImplementation::Istio => envoy_filter::objects(gateway),
        GatewayImplementation::EnvoyGateway => envoy_gateway::objects(gateway),
    });
    objects.push(backend_tls::of_login(platform, gateway));
    objects.extend(gateway::objects(platform, gateway));
    objects.extend(certificate::of_gateway(gateway));
    objects.extend(certificate::of_login(platform, gateway));
    objects.push(login_access::service_account(gateway));
    objects.extend(login_access::token_review(gateway));
    objects.extend(login_access::oauth_client(gateway, access.mode));
    objects.extend(login_access::external_secrets(gateway));
    objects.push(login::service(platform, gateway));
    if let Some(deployment) = login::deployment(gateway) {
        objects.push(deployment);
        objects.extend(scaling::autoscaler(gateway));
        objects.push(scaling::budget(gateway));
    }
    objects.extend(gateway::routes(gateway));
    objects.push(http_route::login_route(gateway));
    objects.extend(http_route::legacy_redirect(gateway));
    objects
}

/// What this gateway's implementation cannot do, a sentence each.
pub fn gaps(gateway: &Gateway) -> Vec<String> {
    match gateway.implementation {
        GatewayImplementation::Istio => envoy_filter::gaps(gateway),
        GatewayImplementation::EnvoyGateway => envoy_gateway::gaps(gateway),
    }
}

/// What nobody else writes, and what may differ from what a controller writes.
fn ours_alone(plan: &Plan, guard: &Guard) -> Vec<Object> {
    let platform = &plan.platform;
    let mut objects = rbac::access(platform, guard);
    objects.extend(rbac::service_account(platform, guard));
    objects.extend(certificate::of_guard(platform, guard));
    objects.push(backend_tls::of_guard(platform, guard));
    objects.extend(http_route::short_route(platform, guard));
    objects
}

/// What Open Data Hub's controller makes too, where it runs.
fn what_a_controller_makes(plan: &Plan, guard: &Guard) -> Vec<Object> {
    let platform = &plan.platform;
    vec![
        rbac::delegator_binding(guard),
        config::config_map(platform, guard),
        service::service(platform, guard),
        http_route::reference_grant(platform, guard),
        http_route::http_route(platform, guard),
    ]
}

/// Every document that something is made for.
fn sources(plan: &Plan) -> Vec<ObjectId> {
    let keys = plan
        .guards
        .keys()
        .chain(plan.exposed.keys())
        .chain(plan.culled.keys());
    let notebooks: std::collections::BTreeSet<ObjectId> = keys
        .map(|(namespace, name)| notebook_id(namespace, name))
        .collect();
    let access = plan.access.iter().flat_map(Access::sources).cloned();
    let bystanders = plan
        .ray_bystanders
        .iter()
        .map(|(namespace, name)| ray_id(Kind::RayCluster, namespace, name));
    std::iter::once(plan.platform.id())
        .chain(access)
        .chain(notebooks)
        .chain(plan.rays.values().map(RayGuard::id))
        .chain(bystanders)
        .chain(plan.api_servers.values().map(GuardedApiServer::id))
        .collect()
}
