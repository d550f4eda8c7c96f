use super::*;

fn scanner(text: &str) -> Scanner<'_> {
    Scanner::new(text, 0..text.len())
}

fn keys(text: &str) -> Vec<&str> {
    let scan = scanner(text);
    let start = scan.skip_trivia(0).unwrap().unwrap();
    scan.block_entries(start)
        .unwrap()
        .into_iter()
        .map(|entry| &text[entry.key])
        .collect()
}

fn items(text: &str) -> Vec<&str> {
    let scan = scanner(text);
    let start = scan.skip_trivia(0).unwrap().unwrap();
    scan.block_items(start)
        .unwrap()
        .into_iter()
        .map(|range| &text[range])
        .collect()
}

fn fails(text: &str) -> SyntaxError {
    let scan = scanner(text);
    let start = scan.skip_trivia(0).unwrap().unwrap();
    scan.check(start).unwrap_err()
}

#[test]
fn nothing_inside_a_scalar_is_structure() {
    let text = "a: |\n  b: c\n\n  - d\ne: 'it''s\n# no comment\nf: g'\nh: \"x\\\"\ny: z\"\ni: plain\n  \"q\n  [r\n  # comment\nj: 1\n";
    assert_eq!(keys(text), ["a", "e", "h", "i", "j"]);
}

#[test]
fn values_at_the_keys_own_column_are_sequences_only() {
    assert_eq!(keys("a:\n- b: c\n- d\ne:\n  - f\n"), ["a", "e"]);
}

#[test]
fn a_scalar_on_its_own_line_may_go_on_left_of_where_it_began() {
    assert_eq!(keys("a:\n      one\n  \"two\" [three\nb: 1\n"), ["a", "b"]);
}

#[test]
fn items_end_where_their_lines_end() {
    assert_eq!(
        items("- a: 1\n  b: 2\n# head of c\n- c\n-\n  d: |\n    x\n\n- [e,\nf]\n"),
        ["- a: 1\n  b: 2\n", "- c\n", "-\n  d: |\n    x\n", "- [e,\nf]\n"]
    );
}

#[test]
fn a_kept_block_scalar_owns_its_blank_lines() {
    assert_eq!(items("- |+\n  x\n\n- b\n"), ["- |+\n  x\n\n", "- b\n"]);
}

#[test]
fn flow_collections_count_brackets_outside_scalars_only() {
    let text = "{a: \"}\", 'b': '[', c: it's, d: [1, {e: f}], # }\n g: http://x:1/y, h}";
    let scan = scanner(text);
    let (entries, end) = scan.flow_entries(0).unwrap();
    assert_eq!(end, text.len());
    let seen: Vec<_> = entries
        .into_iter()
        .map(|entry| (&text[entry.key], &text[entry.value]))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", "\"}\""),
            ("'b'", "'['"),
            ("c", "it's"),
            ("d", "[1, {e: f}]"),
            ("g", "http://x:1/y"),
            ("h", "")
        ]
    );
}

#[test]
fn properties_stand_before_keys_and_values() {
    assert_eq!(
        keys("&a b: !!str |\n  c: d\n\"e\": &f\n  g: *a\n*a : 1\n"),
        ["&a b", "\"e\"", "*a"]
    );
}

#[test]
fn broken_borders_are_errors_at_their_start() {
    assert_eq!(fails("a: [1, 2\nb: 3\n").offset, 3);
    assert_eq!(fails("a: \"x\nb: 3\n").offset, 3);
    assert_eq!(fails("a: 'x''\n").offset, 3);
    assert_eq!(fails("a: [1}\n").offset, 5);
    assert_eq!(fails("a:\n\tb: 1\n").offset, 3);
    assert_eq!(fails("a: \"x\" y\n").offset, 7);
    assert_eq!(fails("a: b: c\n").offset, 5);
}

#[test]
fn line_breaks_that_readers_disagree_on_are_refused_outside_quotes() {
    assert!(
        fails("a: 1 # x\u{2028}kind: Notebook\n")
            .message
            .contains("U+2028")
    );
    assert!(fails("a: x\u{85}b\n").message.contains("U+0085"));
    assert!(fails("# x\na: 1\rb: 2\n").message.contains("carriage return"));
    assert_eq!(keys("a: \"x\u{2028}y\"\r\nb: 1\r\n"), ["a", "b"]);
}

#[test]
fn ten_thousand_levels_are_refused_in_every_style() {
    let n = 10_000;
    assert!(
        fails(&format!("a: {}", "[".repeat(n)))
            .message
            .contains("nesting")
    );
    assert!(fails(&"- ".repeat(n)).message.contains("nesting"));
    let block: String = (0..1_100)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert!(fails(&block).message.contains("nesting"));
}

#[test]
fn a_megabyte_of_properties_does_not_recurse() {
    let text = format!("a: {}b\nc: [{}d]\n", "&x ".repeat(300_000), "!y ".repeat(300_000));
    assert_eq!(keys(&text), ["a", "c"]);
}

#[test]
fn a_bare_line_break_hides_nothing_behind_any_kind_of_node() {
    for first in [
        "'a'", "\"a\"", "{b: c}", "[b]", "*y", "&x", "!t", "|", "|\n  b", ">-", "-", "b", "b\n  c", "# d",
    ] {
        for breaks in ["\r", "\u{85}", "\u{2028}", "\u{2029}"] {
            let text = format!("a: {first}{breaks}'kind': Notebook\nz: 1\n");
            let scan = scanner(&text);
            assert!(scan.block_entries(0).is_err(), "{text:?}");
            assert!(scan.check(0).is_err(), "{text:?}");
        }
    }
}
