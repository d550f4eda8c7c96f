use proptest::prelude::*;

use super::*;

fn refusal(raw: &str, compares_paths: bool) -> Refusal {
    Target::parse(raw, compares_paths).expect_err(raw)
}

#[test]
fn what_is_forwarded_and_what_is_matched() {
    for (raw, forwarded, path, query) in [
        ("/", "/", "/", None),
        ("/metrics", "/metrics", "/metrics", None),
        ("/metrics/", "/metrics/", "/metrics/", None),
        ("/metrics?", "/metrics?", "/metrics", Some("")),
        (
            "/metrics?next=/secret",
            "/metrics?next=/secret",
            "/metrics",
            Some("next=/secret"),
        ),
        (
            "/metrics?a=%zz&b=1;c=2",
            "/metrics?a=%zz&b=1;c=2",
            "/metrics",
            Some("a=%zz&b=1;c=2"),
        ),
        ("/x?a=//../b", "/x?a=//../b", "/x", Some("a=//../b")),
        ("/x??y", "/x??y", "/x", Some("?y")),
        ("/%6detrics", "/%6detrics", "/metrics", None),
        ("/metrics;v=1", "/metrics;v=1", "/metrics;v=1", None),
        (
            "/a%2Fb/%7euser/%20x?q=%2F+%20",
            "/a%2Fb/%7euser/%20x?q=%2F+%20",
            "/a/b/~user/ x",
            Some("q=%2F+%20"),
        ),
        (
            "/deep/%252e%252e/secret",
            "/deep/%252e%252e/secret",
            "/deep/%2e%2e/secret",
            None,
        ),
        ("/café", "/caf%C3%A9", "/café", None),
        (
            "/a|b^c?x={\"y\"}",
            "/a%7Cb%5Ec?x={\"y\"}",
            "/a|b^c",
            Some("x={\"y\"}"),
        ),
        ("/...", "/...", "/...", None),
        ("/.a/..b", "/.a/..b", "/.a/..b", None),
        ("/a%2F%2Fb", "/a%2F%2Fb", "/a//b", None),
    ] {
        let target = Target::parse(raw, false).expect(raw);
        assert_eq!(target.raw(), forwarded, "{raw}");
        assert_eq!(target.path(), path, "{raw}");
        assert_eq!(target.query(), query, "{raw}");
        assert_eq!(target.raw_path(), forwarded.split('?').next().unwrap(), "{raw}");
    }
}

#[test]
fn literal_dots_and_double_slashes_move() {
    for (raw, to) in [
        ("/deep/../metrics", "/metrics"),
        ("//metrics", "/metrics"),
        ("/./metrics", "/metrics"),
        ("/deep//secret?x=1", "/deep/secret?x=1"),
        ("/open/../admin", "/admin"),
        ("//evil.test/x", "/evil.test/x"),
        ("/a/b/..", "/a"),
        ("/a/b/../", "/a/"),
        ("/..", "/"),
        ("/../../x", "/x"),
        ("/a/.", "/a"),
        ("/.", "/"),
        ("/a//?", "/a/"),
        ("/a%20b//c", "/a%20b/c"),
        ("/é//x?é", "/%C3%A9/x?%C3%A9"),
    ] {
        for compares_paths in [false, true] {
            assert_eq!(refusal(raw, compares_paths), Refusal::MovedTo(to.into()), "{raw}");
        }
    }
}

#[test]
fn what_two_readers_would_read_differently_is_refused() {
    for raw in [
        "",
        "metrics",
        "?x",
        "http://evil.test/metrics?x=1",
        "https://proxy.test/metrics",
        "http://proxy.test",
        "proxy.test:443",
        "/metrics#/../secret",
        "/metrics?x#y",
        "/pub/%zz",
        "/pub/%",
        "/pub/%4",
        "/pub/%+1",
        "/pub/%00",
        "/pub/..\\secret",
        "/pub/..%5csecret",
        "/pub/%5C",
        "/pub/%c0%ae",
        "/pub/%c0%af",
        "/pub/%ff",
        "/deep/%2e%2e/secret",
        "/deep/%2E./secret",
        "/deep/.%2e/secret",
        "/deep/%2e/secret",
        "/deep/..%2fsecret",
        "/deep/%2e%2e%2fsecret",
        "/deep/x%2f..",
        "/a/../%2e%2e/x",
        "/a/..;/admin",
        "/a/..;x=1/admin",
        "/a/..%3bx/admin",
        "/a/%2e%2e;/admin",
        "/a b",
        "/a\tb",
        "/a\u{7f}",
        "/a?x\r\ny",
    ] {
        for compares_paths in [false, true] {
            let refusal = refusal(raw, compares_paths);
            assert!(matches!(refusal, Refusal::Malformed(_)), "{raw}: {refusal:?}");
        }
    }
    assert_eq!(refusal("*", false), Refusal::NotServed);
}

#[test]
fn encoded_slashes_pass_where_no_path_is_compared() {
    for raw in ["/pub%2fx", "/pub%2Fx", "/api/contents/a%2Fb.ipynb"] {
        assert!(Target::parse(raw, false).is_ok(), "{raw}");
        assert!(matches!(refusal(raw, true), Refusal::Malformed(_)), "{raw}");
    }
}

/// Segments that invite mix-ups.
fn raw_target() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/", "/", "/", ".", "..", "a", "%2e", "%2F", "%2f", "%25", "2e", ";", "?", "é", "%C3%A9", "%41", "|",
        "x=1", "&", "%",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn reading_what_is_forwarded_gives_the_same(raw in raw_target(), compares_paths: bool) {
        if let Ok(target) = Target::parse(&raw, compares_paths) {
            prop_assert_eq!(Target::parse(target.raw(), compares_paths), Ok(target));
        }
    }

    #[test]
    fn where_one_moves_to_is_no_move(raw in raw_target(), compares_paths: bool) {
        if let Err(Refusal::MovedTo(to)) = Target::parse(&raw, compares_paths) {
            prop_assert!(to.starts_with('/') && !to.starts_with("//"));
            let again = Target::parse(&to, compares_paths);
            prop_assert!(again.is_ok(), "{} to {}: {:?}", raw, to, again);
        }
    }

    /// An upstream that cleans the decoded path comes to the path that was matched. Where no path is compared it may join what
    /// encoded slashes part, no more.
    #[test]
    fn the_decoded_path_is_clean(raw in raw_target(), compares_paths: bool) {
        if let Ok(target) = Target::parse(&raw, compares_paths) {
            let path = target.path();
            if compares_paths {
                prop_assert_eq!(clean(path), path);
            }
            prop_assert!(!path.split('/').any(is_dots));
            prop_assert_eq!(decoded(target.raw_path()), Ok(path.to_owned()));
        }
    }

    #[test]
    fn nothing_panics(raw in any::<String>(), compares_paths: bool) {
        let _ = Target::parse(&raw, compares_paths);
    }
}
