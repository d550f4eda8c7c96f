//! Two sets of manifests, object by object: what a tool sees when a commit arrives.

use std::collections::BTreeMap;

use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// An object of either set. One of both versions is always there.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// As it was applied before.
    pub old: Option<&'a Object>,
    /// As it is to be.
    pub new: Option<&'a Object>,
}

/// Both sets, in the order of groups, kinds, namespaces and names. The versions of an API do not tell objects apart.
#[derive(Debug, Clone, Default)]
pub struct Change<'a> {
    pairs: Vec<Pair<'a>>,
    /// The id of each pair.
    ids: Vec<&'a ObjectId>,
}

// === impl Pair ===

impl Pair<'_> {
    /// Whether it is written at all: one that stays as it is costs an apply nothing and the cluster nothing.
    pub fn is_written(self) -> bool {
        match (self.old, self.new) {
            (Some(old), Some(new)) => old.value != new.value,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }

    /// Whether it is of the old set alone.
    pub fn is_stale(self) -> bool {
        self.new.is_none()
    }
}

// === impl Change ===

impl<'a> Change<'a> {
    /// Takes both sets; of two objects with one id in a set the last counts, as in an apply.
    pub fn new(old: impl IntoIterator<Item = &'a Object>, new: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut by_key: BTreeMap<(&str, &str, &str, &str), Pair<'a>> = BTreeMap::new();
        let empty = Pair { old: None, new: None };
        for object in old {
            by_key.entry(object.id.key()).or_insert(empty).old = Some(object);
        }
        for object in new {
            by_key.entry(object.id.key()).or_insert(empty).new = Some(object);
        }
        let mut change = Self::default();
        for pair in by_key.into_values() {
            if let Some(object) = pair.new.or(pair.old) {
                change.ids.push(&object.id);
                change.pairs.push(pair);
            }
        }
        change
    }

    /// Some of it: the objects of these numbers, in this order.
    #[must_use]
    pub fn part(&self, objects: &[usize]) -> Self {
        let some = objects
            .iter()
            .filter_map(|index| Some((self.pair(*index)?, self.id(*index)?)));
        let (pairs, ids) = some.unzip();
        Self { pairs, ids }
    }

    /// How many objects there are in both sets together.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether both sets are empty.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The object of a number in both its versions; nothing beyond the last.
    pub fn pair(&self, index: usize) -> Option<Pair<'a>> {
        self.pairs.get(index).copied()
    }

    /// Which object a number stands for.
    pub fn id(&self, index: usize) -> Option<&'a ObjectId> {
        self.ids.get(index).copied()
    }

    /// Every object with its number.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, &'a ObjectId, Pair<'a>)> + '_ {
        let both = self.ids.iter().zip(&self.pairs);
        both.enumerate().map(|(index, (id, pair))| (index, *id, *pair))
    }
}
