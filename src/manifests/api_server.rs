//! What is made for KubeRay's API server, and what goes into its Deployment and its Services.

mod review;
mod token;

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::addition::{Addition, Step, keys};
use super::{Object, meta};
use crate::input::platform::ApiServerGuard;
use crate::model::api_server::{Door, Road};
use crate::model::platform::Platform;
use crate::plan::api_server::GuardedApiServer;
use crate::plan::class::Class;

/// The objects of one API server.
pub fn objects(platform: &Platform, guard: &GuardedApiServer) -> Vec<Object> {
    let mut objects = vec![closing_policy(guard)];
    if guard.guard == ApiServerGuard::Review {
        objects.extend(review::objects(platform, guard));
    }
    objects
}

/// What goes into its Deployment.
pub fn deployment_additions(platform: &Platform, guard: &GuardedApiServer) -> Vec<Addition> {
    let mut additions = in_namespace(guard.server.bare, guard);
    match guard.guard {
        ApiServerGuard::Token => additions.extend(token::additions(platform, guard)),
        ApiServerGuard::Review => additions.extend(review::additions(platform, guard)),
        ApiServerGuard::Off => {}
    }
    additions
}

/// What goes into a Service of its own: the ports that lead to the API server lead to the guard in front of them. Type and
/// `nodePort` stay where they are.
pub fn service_additions(guard: &GuardedApiServer, road: &Road) -> Vec<Addition> {
    let mut additions = in_namespace(road.bare, guard);
    for (index, door, target) in &road.ports {
        let wanted = guard.port(*door);
        if *target != Some(wanted) {
            let mut path = keys(["spec", "ports"]);
            path.extend([Step::Index(*index), Step::Key("targetPort".to_owned())]);
            additions.push(Addition::value(path, json!(wanted)));
        }
    }
    additions
}

/// A document that names no namespace gets the one that everything beside it is made in.
fn in_namespace(bare: bool, guard: &GuardedApiServer) -> Vec<Addition> {
    let namespace = json!(guard.server.namespace);
    bare.then(|| Addition::value(keys(["metadata", "namespace"]), namespace))
        .into_iter()
        .collect()
}

/// Closes the API server's pods but for the guard's ports, for the guard asks everybody: one that reviews to every pod, for
/// from outside people come by the gateway; one that asks for a token to whoever the Service lets in.
fn closing_policy(guard: &GuardedApiServer) -> Object {
    let server = &guard.server;
    let port = |door: &Door| NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(guard.port(*door)))),
        protocol: Some("TCP".into()),
        end_port: None,
    };
    // A guard that is pruned, moved or renamed is gone before the pods behind it are.
    let mut metadata = meta::of_api_server(guard, &guard.closing, Some(&server.namespace), Class::Enforce);
    meta::protect(&mut metadata);
    let policy = NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(BTreeMap::clone(&server.selector)),
                match_expressions: None,
            }),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: (guard.guard == ApiServerGuard::Review).then(|| {
                    vec![NetworkPolicyPeer {
                        namespace_selector: Some(LabelSelector::default()),
                        ..NetworkPolicyPeer::default()
                    }]
                }),
                ports: Some(Door::ALL.iter().map(port).collect()),
            }]),
            egress: None,
        }),
    };
    Object::new(Class::Enforce, &policy)
}
