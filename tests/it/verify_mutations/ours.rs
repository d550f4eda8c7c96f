//! The same of our own program as the guard (`sidecar.program: gatewright`): what is rendered with it is proved, and what its
//! own flags and configuration change is found.

use gatewright::krm::results::Severity;
use serde_json::{Value, json};

use crate::judged::{judgements, line};
use crate::program::gatewright;
use crate::recorded::difference;

const INPUT: &[u8] = include_bytes!("../../../fixtures/fn/program-gatewright/input.yaml");

/// What is rendered for a Notebook and a Ray cluster.
fn rendered() -> Vec<Value> {
    let run = gatewright(&["fn"], INPUT);
    assert_eq!(run.code, 0, "{}", run.stderr);
    difference::objects("program-gatewright", &run.stdout)
}

/// The errors after a change of the object of a kind and name.
fn errors(kind: &str, name: &str, change: impl Fn(&mut Value)) -> Vec<String> {
    let mut objects = rendered();
    let changed = objects
        .iter_mut()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    change(changed.unwrap());
    let found = judgements(&objects).into_iter();
    let errors = found.filter(|judgement| judgement.rule.severity() == Severity::Error);
    errors.map(|judgement| line(&judgement)).collect()
}

fn arguments(notebook: &mut Value) -> &mut Vec<Value> {
    let guard = &mut notebook["spec"]["template"]["spec"]["containers"][1];
    guard["args"].as_array_mut().unwrap()
}

#[test]
fn our_own_guard_is_proved() {
    assert_eq!(errors("Notebook", "churn", |_| {}), [""; 0]);
    let mut objects = rendered();
    let notebook = objects.iter_mut().find(|object| object["kind"] == "Notebook");
    assert_eq!(arguments(notebook.unwrap())[0], "proxy");
}

#[test]
fn one_that_asks_by_path_is_open_under_api_to_everybody() {
    let of_api = |errors: &[String]| {
        errors
            .iter()
            .any(|error| error.contains("let everybody get /api"))
    };
    let by_path = errors("ConfigMap", "churn-kube-rbac-proxy-config", |config| {
        config["data"]["config-file.yaml"] = json!("authorization: {}");
    });
    assert!(of_api(&by_path), "{by_path:?}");
    let without = errors("Notebook", "churn", |notebook| {
        arguments(notebook).retain(|word| !word.as_str().unwrap().starts_with("--config-file"));
    });
    assert!(of_api(&without), "{without:?}");
}

#[test]
fn paths_that_are_not_asked_about_are_found() {
    for flag in ["--ignore-paths=/api/*", "--ignore-paths=/lab,/tree"] {
        let found = errors("Notebook", "churn", |notebook| {
            arguments(notebook).push(json!(flag));
        });
        assert_ne!(found, [""; 0], "{flag}");
    }
}
