//! Objects that an earlier run generated: kept, brought up to date, or removed with what they were for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Batch, Framed, Outcome, items, place};
use crate::krm::annotations::MANAGED_BY;
use crate::krm::object_id::ObjectId;
use crate::krm::results::{self, Finding};
use crate::krm::stream::Item;
use crate::krm::tree::push_key;
use crate::krm::write::Change;
use crate::manifests::Object;
use crate::model::keys;
use crate::plan::hash;

/// More differences than this in one object are not listed one by one.
const MAX_DIFFERENCES: usize = 5;

/// An item and its place in the outcome.
pub(super) type Placed<'a> = ((usize, usize), &'a Framed, &'a Item);

/// The items that an earlier run generated.
pub(super) fn find(batch: &Batch) -> Vec<Placed<'_>> {
    items(batch).filter(|(_, _, item)| is_ours(item)).collect()
}

pub(super) fn is_ours(item: &Item) -> bool {
    let head = &item.head;
    head.labels
        .get(MANAGED_BY)
        .is_some_and(|manager| manager == keys::MANAGER)
        && head.annotations.contains_key(keys::SOURCE)
}

/// Whether a generated item is still what its own hash says.
fn is_as_generated(framed: &Framed, item: &Item) -> bool {
    item.piece(&framed.source).value().is_ok_and(|value| {
        value["metadata"]["annotations"][keys::CONTENT_HASH] == hash::of(&hash::own_part(&value))
    })
}

/// Makes the generated items be just the wanted objects: adds, changes and removes. `sources` are the documents that are
/// there: what goes with one that is gone is said.
pub(super) fn upsert(
    batch: &Batch,
    generated: &[Placed<'_>],
    wanted: Vec<Object>,
    sources: &BTreeSet<String>,
    outcome: &mut Outcome,
    findings: &mut Vec<Finding>,
) {
    let wanted_ids: BTreeSet<ObjectId> = wanted.iter().map(|object| object.id.clone()).collect();
    let by_id: BTreeSet<_> = wanted_ids.iter().map(ObjectId::key).collect();
    let mut gone: BTreeMap<&str, (usize, &Framed, &Item)> = BTreeMap::new();
    for (at, framed, item) in generated {
        if by_id.contains(&item.head.id.key()) {
            continue;
        }
        if is_as_generated(framed, item) {
            outcome.changes[at.0][at.1] = Change::Remove;
            let source = item.head.annotations.get(keys::SOURCE).map_or("", String::as_str);
            if !sources.contains(source) {
                gone.entry(source).or_insert((0, framed, item)).0 += 1;
            }
        } else {
            let id = &item.head.id;
            let elsewhere = wanted.iter().find(|object| {
                (&object.id.group, &object.id.kind, &object.id.name) == (&id.group, &id.kind, &id.name)
            });
            let message = match elsewhere {
                Some(object) => format!(
                    "was generated for namespace {} and has another now: whatever moves objects (a namespace function or \
                     field) must come before this one and leave what is generated alone; or set notebooks.routeNamespace",
                    object.id.namespace
                ),
                None => format!(
                    "carries our marks, but nothing in the input calls for it and it is not as it was generated (a copy, or \
                     changed by hand); remove it, or its annotation {} to keep it as your own",
                    keys::SOURCE
                ),
            };
            findings.push(place(framed, item, Finding::error(message), None));
        }
    }
    let mut there: BTreeMap<_, Vec<Placed<'_>>> = BTreeMap::new();
    for placed in items(batch) {
        if by_id.contains(&placed.2.head.id.key()) {
            there.entry(placed.2.head.id.key()).or_default().push(placed);
        }
    }
    for object in wanted {
        match there.get(&object.id.key()).map(Vec::as_slice) {
            None => outcome.added.push(object),
            Some(found) => {
                for (index, placed) in found.iter().enumerate() {
                    let ((source, item_index), framed, item) = placed;
                    if index > 0 {
                        findings.push(place(
                            framed,
                            item,
                            Finding::error("this object is given twice"),
                            None,
                        ));
                    } else if !is_ours(item) {
                        let source = object.value["metadata"]["annotations"][keys::SOURCE]
                            .as_str()
                            .unwrap_or_default();
                        let message = format!(
                            "stands under a name that is needed for {source} and was not generated; rename or remove it"
                        );
                        findings.push(place(
                            framed,
                            item,
                            Finding::error(message).at("metadata.name"),
                            None,
                        ));
                    } else {
                        outcome.changes[*source][*item_index] = update(framed, item, &object, findings);
                    }
                }
            }
        }
    }
    if results::has_errors(findings) {
        return;
    }
    for (source, (count, framed, item)) in gone {
        let message = format!(
            "removed, with {} other object(s) generated for {source}: nothing calls for them any more",
            count - 1
        );
        findings.push(place(framed, item, Finding::info(message), None));
    }
}

/// What is to become of a generated item that is still wanted.
fn update(framed: &Framed, item: &Item, object: &Object, findings: &mut Vec<Finding>) -> Change {
    let value = match item.piece(&framed.source).value() {
        Ok(value) => value,
        Err(error) => {
            findings.push(super::syntax(&framed.source, &error).about(&item.head.id));
            return Change::Keep;
        }
    };
    let (found, should) = (hash::own_part(&value), hash::own_part(&object.value));
    let recorded = &value["metadata"]["annotations"][keys::CONTENT_HASH];
    if found == should && *recorded == object.value["metadata"]["annotations"][keys::CONTENT_HASH] {
        return Change::Keep;
    }
    if found != should && recorded.as_str() != Some(&hash::of(&found)) {
        let mut all = Vec::new();
        differences(&found, &should, "", &mut all);
        let tree = item.piece(&framed.source).tree().ok();
        for (path, current, proposed) in all.into_iter().take(MAX_DIFFERENCES) {
            let message = "was changed by hand in a generated object; put it back, change it at its source (the Notebook or \
                           the Platform), or remove the object to have it generated again";
            let finding = Finding::error(message).at(path).found(current).propose(proposed);
            findings.push(place(framed, item, finding, tree.as_ref()));
        }
        return Change::Keep;
    }
    let mut new = object.value.clone();
    keep_foreign(&mut new, &value);
    Change::Replace(new)
}

/// What others wrote onto a generated object's labels and annotations stays.
fn keep_foreign(new: &mut Value, old: &Value) {
    for field in ["labels", "annotations"] {
        for (key, value) in old["metadata"][field].as_object().into_iter().flatten() {
            let is_own = if field == "labels" {
                hash::is_own_label(key)
            } else {
                hash::is_own_annotation(key)
            };
            if !is_own {
                new["metadata"][field][key] = value.clone();
            }
        }
    }
}

/// The innermost places where two values differ: path, what is there, what should be. Null stands for nothing.
pub(super) fn differences(found: &Value, should: &Value, path: &str, out: &mut Vec<(String, Value, Value)>) {
    match (found, should) {
        _ if found == should => {}
        (Value::Object(left), Value::Object(right)) => {
            let missing = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(missing) {
                let mut inner = path.to_owned();
                push_key(&mut inner, key);
                let side =
                    |fields: &serde_json::Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                differences(&side(left), &side(right), &inner, out);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(left, right, &format!("{path}[{index}]"), out);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            let index = left
                .iter()
                .zip(right)
                .position(|(left, right)| left != right)
                .unwrap_or(left.len().min(right.len()));
            let side = |items: &[Value]| items.get(index).cloned().unwrap_or_default();
            out.push((format!("{path}[{index}]"), side(left), side(right)));
        }
        _ => out.push((path.to_owned(), found.clone(), should.clone())),
    }
}
