//! The login itself: `login-chain`'s first rows, and what tabs, errors and lost cookies do.

use super::super::browser::PAGE;
use super::super::definitions::NOTEBOOK;
use super::{Check, Found, Walk, check, ensure, head, status, target};
use serde_json::json;

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![
        check("login: a browser without a session is sent to the issuer", begins),
        check("login: HEAD of a page is sent to the issuer", |walk| {
            let answer = walk.untouched(|| walk.ask("HEAD", "/lab", &[PAGE]))?;
            status(&answer, 302)
        }),
        check(
            "login: the first answer says what it is and is kept by nobody",
            |walk| {
                let answer = walk.ask("GET", "/lab", &[PAGE])?;
                let kind = answer.header("content-type").unwrap_or("");
                ensure(kind.starts_with("text/html"), || format!("{:?}", answer.headers))?;
                let keep = answer.header("cache-control").unwrap_or("");
                ensure(keep.contains("no-store"), || format!("{:?}", answer.headers))
            },
        ),
        check(
            "login: a query that Go does not read still leads to the login",
            |walk| {
                for path in ["/app?a=%zz", "/app?a=1;b=2"] {
                    let answer = walk.ask("GET", path, &[PAGE])?;
                    status(&answer, 302)?;
                }
                Ok(())
            },
        ),
        check("login: two tabs side by side", tabs),
        check("login: ten tabs leave six cookies at most", |walk| {
            let mut browser = walk.browser();
            for number in 0..10 {
                browser.ask("GET", &format!("/tab/{number}"), &[PAGE])?;
            }
            let names = browser.names();
            ensure((1..=6).contains(&names.len()), || format!("{names:?}"))
        }),
        check("login: without its CSRF cookie it begins anew and ends", |walk| {
            let mut browser = walk.browser();
            let callback = browser.open_until("/deep", "/oauth2/callback")?;
            browser.forget(|name| name.ends_with("_csrf"));
            let end = browser.open(&callback)?;
            status(&end.answer, 200)
        }),
        check("login: a refusal of the issuer is shown as a page", |walk| {
            walk.stage.issuer.control(&json!({ "deny": true }));
            let (_, end) = walk.log_in("/deep")?;
            status(&end.answer, 403)?;
            page(&end.answer)
        }),
        check("login: a wrong code is shown as a page", |walk| {
            let mut browser = walk.browser();
            let callback = browser.open_until("/deep", "/oauth2/callback")?;
            let (before, rest) = callback.split_once("code=").ok_or("no code")?;
            let rest = rest.find('&').map_or("", |at| &rest[at..]);
            let end = browser.open(&format!("{before}code=wrong{rest}"))?;
            status(&end.answer, 500)?;
            page(&end.answer)
        }),
        check("login: a changed state leads to this host or nowhere", |walk| {
            let mut browser = walk.browser();
            let callback = browser.open_until("/deep", "/oauth2/callback")?;
            let (before, _) = callback
                .split_once("%3A")
                .ok_or(format!("no state in {callback}"))?;
            let end = browser.open(&format!("{before}%3Ahttps%3A%2F%2Fevil.test%2F"))?;
            ensure(end.url.starts_with("https://gw.example.test/"), || end.url)
        }),
        check(
            "login: no code of a login is in the login service's log",
            |walk| {
                let before = walk.stage.login.log().len();
                walk.log_in("/deep")?;
                let log = walk.stage.login.log();
                let log = log.get(before..).unwrap_or_default();
                ensure(!log.contains("code="), || "a code is in the log".to_owned())
            },
        ),
        check("login: every login proves itself anew", |walk| {
            // PKCE, nonce and state are of one login.
            let parameter = |url: &str, name: &str| {
                let (_, rest) = url.split_once(&format!("{name}="))?;
                rest.split('&').next().map(str::to_owned)
            };
            let url = |_| -> Result<String, String> {
                let answer = walk.ask("GET", "/deep", &[PAGE])?;
                Ok(answer.header("location").unwrap_or("").to_owned())
            };
            let (first, second) = (url(1)?, url(2)?);
            for name in ["code_challenge", "nonce", "state"] {
                let both = [parameter(&first, name), parameter(&second, name)];
                ensure(both[0].is_some() && both[0] != both[1], || {
                    format!("{name}: {both:?}")
                })?;
            }
            let method = parameter(&first, "code_challenge_method");
            ensure(method.as_deref() == Some("S256"), || first)
        }),
    ];
    for path in [
        "/nb/deep?x=1&y=2",
        "/app?rd=/other&a=b",
        "/a%2Fb",
        "/app?next=https://x.test",
        "/app?next=https%3A%2F%2Fx.test",
        "//double//slash",
        "/app;v=1?q=a+b%20c",
    ] {
        checks.push(check(format!("login: ends at {path}"), move |walk| {
            lands(walk, path)
        }));
    }
    checks.push(check("login: ends in the Notebook that was wanted", |walk| {
        lands(walk, &format!("{NOTEBOOK}/lab/tree/a%20b.ipynb?reset&x=1"))
    }));
    checks
}

fn begins(walk: &Walk<'_>) -> Found {
    let answer = walk.untouched(|| walk.ask("GET", "/nb/deep?x=1", &[PAGE]))?;
    status(&answer, 302)?;
    let location = answer.header("location").unwrap_or("");
    ensure(location.starts_with(walk.stage.issuer.url()), || {
        location.to_owned()
    })?;
    let cookies = answer.all("set-cookie");
    let sound = |cookie: &str| {
        let small = cookie.to_ascii_lowercase();
        cookie.starts_with("_oauth2_proxy_")
            && cookie
                .split('=')
                .next()
                .is_some_and(|name| name.ends_with("_csrf"))
            && ["; httponly", "; secure", "; samesite=lax"]
                .iter()
                .all(|part| small.contains(part))
    };
    ensure(cookies.len() == 1 && sound(cookies[0]), || format!("{cookies:?}"))
}

fn lands(walk: &Walk<'_>, path: &str) -> Found {
    let (_, end) = walk.log_in(path)?;
    let got = head(&end.answer)?;
    ensure(target(&got) == path, || format!("ended at {}", target(&got)))
}

/// Both logins begin before either ends.
fn tabs(walk: &Walk<'_>) -> Found {
    let mut browser = walk.browser();
    let first = browser.open_until("/first", "/oauth2/callback")?;
    let second = browser.open_until("/second", "/oauth2/callback")?;
    for (callback, path) in [(first, "/first"), (second, "/second")] {
        let end = browser.open(&callback)?;
        let got = head(&end.answer)?;
        ensure(target(&got) == path, || {
            format!("ended at {} instead of {path}", target(&got))
        })?;
    }
    Ok(())
}

fn page(answer: &super::Answer) -> Found {
    let kind = answer.header("content-type").unwrap_or("");
    ensure(kind.starts_with("text/html") && !answer.body.is_empty(), || {
        format!("not a page: {:?}", answer.headers)
    })
}
