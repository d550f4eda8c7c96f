//! Beside Open Data Hub's notebook controller (`notebooks.controller: OpenDataHub`): what we render leaves alone what the
//! real one made.
//!
//! The recorded objects (`fixtures/odh-notebook-controller`) are put into a real API server. Then what we render from the
//! same input is applied as Flux does it, without being stored, and compared as Argo CD compares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use gatewright::krm::annotations::MANAGED_BY;
use gatewright::krm::yaml::Piece;
use serde_json::{Value, json};

use crate::control_plane::{self, ControlPlane};
use crate::parts;
use crate::program::{GATEWRIGHT, Run, gatewright, run};
use crate::recorded::difference;

const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata: {name: recordings}
spec:
  flavor: OpenShift
  notebooks: {controller: OpenDataHub}
---
";

/// What the controller makes, and we therefore leave out.
const CONTROLLERS: [&str; 9] = [
    "ClusterRoleBinding",
    "ConfigMap",
    "HTTPRoute",
    "NetworkPolicy",
    "ReferenceGrant",
    "Secret",
    "Service",
    "StatefulSet",
    "Certificate",
];

/// Notebooks of Open Data Hub 2: we convert them, and the controller leaves them as they are, so its objects are others.
const CONVERTED: [&str; 4] = [
    "16-legacy-oauth",
    "17-both-annotations",
    "67-legacy-delete",
    "68-legacy-migrate",
];

/// What the controller refuses, or makes an outage or an exposure of, is refused here.
const REFUSED: [&str; 34] = [
    "04-auth-True",
    "05-auth-yes",
    "06-auth-space",
    "09-user-sidecars",
    "11-resources-request-over-default",
    "12-resources-bad-quantity",
    "13-resources-negative",
    "23-name-48",
    "25-name-60",
    "26-name-60-off",
    "27-name-60-labels",
    "28-name-64",
    "29-name-dots",
    "30-collision-route",
    "31-collision-crb",
    "32-collision-service",
    "33-label-notebook-name",
    "34-label-statefulset",
    "35-own-sa-auth-on",
    "36-own-sa-auth-off",
    "37-own-sa-alias",
    "38-hostnetwork",
    "39-hostpath",
    "40-privileged",
    "43-container-otherwise-selection",
    "44-image-selection-malformed",
    "46-port-8787",
    "48-named-kube-rbac-proxy",
    "49-own-sidecar",
    "57-collision-service-late",
    "58-collision-crb-stolen",
    "59-collision-route-freed",
    "82-kubectl-apply-own-sidecar",
    // Two states of one Notebook in one input.
    "85-admitted-to-pristine",
];

/// Where a dry-run shows something all the same, and why. The server of this test runs without the controller's webhook.
const SHOWN: [(&str, &str, &str); 3] = [
    (
        "08-dashboard-imagestream",
        "/spec/template/spec/containers/0/image",
        "the webhook resolves the image stream again, in the same request",
    ),
    (
        "08-dashboard-imagestream",
        "/spec/template/spec/containers/0/env/1/value",
        "the webhook sets JUPYTER_IMAGE again, in the same request",
    ),
    (
        "41-stopped-on-create",
        "/metadata/annotations/kubeflow-resource-stopped",
        "the user's own, of which a finding warns: it stops the Notebook at every sync",
    ),
];

/// A recorded case in which we render something.
struct Case {
    name: String,
    /// What we render, without what people have in the input beside Notebooks.
    ours: Vec<Value>,
    /// What the controller had made.
    live: Vec<Value>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/odh-notebook-controller")
}

fn render(input: &str) -> Run {
    let mut command = Command::new(GATEWRIGHT);
    command
        .arg("fn")
        .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
        .env_remove("RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE");
    run(command, format!("{PLATFORM}{input}").as_bytes())
}

/// All cases: those that are rendered, and the names of those that are refused.
fn cases() -> (Vec<Case>, BTreeSet<String>) {
    let mut rendered = Vec::new();
    let mut refused = BTreeSet::new();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let read = |file: &str| std::fs::read_to_string(folder().join(&name).join(file)).ok();
        let answer = render(&read("input.yaml").unwrap());
        let later = (2..=9).filter_map(|step| read(&format!("input-{step}.yaml")));
        if answer.code != 0 || later.into_iter().any(|input| render(&input).code != 0) {
            refused.insert(name);
            continue;
        }
        let ours = difference::objects("rendered", &answer.stdout).into_iter();
        let ours = ours
            .filter(|object| object["kind"] == "Notebook" || is_ours(object))
            .collect();
        let live = read("live-1.yaml").or_else(|| read("live-notebooks.yaml"));
        let live = live.map(|text| difference::objects(&name, &text));
        rendered.push(Case {
            name,
            ours,
            live: live.unwrap_or_default(),
        });
    }
    (rendered, refused)
}

fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"][MANAGED_BY] == "gatewright"
}

fn id(object: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [
        text(&object["kind"]),
        text(&metadata["namespace"]),
        text(&metadata["name"]),
    ]
}

#[test]
fn what_the_controller_refuses_or_breaks_is_refused() {
    let (_, refused) = cases();
    let missing: Vec<&&str> = REFUSED.iter().filter(|name| !refused.contains(**name)).collect();
    assert!(missing.is_empty(), "rendered: {missing:?}");
    let more: Vec<&String> = refused
        .iter()
        .filter(|name| !REFUSED.contains(&name.as_str()))
        .collect();
    assert!(more.is_empty(), "refused without being listed: {more:?}");
}

#[test]
fn what_the_controller_makes_is_left_out() {
    let (cases, _) = cases();
    assert!(cases.len() > 40, "{}", cases.len());
    for case in &cases {
        let kinds: Vec<&Value> = case.ours.iter().map(|object| &object["kind"]).collect();
        for object in case.ours.iter().filter(|object| is_ours(object)) {
            let kind = object["kind"].as_str().unwrap();
            assert!(!CONTROLLERS.contains(&kind), "{}: {kind}", case.name);
        }
        for object in case.ours.iter().filter(|object| object["kind"] == "Notebook") {
            let metadata = &object["metadata"];
            assert!(
                metadata["annotations"]["gatewright.dev/notebook-injected"].is_null(),
                "{}: no guard of ours",
                case.name
            );
            if metadata["annotations"]["notebooks.opendatahub.io/inject-auth"] == "true" {
                assert!(kinds.contains(&&json!("AccessGraph")), "{}: {kinds:?}", case.name);
            }
        }
    }
}

/// The canonical form is a fixed point.
#[test]
fn rendered_again_it_is_the_same() {
    for name in ["07-dashboard", "53-ca-bundle", "02-auth-absent"] {
        let input = std::fs::read_to_string(folder().join(name).join("input.yaml")).unwrap();
        let once = render(&input);
        assert_eq!(once.code, 0, "{name}: {}", once.stderr);
        let again = gatewright(&["fn"], once.stdout.as_bytes());
        assert_eq!(again.stdout, once.stdout, "{name}");
    }
}

#[test]
fn a_dry_run_over_what_the_controller_made_changes_nothing() {
    let Some(plane) = control_plane::shared() else {
        return;
    };
    let cases = with_live();
    load(plane, &cases);
    let mut wrong = Vec::new();
    let mut compared = 0;
    let mut shown = BTreeSet::new();
    for case in &cases {
        let live: BTreeMap<[String; 3], &Value> =
            case.live.iter().map(|object| (id(object), object)).collect();
        let existing: Vec<Value> = case
            .ours
            .iter()
            .filter(|object| live.contains_key(&id(object)))
            .cloned()
            .collect();
        if existing.is_empty() {
            continue;
        }
        let before = plane.on(&["get"], &existing);
        let apply = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=gitops",
            "--dry-run=server",
        ];
        let after = plane.on(&apply, &existing);
        for (before, after) in before.iter().zip(&after) {
            compared += 1;
            let mut paths = Vec::new();
            changed(&beside_ours(before), &beside_ours(after), "", &mut paths);
            for path in paths {
                match SHOWN
                    .iter()
                    .position(|(name, shown, _)| *name == case.name && *shown == path)
                {
                    Some(index) => _ = shown.insert(index),
                    None => wrong.push(format!("{}: {:?}: {path}", case.name, id(after))),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 60, "only {compared} objects");
    assert_eq!(shown.len(), SHOWN.len(), "no longer shown: {shown:?}");
}

/// Every place in which two values differ.
fn changed(before: &Value, after: &Value, path: &str, paths: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left
                .keys()
                .chain(right.keys().filter(|key| !left.contains_key(*key)))
            {
                let side =
                    |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                changed(&side(left), &side(right), &format!("{path}/{key}"), paths);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                changed(left, right, &format!("{path}/{index}"), paths);
            }
        }
        _ if before == after => {}
        _ => paths.push(path.to_owned()),
    }
}

/// kubectl apply and Argo CD compare what git holds with the living object, field by field, lists as a whole; Argo CD first
/// takes out what its Application says is to be ignored, with gojq.
#[test]
fn the_three_way_diff_is_empty_beside_what_is_to_be_ignored() {
    if !parts::needs("gojq") {
        return;
    }
    let printed = gatewright(&["schema", "argocd"], b"");
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let ignored = Piece::new(&printed.stdout, 0..printed.stdout.len(), 0)
        .value()
        .unwrap();
    let rule = &ignored["ignoreDifferences"][0];
    assert_eq!(
        (&rule["group"], &rule["kind"]),
        (&json!("kubeflow.org"), &json!("Notebook"))
    );
    let paths: Vec<&str> = rule["jqPathExpressions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    // Argo CD deletes path by path (argoproj/argo-cd util/argo/normalizers/diff_normalizer.go).
    let program: Vec<String> = paths.iter().map(|path| format!("del({path})")).collect();
    let program = program.join(" | ");

    let mut pairs = Vec::new();
    for case in with_live() {
        let live: BTreeMap<[String; 3], Value> = case
            .live
            .iter()
            .map(|object| (id(object), object.clone()))
            .collect();
        for ours in case.ours {
            if let Some(live) = live.get(&id(&ours)) {
                pairs.push((case.name.clone(), ours, live.clone()));
            }
        }
    }
    let objects: Vec<&Value> = pairs.iter().flat_map(|(_, ours, live)| [ours, live]).collect();
    let mut gojq = Command::new(parts::find("gojq").unwrap());
    gojq.args([
        "-c",
        &format!("map(if .kind == \"Notebook\" then {program} else . end)"),
    ]);
    let answer = run(gojq, json!(objects).to_string().as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let normal: Vec<Value> = serde_json::from_str(&answer.stdout).unwrap();
    let mut wrong = Vec::new();
    let mut drifted = 0;
    for ((name, ours, live), normal) in pairs.iter().zip(normal.chunks(2)) {
        drifted += usize::from(!three_way(ours, live).is_empty());
        let differs = three_way(&normal[0], &normal[1]);
        if !differs.is_empty() {
            wrong.push(format!("{name}: {:?}: {differs:?}", id(ours)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(pairs.len() > 60, "only {}", pairs.len());
    assert!(
        drifted > 20,
        "without the list there is a difference in {drifted} alone"
    );
}

fn with_live() -> Vec<Case> {
    let (cases, _) = cases();
    cases
        .into_iter()
        .filter(|case| !case.live.is_empty())
        .filter(|case| !CONVERTED.contains(&case.name.as_str()))
        .collect()
}

/// Puts what the controller made into the server. Each `StatefulSet` was recorded in part, and is not ours to write.
fn load(plane: &ControlPlane, cases: &[Case]) {
    let mut namespaces = BTreeSet::from(["opendatahub".to_owned(), "openshift-ingress".to_owned()]);
    let mut objects: BTreeMap<[String; 3], Value> = BTreeMap::new();
    for case in cases {
        for object in &case.live {
            let wanted = ["Notebook", "ServiceAccount", "Role", "RoleBinding"];
            if wanted.iter().any(|kind| object["kind"] == *kind) {
                namespaces.extend(object["metadata"]["namespace"].as_str().map(str::to_owned));
                objects.insert(id(object), object.clone());
            }
        }
    }
    plane.namespaces(namespaces.iter().map(String::as_str));
    let objects: Vec<Value> = objects.into_values().collect();
    plane.on(&["apply", "--server-side", "--field-manager=recorded"], &objects);
}

/// An object without what a write changes of itself, and without our own labels and annotations.
fn beside_ours(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in [
        "managedFields",
        "resourceVersion",
        "creationTimestamp",
        "uid",
        "generation",
    ] {
        metadata.remove(field);
    }
    for (field, ours) in [
        ("labels", &[MANAGED_BY, "notebook-name"][..]),
        (
            "annotations",
            &["argocd.argoproj.io/sync-wave", "gatewright.dev/"][..],
        ),
    ] {
        if let Some(fields) = metadata.get_mut(field).and_then(Value::as_object_mut) {
            fields.retain(|key, _| !ours.iter().any(|own| key.starts_with(own)));
            if fields.is_empty() {
                metadata.remove(field);
            }
        }
    }
    object
}

/// The fields of ours that the living object does not have so: the patch that a three-way merge would send where what was
/// applied last is what is in git. Our own labels and annotations of new objects apart.
fn three_way(ours: &Value, live: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    visit(&beside_ours(ours), &beside_ours(live), "", &mut paths);
    paths
}

fn visit(ours: &Value, live: &Value, path: &str, paths: &mut Vec<String>) {
    match (ours, live) {
        (Value::Object(ours), Value::Object(live)) => {
            for (key, value) in ours {
                visit(
                    value,
                    live.get(key).unwrap_or(&Value::Null),
                    &format!("{path}/{key}"),
                    paths,
                );
            }
        }
        _ if ours == live => {}
        _ => paths.push(path.to_owned()),
    }
}
