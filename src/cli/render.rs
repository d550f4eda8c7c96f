//! `render`: files in, one stream or one file an object out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::progress::Progress;
use super::{LayoutKind, RenderArgs, files, manifests, streams};
use crate::error::Error;
use crate::krm::results::{self, Finding};
use crate::model::digest::sha256;
use crate::model::platform::Environment;
use crate::render::layout::{self, Flux};
use crate::render::rendered::{self, Document};
use crate::render::{self, Batch, Framed};

/// Lists the files that a render wrote into a folder, with their hashes. No ending that a tool would take for a manifest.
const INDEX: &str = ".gatewright-index";
/// Renders.
pub(super) fn render(args: &RenderArgs, environment: &Environment) -> Result<(), Error> {
    check_paths(args)?;
    let flux = flux(args)?;
    let progress = Progress::begin("rendering");
    let mut findings = Vec::new();
    let batch = read(args, &mut findings)?;
    let outcome = render::generate(&batch, environment);
    findings.extend(render::duplicates(&batch));
    findings.extend(outcome.findings.iter().cloned());
    let documents = rendered::documents(&batch, &outcome);
    if documents.is_empty() && !results::has_errors(&findings) {
        findings.push(Finding::error(
            "there is nothing to render: no Kubernetes objects in the paths given",
        ));
    }
    results::sort(&mut findings);
    drop(progress);
    streams::say_all(&findings);
    if results::has_errors(&findings) {
        return Err(Error::of(&findings));
    }
    match &args.output {
        Some(folder) => {
            named(&documents)?;
            let wanted = match &flux {
                Some(flux) => layout::flux(&documents, flux),
                None => layout::flat(&documents),
            };
            Folder::open(folder, wanted)?.bring_up_to_date(args.check)
        }
        None if args.check => check_in_place(&batch, &outcome),
        None => streams::print(&rendered::stream(&documents)),
    }
}

fn check_paths(args: &RenderArgs) -> Result<(), Error> {
    let Some(output) = &args.output else { return Ok(()) };
    for path in &args.paths {
        if files::contains(output, path) {
            let message = format!(
                "-o {} holds the input {}; name another folder (inside the input is fine)",
                files::display(output),
                files::display(path)
            );
            return Err(Error::Usage(message));
        }
    }
    Ok(())
}

/// How Flux finds what is written, if it is written for Flux.
fn flux(args: &RenderArgs) -> Result<Option<Flux>, Error> {
    let (Some(LayoutKind::Flux), Some(output)) = (args.layout, &args.output) else {
        return Ok(None);
    };
    let folder = args.flux_path.as_ref().unwrap_or(output);
    let mut parts = Vec::new();
    for part in folder.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) | Component::RootDir => {
                let message = format!(
                    "{} does not say where the folder is in the repository; say so with --flux-path",
                    files::display(folder)
                );
                return Err(Error::Usage(message));
            }
        }
    }
    Ok(Some(Flux {
        name: args.flux_name.clone(),
        namespace: args.flux_namespace.clone(),
        source: args.flux_source.clone(),
        path: parts.join("/"),
    }))
}

fn read(args: &RenderArgs, findings: &mut Vec<Finding>) -> Result<Batch, Error> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in &args.paths {
        paths.extend(files::manifests(path, args.output.as_deref())?);
    }
    // The same file may be named twice, once by its folder.
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    let platform = args.platform.as_deref();
    let mut batch = Batch::default();
    for path in paths {
        let name = files::display(&path);
        if let Some(note) = manifests::kustomization(&path, "render") {
            findings.push(note);
            continue;
        }
        if platform.is_some_and(|platform| files::contains(platform, &path)) {
            continue;
        }
        match files::read(&path, &name)?.and_then(render::frame) {
            Ok(framed) => batch.framed.push(framed),
            Err(finding) => findings.push(finding),
        }
    }
    batch.function_config = match platform {
        Some(path) => match files::read(path, &files::display(path))?.and_then(render::frame) {
            Ok(framed) => Some(one_document(framed, findings)),
            Err(finding) => {
                findings.push(finding);
                None
            }
        },
        None => None,
    };
    Ok(batch)
}

fn one_document(framed: Framed, findings: &mut Vec<Finding>) -> Framed {
    if framed.stream.items.len() != 1 {
        let message = "must hold one document, the Platform";
        let file = results::FileRef {
            path: framed.source.name.clone(),
            index: 0,
            position: None,
        };
        findings.push(Finding::error(message).within(file));
    }
    framed
}

/// Whether the input is its own rendering.
fn check_in_place(batch: &Batch, outcome: &render::Outcome) -> Result<(), Error> {
    let mut differ = 0;
    for line in rendered::differences(batch, outcome) {
        streams::say(&line);
        differ += 1;
    }
    if differ > 0 {
        Err(Error::Differs(differ))
    } else {
        Ok(())
    }
}

/// An object without a name has no file.
fn named(documents: &[Document]) -> Result<(), Error> {
    let Some(document) = documents.iter().find(|document| document.id.name.is_empty()) else {
        return Ok(());
    };
    let message = format!(
        "{}: an object without metadata.name has no file of its own",
        document.id.kind
    );
    Err(Error::Usage(message))
}

/// A folder of rendered files.
struct Folder<'a> {
    root: &'a Path,
    /// By path in the folder.
    wanted: BTreeMap<String, Cow<'a, str>>,
    /// What the last render wrote: path and hash.
    written: BTreeMap<String, String>,
    /// What is there: path and text.
    there: BTreeMap<String, String>,
}

// === impl Folder ===

impl<'a> Folder<'a> {
    fn open(root: &'a Path, wanted: BTreeMap<String, Cow<'a, str>>) -> Result<Self, Error> {
        let index = files::read_if_there(&root.join(INDEX))?.unwrap_or_default();
        let line = |line: &str| {
            line.split_once("  ")
                .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        };
        let written: BTreeMap<String, String> = index
            .lines()
            .filter_map(line)
            .filter(|(path, _)| is_inside(path))
            .collect();
        let mut there = BTreeMap::new();
        if root.is_dir() {
            for path in files::manifests(root, None)? {
                let name = files::display(path.strip_prefix(root).unwrap_or(&path));
                if let Some(text) = files::read_if_there(&path)? {
                    there.insert(name, text);
                }
            }
        }
        Ok(Self {
            root,
            wanted,
            written,
            there,
        })
    }

    fn bring_up_to_date(&self, check: bool) -> Result<(), Error> {
        let changed: Vec<(&String, &str)> = self
            .wanted
            .iter()
            .filter(|(path, text)| self.there.get(*path).map(String::as_str) != Some(text.as_ref()))
            .map(|(path, text)| (path, text.as_ref()))
            .collect();
        let extra: Vec<&String> = self
            .there
            .keys()
            .filter(|path| !self.wanted.contains_key(*path))
            .collect();
        if check {
            return self.report(&changed, &extra);
        }
        let foreign: Vec<&String> = changed
            .iter()
            .map(|(path, _)| *path)
            .filter(|path| self.there.contains_key(*path) && !self.written.contains_key(*path))
            .collect();
        for path in &foreign {
            streams::say(&format!(
                "error: {}: was not written by render and would be overwritten; move it away",
                self.show(path)
            ));
        }
        if !foreign.is_empty() {
            return Err(Error::Input(foreign.len()));
        }
        for (path, text) in changed {
            let by_hand = self
                .there
                .get(path)
                .is_some_and(|text| self.written.get(path) != Some(&sha256(text)));
            if by_hand {
                streams::say(&format!(
                    "warning: {}: was changed by hand and is written again; change its source instead",
                    self.show(path)
                ));
            }
            files::write(&self.root.join(path), text)?;
        }
        for path in extra {
            if let Some(hash) = self.written.get(path) {
                if self.there.get(path).map(|text| sha256(text)).as_ref() != Some(hash) {
                    let file = self.show(path);
                    streams::say(&format!(
                        "warning: {file}: was changed by hand and is removed: nothing calls for it any more"
                    ));
                }
                files::remove(&self.root.join(path), self.root)?;
            } else {
                streams::say(&format!(
                    "warning: {}: is not of this render and stays; whoever applies the folder applies it too",
                    self.show(path)
                ));
            }
        }
        let index: String = self
            .wanted
            .iter()
            .map(|(path, text)| format!("{}  {path}\n", sha256(text)))
            .collect();
        files::write(&self.root.join(INDEX), &index)
    }

    fn report(&self, changed: &[(&String, &str)], extra: &[&String]) -> Result<(), Error> {
        for (path, _) in changed {
            let what = if self.there.contains_key(*path) {
                "changed"
            } else {
                "missing"
            };
            streams::say(&format!("{what}: {}", self.show(path)));
        }
        for path in extra {
            streams::say(&format!("extra: {}", self.show(path)));
        }
        let differ = changed.len() + extra.len();
        if differ > 0 {
            Err(Error::Differs(differ))
        } else {
            Ok(())
        }
    }

    fn show(&self, path: &str) -> String {
        files::display(&self.root.join(path))
    }
}

/// An index is a file anybody may have written: it names nothing outside its folder.
fn is_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}
