//! `fn`: the KRM function, in all three protocols.

use std::path::Path;

use super::progress::Progress;
use super::{files, streams};
use crate::error::Error;
use crate::krm::annotations;
use crate::krm::results::{self, FileRef, Finding};
use crate::krm::source::STDIN;
use crate::krm::write;
use crate::model::platform::Environment;
use crate::render::{self, Batch, Framed};

/// A KRM function: a ResourceList or bare documents from standard input.
pub(super) fn function(environment: &Environment) -> Result<(), Error> {
    serve(None, environment)
}

/// kustomize's legacy exec plugin: the Platform in a file, bare documents from standard input.
pub(super) fn legacy_plugin(config: &Path, environment: &Environment) -> Result<(), Error> {
    let name = config.display().to_string();
    let source = files::read(config, &name)?;
    match source.and_then(render::frame) {
        Ok(framed) => serve(Some(framed), environment),
        Err(finding) => fail(&[finding]),
    }
}

fn serve(function_config: Option<Framed>, environment: &Environment) -> Result<(), Error> {
    let progress = Progress::begin("reading standard input");
    let bytes = streams::read_stdin()?;
    let framed = match files::source(STDIN, bytes).and_then(render::frame) {
        Ok(framed) => framed,
        Err(finding) => return fail(&[finding]),
    };
    if let Some(finding) = nothing_to_do(&framed, function_config.is_some()) {
        return fail(&[finding]);
    }
    let batch = Batch { framed: vec![framed], function_config };
    let outcome = render::generate(&batch, environment);
    drop(progress);
    streams::say_all(&outcome.findings);
    let failed = results::has_errors(&outcome.findings);
    let (Some(framed), Some(changes)) = (batch.framed.first(), outcome.changes.first()) else { return Ok(()) };
    let wrapped = framed.stream.resource_list.is_some();
    // An orchestrator reads a ResourceList before it looks at the exit status; other output is piped into kubectl.
    if wrapped || !failed {
        let with_paths = wrapped && framed.source.text.contains(annotations::LEGACY_PATH);
        let added: Vec<_> = outcome.added.iter().map(|object| render::path::placed(object, with_paths)).collect();
        let findings = if wrapped { outcome.findings.as_slice() } else { &[] };
        streams::print(&write::stream(&framed.source, &framed.stream, changes, &added, findings))?;
    }
    if failed { Err(Error::of(&outcome.findings)) } else { Ok(()) }
}

/// Output that is empty deletes everything in some orchestrators: input in which there is nothing is an error.
fn nothing_to_do(framed: &Framed, legacy: bool) -> Option<Finding> {
    let transformers = "list the Platform under `transformers:`, where it sees the resources";
    if let Some(list) = &framed.stream.resource_list {
        let only = match framed.stream.items.as_slice() {
            [only] => only,
            _ => return None,
        };
        let config = list.function_config.as_ref()?;
        let generator = only.head.id == config.head.id
            && only.head.is_local_config()
            && !framed.source.slice(&only.range).contains(annotations::LEGACY_PATH);
        return generator.then(|| Finding::error(format!("called as a generator, which sees no resources; {transformers}")));
    }
    if framed.source.text.trim().is_empty() {
        let message = if legacy {
            format!("no resources on standard input; {transformers}")
        } else {
            "nothing on standard input; pipe a ResourceList or YAML documents into it, or use `gatewright render PATH`".to_owned()
        };
        let file = FileRef { path: STDIN.to_owned(), index: 0, position: None };
        return Some(Finding::error(message).within(file));
    }
    None
}

fn fail(findings: &[Finding]) -> Result<(), Error> {
    streams::say_all(findings);
    Err(Error::of(findings))
}
