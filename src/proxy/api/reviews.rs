//! The two reviews as bodies of requests, and what their answers mean. Pure.
//!
//! Source: the API reference of `authentication.k8s.io/v1` and `authorization.k8s.io/v1`; what client-go sends is
//! kubernetes/apiserver `plugin/pkg/{authenticator/token,authorizer}/webhook/webhook.go`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::proxy::attributes::{Attributes, Resource};
use crate::proxy::credential::Token;
use crate::proxy::user::User;

use super::{AccessAnswer, TokenAnswer, Unavailable};

/// Where a TokenReview is posted, behind the server's own path.
pub const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
/// Where a SubjectAccessReview is posted.
pub const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<S> {
    api_version: &'static str,
    kind: &'static str,
    spec: S,
}

#[derive(Serialize)]
struct TokenSpec<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    audiences: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessSpec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<&'a Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<NonResource<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
}

#[derive(Serialize)]
struct NonResource<'a> {
    path: &'a str,
    verb: &'a str,
}

/// An answer. What is missing is empty, as for any reader of the API; what has another type is nonsense.
#[derive(Deserialize)]
struct Answer<S> {
    kind: Option<String>,
    status: Option<S>,
}

#[derive(Deserialize)]
struct TokenStatus {
    authenticated: Option<bool>,
    user: Option<UserInfo>,
    audiences: Option<Vec<String>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct UserInfo {
    username: Option<String>,
    uid: Option<String>,
    groups: Option<Vec<String>>,
    extra: Option<BTreeMap<String, Option<Vec<String>>>>,
}

#[derive(Deserialize)]
struct AccessStatus {
    allowed: Option<bool>,
    denied: Option<bool>,
}

/// The body that asks whose a token is. Audiences are asked for where there are any.
pub fn token_review(token: &Token, audiences: &[String]) -> Result<Vec<u8>, Unavailable> {
    body(
        "authentication.k8s.io/v1",
        "TokenReview",
        TokenSpec {
            token: token.reveal(),
            audiences,
        },
    )
}

/// The body that asks whether a user may do something: everything that is known of them goes in, as with client-go, since
/// an authorizer may look at any of it.
pub fn access_review(user: &User, attributes: &Attributes) -> Result<Vec<u8>, Unavailable> {
    let (resource, path) = match attributes {
        Attributes::Resource(resource) => (Some(resource), None),
        Attributes::NonResource { path, verb } => (None, Some(NonResource { path, verb })),
    };
    body(
        "authorization.k8s.io/v1",
        "SubjectAccessReview",
        AccessSpec {
            resource_attributes: resource,
            non_resource_attributes: path,
            user: &user.name,
            groups: &user.groups,
            extra: &user.extra,
            uid: &user.uid,
        },
    )
}

fn body(api_version: &'static str, kind: &'static str, spec: impl Serialize) -> Result<Vec<u8>, Unavailable> {
    // The library's text could hold a piece of what it wrote, a token among it.
    serde_json::to_vec(&Review {
        api_version,
        kind,
        spec,
    })
    .map_err(|_| Unavailable::new("the review cannot be written as JSON"))
}

/// Who a TokenReview says it is.
///
/// - Audiences that were asked for must meet those of the answer; an answer without any passes, as with client-go: an
///   authenticator that knows no audiences leaves them out.
/// - A user without a name is nobody, where client-go would let in a user "".
/// - `authenticated` together with an error text is nobody: by the API's own words the text says that the token "couldn't be
///   checked". client-go looks at it only where `authenticated` is false. No Kubernetes API server sends both; whatever
///   stands in its place and does is not believed.
pub fn token_answer(bytes: &[u8], audiences: &[String]) -> Result<TokenAnswer, Unavailable> {
    let Some(status) = answer::<TokenStatus>(bytes, "TokenReview")? else {
        return Ok(TokenAnswer::Nobody("the TokenReview has no status"));
    };
    if status.authenticated != Some(true) {
        return Ok(TokenAnswer::Nobody("the API server does not know the token"));
    }
    if status.error.is_some_and(|text| !text.is_empty()) {
        return Ok(TokenAnswer::Nobody(
            "the TokenReview says that the token could not be checked",
        ));
    }
    let granted = status.audiences.unwrap_or_default();
    if !audiences.is_empty() && !granted.is_empty() && !granted.iter().any(|one| audiences.contains(one)) {
        return Ok(TokenAnswer::Nobody("the token is for another audience"));
    }
    let Some(info) = status.user else {
        return Ok(TokenAnswer::Nobody("the TokenReview names no user"));
    };
    let name = info.username.unwrap_or_default();
    if name.is_empty() {
        return Ok(TokenAnswer::Nobody("the TokenReview names no user"));
    }
    let extra = info.extra.unwrap_or_default().into_iter();
    Ok(TokenAnswer::Known(User {
        name,
        uid: info.uid.unwrap_or_default(),
        groups: info.groups.unwrap_or_default(),
        extra: extra
            .map(|(key, values)| (key, values.unwrap_or_default()))
            .collect(),
    }))
}

/// What a SubjectAccessReview says.
///
/// - `denied` wins over `allowed`: one authorizer objected.
/// - `allowed` with an evaluation error is a yes, as with client-go. The API says of that text that the answer can stand in
///   spite of it: RBAC names a role there that it could not find, while others were enough. To refuse would make one
///   dangling RoleBinding anywhere in a namespace close the workload for everybody.
pub fn access_answer(bytes: &[u8]) -> Result<AccessAnswer, Unavailable> {
    let status = answer::<AccessStatus>(bytes, "SubjectAccessReview")?;
    Ok(match status {
        Some(status) if status.allowed == Some(true) && status.denied != Some(true) => AccessAnswer::Allowed,
        _ => AccessAnswer::Denied,
    })
}

fn answer<S: for<'de> Deserialize<'de>>(bytes: &[u8], kind: &str) -> Result<Option<S>, Unavailable> {
    // The library's text could hold a piece of the answer, and the answer repeats the token.
    let answer: Answer<S> = serde_json::from_slice(bytes)
        .map_err(|_| Unavailable::new(format!("the API server's answer is no {kind}")))?;
    match answer.kind {
        Some(other) if other != kind => {
            Err(Unavailable::new(format!("the API server's answer is no {kind}")))
        }
        _ => Ok(answer.status),
    }
}
