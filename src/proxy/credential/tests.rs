use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

const LONGEST: usize = 16 * 1024;

fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn authorization(value: &str) -> Result<Option<String>, Refusal> {
    let headers = headers(&[("authorization", value.as_bytes())]);
    let credential = read(&headers, false, LONGEST)?;
    Ok(credential.map(|credential| {
        assert_eq!(credential.shown, Shown::Bearer);
        credential.token.reveal().to_owned()
    }))
}

#[test]
fn a_token_behind_the_scheme() {
    for value in [
        "Bearer abc.DEF-1_2~+/==",
        "bearer abc.DEF-1_2~+/==",
        "BEARER abc.DEF-1_2~+/==",
        "   Bearer abc.DEF-1_2~+/==",
        "Bearer abc.DEF-1_2~+/==   ",
    ] {
        assert_eq!(
            authorization(value),
            Ok(Some("abc.DEF-1_2~+/==".into())),
            "{value}"
        );
    }
    assert_eq!(
        authorization("Bearer kube:sha256~x"),
        Ok(Some("kube:sha256~x".into()))
    );
}

#[test]
fn what_cannot_be_a_token_is_nobodys() {
    let long = format!("Bearer {}", "a".repeat(200_000));
    for value in [
        "Bearer  two",
        "Bearer\ttab",
        "Bearer \ttab",
        "Bearer token more",
        "Bearer token, Basic eA==",
        "Bearer a,b",
        "Bearer",
        "Bearer ",
        "Bearer café",
        &long,
    ] {
        let refused = authorization(value);
        assert!(
            matches!(refused, Err(Refusal::Unauthenticated(_))),
            "{value}: {refused:?}"
        );
    }
}

#[test]
fn what_is_no_token_is_not_looked_at() {
    for value in [
        "",
        "Basic dXNlcjpwYXNz",
        "abc.def.ghi",
        "Bearertoken x",
        "Negotiate a b",
    ] {
        assert_eq!(authorization(value), Ok(None), "{value}");
    }
    assert_eq!(read(&HeaderMap::new(), true, LONGEST), Ok(None));
    let elsewhere = headers(&[("cookie", b"token=abc"), ("x-other", b"Bearer x")]);
    assert_eq!(read(&elsewhere, false, LONGEST), Ok(None));
}

#[test]
fn what_two_readers_would_read_differently_is_malformed() {
    for lines in [
        [
            ("authorization", &b"Bearer a"[..]),
            ("authorization", b"Bearer b"),
        ],
        [("authorization", b"Bearer a"), ("authorization", b"Bearer a")],
        [("authorization", b""), ("authorization", b"Bearer a")],
        [("authorization", b"Bearer caf\xe9\xff"), ("x", b"")],
    ] {
        let refused = read(&headers(&lines), false, LONGEST);
        assert!(
            matches!(refused, Err(Refusal::Malformed(_))),
            "{lines:?}: {refused:?}"
        );
    }
}

fn websocket(lines: &[&str]) -> Result<Option<Credential>, Refusal> {
    let mut headers = headers(&[("connection", b"Upgrade"), ("upgrade", b"WebSocket")]);
    for line in lines {
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(line).unwrap());
    }
    read(&headers, true, LONGEST)
}

fn carrying(token: &str) -> String {
    format!("{SUBPROTOCOL}{}", BASE64_URL_SAFE_NO_PAD.encode(token))
}

#[test]
fn a_token_in_a_subprotocol() {
    let it = carrying("abc.def");
    for (lines, others) in [
        (vec![format!("{it}, v4.channel.k8s.io")], "v4.channel.k8s.io"),
        (vec![format!("v4.channel.k8s.io,{it}")], "v4.channel.k8s.io"),
        (vec!["chat".into(), it.clone()], "chat"),
        (vec![format!("a, {it}"), "b, c".into()], "a,b,c"),
    ] {
        let lines = lines.iter().map(String::as_str).collect::<Vec<_>>();
        let credential = websocket(&lines).unwrap().unwrap();
        assert_eq!(credential.token.reveal(), "abc.def", "{lines:?}");
        let others = HeaderValue::from_str(others).unwrap();
        assert_eq!(credential.shown, Shown::Subprotocol { others }, "{lines:?}");
        assert!(!format!("{credential:?}").contains("abc.def"));
    }
    assert_eq!(websocket(&["chat"]), Ok(None));
    assert_eq!(websocket(&[]), Ok(None));
}

#[test]
fn a_subprotocol_that_carries_no_token_is_refused() {
    let it = carrying("abc");
    for line in [
        it.clone(),
        format!("{it}, {it}, chat"),
        format!("{SUBPROTOCOL}e30=, chat"),
        format!("{SUBPROTOCOL}, chat"),
        format!("{SUBPROTOCOL}!!, chat"),
        format!("{}, chat", carrying("two words")),
        format!("{}, chat", carrying("a\r\nb")),
        format!("{}, chat", carrying(&"a".repeat(LONGEST + 1))),
    ] {
        let refused = websocket(&[&line]);
        assert!(
            matches!(refused, Err(Refusal::Unauthenticated(_))),
            "{line}: {refused:?}"
        );
    }
}

#[test]
fn a_subprotocol_counts_for_websockets_alone() {
    let line = format!("{}, chat", carrying("abc"));
    let value = HeaderValue::from_str(&line).unwrap();
    let mut headers = HeaderMap::new();
    headers.append(SEC_WEBSOCKET_PROTOCOL, value);
    assert_eq!(read(&headers, false, LONGEST), Ok(None));
    headers.insert(UPGRADE, HeaderValue::from_static("spdy/3.1"));
    assert_eq!(read(&headers, true, LONGEST), Ok(None));
}

#[test]
fn authorization_comes_before_a_subprotocol() {
    let line = format!("{}, chat", carrying("inner"));
    let with = |authorization: &str| {
        let mut headers = headers(&[
            ("upgrade", b"websocket"),
            ("authorization", authorization.as_bytes()),
        ]);
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&line).unwrap());
        read(&headers, true, LONGEST).unwrap().unwrap()
    };
    assert_eq!(with("Bearer outer").token.reveal(), "outer");
    assert_eq!(with("Basic eA==").token.reveal(), "inner");
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_read_is_a_token(value in prop::collection::vec(32_u8..127, 0..40), is_upgrade: bool) {
        for name in ["authorization", "sec-websocket-protocol"] {
            let mut lines = vec![(name, value.as_slice())];
            if is_upgrade {
                lines.push(("upgrade", b"websocket"));
            }
            if let Ok(Some(credential)) = read(&headers(&lines), is_upgrade, 20) {
                let token = credential.token.reveal();
                prop_assert!(!token.is_empty() && token.len() <= 20);
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
            }
        }
    }

    #[test]
    fn every_token_comes_back_from_a_subprotocol(token in "[!-+\\--~]{1,60}") {
        let credential = websocket(&[&format!("chat, {}", carrying(&token))]).unwrap().unwrap();
        prop_assert_eq!(credential.token.reveal(), token);
    }
}
