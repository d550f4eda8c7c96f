//! The objects, found by kind, namespace and name.

use std::collections::BTreeMap;

use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// All objects, with an index. Versions do not count: a cluster holds one object of a group, kind, namespace and name.
#[derive(Debug)]
pub struct World<'a> {
    by_kind: BTreeMap<Kind<'a>, BTreeMap<Name<'a>, &'a Object>>,
}

type Kind<'a> = (&'a str, &'a str);
type Name<'a> = (&'a str, &'a str);

// === impl World ===

impl<'a> World<'a> {
    /// Takes the objects; of two with one id the last counts, as in an apply.
    pub fn new(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let mut by_kind: BTreeMap<Kind<'a>, BTreeMap<Name<'a>, &'a Object>> = BTreeMap::new();
        for object in objects {
            let id = &object.id;
            by_kind
                .entry((id.group.as_str(), id.kind.as_str()))
                .or_default()
                .insert((id.namespace.as_str(), id.name.as_str()), object);
        }
        Self { by_kind }
    }

    /// The object, if it is there. Cluster-scoped: the namespace is empty.
    pub fn get(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&'a Object> {
        // The keys borrow from the objects; looking up with shorter borrows is fine.
        self.by_kind
            .get(&(group, kind))
            .and_then(|names| names.get(&(namespace, name)).copied())
    }

    /// The object of an id.
    pub fn of_id(&self, id: &ObjectId) -> Option<&'a Object> {
        self.get(&id.group, &id.kind, &id.namespace, &id.name)
    }

    /// All of a kind, in the order of namespaces and names.
    pub fn all(&self, group: &str, kind: &str) -> Vec<&'a Object> {
        let names = self.by_kind.get(&(group, kind));
        names
            .into_iter()
            .flat_map(|names| names.values().copied())
            .collect()
    }

    /// All of a kind in one namespace, in the order of their names.
    pub fn within(&self, group: &str, kind: &str, namespace: &str) -> Vec<&'a Object> {
        let names = self.by_kind.get(&(group, kind));
        names
            .into_iter()
            .flat_map(|names| {
                names
                    .range((namespace, "")..)
                    .take_while(|((at, _), _)| *at == namespace)
            })
            .map(|(_, object)| *object)
            .collect()
    }
}
