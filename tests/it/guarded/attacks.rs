//! What the real programs let through or broke on, one test each, on the wire: the client's exact bytes, and what the
//! upstream got. `reference` numbers are not needed: each name says the fault.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{Guard, World, with_token};
use crate::walk::client::request;

/// A guard that asks about one Notebook, for all tests of this file.
fn guard() -> Option<(&'static World, &'static Guard)> {
    static GUARD: OnceLock<Option<Guard>> = OnceLock::new();
    let world = World::new()?;
    let guard = GUARD.get_or_init(|| Some(Guard::start(world, "guarded-attacks", &[])));
    Some((world, guard.as_ref()?))
}

/// A guard with paths that need no token.
fn open_paths() -> Option<(&'static World, &'static Guard)> {
    static GUARD: OnceLock<Option<Guard>> = OnceLock::new();
    let world = World::new()?;
    let flags = ["--ignore-paths=/open/*,/deep/*/*"];
    let guard = GUARD.get_or_init(|| Some(Guard::start(world, "guarded-open", &flags)));
    Some((world, guard.as_ref()?))
}

/// A head with a good token, these lines more, and a body.
fn good(world: &World, line: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "{line}\r\nHost: guard.test\r\nAuthorization: Bearer {}\r\n{more}\r\n{body}",
        world.allowed
    )
    .into_bytes()
}

/// Whether anything of what the upstream got holds this word: each test asks for a path of its own.
fn reached(guard: &Guard, word: &str) -> bool {
    guard.upstream.has(word)
}

/// These bytes get this status, and not one of them reaches the upstream.
fn refused(guard: &Guard, word: &str, bytes: &[u8], status: u16) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert!(text.contains(word), "the test's own path is in its request");
    assert_eq!(guard.send(bytes), Some(status), "{text:.300}");
    assert!(!reached(guard, word), "reached the upstream: {text:.300}");
}

/// These bytes get 200, and the upstream's copy holds all of these texts and none of those.
fn forwarded(guard: &Guard, word: &str, bytes: &[u8], holds: &[&str], lacks: &[&str]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(guard.send(bytes), Some(200), "{text:.300}");
    let seen = guard.upstream.of(word);
    assert_eq!(seen.len(), 1, "{word}: {seen:?}");
    let head = seen[0].to_lowercase();
    for text in holds {
        assert!(head.contains(&text.to_lowercase()), "{text} is missing: {head}");
    }
    for text in lacks {
        assert!(!head.contains(&text.to_lowercase()), "{text} is there: {head}");
    }
}

macro_rules! refused {
    ($($name:ident: $status:literal, $line:literal, $more:literal, $body:literal;)*) => {$(
        #[test]
        fn $name() {
            let Some((world, guard)) = guard() else { return };
            let word = concat!("/w-", stringify!($name));
            let line = $line.replace("/W", word);
            refused(guard, word, &good(world, &line, $more, $body), $status);
        }
    )*};
}

refused! {
    an_obsolete_line_fold: 400, "GET /W HTTP/1.1", "X-A: b\r\n c\r\n", "";
    a_blank_before_the_colon: 400, "GET /W HTTP/1.1", "X-A : b\r\n", "";
    a_length_and_chunked: 400, "POST /W HTTP/1.1", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n";
    two_lengths: 400, "POST /W HTTP/1.1", "Content-Length: 3\r\nContent-Length: 4\r\n", "abcd";
    a_length_with_a_sign: 400, "POST /W HTTP/1.1", "Content-Length: +3\r\n", "abc";
    two_lengths_in_a_list: 400, "POST /W HTTP/1.1", "Content-Length: 3, 4\r\n", "abcd";
    another_coding: 400, "POST /W HTTP/1.1", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n";
    chunked_and_not_last: 400, "POST /W HTTP/1.1", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n";
    chunked_twice: 400, "POST /W HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n";
    chunked_in_http_1_0: 400, "POST /W HTTP/1.0", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n";
    two_hosts: 400, "GET /W HTTP/1.1", "Host: other.test\r\n", "";
    a_bare_carriage_return: 400, "GET /W HTTP/1.1", "X-A: b\rX-C: d\r\n", "";
    a_nul_in_a_value: 400, "GET /W HTTP/1.1", "X-A: b\0c\r\n", "";
    a_fragment: 400, "GET /W#/../secret HTTP/1.1", "", "";
    the_absolute_form: 400, "GET http://evil.test/W HTTP/1.1", "", "";
    a_blank_in_the_path: 400, "GET /W b HTTP/1.1", "", "";
    a_backslash: 400, "GET /W\\..\\secret HTTP/1.1", "", "";
    an_encoded_nul: 400, "GET /W%00 HTTP/1.1", "", "";
    a_bad_escape: 400, "GET /W%zz HTTP/1.1", "", "";
    encoded_dots: 400, "GET /W/%2e%2e/secret HTTP/1.1", "", "";
    half_encoded_dots: 400, "GET /W/.%2e/secret HTTP/1.1", "", "";
    an_overlong_slash: 400, "GET /W%c0%af HTTP/1.1", "", "";
    an_upgrade_with_a_body: 400, "GET /W HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n", "abc";
    an_upgrade_to_h2c: 400, "GET /W HTTP/1.1",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "";
    two_authorizations: 400, "GET /W HTTP/1.1", "Authorization: Bearer other\r\n", "";
    another_expectation: 417, "POST /W HTTP/1.1", "Expect: the-best\r\nContent-Length: 3\r\n", "abc";
    an_unclean_path_is_led_to_the_clean_one: 307, "GET /a/..//W HTTP/1.1", "", "";
    connect: 404, "CONNECT /W HTTP/1.1", "", "";
}

#[test]
fn bare_line_feeds() {
    let Some((world, guard)) = guard() else { return };
    let text = format!(
        "GET /w-bare-lf HTTP/1.1\nHost: guard.test\nAuthorization: Bearer {}\n\n",
        world.allowed
    );
    refused(guard, "/w-bare-lf", text.as_bytes(), 400);
}

#[test]
fn a_chunk_size_that_overflows() {
    let Some((world, guard)) = guard() else { return };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let bytes = good(
        world,
        "POST /w-overflow HTTP/1.1",
        chunked,
        "fffffffffffffffff\r\nabc",
    );
    // The head was good: its request is under way when the body breaks, and is cut on both sides.
    let status = guard.send(&bytes);
    assert!(matches!(status, None | Some(400 | 502)), "{status:?}");
    assert!(
        !reached(guard, "/w-overflow"),
        "a whole request was made of half a one"
    );
}

#[test]
fn no_host() {
    let Some((world, guard)) = guard() else { return };
    let text = format!(
        "GET /w-no-host HTTP/1.1\r\nAuthorization: Bearer {}\r\n\r\n",
        world.allowed
    );
    refused(guard, "/w-no-host", text.as_bytes(), 400);
}

#[test]
fn a_wild_byte_passes_but_decides_nothing() {
    let Some((world, guard)) = guard() else { return };
    let mut bytes = format!(
        "GET /w-wild HTTP/1.1\r\nHost: guard.test\r\nAuthorization: Bearer {}\r\nX-A: b",
        world.allowed
    )
    .into_bytes();
    bytes.extend(b"\xff\r\n\r\n");
    assert_eq!(guard.send(&bytes), Some(200));
    let mut bytes =
        b"GET /w-wild-token HTTP/1.1\r\nHost: guard.test\r\nAuthorization: Bearer \xff\r\n\r\n".to_vec();
    let status = guard.send(&bytes).unwrap();
    assert!(matches!(status, 400 | 401), "{status}");
    bytes.clear();
    assert!(!reached(guard, "/w-wild-token"));
}

#[test]
fn many_headers_pass_and_too_many_do_not() {
    let Some((world, guard)) = guard() else { return };
    let many = |count: usize| (0..count).fold(String::new(), |all, at| all + &format!("X-{at}: b\r\n"));
    forwarded(
        guard,
        "/w-150",
        &good(world, "GET /w-150 HTTP/1.1", &many(150), ""),
        &["x-149: b"],
        &[],
    );
    refused(
        guard,
        "/w-5000",
        &good(world, "GET /w-5000 HTTP/1.1", &many(5000), ""),
        431,
    );
}

#[test]
fn what_is_too_long_is_refused() {
    let Some((world, guard)) = guard() else { return };
    let line = format!("GET /w-long/{} HTTP/1.1", "a".repeat(70 * 1024));
    refused(guard, "/w-long", &good(world, &line, "", ""), 414);
    let cookies = format!("Cookie: {}\r\n", "c".repeat(4096)).repeat(300);
    refused(
        guard,
        "/w-cookies",
        &good(world, "GET /w-cookies HTTP/1.1", &cookies, ""),
        431,
    );
}

#[test]
fn a_star_is_nobodys_and_needs_a_token_all_the_same() {
    let Some((world, guard)) = guard() else { return };
    assert_eq!(
        guard.send(&with_token("OPTIONS", "*", &world.allowed, &[])),
        Some(404)
    );
    let status = guard
        .send(b"OPTIONS * HTTP/1.1\r\nHost: guard.test\r\n\r\n")
        .unwrap();
    assert!(matches!(status, 401 | 404), "{status}");
}

#[test]
fn spellings_of_the_scheme() {
    let Some((world, guard)) = guard() else { return };
    let with = |value: &str| {
        let headers = [("Host", "guard.test"), ("Authorization", value)];
        guard.send(&request("GET", "/w-scheme", &headers, b""))
    };
    assert_eq!(with(&format!("bearer {}", world.allowed)), Some(200));
    assert_eq!(with(&format!("BEARER {}", world.allowed)), Some(200));
    assert_eq!(with(&format!("Bearer  {}", world.allowed)), Some(401));
    assert_eq!(with(&format!("Bearer {} more words", world.allowed)), Some(401));
    assert_eq!(with(&format!("Bearer {}, other", world.allowed)), Some(401));
    assert_eq!(with(&format!("Basic {}", world.allowed)), Some(401));
    assert_eq!(with(&world.allowed), Some(401));
    assert_eq!(with("Bearer"), Some(401));
}

/// CVE-2025-64484, CVE-2026-40575, kubernetes #119631, cluster-proxy #335.
#[test]
fn forged_identity_in_every_spelling() {
    let Some((world, guard)) = guard() else { return };
    let forged = [
        "X-Auth-Request-User",
        "X_Auth_Request_User",
        "x-auth_request-user",
        "X-Auth-Request-Groups",
        "X_AUTH_REQUEST_GROUPS",
        "X-Auth-Request-Email",
        "X-Auth-Request-Access-Token",
        "X-Forwarded-User",
        "X_Forwarded_User",
        "X-Forwarded-Groups",
        "X-Forwarded-Email",
        "X-Forwarded-Access-Token",
        "X-Remote-User",
        "X-Remote-Group",
        "X-Remote-Extra-Scopes",
        "Impersonate-User",
        "Impersonate-Group",
        "Impersonate_User",
        "Impersonate-Extra-Scopes",
        "Kubeflow-Userid",
        "kubeflow_userid",
    ];
    let lines = forged.map(|name| format!("{name}: forged-admin\r\n")).concat();
    let user = "x-auth-request-user: system:serviceaccount:guarded:dana\r\n";
    let bytes = good(world, "GET /w-forged HTTP/1.1", &lines, "");
    forwarded(guard, "/w-forged", &bytes, &[user], &["forged-admin"]);
    let Some((_, open)) = open_paths() else { return };
    let bytes = format!("GET /open/w-forged HTTP/1.1\r\nHost: guard.test\r\n{lines}\r\n");
    forwarded(open, "/open/w-forged", bytes.as_bytes(), &[], &["forged-admin"]);
}

#[test]
fn connection_names_the_identity_headers() {
    let Some((world, guard)) = guard() else { return };
    let more = "Connection: X-Auth-Request-User, X-Auth-Request-Groups, keep-alive\r\n";
    let holds = [
        "x-auth-request-user: system:serviceaccount:guarded:dana\r\n",
        "x-auth-request-groups: ",
    ];
    forwarded(
        guard,
        "/w-named",
        &good(world, "GET /w-named HTTP/1.1", more, ""),
        &holds,
        &[],
    );
}

/// GHSA-7rh7 and CVE-2026-41059: a query or a fragment is no path.
#[test]
fn what_is_open_is_open_by_its_path_alone() {
    let Some((_, guard)) = open_paths() else { return };
    let ask = |target: &str, more: &[(&str, &str)]| {
        let mut headers = vec![("Host", "guard.test")];
        headers.extend(more);
        guard.send(&request("GET", target, &headers, b"")).unwrap()
    };
    assert_eq!(ask("/open/w-page", &[]), 200);
    for target in [
        "/w-secret?x=/open/page",
        "/w-secret",
        "/open",
        "/open/a/w-secret",
        "/Open/w-secret",
        "/deep/w-secret",
    ] {
        assert_eq!(ask(target, &[]), 401, "{target}");
    }
    for target in [
        "/open/..%2fw-secret",
        "/open/%2e%2e/w-secret",
        "/deep/%2e%2e/w-secret",
        "/deep/..%2fw-secret",
        "/deep/.%2e/w-secret",
        "/open%2fw-secret",
        "/open/w-secret%2f",
        "/open/..%5cw-secret",
        "/open/..\\w-secret",
        "/open/w-secret%00",
        "/open/w-secret%zz",
        "/open/%c0%ae%c0%ae%c0%afw-secret",
        "/open/w-secret#/../x",
        "http://guard.test/open/w-secret",
    ] {
        assert_eq!(ask(target, &[]), 400, "{target}");
    }
    for target in [
        "//open/w-secret",
        "/open/../w-secret",
        "/open/./w-secret",
        "/open//w-secret",
    ] {
        assert_eq!(ask(target, &[]), 307, "{target}");
    }
    // Double encoding is a name with a per cent sign in it: what is matched is what is forwarded.
    assert!(matches!(ask("/open/%252e%252e", &[]), 200 | 400));
    // CVE-2026-40575, CVE-2026-34457: no header says which path this is, or who asks.
    for (name, value) in [
        ("X-Forwarded-Uri", "/open/page"),
        ("X-Original-URL", "/open/page"),
        ("X-Rewrite-URL", "/open/page"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1;host=guard.test"),
        ("User-Agent", "kube-probe/1.36"),
        ("User-Agent", "GoogleHC/1.0"),
    ] {
        assert_eq!(ask("/w-secret", &[(name, value)]), 401, "{name}");
    }
    assert!(!reached(guard, "w-secret"));
}

/// PING CVE-2025-4366, CVE-2026-2833: bytes behind a request for an upgrade belong to the other protocol.
#[test]
fn nothing_crosses_before_both_sides_switched() {
    let Some((world, guard)) = guard() else { return };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let smuggled = "GET /w-smuggled HTTP/1.1\r\nHost: guard.test\r\n\r\n";
    let bytes = good(world, "GET /refuse-upgrade/w-early HTTP/1.1", upgrade, smuggled);
    let mut connection = guard.target.connect().unwrap();
    connection.send(&bytes).unwrap();
    let _ = connection.head();
    // The upstream said no: what came early is nobody's request.
    std::thread::sleep(Duration::from_millis(300));
    assert!(!reached(guard, "/w-smuggled"));

    // It says yes: what came early arrives behind the switch, once.
    let bytes = good(world, "GET /w-switch HTTP/1.1", upgrade, "early-frame");
    let mut connection = guard.target.connect().unwrap();
    connection.send(&bytes).unwrap();
    assert_eq!(connection.head().unwrap().status, 101);
    assert_eq!(connection.take("early-frame".len()).unwrap(), b"early-frame");
    connection.send(b"later-frame").unwrap();
    assert_eq!(connection.take("later-frame".len()).unwrap(), b"later-frame");
    assert_eq!(guard.upstream.of("early-frame").len(), 1);
}

#[test]
fn a_head_that_never_ends() {
    let Some((_, guard)) = guard() else { return };
    let mut connection = guard.target.connect().unwrap();
    let since = Instant::now();
    connection.send(b"GET /w-slow HTTP/1.1\r\nHost: gu").unwrap();
    connection.patience(Duration::from_secs(25));
    let status = connection.head().ok().map(|answer| answer.status);
    assert!(matches!(status, Some(408) | None), "{status:?}");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    assert!(!reached(guard, "/w-slow"));
}

#[test]
fn a_handshake_that_never_ends() {
    let Some((_, guard)) = guard() else { return };
    let mut stream = std::net::TcpStream::connect(guard.target.address()).unwrap();
    std::io::Write::write_all(&mut stream, &[0x16, 0x03, 0x01]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
    let mut byte = [0];
    let ended = std::io::Read::read(&mut stream, &mut byte);
    assert!(
        !matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
        "{ended:?}"
    );
}

#[test]
fn after_a_refusal_for_framing_the_connection_ends() {
    let Some((world, guard)) = guard() else { return };
    let first = good(
        world,
        "POST /w-first HTTP/1.1",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
    );
    let second = good(world, "GET /w-second HTTP/1.1", "", "");
    let mut connection = guard.target.connect().unwrap();
    connection.send(&[first, second].concat()).unwrap();
    let answer = connection.answer("POST").unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.answer("GET").is_err());
    assert!(!reached(guard, "/w-first") && !reached(guard, "/w-second"));
}

#[test]
fn one_request_behind_the_other_on_one_connection() {
    let Some((world, guard)) = guard() else { return };
    let bytes = [
        good(world, "POST /w-pipe-1 HTTP/1.1", "Content-Length: 3\r\n", "abc"),
        good(
            world,
            "POST /w-pipe-2 HTTP/1.1",
            "Transfer-Encoding: chunked\r\n",
            "3\r\ndef\r\n0\r\n\r\n",
        ),
        b"GET /w-pipe-3 HTTP/1.1\r\nHost: guard.test\r\n\r\n".to_vec(),
        good(world, "GET /w-pipe-4 HTTP/1.1", "", ""),
    ]
    .concat();
    let mut connection = guard.target.connect().unwrap();
    connection.send(&bytes).unwrap();
    let statuses: Vec<u16> = (0..4).map(|_| connection.answer("GET").unwrap().status).collect();
    assert_eq!(statuses, [200, 200, 401, 200]);
    assert!(guard.upstream.of("/w-pipe-1")[0].ends_with("\r\n\r\nabc"));
    assert!(guard.upstream.of("/w-pipe-2")[0].contains("def"));
    assert!(!reached(guard, "/w-pipe-3"));
}
