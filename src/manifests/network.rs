//! NetworkPolicies: one that closes, per namespace; ones that open, per workload.
//!
//! Policies add up, and `GitOps` tools neither apply nor prune in an order that helps (design: fail-secure). So what closes
//! selects by labels that the controllers set, depends on no single workload, and is never pruned.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Object, meta};
use crate::model::keys;
use crate::model::notebook::{GUARD_PORT, NOTEBOOK_PORT, pod_labels};
use crate::model::platform::{Platform, Pods};
use crate::plan::class::Class;
use crate::plan::exposed::Exposed;

/// Name of the policy that closes a namespace's Notebooks.
const CLOSING: &str = "notebooks-closed";

/// Closes every Notebook of a namespace, switched on or not: the gateway reaches the guards' port, the culler the
/// notebooks' usual port, and nobody anything else.
pub fn closing_policy(platform: &Platform, namespace: &str) -> Object {
    let every_notebook = LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: keys::NOTEBOOK_NAME.into(),
            operator: "Exists".into(),
            values: None,
        }]),
        match_labels: None,
    };
    let policy = NetworkPolicy {
        metadata: meta::of_platform(platform, CLOSING, namespace, Class::Enforce),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(every_notebook),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![
                admit(&platform.gateway.pods, GUARD_PORT),
                admit(&platform.culler, NOTEBOOK_PORT),
            ]),
            egress: None,
        }),
    };
    Object::new(Class::Enforce, &policy)
}

/// Opens a Notebook's port to the culler, where it is another than the usual one.
pub fn culler_policy(platform: &Platform, namespace: &str, name: &str, port: u16) -> Object {
    opening_policy(
        namespace,
        name,
        &format!("{name}-culler"),
        admit(&platform.culler, port),
    )
}

/// Opens a Notebook without a guard to the gateway.
pub fn unguarded_policy(platform: &Platform, exposed: &Exposed) -> Object {
    let notebook = &exposed.notebook;
    let rule = admit(&platform.gateway.pods, notebook.port);
    opening_policy(&notebook.namespace, &notebook.name, &exposed.opening, rule)
}

fn opening_policy(namespace: &str, notebook: &str, name: &str, rule: NetworkPolicyIngressRule) -> Object {
    let policy = NetworkPolicy {
        metadata: meta::of_notebook(namespace, notebook, name, Class::Support),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(pod_labels(notebook)),
                match_expressions: None,
            }),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![rule]),
            egress: None,
        }),
    };
    Object::new(Class::Support, &policy)
}

fn admit(pods: &Pods, port: u16) -> NetworkPolicyIngressRule {
    // A Notebook's own labels go onto its pods: none may pass for the gateway or the culler.
    NetworkPolicyIngressRule {
        from: Some(vec![peer(pods, &[keys::NOTEBOOK_NAME])]),
        ports: Some(vec![self::port("TCP", port)]),
    }
}

/// Pods of one namespace, but for those with any of these labels.
pub(super) fn peer(pods: &Pods, but: &[&str]) -> NetworkPolicyPeer {
    let namespace = BTreeMap::from([(keys::NAMESPACE_NAME.to_owned(), pods.namespace.clone())]);
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some(namespace),
            match_expressions: None,
        }),
        pod_selector: Some(labelled(&pods.labels, but)),
        ip_block: None,
    }
}

/// Pods with labels, but for those with any of others.
pub(super) fn labelled(labels: &BTreeMap<String, String>, but: &[&str]) -> LabelSelector {
    let without = |key: &&str| LabelSelectorRequirement {
        key: (*key).into(),
        operator: "DoesNotExist".into(),
        values: None,
    };
    LabelSelector {
        match_labels: Some(labels.clone()).filter(|labels| !labels.is_empty()),
        match_expressions: Some(but.iter().map(without).collect()).filter(|keys: &Vec<_>| !keys.is_empty()),
    }
}

/// A port.
pub(super) fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some(protocol.into()),
        end_port: None,
    }
}
