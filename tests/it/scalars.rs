//! Every string of `fixtures/yaml/scalars.tsv` is read back by kubectl as it was written: as a value, as a key, and in
//! both ways of quoting.
//!
//! The table's first column is the string as JSON. The second says where it cannot be used: `kubectl-only` and
//! `kubectl-only-key` concern readers other than this one, `value-only` strings are too long to be keys.

use std::process::Command;

use gatewright::krm::yaml::{Quoting, to_block, to_flow};
use serde_json::{Map, Value, json};

use crate::program::run;

struct Row {
    text: String,
    may_be_key: bool,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/yaml/scalars.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Row> = table
        .lines()
        .map(|line| {
            let (text, note) = line.split_once('\t').unwrap_or((line, ""));
            assert!(
                ["", "kubectl-only", "kubectl-only-key", "value-only"].contains(&note),
                "{note:?}: what does it mean?"
            );
            Row {
                text: serde_json::from_str(text).unwrap(),
                may_be_key: note != "value-only",
            }
        })
        .collect();
    assert!(rows.len() >= 700, "{} rows", rows.len());
    rows
}

/// An object of every string: as values of `data`, as items of a list, and as keys of a mapping that no API reads.
fn object() -> Value {
    let rows = rows();
    let name = |index: usize| format!("row-{index:04}");
    let data: Map<String, Value> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| (name(index), json!(row.text)))
        .collect();
    let list: Vec<Value> = rows.iter().map(|row| json!(row.text)).collect();
    let keys: Map<String, Value> = rows
        .iter()
        .filter(|row| row.may_be_key)
        .map(|row| (row.text.clone(), json!(row.text)))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "scalars" },
        "data": data,
        "list": list,
        "keys": keys,
    })
}

/// What kubectl makes of a text. It labels without a server, which changes nothing but the labels.
fn as_kubectl_reads(text: &str) -> Value {
    let mut kubectl = Command::new(crate::parts::find("kubectl").unwrap());
    kubectl.args(["label", "--local", "-o", "json", "-f", "-", "read=back"]);
    let answer = run(kubectl, text.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let mut value: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(value["metadata"]["labels"].take(), json!({ "read": "back" }));
    value
}

fn same(way: &str, written: &Value, read: &Value) {
    let mut wrong = Vec::new();
    for part in ["data", "keys"] {
        let (written, read) = (
            written[part].as_object().unwrap(),
            read[part].as_object().unwrap(),
        );
        for (key, value) in written {
            if read.get(key) != Some(value) {
                wrong.push(format!(
                    "{way}, {part}: {key:?}: {value} came back as {:?}",
                    read.get(key)
                ));
            }
        }
        assert!(
            read.len() == written.len() || !wrong.is_empty(),
            "{way}: {part} has other keys"
        );
    }
    for (written, read) in written["list"]
        .as_array()
        .unwrap()
        .iter()
        .zip(read["list"].as_array().unwrap())
    {
        if written != read {
            wrong.push(format!("{way}, list: {written} came back as {read}"));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn kubectl_reads_back_every_string() {
    if !crate::parts::needs("kubectl") {
        return;
    }
    let object = object();
    for (way, text) in [
        ("where needed", to_block(&object, Quoting::WhereNeeded)),
        ("always", to_block(&object, Quoting::Always)),
        // Behind a comment it is YAML, and not read as JSON.
        ("flow", format!("# flow\n{}\n", to_flow(&object))),
    ] {
        same(way, &object, &as_kubectl_reads(&text));
    }
}

#[test]
fn the_library_reads_back_every_string() {
    let object = object();
    for (way, text) in [
        ("where needed", to_block(&object, Quoting::WhereNeeded)),
        ("always", to_block(&object, Quoting::Always)),
        ("flow", to_flow(&object)),
    ] {
        let piece = gatewright::krm::yaml::Piece::new(&text, 0..text.len(), 0);
        same(way, &object, &piece.value().unwrap());
    }
}
