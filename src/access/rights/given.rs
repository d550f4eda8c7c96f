//! What everybody is given, whatever guards ask.

use std::collections::BTreeSet;

use super::Rights;
use crate::access::answer::{Hop, Subject};
use crate::access::guards::is_everybody;

/// A rule of a role that a binding gives to everybody of some kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where it holds; empty: everywhere.
    pub namespace: String,
    /// To whom.
    pub subject: Subject,
    /// API groups.
    pub groups: Vec<String>,
    /// Resources.
    pub resources: Vec<String>,
    /// Verbs.
    pub verbs: BTreeSet<String>,
    /// Binding and role.
    pub way: Vec<Hop>,
}

// === impl Rights ===

impl Rights<'_> {
    /// All that bindings give to everybody of some kind: whoever is logged in, all pods, all pods of a namespace, nobody.
    pub fn everybodys(&self) -> Vec<Given> {
        let mut all = Vec::new();
        for binding in &self.bindings {
            for (index, subject) in &binding.subjects {
                let everybody = is_everybody(&subject.kind, &subject.name);
                for rule in binding.rules.iter().flatten().filter(|_| everybody) {
                    all.push(Given {
                        namespace: binding.namespace.unwrap_or_default().to_owned(),
                        subject: subject.clone(),
                        groups: rule.groups.clone(),
                        resources: rule.resources.clone(),
                        verbs: rule.verbs.clone(),
                        way: binding.way(*index, subject, rule),
                    });
                }
            }
        }
        all
    }
}
