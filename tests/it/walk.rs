//! The login, walked: the manifests that are emitted, in front of a real issuer, in a real Envoy.

pub(crate) mod authority;
pub(crate) mod background;
mod browser;
pub(crate) mod checks;
mod chromium;
pub(crate) mod client;
mod contract;
mod definitions;
mod envoy;
mod gateway;
mod groups;
pub(crate) mod issuer;
mod login_service;
mod mutations;
mod relay;
mod stage;
mod traps;
mod upstream;
mod validated;

use std::time::Duration;

use std::collections::BTreeSet;

use serde_json::json;

use self::envoy::Envoy;
use self::gateway::Controller;
use self::stage::Stage;

use crate::parts;
use crate::program::Folder;

#[test]
fn the_issuer_answers_and_signs() {
    if !parts::needs_login() {
        return;
    }
    let folder = Folder::new("issuer");
    let authority = authority::Authority::new("issuers");
    let issuer = issuer::Issuer::start(&authority, &folder, &["https://gw.example.test/oauth2/callback"]);
    assert_eq!(issuer.control(&json!({ "user": "bob" }))["user"], "bob");
    assert_eq!(issuer.sign(&json!({ "sub": "bob" }), false).split('.').count(), 3);
    assert_eq!(issuer.reset()["user"], "alice");
    assert_eq!(issuer.state()["counts"]["authorizations"], 0);
    // Read as it comes, until the other side ends.
    let mut connection = issuer.target().connect().unwrap();
    connection.patience(Duration::from_secs(5));
    let headers = [("Host", "127.0.0.1"), ("Connection", "close")];
    connection
        .send(&client::request("GET", "/control", &headers, b""))
        .unwrap();
    assert_eq!(connection.head().unwrap().status, 200);
    let mut body = Vec::new();
    while let Some(more) = connection.bytes().ok().filter(|more| !more.is_empty()) {
        body.extend(more);
    }
    assert!(body.ends_with(b"}"), "{}", String::from_utf8_lossy(&body));
    let stranger = authority::Authority::new("issuers");
    let target = client::Target::new(issuer.target().address(), "127.0.0.1", Some(stranger.pem()));
    assert!(target.connect().is_err());
}

/// A walk: who tells Envoy what to do, the version of Envoy, and which checks fail.
struct Walk {
    controller: Controller,
    envoy: &'static str,
    /// Names, and parts of names around a `*`: all checks that are called so fail.
    known: &'static [&'static [&'static str]],
}

/// kube-auth-proxy's own check of addresses: it takes no `//`, wherever it stands, and a login ends at `/` then.
pub(crate) const VALIDATOR: &[&str] = &[
    "login: ends at /app?next=https://x.test",
    "login: ends at //double//slash",
];
/// Envoy before 1.36 removes headers by their exact names alone, and tries no check again. A warning says so.
pub(crate) const EXACT_NAMES: &[&str] = &[
    "failures: a new login service is asked on kept connections",
    "forged: x-remote-extra-scopes with a session",
    "forged: x-remote-extra-scopes with a token",
    "forged: impersonate-extra-scopes with a session",
    "forged: impersonate-extra-scopes with a token",
];
/// Envoy before 1.35 lets a request's path be hidden from the login service by nothing. A warning says so. What the login
/// service answers by itself is closed to everybody, by 403 instead of 401.
pub(crate) const OPEN_PATH: &[&str] = &[
    "login: a query that Go does not read still leads to the login",
    "login: ends at /app?rd=/other&a=b",
    "paths: /robots.txt is told 401",
    "paths: /oauth2/static/css/bulma.min.css is told 401",
    "paths: /oauth2/ping is told 401",
    "paths: /oauth2/ready is told 401",
    "paths: //x//y arrives as Envoy has it",
    "paths: /a%2f..%2fb arrives as Envoy has it",
    // The route is chosen anew once the person is known, by headers that are true by then.
    "forged: the route is the one that was asked about, whatever is said of the person",
];

/// Where Envoy Gateway's configuration has no patches switched on. Warnings say so.
pub(crate) const UNPATCHED: &[&str] = &[
    // No WWW-Authenticate, and a page's scripts are led to the login.
    "api: *",
    "paths: * is told 401",
    "cookies: a refreshed session reaches the browser",
    "cookies: the application's own Set-Cookie stays beside a refreshed session",
    "http2: without a session it is told 401",
    // 60 KiB of headers.
    "cookies: many blanks are no work",
    "cookies: a session of 500 groups passes, and is cut",
    // The route is chosen anew once the person is known, by headers that are true by then.
    "forged: the route is the one that was asked about, whatever is said of the person",
    // 503, and not when to come again.
    "failures: nobody listens at the login service",
    "failures: the login service hangs up",
    "failures: the login service says nothing",
];

/// A stage, and an Envoy of a version on it that was told what a controller makes of the manifests.
fn set(controller: Controller, version: &str) -> Option<(Stage, Envoy)> {
    let stage = Stage::new(controller.definitions(), |_| {})?;
    let bootstrap = controller.bootstrap(&stage)?;
    assert_eq!(envoy::refusal(version, &bootstrap), None);
    let envoy = Envoy::start(version, bootstrap, stage.folder.path());
    Some((stage, envoy))
}

fn walked(walk: &Walk) {
    let Some((stage, envoy)) = set(walk.controller, walk.envoy) else {
        return;
    };
    let failed = checks::walk(&stage, &envoy, |_| true);
    let all = checks::all();
    let known: BTreeSet<&str> = all
        .iter()
        .map(|check| check.name.as_str())
        .filter(|name| {
            walk.known
                .iter()
                .copied()
                .flatten()
                .any(|known| is_called(name, known))
        })
        .collect();
    let names: BTreeSet<&str> = failed.iter().map(|(name, _)| name.as_str()).collect();
    let mut report = String::new();
    for (name, why) in failed.iter().filter(|(name, _)| !known.contains(name.as_str())) {
        report += &format!("{name}\n    {why}\n");
    }
    for name in known.difference(&names) {
        report += &format!("{name}\n    is known to fail and does not\n");
    }
    assert!(
        report.is_empty(),
        "{report}\n{}\n{}",
        envoy.log(),
        stage.login.log()
    );
}

/// Whether a check has a name, or one like it.
pub(crate) fn is_called(name: &str, known: &str) -> bool {
    match known.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => name == known,
    }
}

#[test]
fn there_are_as_many_checks_as_the_chain_that_was_measured_had() {
    let names: Vec<String> = checks::all().into_iter().map(|check| check.name).collect();
    assert!(names.len() >= 84, "{}", names.len());
    let once: BTreeSet<&String> = names.iter().collect();
    assert_eq!(once.len(), names.len());
    for known in [VALIDATOR, EXACT_NAMES, OPEN_PATH, UNPATCHED]
        .into_iter()
        .flatten()
    {
        assert!(names.iter().any(|name| is_called(name, known)), "{known}");
    }
}

/// OpenShift 4.19 and 4.20 have this version, or an older one with the same Envoy fields. Its own Envoy is 1.34, which no registry
/// has: that it knows every field is looked up in its API files (`manifests/envoy.rs`, and the unit tests by version).
#[test]
fn istio_1_26() {
    walked(&Walk {
        controller: Controller::Istio("1.26"),
        envoy: "1.36.4",
        known: &[VALIDATOR, EXACT_NAMES, OPEN_PATH],
    });
}

#[test]
fn istio_1_27() {
    walked(&Walk {
        controller: Controller::Istio("1.27"),
        envoy: "1.36.4",
        known: &[VALIDATOR, EXACT_NAMES],
    });
}

#[test]
fn istio_1_28() {
    walked(&Walk {
        controller: Controller::Istio("1.28"),
        envoy: "1.36.4",
        known: &[VALIDATOR],
    });
}

#[test]
fn istio_1_30() {
    walked(&Walk {
        controller: Controller::Istio("1.30"),
        envoy: "1.38.3",
        known: &[VALIDATOR],
    });
}

#[test]
fn istio_1_30_in_the_newest_envoy() {
    walked(&Walk {
        controller: Controller::Istio("1.30"),
        envoy: "1.40.0",
        known: &[VALIDATOR],
    });
}

#[test]
fn envoy_gateway_1_9() {
    walked(&Walk {
        controller: Controller::EnvoyGateway("1.9", &["enableEnvoyPatchPolicy", "enableLua"]),
        envoy: "1.40.0",
        known: &[VALIDATOR],
    });
}

#[test]
fn envoy_gateway_1_9_without_patches() {
    walked(&Walk {
        controller: Controller::EnvoyGateway("1.9", &["enableLua"]),
        envoy: "1.40.0",
        known: &[VALIDATOR, UNPATCHED],
    });
}
