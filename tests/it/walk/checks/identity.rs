//! Who it is, as the applications hear it.

use super::super::definitions::NOTEBOOK;
use super::{Check, Found, JSON, absent, check, ensure, head, is, status, values};

const NAMES: [(&str, &str); 5] = [
    ("x-auth-request-user", "alice"),
    ("x-auth-request-email", "alice@example.test"),
    ("x-auth-request-groups", "odh-admins,team a"),
    ("x-auth-request-preferred-username", "alice"),
    ("x-forwarded-user", "alice"),
];

pub(super) fn checks() -> Vec<Check> {
    vec![
        check("identity: a session gives user, email, groups", |walk| {
            let got = head(&walk.ask_in_session("/", &[])?)?;
            NAMES.iter().try_for_each(|(name, value)| is(&got, name, value))
        }),
        check(
            "identity: a session gives its token, under the three names",
            |walk| {
                let got = head(&walk.ask_in_session("/", &[])?)?;
                carries_token(&got).map(drop)
            },
        ),
        check("identity: a token of the issuer passes", |walk| {
            let token = walk.id_token();
            let header = format!("Bearer {token}");
            let got = head(&walk.ask("GET", "/", &[JSON, ("Authorization", &header)])?)?;
            NAMES.iter().try_for_each(|(name, value)| is(&got, name, value))?;
            let carried = carries_token(&got)?;
            ensure(carried == token, || "another token".to_owned())
        }),
        check("identity: a ServiceAccount's token passes", |walk| {
            let plane = walk.stage.plane;
            let token = plane.output(&["create", "token", "pipeline", "-n", "analytics"], b"");
            let header = format!("Bearer {}", token.trim());
            let got = head(&walk.ask("GET", "/", &[JSON, ("Authorization", &header)])?)?;
            is(
                &got,
                "x-auth-request-user",
                "system:serviceaccount:analytics:pipeline",
            )?;
            is(
                &got,
                "x-forwarded-user",
                "system:serviceaccount:analytics:pipeline",
            )?;
            let carried = carries_token(&got)?;
            ensure(carried == token.trim(), || "another token".to_owned())
        }),
        check("identity: two Authorization headers are refused", |walk| {
            let header = format!("Bearer {}", walk.id_token());
            let both = [
                JSON,
                ("Authorization", header.as_str()),
                ("Authorization", "Bearer junk"),
            ];
            let answer = walk.untouched(|| walk.ask("GET", "/", &both))?;
            status(&answer, 401)
        }),
        check(
            "identity: a bad token beside a good session gives the session's person",
            |walk| {
                let got = head(&walk.ask_in_session("/", &[("Authorization", "Bearer junk")])?)?;
                is(&got, "x-auth-request-user", "alice")?;
                carries_token(&got).map(drop)
            },
        ),
        check(
            "identity: the Notebook's guard gets the token to check, and no copy of it",
            |walk| {
                let got = head(&walk.ask_in_session(&format!("{NOTEBOOK}/lab"), &[])?)?;
                let bearer = values(&got, "authorization");
                ensure(bearer.len() == 1 && bearer[0].starts_with("Bearer ey"), || {
                    format!("{bearer:?}")
                })?;
                absent(&got, "x-forwarded-access-token")?;
                absent(&got, "x-forwarded-token")
            },
        ),
        check("identity: a group with a comma is what the issuer says", |walk| {
            walk.stage
                .issuer
                .control(&serde_json::json!({ "groups": ["a,b", "c"] }));
            let (mut browser, _) = walk.log_in("/")?;
            let got = head(&browser.ask("GET", "/", &[])?)?;
            is(&got, "x-auth-request-groups", "a,b,c")
        }),
        check("identity: nobody's groups are no header", |walk| {
            walk.stage.issuer.control(&serde_json::json!({ "groups": [] }));
            let (mut browser, _) = walk.log_in("/")?;
            let got = head(&browser.ask("GET", "/", &[("X-Auth-Request-Groups", "odh-admins")])?)?;
            is(&got, "x-auth-request-user", "alice")?;
            absent(&got, "x-auth-request-groups")
        }),
    ]
}

/// The token in `authorization`, which the two others repeat.
fn carries_token(head: &str) -> Result<String, String> {
    let bearer = values(head, "authorization");
    let [one] = bearer[..] else {
        return Err(format!("authorization is {bearer:?}"));
    };
    let token = one
        .strip_prefix("Bearer ")
        .ok_or(format!("authorization is {one}"))?;
    let carried: Found = ["x-forwarded-access-token", "x-forwarded-token"]
        .iter()
        .try_for_each(|name| is(head, name, token));
    carried.map(|()| token.to_owned())
}
