//! The known faults of those who close Ray clusters today, each shown on rendered output not to be ours: those of CodeFlare's
//! operator and of Open Data Hub's fork of KubeRay (`fixtures/ray-operators/README.md`), and what those tests ask that they have.
//!
//! Not here, for no generator of this kind can have or lack them:
//! - finalizers, reference counts and conditions: nothing runs that could set them; orchestrators apply and prune.
//! - the PKI between Ray's nodes: KubeRay makes it (`tlsOptions`), and its client port then has no guard, which is said.
//! - what KubeRay's security proxy does with a request: it is a program, and its guards are those of `kuberay_api_server.rs`.

use std::collections::BTreeSet;

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use serde_json::{Value, json};

use crate::program::{Run, gatewright};

/// A Platform with these lines for Ray's clusters.
fn platform(flavor: &str, lines: &[&str]) -> String {
    let image =
        "quay.io/example/guard@sha256:1111111111111111111111111111111111111111111111111111111111111111";
    let mut text = format!(
        "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {{name: faults}}\nspec:\n  flavor: {flavor}\n  sidecar: \
         {{image: \"{image}\"}}\n  rayClusters:\n    kubeRay: \"1.7\"\n"
    );
    for line in lines {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// A RayCluster of alice's as a value, to be changed.
fn cluster(namespace: &str, name: &str) -> Value {
    let pod =
        |name: &str| json!({"spec": {"containers": [{"name": name, "image": "quay.io/example/ray:2.55.0"}]}});
    json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"odh.ray.io/secure-trusted-network": "true", "opendatahub.io/username": "alice"}
        },
        "spec": {
            "rayVersion": "2.55.0",
            "headGroupSpec": {"rayStartParams": {}, "template": pod("ray-head")},
            "workerGroupSpecs": [
                {"groupName": "small", "minReplicas": 1, "maxReplicas": 2, "rayStartParams": {}, "template": pod("ray-worker")}
            ]
        }
    })
}

/// One with a field changed, by a pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut cluster = cluster("team", "training");
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = cluster.pointer_mut(parent).unwrap();
    parent[key] = value;
    cluster
}

fn run(platform: &str, documents: &[Value]) -> Run {
    let mut text = platform.to_owned();
    for document in documents {
        text.push_str(&format!("---\n{document}\n"));
    }
    gatewright(&["fn"], text.as_bytes())
}

fn objects(text: &str) -> Vec<Value> {
    let source = Source::from_bytes("rendered", text.as_bytes().to_vec()).unwrap();
    let stream = stream::frame(&source).unwrap();
    let read = |item: &stream::Item| item.piece(&source).value().unwrap();
    stream.items.iter().map(read).collect()
}

#[track_caller]
fn rendered(platform: &str, documents: &[Value]) -> Vec<Value> {
    let answer = run(platform, documents);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    objects(&answer.stdout)
}

/// One guarded RayCluster, `team/training`.
fn guarded() -> Vec<Value> {
    rendered(&platform("OpenShift", &[]), &[cluster("team", "training")])
}

/// An error that is said of a field, in these words.
#[track_caller]
fn refused(lines: &[&str], documents: &[Value], field: &str, words: &str) {
    let answer = run(&platform("OpenShift", lines), documents);
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    let fits = |line: &str| line.starts_with("error: ") && line.contains(field) && line.contains(words);
    assert!(
        answer.stderr.lines().any(fits),
        "{field}: {words}: {}",
        answer.stderr
    );
    assert_eq!(answer.stdout, "");
}

fn of<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[track_caller]
fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found = of(objects, kind);
    assert_eq!(found.len(), 1, "{kind}: {found:#?}");
    found[0]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn head(objects: &[Value]) -> &Value {
    &only(objects, "RayCluster")["spec"]["headGroupSpec"]
}

fn container<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    let mut all = list(&head(objects)["template"]["spec"]["containers"]).iter();
    all.find(|container| container["name"] == name).unwrap()
}

/// The fork routes to 8265 itself, and its guard has neither a Service nor a route. Ours is the one thing that is led to: route,
/// Service, container and policy are of one port, and no policy opens Ray's own to a gateway.
#[test]
fn fault_0_1_the_guard_is_not_on_the_path() {
    let objects = guarded();
    let service = only(&objects, "Service");
    let backends: Vec<&Value> = list(&only(&objects, "HTTPRoute")["spec"]["rules"])
        .iter()
        .flat_map(|rule| list(&rule["backendRefs"]))
        .collect();
    assert!(!backends.is_empty());
    for backend in backends {
        assert_eq!(backend["name"], service["metadata"]["name"]);
        let mut ports = list(&service["spec"]["ports"]).iter();
        let port = ports.find(|port| port["port"] == backend["port"]).unwrap();
        let guard = container(&objects, "kube-rbac-proxy-dashboard");
        assert_eq!(port["targetPort"], guard["ports"][0]["name"]);
        let upstream = "--upstream=http://127.0.0.1:8265/";
        assert!(
            list(&guard["args"]).iter().any(|arg| arg == upstream),
            "{guard:#?}"
        );
    }
    for policy in of(&objects, "NetworkPolicy") {
        for rule in list(&policy["spec"]["ingress"]) {
            let ports: Vec<&Value> = list(&rule["ports"]).iter().map(|port| &port["port"]).collect();
            let rays = ports.is_empty()
                || ports
                    .iter()
                    .any(|port| [8265, 10001].iter().any(|ray| **port == *ray));
            for peer in list(&rule["from"]).iter().filter(|_| rays) {
                let labels = &peer["podSelector"]["matchLabels"];
                let known = labels["ray.io/cluster"] == "training"
                    || labels["app.kubernetes.io/component"] == "kuberay-operator";
                assert!(known, "{peer:#?}");
            }
        }
    }
}

/// The fork's guard has no right to review a token, and would ask for all Services of the cluster: `resourceName` is no field.
#[test]
fn fault_0_2_the_guard_cannot_ask_and_asks_about_everything() {
    let objects = guarded();
    let binding = only(&objects, "ClusterRoleBinding");
    assert_eq!(binding["roleRef"]["name"], "system:auth-delegator");
    let account = &head(&objects)["template"]["spec"]["serviceAccountName"];
    assert_eq!(
        (
            &binding["subjects"][0]["name"],
            &binding["subjects"][0]["namespace"]
        ),
        (account, &json!("team"))
    );
    let file = only(&objects, "ConfigMap")["data"]["config-file.yaml"]
        .as_str()
        .unwrap();
    for said in [
        "namespace: \"team\"",
        "apiGroup: \"ray.io\"",
        "resource: \"rayclusters\"",
        "subresource: \"access\"",
        " name: \"training\"",
    ] {
        assert!(file.contains(said), "{said}: {file}");
    }
    // Programs that know no configured verb, and those that do, ask the same.
    assert!(
        !file.contains("resourceName") && !file.contains("verb:"),
        "{file}"
    );
}

/// CodeFlare's proxy lets in whoever has an account of the cluster. Here a Role names the cluster, and a binding the person.
#[test]
fn fault_0_3_everybody_who_can_log_in_gets_in() {
    let objects = guarded();
    let role = only(&objects, "Role");
    assert_eq!(list(&role["rules"]).len(), 1);
    let rule = &role["rules"][0];
    assert_eq!(
        (&rule["resources"], &rule["resourceNames"]),
        (&json!(["rayclusters/access"]), &json!(["training"]))
    );
    let subjects = &only(&objects, "RoleBinding")["subjects"];
    assert_eq!(list(subjects).len(), 1, "{subjects}");
    assert_eq!(
        (&subjects[0]["kind"], &subjects[0]["name"]),
        (&json!("User"), &json!("alice"))
    );
}

/// Later versions of Ray ask for tokens if nobody says otherwise.
#[test]
fn fault_0_4_rays_own_tokens_are_left_to_the_version() {
    let off = json!({"name": "RAY_AUTH_MODE", "value": "disabled"});
    let objects = guarded();
    assert_eq!(container(&objects, "ray-head")["env"], json!([off]));
    let worker = &only(&objects, "RayCluster")["spec"]["workerGroupSpecs"][0]["template"]["spec"];
    assert_eq!(worker["containers"][0]["env"], json!([off]));
    for (tokens, field) in [("Secret", "secretName"), ("Kubernetes", "enableK8sTokenAuth")] {
        let lines = format!("rayTokens: {tokens}");
        let objects = rendered(&platform("OpenShift", &[&lines]), &[cluster("team", "training")]);
        let options = &only(&objects, "RayCluster")["spec"]["authOptions"];
        assert_eq!(options["mode"], "token");
        assert!(!options[field].is_null(), "{options}");
        assert_eq!(container(&objects, "ray-head")["env"], Value::Null);
    }
}

/// A foreign `Authorization` goes before Ray's own header. Without Ray's tokens nobody looks at either; with them it is said what
/// comes through.
#[test]
fn fault_0_5_a_token_for_the_guard_is_refused_by_ray() {
    let silent = run(&platform("OpenShift", &[]), &[cluster("team", "training")]);
    assert!(
        !silent.stderr.contains("X-Ray-Authorization"),
        "{}",
        silent.stderr
    );
    for tokens in ["Secret", "Kubernetes"] {
        let lines = format!("rayTokens: {tokens}");
        let answer = run(&platform("OpenShift", &[&lines]), &[cluster("team", "training")]);
        let said = |line: &str| {
            line.starts_with("warning: ")
                && line.contains("rayTokens")
                && line.contains("X-Ray-Authorization")
        };
        assert_eq!(
            answer.stderr.lines().filter(|line| said(line)).count(),
            1,
            "{}",
            answer.stderr
        );
    }
    let own = with(
        "/spec/authOptions",
        json!({"mode": "token", "secretName": "mine"}),
    );
    let answer = run(&platform("OpenShift", &[]), &[own]);
    let said = |line: &str| line.contains("spec.authOptions") && line.contains("X-Ray-Authorization");
    assert!(answer.stderr.lines().any(said), "{}", answer.stderr);
}

/// A program that is no longer built, and a proxy that is passed by a request line in absolute form, guard nothing.
#[test]
fn fault_0_6_the_security_proxy_of_the_chart() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/fn/kuberay-api-server-token-without-image/input.yaml"
    );
    let answer = gatewright(&["fn"], &std::fs::read(file).unwrap());
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    assert!(answer.stderr.contains("absolute form"), "{}", answer.stderr);
}

/// Everything that is made: kind, namespace, name.
fn made(objects: &[Value]) -> Vec<(String, String, String)> {
    let ours = objects.iter().filter(|object| {
        object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "gatewright"
            && object["metadata"]["annotations"]["gatewright.dev/source"]
                .as_str()
                .unwrap()
                .starts_with("ray.io/")
    });
    let id = |object: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        (
            text(&object["kind"]),
            text(&metadata["namespace"]),
            text(&metadata["name"]),
        )
    };
    ours.map(id).collect()
}

/// Namespace and name joined by a dash are one name for two clusters; and names with something behind them are too long.
#[test]
fn fault_0_8_names_collide_and_are_too_long() {
    let longest = "r".repeat(53);
    let documents = [
        cluster("a-b", "c"),
        cluster("a", "b-c"),
        cluster("team", &longest),
    ];
    for flavor in ["OpenShift", "Kubernetes"] {
        let objects = rendered(&platform(flavor, &[]), &documents);
        let made = made(&objects);
        assert!(made.len() >= 3 * 8, "{made:#?}");
        assert_eq!(
            made.iter().collect::<BTreeSet<_>>().len(),
            made.len(),
            "{made:#?}"
        );
        for (kind, _, name) in &made {
            // A Service's name is a label.
            let most = if kind == "Service" { 63 } else { 253 };
            assert!(name.len() <= most, "{kind} {name}");
        }
        for cluster in of(&objects, "RayCluster") {
            let spec = &cluster["spec"]["headGroupSpec"]["template"]["spec"];
            for named in list(&spec["volumes"]).iter().chain(list(&spec["containers"])) {
                assert!(named["name"].as_str().unwrap().len() <= 63, "{named}");
            }
        }
    }
    // The operator's own names are not ours to change.
    let beside = ["operator: OpenDataHub"];
    refused(
        &beside,
        &documents[..2],
        "metadata.name",
        "calls its route to this cluster a-b-c",
    );
    refused(
        &beside,
        &[cluster("team", &"r".repeat(41))],
        "metadata.name",
        "at most 40 characters",
    );
}

/// The fork deletes every HTTPRoute with a cluster's name in its namespace.
#[test]
fn fault_0_9_a_route_with_the_name_of_a_cluster() {
    let lines = ["routeNamespace: team"];
    let objects = rendered(
        &platform("OpenShift", &lines),
        &[cluster("team", "training"), cluster("team", "ray-team-x")],
    );
    let names: BTreeSet<&str> = of(&objects, "RayCluster").into_iter().map(name).collect();
    for route in of(&objects, "HTTPRoute") {
        assert!(!names.contains(name(route)), "{}", name(route));
    }
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "training", "namespace": "team"}, "spec": {}});
    let documents = [cluster("team", "training"), route];
    refused(
        &["operator: OpenDataHub"],
        &documents,
        "metadata.name",
        "deletes every HTTPRoute of that name",
    );
}

/// Lists of a RayCluster are merged by different keys, and that of the groups not at all: what is added is added to the document
/// itself, behind Ray's container, and a second run changes nothing.
#[test]
fn fault_0_10_lists_are_replaced() {
    let platform = platform("OpenShift", &[]);
    let first = run(&platform, &[cluster("team", "training")]);
    let objects = objects(&first.stdout);
    let containers = list(&head(&objects)["template"]["spec"]["containers"]);
    let names: Vec<&Value> = containers.iter().map(|container| &container["name"]).collect();
    assert_eq!(
        names,
        ["ray-head", "kube-rbac-proxy-dashboard", "kube-rbac-proxy-client"]
    );
    assert_eq!(
        list(&only(&objects, "RayCluster")["spec"]["workerGroupSpecs"]).len(),
        1
    );
    let second = gatewright(&["fn"], first.stdout.as_bytes());
    assert_eq!((second.code, &second.stdout), (0, &first.stdout));
}

/// Policies of these names are overwritten, deleted or refused by one operator or another, and a Service of that name keeps a
/// cluster from ever starting.
#[test]
fn fault_0_1_names_that_operators_take() {
    for lines in [&[][..], &["operator: OpenDataHub"]] {
        let objects = rendered(&platform("OpenShift", lines), &[cluster("team", "training")]);
        let made = made(&objects);
        for (kind, taken) in [
            ("NetworkPolicy", "training-head"),
            ("NetworkPolicy", "training-workers"),
            ("NetworkPolicy", "training-workers-small"),
            ("Service", "training-head-svc"),
            ("Secret", "training"),
            ("Role", "training"),
            ("RoleBinding", "training"),
            ("ReferenceGrant", "kuberay-gateway-access"),
            ("HTTPRoute", "training"),
            ("HTTPRoute", "team-training"),
        ] {
            assert!(
                !made.iter().any(|(of, _, name)| of == kind && name == taken),
                "{kind} {taken}"
            );
        }
    }
    let head_service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "training-head-svc", "namespace": "team"}, "spec": {"ports": [{"port": 80}]}});
    let answer = run(
        &platform("OpenShift", &[]),
        &[cluster("team", "training"), head_service],
    );
    assert!(
        answer.stderr.contains("KubeRay makes a Service of this name"),
        "{}",
        answer.stderr
    );
}

/// What the fork's webhook refuses, or writes over for ever.
#[test]
fn fault_0_1_a_document_that_the_webhook_does_not_leave_alone() {
    let beside = ["operator: OpenDataHub"];
    let params = with("/spec/headGroupSpec/rayStartParams", Value::Null);
    refused(
        &beside,
        &[params],
        "headGroupSpec.rayStartParams",
        "refuses the cluster without it",
    );
    let no_workers = with("/spec/workerGroupSpecs", json!([]));
    refused(&beside, &[no_workers], "workerGroupSpecs", "drops the empty list");
    let port = with("/spec/headGroupSpec/rayStartParams/dashboard-port", json!("9265"));
    refused(&beside, &[port], "dashboard-port", "leads to 8265 alone");
    let service = with(
        "/spec/headGroupSpec/headService",
        json!({"metadata": {"name": "mine"}}),
    );
    refused(
        &beside,
        &[service],
        "headService.metadata.name",
        "no worker reaches its head",
    );
    // On other clusters than OpenShift it says that clusters are not guarded, whatever is written.
    let answer = run(&platform("Kubernetes", &beside), &[cluster("team", "training")]);
    let said = |line: &str| line.starts_with("warning: ") && line.contains("spec.rayClusters.operator");
    assert!(answer.stderr.lines().any(said), "{}", answer.stderr);
}

/// Conformance: the port that a document says is the port that is guarded and closed.
#[test]
fn fault_4_ports_are_taken_from_the_document() {
    let objects = rendered(
        &platform("OpenShift", &[]),
        &[with(
            "/spec/headGroupSpec/rayStartParams/dashboard-port",
            json!("9265"),
        )],
    );
    let guard = container(&objects, "kube-rbac-proxy-dashboard");
    assert!(
        list(&guard["args"])
            .iter()
            .any(|arg| arg == "--upstream=http://127.0.0.1:9265/")
    );
    let policies = of(&objects, "NetworkPolicy");
    let open = |policy: &&Value| policy["spec"].to_string().contains("9265");
    assert_eq!(policies.into_iter().filter(open).count(), 1);
}

/// Conformance: a grant is for one Service, and two clusters of one namespace have one each, whatever their order.
#[test]
fn fault_4_a_grant_to_the_whole_namespace() {
    let both = [cluster("team", "one"), cluster("team", "two")];
    let turned = [cluster("team", "two"), cluster("team", "one")];
    let mut grants: Vec<Vec<Value>> = Vec::new();
    for documents in [both, turned] {
        let objects = rendered(&platform("OpenShift", &[]), &documents);
        let mut found: Vec<Value> = of(&objects, "ReferenceGrant").into_iter().cloned().collect();
        found.sort_by_key(|grant| name(grant).to_owned());
        for grant in &found {
            let to = list(&grant["spec"]["to"]);
            assert!(to.len() == 1 && to[0]["name"].is_string(), "{grant:#?}");
        }
        grants.push(found);
    }
    assert_eq!(grants[0].len(), 2);
    assert_eq!(grants[0], grants[1]);
}

/// Conformance: switched off, everything that was made for a cluster goes, and the document is as it was.
#[test]
fn fault_4_nothing_is_left_when_a_cluster_is_switched_off() {
    let platform = platform("OpenShift", &[]);
    let on = run(&platform, &[cluster("team", "training")]);
    let key = "odh.ray.io/secure-trusted-network";
    let switched = on
        .stdout
        .replace(&format!("\"{key}\":\"true\""), &format!("\"{key}\":\"false\""));
    let switched = switched.replace(&format!("{key}: \"true\""), &format!("{key}: \"false\""));
    assert_ne!(on.stdout, switched);
    let off = gatewright(&["fn"], switched.as_bytes());
    assert_eq!(off.code, 0, "{}", off.stderr);
    let objects = objects(&off.stdout);
    assert_eq!(made(&objects), []);
    let mut before = cluster("team", "training");
    before["metadata"]["annotations"][key] = json!("false");
    assert_eq!(only(&objects, "RayCluster"), &before);
}

/// Recordings: what looks on and is off, and an Ingress straight to the dashboard.
#[test]
fn fault_4_off_while_it_looks_on() {
    for word in ["yes", "True", "on", "1", "enabled", "TRUE", "t", ""] {
        let key = "odh.ray.io/secure-trusted-network";
        let mut document = cluster("team", "training");
        document["metadata"]["annotations"][key] = json!(word);
        refused(&[], &[document], key, "");
    }
    for given in [json!(true), json!(false), Value::Null] {
        let document = with("/spec/headGroupSpec/enableIngress", given);
        let objects = rendered(&platform("OpenShift", &[]), &[document]);
        assert_eq!(head(&objects)["enableIngress"], json!(false));
    }
}

/// Recordings: Ray's code runs under the account that may review tokens, with its token mounted.
#[test]
fn fault_4_code_has_the_token_of_the_guard() {
    let mut document = with("/spec/enableInTreeAutoscaling", json!(true));
    document["spec"]["workerGroupSpecs"][0]["serviceAccountName"] = Value::Null;
    let objects = rendered(&platform("OpenShift", &[]), &[document]);
    assert_eq!(
        only(&objects, "ServiceAccount")["automountServiceAccountToken"],
        json!(false)
    );
    let volumes = list(&head(&objects)["template"]["spec"]["volumes"]);
    let token = volumes
        .iter()
        .find(|volume| volume["projected"].to_string().contains("serviceAccountToken"))
        .unwrap();
    let mounts = |container: &Value| {
        let mut mounts = list(&container["volumeMounts"]).iter();
        mounts.any(|mount| mount["name"] == token["name"])
    };
    assert!(!mounts(container(&objects, "ray-head")));
    assert!(mounts(container(&objects, "kube-rbac-proxy-dashboard")));
    let options = &only(&objects, "RayCluster")["spec"]["autoscalerOptions"];
    assert!(mounts(options), "{options:#?}");
    // Nor does any other pod get it.
    let worker = with(
        "/spec/workerGroupSpecs/0/template/spec/serviceAccountName",
        json!("training-ray-head"),
    );
    refused(
        &[],
        &[worker],
        "serviceAccountName",
        "is the ServiceAccount of the guard of RayCluster training",
    );
    let volumes = json!([{"name": "own", "secret": {"secretName": "training-ray-proxy-tls"}}]);
    let worker = with("/spec/workerGroupSpecs/0/template/spec/volumes", volumes);
    refused(&[], &[worker], "volumes[0]", "is the private key of a guard");
}

/// Recordings: a Service of all ports that is open to the world is left to the policies, and nobody says so.
#[test]
fn fault_4_all_ports_are_offered_from_outside() {
    for kind in ["LoadBalancer", "NodePort"] {
        let document = with("/spec/headGroupSpec/serviceType", json!(kind));
        let answer = run(&platform("OpenShift", &[]), &[document]);
        let said = |line: &str| line.starts_with("warning: ") && line.contains("headGroupSpec.serviceType");
        assert!(answer.stderr.lines().any(said), "{}", answer.stderr);
    }
}
