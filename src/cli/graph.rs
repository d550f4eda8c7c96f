//! `graph`: manifests in, a picture out.

use std::path::Path;

use super::progress::Progress;
use super::{GraphArgs, GraphCollapse, GraphFormat, files, manifests, streams};
use crate::access::answer::Hop;
use crate::access::study;
use crate::error::Error;
use crate::graph::picture::{Collapse, Picture, Wanted};
use crate::graph::subject::{self, Name};
use crate::graph::{dot, mermaid, page, svg};
use crate::krm::results::{self, Finding};
use crate::verify;

/// Draws.
pub(super) fn graph(args: &GraphArgs) -> Result<(), Error> {
    let format = format(args)?;
    let names = names(&args.subjects)?;
    let progress = Progress::begin("drawing");
    let manifests = manifests::read(&args.paths, "graph")?;
    let mut findings = manifests.findings.clone();
    if manifests.objects.is_empty() {
        drop(progress);
        streams::say_all(&findings);
        return Err(Error::of(&findings));
    }
    let study = study::of(&manifests.objects);
    let judgements = verify::judge(&study);
    let place = |hop: &Hop| manifests.line(&hop.object, &hop.field);
    let picture = |collapse: Collapse| {
        let wanted = Wanted {
            subjects: names.clone(),
            collapse,
        };
        Picture::of(&study.access, &judgements, &place, &wanted)
    };
    for name in subject::unknown(&study.access, &names) {
        findings.push(Finding::warning(format!(
            "nothing in the manifests names {name}: only what lets in everybody is drawn"
        )));
    }
    let shown = picture(match args.collapse {
        GraphCollapse::Auto => Collapse::Auto,
        GraphCollapse::Always => Collapse::Always,
        GraphCollapse::Never => Collapse::Never,
    });
    let text = match format {
        GraphFormat::Mermaid => mermaid::text(&shown),
        GraphFormat::Dot => dot::text(&shown),
        GraphFormat::Svg => svg::text(&shown),
        GraphFormat::Html => page::text(&picture(Collapse::Never), &shown),
    };
    drop(progress);
    results::sort(&mut findings);
    streams::say_all(&findings);
    match &args.output {
        Some(file) => files::write(file, &text)?,
        None => streams::print(&text)?,
    }
    if results::has_errors(&findings) {
        Err(Error::of(&findings))
    } else {
        Ok(())
    }
}

/// The format that is asked for, else the one that the file's ending says.
fn format(args: &GraphArgs) -> Result<GraphFormat, Error> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(file) = &args.output else {
        return Ok(GraphFormat::Mermaid);
    };
    let ending = file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    match ending {
        "mmd" | "mermaid" => Ok(GraphFormat::Mermaid),
        "dot" | "gv" => Ok(GraphFormat::Dot),
        "svg" => Ok(GraphFormat::Svg),
        "html" | "htm" => Ok(GraphFormat::Html),
        _ => Err(Error::Usage(format!(
            "{}: no format ends like that; write .mmd, .dot, .svg or .html, or give --format",
            files::display(Path::new(file))
        ))),
    }
}

fn names(texts: &[String]) -> Result<Vec<Name>, Error> {
    texts
        .iter()
        .map(|text| Name::parse(text).map_err(|message| Error::Usage(format!("--for {text}: {message}"))))
        .collect()
}
