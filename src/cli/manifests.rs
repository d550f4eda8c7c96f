//! Manifests from files, folders and standard input, for the commands that judge them.

use std::path::{Path, PathBuf};

use super::{files, streams};
use crate::cluster::manifests::Manifests;
use crate::error::Error;
use crate::krm::results::{FileRef, Finding};
use crate::krm::source::STDIN;
use crate::render;

/// What stands for standard input.
const DASH: &str = "-";
/// Names of kustomizations, which often name no kind.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether a file is a kustomization, and the note that says that it is passed over.
pub(super) fn kustomization(path: &Path, by: &str) -> Option<Finding> {
    let name = path.file_name().and_then(|name| name.to_str())?;
    KUSTOMIZATIONS.contains(&name).then(|| {
        Finding::info(format!(
            "skipped: a kustomization is read by kustomize, not by {by}"
        ))
        .within(FileRef {
            path: files::display(path),
            index: 0,
            position: None,
        })
    })
}

/// Reads the objects in files, folders and standard input. What cannot be read is among the findings, as an error.
///
/// # Errors
/// A path that is not there.
pub(super) fn read(paths: &[PathBuf], by: &str) -> Result<Manifests, Error> {
    let mut manifests = read_any(paths, by)?;
    if manifests.objects.is_empty() {
        let message = "there is nothing to judge: no Kubernetes objects in the paths given";
        manifests.findings.push(Finding::error(message));
    }
    Ok(manifests)
}

/// The same where nothing at all is fine: what was there before a first apply.
///
/// # Errors
/// A path that is not there.
pub(super) fn read_any(paths: &[PathBuf], by: &str) -> Result<Manifests, Error> {
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let mut take =
        |source: Result<_, Finding>, findings: &mut Vec<Finding>| match source.and_then(render::frame) {
            Ok(framed) => sources.push((framed.source, framed.stream)),
            Err(finding) => findings.push(finding),
        };
    let mut seen = std::collections::BTreeSet::new();
    for path in paths {
        if path.as_os_str() == DASH {
            take(files::source(STDIN, streams::read_stdin()?), &mut findings);
            continue;
        }
        for file in files::manifests(path, None)? {
            // The same file may be named twice, once by its folder.
            if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                continue;
            }
            if let Some(note) = kustomization(&file, by) {
                findings.push(note);
                continue;
            }
            take(files::read(&file, &files::display(&file))?, &mut findings);
        }
    }
    let mut manifests = Manifests::read(sources);
    manifests.findings.append(&mut findings);
    Ok(manifests)
}
