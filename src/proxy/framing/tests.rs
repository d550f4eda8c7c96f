use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    target_bytes: 200,
    head_bytes: 2000,
    headers: 20,
};

/// What comes of bytes, cut into reads at these places: what passes, what is found, and how it stands at the end.
fn read_cut(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<Facts>, Then) {
    let mut framing = Framing::new(BOUNDS);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let (mut passed, mut facts, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let (mut from, mut then) = (0, Then::More);
    for cut in cuts {
        kept.extend_from_slice(&bytes[from..cut]);
        from = cut;
        let judged = framing.judge(&kept, |found| facts.push(found));
        passed.extend(kept.drain(..judged.pass));
        then = judged.then;
        if matches!(then, Then::Refused(_) | Then::Broken(_)) {
            break;
        }
    }
    (passed, facts, then)
}

fn read(text: &str) -> (Vec<u8>, Vec<Facts>, Then) {
    read_cut(text.as_bytes(), &[])
}

fn refused(text: &str) -> Refusal {
    match read(text) {
        (passed, facts, Then::Refused(refusal)) => {
            assert!(passed.is_empty() && facts.is_empty(), "{text:?}");
            refusal
        }
        other => panic!("{text:?} is not refused: {other:?}"),
    }
}

fn malformed(text: &str) {
    assert!(matches!(refused(text), Refusal::Malformed(_)), "{text:?}");
}

/// What passes whole, and its targets.
fn passes(text: &str) -> Vec<String> {
    let (passed, facts, then) = read(text);
    assert_eq!(passed, text.as_bytes(), "{then:?}");
    assert_eq!(then, Then::More);
    facts.iter().map(|facts| facts.target.to_string()).collect()
}

/// A GET with these lines between its own.
fn get(lines: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

fn post(lines: &str, body: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}")
}

#[test]
fn requests_pass_byte_for_byte() {
    assert_eq!(passes(&get("")), ["/a"]);
    assert_eq!(
        passes(&get("X-Name: caf\u{e9}\r\nX-Empty:\r\nX-Blank:   \r\n")),
        ["/a"]
    );
    assert_eq!(passes("GET /x HTTP/1.0\r\n\r\n"), ["/x"]);
    assert_eq!(passes("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), ["*"]);
    assert_eq!(
        passes("GET /a%2Fb/%7e?q=%2F+%20&a=%zz? HTTP/1.1\r\nHost: h:8443\r\n\r\n"),
        ["/a%2Fb/%7e?q=%2F+%20&a=%zz?"]
    );
    assert_eq!(
        passes("GET //a/../b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
        ["//a/../b"]
    );
    assert_eq!(passes(&post("Content-Length: 3\r\n", "abc")), ["/a"]);
}

#[test]
fn requests_in_one_read_are_told_apart() {
    let first = post("Content-Length: 3\r\n", "GET");
    let second = post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n");
    let third = "GET /b?x HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(passes(&format!("{first}{second}{third}")), ["/a", "/a", "/b?x"]);
}

#[test]
fn content_length_beside_chunked() {
    malformed(&post(
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
    ));
    malformed(&post(
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "0\r\n\r\n",
    ));
}

#[test]
fn lengths_that_differ_or_are_no_numbers() {
    malformed(&post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"));
    for wrong in [
        "3, 3",
        "+3",
        "-1",
        "0x3",
        "",
        "3 4",
        "99999999999999999999",
        "18446744073709551615",
        "٣",
    ] {
        malformed(&post(&format!("Content-Length: {wrong}\r\n"), "abc"));
    }
    assert_eq!(
        passes(&post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
        ["/a"]
    );
}

#[test]
fn transfer_codings_other_than_chunked() {
    for wrong in [
        "xchunked",
        "identity, chunked",
        "chunked, chunked",
        "gzip",
        "",
        "\"chunked\"",
        "chunked;q=1",
    ] {
        malformed(&post(&format!("Transfer-Encoding: {wrong}\r\n"), "0\r\n\r\n"));
    }
    malformed(&post(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n",
    ));
    assert_eq!(
        passes(&post("transfer-encoding: \tChunked \r\n", "0\r\n\r\n")),
        ["/a"]
    );
}

#[test]
fn chunked_in_http10() {
    malformed("POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

#[test]
fn line_ends_without_cr() {
    malformed("GET /a HTTP/1.1\nHost: h\n\n");
    malformed("GET /a HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n");
    malformed("GET /a HTTP/1.1\r\nHost: h\r\n\n");
    // Before the head is there: nobody waits for its end.
    malformed("GET /a HTTP/1.1\n");
}

#[test]
fn cr_inside_a_line() {
    malformed(&get("X: a\rb\r\n"));
    malformed(&get("X: a\r\r\n"));
    malformed("GET /a\r HTTP/1.1\r\nHost: h\r\n\r\n");
}

#[test]
fn folded_lines() {
    malformed(&get("X: one\r\n two\r\n"));
    malformed(&get("X: one\r\n\ttwo\r\n"));
    malformed("GET /a HTTP/1.1\r\n Host: h\r\n\r\n");
}

#[test]
fn names_that_are_no_tokens() {
    for wrong in [
        "X : 1",
        " X: 1",
        ": v",
        "X(y): 1",
        "nonsense",
        "X\u{0}: 1",
        "Caf\u{e9}: 1",
    ] {
        malformed(&get(&format!("{wrong}\r\n")));
    }
}

#[test]
fn control_characters_in_values() {
    for wrong in ["a\u{0}b", "a\u{1}b", "a\u{7f}b", "a\u{b}b", "\u{1b}[31m"] {
        malformed(&get(&format!("X: {wrong}\r\n")));
    }
    assert_eq!(passes(&get("X: a\tb\r\n")), ["/a"]);
}

#[test]
fn hosts() {
    malformed("GET /a HTTP/1.1\r\n\r\n");
    malformed(&get("Host: h\r\n"));
    malformed("GET /a HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
    for wrong in [
        "a b/c",
        "user@proxy.test",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "caf\u{e9}",
    ] {
        malformed(&format!("GET /a HTTP/1.1\r\nHost: {wrong}\r\n\r\n"));
    }
    assert_eq!(passes("GET /a HTTP/1.1\r\nHost:\r\n\r\n"), ["/a"]);
}

#[test]
fn request_lines() {
    for wrong in [
        "GET /metrics",
        "GET /metrics HTTP/2.0",
        "GET /metrics HTTP/1.x",
        "GET /metrics HTTP/1.2",
        "GET /metrics http/1.1",
        "GET /metrics and more HTTP/1.1",
        "GET  /metrics HTTP/1.1",
        "GET /metrics HTTP/1.1 ",
        "GE(T /metrics HTTP/1.1",
        " GET /metrics HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        malformed(&format!("{wrong}\r\nHost: h\r\n\r\n"));
    }
    malformed(&format!("\r\n{}", get("")));
    malformed("\u{16}\u{3}\u{1}");
}

#[test]
fn targets_that_are_no_paths() {
    for wrong in [
        "http://evil.test/a",
        "https://h/a",
        "metrics",
        "?x=1",
        "/public#/../secret",
        "/a?x#y",
        "/a\u{0}",
        "/a\u{7f}",
        "/a\tb",
        "",
    ] {
        malformed(&format!("GET {wrong} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    let not_utf8 = b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(matches!(
        read_cut(not_utf8, &[]).2,
        Then::Refused(Refusal::Malformed(_))
    ));
    assert_eq!(
        refused("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
        Refusal::NotServed
    );
}

#[test]
fn upgrades_hold_what_follows() {
    let head = get("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n");
    let (passed, facts, then) = read(&format!("{head}EARLY"));
    assert_eq!((passed, then), (head.clone().into_bytes(), Then::Held));
    assert!(facts[0].asks_upgrade);
    // Not switched: what follows is a request.
    let mut framing = Framing::new(BOUNDS);
    assert_eq!(framing.judge(head.as_bytes(), |_| ()).then, Then::Held);
    framing.stay();
    let again = framing.judge(b"EARLY\n", |_| ());
    assert!(matches!(again.then, Then::Refused(_)));
}

#[test]
fn upgrades_that_are_none() {
    for lines in [
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade:\r\n",
    ] {
        assert!(!read(&get(lines)).1[0].asks_upgrade, "{lines}");
    }
    let old = "GET /a HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(!read(old).1[0].asks_upgrade);
}

#[test]
fn upgrades_that_are_refused() {
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    malformed(&post(&format!("{upgrade}Content-Length: 4\r\n"), "body"));
    malformed(&post(
        &format!("{upgrade}Transfer-Encoding: chunked\r\n"),
        "0\r\n\r\n",
    ));
    malformed(&get(
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n",
    ));
    malformed(&get("Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n"));
    assert!(read(&post(&format!("{upgrade}Content-Length: 0\r\n"), "")).1[0].asks_upgrade);
}

#[test]
fn what_is_too_large() {
    let line = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(length - 1));
    assert_eq!(passes(&line(200)).len(), 1);
    assert_eq!(refused(&line(201)), Refusal::TooLarge(Part::Target));
    assert_eq!(refused(&"a".repeat(300)), Refusal::TooLarge(Part::Target));
    let many = |count: usize| {
        (0..count).fold(String::new(), |mut lines, at| {
            let _ = write!(lines, "X-{at}: v\r\n");
            lines
        })
    };
    assert_eq!(passes(&get(&many(19))).len(), 1);
    assert_eq!(refused(&get(&many(20))), Refusal::TooLarge(Part::Headers));
    assert_eq!(
        refused(&get(&format!("X: {}\r\n", "b".repeat(2000)))),
        Refusal::TooLarge(Part::Headers)
    );
}

#[test]
fn chunked_bodies() {
    for good in [
        "0\r\n\r\n",
        "5\r\nhello\r\n3;ext=1\r\nyou\r\n0\r\n\r\n",
        "00a\r\n0123456789\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n",
    ] {
        assert_eq!(passes(&post("Transfer-Encoding: chunked\r\n", good)), ["/a"]);
    }
    for wrong in [
        "zz\r\n",
        "\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\u{0}\r\n",
        "5;a\nb\r\n",
        "1000000000000000\r\n",
        "0\r\nX : 1\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\nX: a\nY: b\r\n\r\n",
        "0\r\nnonsense\r\n\r\n",
        "0\r\n\rX",
    ] {
        let (_, facts, then) = read(&post("Transfer-Encoding: chunked\r\n", wrong));
        assert_eq!(facts.len(), 1);
        assert!(matches!(then, Then::Broken(_)), "{wrong:?}: {then:?}");
    }
}

/// What hyper cannot hold is not forwarded as something else.
#[test]
fn characters_that_hyper_has_no_place_for() {
    for wrong in ["/a?x=\"y\"", "/a?<b>", "/a<b>"] {
        malformed(&format!("GET {wrong} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
}

/// What hyper makes of a target is the target: nothing is decided on another.
#[test]
fn the_target_is_what_hyper_forwards() {
    for target in [
        "/a",
        "/a?",
        "/a?x=1&y",
        "//a",
        "/a|b^c?x={y}",
        "/caf\u{e9}",
        "/%2e%2e/",
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        let (_, facts, then) = read(&text);
        assert_eq!(then, Then::More, "{target}");
        let hypers = http::Uri::try_from(target).unwrap();
        assert_eq!(hypers.path_and_query(), Some(&facts[0].target));
        assert_eq!(facts[0].target.as_str(), target);
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(get("")),
        Just(post("Content-Length: 5\r\n", "hello")),
        Just(post(
            "Transfer-Encoding: chunked\r\n",
            "5\r\nhello\r\n0\r\nX: 1\r\n\r\n"
        )),
        Just(get("Connection: Upgrade\r\nUpgrade: websocket\r\n")),
        Just(get("X : 1\r\n")),
        Just(get(&format!("X: {}\r\n", "b".repeat(2000)))),
        Just(format!("GET /{} HTTP/1.1\r\n", "a".repeat(300))),
        Just(post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX")),
        Just("GET /a HTTP/1.1\r\nHost: h\n\r\n".to_owned()),
        "[ -~\r\n]{0,40}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// However bytes are cut into reads, the same comes of them, and what passes is what came.
    #[test]
    fn reads_do_not_matter(text in pieces(), cuts in proptest::collection::vec(0..4000_usize, 0..12)) {
        let whole = read_cut(text.as_bytes(), &[]);
        let cut = read_cut(text.as_bytes(), &cuts);
        prop_assert!(text.as_bytes().starts_with(&whole.0));
        prop_assert_eq!(whole, cut);
    }

    /// Byte by byte too, with a fault anywhere.
    #[test]
    fn a_fault_is_found_in_any_cut(at in 0..200_usize, byte in any::<u8>()) {
        let mut bytes = format!("{}{}", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), get("X: y\r\n")).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let each: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(read_cut(&bytes, &[]), read_cut(&bytes, &each));
    }
}
