use serde_json::json;

use super::*;
use crate::krm::stream::frame;

fn run(text: &str, changes: &[Change], added: &[Value], findings: &[Finding]) -> String {
    let source = Source {
        name: "f".into(),
        text: text.into(),
    };
    let framed = frame(&source).unwrap();
    stream(&source, &framed, changes, added, findings)
}

const HEAD: &str = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n";

fn item(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": name}})
}

#[test]
fn new_items_and_results_find_their_place_in_block_style() {
    let text = format!(
        "{HEAD}items:\n- apiVersion: v1\n  kind: A\n  metadata: {{name: a}} # mine\nfunctionConfig: {{apiVersion: v1, kind: C}}"
    );
    let out = run(&text, &[Change::Keep], &[item("b")], &[Finding::info("hello")]);
    assert_eq!(
        out,
        format!(
            "{HEAD}items:\n- apiVersion: v1\n  kind: A\n  metadata: {{name: a}} # mine\n- apiVersion: v1\n  kind: A\n  metadata:\n    name: b\nfunctionConfig: {{apiVersion: v1, kind: C}}\nresults:\n- message: hello\n  severity: info"
        )
    );
}

#[test]
fn empty_and_missing_lists_take_items_too() {
    for items in [
        "items: []\n",
        "items:\n",
        "items: null\n",
        "",
        "items: []",
        "items: [] # none\n",
    ] {
        let out = run(&format!("{HEAD}{items}"), &[], &[item("b")], &[]);
        let source = Source {
            name: "f".into(),
            text: out.clone(),
        };
        let framed = frame(&source).unwrap_or_else(|error| panic!("{items:?}: {error}\n{out}"));
        assert_eq!(framed.items.len(), 1, "{items:?}\n{out}");
    }
}

#[test]
fn json_stays_json() {
    let text = "{\"apiVersion\":\"config.kubernetes.io/v1\",\"kind\":\"ResourceList\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}},\n {\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"c\"}}]}";
    for changes in [
        [Change::Keep, Change::Keep],
        [Change::Remove, Change::Keep],
        [Change::Remove, Change::Remove],
    ] {
        let out = run(text, &changes, &[item("b")], &[Finding::error("no")]);
        let value: Value = serde_json::from_str(&out).unwrap();
        let kept = changes.iter().filter(|change| **change == Change::Keep).count();
        assert_eq!(value["items"].as_array().unwrap().len(), kept + 1, "{out}");
        assert_eq!(value["results"][0]["message"], "no");
    }
}

#[test]
fn removed_items_leave_no_trace_and_never_a_null_list() {
    let text = format!(
        "{HEAD}items:\n- {{apiVersion: v1, kind: A, metadata: {{name: a}}}}\n# of b\n- apiVersion: v1\n  kind: B\n  metadata: {{name: b}}\n"
    );
    assert_eq!(
        run(&text, &[Change::Keep, Change::Remove], &[], &[]),
        format!("{HEAD}items:\n- {{apiVersion: v1, kind: A, metadata: {{name: a}}}}\n# of b\n")
    );
    let out = run(&text, &[Change::Remove, Change::Remove], &[], &[]);
    let value = Piece::new(&out, 0..out.len(), 0).value().unwrap();
    assert_eq!(value["items"], json!([]), "{out}");
}

#[test]
fn bare_documents_keep_their_markers() {
    let text = "# first\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}";
    assert_eq!(run(text, &[Change::Keep, Change::Keep], &[], &[]), text);
    let out = run(text, &[Change::Keep, Change::Remove], &[item("c")], &[]);
    assert_eq!(
        out,
        "# first\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: A\nmetadata:\n  name: c"
    );
}

#[test]
fn earlier_results_are_kept() {
    let text = format!("{HEAD}items: []\nresults:\n- message: earlier\n  severity: info\n");
    let out = run(&text, &[], &[], &[Finding::info("ours")]);
    let value = Piece::new(&out, 0..out.len(), 0).value().unwrap();
    assert_eq!(value["results"][0]["message"], "earlier");
    assert_eq!(value["results"][1]["message"], "ours");
}

#[test]
fn an_item_of_a_list_becomes_a_document_at_the_margin() {
    let text = "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: A\n    metadata: {name: a}\n    data:\n      x: |\n        y\n";
    let source = Source {
        name: "f".into(),
        text: text.into(),
    };
    let framed = frame(&source).unwrap();
    let out = document(&source, &framed, &framed.items[0], &Change::Keep);
    assert_eq!(
        out,
        "apiVersion: v1\nkind: A\nmetadata: {name: a}\ndata:\n  x: |\n    y\n"
    );
}

#[test]
fn blanks_at_the_end_of_a_text_are_kept_where_they_mean_something() {
    for (tail, kept) in [
        ("  x: |\n    y\n      ", true),
        ("  x: >+\n    y\n  ", false),
        ("  x: y\n   ", false),
        ("  x: |\n    y   ", true),
    ] {
        let text = format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\ndata:\n{tail}");
        let source = Source {
            name: "f".into(),
            text: text.clone(),
        };
        let framed = frame(&source).unwrap();
        let out = document(&source, &framed, &framed.items[0], &Change::Keep);
        assert_eq!(
            out,
            if kept {
                format!("{text}\n")
            } else {
                format!("{}\n", text.trim_end())
            },
            "{tail:?}"
        );
    }
}
