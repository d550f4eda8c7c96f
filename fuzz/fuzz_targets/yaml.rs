//! The wire on arbitrary bytes: framing, heads, values, nodes, and the way back.
//!
//! Never a panic. What frames is written back, without changes, as the same bytes. Where the library reads a document,
//! the head read without it names the same object, and the value written as a block reads back as the same value.
#![no_main]

use gatewright::krm::source::{STDIN, Source};
use gatewright::krm::stream::{self, Item};
use gatewright::krm::write::{self, Change};
use gatewright::krm::yaml::{Piece, Quoting, to_block};
use gatewright::krm::head;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes(STDIN, bytes.to_vec()) else { return };
    let stream = match stream::frame(&source) {
        Ok(stream) => stream,
        Err(error) => {
            let _ = source.position(error.offset);
            return;
        }
    };
    let keep = vec![Change::Keep; stream.items.len()];
    assert_eq!(write::stream(&source, &stream, &keep, &[], &[]), source.text, "written back without changes");
    let config = stream.resource_list.as_ref().and_then(|list| list.function_config.as_ref());
    for item in stream.items.iter().chain(config) {
        check(&source, item);
    }
    // A block scalar that ends in a line of blanks without a break: as a document it gets the break, which is a difference.
    let last_line = source.text.rsplit('\n').next().unwrap_or_default();
    if !last_line.is_empty() && last_line.trim().is_empty() {
        return;
    }
    for item in &stream.items {
        let alone = write::document(&source, &stream, item, &Change::Keep);
        let (Ok(here), Ok(there)) = (item.piece(&source).value(), Piece::new(&alone, 0..alone.len(), 0).value()) else {
            continue;
        };
        assert_eq!(here, there, "an item as a document of its own:\n{alone}");
    }
});

fn check(source: &Source, item: &Item) {
    let piece = item.piece(source);
    let _ = item.file(source, None);
    let tree = piece.tree();
    if let Ok(tree) = &tree {
        tree.walk(&mut |path, node| {
            assert!(item.range.start <= node.range.start && node.range.end <= item.range.end.max(item.range.start), "{path}: outside its item");
            assert!(source.text.get(node.range.clone()).is_some(), "{path}: cuts a character");
        });
    }
    let Ok(value) = piece.value() else { return };
    assert!(tree.is_ok(), "the library reads what the parser under it refuses: {tree:?}");
    let read = head::from_value(&value).id;
    let metadata = &value["metadata"];
    let all = [
        (&value["kind"], &item.head.id.kind, &read.kind),
        (&metadata["name"], &item.head.id.name, &read.name),
        (&metadata["namespace"], &item.head.id.namespace, &read.namespace),
    ];
    for (value, found, read) in all {
        // A name that is no string is refused by every API server.
        if value.is_string() || value.is_null() {
            assert_eq!(found, read, "the head and the library disagree");
        }
    }
    if value["apiVersion"].is_string() || value["apiVersion"].is_null() {
        assert_eq!(item.head.id.api_version(), read.api_version(), "the head and the library disagree");
    }
    for quoting in [Quoting::WhereNeeded, Quoting::Always] {
        let text = to_block(&value, quoting);
        match Piece::new(&text, 0..text.len(), 0).value() {
            Ok(again) => assert_eq!(again, value, "written and read again:\n{text}"),
            Err(error) => panic!("what was written cannot be read: {error}\n{text}"),
        }
    }
}
