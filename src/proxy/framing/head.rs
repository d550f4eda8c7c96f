//! One head: request line and headers (RFC 9112, sections 3 and 5), with what decides about its body.

use http::uri::PathAndQuery;
use memchr::memchr;

use super::{Body, Bounds, Facts};
use crate::proxy::refusal::{Part, Refusal};

/// What the headers that decide said.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    is_chunked: bool,
    hosts: usize,
    is_upgrade_listed: bool,
    upgrade: Named,
}

/// The protocols that `Upgrade` names.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Named {
    #[default]
    None,
    Some,
    /// HTTP/2 in clear text among them: its requests would come past every check (RFC 9113 has withdrawn it).
    H2c,
}

/// Reads a head, its empty line included: every line ends with CR LF.
pub(super) fn read(bytes: &[u8], bounds: &Bounds) -> Result<(Facts, Body), Refusal> {
    let mut lines = Lines(bytes);
    let (target, is_http11) = request_line(lines.next().unwrap_or_default(), bounds)?;
    let mut said = Said::default();
    for line in lines {
        header(line, &mut said)?;
    }
    if said.hosts > 1 {
        return Err(Refusal::Malformed("two Host headers"));
    }
    if is_http11 && said.hosts == 0 {
        return Err(Refusal::Malformed("no Host header"));
    }
    if said.is_chunked && !is_http11 {
        return Err(Refusal::Malformed("Transfer-Encoding in HTTP/1.0"));
    }
    let body = match (said.is_chunked, said.length) {
        (true, Some(_)) => return Err(Refusal::Malformed("Content-Length beside Transfer-Encoding")),
        (true, None) => Body::Chunked,
        (false, Some(length)) => Body::Sized(length),
        (false, None) => Body::None,
    };
    // HTTP/1.0 knows no upgrade, and one that Connection does not list is dropped as any hop-by-hop header.
    let asks_upgrade = is_http11 && said.is_upgrade_listed && said.upgrade != Named::None;
    if asks_upgrade && said.upgrade == Named::H2c {
        return Err(Refusal::Malformed("Upgrade: h2c"));
    }
    if asks_upgrade && !matches!(body, Body::None | Body::Sized(0)) {
        return Err(Refusal::Malformed("an upgrade with a body"));
    }
    let facts = Facts {
        target,
        asks_upgrade,
        refusal: None,
    };
    Ok((facts, body))
}

fn request_line(line: &[u8], bounds: &Bounds) -> Result<(PathAndQuery, bool), Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed("the request line has not three parts"));
    };
    if !is_token(method) {
        return Err(Refusal::Malformed("the method is no token"));
    }
    let is_http11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(Refusal::Malformed("neither HTTP/1.1 nor HTTP/1.0")),
    };
    if target.len() > bounds.target_bytes {
        return Err(Refusal::TooLarge(Part::Target));
    }
    if method == b"CONNECT" {
        return Err(Refusal::NotServed);
    }
    if target != b"*" && target.first() != Some(&b'/') {
        return Err(Refusal::Malformed("the target is no path"));
    }
    if memchr(b'#', target).is_some() {
        return Err(Refusal::Malformed("a fragment in the target"));
    }
    let target = PathAndQuery::try_from(target)
        .map_err(|_| Refusal::Malformed("a character in the target that no URI has"))?;
    Ok((target, is_http11))
}

fn header(line: &[u8], said: &mut Said) -> Result<(), Refusal> {
    if line.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
        return Err(Refusal::Malformed("a folded header line"));
    }
    let Some(colon) = memchr(b':', line) else {
        return Err(Refusal::Malformed("a header line without a colon"));
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err(Refusal::Malformed("a header's name is no token"));
    }
    if !is_value(value) {
        return Err(Refusal::Malformed("a control character in a header's value"));
    }
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"host") => {
            said.hosts += 1;
            if !is_host(blanks_off(value)) {
                return Err(Refusal::Malformed("the Host header is no host"));
            }
        }
        7 if name.eq_ignore_ascii_case(b"upgrade") => {
            for token in tokens(value) {
                if token.eq_ignore_ascii_case(b"h2c") {
                    said.upgrade = Named::H2c;
                } else if !token.is_empty() && said.upgrade == Named::None {
                    said.upgrade = Named::Some;
                }
            }
        }
        10 if name.eq_ignore_ascii_case(b"connection") => {
            said.is_upgrade_listed |= tokens(value).any(|token| token.eq_ignore_ascii_case(b"upgrade"));
        }
        14 if name.eq_ignore_ascii_case(b"content-length") => {
            let length = length(blanks_off(value))?;
            if said.length.is_some_and(|before| before != length) {
                return Err(Refusal::Malformed("two lengths"));
            }
            said.length = Some(length);
        }
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
            if said.is_chunked || !blanks_off(value).eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Malformed("a transfer coding other than chunked"));
            }
            said.is_chunked = true;
        }
        _ => {}
    }
    Ok(())
}

/// Digits alone, not more than fit.
fn length(value: &[u8]) -> Result<u64, Refusal> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // hyper's two highest values mean something else to it.
    text.parse()
        .ok()
        .filter(|length| digits && *length < u64::MAX - 2)
        .ok_or(Refusal::Malformed("Content-Length is no number"))
}

/// A token (RFC 9110, section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| TOKEN[usize::from(*byte)])
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 128 {
        // At most 127.
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let byte = at as u8;
        table[at] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        at += 1;
    }
    table
};

/// A field's value (RFC 9110, section 5.5): no control character, bytes above 0x7F as they are. Most of a head is values: they
/// are looked at in blocks, without a branch for each byte.
fn is_value(bytes: &[u8]) -> bool {
    let fault = |byte: &u8| u8::from((*byte < b' ' && *byte != b'\t') || *byte == 0x7f);
    bytes
        .chunks(32)
        .all(|block| block.iter().fold(0, |faults, byte| faults | fault(byte)) == 0)
}

/// Host and port (RFC 3986, section 3.2), or nothing; no user.
fn is_host(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
                    | b'['
                    | b']'
                    | b'%'
            )
    })
}

fn blanks_off(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(blanks_off)
}

/// Lines without their ends, up to the empty one.
struct Lines<'a>(&'a [u8]);

// === impl Lines ===

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr(b'\n', self.0)?;
        let line = self.0.get(..end.checked_sub(1)?)?;
        self.0 = &self.0[end + 1..];
        (!line.is_empty()).then_some(line)
    }
}
