use serde_json::{Value, json};

use super::*;
use crate::model::keys;

fn object(api: &str, kind: &str, namespace: &str, name: &str, rest: Value) -> Object {
    let mut value =
        json!({ "apiVersion": api, "kind": kind, "metadata": { "name": name, "namespace": namespace } });
    if let (Some(value), Value::Object(rest)) = (value.as_object_mut(), rest) {
        value.extend(rest);
    }
    Object {
        id: ObjectId::new(api, kind, namespace, name),
        value,
        place: None,
    }
}

fn notebook(namespace: &str, name: &str, image: &str) -> Object {
    let containers = json!([{ "name": name, "image": image }]);
    let spec = json!({ "spec": { "template": { "spec": { "containers": containers } } } });
    object("kubeflow.org/v1", "Notebook", namespace, name, spec)
}

/// A policy that lets nobody in.
fn closed(namespace: &str, name: &str, selector: &Value) -> Object {
    let spec = json!({ "spec": { "podSelector": selector, "policyTypes": ["Ingress"] } });
    object("networking.k8s.io/v1", "NetworkPolicy", namespace, name, spec)
}

fn every() -> Value {
    json!({ "matchExpressions": [{ "key": "notebook-name", "operator": "Exists" }] })
}

fn named(name: &str) -> Value {
    json!({ "matchLabels": { "notebook-name": name } })
}

fn annotated(mut object: Object, annotations: &[(&str, &str)]) -> Object {
    for (key, value) in annotations {
        object.value["metadata"]["annotations"][*key] = json!(value);
    }
    object
}

/// What is found, a line each: the step, and who is open.
fn told(old: &[Object], new: &[Object], tool: Tool) -> Vec<String> {
    let found = find(old, new, &[tool]);
    let line = |judgement: &Judgement| {
        let workload = judgement.way.last().map(|hop| hop.object.name.as_str());
        format!(
            "{} {}: {}",
            judgement.at.object,
            judgement.at.says,
            workload.unwrap_or("-")
        )
    };
    found.iter().map(line).collect()
}

#[test]
fn what_is_open_for_good_is_no_window() {
    // Nobody closes it before, and nobody after.
    let old = [notebook("ns", "a", "i:1")];
    let new = [notebook("ns", "a", "i:2"), notebook("ns", "b", "i:1")];
    for tool in Tool::ALL {
        assert_eq!(told(&old, &new, tool), Vec::<String>::new());
        assert_eq!(told(&[], &new, tool), Vec::<String>::new());
    }
}

#[test]
fn what_is_made_before_it_is_closed_is_open_for_a_moment() {
    let new = [notebook("ns", "a", "i:1"), closed("ns", "closed", &every())];
    assert_eq!(
        told(&[], &new, Tool::Flux),
        ["Notebook ns/a apply, step 1 of Flux: a"]
    );
    assert_eq!(told(&[], &new, Tool::ArgoCd), Vec::<String>::new());
}

#[test]
fn pods_that_end_are_still_there_when_what_closed_them_has_gone() {
    let old = [notebook("ns", "a", "i:1"), closed("ns", "closed", &every())];
    for (tool, line) in [
        (Tool::Flux, "NetworkPolicy ns/closed delete, step 1 of Flux: a"),
        (
            Tool::ArgoCd,
            "NetworkPolicy ns/closed delete, step 1 of Argo CD: a",
        ),
    ] {
        assert_eq!(told(&old, &[], tool), [line]);
    }
    // The Notebook is deleted a wave before, and its pod is not gone for that.
    let late = annotated(notebook("ns", "a", "i:1"), &[(keys::SYNC_WAVE, "5")]);
    let old = [late, closed("ns", "closed", &every())];
    assert_eq!(
        told(&old, &[], Tool::ArgoCd),
        ["NetworkPolicy ns/closed delete, step 2 of Argo CD: a"]
    );
    // What stays closes.
    let stays = annotated(closed("ns", "closed", &every()), &keys::NEVER_PRUNED);
    for tool in Tool::ALL {
        let old = [notebook("ns", "a", "i:1"), stays.clone()];
        assert_eq!(told(&old, &[], tool), Vec::<String>::new());
    }
}

#[test]
fn pods_of_the_old_version_count_while_the_new_one_starts() {
    // The old pod is selected by a label that the new one has no more, and so is the policy that closes it.
    let labelled = |label: &str, image: &str| {
        let mut notebook = notebook("ns", "a", image);
        notebook.value["metadata"]["labels"]["tier"] = json!(label);
        notebook
    };
    let tier = |label: &str| json!({ "matchLabels": { "tier": label } });
    let old = [labelled("one", "i:1"), closed("ns", "closed", &tier("one"))];
    let new = [labelled("two", "i:2"), closed("ns", "closed", &tier("two"))];
    // Flux: the new pod before its policy. Argo CD: the policy before the new pod.
    assert_eq!(told(&old, &new, Tool::Flux).len(), 1);
    assert_eq!(told(&old, &new, Tool::ArgoCd).len(), 1);
    // Where one policy closes both there is nothing.
    let both = closed("ns", "closed", &every());
    let (old, new) = (
        [labelled("one", "i:1"), both.clone()],
        [labelled("two", "i:2"), both],
    );
    for tool in Tool::ALL {
        assert_eq!(told(&old, &new, tool), Vec::<String>::new());
    }
}

#[test]
fn of_what_goes_at_once_the_worst_part_counts() {
    // Argo CD deletes one policy and applies another after; both close.
    let old = [notebook("ns", "a", "i:1"), closed("ns", "one", &every())];
    let new = [notebook("ns", "a", "i:1"), closed("ns", "two", &every())];
    assert_eq!(
        told(&old, &new, Tool::ArgoCd),
        ["NetworkPolicy ns/one delete, step 1 of Argo CD: a"]
    );
    assert_eq!(told(&old, &new, Tool::Flux), Vec::<String>::new());
}

#[test]
fn what_is_found_in_slices_is_found_in_one_piece() {
    let peer = |namespace: &str, name: &str, labels: &Value| {
        let mut policy = closed(namespace, name, &named("a"));
        policy.value["spec"]["ingress"] =
            json!([{ "from": [{ "podSelector": labels, "namespaceSelector": {} }] }]);
        policy
    };
    let sets: Vec<Vec<Object>> = vec![
        vec![],
        vec![notebook("ns", "a", "i:1"), notebook("other", "b", "i:1")],
        vec![
            notebook("ns", "a", "i:1"),
            notebook("ns", "b", "i:1"),
            closed("ns", "closed", &every()),
        ],
        vec![
            notebook("ns", "a", "i:1"),
            notebook("ns", "b", "i:2"),
            closed("ns", "a", &named("a")),
            closed("ns", "b", &named("b")),
        ],
        vec![
            notebook("ns", "a", "i:1"),
            notebook("other", "b", "i:1"),
            peer("ns", "a", &named("b")),
            closed("other", "closed", &every()),
        ],
        vec![
            notebook("ns", "a", "i:1"),
            notebook("ns", "b", "i:1"),
            notebook("ns", "c", "i:1"),
            // Names one, and means the others.
            closed(
                "ns",
                "but",
                &json!({ "matchExpressions": [{ "key": "notebook-name", "operator": "NotIn", "values": ["a"] }] }),
            ),
        ],
    ];
    let mut count = 0;
    for old in &sets {
        for new in &sets {
            for tool in Tool::ALL {
                let change = Change::new(old, new);
                let whole = within(&change, &[slices::whole(&change)], &[tool]);
                assert_eq!(find(old, new, &[tool]), whole, "{}", tool.name());
                count += whole.len();
            }
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn what_lasts_a_moment_is_called_a_moment_or_a_window() {
    assert_eq!(counts(Rule::OpenPort), Some(Rule::OrderWindow));
    assert_eq!(counts(Rule::UnguardedRoute), Some(Rule::OrderWindow));
    assert_eq!(counts(Rule::UnverifiedHop), Some(Rule::UnverifiedMoment));
    assert_eq!(counts(Rule::SkippedLogin), Some(Rule::UnverifiedMoment));
    for rule in [
        Rule::ForeignRoutes,
        Rule::ReadableCredential,
        Rule::TooWide,
        Rule::Unknown,
    ] {
        assert_eq!(counts(rule), None);
    }
}
