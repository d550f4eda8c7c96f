//! The head and the other pods, by tables of documents and what is said of them.

use serde_json::{Value, json};

use super::table;
use crate::input::ray::Kind;

const POD: &str = "$/headGroupSpec/template/spec";
const PARAMS: &str = "$/headGroupSpec/rayStartParams";

#[test]
fn rays_ports_are_not_the_guards() {
    let params = |params: Value| [(PARAMS, params)];
    let at = |name: &str| format!("error: spec.headGroupSpec.rayStartParams.{name}: ");
    for name in [
        "port",
        "dashboard-port",
        "ray-client-server-port",
        "metrics-export-port",
        "dashboard-agent-listen-port",
        "dashboard-agent-grpc-port",
        "node-manager-port",
    ] {
        for port in ["8443", "8444", "8445", "8446"] {
            table(
                Kind::RayCluster,
                &json!({}),
                &[(
                    &params(json!({name: port})),
                    &[&at(name), "is a port of the guard", port],
                )],
            );
        }
        // Beside the operator they are others.
        table(
            Kind::RayCluster,
            &json!({"operator": "OpenDataHub"}),
            &[(
                &params(json!({name: "8455"})),
                &[&at(name), "is a port of the guard"],
            )],
        );
    }
    table(
        Kind::RayCluster,
        &json!({}),
        &[
            (
                &params(json!({"dashboard-port": "9265", "ray-client-server-port": "9001", "port": "6380"})),
                &[],
            ),
            (
                &params(json!({"dashboard-port": "http"})),
                &[&at("dashboard-port"), "must be a port number"],
            ),
            (
                &params(json!({"dashboard-port": "0"})),
                &[&at("dashboard-port"), "must be a port number"],
            ),
            (&params(json!({"object-manager-port": "0"})), &[]),
            (
                &params(json!({"dashboard-port": "10001"})),
                &[&at("dashboard-port"), "is where dashboard-port is"],
            ),
            (
                &params(json!({"min-worker-port": "8000", "max-worker-port": "9000"})),
                &[&at("min-worker-port"), "the guard's 8443"],
            ),
            (
                &params(json!({"min-worker-port": "8446"})),
                &[&at("min-worker-port"), "8446 to 19999"],
            ),
            (&params(json!({"min-worker-port": "8447"})), &[]),
            (&params(json!({"max-worker-port": "10100"})), &[]),
            (
                &params(json!({"min-worker-port": "a lot"})),
                &[&at("min-worker-port"), "must be a port number"],
            ),
            (
                &params(json!({"worker-port-list": "10002, 8443"})),
                &[&at("worker-port-list"), "holds a port of the guard"],
            ),
            (&params(json!({"num-cpus": "0", "num-gpus": "8443"})), &[]),
            (&params(json!({"block": "true"})), &[]),
            (
                &params(json!({"block": "false"})),
                &["info: spec.headGroupSpec.rayStartParams.block: "],
            ),
            (
                &params(json!({"include-dashboard": "false"})),
                &["warning: ", "include-dashboard"],
            ),
        ],
    );
}

#[test]
fn the_dashboard_listens_where_its_guard_and_kuberay_look() {
    let host = |host: &str| [(PARAMS, json!({"dashboard-host": host}))];
    table(
        Kind::RayCluster,
        &json!({}),
        &[
            (&host("0.0.0.0"), &[]),
            (&host("127.0.0.1"), &[]),
            (
                &host("10.1.2.3"),
                &[
                    "error: spec.headGroupSpec.rayStartParams.dashboard-host: ",
                    "(found \"10.1.2.3\"; write \"127.0.0.1\")",
                ],
            ),
        ],
    );
    let loopback = json!({"dashboardHost": "Loopback"});
    table(
        Kind::RayCluster,
        &loopback,
        &[(&host("0.0.0.0"), &["warning: ", "dashboardHost says Loopback"])],
    );
    for kind in [Kind::RayJob, Kind::RayService] {
        table(
            kind,
            &json!({}),
            &[(
                &host("localhost"),
                &["error: ", "keeps KubeRay from the dashboard"],
            )],
        );
        table(kind, &loopback, &[(&host("0.0.0.0"), &[])]);
    }
}

#[test]
fn a_command_of_the_users_own_leaves_the_ports_unknown() {
    let key = "ray.io~overwrite-container-cmd";
    let cluster = format!("metadata/annotations/{key}");
    let template = format!("$/headGroupSpec/template/metadata/annotations/{key}");
    let args = format!("{POD}/containers/0/args");
    let rows: [[(&str, Value); 1]; 4] = [
        [(&cluster, json!("true"))],
        [(&cluster, json!("True"))],
        [(&template, json!("true"))],
        [(args.as_str(), json!(["ulimit -n 1; ray start --head"]))],
    ];
    for row in rows {
        table(
            Kind::RayCluster,
            &json!({}),
            &[(&row, &["warning: ", "Ray is started by this command"])],
        );
        let loopback = json!({"dashboardHost": "Loopback"});
        table(
            Kind::RayCluster,
            &loopback,
            &[(&row, &["error: ", "Ray is started by this command"])],
        );
    }
    let row = [(cluster.as_str(), json!("false"))];
    table(Kind::RayCluster, &json!({}), &[(&row, &[])]);
}

#[test]
fn services_that_are_reached_from_outside_are_said() {
    for kind in ["NodePort", "LoadBalancer"] {
        table(
            Kind::RayCluster,
            &json!({}),
            &[
                (
                    &[("$/headGroupSpec/serviceType", json!(kind))],
                    &["warning: spec.headGroupSpec.serviceType: "],
                ),
                (
                    &[("$/headGroupSpec/headService/spec/type", json!(kind))],
                    &["warning: spec.headGroupSpec.headService.spec.type: "],
                ),
            ],
        );
    }
    let inside = [("$/headGroupSpec/serviceType", json!("ClusterIP"))];
    table(Kind::RayCluster, &json!({}), &[(&inside, &[])]);
}

#[test]
fn nothing_has_a_name_or_port_of_the_guard() {
    let at = |path: &str| format!("{POD}/{path}");
    let second = at("containers/1");
    let (init, ports, mounts) = (
        at("initContainers/0"),
        at("containers/0/ports"),
        at("containers/0/volumeMounts"),
    );
    let volumes = at("volumes");
    let pod = "error: spec.headGroupSpec.template.spec";
    table(
        Kind::RayCluster,
        &json!({}),
        &[
            (
                &[(&second, json!({"name": "kube-rbac-proxy-client"}))],
                &[&format!("{pod}.containers[1].name: is the name of the guard's")],
            ),
            (
                &[(&init, json!({"name": "kube-rbac-proxy-dashboard"}))],
                &[&format!("{pod}.initContainers[0].name: ")],
            ),
            (
                &[(&second, json!({"name": "ray-head"}))],
                &["two containers cannot have one name"],
            ),
            (
                &[(&ports, json!([{"containerPort": 8443}]))],
                &[&format!("{pod}.containers[0].ports[0].containerPort: ")],
            ),
            (
                &[(&ports, json!([{"containerPort": 8446, "protocol": "TCP"}]))],
                &["is a port of the guard"],
            ),
            (
                &[(&ports, json!([{"containerPort": 8443, "protocol": "UDP"}]))],
                &[],
            ),
            (
                &[(&ports, json!([{"containerPort": 9000, "name": "proxy-d-health"}]))],
                &["is the name of a port of the guard"],
            ),
            (
                &[(
                    &ports,
                    json!([{"containerPort": 8265, "name": "dashboard"}, {"containerPort": 10001, "name": "client"}]),
                )],
                &[],
            ),
            (
                &[(&volumes, json!([{"name": "ray-proxy-token", "emptyDir": {}}]))],
                &[&format!("{pod}.volumes[0].name: ")],
            ),
            (
                &[(&mounts, json!([{"name": "ray-proxy-token", "mountPath": "/t"}]))],
                &["is a volume of the guard"],
            ),
            (
                &[(
                    "$/autoscalerOptions/volumeMounts",
                    json!([{"name": "ray-proxy-config", "mountPath": "/t"}]),
                )],
                &["error: spec.autoscalerOptions.volumeMounts[0].name: "],
            ),
        ],
    );
}

#[test]
fn pods_do_not_leave_their_walls() {
    let worker = "$/workerGroupSpecs/0/template/spec";
    let denied: [(&str, Value); 9] = [
        ("hostNetwork", json!(true)),
        ("hostPID", json!(true)),
        ("hostIPC", json!(true)),
        ("volumes/0", json!({"name": "v", "hostPath": {"path": "/"}})),
        ("containers/0/securityContext/privileged", json!(true)),
        (
            "containers/0/securityContext/capabilities/add",
            json!(["SYS_ADMIN"]),
        ),
        ("containers/0/securityContext/procMount", json!("Unmasked")),
        (
            "containers/0/ports",
            json!([{"containerPort": 8265, "hostPort": 8265}]),
        ),
        ("securityContext/seLinuxOptions/type", json!("spc_t")),
    ];
    for (field, value) in denied {
        for (pod, path) in [
            (POD, "spec.headGroupSpec.template.spec"),
            (worker, "spec.workerGroupSpecs[0].template.spec"),
        ] {
            let at = format!("{pod}/{field}");
            let row = [(at.as_str(), value.clone())];
            table(
                Kind::RayCluster,
                &json!({}),
                &[(&row, &[&format!("error: {path}.")])],
            );
        }
    }
    let at = |field: &str| format!("{POD}/{field}");
    let (shared, mount, root, account) = (
        at("shareProcessNamespace"),
        at("automountServiceAccountToken"),
        at("securityContext/runAsUser"),
        at("serviceAccountName"),
    );
    let volume = at("volumes/0");
    let token = json!({"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
    table(
        Kind::RayJob,
        &json!({}),
        &[
            (
                &[(&shared, json!(true))],
                &["error: spec.rayClusterSpec.headGroupSpec.template.spec.shareProcessNamespace: "],
            ),
            (
                &[(&mount, json!(true))],
                &[
                    "error: ",
                    "automountServiceAccountToken: mounts the token of the guard's",
                ],
            ),
            (&[(&mount, json!(true)), (&account, json!("mine"))], &[]),
            (
                &[(&volume, token)],
                &["error: ", "serviceAccountToken: projects a token of the guard's"],
            ),
            (
                &[(&root, json!(0))],
                &[
                    "error: ",
                    "securityContext.runAsUser: the guard, which is never root",
                ],
            ),
        ],
    );
}

#[test]
fn pods_do_not_pass_for_others() {
    let path = "error: spec.workerGroupSpecs[0].template.metadata.labels";
    for key in ["ray.io/originated-from-cr-name", "ray.io/originated-from-crd"] {
        let at = format!(
            "$/workerGroupSpecs/0/template/metadata/labels/{}",
            key.replace('/', "~")
        );
        table(
            Kind::RayCluster,
            &json!({}),
            &[(&[(&at, json!("x"))], &[&format!("{path}[{key:?}]: ")])],
        );
    }
    // A node has this label by itself, if its template says nothing else.
    let labels = json!({"app.kubernetes.io/name": "kuberay"});
    let here = json!({"operatorPods": {"namespace": "team", "labels": labels}});
    let metrics = json!({"metrics": {"namespace": "team", "labels": labels}});
    let alone = ("$/workerGroupSpecs", json!(null));
    let renamed = (
        "$/headGroupSpec/template/metadata/labels/app.kubernetes.io~name",
        json!("mine"),
    );
    let said = "error: spec.headGroupSpec.template.metadata.labels: the Platform's rayClusters.";
    table(
        Kind::RayCluster,
        &here,
        &[(std::slice::from_ref(&alone), &[said, "operatorPods"])],
    );
    table(
        Kind::RayCluster,
        &metrics,
        &[(std::slice::from_ref(&alone), &[said, "metrics"])],
    );
    table(Kind::RayCluster, &here, &[(&[alone.clone(), renamed], &[])]);
    let elsewhere = json!({"operatorPods": {"namespace": "ray-system", "labels": labels}});
    table(Kind::RayCluster, &elsewhere, &[(&[alone], &[])]);
}
