//! `fn`: the KRM function, in all three protocols.

use std::path::Path;

use super::progress::Progress;
use super::{files, streams};
use crate::error::Error;
use crate::krm::results::Finding;
use crate::krm::source::STDIN;
use crate::model::platform::Environment;
use crate::render::platform::FUNCTION_CONFIG;
use crate::render::respond::respond;
use crate::render::{self, Framed};

/// A KRM function: a ResourceList or bare documents from standard input.
pub(super) fn function(environment: &Environment) -> Result<(), Error> {
    serve(None, environment)
}

/// kustomize's legacy exec plugin: the Platform in a file, bare documents from standard input.
pub(super) fn legacy_plugin(config: &Path, environment: &Environment) -> Result<(), Error> {
    let source = files::read(config, FUNCTION_CONFIG)?;
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
    let response = respond(framed, function_config, environment);
    drop(progress);
    streams::say_all(&response.findings);
    if let Some(output) = &response.output {
        streams::print(output)?;
    }
    if response.failed() {
        Err(Error::of(&response.findings))
    } else {
        Ok(())
    }
}

fn fail(findings: &[Finding]) -> Result<(), Error> {
    streams::say_all(findings);
    Err(Error::of(findings))
}
