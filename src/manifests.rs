//! Objects from a plan: pure, typed, every default of the API written out.
//!
//! Takes a `plan`; gives [`Object`]s. One file per concern. Never reads an input document and never sees YAML.

pub mod access_graph;
pub mod backend_tls;
pub mod certificate;
pub mod config;
pub mod envoy_filter;
pub mod envoy_gateway;
pub mod http_route;
pub mod lua;
pub mod meta;
pub mod network;
pub mod object;
pub mod rbac;
pub mod service;
pub mod sidecar;

pub use object::Object;

use crate::input::platform::Operator;
use crate::krm::object_id::ObjectId;
use crate::plan::guard::Guard;
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
    objects.sort_by_key(Object::apply_order);
    if platform.access_graphs {
        let graphs = access_graph::access_graphs(&sources(plan), &objects);
        objects.extend(graphs);
    }
    objects
}

/// What nobody else writes, and what may differ from what a controller writes.
fn ours_alone(plan: &Plan, guard: &Guard) -> Vec<Object> {
    let platform = &plan.platform;
    let mut objects = rbac::access(platform, guard);
    objects.extend(rbac::service_account(platform, guard));
    objects.extend(certificate::certificate(platform, guard));
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
    std::iter::once(plan.platform.id()).chain(notebooks).collect()
}
