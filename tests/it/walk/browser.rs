//! What a browser does at a login: keeps cookies by host, and follows where it is sent.

use std::collections::BTreeMap;

use super::client::{Answer, Target};
use super::definitions::HOST;

/// What a browser sends when somebody opens a page.
pub(crate) const PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
/// And that it is a person who opens it.
const OPENED: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
/// As far as a login leads.
const MOST_STEPS: usize = 16;

/// A browser, with the two places that it can reach.
#[derive(Clone)]
pub(crate) struct Browser {
    gateway: Target,
    issuer: (String, Target),
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// Where a walk ended.
pub(crate) struct End {
    pub(crate) url: String,
    pub(crate) answer: Answer,
}

// === impl Browser ===

impl Browser {
    /// A browser without cookies. `issuer` is the issuer's URL without a path.
    pub(crate) fn new(gateway: &Target, issuer: (&str, &Target)) -> Self {
        Self {
            gateway: gateway.clone(),
            issuer: (issuer.0.to_owned(), issuer.1.clone()),
            cookies: BTreeMap::new(),
        }
    }

    /// The cookies of the gateway, as they are sent.
    pub(crate) fn cookie(&self) -> String {
        header(self.cookies.get(&gateway()))
    }

    /// Names of the gateway's cookies.
    pub(crate) fn names(&self) -> Vec<&str> {
        let cookies = self.cookies.get(&gateway());
        cookies
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Sets a cookie of the gateway.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let cookies = self.cookies.entry(gateway()).or_default();
        cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Forgets the cookies of the gateway that are so.
    pub(crate) fn forget(&mut self, so: impl Fn(&str) -> bool) {
        if let Some(cookies) = self.cookies.get_mut(&gateway()) {
            cookies.retain(|name, _| !so(name));
        }
    }

    /// One request at the gateway, with the cookies that are there.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        self.go(method, &format!("{}{path}", gateway()), headers)
    }

    /// Opens a page and goes where it is sent, until there is one.
    pub(crate) fn open(&mut self, url: &str) -> Result<End, String> {
        let mut url = if url.starts_with('/') {
            format!("{}{url}", gateway())
        } else {
            url.to_owned()
        };
        for _ in 0..MOST_STEPS {
            let answer = self.go("GET", &url, &[PAGE, OPENED])?;
            let next = answer
                .header("location")
                .filter(|_| (300..400).contains(&answer.status));
            let Some(next) = next else {
                return Ok(End { url, answer });
            };
            url = resolve(&url, next);
            if !self.knows(&url) {
                return Ok(End { url, answer });
            }
        }
        Err(format!("led on and on, at last to {url}"))
    }

    /// Opens a page up to the answer that leads to this path.
    pub(crate) fn open_until(&mut self, url: &str, path: &str) -> Result<String, String> {
        let mut url = format!("{}{url}", gateway());
        for _ in 0..MOST_STEPS {
            let answer = self.go("GET", &url, &[PAGE, OPENED])?;
            let next = answer
                .header("location")
                .ok_or(format!("{url}: {}", answer.status))?;
            url = resolve(&url, next);
            if url.split_once("://").is_some_and(|(_, rest)| rest.contains(path)) {
                return Ok(url);
            }
        }
        Err(format!("never led to {path}"))
    }

    fn knows(&self, url: &str) -> bool {
        let (origin, _) = split(url);
        origin == gateway() || origin == self.issuer.0
    }

    fn go(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let (origin, path) = split(url);
        let (host, target) = if origin == self.issuer.0 {
            (
                origin.strip_prefix("https://").unwrap_or_default(),
                &self.issuer.1,
            )
        } else {
            (HOST, &self.gateway)
        };
        let cookie = header(self.cookies.get(origin));
        let mut all = vec![("Host", host), ("Connection", "close")];
        if !cookie.is_empty() {
            all.push(("Cookie", &cookie));
        }
        all.extend(headers);
        let answer = target
            .exchange(method, path, &all, b"")
            .map_err(|why| format!("{url}: {why}"))?;
        let jar = self.cookies.entry(origin.to_owned()).or_default();
        for cookie in answer.all("set-cookie") {
            let mut parts = cookie.split(';');
            let (name, value) = parts
                .next()
                .unwrap_or_default()
                .split_once('=')
                .unwrap_or_default();
            let ended = parts.any(|part| {
                let part = part.trim().to_ascii_lowercase();
                part.starts_with("max-age=0") || part.starts_with("max-age=-") || part.contains("1970")
            });
            if value.is_empty() || ended {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

fn gateway() -> String {
    format!("https://{HOST}")
}

fn header(cookies: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = cookies
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

/// Origin and path.
fn split(url: &str) -> (&str, &str) {
    let from = url.find("://").map_or(0, |at| at + 3);
    let end = url[from..].find('/').map_or(url.len(), |at| from + at);
    let path = &url[end..];
    (&url[..end], if path.is_empty() { "/" } else { path })
}

/// As a browser reads a `Location`: `//host` and `/\host` are other hosts.
fn resolve(at: &str, location: &str) -> String {
    let location = location.trim().replace('\\', "/").replace(['\t', '\n', '\r'], "");
    if location.starts_with("//") {
        return format!("https:{location}");
    }
    if location.starts_with('/') {
        return format!("{}{location}", split(at).0);
    }
    if location.contains("://") {
        return location;
    }
    format!("{}/{location}", split(at).0)
}
