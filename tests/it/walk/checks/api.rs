//! Programs without a session are told so, and are not sent to a login that they cannot finish.

use super::super::browser::PAGE;
use super::super::definitions::NOTEBOOK;
use super::super::upstream::SOCKET_KEY;
use super::{Check, Found, JSON, Walk, check, ensure, status};

type Headers = &'static [(&'static str, &'static str)];

/// What asks, how, and with which headers.
const PROGRAMS: [(&str, &str, Headers); 15] = [
    ("one that wants JSON", "GET", &[JSON]),
    ("curl", "GET", &[("Accept", "*/*"), ("User-Agent", "curl/8.5.0")]),
    ("one that wants nothing in particular", "GET", &[]),
    ("axios", "GET", &[("Accept", "application/json, text/plain, */*")]),
    (
        "a script in a page",
        "GET",
        &[PAGE, ("X-Requested-With", "XMLHttpRequest")],
    ),
    (
        "a script that fetches a page",
        "GET",
        &[PAGE, ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")],
    ),
    (
        "a form",
        "POST",
        &[
            PAGE,
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", "0"),
        ],
    ),
    ("an event stream", "GET", &[("Accept", "text/event-stream")]),
    (
        "a preflight",
        "OPTIONS",
        &[
            ("Origin", "https://other.test"),
            ("Access-Control-Request-Method", "GET"),
            ("Accept", "*/*"),
        ],
    ),
    ("DELETE", "DELETE", &[JSON]),
    (
        "a token that is none",
        "GET",
        &[JSON, ("Authorization", "Bearer junk")],
    ),
    (
        "a token of three parts that is none",
        "GET",
        &[
            JSON,
            (
                "Authorization",
                "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.",
            ),
        ],
    ),
    (
        "a password",
        "GET",
        &[JSON, ("Authorization", "Basic YWxpY2U6c2VjcmV0")],
    ),
    (
        "a session that is none",
        "GET",
        &[JSON, ("Cookie", "_oauth2_proxy=forged|1|x")],
    ),
    (
        "MLflow",
        "GET",
        &[("User-Agent", "mlflow-python-client/2.9.2"), ("Accept", "*/*")],
    ),
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = PROGRAMS
        .into_iter()
        .map(|(name, method, headers)| {
            check(format!("api: {name} is told 401"), move |walk| {
                refused(walk, method, "/api/contents", headers)?;
                refused(walk, method, &format!("{NOTEBOOK}/api/contents"), headers)
            })
        })
        .collect();
    checks.push(check("api: a WebSocket without a session is told 401", |walk| {
        let socket = [
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", SOCKET_KEY),
        ];
        refused(walk, "GET", "/ws", &socket)
    }));
    checks.push(check("api: a token signed by another is told 401", |walk| {
        let token = walk.stage.issuer.sign(
            &serde_json::json!({ "sub": "alice", "email": "alice@example.test" }),
            true,
        );
        let header = format!("Bearer {token}");
        refused(walk, "GET", "/", &[JSON, ("Authorization", &header)])
    }));
    checks
}

/// Refused, in a way that a program understands, and nobody behind the gateway has heard of it.
pub(super) fn refused(walk: &Walk<'_>, method: &str, path: &str, headers: &[(&str, &str)]) -> Found {
    let answer = walk.untouched(|| walk.ask(method, path, headers))?;
    status(&answer, 401)?;
    let challenge = answer.header("www-authenticate").unwrap_or("");
    ensure(challenge.starts_with("Bearer"), || {
        "no WWW-Authenticate".to_owned()
    })?;
    for name in ["location", "set-cookie"] {
        // A session that is none is taken away, which is no harm.
        let found: Vec<&str> = answer
            .all(name)
            .into_iter()
            .filter(|value| !value.starts_with("_oauth2_proxy=;"))
            .collect();
        ensure(found.is_empty(), || format!("{name}: {found:?}"))?;
    }
    Ok(())
}
