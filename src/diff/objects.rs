//! The objects that change, by their ids.
//!
//! Takes the objects of two sides; gives what is added, removed and changed, with the fields. What we note on objects about
//! other objects (hashes, sources, records) is left out where something else of the object changes with it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::change::{Happens, ObjectChange, Reference};
use super::{Side, fields};
use crate::cluster::object::Object;
use crate::model::keys;

/// The kind that lists the hashes of other objects.
const GRAPH: &str = "AccessGraph";
/// Where it lists them.
const GRAPH_LIST: &str = "spec.objects";

type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

/// An index by id. Of two objects with one id the last counts, as in an apply.
pub(super) fn index(objects: &[Object]) -> BTreeMap<Key<'_>, &Object> {
    objects.iter().map(|object| (object.id.key(), object)).collect()
}

/// What changes, in the order of the ids.
pub(super) fn compare(base: &Side<'_>, head: &Side<'_>) -> Vec<ObjectChange> {
    let (old, new) = (index(base.objects), index(head.objects));
    let mut found = Vec::new();
    let keys: std::collections::BTreeSet<Key<'_>> = old.keys().chain(new.keys()).copied().collect();
    for key in keys {
        let change = match (old.get(&key), new.get(&key)) {
            (Some(old), Some(new)) => both(old, new, head),
            (Some(old), None) => Some(alone(old, Happens::Removed, base)),
            (None, Some(new)) => Some(alone(new, Happens::Added, head)),
            (None, None) => None,
        };
        found.extend(change);
    }
    found
}

fn alone(object: &Object, change: Happens, side: &Side<'_>) -> ObjectChange {
    ObjectChange {
        object: Reference::from(&object.id),
        change,
        place: (side.place)(object),
        kept: change == Happens::Removed && is_kept(object),
        fields: Vec::new(),
    }
}

/// Whether Flux, Argo CD or kpt are told to leave an object where it is once it is gone from git.
fn is_kept(object: &Object) -> bool {
    let annotations = object.value.pointer("/metadata/annotations");
    let says = |(key, value): &(&str, &str)| {
        annotations.and_then(|all| all.get(key)).and_then(Value::as_str) == Some(*value)
    };
    keys::NEVER_PRUNED.iter().any(says)
}

fn both(old: &Object, new: &Object, head: &Side<'_>) -> Option<ObjectChange> {
    if old.value == new.value {
        return None;
    }
    let all = fields::changed(&new.id.kind, &old.value, &new.value);
    let notes = [keys::CONTENT_HASH, keys::SOURCE, keys::INJECTED]
        .map(|key| format!("metadata.annotations[{key:?}]"));
    let (noted, own): (Vec<String>, Vec<String>) = all.into_iter().partition(|path| notes.contains(path));
    let follows = new.id.kind == GRAPH && own.iter().all(|path| path.starts_with(GRAPH_LIST));
    let fields = if own.is_empty() { noted } else { own };
    if fields.is_empty() {
        return None;
    }
    Some(ObjectChange {
        change: if follows {
            Happens::Follows
        } else {
            Happens::Changed
        },
        fields,
        ..alone(new, Happens::Changed, head)
    })
}
