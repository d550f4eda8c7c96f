//! Paths that the login service answers by itself are the applications' own, behind the login.

use super::super::definitions::NOTEBOOK;
use super::api::refused;
use super::{Check, Found, JSON, Walk, check, ensure, head, target};

/// Paths that kube-auth-proxy answers without asking who it is, or answers with what it knows.
const ITS_OWN: [&str; 15] = [
    "/ping",
    "/ping?a=b",
    "/%70ing",
    "/x/../ping",
    "/ready",
    "/robots.txt",
    "/oauth2/auth",
    "/oauth2/userinfo",
    "/oauth2/unknown",
    "/oauth2/static/css/bulma.min.css",
    "/oauth2/ping",
    "/oauth2/ready",
    "/oauth2/",
    "/oauth2/start/",
    "/metrics",
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = ITS_OWN
        .into_iter()
        .flat_map(|path| {
            [
                check(
                    format!("paths: {path} lets nobody in without a login"),
                    move |walk| {
                        let answer = walk.untouched(|| walk.ask("GET", path, &[JSON]))?;
                        ensure((400..500).contains(&answer.status), || answer.status.to_string())
                    },
                ),
                check(format!("paths: {path} is told 401"), move |walk| {
                    refused(walk, "GET", path, &[JSON])
                }),
                check(format!("paths: {path} gives no token to a script"), move |walk| {
                    silent(walk, path)
                }),
            ]
        })
        .collect();
    checks.push(check("paths: the login's own answers carry no token", |walk| {
        for path in [
            "/oauth2/start",
            "/oauth2/sign_in",
            "/oauth2/callback",
            "/oauth2/sign_out",
        ] {
            silent(walk, path)?;
        }
        Ok(())
    }));
    for path in ["//x//y", "/a%2f..%2fb", "/a/%2e%2e/b", "/files/a%2Fb%20c.ipynb"] {
        checks.push(check(
            format!("paths: {path} arrives as Envoy has it"),
            move |walk| {
                for (prefix, whose) in [("", "the portal"), (NOTEBOOK, "the guard")] {
                    let asked = format!("{prefix}{path}");
                    let answer = walk.ask_in_session(&asked, &[])?;
                    let got = head(&answer).map_err(|why| format!("{whose}: {why}"))?;
                    // Envoy resolves dot segments before anything else, as RFC 3986 6.2.2 has it.
                    let wanted = asked.replace("/a/%2e%2e", "");
                    ensure(target(&got) == wanted, || format!("{whose} got {}", target(&got)))?;
                }
                Ok(())
            },
        ));
    }
    checks.push(check("paths: ?rd= is the application's own", |walk| {
        let answer = walk.ask_in_session("/app?rd=/other&x=%2F%2Fevil.test", &[])?;
        let got = head(&answer)?;
        ensure(target(&got) == "/app?rd=/other&x=%2F%2Fevil.test", || {
            target(&got).to_owned()
        })
    }));
    checks
}

/// What a page's own script could read: no header has a token or a name in it.
fn silent(walk: &Walk<'_>, path: &str) -> Found {
    let answer = walk.ask_in_session(path, &[])?;
    let telling = [
        "authorization",
        "gap-auth",
        "x-auth-request-user",
        "x-auth-request-access-token",
    ];
    for (name, value) in &answer.headers {
        let name = name.to_ascii_lowercase();
        ensure(
            !telling.contains(&name.as_str()) && !name.starts_with("x-auth-request"),
            || format!("{name}: {value}"),
        )?;
        ensure(name == "location" || !has_token(value), || {
            format!("{name} has a token: {value}")
        })?;
    }
    // No script gets to see an answer that leads on, neither its body nor where to.
    if (300..400).contains(&answer.status) {
        return Ok(());
    }
    // The application tells what it got; that is how these tests look at it, and no answer of the login service.
    let told = answer.header(super::super::upstream::ANSWERED).is_some();
    ensure(told || !has_token(&answer.text()), || {
        format!("the body has a token: {}", answer.text())
    })
}

/// Three parts, the first two JSON. Sealed cookies are letters by chance, and have no dots.
fn has_token(text: &str) -> bool {
    text.contains(".eyJ")
}
