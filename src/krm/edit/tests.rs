use serde_json::json;

use super::*;
use crate::krm::stream::frame;
use crate::krm::tree::Step::Key;
use crate::krm::yaml::Piece;

const SPEC: [Step<'_>; 1] = [Key("spec")];

/// Adds a field and list items to `spec`, reads the result, takes them back, and wants the first text again.
fn there_and_back(text: &str) -> String {
    let source = Source {
        name: "f".into(),
        text: text.into(),
    };
    let stream = frame(&source).unwrap();
    let item = &stream.items[0];
    let before = item.piece(&source).value().unwrap();

    let mut editor = Editor::new(&source, item).unwrap();
    let account = editor.set(&SPEC, "account", &json!("on")).unwrap();
    let list = editor
        .push(
            &SPEC,
            "list",
            &[
                json!({"name": "x", "args": ["--a", "b\nc"]}),
                json!({"name": "y"}),
            ],
        )
        .unwrap();
    let other = editor.push(&SPEC, "other", &[json!({"name": "z"})]).unwrap();
    let edited = format!(
        "{}{}{}",
        &text[..item.range.start],
        editor.edited(),
        &text[item.range.end..]
    );

    let source = Source {
        name: "f".into(),
        text: edited.clone(),
    };
    let stream = frame(&source).unwrap();
    let item = &stream.items[0];
    let after = item
        .piece(&source)
        .value()
        .unwrap_or_else(|error| panic!("{error}\n{edited}"));
    let mut wanted = before.clone();
    wanted["spec"]["account"] = json!("on");
    for (key, added) in [
        (
            "list",
            vec![
                json!({"name": "x", "args": ["--a", "b\nc"]}),
                json!({"name": "y"}),
            ],
        ),
        ("other", vec![json!({"name": "z"})]),
    ] {
        let mut items = before["spec"][key].as_array().cloned().unwrap_or_default();
        items.extend(added);
        wanted["spec"][key] = Value::from(items);
    }
    assert_eq!(after, wanted, "{edited}");

    let count = |key: &str| after["spec"][key].as_array().unwrap().len();
    let mut editor = Editor::new(&source, item).unwrap();
    editor
        .pull(&SPEC, "list", &[count("list") - 2, count("list") - 1], &list)
        .unwrap();
    editor
        .pull(&SPEC, "other", &[count("other") - 1], &other)
        .unwrap();
    editor.restore(&SPEC, "account", &account).unwrap();
    let back = format!(
        "{}{}{}",
        &edited[..item.range.start],
        editor.edited(),
        &edited[item.range.end..]
    );
    assert_eq!(back, text, "edited:\n{edited}");
    edited
}

#[test]
fn edits_come_back_to_the_byte_in_every_style() {
    let head = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";
    for spec in [
        "spec:\n  list:\n  - name: a\n",
        "spec:\n  list:\n  - name: a",
        "spec:\n  list:\n    - name: a # one\n    # two\n\n# three\n",
        "spec:\n  other: # none yet\n  list: []\n",
        "spec:\n  other: ~\n  list: [ {name: a} ]\n",
        "spec:\n  other: []\n  account:\n  list:\n  - name: a\n    text: |+\n      x\n\n",
        "spec:\n  list:\n  - name: a\n    text: |\n      x\n\n\n# end\n",
        "spec: {list: [{name: a}, {name: b}], account: ''}\n",
        "spec: {list: [{name: a},\n   {name: b},\n   ], account: null,}\n",
        "spec: { list: , other: null }\n",
        "spec: {\n  \"list\": [\n    {\"name\": \"a\"},\n    {\"name\": \"b\"}\n  ]\n}\n",
        "spec:\n  account: ~ # none\n  list:\n  -\n    name: a\n  -   name: b\n      x: >-\n       fold\n       ed\n",
        "spec:\n  \"list\":\n  - 'plain'\n  - |-\n    block\n  other:\n   - - nested\n     - deep\n",
        "spec:\r\n  list:\r\n  - name: a\r\n",
        "spec:\n    list: &l\n    - name: &n a\n    - name: *n\n",
    ] {
        let head = if spec.contains('\r') {
            head.replace('\n', "\r\n")
        } else {
            head.to_owned()
        };
        let edited = there_and_back(&format!("{head}{spec}"));
        assert_eq!(edited.contains("\r\n"), spec.contains('\r'));
        if spec.contains('\r') {
            assert!(!edited.replace("\r\n", "").contains('\n'), "{edited:?}");
        }
    }
}

#[test]
fn json_stays_json() {
    let edited = there_and_back(
        "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"list\":[{\"name\":\"b\"}],\"other\":null}}",
    );
    serde_json::from_str::<Value>(&edited).unwrap();
}

#[test]
fn items_of_lists_are_edited_at_their_column() {
    let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n  - apiVersion: v1\n    kind: A\n    metadata: {name: a}\n    spec:\n      list:\n      - name: a\n  - apiVersion: v1\n    kind: B\n    metadata: {name: b}\n";
    there_and_back(list);
    there_and_back(&list.replace("items:\n  -", "items:\n  -\n   "));
}

/// Leaves `--x={…}` out of `spec.text`, and wants the rest of the document as it was.
fn cut(written: &str, flow: bool) -> String {
    let text = if flow {
        format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: {{text: {written}, other: 1}} # end\n")
    } else {
        format!(
            "apiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec:\n  text: {written}\n  other: 1 # end\n"
        )
    };
    let source = Source {
        name: "f".into(),
        text: text.clone(),
    };
    let stream = frame(&source).unwrap();
    let item = &stream.items[0];
    let mut wanted = item.piece(&source).value().unwrap();
    let before = wanted["spec"]["text"].as_str().unwrap().to_owned();
    let parts = parts(&before);
    let mut rest = before.clone();
    for part in parts.iter().rev() {
        rest.replace_range(part.clone(), "");
    }
    wanted["spec"]["text"] = json!(rest);
    let mut editor = Editor::new(&source, item).unwrap();
    editor.cut(&[Key("spec"), Key("text")], &parts).unwrap();
    let edited = editor.edited();
    let read = Piece::new(&edited, 0..edited.len(), 0)
        .value()
        .unwrap_or_else(|error| panic!("{error}\n{edited}"));
    assert_eq!(read, wanted, "{edited}");
    assert!(
        edited.ends_with(&text[text.rfind("other").unwrap()..]),
        "{edited}"
    );
    edited[text.find("text: ").unwrap() + 6..edited.rfind("other").unwrap()]
        .trim_end_matches(['\n', ' ', ',', '\r'])
        .to_owned()
}

/// From each `--x=` to its closing brace, with the blank before it or, at the start, behind it.
fn parts(text: &str) -> Vec<Range<usize>> {
    text.match_indices("--x={")
        .map(|(at, _)| {
            let end = at + text[at..].find('}').unwrap() + 1;
            if at == 0 {
                at..(end + 1).min(text.len())
            } else {
                at - 1..end
            }
        })
        .collect()
}

#[test]
fn a_text_loses_parts_in_every_style() {
    for (written, flow, left) in [
        (
            "|-\n    --a\n    --x={\"u\": 1}\n    --b",
            false,
            "|-\n    --a\n    --b",
        ),
        ("|\n      --a\n      --x={}", false, "|\n      --a"),
        ("|+\n    --x={}\n    --b\n\n", false, "|+\n    --b"),
        (
            "|- # why\n   --a\n\n   --x={}\n   --b\n   --x={}",
            false,
            "|- # why\n   --a\n\n   --b",
        ),
        (
            "|\r\n    --a\r\n    --x={}\r\n    --b",
            false,
            "|\r\n    --a\r\n    --b",
        ),
        ("|2-\n    --x={}\n     --b", false, "|2-\n     --b"),
        ("|-\n    --x={}\n     --b", false, "\" --b\""),
        (
            ">-\n    --a\n    --x={\"u\": 1}\n    --b",
            false,
            ">-\n    --a\n    --b",
        ),
        (">\n    --a --x={}\n    --b", false, ">\n    --a\n    --b"),
        (">-\n    --a\n\n    --b --x={}", false, "\"--a\\n--b\""),
        ("--a --x={} --b", false, "--a --b"),
        ("--a\n    --x={}\n    --b # why", false, "--a --b # why"),
        ("'--a='''' --x={} --b'", false, "'--a='''' --b'"),
        (
            "\"--a\\n--x={}\\n--b=\\\"é\\\"\"",
            false,
            "\"--a\\n--b=\\\"é\\\"\"",
        ),
        ("--x={}", false, "\"\""),
        ("|-\n    --x={}", false, "\"\""),
        ("'--x={}'", false, "''"),
        ("--x={} true", false, "\"true\""),
        ("'--a --x={} --b'", true, "'--a --b'"),
        ("\"--a\\n--x={}\"", true, "\"--a\""),
    ] {
        assert_eq!(cut(written, flow), left, "{written}");
    }
}

#[test]
fn a_field_gets_another_name_in_its_place() {
    for (written, wanted) in [
        (
            "spec:\n  old: 1 # one\n  b: 2\n",
            "spec:\n  new: 1 # one\n  b: 2\n",
        ),
        ("spec: {'old' : 1, b: 2}\n", "spec: {'new' : 1, b: 2}\n"),
        ("spec: {\"old\":1}\n", "spec: {\"new\":1}\n"),
    ] {
        let source = Source {
            name: "f".into(),
            text: format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\n{written}"),
        };
        let stream = frame(&source).unwrap();
        let mut editor = Editor::new(&source, &stream.items[0]).unwrap();
        editor.rename(&SPEC, "old", "new").unwrap();
        assert!(editor.rename(&SPEC, "older", "new").is_err());
        assert!(editor.edited().ends_with(wanted), "{}", editor.edited());
    }
}
