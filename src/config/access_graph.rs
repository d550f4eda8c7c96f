//! `gatewright.dev/v1alpha1` AccessGraph: what was written for one source document, as the reporter reads it back.
//!
//! The comments here are the schema's descriptions. The status is the reporter's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind.
pub const KIND: &str = "AccessGraph";
/// Resource, in plural.
pub const PLURAL: &str = "accessgraphs";

/// What was written for one source document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessGraphSpec {
    /// The document that the objects were written for.
    pub source: Source,
    /// How people log in, where that was said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auth_mode: Option<String>,
    /// Whether what was written lets anybody in: Open, AwaitingOIDCConfiguration or AuthModeUnsupported. None where the
    /// input says nothing of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
    /// The objects, in the order of their ids.
    pub objects: Vec<Member>,
}

/// A source document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; none for cluster-scoped objects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// What it is for: enforce, support or serve.
    pub class: String,
    /// The value of its annotation gatewright.dev/content-hash.
    pub hash: String,
}

/// What the reporter found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessGraphStatus {
    /// The generation of the spec that this is about.
    pub observed_generation: Option<i64>,
    /// Conditions, by type.
    pub conditions: Vec<Condition>,
}

/// A condition, as Kubernetes has them (`metav1.Condition`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// When status changed last, as RFC 3339 has it.
    pub last_transition_time: String,
    /// The generation of the spec that this is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed_generation: Option<i64>,
}
