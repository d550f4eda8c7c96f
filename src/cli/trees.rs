//! The manifests of one side of a comparison: files or a revision of git, rendered first where that is meant.

use std::path::{Path, PathBuf};

use super::{files, git, manifests, streams};
use crate::cluster::manifests::stays_behind;
use crate::cluster::object::Object;
use crate::error::Error;
use crate::input::platform;
use crate::krm::object_id::ObjectId;
use crate::krm::results::{self, FileRef, Finding, Severity};
use crate::krm::source::Source;
use crate::krm::stream::Item;
use crate::krm::write::{self, Change};
use crate::model::keys;
use crate::model::platform::Environment;
use crate::render::{self, Batch, Framed};

/// API groups whose documents are for tools that read a folder.
const TOOLS: [&str; 2] = ["kustomize.config.k8s.io", "kpt.dev"];
/// The document that says that a tree is to be rendered.
const PLATFORM: (&str, &str) = (platform::GROUP, platform::KIND);

/// Whether sources are rendered before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Always.
    Render,
    /// Never.
    AsWritten,
    /// Where there is a Platform.
    WhereAPlatformIs,
}

/// One side.
pub(super) struct Tree {
    /// Everything in it.
    pub(super) objects: Vec<Object>,
    /// How many kustomizations were passed by.
    pub(super) kustomizations: usize,
    /// The file of the Platform by which it was rendered.
    pub(super) rendered: Option<String>,
    /// For each source, its name and the line of each of its items.
    places: Vec<(String, Vec<usize>)>,
    /// Whether each object goes to a cluster.
    applied: Vec<bool>,
    /// Where the documents stand that objects were made for.
    sources: std::collections::BTreeMap<String, String>,
}

// === impl Tree ===

impl Tree {
    /// What goes to a cluster.
    pub(super) fn applied(&self) -> impl Iterator<Item = &Object> {
        let both = self.objects.iter().zip(&self.applied);
        both.filter(|(_, applied)| **applied).map(|(object, _)| object)
    }

    /// `file:line`; of what was just made, the place of what it was made for.
    pub(super) fn place(&self, object: &Object) -> String {
        if let Some((source, item)) = object.place
            && let Some((name, lines)) = self.places.get(source)
        {
            let line = lines.get(item).copied().unwrap_or(1);
            return format!("{name}:{line}");
        }
        let annotation = object.value.pointer("/metadata/annotations");
        let source = annotation
            .and_then(|all| all.get(keys::SOURCE))
            .and_then(|source| source.as_str());
        let place = source.and_then(|source| self.sources.get(source));
        place.map(|place| format!("made for {place}")).unwrap_or_default()
    }
}

/// Sources that were read, and what was found in doing so.
#[derive(Default)]
pub(super) struct Sources {
    framed: Vec<Framed>,
    findings: Vec<Finding>,
    kustomizations: usize,
}

// === impl Sources ===

impl Sources {
    fn add(&mut self, name: &str, bytes: Vec<u8>) {
        if manifests::kustomization(Path::new(name), "diff").is_some() {
            self.kustomizations += 1;
            return;
        }
        match files::source(name, bytes).and_then(render::frame) {
            Ok(framed) => self.framed.push(framed),
            Err(finding) => self.findings.push(finding),
        }
    }
}

/// Files and folders. The Platform that was named apart is not read a second time.
pub(super) fn from_files(paths: &[PathBuf], platform: Option<&Path>) -> Result<Sources, Error> {
    let mut sources = Sources::default();
    for path in paths {
        for file in files::manifests(path, None)? {
            if platform.is_some_and(|platform| files::contains(platform, &file)) {
                continue;
            }
            let name = files::display(&file);
            sources.add(&name, files::bytes(&file)?);
        }
    }
    Ok(sources)
}

/// A tree of git.
pub(super) fn from_git(tree: &str, paths: &[String], name: &str) -> Result<Sources, Error> {
    let mut sources = Sources::default();
    let revision = name.split(':').next().unwrap_or_default();
    for file in git::manifests(tree, paths)? {
        sources.add(&format!("{revision}:{}", file.path), file.bytes);
    }
    Ok(sources)
}

/// The objects of sources.
pub(super) fn read(
    sources: Sources,
    mode: Mode,
    platform: Option<&Path>,
    environment: &Environment,
) -> Result<Tree, Error> {
    let Sources {
        framed,
        mut findings,
        kustomizations,
    } = sources;
    let mut batch = Batch {
        framed,
        function_config: None,
    };
    if let Some(path) = platform {
        match files::read(path, &files::display(path))?.and_then(render::frame) {
            Ok(framed) => batch.function_config = Some(framed),
            Err(finding) => findings.push(finding),
        }
    }
    findings.extend(render::duplicates(&batch));
    let rendered = match mode {
        Mode::AsWritten => None,
        Mode::Render => Some(platform_of(&batch).unwrap_or_default()),
        Mode::WhereAPlatformIs => platform_of(&batch),
    };
    let outcome = rendered.is_some().then(|| render::generate(&batch, environment));
    if let Some(outcome) = &outcome {
        findings.extend(outcome.findings.iter().cloned());
    }
    let mut tree = Tree {
        objects: Vec::new(),
        kustomizations,
        rendered: rendered.filter(|name| !name.is_empty()),
        places: Vec::new(),
        applied: Vec::new(),
        sources: std::collections::BTreeMap::new(),
    };
    for (source, framed) in batch.framed.iter().enumerate() {
        let changes = outcome.as_ref().and_then(|outcome| outcome.changes.get(source));
        tree.take(source, framed, changes.map(Vec::as_slice), &mut findings);
    }
    for object in outcome.into_iter().flat_map(|outcome| outcome.added) {
        tree.applied.push(true);
        tree.objects.push(Object {
            id: object.id,
            value: object.value,
            place: None,
        });
    }
    findings.retain(|finding| finding.severity == Severity::Error);
    results::sort(&mut findings);
    if findings.is_empty() {
        Ok(tree)
    } else {
        streams::say_all(&findings);
        Err(Error::of(&findings))
    }
}

/// Where the Platform is.
fn platform_of(batch: &Batch) -> Option<String> {
    if let Some(framed) = &batch.function_config {
        return Some(framed.source.name.clone());
    }
    let is_platform = |item: &Item| (item.head.id.group.as_str(), item.head.id.kind.as_str()) == PLATFORM;
    let mut holding = batch
        .framed
        .iter()
        .filter(|framed| framed.stream.items.iter().any(is_platform));
    holding.next().map(|framed| framed.source.name.clone())
}

impl Tree {
    fn take(
        &mut self,
        source: usize,
        framed: &Framed,
        changes: Option<&[Change]>,
        findings: &mut Vec<Finding>,
    ) {
        let mut lines = Lines::default();
        let mut starts = Vec::new();
        for (index, item) in framed.stream.items.iter().enumerate() {
            let line = lines.of(&framed.source, item.range.start);
            starts.push(line);
            let change = changes
                .and_then(|changes| changes.get(index))
                .unwrap_or(&Change::Keep);
            let id = &item.head.id;
            if *change == Change::Remove || (stays_behind(item) && is_for_tools(id)) {
                continue;
            }
            self.sources
                .insert(id.reference(), format!("{}:{line}", framed.source.name));
            match value(framed, item, change) {
                Ok(value) => {
                    self.applied.push(!stays_behind(item));
                    self.objects.push(Object {
                        id: id_of(id, &value),
                        value,
                        place: Some((source, index)),
                    });
                }
                Err(finding) => findings.push(finding),
            }
        }
        self.places.push((framed.source.name.clone(), starts));
    }
}

/// Whether a document only tells a tool what to do with the others, so that it is nobody's object.
fn is_for_tools(id: &ObjectId) -> bool {
    TOOLS.contains(&id.group.as_str())
}

/// The id of what became of an object: a render may write a namespace into it.
fn id_of(id: &ObjectId, value: &serde_json::Value) -> ObjectId {
    let namespace = value
        .pointer("/metadata/namespace")
        .and_then(|namespace| namespace.as_str());
    ObjectId {
        namespace: namespace.unwrap_or(&id.namespace).to_owned(),
        ..id.clone()
    }
}

/// What an item says, with what becomes of it.
fn value(framed: &Framed, item: &Item, change: &Change) -> Result<serde_json::Value, Finding> {
    let read = |source: &Source, item: &Item| {
        item.piece(source)
            .value()
            .map_err(|error| render::syntax(source, &error))
    };
    match change {
        Change::Keep | Change::Remove => read(&framed.source, item),
        Change::Replace(value) => Ok(value.clone()),
        Change::Edit(_) => {
            let text = write::document(&framed.source, &framed.stream, item, change);
            let edited = files::source(&framed.source.name, text.into_bytes()).and_then(render::frame)?;
            let first = edited.stream.items.first().map(|item| read(&edited.source, item));
            first.unwrap_or_else(|| {
                let file = FileRef {
                    path: framed.source.name.clone(),
                    index: 0,
                    position: None,
                };
                Err(Finding::error("is empty once it is rendered").within(file))
            })
        }
    }
}

/// Lines of offsets that grow, counted once.
#[derive(Default)]
struct Lines {
    offset: usize,
    line: usize,
}

// === impl Lines ===

impl Lines {
    fn of(&mut self, source: &Source, offset: usize) -> usize {
        let between = source
            .text
            .as_bytes()
            .get(self.offset..offset)
            .unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count();
        self.offset = offset.max(self.offset);
        self.line + 1
    }
}
