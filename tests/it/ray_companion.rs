//! Beside Open Data Hub's operator (`rayClusters.operator: OpenDataHub`): what we render leaves alone what the real one made.
//!
//! The recorded objects (`fixtures/ray-operators/rhkr-*`, an OpenShift with the operator's webhook) are put into a real API
//! server. What we render from the same input is then applied as Flux does it, without being stored: in the cluster itself
//! nothing moves but what is ours, and nothing else that we write stands already.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gatewright::model::keys::{RAY_SECURE, RAY_SOURCE};
use gatewright::model::ray::{AUTH_MODE_VARIABLE, Door, VOLUMES};
use serde_json::{Value, json};

use crate::control_plane;
use crate::recorded::difference::{self, text};
use crate::recorded::{Answer, render};

const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata: {name: recordings}
spec:
  flavor: OpenShift
  rayClusters: {operator: OpenDataHub}
";

/// What the operator makes an outage or an exposure of beside us is refused.
const REFUSED: [&str; 8] = [
    "rhkr-06-custom-ports",
    "rhkr-07-head-service",
    "rhkr-14-name-41",
    "rhkr-16-name-54",
    "rhkr-17-collision-route",
    "rhkr-18-foreign-httproute",
    "rhkr-19-own-sidecar",
    "rhkr-31-no-workers",
];

/// Kinds that hold a cluster.
const RAY: [&str; 2] = ["RayCluster", "RayJob"];

struct Case {
    name: String,
    answer: Answer,
    live: Vec<Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ray-operators")
}

fn cases() -> Vec<Case> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("rhkr-"))
        .collect();
    names.sort();
    let case = |name: String| {
        let read = |file: &str| std::fs::read_to_string(folder().join(&name).join(file)).unwrap();
        let answer = render(PLATFORM, &read("input.yaml"));
        let live = difference::objects("live", &read("live-1.yaml"));
        Case { name, answer, live }
    };
    names.into_iter().map(case).collect()
}

fn id(object: &Value) -> [String; 3] {
    ["/kind", "/metadata/namespace", "/metadata/name"].map(|at| text(object, at).to_owned())
}

fn is_ray(object: &Value) -> bool {
    RAY.contains(&text(object, "/kind"))
}

fn is_ours(object: &Value) -> bool {
    !text(object, "/metadata/annotations/gatewright.dev~1source").is_empty()
}

#[test]
fn what_the_operator_breaks_is_refused() {
    let refused: Vec<String> = cases()
        .into_iter()
        .filter(|case| case.answer.rendered.is_none())
        .map(|case| case.name)
        .collect();
    assert_eq!(refused, REFUSED);
}

/// What the operator makes under a name, takes for its own or deletes is not written by us.
#[test]
fn what_the_operator_makes_or_deletes_is_left_out() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases() {
        let Some(rendered) = &case.answer.rendered else {
            continue;
        };
        let clusters: BTreeSet<(&str, &str)> = rendered
            .iter()
            .filter(|object| object["kind"] == "RayCluster")
            .map(|object| {
                (
                    text(object, "/metadata/namespace"),
                    text(object, "/metadata/name"),
                )
            })
            .collect();
        let live: BTreeSet<[String; 3]> = case
            .live
            .iter()
            .filter(|object| !is_ray(object))
            .map(id)
            .collect();
        for ours in rendered.iter().filter(|object| is_ours(object)) {
            count += 1;
            let [kind, namespace, name] = id(ours);
            let mut say = |what: &str| wrong.push(format!("{}: {kind} {namespace}/{name} {what}", case.name));
            if live.contains(&id(ours)) {
                say("is the operator's own");
            }
            let labels = &ours["metadata"]["labels"];
            if kind == "HTTPRoute" && labels["ray.io/cluster-name"].is_string() {
                say("has the labels by which the operator deletes routes");
            }
            for (space, cluster) in &clusters {
                let taken = [
                    ("HTTPRoute", (*cluster).to_owned()),
                    ("Service", format!("{cluster}-head-svc")),
                    ("NetworkPolicy", format!("{cluster}-head")),
                    ("NetworkPolicy", format!("{cluster}-workers")),
                    ("Role", (*cluster).to_owned()),
                    ("RoleBinding", (*cluster).to_owned()),
                    ("ServiceAccount", format!("{cluster}-oauth-proxy-sa")),
                    ("ConfigMap", format!("kube-rbac-proxy-config-{cluster}")),
                    ("ReferenceGrant", "kuberay-gateway-access".to_owned()),
                ];
                if namespace == *space && taken.iter().any(|(of, own)| kind == *of && name == *own) {
                    say("has a name that the operator takes for its own");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} objects");
}

#[test]
fn a_dry_run_over_what_the_operator_made_adds_what_is_ours_and_changes_nothing() {
    let Some(plane) = control_plane::shared() else {
        return;
    };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for case in cases() {
        let Some(rendered) = case.answer.rendered else {
            continue;
        };
        // A RayJob's cluster has a name of chance, and is not ours to write.
        let written = |object: &&Value| is_ray(object) && !text(object, "/metadata/name").contains('<');
        let live: Vec<Value> = case.live.iter().filter(written).cloned().collect();
        let spaces: BTreeSet<&str> = live
            .iter()
            .map(|object| text(object, "/metadata/namespace"))
            .collect();
        plane.namespaces(spaces);
        plane.on(
            &[
                "apply",
                "--server-side",
                "--validate=false",
                "--field-manager=recorded",
            ],
            &live,
        );
        let ids: BTreeSet<[String; 3]> = live.iter().map(id).collect();
        let ours: Vec<Value> = rendered
            .into_iter()
            .filter(|object| ids.contains(&id(object)))
            .collect();
        assert_eq!(ours.is_empty(), live.is_empty(), "{}", case.name);
        let before = plane.on(&["get"], &ours);
        let apply = [
            "apply",
            "--server-side",
            "--validate=false",
            "--force-conflicts",
            "--field-manager=gitops",
        ];
        let dry = [&apply[..], &["--dry-run=server"]].concat();
        let after = plane.on(&dry, &ours);
        for (before, after) in before.iter().zip(&after) {
            compared += 1;
            let left = without_ours(after);
            if left != without_ours(before) {
                wrong.push(format!(
                    "{}: {:?}\n  {}\n  {left}",
                    case.name,
                    id(after),
                    without_ours(before)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 15, "only {compared} clusters");
}

/// A document without the server's bookkeeping, and without what we put into it: the guards with their volumes, what says where
/// the dashboard listens, that Ray's own tokens are off, and that the head's Service stays inside.
fn without_ours(object: &Value) -> Value {
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
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !key.starts_with("gatewright.dev/"));
    }
    metadata.retain(|_, value| *value != json!({}));
    let job = object["kind"] == "RayJob";
    let at = if job { "/spec/rayClusterSpec" } else { "/spec" };
    let cluster = object.pointer_mut(at).unwrap();
    let options = cluster
        .get_mut("autoscalerOptions")
        .and_then(Value::as_object_mut);
    if let Some(options) = options {
        only_others(options, "env", &[AUTH_MODE_VARIABLE]);
        only_others(options, "volumeMounts", &VOLUMES);
    }
    let head = &mut cluster["headGroupSpec"];
    head["rayStartParams"]
        .as_object_mut()
        .unwrap()
        .remove("dashboard-host");
    // A Service that is open to the outside is written as one that is not.
    for field in ["/serviceType", "/headService/spec/type"] {
        if let Some(kind) = head.pointer_mut(field) {
            *kind = json!("ClusterIP");
        }
    }
    pods(head);
    for group in cluster["workerGroupSpecs"].as_array_mut().into_iter().flatten() {
        pods(group);
    }
    if job {
        // Nothing of the operator's own webhook is on a job: the annotation and the field are ours there.
        cluster["headGroupSpec"]
            .as_object_mut()
            .unwrap()
            .remove("enableIngress");
        let metadata = object["metadata"].as_object_mut().unwrap();
        let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
        if let Some(annotations) = annotations {
            annotations.remove(RAY_SECURE);
        }
        metadata.retain(|_, value| *value != json!({}));
    }
    object
}

/// A group's pods without ours.
fn pods(group: &mut Value) {
    let template = &mut group["template"];
    if let Some(metadata) = template["metadata"].as_object_mut() {
        let empty = metadata
            .get_mut("labels")
            .and_then(Value::as_object_mut)
            .is_some_and(|labels| {
                labels.remove(RAY_SOURCE);
                labels.is_empty()
            });
        if empty {
            metadata.remove("labels");
        }
    }
    let spec = template["spec"].as_object_mut().unwrap();
    spec.remove("automountServiceAccountToken");
    only_others(spec, "containers", &Door::ALL.map(Door::container));
    only_others(spec, "volumes", &VOLUMES);
    for container in spec["containers"].as_array_mut().unwrap() {
        only_others(container.as_object_mut().unwrap(), "env", &[AUTH_MODE_VARIABLE]);
    }
}

/// Takes items of these names out of a list, and the list with its last item.
fn only_others(object: &mut serde_json::Map<String, Value>, list: &str, names: &[&str]) {
    let empty = object
        .get_mut(list)
        .and_then(Value::as_array_mut)
        .is_some_and(|items| {
            items.retain(|item| !names.contains(&text(item, "/name")));
            items.is_empty()
        });
    if empty {
        object.remove(list);
    }
}
