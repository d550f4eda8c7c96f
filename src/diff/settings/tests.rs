//! Changes that leave every answer as it was.

use crate::access::study;
use crate::access::tests::{file, objects};
use crate::cluster::object::Object;
use crate::diff::change::{Effect, What};
use crate::diff::{Diff, Side, compare};

fn compared(base: &[Object], head: &[Object]) -> Diff {
    let (old, new) = (study::of(base), study::of(head));
    let place = |_: &Object| String::new();
    let side = |name, study, objects| Side {
        name,
        study,
        judgements: &[],
        objects,
        place: &place,
    };
    compare(&side("base", &old, base), &side("head", &new, head))
}

#[test]
fn a_guard_that_is_started_otherwise_is_told() {
    let base = file("examples/.expected/notebooks.yaml");
    assert!(compared(&base, &base).access.is_empty());
    let mut head = base.clone();
    let notebook = head
        .iter_mut()
        .find(|object| {
            object.id.kind == "Notebook" && object.value.to_string().contains("--secure-listen-address")
        })
        .unwrap();
    let containers = notebook.value["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap();
    let guard = containers
        .iter_mut()
        .find(|container| container.to_string().contains("--secure-listen-address"))
        .unwrap();
    guard["args"]
        .as_array_mut()
        .unwrap()
        .push("--kubeconfig=/tmp/evil".into());
    guard["env"] = serde_json::json!([{"name": "X", "value": "secret"}]);
    let diff = compared(&base, &head);
    let told = diff.access.iter().find(|change| {
        matches!(&change.what, What::GuardAlters { property, to, .. }
            if property == "settings" && to == "argument --kubeconfig=/tmp/evil, variable X")
    });
    assert_eq!(told.unwrap().effect, Effect::Alters, "{:?}", diff.access);
    assert!(!told.unwrap().sentence.contains("secret"));
}

#[test]
fn a_filter_of_a_route_that_changes_is_told() {
    let text = |filters: &str| {
        format!(
            "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: edge}}
spec: {{gatewayClassName: istio, listeners: [{{name: https, port: 443, protocol: HTTPS, hostname: a.example, allowedRoutes: {{namespaces: {{from: All}}}}}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: nb, namespace: team}}
spec:
  parentRefs: [{{name: gw, namespace: edge}}]
  rules: [{{backendRefs: [{{name: nb, port: 80}}]{filters}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: nb, namespace: team}}
spec: {{selector: {{notebook-name: nb}}, ports: [{{port: 80, targetPort: 8888}}]}}
---
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {{name: nb, namespace: team}}
spec: {{template: {{spec: {{containers: [{{name: nb, image: x}}]}}}}}}
"
        )
    };
    let base = objects(&text(""));
    let head = objects(&text(
        ", filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-auth-request-user, value: admin}]}}]",
    ));
    let diff = compared(&base, &head);
    let told = diff.access.iter().find(|change| {
        matches!(&change.what, What::WayFilters { from, to } if from.is_empty() && to.contains("admin"))
    });
    assert_eq!(told.unwrap().effect, Effect::Alters);
}
