//! Objects from a plan: pure, typed, every default of the API written out.
//!
//! Takes a `plan`; gives [`Object`]s. One file per concern. Never reads an input document and never sees YAML.

pub mod certificate;
pub mod config;
pub mod gateway;
pub mod meta;
pub mod network;
pub mod object;
pub mod rbac;
pub mod service;
pub mod sidecar;

pub use object::Object;

use crate::plan::Plan;

/// Every object of a plan, in the order in which they are best applied.
pub fn objects(plan: &Plan) -> Vec<Object> {
    let mut objects: Vec<Object> = plan
        .closed
        .iter()
        .map(|namespace| network::closing_policy(&plan.platform, namespace))
        .collect();
    for guard in plan.guards.values() {
        objects.extend(rbac::service_account(guard));
        objects.push(rbac::delegator_binding(guard));
        objects.extend(rbac::access(&plan.platform, guard));
        objects.push(config::config_map(&plan.platform, guard));
        objects.push(service::service(&plan.platform, guard));
        objects.extend(certificate::certificate(&plan.platform, guard));
        objects.push(gateway::reference_grant(&plan.platform, guard));
        objects.push(gateway::http_route(&plan.platform, guard));
    }
    for ((namespace, name), port) in &plan.culled {
        objects.push(network::culler_policy(&plan.platform, namespace, name, *port));
    }
    objects.sort_by_key(Object::apply_order);
    objects
}
