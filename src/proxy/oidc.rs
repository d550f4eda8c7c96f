//! ID tokens that are verified here: discovery, keys, claims.
//!
//! As kubernetes/apiserver `plugin/pkg/authenticator/token/oidc` and coreos/go-oidc do it: the issuer's URL begins with
//! `https`, the document found there names the same issuer, its keys sign with one of the listed algorithms, and the token is
//! of this issuer, for this client and not past its end. The guard starts while the issuer is away; until it was reached once
//! nobody can be asked.

mod claims;
mod keys;

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::api::Unavailable;
use super::credential::Token;
use super::metrics::Metrics;
use super::options;
use super::user::User;
use keys::{Found, Keys};

pub use claims::peek;

/// Algorithms that are verified, as JOSE names them. Each has a public and a private key: one that is shared could be made
/// out of a public one.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// An issuer.
pub struct Issuer {
    options: options::Oidc,
    algorithms: Vec<Algorithm>,
    keys: Arc<Keys>,
}

/// Whose an ID token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdToken {
    /// This user's, until then (seconds since 1970).
    Known(User, u64),
    /// Nobody's, and why.
    Nobody(&'static str),
}

// === impl Issuer ===

impl Issuer {
    /// Checks the options and begins to look for the keys.
    pub fn new(options: &options::Oidc, metrics: Arc<Metrics>) -> Result<Self, String> {
        Self::build(options, metrics)
            .map_err(|error| format!("failed to instantiate OIDC authenticator: {error}"))
    }

    fn build(options: &options::Oidc, metrics: Arc<Metrics>) -> Result<Self, String> {
        if options.client_id.is_empty() {
            return Err("--oidc-clientID is missing: the audience of the issuer's tokens".into());
        }
        if options.username_claim.is_empty() {
            return Err("--oidc-username-claim is empty: name the claim that holds the user's name".into());
        }
        let algorithms = options
            .algorithms
            .iter()
            .map(|wanted| {
                let known = ALGORITHMS.iter().find(|(name, _)| name == wanted);
                known.map(|(_, algorithm)| *algorithm).ok_or_else(|| {
                    let names: Vec<_> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
                    format!(
                        "--oidc-sign-alg: {wanted:?} is not verified here; there are {}",
                        names.join(", ")
                    )
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if algorithms.is_empty() {
            return Err("--oidc-sign-alg is empty: name one".into());
        }
        let keys = Arc::new(Keys::new(options, metrics)?);
        Ok(Self {
            options: options.clone(),
            algorithms,
            keys,
        })
    }

    /// Fetches the keys, so that the first who comes does not wait for that. Whether it works is seen when somebody comes.
    pub async fn warm_up(&self) {
        drop(self.keys.find(None).await);
    }

    /// Whether a token says that it is this issuer's. That is no proof.
    pub fn is_named_by(&self, token: &Token) -> bool {
        peek(token)
            .is_some_and(|claims| claims.get("iss").and_then(Value::as_str) == Some(&self.options.issuer))
    }

    /// Verifies a token, at a time in seconds since 1970.
    pub async fn verify(&self, token: &Token, now: u64) -> Result<IdToken, Unavailable> {
        let Ok(header) = jsonwebtoken::decode_header(token.reveal()) else {
            return Ok(IdToken::Nobody("the token is no ID token"));
        };
        if !self.algorithms.contains(&header.alg) {
            return Ok(IdToken::Nobody(
                "the token is signed by an algorithm that is not listed",
            ));
        }
        // What cannot be anybody's is not worth a look for new keys.
        if !self.is_named_by(token) {
            return Ok(IdToken::Nobody("the token is another issuer's"));
        }
        let kid = header.kid.as_deref();
        let Found { keys, are_new } = self.keys.find(kid).await?;
        let mut claims = Self::signed(token, header.alg, &keys);
        if claims.is_none() && !are_new && !keys.is_empty() {
            // The issuer may have another key under the same name.
            let renewed = self.keys.renewed(kid).await;
            claims = Self::signed(token, header.alg, &renewed);
        }
        let Some(claims) = claims else {
            return Ok(IdToken::Nobody("no key of the issuer's signed the token"));
        };
        Ok(match claims::user(&claims, &self.options, now) {
            Ok((user, end)) => IdToken::Known(user, end),
            Err(why) => IdToken::Nobody(why),
        })
    }

    /// The claims, where one of the keys signed them. What they say is not looked at here.
    fn signed(token: &Token, algorithm: Algorithm, keys: &[DecodingKey]) -> Option<Value> {
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        keys.iter().find_map(|key| {
            jsonwebtoken::decode::<Value>(token.reveal(), key, &validation)
                .ok()
                .map(|data| data.claims)
        })
    }
}

#[cfg(test)]
mod tests;
