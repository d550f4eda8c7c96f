//! Words as the kubelet hands them over.

use super::*;

#[test]
fn variables_are_put_in() {
    let known = BTreeMap::from([
        ("A".to_owned(), Some("1".to_owned())),
        ("SECRET".to_owned(), None),
    ]);
    for (text, expected) in [
        ("--x=$(A)", "--x=1"),
        ("$$(A)", "$(A)"),
        ("$(NONE)", "$(NONE)"),
        ("$(SECRET)", "\0"),
        ("$(DB_SERVICE_HOST)", "\0"),
        ("a$", "a$"),
        ("$A $(", "$A $("),
    ] {
        assert_eq!(expand(text, &known, false), expected, "{text}");
    }
    assert_eq!(expand("$(NONE)", &known, true), "\0");
}
