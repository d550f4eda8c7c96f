//! Where a login and a logout lead: never to another host.

use super::super::browser::PAGE;
use super::{Check, Found, Walk, check, ensure, status};

/// Addresses elsewhere, in the spellings that browsers read as such.
const ELSEWHERE: [&str; 12] = [
    "https://evil.test/",
    "//evil.test/",
    "/%2Fevil.test/",
    "/%5Cevil.test/",
    "%5C%5Cevil.test",
    "/%09/evil.test",
    "https:evil.test",
    "https%3A%2F%2Fevil.test%2F",
    "https://gw.example.test@evil.test/",
    "https://gw.example.test.evil.test/",
    "javascript:alert(1)",
    "/a/..//evil.test",
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = ELSEWHERE
        .into_iter()
        .flat_map(|place| {
            ["start", "sign_in"].map(|step| {
                check(format!("redirects: {step}?rd={place} stays here"), move |walk| {
                    let (_, end) = walk.log_in(&format!("/oauth2/{step}?rd={place}"))?;
                    ensure(end.url.starts_with("https://gw.example.test/"), || {
                        end.url.clone()
                    })?;
                    status(&end.answer, 200)
                })
            })
        })
        .collect();
    checks.push(check("redirects: start leads to a page of this host", |walk| {
        let (_, end) = walk.log_in("/oauth2/start?rd=/deep%3Fx%3D1")?;
        ensure(end.url == "https://gw.example.test/deep?x=1", || end.url.clone())
    }));
    checks.push(check(
        "redirects: a client's X-Auth-Request-Redirect is not heard",
        |walk| {
            for (name, value) in [
                ("X-Auth-Request-Redirect", "/other"),
                ("x-auth-request-redirect", "https://evil.test/"),
                ("X_Auth_Request_Redirect", "/other"),
            ] {
                let mut browser = walk.browser();
                let answer = browser.ask("GET", "/mine", &[PAGE, (name, value)])?;
                let location = answer.header("location").unwrap_or("");
                ensure(
                    location.contains("%3A%2Fmine&") || location.ends_with("%3A%2Fmine"),
                    || location.to_owned(),
                )?;
            }
            Ok(())
        },
    ));
    checks.push(check(
        "redirects: signing out ends the session here and at the issuer",
        signed_out,
    ));
    checks
}

fn signed_out(walk: &Walk<'_>) -> Found {
    let (mut browser, _) = walk.log_in("/")?;
    let answer = browser.ask("GET", "/oauth2/sign_out?rd=https://evil.test/", &[PAGE])?;
    status(&answer, 302)?;
    let location = answer.header("location").unwrap_or("").to_owned();
    let issuer = walk.stage.issuer.url();
    ensure(
        location.starts_with(issuer) && location.contains("id_token_hint="),
        || location.clone(),
    )?;
    let left = browser
        .names()
        .iter()
        .filter(|name| name.starts_with("_oauth2_proxy"))
        .count();
    ensure(left == 0, || format!("{:?}", browser.names()))?;
    browser.open(&location)?;
    let ended = walk.stage.issuer.state()["counts"]["end_session"].as_u64();
    ensure(ended.is_some_and(|count| count > 0), || format!("{ended:?}"))?;
    let next = browser.ask("GET", "/", &[PAGE])?;
    status(&next, 302)
}
