//! kube-rbac-proxy's `--config-file`.
//!
//! Source: brancz/kube-rbac-proxy `pkg/authz/auth.go` (v0.21.0); `verb` is Open Data Hub's addition, ignored by the others.

use serde::{Deserialize, Serialize};

/// The key under which the file is kept in its ConfigMap.
pub const FILE: &str = "config-file.yaml";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigFile {
    /// What a request must be allowed to do.
    pub authorization: Authorization,
}

/// What a request must be allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorization {
    /// The resource that every request is taken to be about.
    pub resource_attributes: ResourceAttributes,
}

/// The attributes of a SubjectAccessReview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceAttributes {
    /// Namespace of the object.
    pub namespace: String,
    /// Its API group.
    pub api_group: String,
    /// Its API version.
    pub api_version: String,
    /// Its resource, in plural.
    pub resource: String,
    /// Its subresource.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subresource: Option<String>,
    /// The verb, for programs that honour one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verb: Option<String>,
    /// Name of the object.
    pub name: String,
}
