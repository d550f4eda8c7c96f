//! `verify`: manifests in, judgements out.

use super::progress::Progress;
use super::{VerifyArgs, VerifyFormat, manifests, streams};
use crate::access::answer::Hop;
use crate::access::study;
use crate::error::Error;
use crate::krm::results::{self, Severity};
use crate::verify;
use crate::verify::report::Report;

/// Judges.
pub(super) fn verify(args: &VerifyArgs) -> Result<(), Error> {
    let progress = Progress::begin("judging");
    let manifests = manifests::read(&args.paths, "verify")?;
    let study = study::of(&manifests.objects);
    let judgements = verify::judge(&study);
    drop(progress);
    streams::say_all(&manifests.findings);
    if manifests.objects.is_empty() {
        return Err(Error::of(&manifests.findings));
    }
    let places = |hop: &Hop| manifests.place(&hop.object, &hop.field);
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
