use serde_json::{Value, json};

use super::*;

fn object(api: &str, kind: &str, namespace: &str, name: &str, spec: &Value) -> Object {
    Object {
        id: ObjectId::new(api, kind, namespace, name),
        value: json!({ "apiVersion": api, "kind": kind, "metadata": { "name": name, "namespace": namespace }, "spec": spec }),
        place: None,
    }
}

fn notebook(namespace: &str, name: &str) -> Object {
    let spec = json!({ "template": { "spec": { "containers": [{ "name": name }] } } });
    object("kubeflow.org/v1", "Notebook", namespace, name, &spec)
}

fn service(namespace: &str, name: &str, selector: &Value) -> Object {
    object("v1", "Service", namespace, name, &json!({ "selector": selector }))
}

fn route(namespace: &str, name: &str, to: (&str, &str)) -> Object {
    let spec = json!({ "rules": [{ "backendRefs": [{ "namespace": to.0, "name": to.1 }] }] });
    object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        namespace,
        name,
        &spec,
    )
}

fn policy(namespace: &str, name: &str, selector: &Value) -> Object {
    let spec = json!({ "podSelector": selector });
    object("networking.k8s.io/v1", "NetworkPolicy", namespace, name, &spec)
}

/// The names of the objects beside each workload, and of those in the slices without one.
fn told(objects: &[Object]) -> Vec<String> {
    let change = Change::new([], objects);
    let line = |slice: &Slice| {
        let ids = slice.objects.iter().filter_map(|index| change.id(*index));
        let mut names: Vec<&str> = ids.map(|id| id.name.as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    of(&change).iter().map(line).collect()
}

#[test]
fn a_service_and_its_route_are_the_workloads_wherever_they_are() {
    let objects = [
        notebook("ns", "a"),
        notebook("ns", "b"),
        notebook("routes", "c"),
        service("ns", "of-a", &json!({ "notebook-name": "a" })),
        service("ns", "of-b", &json!({ "statefulset": "b" })),
        route("routes", "to-a", ("ns", "of-a")),
        route("routes", "to-b", ("ns", "of-b")),
    ];
    assert_eq!(told(&objects), ["", "a of-a to-a", "b of-b to-b", "", "c"]);
}

#[test]
fn what_may_be_about_others_is_in_every_slice() {
    let objects = [
        notebook("ns", "a"),
        notebook("ns", "b"),
        notebook("other", "c"),
        service("ns", "any", &json!({ "app": "a" })),
        route("ns", "to-any", ("ns", "any")),
        object(
            "networking.istio.io/v1alpha3",
            "EnvoyFilter",
            "ns",
            "filter",
            &json!({ "name": "a" }),
        ),
        policy(
            "ns",
            "but-a",
            &json!({ "matchExpressions": [{ "key": "notebook-name", "operator": "NotIn", "values": ["a"] }] }),
        ),
        policy("ns", "of-b", &json!({ "matchLabels": { "notebook-name": "b" } })),
        policy("other", "here", &json!({})),
    ];
    let found = told(&objects);
    // The first namespace has what everybody has to do with, so its policies are everybody's.
    assert_eq!(
        found,
        [
            "any but-a filter to-any",
            "a any but-a filter to-any",
            "any b but-a filter of-b to-any",
            "any but-a filter here to-any",
            "any but-a c filter here to-any",
        ]
    );
}

#[test]
fn accounts_and_configuration_are_those_workloads_that_name_them() {
    let mut named = notebook("ns", "a");
    named.value["spec"]["template"]["spec"]["serviceAccountName"] = json!("runner");
    let mut binding = object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "",
        "delegator",
        &json!({}),
    );
    binding.value["subjects"] = json!([{ "kind": "ServiceAccount", "name": "runner", "namespace": "ns" }]);
    let mut group = object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "",
        "people",
        &json!({}),
    );
    group.value["subjects"] = json!([{ "kind": "Group", "name": "a" }]);
    let objects = [
        named,
        notebook("ns", "b"),
        object("v1", "ServiceAccount", "ns", "runner", &json!({})),
        object("v1", "ServiceAccount", "ns", "default", &json!({})),
        object("v1", "ConfigMap", "ns", "unnamed", &json!({})),
        binding,
        group,
    ];
    assert_eq!(
        told(&objects),
        [
            "default people unnamed",
            "a default delegator people runner unnamed",
            "b default people unnamed",
        ]
    );
}

#[test]
fn those_that_a_policy_lets_in_are_there() {
    let mut open = policy("ns", "open", &json!({ "matchLabels": { "notebook-name": "a" } }));
    open.value["spec"]["ingress"] = json!([{ "from": [{ "namespaceSelector": {}, "podSelector": { "matchLabels": { "notebook-name": "b" } } }] }]);
    let objects = [
        notebook("ns", "a"),
        notebook("other", "b"),
        notebook("other", "c"),
        open,
    ];
    assert_eq!(told(&objects), ["", "a b open", "", "b", "c"]);
}

#[test]
fn one_workload_is_not_cut_up() {
    let objects = [notebook("ns", "a"), service("ns", "any", &json!({}))];
    assert_eq!(told(&objects), ["a any"]);
}
