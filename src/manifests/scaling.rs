//! How many pods there are of what everybody comes in by, where they run, and how many may go at once.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Object, meta};
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::plan::class::Class;

/// The fewest pods of a gateway.
pub const MIN_REPLICAS: i32 = 2;
/// The most pods of a gateway.
pub const MAX_REPLICAS: i32 = 10;
/// The part of what is reserved at which there are more (percent; measured by Open Data Hub for its login service).
const CPU_PERCENT: i32 = 70;

/// The login service's autoscaler. Its Deployment says no number of pods then.
pub fn autoscaler(gateway: &Gateway) -> Option<Object> {
    let max = i32::try_from(gateway.login.max_replicas).unwrap_or(MAX_REPLICAS);
    if gateway.login.max_replicas <= login::MIN_REPLICAS {
        return None;
    }
    let policy = |kind: &str, value, seconds| HPAScalingPolicy {
        type_: kind.into(),
        value,
        period_seconds: seconds,
    };
    let rules = |window, policies| HPAScalingRules {
        policies: Some(policies),
        select_policy: Some("Max".into()),
        stabilization_window_seconds: Some(window),
        ..HPAScalingRules::default()
    };
    let autoscaler = HorizontalPodAutoscaler {
        metadata: meta::of_gateway(gateway, login::NAME, &gateway.namespace, Class::Support),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".into()),
                kind: "Deployment".into(),
                name: login::NAME.into(),
            },
            min_replicas: Some(MIN_REPLICAS),
            max_replicas: max,
            metrics: Some(vec![cpu()]),
            behavior: Some(HorizontalPodAutoscalerBehavior {
                scale_down: Some(rules(300, vec![policy("Percent", 50, 60)])),
                scale_up: Some(rules(0, vec![policy("Percent", 100, 15), policy("Pods", 2, 15)])),
            }),
        }),
        status: None,
    };
    Some(Object::new(Class::Support, &autoscaler))
}

/// A drain takes one pod of the login service at a time.
pub fn budget(gateway: &Gateway) -> Object {
    let budget = PodDisruptionBudget {
        metadata: meta::of_gateway(gateway, login::NAME, &gateway.namespace, Class::Support),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(super::login::pod_labels()),
                match_expressions: None,
            }),
            // A pod that is not ready helps nobody, and must not hold up a drain.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    };
    Object::new(Class::Support, &budget)
}

/// Pods with these labels on different nodes and in different zones, where there are such.
pub fn spread(labels: &BTreeMap<String, String>) -> Vec<TopologySpreadConstraint> {
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        .map(|key| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: key.into(),
            when_unsatisfiable: "ScheduleAnyway".into(),
            label_selector: Some(LabelSelector {
                match_labels: Some(labels.clone()),
                match_expressions: None,
            }),
            ..TopologySpreadConstraint::default()
        })
        .into()
}

/// More pods with more work.
pub fn cpu() -> MetricSpec {
    MetricSpec {
        type_: "Resource".into(),
        resource: Some(ResourceMetricSource {
            name: "cpu".into(),
            target: MetricTarget {
                type_: "Utilization".into(),
                average_utilization: Some(CPU_PERCENT),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}
