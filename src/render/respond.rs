//! A KRM function's answer: the same frames that came in, with the changes and findings in them.

use super::{Batch, Framed, generate, path};
use crate::krm::annotations;
use crate::krm::results::{self, FileRef, Finding};
use crate::krm::write;
use crate::model::platform::Environment;

/// What a function says.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// What goes to standard output; `None` for nothing at all.
    pub output: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

// === impl Response ===

impl Response {
    /// Whether the run failed.
    pub fn failed(&self) -> bool {
        results::has_errors(&self.findings)
    }
}

/// Answers one input. With an error a ResourceList comes back as it was, findings added, because an orchestrator reads it
/// before it looks at the exit status; any other input gives no output, because that is piped into kubectl.
pub fn respond(framed: Framed, function_config: Option<Framed>, environment: &Environment) -> Response {
    if let Some(finding) = nothing_to_do(&framed, function_config.is_some()) {
        return Response {
            output: None,
            findings: vec![finding],
        };
    }
    let batch = Batch {
        framed: vec![framed],
        function_config,
    };
    let mut outcome = generate(&batch, environment);
    let failed = results::has_errors(&outcome.findings);
    let framed = &batch.framed[0];
    let wrapped = framed.stream.resource_list.is_some();
    let output = (wrapped || !failed).then(|| {
        let with_paths = wrapped && framed.source.text.contains(annotations::LEGACY_PATH);
        let added: Vec<_> = std::mem::take(&mut outcome.added)
            .into_iter()
            .map(|object| path::placed(object, with_paths))
            .collect();
        let findings = if wrapped { outcome.findings.as_slice() } else { &[] };
        write::stream(
            &framed.source,
            &framed.stream,
            &outcome.changes[0],
            &added,
            findings,
        )
    });
    Response {
        output,
        findings: outcome.findings,
    }
}

/// Output that is empty deletes everything in some orchestrators: input in which there is nothing is an error.
fn nothing_to_do(framed: &Framed, legacy: bool) -> Option<Finding> {
    let transformers = "list the Platform under `transformers:`, where it sees the resources";
    if let Some(list) = &framed.stream.resource_list {
        let [only] = framed.stream.items.as_slice() else {
            return None;
        };
        let config = list.function_config.as_ref()?;
        let generator = only.head.id == config.head.id
            && only.head.is_local_config()
            && !framed
                .source
                .slice(&only.range)
                .contains(annotations::LEGACY_PATH);
        return generator.then(|| {
            Finding::error(format!(
                "called as a generator, which sees no resources; {transformers}"
            ))
        });
    }
    if framed.source.text.trim().is_empty() {
        let message = if legacy {
            format!("no resources on standard input; {transformers}")
        } else {
            "nothing on standard input; pipe a ResourceList or YAML documents into it, or use `gatewright render PATH`".to_owned()
        };
        let file = FileRef {
            path: framed.source.name.clone(),
            index: 0,
            position: None,
        };
        return Some(Finding::error(message).within(file));
    }
    None
}
