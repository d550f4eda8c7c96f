//! Bindings that make a guard worth nothing.

use super::*;
use crate::access::study;
use crate::access::tests::{file, objects};

fn judged(role: &str, subject: &str, kind: &str, namespace: &str) -> Vec<Rule> {
    let place = if namespace.is_empty() {
        String::new()
    } else {
        format!(", namespace: {namespace}")
    };
    let text = format!(
        "
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {{name: nb, namespace: team}}
spec: {{template: {{spec: {{containers: [{{name: nb, image: x}}]}}}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: own}}
rules: [{role}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: b{place}}}
roleRef: {{kind: ClusterRole, name: own}}
subjects: [{{kind: Group, name: '{subject}'}}]
"
    );
    rules(&objects(&text))
}

fn rules(objects: &[crate::cluster::object::Object]) -> Vec<Rule> {
    let study = study::of(objects);
    let mut all = Vec::new();
    judge(&study, &mut all);
    all.into_iter().map(|one| one.rule).collect()
}

#[test]
fn everybody_who_may_exec_needs_no_guard() {
    let exec = "{apiGroups: [''], resources: [pods/exec], verbs: [create]}";
    for subject in [
        "system:authenticated",
        "system:unauthenticated",
        "system:serviceaccounts",
        "system:serviceaccounts:team",
    ] {
        assert_eq!(
            judged(exec, subject, "RoleBinding", "team"),
            [Rule::Everybody],
            "{subject}"
        );
        assert_eq!(
            judged(exec, subject, "ClusterRoleBinding", ""),
            [Rule::Everybody],
            "{subject}"
        );
        assert_eq!(judged(exec, subject, "RoleBinding", "other"), [], "{subject}");
    }
    assert_eq!(judged(exec, "admins", "RoleBinding", "team"), []);
    assert_eq!(
        judged(exec, "system:serviceaccounts:other", "RoleBinding", "team"),
        []
    );
}

#[test]
fn everybody_who_may_change_what_is_guarded() {
    for (rule, expected) in [
        (
            "{apiGroups: [kubeflow.org], resources: [notebooks], verbs: [patch]}",
            vec![Rule::TooWide],
        ),
        (
            "{apiGroups: [''], resources: [configmaps], verbs: [update]}",
            vec![Rule::TooWide],
        ),
        (
            "{apiGroups: [''], resources: [services/proxy], verbs: [get]}",
            vec![Rule::Everybody],
        ),
        (
            "{apiGroups: [''], resources: ['*/proxy'], verbs: ['*']}",
            vec![Rule::Everybody],
        ),
        (
            "{apiGroups: [''], resources: [users], verbs: [impersonate]}",
            vec![Rule::Everybody],
        ),
        (
            "{apiGroups: ['*'], resources: ['*'], verbs: ['*']}",
            vec![Rule::Everybody, Rule::TooWide],
        ),
        (
            "{apiGroups: [''], resources: [pods, configmaps], verbs: [get, list]}",
            vec![],
        ),
    ] {
        assert_eq!(
            judged(rule, "system:authenticated", "ClusterRoleBinding", ""),
            expected,
            "{rule}"
        );
    }
}

#[test]
fn roles_that_every_cluster_has_are_known() {
    for role in ["edit", "admin", "cluster-admin"] {
        let text = format!(
            "
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {{name: nb, namespace: team}}
spec: {{template: {{spec: {{containers: [{{name: nb, image: x}}]}}}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: b, namespace: team}}
roleRef: {{kind: ClusterRole, name: {role}}}
subjects: [{{kind: Group, name: 'system:authenticated'}}]
"
        );
        assert!(rules(&objects(&text)).contains(&Rule::Everybody), "{role}");
    }
}

#[test]
fn our_own_output_gives_everybody_nothing() {
    for name in [
        "notebooks",
        "platform-kubernetes-istio",
        "platform-kubernetes-envoy-gateway",
        "platform-openshift",
        "platform-openshift-oidc",
        "platform-beside-operator",
    ] {
        assert_eq!(
            rules(&file(&format!("examples/.expected/{name}.yaml"))),
            [],
            "{name}"
        );
    }
}
