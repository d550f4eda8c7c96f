//! kube-rbac-proxy's `--config-file`, as we write it and as our own proxy reads it.
//!
//! Source: brancz/kube-rbac-proxy `pkg/authz/auth.go` (v0.21.0). `verb` and `endpoints` are the additions of Open Data Hub's fork
//! (red-hat-data-services/kube-rbac-proxy `pkg/authz/endpoints.go`); the others read over them.

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authorization {
    /// Which values of a request go into `resourceAttributes`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rewrites: Option<Rewrites>,
    /// The resource that every request is taken to be about. Without it, requests are about their own path.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_attributes: Option<ResourceAttributes>,
    /// Who may do what without the API server being asked.
    #[serde(rename = "static", skip_serializing_if = "Vec::is_empty", default)]
    pub static_rules: Vec<StaticRule>,
    /// What requests to single paths are about.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub endpoints: Vec<Endpoint>,
}

/// The attributes of a SubjectAccessReview. Where there are rewrites, each but the verb may be a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The verb, for programs that honour one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// Name of the object.
    pub name: String,
}

/// Which values of a request go into templates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rewrites {
    /// The values of a parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_query_parameter: Option<Named>,
    /// The values of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_http_header: Option<Named>,
}

/// The name of a parameter or header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// Who may do what without the API server being asked. What is empty stands for anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StaticRule {
    /// Who.
    pub user: RuleUser,
    /// The verb.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub verb: String,
    /// Namespace of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// Its resource, in plural.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// Its subresource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether the rule is about a resource; otherwise `path` says about which path.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resource_request: bool,
    /// The path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// Whom a static rule is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RuleUser {
    /// The user's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Groups, which no program of this name looks at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Groups of which the user must be in one. Ours; the others read over it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<String>,
}

/// What requests to a path are about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Endpoint {
    /// The path; a segment `*` stands for any one.
    pub path: String,
    /// For each method.
    pub mappings: Vec<Mapping>,
}

/// What requests to a path by some methods are about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Mapping {
    /// The methods, in any case.
    pub methods: Vec<String>,
    /// All of these must be allowed.
    pub resources: Vec<EndpointResource>,
}

/// One thing that must be allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EndpointResource {
    /// Which values of the request go into the templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrites: Option<Rewrites>,
    /// The attributes; each may be a template, the verb too.
    pub resource_attributes: ResourceAttributes,
}

// === impl Authorization ===

impl Authorization {
    /// Every request is about this resource.
    pub fn of(resource_attributes: ResourceAttributes) -> Self {
        Self {
            resource_attributes: Some(resource_attributes),
            ..Self::default()
        }
    }
}
