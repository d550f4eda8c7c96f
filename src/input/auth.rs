//! `services.platform.opendatahub.io/v1alpha1` Auth: who may log in, and in the design document's shape also how.
//!
//! Two shapes are one type: the design document's (`provider`, `oidc`) and the one that Open Data Hub ships (groups alone).

use schemars::JsonSchema;
use serde::Deserialize;

/// API group of Open Data Hub's platform services.
pub const GROUP: &str = "services.platform.opendatahub.io";
/// Its version.
pub const VERSION: &str = "v1alpha1";
/// Kind.
pub const KIND: &str = "Auth";
/// The only name that Open Data Hub's CRD takes.
pub const NAME: &str = "auth";

/// Who may log in, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthSpec {
    /// How people log in. Open Data Hub's own Auth has no such field.
    pub provider: Option<Provider>,
    /// The `OpenID` Connect client. Open Data Hub's own Auth has no such field.
    pub oidc: Option<AuthOidc>,
    /// Groups that administer the platform, spelled as TokenReview returns them.
    pub admin_groups: Option<Vec<String>>,
    /// Groups whose members may log in.
    pub allowed_groups: Option<Vec<String>>,
}

/// How people log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Provider {
    /// OpenShift's own OAuth server.
    OpenShift,
    /// An `OpenID` Connect issuer that the API server trusts.
    #[serde(rename = "OIDC")]
    #[schemars(rename = "OIDC")]
    Oidc,
}

/// An `OpenID` Connect client, as the design document spells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthOidc {
    /// The issuer, to the letter of the tokens' `iss`.
    pub issuer_url: Option<String>,
    /// The client's id.
    pub client_id: Option<String>,
    /// Name of the Secret with the client's secret, in the namespace of the gateway.
    pub client_secret_name: Option<String>,
}
