//! Headers on their way: hop-by-hop ones off, identity off and set last. Pure.
//!
//! kube-rbac-proxy sets identity first and removes what `Connection` lists afterwards, so that a client could remove it; it
//! replaces only the spelling that it sets, and that only where it sets one. Here every spelling goes from every request.

use http::header::{CONNECTION, COOKIE, HeaderMap, HeaderName, HeaderValue, TE};

use super::options::IdentityHeaders;
use super::refusal::Refusal;
use super::user::User;

/// Names, in the spelling with dashes, that only a proxy may set: whatever begins with one that ends with a dash.
/// Source: what the kube-apiserver's front proxy, oauth2-proxy, kube-auth-proxy and Kubeflow tell their upstreams.
const IDENTITY: [&str; 9] = [
    "impersonate-",
    "x-remote-",
    "x-auth-request-",
    "x-forwarded-user",
    "x-forwarded-groups",
    "x-forwarded-email",
    "x-forwarded-access-token",
    "x-forwarded-preferred-username",
    "kubeflow-userid",
];

/// Headers of one connection (RFC 9110, section 7.6.1, and what older clients send). `TE` and `Transfer-Encoding` are looked at
/// apart.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "upgrade",
];

/// What `Connection` may not remove: without them the message is another one.
const KEPT: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// How the upstream is told who calls.
#[derive(Debug, Clone)]
pub struct Names {
    set: Option<(HeaderName, HeaderName)>,
    own: [String; 2],
    separator: String,
}

// === impl Names ===

impl Names {
    /// From the options.
    ///
    /// # Errors
    /// A name that is no header's.
    pub fn new(options: &IdentityHeaders) -> Result<Self, String> {
        let name = |flag: &str, typed: &str| {
            HeaderName::from_bytes(typed.as_bytes()).map_err(|_| {
                format!("--{flag}: {typed:?} is no name of a header; write one like x-remote-user")
            })
        };
        let user = name("auth-header-user-field-name", &options.user)?;
        let groups = name("auth-header-groups-field-name", &options.groups)?;
        Ok(Self {
            own: [folded(user.as_str()), folded(groups.as_str())],
            set: options.enabled.then_some((user, groups)),
            separator: options.separator.clone(),
        })
    }

    /// Whether a name says who calls, in any spelling that an upstream might take for it: many read `X_Remote_User` as
    /// `X-Remote-User`.
    pub fn is_identity(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        let is_own = |own: &String| own.len() == name.len() && begins(name, own);
        self.own.iter().any(is_own)
            || IDENTITY
                .iter()
                .any(|known| begins(name, known) && (known.ends_with('-') || known.len() == name.len()))
    }
}

fn folded(name: &str) -> String {
    name.bytes().map(|byte| char::from(fold(byte))).collect()
}

/// What CGI and its heirs make of a character of a name.
fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'-' }
}

fn begins(name: &[u8], known: &str) -> bool {
    name.len() >= known.len()
        && name
            .iter()
            .zip(known.bytes())
            .all(|(byte, known)| fold(*byte) == known)
}

/// Takes off a request what is another hop's, and everything that says who calls.
pub fn clean(headers: &mut HeaderMap, names: &Names) {
    let mut off: Vec<HeaderName> = Vec::new();
    listed(headers, &mut off);
    for name in headers.keys() {
        if HOP_BY_HOP.contains(&name.as_str()) || names.is_identity(name) {
            off.push(name.clone());
        }
    }
    let is_trailers = asks_trailers(headers);
    for name in off {
        headers.remove(name);
    }
    // Either it was on a line of another meaning, or it was listed by Connection, as it must be.
    headers.remove(TE);
    if is_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Takes off an answer what is another hop's.
pub fn clean_answer(headers: &mut HeaderMap) {
    let mut off: Vec<HeaderName> = Vec::new();
    listed(headers, &mut off);
    let known = headers.keys().filter(|name| HOP_BY_HOP.contains(&name.as_str()));
    off.extend(known.cloned());
    for name in off {
        headers.remove(name);
    }
    headers.remove(TE);
}

/// Whether the sender reads trailers.
fn asks_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).iter();
    let mut tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// The names that `Connection` lists, but for those that make the message.
fn listed(headers: &HeaderMap, off: &mut Vec<HeaderName>) {
    let values = headers.get_all(CONNECTION).iter();
    for token in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        let Ok(name) = HeaderName::from_bytes(token.trim_ascii()) else {
            continue;
        };
        if !KEPT.contains(&name.as_str()) {
            off.push(name);
        }
    }
}

/// Tells the upstream who calls. The last change to a request's headers.
///
/// # Errors
/// A name that would be read as another: a control character, a blank at an end, a separator in a group's name.
pub fn identify(headers: &mut HeaderMap, user: &User, names: &Names) -> Result<(), Refusal> {
    let Some((user_name, groups_name)) = &names.set else {
        return Ok(());
    };
    headers.insert(user_name, spoken(&user.name)?);
    let groups = user.groups.join(&names.separator);
    if user.groups.is_empty() {
        return Ok(());
    }
    let is_same = !names.separator.is_empty() && groups.split(&names.separator).eq(&user.groups);
    if !is_same || user.groups.iter().any(String::is_empty) {
        return Err(Refusal::Unspeakable);
    }
    headers.insert(groups_name, spoken(&groups)?);
    Ok(())
}

fn spoken(text: &str) -> Result<HeaderValue, Refusal> {
    let is_whole = text.trim_matches([' ', '\t']).len() == text.len() && !text.is_empty();
    if !is_whole || text.chars().any(char::is_control) {
        return Err(Refusal::Unspeakable);
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Refusal::Unspeakable)
}

/// Adds the address of the connection to `X-Forwarded-For`, on one line with what stands there.
pub fn forwarded_for(headers: &mut HeaderMap, peer: &HeaderValue) {
    let mut before = headers.get_all(FORWARDED_FOR).iter();
    let Some(first) = before.next() else {
        headers.insert(FORWARDED_FOR, peer.clone());
        return;
    };
    let mut line = first.as_bytes().to_vec();
    for value in before.chain([peer]) {
        line.extend_from_slice(b", ");
        line.extend_from_slice(value.as_bytes());
    }
    // Made of values alone.
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        headers.insert(FORWARDED_FOR, line);
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Joins cookies that HTTP/2 has split (RFC 9113, section 8.2.3).
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else {
        return;
    };
    let mut line = first.as_bytes().to_vec();
    for crumb in [second].into_iter().chain(crumbs) {
        line.extend_from_slice(b"; ");
        line.extend_from_slice(crumb.as_bytes());
    }
    if let Ok(line) = HeaderValue::from_bytes(&line) {
        headers.insert(COOKIE, line);
    }
}

/// Whether an HTTP/2 request has a field that only HTTP/1.1 knows (RFC 9113, section 8.2.2).
pub fn is_of_http1(headers: &HeaderMap) -> bool {
    let is_te_other = || {
        let mut lines = headers.get_all(TE).iter();
        lines.any(|line| !line.as_bytes().eq_ignore_ascii_case(b"trailers"))
    };
    let names = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    names.iter().any(|name| headers.contains_key(*name)) || is_te_other()
}

#[cfg(test)]
mod tests;
