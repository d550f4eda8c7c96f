//! What a user wants to do, in the words of a SubjectAccessReview.

use serde::Serialize;

/// What one review asks about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Attributes {
    /// Something done to a resource.
    Resource(Resource),
    /// A path of the API server's that is no resource. A rule-less proxy asks about the request's own path.
    NonResource {
        /// The path, as the request has it, decoded.
        path: String,
        /// The verb.
        verb: String,
    },
}

/// `spec.resourceAttributes` of a SubjectAccessReview. Empty fields are left out there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Namespace of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Verb.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub verb: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Resource, in plural.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// Subresource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

// === impl Attributes ===

impl Attributes {
    /// The verb.
    pub fn verb(&self) -> &str {
        match self {
            Self::Resource(resource) => &resource.verb,
            Self::NonResource { verb, .. } => verb,
        }
    }
}
