//! Headers by which a client says that it is somebody.

use super::super::upstream::ANSWERED;
use super::{Check, Found, JSON, Walk, check, ensure, head};

/// Every name by which the login service, the guards, the API server, or an application behind them knows a person.
const NAMES: [&str; 27] = [
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-auth-request-redirect",
    "x-forwarded-user",
    "x-forwarded-groups",
    "x-forwarded-email",
    "x-forwarded-token",
    "x-forwarded-access-token",
    "x-forwarded-preferred-username",
    "x-remote-user",
    "x-remote-group",
    "x-remote-uid",
    "x-remote-extra-scopes",
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-scopes",
    "gap-auth",
    "x-gw-path",
    "x-gw-accept",
    "x-forwarded-group",
    "x-remote-groups",
    "kubeflow-userid",
    "kubeflow-groups",
];
/// What a forger would write.
const EVIL: &str = "evil";

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<Check> = NAMES
        .into_iter()
        .flat_map(|name| {
            [
                check(format!("forged: {name} with a session"), move |walk| {
                    let cookie = walk.session()?;
                    gone(walk, name, ("Cookie", &cookie))
                }),
                check(format!("forged: {name} with a token"), move |walk| {
                    let header = format!("Bearer {}", walk.id_token());
                    gone(walk, name, ("Authorization", &header))
                }),
            ]
        })
        .collect();
    checks.push(check(
        "forged: named in Connection, the real ones still arrive",
        |walk| {
            let named =
                "close, X-Auth-Request-User, x-auth-request-groups, authorization, x-forwarded-access-token";
            let cookie = walk.session()?;
            let answer = walk
                .gateway
                .exchange(
                    "GET",
                    "/",
                    &[
                        ("Host", super::HOST),
                        ("Connection", named),
                        ("Cookie", &cookie),
                        ("X-Auth-Request-User", EVIL),
                        ("x-forwarded-access-token", EVIL),
                    ],
                    b"",
                )
                .map_err(|why| why.to_string())?;
            let got = head(&answer)?;
            super::is(&got, "x-auth-request-user", "alice")?;
            super::is(&got, "x-auth-request-groups", "odh-admins,team a")?;
            ensure(!got.contains(EVIL), || got)
        },
    ));
    checks.push(check("forged: no route is chosen by them", |walk| {
        for name in [
            "x-auth-request-groups",
            "X-AUTH-REQUEST-GROUPS",
            "x_auth_request_groups",
        ] {
            let forged = (name, "odh-admins");
            let answer = walk.ask_in_session("/", &[forged])?;
            let by = answer.header(ANSWERED).unwrap_or("nobody");
            ensure(by == "portal", || {
                format!("with {name} it was {by}: {}", answer.status)
            })?;
            walk.untouched(|| walk.ask("GET", "/", &[JSON, forged]))?;
        }
        Ok(())
    }));
    checks.push(check("forged: no name with an underscore arrives", |walk| {
        let got = head(&walk.ask_in_session("/", &[("X_Any_Thing", EVIL), ("kubeflow_userid", EVIL)])?)?;
        ensure(!got.contains(EVIL), || got)
    }));
    checks.push(check(
        "forged: the route is the one that was asked about, whatever is said of the person",
        |walk| {
            walk.stage
                .issuer
                .control(&serde_json::json!({ "groups": ["odh-admins"] }));
            let (mut browser, _) = walk.log_in("/")?;
            let answer = browser.ask("GET", "/", &[])?;
            super::is(&head(&answer)?, "x-auth-request-groups", "odh-admins")?;
            let by = answer.header(ANSWERED).unwrap_or("nobody");
            ensure(by == "portal", || by.to_owned())
        },
    ));
    checks.push(check("forged: without a session they let nobody in", |walk| {
        let mut headers = vec![JSON];
        headers.extend(NAMES.map(|name| (name, EVIL)));
        let answer = walk.untouched(|| walk.ask("GET", "/", &headers))?;
        super::status(&answer, 401)
    }));
    checks
}

/// In every spelling, once and twice, beside a proof of who it really is.
fn gone(walk: &Walk<'_>, name: &str, proof: (&str, &str)) -> Found {
    let mixed: String = name
        .split('-')
        .map(|part| format!("{}{}", part[..1].to_uppercase(), &part[1..]))
        .collect::<Vec<_>>()
        .join("-");
    let spellings = [
        name.to_owned(),
        mixed,
        name.to_uppercase(),
        name.replace('-', "_"),
        name.replacen('-', "_", 1),
    ];
    for spelling in &spellings {
        let forged = (spelling.as_str(), EVIL);
        let answer = walk.ask("GET", "/", &[forged, proof, forged])?;
        let got = head(&answer)?;
        ensure(!got.contains(EVIL), || format!("{spelling} arrives: {got}"))?;
        super::is(&got, "x-auth-request-user", "alice")?;
    }
    Ok(())
}
