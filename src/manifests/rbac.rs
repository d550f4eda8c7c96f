//! Who the guard is, what it may ask, and who may open what it guards.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::config::{SUBRESOURCE, VERB};
use super::{Object, meta};
use crate::input::notebook::GROUP as NOTEBOOK_GROUP;
use crate::input::platform::Operator;
use crate::model::notebook;
use crate::model::platform::{Platform, Subjects};
use crate::model::programs::honours_verb;
use crate::plan::class::Class;
use crate::plan::guard::Guard;

/// API group of RBAC objects.
pub(super) const GROUP: &str = "rbac.authorization.k8s.io";
/// The resource that reviews are about.
pub const RESOURCE: &str = "notebooks";
/// Every verb: kube-rbac-proxy asks for get, create, update, patch or delete by the HTTP method, and for `*` itself with
/// any other method (`pkg/proxy/proxy.go`), which no list of verbs answers. It stands on the virtual subresource alone.
pub(super) const EVERY_VERB: &str = "*";

/// The ServiceAccount of a guarded Notebook, where the user names none. Its token is not mounted into the pod's
/// containers: the guard gets one of its own.
pub fn service_account(platform: &Platform, guard: &Guard) -> Option<Object> {
    if guard.notebook.service_account != notebook::ServiceAccount::Ours {
        return None;
    }
    let metadata = meta::of_guard(guard, &guard.service_account, Class::Support);
    // The guard that Open Data Hub's controller puts in has no token but the one that is mounted into all containers.
    let automount = (platform.notebook_controller == Operator::None).then_some(false);
    Some(account(metadata, automount))
}

/// A ServiceAccount, with what it says of mounting its token.
pub(super) fn account(metadata: ObjectMeta, automount: Option<bool>) -> Object {
    let account = ServiceAccount {
        metadata,
        automount_service_account_token: automount,
        ..ServiceAccount::default()
    };
    Object::new(Class::Support, &account)
}

/// Lets the guard make `TokenReviews` and `SubjectAccessReviews`.
pub fn delegator_binding(guard: &Guard) -> Object {
    let metadata = meta::of_guard_in(guard, &guard.delegator, None, Class::Support);
    delegator(metadata, &guard.service_account, &guard.notebook.namespace)
}

/// Lets a ServiceAccount make them.
pub(super) fn delegator(metadata: ObjectMeta, account: &str, namespace: &str) -> Object {
    let binding = ClusterRoleBinding {
        metadata,
        role_ref: role_ref("ClusterRole", "system:auth-delegator"),
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".into(),
            name: account.into(),
            namespace: Some(namespace.into()),
            api_group: None,
        }]),
    };
    Object::new(Class::Support, &binding)
}

/// Role and `RoleBinding` of the people who may open a Notebook: its owner, and those Platform names for all. Nothing where
/// that is nobody.
pub fn access(platform: &Platform, guard: &Guard) -> Vec<Object> {
    let (resource, verbs) = if honours_verb(platform.sidecar.program) {
        (RESOURCE.to_owned(), vec![VERB.to_owned()])
    } else {
        (format!("{RESOURCE}/{SUBRESOURCE}"), vec![EVERY_VERB.to_owned()])
    };
    let rule = one(NOTEBOOK_GROUP, resource, &guard.notebook.name, verbs);
    let subjects = people(guard.notebook.owner.as_ref(), &platform.notebook_users);
    granted(
        &meta::of_guard(guard, &guard.access, Class::Support),
        vec![rule],
        subjects,
    )
}

/// An owner, and those whom Platform names for all.
pub(super) fn people(owner: Option<&String>, everywhere: &Subjects) -> Vec<Subject> {
    let of = |kind: &str, name: &String| Subject {
        kind: kind.into(),
        name: name.clone(),
        api_group: Some(GROUP.into()),
        namespace: None,
    };
    let users = everywhere.users.iter().filter(|name| owner != Some(*name));
    owner
        .into_iter()
        .chain(users)
        .map(|name| of("User", name))
        .chain(everywhere.groups.iter().map(|name| of("Group", name)))
        .collect()
}

/// What may be done with one object.
pub(super) fn one(group: &str, resource: String, name: &str, verbs: Vec<String>) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.into()]),
        resources: Some(vec![resource]),
        resource_names: Some(vec![name.into()]),
        verbs,
        non_resource_urls: None,
    }
}

/// Role and `RoleBinding` of one name. Nothing where they are for nobody.
pub(super) fn granted(metadata: &ObjectMeta, rules: Vec<PolicyRule>, subjects: Vec<Subject>) -> Vec<Object> {
    if subjects.is_empty() {
        return Vec::new();
    }
    let role = Role {
        metadata: metadata.clone(),
        rules: Some(rules),
    };
    let binding = RoleBinding {
        role_ref: role_ref("Role", metadata.name.as_deref().unwrap_or_default()),
        metadata: metadata.clone(),
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
