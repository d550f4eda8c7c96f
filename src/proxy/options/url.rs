//! `--upstream`: a URL as Go's `url.Parse` and `httputil.NewSingleHostReverseProxy` take it. Pure.

use http::uri::Authority;

use super::Upstream;

/// What a valid one looks like.
const FIX: &str = "write http://HOST:PORT/ or https://HOST:PORT/";

/// Where requests go, of the flag's text, and what of it has no effect.
pub fn upstream(typed: &str) -> Result<(Upstream, Vec<String>), String> {
    let wrong = |why: &str| format!("--upstream={typed}: {why}; {FIX}");
    let mut warnings = Vec::new();
    if typed.contains(|c: char| c.is_ascii_control()) {
        return Err(wrong("a control character"));
    }
    let (scheme, rest) = typed.split_once("://").ok_or_else(|| wrong("no scheme"))?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(wrong("another scheme than http and https")),
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    if !fragment.is_empty() {
        warnings.push(format!("--upstream: `#{fragment}` has no effect"));
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !query.is_empty() {
        return Err(wrong("a query, which would be added to every request's"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, authority) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !user.is_empty() {
        warnings.push("--upstream: the name in front of `@` has no effect".into());
    }
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    let read: Authority = authority.parse().map_err(|_| wrong("no host and port"))?;
    // Of `host:port` with a port that is no number the library takes the whole as a host.
    let port = authority.strip_prefix(read.host()).unwrap_or_default();
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    if read.host().is_empty() || !is_port || read.port_u16() == Some(0) {
        return Err(wrong("no host and port"));
    }
    let path = escaped(path.strip_suffix('/').unwrap_or(path))
        .ok_or_else(|| wrong("a `%` without two hexadecimal digits"))?;
    Ok((
        Upstream {
            tls,
            authority: authority.to_owned(),
            path_prefix: path,
            force_h2c: false,
            ca_file: None,
            client_certificate: None,
            timeout: None,
        },
        warnings,
    ))
}

/// A path as it may stand in a request line: what is escaped stays, what may not stand there is.
fn escaped(path: &str) -> Option<String> {
    let mut text = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                text.push('%');
            }
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b':' | b'@' | b'/' => text.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_into_where_and_prefix() {
        for (typed, tls, authority, prefix) in [
            ("http://127.0.0.1:8888/", false, "127.0.0.1:8888", ""),
            ("http://127.0.0.1:8888", false, "127.0.0.1:8888", ""),
            ("HTTPS://svc.ns.svc/prefix/", true, "svc.ns.svc", "/prefix"),
            ("https://[::1]:8443/a%2Fb/c d", true, "[::1]:8443", "/a%2Fb/c%20d"),
            ("http://host:/", false, "host", ""),
            ("http://user:pass@host:80/#top", false, "host:80", ""),
        ] {
            let (upstream, _) = upstream(typed).unwrap();
            assert_eq!(
                (
                    upstream.tls,
                    upstream.authority.as_str(),
                    upstream.path_prefix.as_str()
                ),
                (tls, authority, prefix),
                "{typed}"
            );
        }
        let (_, warnings) = upstream("http://user:pass@host:80/#top").unwrap();
        assert_eq!(warnings.len(), 2);
        assert!(warnings.iter().all(|warning| !warning.contains("pass")));
    }

    #[test]
    fn what_no_request_could_be_sent_to_is_refused_with_the_flags_name() {
        for typed in [
            ":bad:",
            "",
            "127.0.0.1:8888",
            "localhost:8888",
            "ftp://host/",
            "http:///path",
            "http://:80/",
            "http://host:abc/",
            "http://host:0/",
            "http://host:70000/",
            "http://host/%zz",
            "http://host/?token=1",
            "http://ho st/",
            "http://host/\n",
        ] {
            let error = upstream(typed).unwrap_err();
            assert!(error.starts_with("--upstream="), "{typed}: {error}");
            assert!(error.contains("write http://"), "{typed}: {error}");
        }
    }
}
