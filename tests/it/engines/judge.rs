//! What is looked for in each state that an engine goes through. One place, so that what judges may change.

use gatewright::cluster::object::Object;
use serde_json::Value;

/// What is open in a state: a sentence each. The state is everything in the cluster, as the watch reported it.
///
/// For now: each Notebook that is there has in its namespace a policy that closes all of them.
pub(crate) fn judge(state: &[Object]) -> Vec<String> {
    let notebooks = state
        .iter()
        .filter(|object| is(object, "kubeflow.org", "Notebook"));
    notebooks
        .filter(|notebook| !state.iter().any(|policy| closes(policy, &notebook.id.namespace)))
        .map(|notebook| format!("{} has no policy that closes it", notebook.id))
        .collect()
}

/// Whether pods of an object live on when it is changed or deleted.
pub(crate) fn has_pods(object: &Object) -> bool {
    is(object, "kubeflow.org", "Notebook") || is(object, "apps", "Deployment")
}

fn is(object: &Object, group: &str, kind: &str) -> bool {
    object.id.group == group && object.id.kind == kind
}

fn closes(policy: &Object, namespace: &str) -> bool {
    let selector = policy.value.pointer("/spec/podSelector/matchExpressions/0");
    is(policy, "networking.k8s.io", "NetworkPolicy")
        && policy.id.namespace == namespace
        && selector
            .and_then(|selector| selector.get("key"))
            .and_then(Value::as_str)
            == Some("notebook-name")
        && selector
            .and_then(|selector| selector.get("operator"))
            .and_then(Value::as_str)
            == Some("Exists")
}
