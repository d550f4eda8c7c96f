//! What must be true of the login, one check after the other, each by its name.
//!
//! A check looks from outside: at what is answered, and at the bytes that the applications get. Those that differ from
//! program to program or from version to version are named where a walk is (`walk.rs`), with the reason.

mod api;
mod cookies;
mod failures;
mod forged;
mod http2;
mod identity;
mod login;
mod paths;
mod redirects;
mod streams;

use std::cell::OnceCell;
use std::time::Duration;

use serde_json::{Value, json};

use super::browser::{Browser, End};
use super::client::{Answer, Connection, Target};
use super::definitions::HOST;
use super::envoy::Envoy;
use super::issuer::CLIENT;
use super::stage::Stage;
use super::upstream::Upstream;

/// What a check found: nothing, or what was wrong.
pub(crate) type Found = Result<(), String>;

/// A check.
pub(crate) struct Check {
    pub(crate) name: String,
    run: Box<dyn Fn(&Walk<'_>) -> Found>,
}

/// An Envoy on a stage, and a session.
pub(crate) struct Walk<'a> {
    pub(crate) stage: &'a Stage,
    gateway: Target,
    session: OnceCell<Result<String, String>>,
}

/// After this a session is refreshed: after two seconds, and ages are whole ones.
pub(crate) const OLD: Duration = Duration::from_millis(3_200);
/// Whoever wants to be called by the page's own scripts asks for this.
const JSON: (&str, &str) = ("Accept", "application/json");

/// All of them, in the order in which they are walked.
pub(crate) fn all() -> Vec<Check> {
    [
        login::checks(),
        api::checks(),
        identity::checks(),
        forged::checks(),
        paths::checks(),
        cookies::checks(),
        redirects::checks(),
        streams::checks(),
        http2::checks(),
        failures::checks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Walks the checks whose name is wanted, and gives what failed, with why.
pub(crate) fn walk(stage: &Stage, envoy: &Envoy, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let walk = Walk {
        stage,
        gateway: stage.gateway(envoy.address()),
        session: OnceCell::new(),
    };
    let mut failed = Vec::new();
    for check in all().into_iter().filter(|check| wanted(&check.name)) {
        stage.issuer.reset();
        if let Err(why) = (check.run)(&walk) {
            failed.push((check.name, why));
        }
    }
    failed
}

/// A check by its name.
fn check(name: impl Into<String>, run: impl Fn(&Walk<'_>) -> Found + 'static) -> Check {
    Check {
        name: name.into(),
        run: Box::new(run),
    }
}

/// Nothing, if it is so.
fn ensure(so: bool, otherwise: impl FnOnce() -> String) -> Found {
    if so { Ok(()) } else { Err(otherwise()) }
}

/// The status is as wanted.
fn status(answer: &Answer, wanted: u16) -> Found {
    ensure(answer.status == wanted, || {
        let text = answer.text();
        let start: String = text.chars().take(200).collect();
        format!(
            "{} instead of {wanted}; {:?}; {start}",
            answer.status, answer.headers
        )
    })
}

/// What the application got: the head of its request, as it says itself.
fn head(answer: &Answer) -> Result<String, String> {
    status(answer, 200)?;
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| format!("not the application: {}", answer.text()))?;
    body["head"]
        .as_str()
        .map(str::to_owned)
        .ok_or("no head".to_owned())
}

/// The values of a header in a head, in any spelling.
fn values<'a>(head: &'a str, wanted: &str) -> Vec<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim())
        .collect()
}

/// A header is there once, with this value.
fn is(head: &str, name: &str, value: &str) -> Found {
    let found = values(head, name);
    ensure(found == [value], || {
        format!("{name} is {found:?} instead of {value:?}")
    })
}

/// A header is not there.
fn absent(head: &str, name: &str) -> Found {
    let found = values(head, name);
    ensure(found.is_empty(), || format!("{name} arrives: {found:?}"))
}

/// The first line of a head.
fn target(head: &str) -> &str {
    head.lines()
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or("")
}

// === impl Walk ===

impl Walk<'_> {
    /// A browser that has never been here.
    fn browser(&self) -> Browser {
        let issuer = &self.stage.issuer;
        Browser::new(&self.gateway, (issuer.url(), issuer.target()))
    }

    /// Somebody logs in who wants this page.
    fn log_in(&self, path: &str) -> Result<(Browser, End), String> {
        let mut browser = self.browser();
        let end = browser.open(path)?;
        Ok((browser, end))
    }

    /// The cookies of a session that all checks share; whoever changes something takes one of its own.
    fn session(&self) -> Result<String, String> {
        let made = self.session.get_or_init(|| {
            let (browser, end) = self.log_in("/")?;
            status(&end.answer, 200)?;
            Ok(browser.cookie())
        });
        made.clone()
    }

    /// One request on a connection of its own, with just these headers beside Host.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let mut all = vec![("Host", HOST), ("Connection", "close")];
        all.extend(headers);
        let answer = self.gateway.exchange(method, path, &all, b"");
        answer.map_err(|why| format!("{method} {path}: {why}"))
    }

    /// The same with a session.
    fn ask_in_session(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let cookie = self.session()?;
        let mut all = vec![("Cookie", cookie.as_str())];
        all.extend(headers);
        self.ask("GET", path, &all)
    }

    /// A token that the issuer would give alice for a client.
    fn id_token(&self) -> String {
        let claims = json!({
            "sub": "alice", "email": "alice@example.test", "email_verified": true, "aud": CLIENT,
            "groups": ["odh-admins", "team a"], "preferred_username": "alice",
        });
        self.stage.issuer.sign(&claims, false)
    }

    fn connect(&self) -> Result<Connection, String> {
        self.gateway.connect().map_err(|why| why.to_string())
    }

    /// Nobody behind the gateway hears of what is done meanwhile.
    fn untouched<T>(&self, act: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let stage = self.stage;
        let all: [&Upstream; 3] = [&stage.portal, &stage.administration, &stage.guard];
        let count = || all.map(|upstream| upstream.heads().len());
        let before = count();
        let done = act()?;
        ensure(before == count(), || "an application was reached".to_owned())?;
        Ok(done)
    }
}
