//! NetworkPolicies of Ray clusters: one that closes, per namespace; those that open, per cluster.
//!
//! What closes selects by a label that KubeRay sets on every pod of every cluster, and depends on no single cluster. What opens
//! goes with its cluster, and closes by being gone.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::super::network::{labelled, peer, port};
use super::super::{Object, meta};
use crate::input::platform::RayEgress;
use crate::input::ray::Kind;
use crate::model::keys;
use crate::model::platform::{Platform, Pods};
use crate::model::ray::{DASHBOARD_PORT, METRICS_PORT};
use crate::plan::class::Class;
use crate::plan::ray::{RayGuard, opening_name};

/// Name of the policy that closes a namespace's Ray clusters: neither KubeRay nor its forks make or delete one of this name.
const CLOSING: &str = "rayclusters-closed";
/// The kinds of Ray's nodes (`ray-operator/apis/ray/v1/raycluster_types.go`).
const NODE_TYPES: [&str; 2] = ["head", "worker"];
/// The ports of DNS: OpenShift's listens at the second one behind its Service, and policies see that.
const DNS_PORTS: [u16; 2] = [53, 5353];
/// Labels that the pods of others' workloads have, whatever else their owners write on them: none of these may pass for the
/// operator or for whoever collects metrics.
const WORKLOADS: [&str; 2] = [keys::NOTEBOOK_NAME, keys::RAY_NODE_TYPE];

/// Closes every Ray cluster of a namespace, guarded or not: the KubeRay operator reaches the dashboard's usual port, for it
/// follows jobs and applications there; who collects metrics reaches their port; and nobody anything else.
pub fn closing_policy(platform: &Platform, namespace: &str) -> Object {
    let ray = &platform.ray;
    let mut ingress = vec![admit(&ray.operator_pods, DASHBOARD_PORT)];
    ingress.extend(ray.metrics.iter().map(|pods| admit(pods, METRICS_PORT)));
    let every_node = LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: keys::RAY_NODE_TYPE.into(),
            operator: "In".into(),
            values: Some(NODE_TYPES.map(str::to_owned).into()),
        }]),
        match_labels: None,
    };
    let metadata = meta::of_platform(platform, CLOSING, namespace, Class::Enforce);
    let egress = closes_egress(platform).then(|| ways_out(platform));
    policy(metadata, Class::Enforce, every_node, ingress, egress)
}

/// Opens the guards' ports on a cluster's head to every pod: whoever comes is asked. On a worker nothing stands there but what
/// somebody's code may put there.
pub fn guard_policy(guard: &RayGuard) -> Object {
    let doors = guard.cluster.doors();
    let ports = doors.iter().map(|door| port("TCP", guard.ports.of(*door)));
    let rule = NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector::default()),
            ..NetworkPolicyPeer::default()
        }]),
        ports: Some(ports.collect()),
    };
    let metadata = meta::of_ray(guard, &guard.service, Class::Support);
    let head = labelled(&guard.cluster.head_labels(), &[]);
    policy(metadata, Class::Support, head, vec![rule], None)
}

/// Opens the nodes of a cluster without a guard to each other, where its namespace is closed because of another.
pub fn bystander_policy(platform: &Platform, namespace: &str, name: &str) -> Object {
    let nodes = BTreeMap::from([(keys::RAY_CLUSTER.to_owned(), name.to_owned())]);
    let opening = opening_name(Kind::RayCluster, name);
    let metadata = meta::of_bystander(namespace, name, &opening, Class::Support);
    let ingress = vec![NetworkPolicyIngressRule {
        from: Some(each_other(&nodes)),
        ports: None,
    }];
    let egress = closes_egress(platform).then(|| within(&nodes));
    policy(metadata, Class::Support, labelled(&nodes, &[]), ingress, egress)
}

/// The nodes of a cluster. A Notebook's labels are its owner's, KubeRay's among them.
fn each_other(nodes: &BTreeMap<String, String>) -> Vec<NetworkPolicyPeer> {
    vec![NetworkPolicyPeer {
        pod_selector: Some(labelled(nodes, &[keys::NOTEBOOK_NAME])),
        ..NetworkPolicyPeer::default()
    }]
}

fn within(nodes: &BTreeMap<String, String>) -> Vec<NetworkPolicyEgressRule> {
    vec![NetworkPolicyEgressRule {
        to: Some(each_other(nodes)),
        ports: None,
    }]
}

/// Opens the nodes of a cluster to each other, and to whom it must beside.
pub fn opening_policy(platform: &Platform, guard: &RayGuard) -> Object {
    let cluster = &guard.cluster;
    let nodes = cluster.node_labels();
    let mut ingress = vec![NetworkPolicyIngressRule {
        from: Some(each_other(&nodes)),
        ports: None,
    }];
    if cluster.dashboard != DASHBOARD_PORT {
        ingress.push(admit(&platform.ray.operator_pods, cluster.dashboard));
    }
    if cluster.submitters {
        let submitters = BTreeMap::from([
            (keys::RAY_ORIGINATED_FROM.to_owned(), cluster.name.clone()),
            (
                keys::RAY_ORIGINATED_KIND.to_owned(),
                cluster.kind.word().to_owned(),
            ),
        ]);
        ingress.push(NetworkPolicyIngressRule {
            from: Some(vec![NetworkPolicyPeer {
                pod_selector: Some(labelled(&submitters, &WORKLOADS)),
                ..NetworkPolicyPeer::default()
            }]),
            ports: Some(vec![port("TCP", cluster.dashboard)]),
        });
    }
    let egress = closes_egress(platform).then(|| within(&nodes));
    let metadata = meta::of_ray(guard, &guard.opening, Class::Support);
    policy(metadata, Class::Support, labelled(&nodes, &[]), ingress, egress)
}

fn closes_egress(platform: &Platform) -> bool {
    platform.ray.egress.to == RayEgress::Cluster
}

/// What every node reaches: names, and the API server, which the guards and the autoscaler ask.
fn ways_out(platform: &Platform) -> Vec<NetworkPolicyEgressRule> {
    let egress = &platform.ray.egress;
    let both = |number: u16| [port("UDP", number), port("TCP", number)];
    let range = |cidr: &String| NetworkPolicyPeer {
        ip_block: Some(IPBlock {
            cidr: cidr.clone(),
            except: None,
        }),
        ..NetworkPolicyPeer::default()
    };
    let mut ways = vec![NetworkPolicyEgressRule {
        to: Some(vec![peer(&egress.dns, &[])]),
        ports: Some(DNS_PORTS.into_iter().flat_map(both).collect()),
    }];
    if !egress.api_servers.is_empty() {
        ways.push(NetworkPolicyEgressRule {
            to: Some(egress.api_servers.iter().map(range).collect()),
            ports: None,
        });
    }
    ways
}

fn admit(pods: &Pods, number: u16) -> NetworkPolicyIngressRule {
    let ports: Vec<NetworkPolicyPort> = vec![port("TCP", number)];
    NetworkPolicyIngressRule {
        from: Some(vec![peer(pods, &WORKLOADS)]),
        ports: Some(ports),
    }
}

fn policy(
    metadata: ObjectMeta,
    class: Class,
    pods: LabelSelector,
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Option<Vec<NetworkPolicyEgressRule>>,
) -> Object {
    let mut types = vec!["Ingress".to_owned()];
    if egress.is_some() {
        types.push("Egress".to_owned());
    }
    let policy = NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods),
            policy_types: Some(types),
            ingress: Some(ingress),
            egress,
        }),
    };
    Object::new(class, &policy)
}
