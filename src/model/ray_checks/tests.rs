mod auth;
mod head;
mod lifetimes;
mod others;

use serde_json::{Value, json};

use super::*;
use crate::input::ray;
use crate::model::platform::{Environment, resolve};

/// A document of a kind that nothing is said of.
fn sound(kind: Kind) -> Value {
    let template = |name: &str| {
        let image = "rayproject/ray:2.55.0";
        json!({"spec": {"containers": [{"name": name, "image": image}]}})
    };
    let cluster = json!({
        "rayVersion": "2.55.0",
        "headGroupSpec": {"rayStartParams": {}, "template": template("ray-head")},
        "workerGroupSpecs": [{"groupName": "small", "replicas": 1, "minReplicas": 1, "maxReplicas": 2, "rayStartParams": {},
            "template": template("ray-worker")}]
    });
    let spec = match kind {
        Kind::RayCluster => cluster,
        Kind::RayJob => json!({"entrypoint": "python job.py", "rayClusterSpec": cluster}),
        Kind::RayService => json!({"rayClusterConfig": cluster}),
    };
    json!({"metadata": {"name": "rc", "namespace": "team"}, "spec": spec})
}

/// Sets a field by its path (`/` between the steps), making what is missing on the way; null takes it out.
fn set(value: &mut Value, path: &str, to: Value) {
    let (step, rest) = path.split_once('/').map_or((path, None), |(a, b)| (a, Some(b)));
    let step = step.replace('~', "/");
    let field = if let Ok(index) = step.parse::<usize>() {
        if !value.is_array() {
            *value = json!([]);
        }
        let items = value.as_array_mut().unwrap();
        while items.len() <= index {
            items.push(Value::Null);
        }
        &mut items[index]
    } else {
        if !value.is_object() {
            *value = json!({});
        }
        if rest.is_none() && to.is_null() {
            value.as_object_mut().unwrap().remove(&step);
            return;
        }
        value.as_object_mut().unwrap().entry(step).or_insert(Value::Null)
    };
    match rest {
        Some(rest) => set(field, rest, to),
        None => *field = to,
    }
}

/// What is said of a sound document with some fields changed: those of the cluster by a path that begins with `$`.
fn said(kind: Kind, rays: &Value, changes: &[(&str, Value)]) -> Vec<String> {
    let mut value = sound(kind);
    for (path, to) in changes {
        let path = path.replace('$', &kind.steps().join("/"));
        set(&mut value, &path, to.clone());
    }
    let document = ray::read(kind, &value).unwrap();
    let cluster = document.cluster.clone().unwrap();
    let spec = serde_json::from_value(json!({"flavor": "OpenShift", "rayClusters": rays})).unwrap();
    let mut findings = Vec::new();
    let platform = resolve("platform", spec, &Environment::default(), &mut findings).unwrap();
    check(&document, &cluster, "team", &platform, &mut findings);
    findings.iter().map(Finding::to_line).collect()
}

/// What is changed in a document, and the texts of the line that is said of it.
type Row<'a> = (&'a [(&'a str, Value)], &'a [&'a str]);
/// The same, owned.
type OwnRow<'a> = (Vec<(String, Value)>, Vec<&'a str>);

/// One line for every row, holding every one of its texts; none where it has no texts.
#[track_caller]
fn table(kind: Kind, rays: &Value, rows: &[Row<'_>]) {
    for (changes, texts) in rows {
        let said = said(kind, rays, changes);
        match texts {
            [] => assert_eq!(said, Vec::<String>::new(), "{changes:?}"),
            texts => {
                let fits = |line: &String| texts.iter().all(|text| line.contains(text));
                assert_eq!(
                    said.iter().filter(|line| fits(line)).count(),
                    1,
                    "{changes:?}: {said:#?}"
                );
            }
        }
    }
}

#[test]
fn of_a_sound_document_nothing_is_said() {
    for kind in Kind::ALL {
        assert_eq!(said(kind, &json!({}), &[]), Vec::<String>::new(), "{kind:?}");
    }
}

#[test]
fn names_are_those_that_kuberay_takes() {
    for (kind, max) in [(Kind::RayCluster, 53), (Kind::RayJob, 47), (Kind::RayService, 47)] {
        let named = |name: String| said(kind, &json!({}), &[("metadata/name", json!(name))]);
        assert_eq!(named("r".repeat(max)), Vec::<String>::new());
        assert!(named("r".repeat(max + 1))[0].contains(&format!("at most {max} characters")));
        for bad in ["0rc", "Rc", "r_c", "-rc", "rc-", "r.c"] {
            assert!(
                named(bad.to_owned())[0].starts_with("error: metadata.name: must be"),
                "{bad}"
            );
        }
        assert!(named("9-Lives".to_owned())[0].contains("(found \"9-Lives\"; write \"lives\")"));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn groups_are_those_that_kuberay_takes() {
    let group = "$/workerGroupSpecs/0";
    let at = |field: &str| format!("{group}/{field}");
    let (min, max, replicas) = (at("minReplicas"), at("maxReplicas"), at("replicas"));
    let head = "$/headGroupSpec";
    let rows: Vec<OwnRow<'_>> = vec![
        (
            vec![(at("groupName"), json!(null))],
            vec!["error: spec.workerGroupSpecs[0].groupName: is missing"],
        ),
        (
            vec![(
                "$/workerGroupSpecs/1".into(),
                json!({"groupName": "small", "minReplicas": 0, "maxReplicas": 1,
            "template": {"spec": {"containers": [{"name": "w"}]}}}),
            )],
            vec!["error: spec.workerGroupSpecs[1].groupName: is the name of another group"],
        ),
        (
            vec![(min.clone(), json!(null))],
            vec!["error: spec.workerGroupSpecs[0].minReplicas: is missing"],
        ),
        (
            vec![(max.clone(), json!(null))],
            vec!["error: spec.workerGroupSpecs[0].maxReplicas: is missing"],
        ),
        (
            vec![
                (min.clone(), json!(null)),
                (max.clone(), json!(null)),
                (replicas.clone(), json!(null)),
                ("$/enableInTreeAutoscaling".into(), json!(true)),
            ],
            vec![],
        ),
        (
            vec![(min.clone(), json!(-1))],
            vec!["error: spec.workerGroupSpecs[0].minReplicas: is less than none"],
        ),
        (
            vec![(min.clone(), json!(-3)), (max.clone(), json!(-2))],
            vec!["maxReplicas: is less than none"],
        ),
        (
            vec![(min.clone(), json!(3))],
            vec!["minReplicas: is more than maxReplicas, 2", "(found 3; write 2)"],
        ),
        (
            vec![("$/enableInTreeAutoscaling".into(), json!(true))],
            vec!["warning: spec.workerGroupSpecs[0].replicas: is the autoscaler's"],
        ),
        (vec![(at("suspend"), json!(true))], vec![]),
        (
            vec![
                (at("suspend"), json!(true)),
                ("$/enableInTreeAutoscaling".into(), json!(true)),
            ],
            vec!["error: spec.workerGroupSpecs[0].suspend: "],
        ),
        (
            vec![(format!("{head}/template/spec/containers"), json!([]))],
            vec!["error: spec.headGroupSpec.template.spec.containers: holds no container"],
        ),
        (
            vec![(at("template/spec/containers"), json!([]))],
            vec!["error: spec.workerGroupSpecs[0].template.spec.containers: holds no container"],
        ),
        (
            vec![
                (format!("{head}/resources"), json!({"CPU": "1"})),
                (format!("{head}/rayStartParams"), json!({"num-cpus": "1"})),
            ],
            vec!["error: spec.headGroupSpec.rayStartParams.num-cpus: "],
        ),
        (
            vec![(format!("{head}/rayStartParams"), json!({"num-cpus": "0"}))],
            vec![],
        ),
        (
            vec![(at("rayStartParams"), json!({"labels": "a=b"}))],
            vec!["rayStartParams.labels: KubeRay refuses this"],
        ),
        (
            vec![(at("labels"), json!({"zone": "not valid"}))],
            vec!["error: spec.workerGroupSpecs[0].labels[\"zone\"]"],
        ),
        (
            vec![("$/managedBy".into(), json!("me"))],
            vec!["error: spec.managedBy: ", "ray.io/kuberay-operator"],
        ),
        (
            vec![("$/managedBy".into(), json!("ray.io/kuberay-operator"))],
            vec![],
        ),
        (
            vec![("$/managedBy".into(), json!("kueue.x-k8s.io/multikueue"))],
            vec!["warning: spec.managedBy: "],
        ),
    ];
    for (changes, texts) in &rows {
        let changes: Vec<(&str, Value)> = changes
            .iter()
            .map(|(path, to)| (path.as_str(), to.clone()))
            .collect();
        table(Kind::RayCluster, &json!({}), &[(&changes, texts)]);
    }
}
