//! Everything else that KubeRay or the operator beside it refuses, by tables of documents.

use serde_json::{Value, json};

use super::{said, set, sound, table};
use crate::input::ray::{self, Kind};
use crate::krm::results::Finding;
use crate::model::ray_checks::without_cluster;
use crate::model::ray_companion;

const NEW: &str = "1.7";

#[test]
fn kuberay_sets_tls_alone() {
    let tls = ("$/tlsOptions", json!({"enabled": true}));
    let env = |path: &'static str| (path, json!([{"name": "RAY_TLS_CA_CERT", "value": "/ca.crt"}]));
    let mounts = |path: &'static str, name: &str, at: &str| (path, json!([{"name": name, "mountPath": at}]));
    let head = "$/headGroupSpec/template/spec/containers/0/env";
    let worker = "$/workerGroupSpecs/0/template/spec/containers/0";
    table(
        Kind::RayCluster,
        &json!({"kubeRay": NEW}),
        &[
            (std::slice::from_ref(&tls), &[]),
            (
                &[tls.clone(), env(head)],
                &["error: spec.headGroupSpec.template.spec.containers[0].env[0]: is KubeRay's to set"],
            ),
            (
                &[
                    tls.clone(),
                    env("$/workerGroupSpecs/0/template/spec/containers/0/env"),
                ],
                &["error: spec.workerGroupSpecs[0]"],
            ),
            (
                &[tls.clone(), env("$/autoscalerOptions/env")],
                &["error: spec.autoscalerOptions.env[0]: "],
            ),
            (
                &[
                    tls.clone(),
                    (
                        &format!("{worker}/volumeMounts"),
                        json!([{"name": "ray-tls", "mountPath": "/x"}]),
                    ),
                ],
                &["error: spec.workerGroupSpecs[0].template.spec.containers[0].volumeMounts[0]: "],
            ),
            (
                &[
                    tls.clone(),
                    mounts(
                        "$/headGroupSpec/template/spec/containers/0/volumeMounts",
                        "mine",
                        "/etc/ray/tls",
                    ),
                ],
                &["error: spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]: "],
            ),
            (
                &[
                    tls.clone(),
                    mounts("$/autoscalerOptions/volumeMounts", "ray-tls", "/x"),
                ],
                &["error: spec.autoscalerOptions.volumeMounts[0]: "],
            ),
            (&[env(head)], &[]),
            (
                &[(head, json!([{"name": "RAY_USE_TLS", "value": "1"}]))],
                &["warning: ", "write tlsOptions instead"],
            ),
        ],
    );
    table(
        Kind::RayCluster,
        &json!({"kubeRay": NEW, "mutualTls": true}),
        &[(&[env(head)], &["is KubeRay's to set"])],
    );
    table(
        Kind::RayCluster,
        &json!({"mutualTls": true}),
        &[(&[], &["error: spec.tlsOptions: KubeRay knows this from 1.7"])],
    );
}

#[test]
fn kuberays_policies_fit_their_mode_and_let_the_guard_ask() {
    let policy = |value: Value| [("$/networkPolicy", value)];
    let rules = json!([{}]);
    table(
        Kind::RayCluster,
        &json!({"kubeRay": NEW}),
        &[
            (&policy(json!({"mode": "DenyAllIngress"})), &[]),
            (
                &policy(json!({"mode": "Deny"})),
                &["error: spec.networkPolicy.mode: must be DenyAll"],
            ),
            (
                &policy(json!({})),
                &[
                    "error: spec.networkPolicy.mode: keeps the head",
                    "(found \"DenyAll\"; write \"DenyAllIngress\")",
                ],
            ),
            (
                &policy(json!({"mode": "DenyAllEgress"})),
                &["keeps the head from everything"],
            ),
            (
                &policy(json!({"mode": "DenyAllEgress", "head": {"egressRules": rules}})),
                &[],
            ),
            (
                &policy(
                    json!({"mode": "DenyAllEgress", "head": {"egressRules": rules, "ingressRules": rules}}),
                ),
                &["error: spec.networkPolicy.head.ingressRules: means nothing"],
            ),
            (
                &policy(json!({"mode": "DenyAllIngress", "worker": {"egressRules": rules}})),
                &["error: spec.networkPolicy.worker.egressRules: means nothing"],
            ),
            (
                &policy(
                    json!({"mode": "DenyAllIngress", "workerGroups": [{"groupName": "small", "egressRules": rules}]}),
                ),
                &["error: spec.networkPolicy.workerGroups[0].egressRules: means nothing"],
            ),
            (
                &policy(json!({"mode": "DenyAllIngress", "workerGroups": [{"groupName": "big"}]})),
                &["error: spec.networkPolicy.workerGroups[0].groupName: is the name of no group"],
            ),
            (
                &policy(json!({"mode": "DenyAllIngress", "head": {"ingressRules": rules}})),
                &["warning: spec.networkPolicy.head.ingressRules: policies add up"],
            ),
            (
                &[
                    ("$/networkPolicy", json!({"mode": "DenyAllIngress"})),
                    ("$/workerGroupSpecs/0/groupName", json!("Small")),
                ],
                &["error: spec.workerGroupSpecs[0].groupName: must be lower-case"],
            ),
            (&[("$/workerGroupSpecs/0/groupName", json!("Small"))], &[]),
        ],
    );
}

#[test]
fn fault_tolerance_is_said_once() {
    let options = |value: Value| ("$/gcsFaultToleranceOptions", value);
    let redis = || options(json!({"redisAddress": "redis:6379"}));
    let env = |name: &str| {
        (
            "$/headGroupSpec/template/spec/containers/0/env",
            json!([{"name": name, "value": "x"}]),
        )
    };
    let param = |name: &str| ("$/headGroupSpec/rayStartParams", json!({name: "x"}));
    let enabled = ("metadata/annotations/ray.io~ft-enabled", json!("true"));
    let space = (
        "metadata/annotations/ray.io~external-storage-namespace",
        json!("s"),
    );
    let rocks = || options(json!({"backend": "rocksdb"}));
    table(
        Kind::RayCluster,
        &json!({"kubeRay": NEW}),
        &[
            (&[redis()], &[]),
            (
                &[redis(), enabled.clone()],
                &["error: metadata.annotations[\"ray.io/ft-enabled\"]: "],
            ),
            (
                &[redis(), space.clone()],
                &["error: ", "externalStorageNamespace"],
            ),
            (
                &[redis(), param("redis-password")],
                &["error: spec.headGroupSpec.rayStartParams.redis-password: "],
            ),
            (
                &[redis(), env("REDIS_PASSWORD")],
                &["gcsFaultToleranceOptions.redisPassword"],
            ),
            (
                &[redis(), env("RAY_REDIS_ADDRESS")],
                &["gcsFaultToleranceOptions.redisAddress"],
            ),
            (
                &[env("RAY_REDIS_ADDRESS")],
                &["turns fault tolerance on by itself"],
            ),
            (&[env("RAY_REDIS_ADDRESS"), enabled], &[]),
            (
                &[env("REDIS_USERNAME")],
                &["gcsFaultToleranceOptions.redisUsername"],
            ),
            (
                &[param("redis-username")],
                &["error: spec.headGroupSpec.rayStartParams.redis-username: "],
            ),
            (&[param("redis-password")], &[]),
            (
                &[options(json!({"redisAddress": "r", "storage": {"size": "1Gi"}}))],
                &["error: spec.gcsFaultToleranceOptions.storage: "],
            ),
            (&[rocks()], &[]),
            (
                &[options(json!({"backend": "rocksdb", "redisAddress": "r"}))],
                &["gcsFaultToleranceOptions.redisAddress: means nothing"],
            ),
            (
                &[options(
                    json!({"backend": "rocksdb", "storage": {"claimName": "c", "size": "1Gi"}}),
                )],
                &["storage.claimName: stands beside"],
            ),
            (
                &[rocks(), env("RAY_gcs_storage")],
                &["is KubeRay's own where the backend is rocksdb"],
            ),
            (
                &[
                    rocks(),
                    (
                        "$/headGroupSpec/template/spec/volumes/0",
                        json!({"name": "gcs-storage"}),
                    ),
                ],
                &["error: spec.headGroupSpec.template.spec.volumes[0]: "],
            ),
            (
                &[
                    rocks(),
                    (
                        "$/headGroupSpec/template/spec/containers/0/volumeMounts/0",
                        json!({"name": "x", "mountPath": "/data/gcs"}),
                    ),
                ],
                &["error: spec.headGroupSpec.template.spec.containers[0].volumeMounts[0]: "],
            ),
        ],
    );
}

#[test]
fn the_second_autoscaler_is_asked_for_once() {
    let v2 = (
        "$/headGroupSpec/template/spec/containers/0/env",
        json!([{"name": "RAY_enable_autoscaler_v2", "value": "1"}]),
    );
    let on = ("$/enableInTreeAutoscaling", json!(true));
    let free = ("$/workerGroupSpecs/0/replicas", json!(null));
    let options = ("$/autoscalerOptions/version", json!("v2"));
    let restart = |path: &'static str| (path, json!("Always"));
    table(
        Kind::RayCluster,
        &json!({}),
        &[
            (
                std::slice::from_ref(&v2),
                &["error: spec.headGroupSpec.template.spec.containers[0].env[0]: asks for an autoscaler"],
            ),
            (&[v2.clone(), on.clone(), free.clone()], &[]),
            (
                &[v2.clone(), on.clone(), free.clone(), options.clone()],
                &["stands beside autoscalerOptions.version"],
            ),
            (
                &[
                    on.clone(),
                    free.clone(),
                    options.clone(),
                    restart("$/headGroupSpec/template/spec/restartPolicy"),
                ],
                &["error: spec.headGroupSpec.template.spec.restartPolicy: "],
            ),
            (
                &[
                    on,
                    free,
                    options,
                    restart("$/workerGroupSpecs/0/template/spec/restartPolicy"),
                ],
                &["error: spec.workerGroupSpecs[0].template.spec.restartPolicy: "],
            ),
            (
                &[(
                    "$/autoscalerOptions/env",
                    json!([{"name": "KUBERAY_GEN_AUTOSCALER_START_CMD", "value": "x"}]),
                )],
                &["error: spec.autoscalerOptions.env[0]: is KubeRay's to set"],
            ),
        ],
    );
}

/// What is said of a document with or without a cluster.
fn said_of_any(kind: Kind, changes: &[(&str, Value)]) -> Vec<String> {
    let mut value = sound(kind);
    for (path, to) in changes {
        set(&mut value, path, to.clone());
    }
    let document = ray::read(kind, &value).unwrap();
    if document.cluster.is_some() {
        return said(kind, &json!({}), changes);
    }
    let mut findings = Vec::new();
    without_cluster(&document, &mut findings);
    findings.iter().map(Finding::to_line).collect()
}

#[test]
fn jobs_are_those_that_kuberay_takes() {
    let selects = || ("spec/clusterSelector", json!({"ray.io/cluster": "rc"}));
    let alone = || ("spec/rayClusterSpec", json!(null));
    let mode = |mode: &str| ("spec/submissionMode", json!(mode));
    let rows: Vec<(Vec<(&str, Value)>, &str)> = vec![
        (vec![], ""),
        (vec![alone(), selects()], ""),
        (vec![alone()], "error: spec.rayClusterSpec: is missing"),
        (
            vec![selects()],
            "error: spec.clusterSelector: selects a cluster that is there",
        ),
        (
            vec![alone(), ("spec/clusterSelector", json!({"app": "x"}))],
            "error: spec.clusterSelector: must name",
        ),
        (
            vec![alone(), selects(), ("spec/suspend", json!(true))],
            "error: spec.suspend: ",
        ),
        (
            vec![("spec/suspend", json!(true))],
            "error: spec.suspend: needs shutdownAfterJobFinishes",
        ),
        (
            vec![
                ("spec/suspend", json!(true)),
                ("spec/shutdownAfterJobFinishes", json!(true)),
            ],
            "",
        ),
        (
            vec![alone(), selects(), mode("SidecarMode")],
            "error: spec.submissionMode: ",
        ),
        (
            vec![alone(), selects(), ("spec/backoffLimit", json!(1))],
            "error: spec.backoffLimit: ",
        ),
        (
            vec![mode("InteractiveMode"), ("spec/backoffLimit", json!(1))],
            "error: spec.backoffLimit: ",
        ),
        (vec![("spec/backoffLimit", json!(1))], ""),
        (
            vec![("spec/backoffLimit", json!(-1))],
            "error: spec.backoffLimit: is less than none",
        ),
        (
            vec![("spec/ttlSecondsAfterFinished", json!(5))],
            "error: spec.ttlSecondsAfterFinished: needs",
        ),
        (
            vec![("spec/ttlSecondsAfterFinished", json!(-5))],
            "error: spec.ttlSecondsAfterFinished: is less",
        ),
        (
            vec![mode("SidecarMode"), ("spec/submitterPodTemplate", json!({}))],
            "error: spec.submitterPodTemplate: ",
        ),
        (
            vec![
                mode("SidecarMode"),
                (
                    "spec/rayClusterSpec/headGroupSpec/template/spec/restartPolicy",
                    json!("Always"),
                ),
            ],
            "error: spec.rayClusterSpec.headGroupSpec.template.spec.restartPolicy: ",
        ),
    ];
    for (changes, text) in rows {
        let said = said_of_any(Kind::RayJob, &changes);
        if text.is_empty() {
            assert_eq!(said, Vec::<String>::new(), "{changes:?}");
        } else {
            assert_eq!(said.len(), 1, "{changes:?}: {said:#?}");
            assert!(said[0].starts_with(text), "{text}: {said:#?}");
        }
    }
    assert_eq!(said_of_any(Kind::RayService, &[]), Vec::<String>::new());
    let none = [("spec/rayClusterConfig", json!(null))];
    assert!(said_of_any(Kind::RayService, &none)[0].starts_with("error: spec.rayClusterConfig: is missing"));
    let named = [(
        "spec/rayClusterConfig/headGroupSpec/headService/metadata/name",
        json!("s"),
    )];
    assert!(said_of_any(Kind::RayService, &named)[0].contains("refuses a name for them"));
}

#[test]
fn beside_the_operator_what_makes_an_outage_is_refused() {
    let beside = json!({"operator": "OpenDataHub"});
    let pod = "$/headGroupSpec/template/spec";
    let (sidecar, volume, port) = (
        format!("{pod}/containers/1"),
        format!("{pod}/volumes/0"),
        format!("{pod}/containers/0/ports"),
    );
    table(
        Kind::RayCluster,
        &beside,
        &[
            (
                &[("metadata/name", json!("r".repeat(41)))],
                &["error: metadata.name: must be at most 40"],
            ),
            (
                &[("$/workerGroupSpecs", json!([]))],
                &["error: spec.workerGroupSpecs: ", "leave the field out"],
            ),
            (
                &[("$/headGroupSpec/rayStartParams", json!(null))],
                &[
                    "error: spec.headGroupSpec.rayStartParams: is missing",
                    "(write {})",
                ],
            ),
            (
                &[("$/workerGroupSpecs/0/rayStartParams", json!(null))],
                &["error: spec.workerGroupSpecs[0].rayStartParams: "],
            ),
            (
                &[(
                    "$/headGroupSpec/rayStartParams",
                    json!({"dashboard-port": "9265"}),
                )],
                &["rayStartParams.dashboard-port: Open Data Hub's operator leads to 8265"],
            ),
            (
                &[(
                    "$/headGroupSpec/rayStartParams",
                    json!({"ray-client-server-port": "9001"}),
                )],
                &["leads to 10001"],
            ),
            (
                &[("$/headGroupSpec/headService/metadata/name", json!("mine"))],
                &["headService.metadata.name: ", "no worker reaches"],
            ),
            (
                &[(&sidecar, json!({"name": "kube-rbac-proxy"}))],
                &["error: ", "is the name of the sidecar"],
            ),
            (
                &[(&volume, json!({"name": "kube-rbac-proxy-config-rc"}))],
                &["error: ", "is the name of a volume that Open"],
            ),
            (
                &[(&port, json!([{"containerPort": 8443}]))],
                &["error: ", "is where the sidecar of Open Data Hub's"],
            ),
        ],
    );
    let usual = json!({"dashboard-port": "8265", "ray-client-server-port": "10001"});
    for changes in [
        vec![],
        vec![("metadata/name", json!("r".repeat(40)))],
        vec![("$/headGroupSpec/rayStartParams", usual)],
    ] {
        let said = said(Kind::RayCluster, &beside, &changes);
        assert!(said.iter().all(|line| line.starts_with("warning: ")), "{said:#?}");
    }
    let long = [("metadata/name", json!("r".repeat(35)))];
    table(
        Kind::RayJob,
        &beside,
        &[(&long, &["error: metadata.name: must be at most 34"])],
    );
}

#[test]
fn beside_the_operator_what_stays_open_is_said() {
    let said_of = |kind: Kind, host: &str| {
        said(
            kind,
            &json!({"operator": "OpenDataHub", "dashboardHost": host}),
            &[],
        )
    };
    for (kind, host, ports) in [
        (Kind::RayCluster, "Loopback", vec!["10001", "8443"]),
        (Kind::RayCluster, "Pod", vec!["8265", "10001", "8443"]),
        (Kind::RayJob, "Loopback", vec!["8265", "10001", "8443"]),
    ] {
        let said = said_of(kind, host);
        assert_eq!(said.len(), ports.len(), "{said:#?}");
        for (line, port) in said.iter().zip(ports) {
            assert!(
                line.starts_with("warning: ") && line.contains(port) && line.contains("stays open"),
                "{line}"
            );
        }
    }
}

#[test]
fn names_that_the_operator_joins_to_one_are_refused() {
    let cluster = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    let all = [
        cluster("a-b", "c"),
        cluster("a", "b-c"),
        cluster("a", "c"),
        cluster("b", "c"),
    ];
    let found = ray_companion::collisions(&all);
    let of: Vec<_> = found.iter().map(|(cluster, _)| cluster.clone()).collect();
    assert_eq!(of.len(), 2);
    assert!(of.contains(&all[0]) && of.contains(&all[1]));
    assert!(found.iter().all(|(_, finding)| {
        finding
            .to_line()
            .contains("calls its route to this cluster a-b-c")
    }));
}
