use serde_json::json;

use super::*;
use crate::input;
use crate::model::platform::{Environment, resolve};

fn platform() -> Platform {
    let spec = serde_json::from_value(json!({"flavor": "OpenShift"})).unwrap();
    resolve("platform", spec, &Environment::default(), &mut Vec::new()).unwrap()
}

fn document(mut change: impl FnMut(&mut Value)) -> Document {
    let mut value = json!({
        "metadata": {"name": "nb", "namespace": "ns", "annotations": {}},
        "spec": {"template": {"spec": {"containers": [{"name": "nb"}]}}}
    });
    change(&mut value);
    input::notebook::read(&value).unwrap()
}

fn switched(annotations: &Value, legacy: bool) -> (Option<Switch>, String) {
    let document = document(|value| {
        value["metadata"]["annotations"] = annotations.clone();
        if legacy {
            value["spec"]["template"]["spec"]["containers"] =
                json!([{"name": "nb"}, {"name": "oauth-proxy"}]);
        }
    });
    let mut findings = Vec::new();
    let switch = switch(&document, &mut findings);
    (
        switch,
        findings
            .iter()
            .map(Finding::to_line)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[test]
fn the_switch_is_true_or_false_and_nothing_else() {
    let (new, old) = (keys::INJECT_AUTH, keys::INJECT_OAUTH);
    assert_eq!(switched(&json!({}), false).0, Some(Switch::Off));
    assert_eq!(
        switched(&json!({new: "true"}), false),
        (Some(Switch::On), String::new())
    );
    assert_eq!(switched(&json!({new: "false"}), false).0, Some(Switch::Off));
    assert_eq!(switched(&json!({old: "true"}), false).0, Some(Switch::On));
    for bad in ["True", "yes", " true", "1", "", "on", "enabled"] {
        let (switch, line) = switched(&json!({new: bad}), false);
        assert_eq!(switch, None, "{bad}");
        assert!(line.starts_with("error: metadata.annotations"), "{line}");
    }
    assert!(switched(&json!({new: "yes"}), false).1.contains("write \"true\""));
}

#[test]
fn two_switches_agree_or_fail() {
    let (new, old) = (keys::INJECT_AUTH, keys::INJECT_OAUTH);
    let (switch, line) = switched(&json!({new: "true", old: "true"}), false);
    assert_eq!(switch, Some(Switch::On));
    assert!(line.starts_with("warning: "), "{line}");
    for (one, other) in [("true", "false"), ("false", "true")] {
        let (switch, line) = switched(&json!({new: one, old: other}), false);
        assert_eq!(switch, None);
        assert!(line.contains("contradicts"), "{line}");
    }
}

#[test]
fn what_is_left_of_2x_is_in_the_way_or_said() {
    let (new, old) = (keys::INJECT_AUTH, keys::INJECT_OAUTH);
    let (switch, line) = switched(&json!({new: "true"}), true);
    assert_eq!(switch, None);
    assert!(
        line.starts_with("error: ") && line.contains("still there"),
        "{line}"
    );
    for annotations in [json!({}), json!({new: "false"}), json!({old: "false"})] {
        let (switch, line) = switched(&annotations, true);
        assert_eq!(switch, Some(Switch::Off));
        assert!(
            line.starts_with("warning: ") && line.contains("container oauth-proxy"),
            "{line}"
        );
    }
}

fn guard(change: impl FnMut(&mut Value)) -> (Option<Notebook>, Vec<String>) {
    let mut findings = Vec::new();
    let notebook = guarded(
        &document(change),
        "ns".into(),
        &platform(),
        Injected::default(),
        &mut findings,
    );
    (notebook, findings.iter().map(Finding::to_line).collect())
}

#[test]
fn everything_that_keeps_a_notebook_from_being_guarded_is_said_at_once() {
    let (notebook, lines) = guard(|value| {
        value["metadata"]["name"] = json!("My.Notebook");
        value["metadata"]["labels"] = json!({"notebook-name": "other", "statefulset": "other"});
        value["metadata"]["annotations"] =
            json!({"notebooks.opendatahub.io/auth-sidecar-cpu-request": "lots"});
        value["spec"]["template"]["spec"] = json!({
            "hostNetwork": true,
            "shareProcessNamespace": true,
            "containers": [{"name": "a", "ports": [{"containerPort": 8443, "name": "kube-rbac-proxy", "hostPort": 80}], "volumeMounts": [{"name": "kube-rbac-proxy-token"}]}],
            "initContainers": [{"name": "kube-rbac-proxy", "ports": [{"containerPort": 8444}]}],
            "volumes": [{"name": "kube-rbac-proxy-config"}]
        });
    });
    assert_eq!(notebook, None);
    for path in [
        "metadata.name",
        "metadata.labels.notebook-name",
        "metadata.labels.statefulset",
        "auth-sidecar-cpu-request",
        "hostNetwork",
        "shareProcessNamespace",
        "containers[0].ports[0].hostPort",
        "containers[0].volumeMounts[0].name",
        "initContainers[0].name",
        "initContainers[0].ports[0].containerPort",
        "containers[0].ports[0].containerPort",
        "containers[0].ports[0].name",
        "volumes[0].name",
    ] {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("error: ") && line.contains(path)),
            "{path}: {lines:#?}"
        );
    }
}

#[test]
fn sidecar_resources_are_read_as_the_real_controller_reads_them() {
    let annotations = |pairs: &[(&str, &str)]| {
        let fields = pairs.iter().map(|(key, value)| {
            (
                format!("notebooks.opendatahub.io/auth-sidecar-{key}"),
                json!(value),
            )
        });
        Value::Object(fields.collect())
    };
    let with = |pairs: &[(&str, &str)]| {
        let annotations = annotations(pairs);
        guard(|value| value["metadata"]["annotations"] = annotations.clone())
    };
    let resources = with(&[
        ("cpu-request", " 50m\n"),
        ("memory-limit", "128Mi"),
        ("cpu-limit", ""),
    ])
    .0
    .unwrap()
    .resources;
    assert_eq!(resources.requests["cpu"], "50m");
    assert_eq!(resources.limits["memory"], "128Mi");
    assert_eq!(resources.limits["cpu"], "100m");
    assert!(
        with(&[("cpu-request", "0"), ("memory-request", "64Mi")])
            .0
            .is_some()
    );
    for (pairs, word) in [
        (vec![("cpu-request", "200m")], "more than the limit"),
        (vec![("memory-request", "128Mi")], "more than the limit"),
        (vec![("cpu-limit", "-1")], "negative"),
        (vec![("memory-limit", "lots"), ("cpu-limit", "x")], "quantity"),
    ] {
        let (notebook, lines) = with(&pairs);
        assert_eq!(notebook, None);
        assert_eq!(
            lines.iter().filter(|line| line.contains(word)).count(),
            pairs.len(),
            "{lines:#?}"
        );
    }
}

#[test]
fn names_have_limits_and_warnings() {
    assert!(
        guard(|value| value["metadata"]["name"] = json!("n".repeat(53)))
            .0
            .is_none()
    );
    let name = "n".repeat(52);
    assert!(guard(|value| value["metadata"]["name"] = json!(name)).0.is_some());
    let (notebook, lines) = guard(|value| value["metadata"]["name"] = json!("1e3"));
    assert!(
        notebook.is_some()
            && lines
                .iter()
                .any(|line| line.starts_with("warning: metadata.name")),
        "{lines:?}"
    );
    let (notebook, lines) =
        guard(|value| value["spec"]["template"]["spec"]["containers"][0]["name"] = json!("main"));
    assert!(
        notebook.is_some()
            && lines
                .iter()
                .any(|line| line.contains("no container has the Notebook's name"))
    );
}

#[test]
fn the_users_service_account_stays_and_is_warned_about() {
    for field in ["serviceAccountName", "serviceAccount"] {
        let (notebook, lines) = guard(|value| value["spec"]["template"]["spec"][field] = json!("robot"));
        assert_eq!(
            notebook.unwrap().service_account,
            ServiceAccount::Theirs("robot".into())
        );
        assert!(
            lines[0].starts_with("warning: ") && lines[0].contains(field),
            "{lines:?}"
        );
    }
    assert_eq!(guard(|_| ()).0.unwrap().service_account, ServiceAccount::Ours);
}

#[test]
fn the_port_is_the_one_the_controllers_service_leads_to() {
    let (notebook, _) = guard(|value| {
        value["spec"]["template"]["spec"]["containers"][0]["ports"] =
            json!([{"containerPort": 8787}, {"containerPort": 9}]);
    });
    assert_eq!(notebook.unwrap().port, 8787);
    assert_eq!(guard(|_| ()).0.unwrap().port, 8888);
}

#[test]
fn a_notebook_without_namespace_needs_a_default() {
    let document = document(|value| value["metadata"]["namespace"] = Value::Null);
    let mut findings = Vec::new();
    assert_eq!(
        switch::namespace(&document.namespace, &platform(), &mut findings),
        None
    );
    assert!(findings[0].to_line().contains("metadata.namespace: is missing"));
    let with_default = Platform {
        default_namespace: Some("team".into()),
        ..platform()
    };
    assert_eq!(
        switch::namespace(&document.namespace, &with_default, &mut Vec::new()).as_deref(),
        Some("team")
    );
}
