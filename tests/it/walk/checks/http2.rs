//! What browsers speak: the same, where headers come one by one and more of them after the body.

use std::process::Command;

use serde_json::{Value, json};

use super::super::issuer::script;
use super::{Check, Walk, check, ensure, is, values};
use crate::program::run;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "http2: a session in a field of its own lets in, and does not arrive",
            |walk| {
                let cookie = walk.session()?;
                let mut headers = vec![json!(["cookie", "first=1"])];
                headers.extend(cookie.split("; ").map(|crumb| json!(["cookie", crumb])));
                headers.push(json!(["cookie", "last=2"]));
                let got = head(&ask(walk, json!({ "headers": headers }))?)?;
                is(&got, "x-auth-request-user", "alice")?;
                let cookies = values(&got, "cookie").join("; ");
                ensure(cookies == "first=1; last=2", || cookies)
            },
        ),
        check(
            "http2: forged headers do not arrive, before the body or after it",
            |walk| {
                let token = format!("Bearer {}", walk.id_token());
                let asked = json!({
                    "headers": [
                        [":method", "POST"],
                        ["authorization", token],
                        ["x-auth-request-user", "evil"],
                        ["x-forwarded-access-token", "evil"],
                        ["x_auth_request_groups", "evil"],
                    ],
                    "trailers": { "x-auth-request-user": "evil", "x-auth-request-groups": "evil" },
                    "body": "body",
                });
                let answer = ask(walk, asked)?;
                let got = head(&answer)?;
                ensure(!got.contains("evil"), || got.clone())?;
                is(&got, "x-auth-request-user", "alice")
            },
        ),
        check("http2: without a session it is told 401", |walk| {
            let answer =
                walk.untouched(|| ask(walk, json!({ "headers": [["x-auth-request-user", "evil"]] })))?;
            ensure(answer["status"] == 401, || answer.to_string())
        }),
    ]
}

fn ask(walk: &Walk<'_>, mut asked: Value) -> Result<Value, String> {
    asked["port"] = json!(walk.gateway.address().port());
    asked["host"] = json!(super::HOST);
    asked["authority"] = json!(walk.stage.authority.pem());
    let mut command = Command::new("node");
    command.arg(script("http2.mjs")).arg(asked.to_string());
    let answer = run(command, b"");
    serde_json::from_str(&answer.stdout).map_err(|_| answer.stderr)
}

fn head(answer: &Value) -> Result<String, String> {
    let body: Value =
        serde_json::from_str(answer["body"].as_str().unwrap_or_default()).map_err(|_| answer.to_string())?;
    body["head"]
        .as_str()
        .map(str::to_owned)
        .ok_or("no head".to_owned())
}
