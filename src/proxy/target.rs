//! A request's target in one spelling: what is matched is what is forwarded. Pure.
//!
//! A path in which two readers could see two paths is refused: encoded dot segments, backslashes, NUL, what is no UTF-8, fragments.
//! Literal `//`, `/./` and `/../` are sent elsewhere, as Go's `ServeMux` does. What is left is forwarded byte for byte; only
//! characters that no path may hold are escaped, as Go's `URL.EscapedPath` escapes them.
//!
//! Escapes are decoded once: `%252e` is the text `%2e`, here and for an upstream that decodes once.

use std::fmt::Write;

use super::refusal::Refusal;

/// A target that everybody reads alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Path and query, as forwarded.
    raw: String,
    /// Where the query's `?` stands, or the end.
    path_end: usize,
    /// The path, decoded.
    path: String,
}

// === impl Target ===

impl Target {
    /// Reads the target of a request line, or `:path`, byte for byte.
    ///
    /// `compares_paths`: some rule compares the path by its segments, so that an encoded slash would make it another path there
    /// than upstream. Elsewhere such slashes pass: Jupyter writes file names with them.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for what could be read in two ways, and for absolute forms; [`Refusal::MovedTo`] for a literal
    /// `//`, `/./` or `/../`; [`Refusal::NotServed`] for `*`.
    pub fn parse(raw: &str, compares_paths: bool) -> Result<Self, Refusal> {
        if raw == "*" {
            return Err(Refusal::NotServed);
        }
        if !raw.starts_with('/') {
            return Err(Refusal::Malformed("the target does not begin with a slash"));
        }
        if raw.contains('#') {
            return Err(Refusal::Malformed("there is a fragment in the target"));
        }
        if raw.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(Refusal::Malformed(
                "there is a blank or control character in the target",
            ));
        }
        let (raw_path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        let raw_path = escaped(raw_path);
        let path = decoded(&raw_path)?;
        check_segments(&raw_path, &path, compares_paths)?;
        let clean = clean(&raw_path);
        if clean != raw_path {
            return Err(Refusal::MovedTo(match query {
                Some(query) if !query.is_empty() => format!("{clean}?{}", ascii(query)),
                _ => clean,
            }));
        }
        let path_end = raw_path.len();
        let mut raw = raw_path;
        if let Some(query) = query {
            raw.push('?');
            raw.push_str(query);
        }
        Ok(Self { raw, path_end, path })
    }

    /// Path and query, as forwarded.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The path, as forwarded.
    pub fn raw_path(&self) -> &str {
        self.raw.get(..self.path_end).unwrap_or_default()
    }

    /// The path, decoded once.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query, as forwarded.
    pub fn query(&self) -> Option<&str> {
        self.raw.get(self.path_end + 1..)
    }
}

/// The path with characters escaped that stand in no path (RFC 3986, section 3.3). What is escaped already stays.
fn escaped(path: &str) -> String {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@[]/%\\".contains(&byte);
    escape_where(path, |byte| !may_stand(byte))
}

/// The query for a header's value. The query that is forwarded is left as it is.
fn ascii(query: &str) -> String {
    escape_where(query, |byte| !byte.is_ascii())
}

fn escape_where(text: &str, escapes: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && !escapes(byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string has no way to fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The bytes that a text's escapes stand for; none where an escape is no escape.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = hexadecimal(rest.next()?)?;
            let low = hexadecimal(rest.next()?)?;
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    Some(bytes)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn decoded(raw_path: &str) -> Result<String, Refusal> {
    let bytes = unescape(raw_path).ok_or(Refusal::Malformed("an escape in the path is none"))?;
    if bytes.contains(&0) {
        return Err(Refusal::Malformed("there is a NUL in the path"));
    }
    if bytes.contains(&b'\\') {
        return Err(Refusal::Malformed("there is a backslash in the path"));
    }
    // Longer forms of a character than UTF-8 has are none of UTF-8.
    String::from_utf8(bytes).map_err(|_| Refusal::Malformed("the path is no UTF-8"))
}

fn check_segments(raw_path: &str, path: &str, compares_paths: bool) -> Result<(), Refusal> {
    if compares_paths && raw_path.len() >= 3 && raw_path.to_ascii_lowercase().contains("%2f") {
        return Err(Refusal::Malformed(
            "there is an encoded slash in a path that is compared",
        ));
    }
    // Those that are written as they are, and those that come out of decoding.
    let literal = raw_path.split('/').filter(|segment| is_dots(segment)).count();
    let all = path.split('/').filter(|segment| is_dots(segment)).count();
    if all > literal {
        return Err(Refusal::Malformed("there is an encoded dot segment in the path"));
    }
    // Servlet containers take parameters off a segment before they resolve it.
    let is_hidden = |segment: &str| {
        segment
            .split_once(';')
            .is_some_and(|(in_front, _)| is_dots(in_front))
    };
    if path.split('/').any(is_hidden) {
        return Err(Refusal::Malformed(
            "there is a dot segment with a parameter in the path",
        ));
    }
    Ok(())
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// The path without empty and dot segments; a slash at its end stays (Go, `net/http` `cleanPath`).
fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = String::with_capacity(path.len());
    for segment in &kept {
        clean.push('/');
        clean.push_str(segment);
    }
    if path.ends_with('/') || kept.is_empty() {
        clean.push('/');
    }
    clean
}

#[cfg(test)]
mod tests;
