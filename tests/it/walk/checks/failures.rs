//! What happens when something is not there, or is not who it says.

use std::time::{Duration, Instant};

use super::super::authority::{Authority, Signed};
use super::super::browser::PAGE;
use super::super::client::request;
use super::super::definitions::{APPLICATION, GUARD, LOGIN, NOTEBOOK};
use super::super::relay::{Relay, Way};
use super::super::upstream::Upstream;
use super::{Check, Found, HOST, JSON, Walk, check, ensure, status};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check("failures: nobody listens at the login service", |walk| {
            with(&walk.stage.to_login, Way::Down, || away(walk))
        }),
        check("failures: the login service hangs up", |walk| {
            with(&walk.stage.to_login, Way::Cut, || away(walk))
        }),
        check("failures: the login service says nothing", |walk| {
            with(&walk.stage.to_login, Way::Silent, || {
                let start = Instant::now();
                away(walk)?;
                // Twice what the definitions say, for each of the two requests.
                ensure(start.elapsed() < Duration::from_secs(25), || {
                    format!("{:?}", start.elapsed())
                })
            })
        }),
        check(
            "failures: a new login service is asked on kept connections",
            |walk| {
                let cookie = walk.session()?;
                let mut connection = walk.connect()?;
                for _ in 0..3 {
                    let fail = |why: std::io::Error| why.to_string();
                    let headers = [("Host", HOST), ("Cookie", cookie.as_str())];
                    connection
                        .send(&request("GET", "/", &headers, b""))
                        .map_err(fail)?;
                    status(&connection.answer("GET").map_err(fail)?, 200)?;
                    walk.stage.to_login.wear_out();
                }
                Ok(())
            },
        ),
        check("failures: each hop asks for its own name", |walk| {
            let stage = walk.stage;
            for relay in [&stage.to_login, &stage.to_portal, &stage.to_guard] {
                relay.cut();
            }
            walk.ask_in_session("/", &[])?;
            walk.ask_in_session(NOTEBOOK, &[])?;
            let last = |relay: &Relay| relay.names().pop().flatten().unwrap_or_default();
            let names = [&stage.to_login, &stage.to_portal, &stage.to_guard].map(last);
            ensure(names == [LOGIN, APPLICATION, GUARD], || format!("{names:?}"))
        }),
        check(
            "failures: a login service of another name is told nothing",
            |walk| {
                let signed = walk.stage.authority.sign(&["other.login-walk.svc"]);
                impostor(walk, &walk.stage.to_login, &signed, "/")
            },
        ),
        check(
            "failures: a login service of another authority is told nothing",
            |walk| impostor(walk, &walk.stage.to_login, &elsewhere(LOGIN), "/"),
        ),
        check(
            "failures: an application of another name is told nothing",
            |walk| {
                let signed = walk.stage.authority.sign(&["other.opendatahub.svc"]);
                impostor(walk, &walk.stage.to_portal, &signed, "/")
            },
        ),
        check(
            "failures: an application of another authority is told nothing",
            |walk| impostor(walk, &walk.stage.to_portal, &elsewhere(APPLICATION), "/"),
        ),
        check("failures: a guard of another name is told nothing", |walk| {
            // The application's own certificate is not the guard's.
            let signed = walk.stage.authority.sign(&[APPLICATION]);
            impostor(walk, &walk.stage.to_guard, &signed, NOTEBOOK)
        }),
        check("failures: a guard of another authority is told nothing", |walk| {
            impostor(walk, &walk.stage.to_guard, &elsewhere(GUARD), NOTEBOOK)
        }),
        check("failures: afterwards all is as before", |walk| {
            status(&walk.ask_in_session("/", &[])?, 200)
        }),
    ]
}

/// While a hop is so.
fn with(relay: &Relay, way: Way, act: impl FnOnce() -> Found) -> Found {
    let before = relay.turn(way);
    let found = act();
    relay.turn(before);
    found
}

/// People with and without a session are told to come again, and nobody gets in.
fn away(walk: &Walk<'_>) -> Found {
    let cookie = walk
        .session
        .get()
        .cloned()
        .unwrap_or(Ok("_oauth2_proxy=x".to_owned()))?;
    for headers in [
        [PAGE, ("Cookie", cookie.as_str())],
        [JSON, ("Authorization", "Bearer x")],
    ] {
        let answer = walk.untouched(|| walk.ask("GET", "/", &headers))?;
        status(&answer, 503)?;
        let again = answer.header("retry-after");
        ensure(again == Some("5"), || format!("{:?}", answer.headers))?;
        let keep = answer.header("cache-control").unwrap_or("");
        ensure(keep.contains("no-store"), || format!("{:?}", answer.headers))?;
    }
    Ok(())
}

/// A certificate for a name, of an authority that nobody here trusts.
fn elsewhere(name: &str) -> Signed {
    Authority::new("internal").sign(&[name])
}

/// Somebody else answers at a hop: no request gets there.
fn impostor(walk: &Walk<'_>, relay: &Relay, signed: &Signed, path: &str) -> Found {
    walk.session()?;
    let impostor = Upstream::start("impostor", signed);
    with(relay, Way::To(impostor.address()), || {
        let answer = walk.ask_in_session(path, &[])?;
        status(&answer, 503)?;
        let heads = impostor.heads();
        ensure(heads.is_empty(), || format!("it was told {heads:?}"))
    })
}
