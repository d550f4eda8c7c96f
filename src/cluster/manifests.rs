//! Framed sources as objects, and back from an object's field to its place in a file.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::object::Object;
use crate::input::platform::{GROUP, KIND};
use crate::krm::annotations;
use crate::krm::object_id::ObjectId;
use crate::krm::results::{FileRef, Finding};
use crate::krm::source::Source;
use crate::krm::stream::{Item, Stream};
use crate::krm::tree::Node;

/// API groups whose documents are for the tools that read a folder, not for a cluster.
const TOOLS: [&str; 2] = ["kustomize.config.k8s.io", "kpt.dev"];

/// API groups of what decides about access: an object of theirs that is passed over is worth a word.
const COUNTS: [&str; 6] = [
    "",
    "apps",
    "gateway.networking.k8s.io",
    "kubeflow.org",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
];

/// Manifests: their text, and the objects in it.
#[derive(Debug, Default)]
pub struct Manifests {
    sources: Vec<(Source, Stream)>,
    /// The objects that a cluster would get, in the order of the sources.
    pub objects: Vec<Object>,
    /// What is wrong with them as documents.
    pub findings: Vec<Finding>,
    places: BTreeMap<(String, String, String, String), (usize, usize)>,
    trees: RefCell<BTreeMap<(usize, usize), Option<Node>>>,
    /// Where each source's lines begin, for those that were asked about.
    lines: RefCell<BTreeMap<usize, Vec<usize>>>,
}

/// Documents for tools, which no cluster gets: Platform, kustomizations, whatever is marked as local configuration.
pub fn stays_behind(item: &Item) -> bool {
    let id = &item.head.id;
    item.head.is_local_config()
        || (id.group == GROUP && id.kind == KIND)
        || TOOLS.contains(&id.group.as_str())
}

// === impl Manifests ===

impl Manifests {
    /// Reads the objects of framed sources. What cannot be read is an error among the findings: it is never passed over.
    pub fn read(sources: Vec<(Source, Stream)>) -> Self {
        let mut manifests = Self::default();
        for (at, (source, stream)) in sources.iter().enumerate() {
            for (index, item) in stream.items.iter().enumerate() {
                if stays_behind(item) {
                    if COUNTS.contains(&item.head.id.group.as_str()) {
                        let message = "is marked as local configuration: kustomize and kpt leave it out, kubectl applies it; \
                                       here it does not count";
                        let finding = Finding::warning(message)
                            .about(&item.head.id)
                            .within(item.file(source, None));
                        manifests.findings.push(finding);
                    }
                    continue;
                }
                match item.piece(source).value() {
                    Ok(value) => {
                        let mut id = item.head.id.clone();
                        if id.name.is_empty()
                            && let Some(prefix) =
                                value.pointer("/metadata/generateName").and_then(Value::as_str)
                        {
                            // Each of them becomes an object of its own.
                            id.name = format!("{prefix}<{}.{}>", at + 1, index + 1);
                        }
                        let key = owned(&id);
                        if manifests.places.insert(key, (at, index)).is_some() {
                            let message = "stands in the manifests more than once; the last one counts here";
                            let finding = Finding::warning(message)
                                .about(&id)
                                .within(item.file(source, None));
                            manifests.findings.push(finding);
                        }
                        manifests.objects.push(Object {
                            id,
                            value,
                            place: Some((at, index)),
                        });
                    }
                    Err(error) => {
                        let file = item.file(source, Some(error.offset));
                        manifests
                            .findings
                            .push(Finding::error(error.message).within(file));
                    }
                }
            }
        }
        manifests.sources = sources;
        manifests
    }

    /// File and line of an object, and of a field of it. As [`Manifests::place`], and fast enough to be asked of everything.
    pub fn line(&self, id: &ObjectId, field: &str) -> Option<(String, usize)> {
        let at = *self.places.get(&owned(id))?;
        let (source, stream) = self.sources.get(at.0)?;
        let item = stream.items.get(at.1)?;
        let text = source.slice(&item.range);
        if memchr::memmem::find(text.as_bytes(), annotations::LEGACY_PATH.as_bytes()).is_some() {
            let file = self.place(id, field)?;
            return Some((file.path, file.position.map_or(1, |position| position.line)));
        }
        let offset = if field.is_empty() {
            item.range.start
        } else {
            self.offset(at, field)?
        };
        let mut lines = self.lines.borrow_mut();
        let starts = lines.entry(at.0).or_insert_with(|| {
            let ends = memchr::memchr_iter(b'\n', source.text.as_bytes());
            std::iter::once(0).chain(ends.map(|end| end + 1)).collect()
        });
        Some((
            source.name.clone(),
            starts.partition_point(|start| *start <= offset),
        ))
    }

    /// Where a field of an item begins.
    fn offset(&self, at: (usize, usize), field: &str) -> Option<usize> {
        let (source, stream) = self.sources.get(at.0)?;
        let item = stream.items.get(at.1)?;
        let mut trees = self.trees.borrow_mut();
        let tree = trees.entry(at).or_insert_with(|| item.piece(source).tree().ok());
        let offset = tree.as_ref().map_or(0, |tree| tree.nearest(field).range.start);
        Some(offset.max(item.range.start))
    }

    /// Where an object, and a field of it, stands. The field's nearest parent that is written counts.
    pub fn place(&self, id: &ObjectId, field: &str) -> Option<FileRef> {
        let at = *self.places.get(&owned(id))?;
        let (source, stream) = self.sources.get(at.0)?;
        let item = stream.items.get(at.1)?;
        if field.is_empty() {
            return Some(item.file(source, Some(item.range.start)));
        }
        Some(item.file(source, Some(self.offset(at, field)?)))
    }
}

fn owned(id: &ObjectId) -> (String, String, String, String) {
    let (group, kind, namespace, name) = id.key();
    (
        group.to_owned(),
        kind.to_owned(),
        namespace.to_owned(),
        name.to_owned(),
    )
}
