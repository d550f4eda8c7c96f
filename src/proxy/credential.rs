//! What a request shows of who sends it: pure, from its headers.
//!
//! A bearer token in `Authorization` (kubernetes/apiserver `pkg/authentication/request/bearertoken`), or in a WebSocket's subprotocol,
//! where a browser can set no header (`pkg/authentication/request/websocket`). Stricter than there: two `Authorization` headers and
//! words behind the token are refused, and so is a token that nobody could have issued, before anybody is asked about it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue};

use super::refusal::Refusal;

/// What a subprotocol that carries a token begins with.
const SUBPROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// A token. Nothing writes it by accident: `Debug` prints no more than that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Where a token was shown, and so what of the request must not be forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// In `Authorization`.
    Bearer,
    /// In a WebSocket's subprotocol.
    Subprotocol {
        /// What `Sec-WebSocket-Protocol` says without it.
        others: HeaderValue,
    },
}

/// What a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The token.
    pub token: Token,
    /// Where it was.
    pub shown: Shown,
}

/// Reads what a request shows; none where that is nothing that is looked at here, such as a password.
///
/// `is_upgrade`: the request asks for another protocol. `token_bytes`: the longest token that is read.
///
/// # Errors
/// [`Refusal::Malformed`] for two `Authorization` headers and for one that is no UTF-8, [`Refusal::Unauthenticated`] for what is meant
/// as a token and cannot be one.
pub fn read(
    headers: &HeaderMap,
    is_upgrade: bool,
    token_bytes: usize,
) -> Result<Option<Credential>, Refusal> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(Refusal::Malformed("there are two Authorization headers"));
    }
    if let Some(line) = line {
        let text = std::str::from_utf8(line.as_bytes())
            .map_err(|_| Refusal::Malformed("the Authorization header is no UTF-8"))?;
        if let Some(text) = bearer(text)? {
            return Ok(Some(Credential {
                token: token(text, token_bytes)?,
                shown: Shown::Bearer,
            }));
        }
    }
    if is_upgrade {
        subprotocol(headers, token_bytes)
    } else {
        Ok(None)
    }
}

/// What stands behind the scheme; none for another scheme.
fn bearer(text: &str) -> Result<Option<&str>, Refusal> {
    let text = text.trim_matches([' ', '\t']);
    let (scheme, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    // Another blank than one space is read as one by some and not by others.
    if text
        .as_bytes()
        .get(scheme.len())
        .is_some_and(|blank| *blank != b' ')
        || rest.contains([' ', '\t'])
    {
        return Err(Refusal::Unauthenticated("not one token stands behind the scheme"));
    }
    Ok(Some(rest))
}

fn subprotocol(headers: &HeaderMap, token_bytes: usize) -> Result<Option<Credential>, Refusal> {
    let is_websocket = |protocol: &HeaderValue| protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
    if !headers.get(UPGRADE).is_none_or(is_websocket) {
        return Ok(None);
    }
    let mut encoded = None;
    let mut others = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let line = std::str::from_utf8(line.as_bytes())
            .map_err(|_| Refusal::Malformed("the Sec-WebSocket-Protocol header is no UTF-8"))?;
        for protocol in line.split(',').map(|protocol| protocol.trim_matches([' ', '\t'])) {
            match protocol.strip_prefix(SUBPROTOCOL) {
                None => others.push(protocol),
                Some(_) if encoded.is_some() => {
                    return Err(Refusal::Unauthenticated("two subprotocols carry a token"));
                }
                Some(text) => encoded = Some(text),
            }
        }
    }
    let Some(encoded) = encoded else {
        return Ok(None);
    };
    if others.is_empty() {
        return Err(Refusal::Unauthenticated(
            "beside the token's subprotocol there is none to agree on",
        ));
    }
    if encoded.len() / 4 * 3 > token_bytes {
        return Err(Refusal::Unauthenticated("the token is too long"));
    }
    let decoded = URL_SAFE_NO_PAD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(Refusal::Unauthenticated(
            "the token's subprotocol is no base64url of a text",
        ))?;
    // Text of a header's value that was taken apart at commas is text of one again.
    let others = HeaderValue::from_str(&others.join(","))
        .map_err(|_| Refusal::Malformed("the Sec-WebSocket-Protocol header is no ASCII"))?;
    Ok(Some(Credential {
        token: token(&decoded, token_bytes)?,
        shown: Shown::Subprotocol { others },
    }))
}

/// A token as somebody could have issued it: visible ASCII without a comma, which would make a list of it.
fn token(text: &str, token_bytes: usize) -> Result<Token, Refusal> {
    if text.len() > token_bytes {
        return Err(Refusal::Unauthenticated("the token is too long"));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
        return Err(Refusal::Unauthenticated("what should be a token is none"));
    }
    Ok(Token::new(text))
}

// === impl Token ===

impl Token {
    /// The token, as it was shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text, for whoever is asked about it and for nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests;
