//! What the claims of an ID token say. Pure.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::proxy::credential::Token;
use crate::proxy::options::Oidc;
use crate::proxy::user::User;

/// How far an issuer's clock may be ahead where it says `nbf` (coreos/go-oidc `oidc/verify.go`).
const AHEAD: f64 = 300.0;

/// The claims of a token in the form of a JWT, unverified. None for any other token.
pub fn peek(token: &Token) -> Option<Map<String, Value>> {
    let mut parts = token.reveal().split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Who the claims name, and until when (seconds since 1970).
pub(super) fn user(claims: &Value, oidc: &Oidc, now: u64) -> Result<(User, u64), &'static str> {
    if claims.get("iss").and_then(Value::as_str) != Some(&oidc.issuer) {
        return Err("the token is another issuer's");
    }
    let is_ours = match claims.get("aud") {
        Some(Value::String(one)) => *one == oidc.client_id,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(&oidc.client_id)),
        _ => false,
    };
    if !is_ours {
        return Err("the token is for another client");
    }
    let seconds = f64::from(u32::try_from(now).unwrap_or(u32::MAX));
    let end = claims
        .get("exp")
        .and_then(Value::as_f64)
        .ok_or("the token has no end")?;
    if end <= seconds {
        return Err("the token is past its end");
    }
    match claims.get("nbf") {
        None | Some(Value::Null) => {}
        Some(begin) => match begin.as_f64() {
            Some(begin) if begin <= seconds + AHEAD => {}
            _ => return Err("the token is not valid yet"),
        },
    }
    let name = claims
        .get(&oidc.username_claim)
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .ok_or("the token has no user name under the claim that is configured")?;
    // An address that nobody verified is whatever somebody typed. One of which the issuer says nothing passes, as with
    // Kubernetes.
    if oidc.username_claim == "email"
        && !matches!(claims.get("email_verified"), None | Some(Value::Bool(true)))
    {
        return Err("the token's address is not verified");
    }
    let user = User {
        name: format!("{}{name}", oidc.username_prefix),
        uid: String::new(),
        groups: groups(claims, oidc)?,
        extra: BTreeMap::new(),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond the range is its end"
    )]
    let end = end as u64;
    Ok((user, end))
}

/// One group, or a list of them.
fn groups(claims: &Value, oidc: &Oidc) -> Result<Vec<String>, &'static str> {
    const WRONG: &str = "the token's groups are neither a text nor a list of texts";
    if oidc.groups_claim.is_empty() {
        return Ok(Vec::new());
    }
    let prefixed = |group: &Value| {
        group
            .as_str()
            .map(|group| format!("{}{group}", oidc.groups_prefix))
            .ok_or(WRONG)
    };
    match claims.get(&oidc.groups_claim) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(prefixed).collect(),
        Some(one) => prefixed(one).map(|group| vec![group]),
    }
}
