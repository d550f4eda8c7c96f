//! A generated object: its value in the order reviewers read, its class, and the hash by which edits are seen.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::krm::object_id::ObjectId;
use crate::model::keys;
use crate::plan::class::Class;
use crate::plan::hash;

/// A generated object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What it is for.
    pub class: Class,
    /// Which object it is.
    pub id: ObjectId,
    /// Its content.
    pub value: Value,
}

/// Fields that come before all others, in this order.
const FIRST: [&str; 11] = [
    "apiVersion",
    "apiGroup",
    "group",
    "kind",
    "metadata",
    "name",
    "namespace",
    "labels",
    "annotations",
    "image",
    "imagePullPolicy",
];

/// Kinds in the order of an apply; the rest stand between them and the routes.
const KINDS: [&str; 22] = [
    "NetworkPolicy",
    "EnvoyFilter",
    "ClientTrafficPolicy",
    "SecurityPolicy",
    "EnvoyExtensionPolicy",
    "EnvoyPatchPolicy",
    "DestinationRule",
    "BackendTLSPolicy",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Service",
    "Issuer",
    "Certificate",
    "ExternalSecret",
    "OAuthClient",
    "GatewayClass",
    "EnvoyProxy",
    "Gateway",
];

// === impl Object ===

impl Object {
    /// An object from a typed one, with its content hash added.
    pub fn new(class: Class, typed: &impl Serialize) -> Self {
        // Serializing plain structs with string keys into a JSON value has no way to fail.
        let mut value = ordered(serde_json::to_value(typed).unwrap_or_default());
        let id = crate::krm::head::from_value(&value).id;
        let hash = hash::of(&hash::own_part(&value));
        value["metadata"]["annotations"][keys::CONTENT_HASH] = Value::from(hash);
        Self {
            class,
            id,
            value: ordered(value),
        }
    }

    /// Class, kind, and the object itself: a total order.
    pub fn apply_order(&self) -> (Class, usize, ObjectId) {
        let rank = KINDS
            .iter()
            .position(|kind| *kind == self.id.kind)
            .unwrap_or(KINDS.len());
        (self.class, rank, self.id.clone())
    }
}

/// The same value with fields in the order reviewers read them: identity first, then by name.
pub fn ordered(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut entries: Vec<(String, Value)> = fields
                .into_iter()
                .map(|(name, value)| (name, ordered(value)))
                .collect();
            entries.sort_by_key(|(name, _)| {
                (
                    FIRST
                        .iter()
                        .position(|first| first == name)
                        .unwrap_or(FIRST.len()),
                    name.clone(),
                )
            });
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(ordered).collect(),
        other => other,
    }
}
