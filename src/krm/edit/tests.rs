use serde_json::json;

use super::*;
use crate::krm::stream::frame;
use crate::krm::tree::Step::Key;

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
