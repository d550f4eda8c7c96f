use serde_json::{Value, json};

use super::*;
use crate::krm::object_id::ObjectId;
use crate::order::Tool;

fn object(api: &str, kind: &str, namespace: &str, name: &str, annotations: &Value, spec: &Value) -> Object {
    Object {
        id: ObjectId::new(api, kind, namespace, name),
        value: json!({ "apiVersion": api, "kind": kind, "spec": spec,
            "metadata": { "name": name, "namespace": namespace, "annotations": annotations } }),
        place: None,
    }
}

fn notebook(name: &str, spec: &str) -> Object {
    object(
        "kubeflow.org/v1",
        "Notebook",
        "ns",
        name,
        &json!({}),
        &json!(spec),
    )
}

fn wave(object: &mut Object, wave: &str) {
    object.value["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = json!(wave);
}

fn closing() -> Object {
    let protected = json!({ "kustomize.toolkit.fluxcd.io/prune": "Disabled",
        "argocd.argoproj.io/sync-options": "ServerSideApply=true, Prune=false",
        "argocd.argoproj.io/sync-wave": "-20", "gatewright.dev/class": "enforce" });
    object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "ns",
        "closed",
        &protected,
        &json!({}),
    )
}

fn route(name: &str) -> Object {
    let mut route = object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        "ns",
        name,
        &json!({}),
        &json!({}),
    );
    wave(&mut route, "10");
    route
}

fn account(name: &str) -> Object {
    let mut account = object("v1", "ServiceAccount", "ns", name, &json!({}), &json!({}));
    wave(&mut account, "-10");
    account
}

fn namespace() -> Object {
    object("v1", "Namespace", "", "ns", &json!({}), &json!({}))
}

/// The steps, a line each.
fn told(tool: Tool, old: &[Object], new: &[Object]) -> Vec<String> {
    let change = Change::new(old, new);
    let steps = tool.steps(&change);
    let line = |step: &Step| {
        let ids: Vec<String> = step.ids(&change).iter().map(ToString::to_string).collect();
        format!("{} {}", step.verb(), ids.join(", "))
    };
    steps.iter().map(line).collect()
}

fn everything() -> Vec<Object> {
    vec![
        namespace(),
        closing(),
        account("a"),
        notebook("a", "1"),
        notebook("b", "1"),
        route("a"),
    ]
}

#[test]
fn flux_goes_by_kinds_and_groups_and_back() {
    let all = everything();
    assert_eq!(
        told(Tool::Flux, &[], &all),
        [
            "apply Namespace ns",
            "apply ServiceAccount ns/a",
            "apply HTTPRoute ns/a",
            "apply Notebook ns/a",
            "apply Notebook ns/b",
            "apply NetworkPolicy ns/closed",
        ]
    );
    assert_eq!(
        told(Tool::Flux, &all, &all[..1]),
        [
            "delete Notebook ns/b",
            "delete Notebook ns/a",
            "delete HTTPRoute ns/a",
            "delete ServiceAccount ns/a",
        ]
    );
}

#[test]
fn two_kustomizations_close_first_and_prune_nothing_that_closes() {
    let all = everything();
    assert_eq!(
        told(Tool::FluxTwo, &[], &all),
        [
            "apply Namespace ns",
            "apply NetworkPolicy ns/closed",
            "apply ServiceAccount ns/a",
            "apply HTTPRoute ns/a",
            "apply Notebook ns/a",
            "apply Notebook ns/b",
        ]
    );
    assert_eq!(
        told(Tool::FluxTwo, &all, &[]),
        [
            "delete Notebook ns/b",
            "delete Notebook ns/a",
            "delete HTTPRoute ns/a",
            "delete ServiceAccount ns/a",
        ]
    );
}

#[test]
fn argo_goes_by_waves_and_back() {
    let all = everything();
    assert_eq!(
        told(Tool::ArgoCd, &[], &all),
        [
            "apply Namespace ns",
            "apply NetworkPolicy ns/closed",
            "apply ServiceAccount ns/a",
            "apply Notebook ns/a, Notebook ns/b",
            "apply HTTPRoute ns/a",
        ]
    );
    assert_eq!(
        told(Tool::ArgoCd, &all, &all[..1]),
        [
            "delete HTTPRoute ns/a",
            "delete Notebook ns/a, Notebook ns/b",
            "delete ServiceAccount ns/a",
        ]
    );
}

#[test]
fn what_argo_prunes_makes_room_for_the_next() {
    // The stale have the waves -10 and 10; the wanted one has -10. The route goes in the first wave, and once it has gone
    // nothing of the stale is in wave 10 any more, so that the account is not held back until then.
    let old = [account("a"), route("a")];
    let mut late = account("b");
    wave(&mut late, "5");
    let new = [account("c"), late];
    assert_eq!(
        told(Tool::ArgoCd, &old, &new),
        [
            "delete HTTPRoute ns/a",
            "apply ServiceAccount ns/c",
            "delete ServiceAccount ns/a",
            "apply ServiceAccount ns/b",
        ]
    );
}

#[test]
fn argo_leaves_to_chance_what_has_one_name() {
    let config = |kind: &str, name: &str| object("example.com/v1", kind, "ns", name, &json!({}), &json!({}));
    let new = [
        config("A", "w"),
        config("A", "x"),
        config("B", "x"),
        config("B", "y"),
        config("A", "z"),
    ];
    assert_eq!(
        told(Tool::ArgoCd, &[], &new),
        ["apply A ns/w, A ns/x, B ns/x, B ns/y", "apply A ns/z"]
    );
}

#[test]
fn every_state_between_is_seen_once() {
    let old = [notebook("a", "1"), notebook("b", "1"), closing()];
    let new = [notebook("a", "2"), closing()];
    let change = Change::new(&old, &new);
    let mut walk = Walk::new(&change, Tool::Flux.steps(&change));
    let mut seen = Vec::new();
    while let Some(moment) = walk.next_state() {
        let show = |object: &Object| {
            format!(
                "{}{}",
                object.id.name,
                object.value["spec"].as_str().unwrap_or("")
            )
        };
        let now: Vec<String> = moment.state.objects().map(show).collect();
        let pods = moment
            .state
            .objects_as_old_pods_see_them()
            .map(|objects| objects.map(show).collect::<Vec<_>>().join(" "));
        seen.push((now.join(" "), pods.unwrap_or_default()));
    }
    let seen: Vec<(&str, &str)> = seen
        .iter()
        .map(|(now, pods)| (now.as_str(), pods.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("a2 b1 closed", "a1 b1 closed"),
            ("a2 b1 closed", "a1 b1 closed"), // b has gone, its pod has not
            ("a2 closed", ""),
        ]
    );
}

#[test]
fn of_a_few_that_go_together_any_may_be_gone() {
    let old: Vec<Object> = ["a", "b", "c"].map(route).into();
    let change = Change::new(&old, &[]);
    let mut walk = Walk::new(&change, Tool::ArgoCd.steps(&change));
    let mut seen = BTreeSet::new();
    let mut count = 0;
    while let Some(moment) = walk.next_state() {
        let names: Vec<&str> = moment
            .state
            .objects()
            .map(|object| object.id.name.as_str())
            .collect();
        seen.insert(names.concat());
        count += 1;
    }
    let expected = ["", "a", "b", "c", "ab", "ac", "bc"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected));
    assert_eq!(count, 8, "each part, and the end");
}

#[test]
fn of_many_that_go_together_what_closes_may_be_gone_first() {
    let mut old: Vec<Object> = (0..100).map(|number| route(&format!("r{number}"))).collect();
    let mut policy = closing();
    policy.value["metadata"]["annotations"] = json!({ "argocd.argoproj.io/sync-wave": "10" });
    old.push(policy);
    let change = Change::new(&old, &[]);
    let mut walk = Walk::new(&change, Tool::ArgoCd.steps(&change));
    let mut counts = Vec::new();
    while let Some(moment) = walk.next_state() {
        counts.push(moment.state.objects().count());
    }
    assert_eq!(counts, [100, 1, 0, 0]);
}
