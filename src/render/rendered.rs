//! The outcome as documents to print or keep: what goes to a cluster, in an order that depends on the objects alone.

use super::{Batch, Outcome, items};
use crate::cluster::manifests::stays_behind;
use crate::krm::object_id::ObjectId;
use crate::krm::write::{self, Change};
use crate::krm::yaml::{Quoting, to_block};
use crate::model::keys;
use crate::plan::class::Class;

/// An object as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Which object.
    pub id: ObjectId,
    /// Its text, ending in a line break.
    pub text: String,
    tier: usize,
}

// === impl Document ===

impl Document {
    /// Whether it is there to keep people out: of class `enforce`.
    pub fn closes(&self) -> bool {
        self.tier == ENFORCE
    }
}

/// Where what closes stands among the documents: behind what it cannot do without.
const ENFORCE: usize = 2;
/// Every object that goes to the cluster. Moving or renaming files changes nothing here.
pub fn documents(batch: &Batch, outcome: &Outcome) -> Vec<Document> {
    let mut documents: Vec<Document> = outcome
        .added
        .iter()
        .map(|object| Document {
            id: object.id.clone(),
            text: to_block(&object.value, Quoting::WhereNeeded),
            tier: tier(&object.id, Some(object.class.word())),
        })
        .collect();
    for (at, framed, item) in items(batch) {
        let change = outcome
            .changes
            .get(at.0)
            .and_then(|changes| changes.get(at.1))
            .unwrap_or(&Change::Keep);
        if *change == Change::Remove || stays_behind(item) {
            continue;
        }
        let class = item.head.annotations.get(keys::CLASS).map(String::as_str);
        let text = write::document(&framed.source, &framed.stream, item, change);
        documents.push(Document {
            id: item.head.id.clone(),
            text,
            tier: tier(&item.head.id, class),
        });
    }
    documents
        .sort_by(|left, right| (left.tier, &left.id, &left.text).cmp(&(right.tier, &right.id, &right.text)));
    documents
}

/// The documents as one stream.
pub fn stream(documents: &[Document]) -> String {
    let mut text = String::new();
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        text.push_str(&document.text);
    }
    text
}

/// What differs between an input and its own rendering, a line each.
pub fn differences(batch: &Batch, outcome: &Outcome) -> Vec<String> {
    let changed = items(batch).filter_map(|(at, framed, item)| {
        let what = match outcome.changes.get(at.0)?.get(at.1)? {
            Change::Keep => return None,
            Change::Remove => "extra",
            Change::Edit(_) | Change::Replace(_) => "changed",
        };
        Some(format!("{what}: {}: {}", framed.source.name, item.head.id))
    });
    let missing = outcome
        .added
        .iter()
        .map(|object| format!("missing: {}", object.id));
    changed.chain(missing).collect()
}

fn tier(id: &ObjectId, class: Option<&str>) -> usize {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 1,
        _ if class == Some(Class::Enforce.word()) => ENFORCE,
        _ if class == Some(Class::Support.word()) => 3,
        _ if class == Some(Class::Serve.word()) => 5,
        _ => 4,
    }
}
