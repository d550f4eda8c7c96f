use serde_json::json;

use super::*;
use crate::krm::tree::Step::{Index, Key};

fn piece(text: &str) -> Piece {
    Piece::new(text, 0..text.len(), 0)
}

#[test]
fn scalars_mean_what_kubectl_means() {
    let text =
        "a: yes\nb: 'yes'\nc: 0644\nd: 1_000\ne: 2001-12-14\nf: ~\ng:\nh: 1:30\ni: \"\\ud83d\\ude00\"\n";
    let value = piece(text).value().unwrap();
    assert_eq!(
        value,
        json!({"a": true, "b": "yes", "c": 420, "d": 1000, "e": "2001-12-14", "f": null, "g": null, "h": "1:30", "i": "😀"})
    );
}

#[test]
fn errors_name_the_place_in_the_whole_text() {
    let text = "items:\n- a: 1\n  a: 2\n";
    let error = Piece::new(text, 9..text.len(), 2).value().unwrap_err();
    assert_eq!(&text[error.offset..=error.offset], "a", "{error}");
    assert_eq!(error.offset, 16);
    assert!(error.message.contains("duplicate"), "{error}");
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 9].join(", ")));
    }
    assert!(piece(&text).value().is_err());
}

#[test]
fn the_deepest_nesting_allowed_is_read_without_overflow() {
    let text = format!("a: {}{}", "[".repeat(MAX_DEPTH - 2), "]".repeat(MAX_DEPTH - 2));
    piece(&text).value().unwrap();
    piece(&text).tree().unwrap();
    let text = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    piece(&text).value().unwrap_err();
    piece(&text).tree().unwrap_err();
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "a:\n  - b: |\n      x\n\n  # c\n  - {d: 'e', \"f\": [1, 2 ]}\n  -\ng: \"h\"  # i\nj:\n";
    let tree = piece(text).tree().unwrap();
    let at = |path: &[crate::krm::tree::Step<'_>]| &text[tree.at(path).unwrap().range.clone()];
    assert_eq!(at(&[Key("a"), Index(0), Key("b")]), "x");
    assert_eq!(at(&[Key("a"), Index(1)]), "{d: 'e', \"f\": [1, 2 ]}");
    assert_eq!(at(&[Key("g")]), "\"h\"");
    assert!(tree.get("j").unwrap().is_null());
    let NodeKind::Sequence { starts, .. } = &tree.get("a").unwrap().kind else {
        panic!()
    };
    assert!(starts.iter().all(|at| &text[*at..=*at] == "-"), "{starts:?}");
    assert_eq!(starts.len(), 3);
}

#[test]
fn strings_come_back_as_strings() {
    let strings = [
        "yes",
        "on",
        "n",
        "1_000",
        "0644",
        "2001-12-14",
        "1:30",
        "~",
        "",
        " x",
        "x ",
        "\tx\ny",
        "a: b",
        "# x",
        "- x",
        "é😀",
        "x\n",
        "x\n\n",
        "\n x\ny",
        "{\"a\": 1}",
        "0x1f",
        "1e3",
        ".inf",
        "<<",
        "=",
        "%x",
        "@x",
        "`x`",
        "null",
        "true",
    ];
    for text in strings {
        let value = json!({ "key": text, text: "value", "list": [text, {"deep": text}] });
        let written = to_block(&value, Quoting::WhereNeeded);
        assert_eq!(piece(&written).value().unwrap(), value, "{written}");
        let written = to_block(&value, Quoting::Always);
        assert_eq!(piece(&written).value().unwrap(), value, "{written}");
        assert_eq!(piece(&to_flow(&value)).value().unwrap(), value);
    }
}

#[test]
fn long_text_stays_on_one_line() {
    let value = json!({ "a": "word ".repeat(100) + "end" });
    assert_eq!(to_block(&value, Quoting::WhereNeeded).lines().count(), 1);
}
