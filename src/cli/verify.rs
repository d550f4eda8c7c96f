//! `verify`: manifests in, judgements out.

use super::progress::Progress;
use super::{OrderArg, VerifyArgs, VerifyFormat, manifests, streams};
use crate::access::answer::Hop;
use crate::access::study;
use crate::error::Error;
use crate::krm::results::{self, Severity};
use crate::order::{Tool, windows};
use crate::verify;
use crate::verify::report::Report;

/// Judges.
pub(super) fn verify(args: &VerifyArgs) -> Result<(), Error> {
    let progress = Progress::begin("judging");
    let manifests = manifests::read(&args.paths, "verify")?;
    let study = study::of(&manifests.objects);
    let mut judgements = verify::judge(&study);
    let before = match &args.from {
        Some(from) => Some(manifests::read_any(std::slice::from_ref(from), "verify")?),
        None => None,
    };
    if let Some(before) = &before {
        let tools = tools(&args.order);
        judgements.extend(windows::find(&before.objects, &manifests.objects, &tools));
        judgements.sort();
    }
    drop(progress);
    streams::say_all(&manifests.findings);
    if let Some(before) = &before {
        streams::say_all(&before.findings);
        if results::has_errors(&before.findings) {
            return Err(Error::of(&before.findings));
        }
    }
    if manifests.objects.is_empty() {
        return Err(Error::of(&manifests.findings));
    }
    let places = |hop: &Hop| {
        let new = manifests.place(&hop.object, &hop.field);
        new.or_else(|| before.as_ref()?.place(&hop.object, &hop.field))
    };
    let report = Report {
        judgements: &judgements,
        access: &study.access,
        objects: manifests.objects.len(),
        places: &places,
    };
    streams::print(&match args.format {
        VerifyFormat::Text => report.text(),
        VerifyFormat::Json => format!("{:#}\n", report.json()),
        VerifyFormat::Sarif => format!("{:#}\n", report.sarif()),
    })?;
    let bad = judgements
        .iter()
        .filter(|judgement| match judgement.rule.severity() {
            Severity::Error => true,
            Severity::Warning => args.strict,
            Severity::Info => false,
        });
    match bad.count() {
        0 if results::has_errors(&manifests.findings) => Err(Error::of(&manifests.findings)),
        0 => Ok(()),
        count => Err(Error::Input(count)),
    }
}

fn tools(given: &[OrderArg]) -> Vec<Tool> {
    if given.is_empty() {
        return vec![Tool::Flux, Tool::ArgoCd];
    }
    let tool = |order: &OrderArg| match order {
        OrderArg::Flux => Tool::Flux,
        OrderArg::FluxLayout => Tool::FluxTwo,
        OrderArg::Argocd => Tool::ArgoCd,
    };
    given.iter().map(tool).collect()
}
