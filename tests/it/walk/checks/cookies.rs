//! The session's cookies: what arrives of them, what is kept, what comes back.

use std::thread::sleep;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::upstream::OWN_COOKIES;
use super::{Browser, Check, Found, OLD, Walk, absent, check, ensure, head, is, status, values};

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![
        check(
            "cookies: the session does not arrive, the application's do",
            |walk| {
                let session = walk.session()?;
                let own = "_oauth2_proxy_ui=1; x_oauth2_proxy=2; a=b=c; _oauth2_proxyfoo=3";
                let both = format!("a0=0; {session}; {own}");
                let got = head(&walk.ask("GET", "/", &[("Cookie", &both)])?)?;
                is(&got, "cookie", &format!("a0=0; {own}"))
            },
        ),
        check("cookies: many blanks are no work", |walk| {
            // A pattern that tries again at each of them holds up everybody for a minute: longer than this waits.
            let header = format!("Bearer {}", walk.id_token());
            let blanks = " ".repeat(80_000);
            for cookie in [format!("a={blanks}x"), format!("a{blanks}x")] {
                let headers = [("Authorization", header.as_str()), ("Cookie", &cookie)];
                status(&walk.ask("GET", "/", &headers)?, 200)?;
            }
            Ok(())
        }),
        check(
            "cookies: a session beside a token does not arrive either, in one header or two",
            |walk| {
                let header = format!("Bearer {}", walk.id_token());
                let session = walk.session()?;
                for cookies in [
                    &[session.as_str(), "z=1"][..],
                    &["z=1", session.as_str()],
                    &["z=1", "y=2"],
                ] {
                    let mut headers = vec![("Authorization", header.as_str())];
                    headers.extend(cookies.iter().map(|cookie| ("Cookie", *cookie)));
                    let got = head(&walk.ask("GET", "/", &headers)?)?;
                    ensure(!got.contains("_oauth2_proxy="), || got)?;
                }
                Ok(())
            },
        ),
        check("cookies: with nothing else, no header is left", |walk| {
            let got = head(&walk.ask_in_session("/", &[])?)?;
            absent(&got, "cookie")
        }),
        check(
            "cookies: two Cookie headers let nobody in and lose nobody's name",
            |walk| {
                let session = walk.session()?;
                let answer = walk.ask(
                    "GET",
                    "/",
                    &[("Cookie", &session), ("Cookie", "a=b"), super::JSON],
                )?;
                if answer.status != 200 {
                    return status(&answer, 401);
                }
                is(&head(&answer)?, "x-auth-request-user", "alice")
            },
        ),
        check("cookies: a refreshed session reaches the browser", refreshed),
        check(
            "cookies: an issuer that takes a refresh token once keeps the session",
            |walk| {
                walk.stage.issuer.control(&json!({ "rotate": true }));
                let (mut browser, _) = walk.log_in("/")?;
                for _ in 0..2 {
                    sleep(OLD);
                    status(&browser.ask("GET", "/", &[super::JSON])?, 200)?;
                }
                Ok(())
            },
        ),
        check("cookies: no token is handed out that has ended", |walk| {
            walk.stage.issuer.control(&json!({ "idTokenSeconds": 3 }));
            let (mut browser, _) = walk.log_in("/")?;
            let first = token(&mut browser)?;
            sleep(OLD);
            let second = token(&mut browser)?;
            ensure(first != second, || "the token that has ended".to_owned())
        }),
        check(
            "cookies: the application's own Set-Cookie stays beside a refreshed session",
            |walk| {
                let (mut browser, _) = walk.log_in("/")?;
                sleep(OLD);
                let answer = browser.ask("GET", "/set-cookie", &[])?;
                let set = answer.all("set-cookie");
                let own = OWN_COOKIES.iter().all(|cookie| set.contains(cookie));
                ensure(own && set.len() == 3, || format!("{set:?}"))
            },
        ),
        check(
            "cookies: the session is of this host, secure, and no script's",
            |walk| {
                let mut browser = walk.browser();
                let callback = browser.open_until("/", "/oauth2/callback")?;
                let (_, path) = callback.split_once("gw.example.test").ok_or("elsewhere")?;
                let answer = browser.ask("GET", path, &[])?;
                let set = answer.all("set-cookie");
                let session = set.iter().find(|cookie| cookie.starts_with("_oauth2_proxy="));
                let session = session.ok_or(format!("{set:?}"))?.to_ascii_lowercase();
                for part in [
                    "; path=/",
                    "; domain=gw.example.test",
                    "; httponly",
                    "; secure",
                    "; samesite=lax",
                ] {
                    ensure(session.contains(part), || format!("no {part} in {session}"))?;
                }
                Ok(())
            },
        ),
        check(
            "cookies: with more groups than a request can carry nobody gets in",
            |walk| {
                // Answers too large to carry a session, or requests too large to carry it on: 401 or 500 by how it is packed, or a page's 302.
                let (_, answer) = walk.untouched(|| of_groups(walk, 1100))?;
                ensure([302, 401, 431, 500, 503].contains(&answer.status), || {
                    answer.status.to_string()
                })
            },
        ),
    ];
    for count in [120, 400, 500] {
        checks.push(check(
            format!("cookies: a session of {count} groups passes, and is cut"),
            move |walk| {
                let (browser, answer) = of_groups(walk, count)?;
                let parts = browser
                    .names()
                    .iter()
                    .filter(|name| name.starts_with("_oauth2_proxy_"))
                    .count();
                ensure(parts >= 2, || format!("{:?}", browser.names()))?;
                let got = head(&answer)?;
                is(&got, "cookie", "mine=1")?;
                let groups = values(&got, "x-auth-request-groups").concat();
                ensure(groups.split(',').count() == count, || {
                    format!("{} groups", groups.split(',').count())
                })
            },
        ));
    }
    checks
}

/// Somebody of many groups, and what a page answers.
fn of_groups(walk: &Walk<'_>, count: usize) -> Result<(Browser, super::Answer), String> {
    // Names in which nothing repeats: sessions are compressed.
    let name = |number: usize| {
        Sha256::digest(number.to_string())
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let groups: Vec<String> = (0..count).map(name).collect();
    walk.stage.issuer.control(&json!({ "groups": groups }));
    let (mut browser, _) = walk.log_in("/")?;
    browser.set("mine", "1");
    let answer = browser.ask("GET", "/", &[])?;
    Ok((browser, answer))
}

fn token(browser: &mut Browser) -> Result<String, String> {
    let got = head(&browser.ask("GET", "/", &[])?)?;
    Ok(values(&got, "authorization").concat())
}

/// Four requests after the time, one exchange at the issuer.
fn refreshed(walk: &Walk<'_>) -> Found {
    let (mut browser, _) = walk.log_in("/")?;
    let before = browser.cookie();
    sleep(OLD);
    let exchanges = || {
        walk.stage.issuer.state()["counts"]["refresh_token"]
            .as_u64()
            .unwrap_or(0)
    };
    let start = exchanges();
    for _ in 0..4 {
        status(&browser.ask("GET", "/", &[])?, 200)?;
    }
    ensure(browser.cookie() != before, || "the same cookie".to_owned())?;
    let count = exchanges() - start;
    ensure(count == 1, || format!("{count} exchanges"))
}
