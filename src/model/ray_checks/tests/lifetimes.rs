//! Upgrades, what a job leaves behind, and workers that idle.

use super::*;

const NEWEST: &str = "1.7";

#[test]
fn workers_idle_and_are_preferred_with_the_second_autoscaler_alone() {
    let group = |field: &str| format!("$/workerGroupSpecs/0/{field}");
    let (idle, priority) = (group("idleTimeoutSeconds"), group("priority"));
    let by_option = ("$/autoscalerOptions/version", json!("v2"));
    let on = ("$/enableInTreeAutoscaling", json!(true));
    let no_replicas = ("$/workerGroupSpecs/0/replicas", json!(null));
    let newest = ("$/rayVersion", json!("2.56.0"));
    let second = [by_option, on.clone(), no_replicas.clone()];
    let by_variable = [
        (
            "$/headGroupSpec/template/spec/containers/0/env",
            json!([{"name": "RAY_enable_autoscaler_v2", "value": "true"}]),
        ),
        on,
        no_replicas,
    ];
    let with = |base: &[(&'static str, Value)], path: &str, value: i64| -> Vec<(String, Value)> {
        let base = base
            .iter()
            .map(|(path, value)| ((*path).to_owned(), value.clone()));
        base.chain([(path.to_owned(), json!(value))]).collect()
    };
    let newest_and = |base: &[(&'static str, Value)]| [base, std::slice::from_ref(&newest)].concat();
    let rows: Vec<OwnRow<'_>> = vec![
        (with(&second, &idle, 5), vec![]),
        (with(&by_variable, &idle, 5), vec![]),
        (
            with(&[], &idle, 5),
            vec!["workerGroupSpecs[0].idleTimeoutSeconds: is for the second autoscaler"],
        ),
        (
            with(&second, &idle, -5),
            vec!["workerGroupSpecs[0].idleTimeoutSeconds: is less than none"],
        ),
        (
            with(&[], "$/autoscalerOptions/idleTimeoutSeconds", -1),
            vec!["error: spec.autoscalerOptions.idleTimeoutSeconds: "],
        ),
        (with(&[], "$/autoscalerOptions/idleTimeoutSeconds", 0), vec![]),
        (with(&[], &priority, 0), vec![]),
        (
            with(&second, &priority, 1),
            vec!["workerGroupSpecs[0].priority: needs Ray 2.56"],
        ),
        (with(&newest_and(&second), &priority, 1), vec![]),
        (
            with(&newest_and(&[]), &priority, 1),
            vec!["workerGroupSpecs[0].priority: is for the second autoscaler"],
        ),
    ];
    for (changes, texts) in rows {
        let changes: Vec<(&str, Value)> = changes
            .iter()
            .map(|(path, value)| (path.as_str(), value.clone()))
            .collect();
        table(
            Kind::RayCluster,
            &json!({"kubeRay": NEWEST}),
            &[(&changes, &texts)],
        );
    }
    let old = json!({"kubeRay": "1.6"});
    table(
        Kind::RayCluster,
        &old,
        &[(
            &[(priority.as_str(), json!(1))],
            &["priority: KubeRay knows this from 1.7 on"],
        )],
    );
}

#[test]
fn clusters_are_replaced_as_kuberay_can() {
    let cluster = "$/upgradeStrategy/type";
    let rays = json!({"kubeRay": NEWEST});
    table(
        Kind::RayCluster,
        &rays,
        &[
            (&[(cluster, json!("Recreate"))], &[]),
            (&[(cluster, json!("None"))], &[]),
            (
                &[(cluster, json!("NewCluster"))],
                &["error: spec.upgradeStrategy.type: must be Recreate or None"],
            ),
        ],
    );
    let old = json!({"kubeRay": "1.5"});
    table(
        Kind::RayCluster,
        &old,
        &[(
            &[(cluster, json!("None"))],
            &["error: spec.upgradeStrategy: KubeRay knows this from 1.6 on"],
        )],
    );
    table(
        Kind::RayJob,
        &rays,
        &[(
            &[(cluster, json!("None"))],
            &["error: spec.rayClusterSpec.upgradeStrategy.type: KubeRay refuses this"],
        )],
    );
}

#[test]
fn services_move_to_new_clusters_as_kuberay_can() {
    let kind = (
        "spec/upgradeStrategy/type",
        json!("NewClusterWithIncrementalUpgrade"),
    );
    let on = ("$/enableInTreeAutoscaling", json!(true));
    let no_replicas = ("$/workerGroupSpecs/0/replicas", json!(null));
    let options = |surge: i64, step: Value, interval: i64, class: &str| {
        let options = json!({"maxSurgePercent": surge, "stepSizePercent": step, "intervalSeconds": interval,
            "gatewayClassName": class});
        ("spec/upgradeStrategy/clusterUpgradeOptions", options)
    };
    let full = |options: (&'static str, Value)| [kind.clone(), on.clone(), no_replicas.clone(), options];
    table(
        Kind::RayService,
        &json!({"kubeRay": NEWEST}),
        &[
            (&[("spec/upgradeStrategy/type", json!("NewCluster"))], &[]),
            (
                &[("spec/upgradeStrategy/type", json!("Recreate"))],
                &["error: spec.upgradeStrategy.type: must be one of"],
            ),
            (&full(options(100, json!(10), 5, "istio")), &[]),
            (
                &full(options(101, json!(10), 5, "istio")),
                &["clusterUpgradeOptions.maxSurgePercent: must be"],
            ),
            (
                &full(options(100, json!(null), 5, "istio")),
                &["clusterUpgradeOptions.stepSizePercent: must be there"],
            ),
            (
                &full(options(5, json!(10), 5, "istio")),
                &["clusterUpgradeOptions.stepSizePercent: is more"],
            ),
            (
                &full(options(100, json!(10), 0, "istio")),
                &["clusterUpgradeOptions.intervalSeconds: must"],
            ),
            (
                &full(options(100, json!(10), 5, "")),
                &["clusterUpgradeOptions.gatewayClassName: is missing"],
            ),
            (
                &[kind.clone(), on.clone(), no_replicas.clone()],
                &["error: spec.upgradeStrategy.clusterUpgradeOptions: is missing"],
            ),
            (
                &[kind.clone(), options(100, json!(10), 5, "istio")],
                &["error: spec.upgradeStrategy.type: moves the load"],
            ),
        ],
    );
}

#[test]
fn jobs_leave_behind_what_kuberay_lets_them() {
    let strategy = |value: Value| ("spec/deletionStrategy", value);
    let rule = |policy: &str, status: &str, ttl: i64| json!({"policy": policy, "condition": {status: "FAILED", "ttlSeconds": ttl}});
    let rules = |rules: Vec<Value>| strategy(json!({ "deletionRules": rules }));
    let both = |success: &str, failure: &str| {
        strategy(json!({"onSuccess": {"policy": success}, "onFailure": {"policy": failure}}))
    };
    let shutdown = ("spec/shutdownAfterJobFinishes", json!(true));
    let on = ("$/enableInTreeAutoscaling", json!(true));
    let no_replicas = ("$/workerGroupSpecs/0/replicas", json!(null));
    let in_turn = vec![
        rule("DeleteSelf", "jobStatus", 9),
        rule("DeleteWorkers", "jobStatus", 0),
        rule("DeleteCluster", "jobStatus", 5),
        rule("DeleteCluster", "jobDeploymentStatus", 0),
    ];
    let none: &[&str] = &[];
    let first = "deletionRules[0].";
    table(
        Kind::RayJob,
        &json!({}),
        &[
            (&[rules(in_turn.clone())], none),
            (&[both("DeleteCluster", "DeleteNone")], none),
            (
                &[strategy(json!({}))],
                &["error: spec.deletionStrategy: says nothing"],
            ),
            (
                &[rules(in_turn), shutdown.clone()],
                &["deletionRules: stands beside shutdownAfterJobFinishes"],
            ),
            (
                &[strategy(
                    json!({"onSuccess": {"policy": "DeleteSelf"}, "deletionRules": [rule("DeleteSelf", "jobStatus", 0)]}),
                )],
                &["deletionRules: stands beside onSuccess"],
            ),
            (
                &[strategy(json!({"onSuccess": {"policy": "DeleteSelf"}}))],
                &["onFailure.policy: is missing a policy"],
            ),
            (
                &[both("DeleteNone", "DeleteCluster"), shutdown],
                &["onSuccess.policy: contradicts"],
            ),
            (
                &[
                    both("DeleteCluster", "DeleteWorkers"),
                    on.clone(),
                    no_replicas.clone(),
                ],
                &["onFailure.policy: workers are"],
            ),
            (
                &[
                    rules(vec![rule("DeleteWorkers", "jobStatus", 0)]),
                    on,
                    no_replicas,
                ],
                &[first, "policy: workers are"],
            ),
            (
                &[rules(vec![rule("DeleteSelf", "jobStatus", -1)])],
                &[first, "condition.ttlSeconds: is less"],
            ),
            (
                &[rules(vec![
                    json!({"policy": "DeleteSelf", "condition": {"ttlSeconds": 1}}),
                ])],
                &[first, "condition: must hold one"],
            ),
            (
                &[rules(vec![
                    rule("DeleteSelf", "jobStatus", 1),
                    rule("DeleteSelf", "jobStatus", 2),
                ])],
                &["deletionRules[1].policy: has the policy"],
            ),
            (
                &[rules(vec![
                    rule("DeleteSelf", "jobStatus", 1),
                    rule("DeleteWorkers", "jobStatus", 2),
                ])],
                &["deletionRules[1].condition.ttlSeconds: is out of turn with DeleteSelf after 1"],
            ),
        ],
    );
}
