//! The generator on arbitrary bytes, with a Platform.
//!
//! Never a panic. Without an error the output is not empty, frames, and generating from it again changes nothing.
#![no_main]

use gatewright::krm::results::Finding;
use gatewright::krm::source::{STDIN, Source};
use gatewright::model::platform::Environment;
use gatewright::render::respond::{Response, respond};
use gatewright::render::{self, Batch, Framed, rendered};
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
    as_files(&framed);
    // An input that brings its own functionConfig is tried with that.
    let own = framed.stream.resource_list.as_ref().is_some_and(|list| list.function_config.is_some());
    let first = answer(framed, own);
    if first.failed() {
        return;
    }
    let text = first.output.expect("success has an output");
    assert!(!text.trim().is_empty(), "empty output without an error");
    let again = match render::frame(Source { name: STDIN.to_owned(), text: text.clone() }) {
        Ok(framed) => framed,
        Err(finding) => panic!("the output does not frame: {}\n{text}", finding.to_line()),
    };
    let items = again.stream.items.len();
    let second = answer(again, own);
    let lines: Vec<String> = second.findings.iter().map(Finding::to_line).collect();
    assert!(!second.failed(), "errors in our own output: {lines:#?}\n{text}");
    let output = second.output.expect("success has an output");
    if text.contains("results") {
        // Findings are added to those of the run before: look at the items alone.
        let third = render::frame(Source { name: STDIN.to_owned(), text: output }).expect("the output frames");
        assert_eq!(third.stream.items.len(), items, "other items the second time\n{text}");
    } else {
        assert_eq!(output, text, "changed the second time");
    }
});

fn platform() -> Framed {
    let source = Source { name: "platform.yaml".to_owned(), text: PLATFORM.to_owned() };
    render::frame(source).expect("the Platform frames")
}

fn answer(framed: Framed, own: bool) -> Response {
    respond(framed, (!own).then(platform), &Environment::default())
}

/// What `render` does with the same input.
fn as_files(framed: &Framed) {
    let batch = Batch { framed: vec![framed.clone()], function_config: Some(platform()) };
    let outcome = render::generate(&batch, &Environment::default());
    let _ = render::duplicates(&batch);
    let _ = rendered::differences(&batch, &outcome);
    let _ = rendered::stream(&rendered::documents(&batch, &outcome));
}
