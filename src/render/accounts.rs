//! The accounts (`ServiceAccount`) among the documents that we did not make: what they are called, and what they were.

use std::collections::{BTreeMap, BTreeSet};

use super::{Batch, generated, items};
use crate::krm::annotations::PREVIOUS_NAMES;

/// The user's own `ServiceAccount`s, by namespace and name.
pub(super) struct Accounts<'a> {
    there: BTreeSet<(&'a str, &'a str)>,
    /// By namespace and a name before: kustomize renames first and corrects references last, after the function ran.
    renamed: BTreeMap<(&'a str, String), &'a str>,
}

// === impl Accounts ===

impl<'a> Accounts<'a> {
    /// Finds them.
    pub(super) fn find(batch: &'a Batch) -> Self {
        let mut found = Self {
            there: BTreeSet::new(),
            renamed: BTreeMap::new(),
        };
        for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
            let id = &item.head.id;
            if !id.group.is_empty() || id.kind != "ServiceAccount" {
                continue;
            }
            found.there.insert((&id.namespace, &id.name));
            let value = item.piece(&framed.source).value().unwrap_or_default();
            let before = value["metadata"]["annotations"][PREVIOUS_NAMES].as_str();
            for name in before.into_iter().flat_map(|names| names.split(',')) {
                let place = (id.namespace.as_str(), name.to_owned());
                found.renamed.insert(place, &id.name);
            }
        }
        found
    }

    /// Whether there is one of this name.
    pub(super) fn contains(&self, namespace: &str, name: &str) -> bool {
        self.there.contains(&(namespace, name))
    }

    /// What a name will be when the orchestrator is done, where that is another.
    pub(super) fn renamed(&self, namespace: &str, name: &str) -> Option<&'a str> {
        let is_there = self.contains(namespace, name);
        let place = (namespace, name.to_owned());
        self.renamed.get(&place).copied().filter(|_| !is_there)
    }
}
