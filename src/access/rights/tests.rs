//! RBAC against a plain evaluator, and the rules that are easily got wrong.

use proptest::prelude::*;

use super::*;
use crate::access::tests::{file, objects};

fn review(
    verbs: &[&str],
    group: &str,
    resource: &str,
    subresource: &str,
    namespace: &str,
    name: &str,
) -> Review {
    Review {
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        verbs: verbs.iter().map(|&verb| verb.to_owned()).collect(),
    }
}

/// One Role with a rule, bound to dana in a namespace.
fn lets(rule: &str, review: &Review) -> bool {
    let objects = objects(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: r, namespace: a}}\nrules: [{rule}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: r, namespace: a}}\n\
         roleRef: {{kind: Role, name: r}}\nsubjects: [{{kind: User, name: dana}}]\n"
    ));
    let world = World::new(&objects);
    !Rights::new(&world).admitted(review).is_empty()
}

#[test]
fn rules_as_the_api_server_reads_them() {
    let asked = review(&["get"], "g", "notebooks", "access", "a", "one");
    for (rule, expected) in [
        (
            "{apiGroups: [g], resources: [notebooks/access], verbs: [get]}",
            true,
        ),
        ("{apiGroups: ['*'], resources: ['*'], verbs: ['*']}", true),
        ("{apiGroups: [g], resources: ['*/access'], verbs: [get]}", true),
        (
            "{apiGroups: [g], resources: ['notebooks/*'], verbs: [get]}",
            false,
        ),
        ("{apiGroups: [g], resources: [notebooks], verbs: [get]}", false),
        (
            "{apiGroups: [h], resources: [notebooks/access], verbs: [get]}",
            false,
        ),
        (
            "{apiGroups: [g], resources: [notebooks/access], verbs: [list]}",
            false,
        ),
        (
            "{apiGroups: [g], resources: [notebooks/access], verbs: [get], resourceNames: [one]}",
            true,
        ),
        (
            "{apiGroups: [g], resources: [notebooks/access], verbs: [get], resourceNames: [two]}",
            false,
        ),
        ("{nonResourceURLs: ['*'], verbs: [get]}", false),
    ] {
        assert_eq!(lets(rule, &asked), expected, "{rule}");
    }
    let named = "{apiGroups: [g], resources: [pods], verbs: [get], resourceNames: [one]}";
    assert!(!lets(named, &review(&["get"], "g", "pods", "", "a", "")));
    assert!(!lets(named, &review(&["get"], "g", "pods", "", "b", "one")));
    // A question about all namespaces is answered by the cluster's bindings alone.
    assert!(!lets(named, &review(&["get"], "g", "pods", "", "", "one")));
    // Nobody lists `*`, so a list of verbs does not answer it.
    let all = "{apiGroups: [g], resources: [pods], verbs: [get, create, update, patch, delete]}";
    assert!(!lets(all, &review(&["*"], "g", "pods", "", "a", "one")));
}

#[test]
fn roles_are_put_together() {
    let objects = objects(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: whole}\n\
         aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: whole}}]}\nrules: []\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: middle, labels: {to: whole}}\n\
         aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: to, operator: In, values: [middle]}]}]}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: part, labels: {to: middle, rbac.authorization.k8s.io/aggregate-to-edit: 'true'}}\n\
         rules: [{apiGroups: [g], resources: [things], verbs: [get]}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\n\
         roleRef: {kind: ClusterRole, name: whole}\nsubjects: [{kind: Group, name: all}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: e, namespace: a}\n\
         roleRef: {kind: ClusterRole, name: edit}\nsubjects: [{kind: User, name: ed}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: u, namespace: a}\n\
         roleRef: {kind: ClusterRole, name: elsewhere}\nsubjects: [{kind: User, name: ed}]\n",
    );
    let world = World::new(&objects);
    let rights = Rights::new(&world);
    let admitted = rights.admitted(&review(&["get"], "g", "things", "", "a", "one"));
    let names: Vec<&str> = admitted.iter().map(|one| one.subject.name.as_str()).collect();
    assert_eq!(names, ["all", "ed"]);
    assert_eq!(rights.unknown().len(), 1);
    let pods = rights.admitted(&review(&["delete"], "", "pods", "", "a", "one"));
    assert_eq!(pods.len(), 1);
}

#[test]
fn our_own_output_lets_in_whom_it_names() {
    let objects = file("examples/.expected/platform-kubernetes-istio.yaml");
    let world = World::new(&objects);
    let rights = Rights::new(&world);
    let asked = review(
        &["get"],
        "kubeflow.org",
        "notebooks",
        "access",
        "sales-analytics",
        "churn",
    );
    let admitted = rights.admitted(&asked);
    assert_eq!(admitted.len(), 1);
    assert_eq!(admitted[0].subject.name, "dana@example.com");
    assert_eq!(admitted[0].by.len(), 3);
    assert_eq!(admitted[0].by[2].field, "rules[0]");
}

// --- against a plain evaluator ---

#[derive(Debug, Clone)]
struct Case {
    rules: Vec<(Vec<String>, Vec<String>, Vec<String>, Vec<String>)>,
    bindings: Vec<(Option<String>, usize, Vec<String>)>,
    asked: Review,
}

fn some(of: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(of, least..=2).prop_map(|all| all.into_iter().map(str::to_owned).collect())
}

prop_compose! {
    fn case()(
        rules in proptest::collection::vec((
            some(&["g", "h", "*"], 1),
            some(&["pods", "pods/log", "*/log", "*", "pods/*"], 1),
            some(&["n", "m"], 0),
            some(&["get", "create", "*"], 1),
        ), 1..4),
        bindings in proptest::collection::vec((
            proptest::option::of(proptest::sample::select(vec!["a".to_owned(), "b".to_owned()])),
            0..4usize,
            some(&["x", "y", "z"], 1),
        ), 1..5),
        group in proptest::sample::select(vec!["g", "h"]),
        sub in proptest::sample::select(vec!["", "log"]),
        namespace in proptest::sample::select(vec!["", "a", "b"]),
        name in proptest::sample::select(vec!["", "n"]),
        verbs in some(&["get", "create", "*"], 1),
    ) -> Case {
        let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
        Case { rules, bindings, asked: review(&verbs, group, "pods", sub, namespace, name) }
    }
}

/// Who may, by looking at everything.
fn plainly(case: &Case) -> BTreeMap<String, BTreeSet<String>> {
    let asked = &case.asked;
    let whole = if asked.subresource.is_empty() {
        asked.resource.clone()
    } else {
        format!("{}/{}", asked.resource, asked.subresource)
    };
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (namespace, role, users) in &case.bindings {
        let Some((groups, resources, names, verbs)) = case.rules.get(*role) else {
            continue;
        };
        let here = namespace
            .as_ref()
            .is_none_or(|namespace| *namespace == asked.namespace);
        let about = groups.iter().any(|group| group == "*" || *group == asked.group)
            && resources.iter().any(|resource| {
                resource == "*"
                    || *resource == whole
                    || (!asked.subresource.is_empty() && *resource == format!("*/{}", asked.subresource))
            })
            && (names.is_empty() || names.contains(&asked.name));
        for verb in &asked.verbs {
            if here && about && (verbs.contains(verb) || verbs.iter().any(|verb| verb == "*")) {
                for user in users {
                    found.entry(user.clone()).or_default().insert(verb.clone());
                }
            }
        }
    }
    found
}

proptest! {
    #[test]
    fn the_index_answers_as_a_look_at_everything_does(case in case()) {
        let mut text = Vec::new();
        for (index, (groups, resources, names, verbs)) in case.rules.iter().enumerate() {
            text.push(serde_json::json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": format!("r{index}")},
                "rules": [{"apiGroups": groups, "resources": resources, "resourceNames": names, "verbs": verbs}],
            }).to_string());
        }
        for (index, (namespace, role, users)) in case.bindings.iter().enumerate() {
            let subjects: Vec<Value> =
                users.iter().map(|user| serde_json::json!({"kind": "User", "name": user})).collect();
            text.push(serde_json::json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" },
                "metadata": {"name": format!("b{index}"), "namespace": namespace.clone().unwrap_or_default()},
                "roleRef": {"kind": "ClusterRole", "name": format!("r{role}")},
                "subjects": subjects,
            }).to_string());
        }
        let objects = objects(&text.join("\n---\n"));
        let world = World::new(&objects);
        let rights = Rights::new(&world);
        let found: BTreeMap<String, BTreeSet<String>> = rights
            .admitted(&case.asked)
            .into_iter()
            .map(|one| (one.subject.name, one.verbs))
            .collect();
        let expected = plainly(&case);
        prop_assert_eq!(&found, &expected);
        for user in ["x", "y", "z"] {
            let subject = Subject { kind: "User".into(), namespace: String::new(), name: user.into() };
            let all = expected.get(user).is_some_and(|verbs| *verbs == case.asked.verbs);
            let may = rights.may(&subject, &case.asked);
            prop_assert_eq!(matches!(may, May::Yes(_)), all);
        }
    }
}
