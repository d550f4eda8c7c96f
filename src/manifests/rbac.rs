//! Who the guard is, what it may ask, and who may open a Notebook.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};

use super::config::{SUBRESOURCE, VERB};
use super::{Object, meta};
use crate::input::notebook::GROUP as NOTEBOOK_GROUP;
use crate::input::platform::Operator;
use crate::model::notebook;
use crate::model::platform::Platform;
use crate::model::programs::honours_verb;
use crate::plan::class::Class;
use crate::plan::guard::Guard;

/// API group of RBAC objects.
pub(super) const GROUP: &str = "rbac.authorization.k8s.io";
/// The resource that reviews are about.
pub const RESOURCE: &str = "notebooks";
/// Every verb: kube-rbac-proxy asks for get, create, update, patch or delete by the HTTP method, and for `*` itself with
/// any other method (`pkg/proxy/proxy.go`), which no list of verbs answers. It stands on the virtual subresource alone.
const EVERY_VERB: &str = "*";

/// The ServiceAccount of a guarded Notebook, where the user names none. Its token is not mounted into the pod's
/// containers: the guard gets one of its own.
pub fn service_account(platform: &Platform, guard: &Guard) -> Option<Object> {
    if guard.notebook.service_account != notebook::ServiceAccount::Ours {
        return None;
    }
    let account = ServiceAccount {
        metadata: meta::of_guard(guard, &guard.service_account, Class::Support),
        // The guard that Open Data Hub's controller puts in has no token but the one that is mounted into all containers.
        automount_service_account_token: (platform.notebook_controller == Operator::None).then_some(false),
        ..ServiceAccount::default()
    };
    Some(Object::new(Class::Support, &account))
}

/// Lets the guard make `TokenReviews` and `SubjectAccessReviews`.
pub fn delegator_binding(guard: &Guard) -> Object {
    let binding = ClusterRoleBinding {
        metadata: meta::of_guard_in(guard, &guard.delegator, None, Class::Support),
        role_ref: role_ref("ClusterRole", "system:auth-delegator"),
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".into(),
            name: guard.service_account.clone(),
            namespace: Some(guard.notebook.namespace.clone()),
            api_group: None,
        }]),
    };
    Object::new(Class::Support, &binding)
}

/// Role and `RoleBinding` of the people who may open a Notebook: its owner, and those Platform names for all. Nothing where
/// that is nobody.
pub fn access(platform: &Platform, guard: &Guard) -> Vec<Object> {
    let people = |kind: &str, name: &String| Subject {
        kind: kind.into(),
        name: name.clone(),
        api_group: Some(GROUP.into()),
        namespace: None,
    };
    let mut subjects: Vec<Subject> = guard
        .notebook
        .owner
        .iter()
        .map(|name| people("User", name))
        .collect();
    for name in &platform.notebook_users.users {
        if guard.notebook.owner.as_ref() != Some(name) {
            subjects.push(people("User", name));
        }
    }
    subjects.extend(
        platform
            .notebook_users
            .groups
            .iter()
            .map(|name| people("Group", name)),
    );
    if subjects.is_empty() {
        return Vec::new();
    }
    let (resource, verbs) = if honours_verb(platform.sidecar.program) {
        (RESOURCE.to_owned(), vec![VERB.to_owned()])
    } else {
        (format!("{RESOURCE}/{SUBRESOURCE}"), vec![EVERY_VERB.to_owned()])
    };
    let role = Role {
        metadata: meta::of_guard(guard, &guard.access, Class::Support),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![NOTEBOOK_GROUP.into()]),
            resources: Some(vec![resource]),
            resource_names: Some(vec![guard.notebook.name.clone()]),
            verbs,
            non_resource_urls: None,
        }]),
    };
    let binding = RoleBinding {
        metadata: meta::of_guard(guard, &guard.access, Class::Support),
        role_ref: role_ref("Role", &guard.access),
        subjects: Some(subjects),
    };
    vec![
        Object::new(Class::Support, &role),
        Object::new(Class::Support, &binding),
    ]
}

pub(super) fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: GROUP.into(),
        kind: kind.into(),
        name: name.into(),
    }
}
