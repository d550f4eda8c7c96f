//! `verify` on arbitrary bytes as manifests: reading, who reaches what, judgements, and their places.
//!
//! Never a panic. Twice the same. Where no two documents are about one object, their order makes no difference.
#![no_main]

use std::collections::BTreeSet;

use gatewright::access::study;
use gatewright::cluster::manifests::Manifests;
use gatewright::cluster::object::Object;
use gatewright::krm::source::{STDIN, Source};
use gatewright::krm::stream;
use gatewright::verify;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes(STDIN, bytes.to_vec()) else { return };
    let Ok(stream) = stream::frame(&source) else { return };
    let manifests = Manifests::read(vec![(source, stream)]);
    let first = study::of(&manifests.objects);
    let judgements = verify::judge(&first);
    for judgement in &judgements {
        for hop in judgement.way.iter().chain([&judgement.at]) {
            let line = manifests.line(&hop.object, &hop.field);
            let place = manifests.place(&hop.object, &hop.field);
            assert_eq!(line.is_some(), place.is_some(), "{hop:?}: only one of two ways finds its place");
        }
        assert!(!judgement.message.is_empty(), "{judgement:?} says nothing");
    }
    let again = study::of(&manifests.objects);
    assert_eq!(first.access, again.access, "not the same twice");
    assert_eq!(judgements, verify::judge(&again), "not judged the same twice");
    let ids: BTreeSet<_> = manifests.objects.iter().map(|object| object.id.key()).collect();
    if ids.len() < manifests.objects.len() {
        return;
    }
    let backwards: Vec<&Object> = manifests.objects.iter().rev().collect();
    let other = study::of(backwards);
    assert_eq!(first.access, other.access, "the order of documents makes a difference");
    assert_eq!(judgements, verify::judge(&other), "judged by the order of documents");
});
