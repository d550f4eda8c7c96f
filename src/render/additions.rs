//! Things of ours into a document of the user's, field by field, and out of it again to the byte.
//!
//! Takes `manifests::addition`. What was put in is recorded in an annotation: the fields, a hash of what they got, so that an
//! edit by another hand is seen, and what stood there before. Each addition is an edit of its own upon the text that the one
//! before left; taking out goes the same way back, and `krm::edit` is exact both ways. The whole is read back and compared
//! with what was meant before it leaves.

mod record;

use serde_json::{Value, json};

use record::{Entry, Record};

use super::patch::{drop_field, remove};
use crate::krm::annotations;
use crate::krm::edit::{Before, EditError, Editor};
use crate::krm::results::Finding;
use crate::krm::source::Source;
use crate::krm::splice::Splice;
use crate::krm::stream::Item;
use crate::krm::tree::{self, Node, NodeKind};
use crate::krm::yaml::Piece;
use crate::manifests::addition::{Addition, Step, What, keys};
use crate::model::keys::ADDED;

/// A document as a text of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Original {
    /// The item's text, behind what stands before the item on its first line.
    pub(super) source: Source,
    /// The item in that.
    pub(super) item: Item,
    /// Its value.
    pub(super) value: Value,
    /// Secrets that an earlier run took out and that nothing brings back: their fields and names.
    pub(super) lost: Vec<Lost>,
}

/// An item of a list that was a secret, and is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// The list.
    pub(super) path: String,
    /// The item.
    pub(super) name: String,
}

/// The document without what an earlier run put in; none where none did.
///
/// # Errors
/// A record that cannot be read; somebody's edit inside what is ours; a document written in a way that cannot be edited in place.
pub(super) fn original(
    source: &Source,
    item: &Item,
    value: &Value,
) -> Result<Option<Original>, Vec<Finding>> {
    let Some(record) = Record::read(value).map_err(|finding| vec![finding])? else {
        return Ok(None);
    };
    let changed: Vec<Finding> = record
        .entries
        .iter()
        .filter_map(|entry| entry.changed(value))
        .collect();
    if !changed.is_empty() {
        return Err(changed);
    }
    let mut original = Original::of(source, item, value);
    original.lost = record.lost(value);
    original
        .take_out(&record.of_annotation())
        .map_err(|finding| vec![finding])?;
    let ours = |entry: &&Entry| !entry.is_given_up(value);
    for entry in record.entries.iter().rev().filter(ours) {
        original.take_out(entry).map_err(|finding| vec![finding])?;
    }
    original.read_back().map_err(|finding| vec![finding])?;
    Ok(Some(original))
}

/// The edits that make a document hold these additions and nothing else of ours; none if it does.
///
/// # Errors
/// As [`original`]; a list that holds one of our names already.
pub(super) fn edits(
    source: &Source,
    item: &Item,
    value: &Value,
    additions: &[Addition],
) -> Result<Option<Vec<Splice>>, Vec<Finding>> {
    let start = match original(source, item, value)? {
        Some(original) => original,
        None => Original::of(source, item, value),
    };
    Ok(start.holding(additions)?.splices(source, item))
}

// === impl Original ===

impl Original {
    /// A document as it stands.
    pub(super) fn of(source: &Source, item: &Item, value: &Value) -> Self {
        // In block style the columns must stay, and what stands before the first field.
        let line = source.text[..item.range.start].rfind('\n').map_or(0, |at| at + 1);
        let lead = if item.flow {
            ""
        } else {
            &source.text[line..item.range.start]
        };
        let text = format!("{lead}{}", source.slice(&item.range));
        Self {
            item: Item {
                range: lead.len()..text.len(),
                ..item.clone()
            },
            source: Source {
                name: source.name.clone(),
                text,
            },
            value: value.clone(),
            lost: Vec::new(),
        }
    }

    /// The same with additions in it, and their record.
    ///
    /// # Errors
    /// As [`edits`], all of them at once.
    pub(super) fn holding(mut self, additions: &[Addition]) -> Result<Self, Vec<Finding>> {
        let mut entries = Vec::new();
        let mut findings = Vec::new();
        for addition in additions {
            match self.put_in(addition) {
                Ok(entry) => entries.extend(entry),
                Err(finding) => findings.push(finding),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        if !entries.is_empty() {
            self.put_record(entries).map_err(|finding| vec![finding])?;
        }
        self.read_back().map_err(|finding| vec![finding])?;
        Ok(self)
    }

    /// An edit that is not taken back. It is to change the value alike.
    ///
    /// # Errors
    /// A document written in a way that cannot be edited in place.
    pub(super) fn edited(
        mut self,
        edit: impl FnOnce(&mut Editor<'_>, &mut Value) -> Result<(), EditError>,
    ) -> Result<Self, Finding> {
        let mut value = self.value.clone();
        self.edit("", |editor| edit(editor, &mut value))?;
        self.value = value;
        self.read_back()?;
        Ok(self)
    }

    /// The edit that makes an item this text; none if it is, or says the same: whoever wrote it in another way since (kpt does)
    /// keeps that way.
    pub(super) fn splices(&self, source: &Source, item: &Item) -> Option<Vec<Splice>> {
        let text = self.source.slice(&self.item.range);
        let is_kept =
            text == source.slice(&item.range) || item.piece(source).value().as_ref() == Ok(&self.value);
        (!is_kept).then(|| vec![Splice::replace(item.range.clone(), text)])
    }

    fn put_in(&mut self, addition: &Addition) -> Result<Option<Entry>, Finding> {
        let path = &addition.path;
        let there = at(&self.value, path).cloned().unwrap_or_default();
        let mut lost = Vec::new();
        let (before, made, hash, names) = match &addition.what {
            What::Value(value) => {
                if there == *value {
                    return Ok(None);
                }
                let (before, made) = self.set(path, value)?;
                (before, made, record::hash(value), None)
            }
            What::Items { key, items } | What::Instead { key, items } => {
                let names: Vec<String> = items.iter().map(|item| record::name(item, key)).collect();
                let known = record::positions(&there, key, &names);
                if matches!(addition.what, What::Instead { .. }) {
                    let was = |name: &String| Lost {
                        path: describe(path),
                        name: name.clone(),
                    };
                    let gone = |name: &&String| {
                        let list = there.as_array().into_iter().flatten();
                        list.into_iter().any(|item| record::name(item, key) == **name)
                            || self.lost.contains(&was(name))
                    };
                    lost = names.iter().filter(gone).cloned().collect();
                    self.forget(path, &known)?;
                } else if let Some(index) = known.first() {
                    let message =
                        "stands under a name that is needed for what is put in here; rename or remove it";
                    let found = there[*index][key].clone();
                    let field = format!("{}[{index}].{key}", describe(path));
                    return Err(Finding::error(message).at(field).found(found));
                }
                let (before, made) = self.push(path, items)?;
                (
                    before,
                    made,
                    record::hash(&json!(items)),
                    Some(((*key).to_owned(), names)),
                )
            }
        };
        Ok(Some(Entry {
            path: record::places(&self.value, path),
            names,
            before,
            made,
            hash,
            lost,
        }))
    }

    fn put_record(&mut self, entries: Vec<Entry>) -> Result<(), Finding> {
        let path = record::annotation();
        let field = describe(&path);
        // An orchestrator takes its own annotations away with the mapping that it made for them: what it leaves of the document
        // is what it would be without the orchestrator.
        let is_borrowed = at(&self.value, &path[..path.len() - 1])
            .and_then(Value::as_object)
            .is_some_and(|all| !all.is_empty() && all.keys().all(|key| annotations::is_internal(key)));
        let text = self.edit(&field, |editor| {
            // Where annotations must be made for it, the record says so itself.
            let (before, made) = match set(&mut editor.clone(), &path, &Value::Null)? {
                (Before::Absent, 0) if is_borrowed => (Before::Absent, 1),
                done => done,
            };
            let record = Record {
                entries,
                before,
                made,
            };
            let text = json!(record.to_text());
            set(editor, &path, &text)?;
            Ok(text)
        })?;
        put(&mut self.value, &path, text);
        Ok(())
    }

    // --- one edit each ---

    fn edit<T>(
        &mut self,
        field: &str,
        edit: impl FnOnce(&mut Editor<'_>) -> Result<T, EditError>,
    ) -> Result<T, Finding> {
        let mut editor = Editor::new(&self.source, &self.item).map_err(|_| as_written().at(field))?;
        let done =
            edit(&mut editor).map_err(|error: EditError| Finding::error(error.to_string()).at(field))?;
        let edited = editor.edited();
        let start = self.item.range.start;
        self.source.text.truncate(start);
        self.source.text.push_str(&edited);
        self.item.range = start..self.source.text.len();
        Ok(done)
    }

    /// Gives a field a value. Says what stood there, or where mappings were missing on the way, in place of the first of them;
    /// and how many these are.
    fn set(&mut self, path: &[Step], value: &Value) -> Result<(Before, usize), Finding> {
        let done = self.edit(&describe(path), |editor| set(editor, path, value))?;
        put(&mut self.value, path, value.clone());
        Ok(done)
    }

    fn push(&mut self, path: &[Step], items: &[Value]) -> Result<(Before, usize), Finding> {
        let done = self.edit(&describe(path), |editor| {
            if missing_from(editor.tree(), path)?.is_some() {
                return set(editor, path, &json!(items));
            }
            let (steps, key) = ends(path)?;
            Ok((editor.push(&steps, key, items)?, 0))
        })?;
        let mut list = at(&self.value, path)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        list.extend(items.iter().cloned());
        put(&mut self.value, path, Value::Array(list));
        Ok(done)
    }

    /// Takes items out for good, and the list with the last of them.
    fn forget(&mut self, path: &[Step], gone: &[usize]) -> Result<(), Finding> {
        if gone.is_empty() {
            return Ok(());
        }
        self.pull(path, gone, &Before::Absent)
    }

    fn pull(&mut self, path: &[Step], gone: &[usize], before: &Before) -> Result<(), Finding> {
        let is_flow = self.edit(&describe(path), |editor| {
            let (steps, key) = ends(path)?;
            editor.pull(&steps, key, gone, before)?;
            let holder = editor.tree().at(&steps);
            let list = holder.and_then(|node| node.get(key)).map(|node| &node.kind);
            Ok(matches!(list, Some(NodeKind::Sequence { flow: true, .. })))
        })?;
        let mut list = at(&self.value, path).cloned().unwrap_or_default();
        remove(&mut list, gone);
        if list.as_array().is_some_and(Vec::is_empty) {
            match before {
                Before::Absent => return self.dropped(path),
                // Nothing is left behind the key, or the spelling of null that stood there.
                Before::Text(_) => list = Value::Null,
                Before::Present if !is_flow => list = Value::Null,
                Before::Present => {}
            }
        }
        put(&mut self.value, path, list);
        Ok(())
    }

    fn take_out(&mut self, entry: &Entry) -> Result<(), Finding> {
        // Who takes a container or a group out takes what was added to it along.
        let Some(path) = entry.steps(&self.value) else {
            return Ok(());
        };
        let found = at(&self.value, &path).cloned().unwrap_or_default();
        let last = path.len() - 1;
        if let Some((key, names)) = &entry.names {
            let ours = record::positions(&found, key, names);
            let all = found.as_array().is_some_and(|items| items.len() == ours.len());
            if !all || entry.made == 0 {
                return self.pull(&path, &ours, &entry.before);
            }
        }
        let top = last.saturating_sub(entry.made);
        let mut level = last;
        while level > top && at(&self.value, &path[..level]).is_some_and(is_single) {
            level -= 1;
        }
        let before = if level == top {
            entry.before.clone()
        } else {
            Before::Absent
        };
        self.edit(&describe(&path), |editor| {
            let (steps, key) = ends(&path[..=level])?;
            editor.restore(&steps, key, &before)
        })?;
        match before {
            Before::Absent | Before::Present => self.dropped(&path[..=level]),
            Before::Text(text) => {
                put(&mut self.value, &path[..=level], record::value(&text));
                Ok(())
            }
        }
    }

    /// A field is gone from the text. A mapping that has no other left is nothing in block style.
    fn dropped(&mut self, path: &[Step]) -> Result<(), Finding> {
        let Some((Step::Key(key), outer)) = path.split_last() else {
            return Ok(());
        };
        if let Some(holder) = at_mut(&mut self.value, outer) {
            drop_field(holder, key);
            if holder.as_object().is_some_and(serde_json::Map::is_empty)
                && self.tree(outer)?.is_some_and(|node| node.is_null())
            {
                put(&mut self.value, outer, Value::Null);
            }
        }
        Ok(())
    }

    fn tree(&self, path: &[Step]) -> Result<Option<Node>, Finding> {
        let tree = self.item.piece(&self.source).tree();
        let tree = tree.map_err(|_| as_written().at(describe(path)))?;
        Ok(tree.at(&steps(path)).cloned())
    }

    /// Compares what the text says with what was meant.
    fn read_back(&self) -> Result<(), Finding> {
        let text = &self.source.text;
        let range = self.item.range.clone();
        if Piece::new(text, range, self.item.column).value().as_ref() == Ok(&self.value) {
            return Ok(());
        }
        Err(as_written().at("spec"))
    }
}

fn as_written() -> Finding {
    Finding::error(
        "cannot be edited in place as it is written; write it without anchors and merge keys, in block style",
    )
}

fn set(editor: &mut Editor<'_>, path: &[Step], value: &Value) -> Result<(Before, usize), EditError> {
    let last = path.len().saturating_sub(1);
    let top = missing_from(editor.tree(), path)?.unwrap_or(last);
    let (steps, key) = ends(path.get(..=top).unwrap_or_default())?;
    let nested = nested(&path[top + 1..], value);
    Ok((editor.set(&steps, key, &nested)?, last - top))
}

/// The step from which on there is nothing to put a field into; none where there is.
fn missing_from(tree: &Node, path: &[Step]) -> Result<Option<usize>, EditError> {
    let steps = steps(path);
    for index in 0..path.len().saturating_sub(1) {
        match tree.at(&steps[..=index]) {
            Some(node) if !node.is_null() => {}
            _ if path[index..].iter().all(|step| matches!(step, Step::Key(_))) => return Ok(Some(index)),
            _ => return Err(EditError::NotThere(describe(&path[..=index]))),
        }
    }
    Ok(None)
}

// --- paths and values ---

fn steps(path: &[Step]) -> Vec<tree::Step<'_>> {
    path.iter()
        .map(|step| match step {
            Step::Key(key) => tree::Step::Key(key),
            Step::Index(index) => tree::Step::Index(*index),
        })
        .collect()
}

/// The way to a mapping, and the field in it.
fn ends(path: &[Step]) -> Result<(Vec<tree::Step<'_>>, &str), EditError> {
    match path.split_last() {
        Some((Step::Key(key), outer)) => Ok((steps(outer), key)),
        _ => Err(EditError::NotThere(describe(path))),
    }
}

fn describe(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => tree::push_key(&mut text, key),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn at<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

fn at_mut<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    })
}

fn put(value: &mut Value, path: &[Step], new: Value) {
    let mut place = value;
    for step in path {
        match step {
            Step::Key(key) => {
                if !place.is_object() {
                    *place = json!({});
                }
                place = &mut place[key];
            }
            Step::Index(index) => match place.get_mut(index) {
                Some(inner) => place = inner,
                None => return,
            },
        }
    }
    *place = new;
}

/// A value within mappings of one field each.
fn nested(path: &[Step], value: &Value) -> Value {
    path.iter().rev().fold(value.clone(), |inner, step| match step {
        Step::Key(key) => json!({ key: inner }),
        Step::Index(_) => json!([inner]),
    })
}

fn is_single(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.len() == 1)
}

#[cfg(test)]
#[path = "additions/tests.rs"]
mod tests;
