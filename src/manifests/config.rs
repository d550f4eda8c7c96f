//! The guard's configuration, in its ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::rbac::RESOURCE;
use super::{Object, meta};
use crate::config::kube_rbac_proxy::{Authorization, ConfigFile, FILE, ResourceAttributes};
use crate::input::notebook::{GROUP, VERSIONS};
use crate::krm::yaml::{Quoting, to_block};
use crate::model::platform::Platform;
use crate::model::programs::honours_verb;
use crate::plan::class::Class;
use crate::plan::guard::Guard;

/// The verb that opening a Notebook asks for, where the program honours one.
pub const VERB: &str = "get";
/// The virtual subresource that opening a Notebook is about, where the program takes the verb from the HTTP method: then
/// a role may grant every verb on it, saving works, and nobody gains a right on the Notebook itself.
pub const SUBRESOURCE: &str = "access";

/// The ConfigMap of a Notebook's guard.
pub fn config_map(platform: &Platform, guard: &Guard) -> Object {
    let verb = honours_verb(platform.sidecar.program);
    let attributes = ResourceAttributes {
        namespace: guard.notebook.namespace.clone(),
        api_group: GROUP.into(),
        api_version: VERSIONS[0].into(),
        resource: RESOURCE.into(),
        subresource: (!verb).then(|| SUBRESOURCE.to_owned()),
        verb: verb.then(|| VERB.to_owned()),
        name: guard.notebook.name.clone(),
    };
    of_review(
        meta::of_guard(guard, &guard.config_map, Class::Support),
        attributes,
    )
}

/// The ConfigMap of a guard that asks for this. Every scalar in the file is quoted: its reader takes something called `yes` or
/// `1e3` for something else.
pub(super) fn of_review(metadata: ObjectMeta, resource_attributes: ResourceAttributes) -> Object {
    let file = ConfigFile {
        authorization: Authorization::of(resource_attributes),
    };
    let value = serde_json::to_value(&file).unwrap_or(Value::Null);
    let config_map = ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(
            FILE.to_owned(),
            to_block(&value, Quoting::Always),
        )])),
        ..ConfigMap::default()
    };
    Object::new(Class::Support, &config_map)
}
