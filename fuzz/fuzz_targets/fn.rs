//! The generator on arbitrary bytes, with a Platform.
//!
//! Never a panic. Without an error the output is not empty, frames, and generating from it again changes nothing.
#![no_main]

use gatewright::krm::annotations;
use gatewright::krm::results::has_errors;
use gatewright::krm::source::{STDIN, Source};
use gatewright::krm::write::{self, Change};
use gatewright::model::platform::Environment;
use gatewright::render::{self, Batch, Framed, Outcome, rendered};
use libfuzzer_sys::fuzz_target;

const PLATFORM: &str = "\
apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata: {name: platform}
spec: {flavor: OpenShift, defaultNamespace: somewhere, allowTags: true}
";

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes(STDIN, bytes.to_vec()) else { return };
    let Ok(framed) = render::frame(source) else { return };
    if framed.source.text.trim().is_empty() {
        return;
    }
    // An input that brings its own functionConfig is tried with that.
    let own = framed.stream.resource_list.as_ref().is_some_and(|list| list.function_config.is_some());
    let (batch, outcome) = generate(framed, !own);
    let _ = rendered::stream(&rendered::documents(&batch, &outcome));
    let _ = render::duplicates(&batch);
    if has_errors(&outcome.findings) {
        assert!(outcome.added.is_empty(), "objects beside an error");
        return;
    }
    let text = written(&batch, &outcome);
    assert!(!text.trim().is_empty(), "empty output without an error");
    let source = Source { name: STDIN.to_owned(), text };
    let framed = match render::frame(source.clone()) {
        Ok(framed) => framed,
        Err(finding) => panic!("the output does not frame: {}\n{}", finding.to_line(), source.text),
    };
    let (again, second) = generate(framed, !own);
    let errors: Vec<String> = second.findings.iter().map(gatewright::krm::results::Finding::to_line).collect();
    assert!(!has_errors(&second.findings), "errors in our own output: {errors:#?}\n{}", source.text);
    assert!(second.added.is_empty(), "added again: {:?}\n{}", second.added, source.text);
    for change in second.changes.iter().flatten() {
        assert_eq!(*change, Change::Keep, "changed again\n{}", source.text);
    }
    drop(again);
});

fn generate(framed: Framed, with_platform: bool) -> (Batch, Outcome) {
    let function_config = with_platform.then(|| {
        let source = Source { name: "platform.yaml".to_owned(), text: PLATFORM.to_owned() };
        render::frame(source).expect("the Platform frames")
    });
    let batch = Batch { framed: vec![framed], function_config };
    let outcome = render::generate(&batch, &Environment { sidecar_image: None });
    (batch, outcome)
}

fn written(batch: &Batch, outcome: &Outcome) -> String {
    let framed = &batch.framed[0];
    let wrapped = framed.stream.resource_list.is_some();
    let with_paths = wrapped && framed.source.text.contains(annotations::LEGACY_PATH);
    let added: Vec<_> = outcome.added.iter().map(|object| render::path::placed(object, with_paths)).collect();
    let findings = if wrapped { outcome.findings.as_slice() } else { &[] };
    write::stream(&framed.source, &framed.stream, &outcome.changes[0], &added, findings)
}
