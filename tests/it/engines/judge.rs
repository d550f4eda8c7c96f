//! What is looked for in each state that an engine goes through: what `verify` finds open in it.

use gatewright::cluster::object::Object;
use gatewright::order::windows;
use gatewright::verify;

/// What is open in a state: a sentence each. The state is everything in the cluster, as the watch reported it.
pub(crate) fn judge(state: &[Object]) -> Vec<String> {
    verify::of(state)
        .into_iter()
        .filter(|judgement| windows::lets_in(judgement.rule))
        .map(|judgement| judgement.message)
        .collect()
}

/// Whether pods of an object live on when it is changed or deleted.
pub(crate) fn has_pods(object: &Object) -> bool {
    is(object, "kubeflow.org", "Notebook") || is(object, "apps", "Deployment")
}

fn is(object: &Object, group: &str, kind: &str) -> bool {
    object.id.group == group && object.id.kind == kind
}
