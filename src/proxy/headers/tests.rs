use super::*;

fn names(enabled: bool) -> Names {
    let options = IdentityHeaders {
        enabled,
        ..IdentityHeaders::default()
    };
    Names::new(&options).unwrap()
}

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort();
    lines
}

fn user(name: &str, groups: &[&str]) -> User {
    User {
        name: name.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..User::default()
    }
}

#[test]
fn identity_goes_in_every_spelling() {
    let mut headers = map(&[
        ("X-Remote-User", "admin"),
        ("X_Remote_User", "admin"),
        ("X-Remote_Groups", "system:masters"),
        ("x.remote.user", "admin"),
        ("X-Remote-Extra-Scopes", "all"),
        ("Impersonate-User", "admin"),
        ("Impersonate_Group", "admin"),
        ("X-Forwarded-User", "admin"),
        ("X-Forwarded-Groups", "admin"),
        ("X-Forwarded-Email", "a@b"),
        ("X_Forwarded_Access_Token", "t"),
        ("X-Forwarded-Preferred-Username", "admin"),
        ("X-Auth-Request-Email", "a@b"),
        ("X-Auth-Request-User", "admin"),
        ("Kubeflow-Userid", "admin"),
        ("kubeflow_userid", "admin"),
        ("X-Forwarded-Host", "a.test"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-User-Agent", "kept"),
        ("X-Remotely", "kept"),
    ]);
    clean(&mut headers, &names(false));
    assert_eq!(
        lines(&headers),
        [
            "x-forwarded-host: a.test",
            "x-forwarded-proto: http",
            "x-forwarded-user-agent: kept",
            "x-remotely: kept"
        ]
    );
}

#[test]
fn names_of_the_options_go_in_every_spelling() {
    let options = IdentityHeaders {
        user: "X_Who".into(),
        ..IdentityHeaders::default()
    };
    let mut headers = map(&[("x-who", "admin"), ("X_WHO", "admin"), ("x-who-else", "kept")]);
    clean(&mut headers, &Names::new(&options).unwrap());
    assert_eq!(lines(&headers), ["x-who-else: kept"]);
}

#[test]
fn a_name_that_is_none_is_told_by_its_flag() {
    let options = IdentityHeaders {
        groups: "no name".into(),
        ..IdentityHeaders::default()
    };
    let error = Names::new(&options).unwrap_err();
    assert!(
        error.starts_with("--auth-header-groups-field-name: \"no name\""),
        "{error}"
    );
}

#[test]
fn connection_cannot_remove_what_is_set() {
    let mut headers = map(&[("Connection", "close, X-Remote-User, x-remote-groups")]);
    let names = names(true);
    clean(&mut headers, &names);
    identify(&mut headers, &user("dana", &["a", "b"]), &names).unwrap();
    assert_eq!(lines(&headers), ["x-remote-groups: a|b", "x-remote-user: dana"]);
}

#[test]
fn hop_by_hop_goes_and_what_makes_the_message_stays() {
    let mut headers = map(&[
        ("Connection", "keep-alive, X-Drop"),
        ("Connection", "Content-Length, Host, Transfer-Encoding"),
        ("Keep-Alive", "5"),
        ("X-Drop", "1"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "gzip"),
        ("Upgrade", "websocket"),
        ("HTTP2-Settings", "AAMAAABk"),
        ("Host", "a"),
        ("Content-Length", "3"),
        ("X-Keep", "1"),
    ]);
    clean(&mut headers, &names(false));
    assert_eq!(lines(&headers), ["content-length: 3", "host: a", "x-keep: 1"]);
}

#[test]
fn trailers_that_are_read_are_asked_for() {
    for value in ["trailers", "gzip, Trailers"] {
        let mut headers = map(&[("TE", value), ("Connection", "TE")]);
        clean(&mut headers, &names(false));
        assert_eq!(lines(&headers), ["te: trailers"]);
    }
}

#[test]
fn an_answer_loses_its_hop_alone() {
    let mut headers = map(&[
        ("Connection", "X-Private"),
        ("X-Private", "1"),
        ("Keep-Alive", "timeout=5"),
        ("X-Public", "2"),
        ("X-Remote-User", "the upstream's own"),
    ]);
    clean_answer(&mut headers);
    assert_eq!(
        lines(&headers),
        ["x-public: 2", "x-remote-user: the upstream's own"]
    );
}

#[test]
fn what_would_be_read_as_another_is_not_said() {
    let names = names(true);
    for wrong in [
        user("", &[]),
        user("bob\r\nX-Admin: yes", &[]),
        user(" bob", &[]),
        user("bob", &["a|b"]),
        user("bob", &["a", "", "b"]),
        user("bob", &[""]),
        user("bob", &["a", "b\u{7f}"]),
        user("bob", &["a "]),
    ] {
        assert_eq!(
            identify(&mut HeaderMap::new(), &wrong, &names),
            Err(Refusal::Unspeakable),
            "{wrong:?}"
        );
    }
    let mut headers = HeaderMap::new();
    identify(
        &mut headers,
        &user("böb", &["grün", "system:authenticated"]),
        &names,
    )
    .unwrap();
    assert_eq!(
        lines(&headers),
        ["x-remote-groups: grün|system:authenticated", "x-remote-user: böb"]
    );
}

#[test]
fn a_separator_of_two_signs_cannot_be_half_in_a_name() {
    let options = IdentityHeaders {
        enabled: true,
        separator: "||".into(),
        ..IdentityHeaders::default()
    };
    let names = Names::new(&options).unwrap();
    let ambiguous = user("bob", &["a|", "b"]);
    assert_eq!(
        identify(&mut HeaderMap::new(), &ambiguous, &names),
        Err(Refusal::Unspeakable)
    );
}

#[test]
fn forwarded_for_is_one_line() {
    let peer = HeaderValue::from_static("127.0.0.1");
    let mut headers = map(&[("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "10.0.0.2")]);
    forwarded_for(&mut headers, &peer);
    assert_eq!(
        lines(&headers),
        ["x-forwarded-for: 10.0.0.1, 10.0.0.2, 127.0.0.1"]
    );
    let mut headers = HeaderMap::new();
    forwarded_for(&mut headers, &peer);
    assert_eq!(lines(&headers), ["x-forwarded-for: 127.0.0.1"]);
}

#[test]
fn cookies_are_joined() {
    let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
    join_cookies(&mut headers);
    assert_eq!(lines(&headers), ["cookie: a=1; b=2; c=3"]);
}

#[test]
fn fields_that_http2_does_not_know() {
    for wrong in [
        ("connection", "close"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("transfer-encoding", "chunked"),
    ] {
        assert!(is_of_http1(&map(&[wrong])), "{wrong:?}");
    }
    assert!(!is_of_http1(&map(&[("te", "trailers"), ("x", "1")])));
}
