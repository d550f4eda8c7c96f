//! What changes in access between two sides: who gains, who loses, which way opens, closes or moves, what asks whom.
//!
//! Pure. Takes what `access` answers and `verify` judges of both sides, and their objects; gives `change::Diff`, and that as
//! text, Markdown and JSON. Every step is linear in the size of the sides: things are found by their ids, never by a search
//! for the shortest edit.

mod addresses;
mod document;
mod fields;
mod gateways;
mod judgements;
mod markdown;
mod names;
mod objects;
mod portrait;
mod sentence;
mod settings;
mod standing;
mod subjects;
mod text;
mod ways;
mod words;
mod workloads;

pub mod change;

use std::collections::BTreeMap;

use change::{Change, Diff, Effect, FORMAT, Reference, Step, Target, What};

use crate::access::answer::Hop;
use crate::access::study::Study;
use crate::cluster::object::Object;
use crate::krm::results::Severity;
use crate::verify::judgement::{Judgement, Rule};

pub use document::{json, schema};
pub use markdown::markdown;
pub use text::text;

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What it is called: as it was typed.
    pub name: &'a str,
    /// Who reaches what in it.
    pub study: &'a Study<'a>,
    /// What is wrong in it.
    pub judgements: &'a [Judgement],
    /// All of it.
    pub objects: &'a [Object],
    /// Where an object stands, as `file:line`; empty where it is in no file.
    pub place: &'a dyn Fn(&Object) -> String,
}

/// Compares two sides.
pub fn compare(base: &Side<'_>, head: &Side<'_>) -> Diff {
    let objects = objects::compare(base, head);
    let mut found = Found {
        base: Places::of(base),
        head: Places::of(head),
        changes: BTreeMap::new(),
    };
    judgements::compare(base.judgements, head.judgements, &mut found);
    gateways::compare(base.study, head.study, &mut found);
    addresses::compare(base, head, &mut found);
    workloads::compare(&base.study.access, &head.study.access, &mut found);
    let access = found.finish();
    Diff {
        format: FORMAT.to_owned(),
        base: base.name.to_owned(),
        head: head.name.to_owned(),
        changed: !(access.is_empty() && objects.is_empty()),
        access,
        objects,
    }
}

/// The changes found so far: equal ones once, with all that they happen to.
struct Found<'a> {
    base: Places<'a>,
    head: Places<'a>,
    changes: BTreeMap<(Effect, What), Vec<Target>>,
}

/// Where the objects of a side stand.
struct Places<'a> {
    side: &'a Side<'a>,
    objects: BTreeMap<(&'a str, &'a str, &'a str, &'a str), &'a Object>,
}

// === impl Found ===

impl Found<'_> {
    fn add(&mut self, what: What, target: Target) {
        let effect = what.effect(is_error);
        self.changes.entry((effect, what)).or_default().push(target);
    }

    /// The changes: worst first, of one sort in the order of what they happen to.
    fn finish(self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for ((effect, what), mut targets) in self.changes {
            targets.sort();
            targets.dedup();
            let sentence = text::upper(&words::sentence(&what, &targets).plain());
            changes.push(Change {
                effect,
                sentence,
                what,
                targets,
            });
        }
        let sort = |change: &Change| (change.effect, std::mem::discriminant(&change.what));
        for alike in changes.chunk_by_mut(|one, other| sort(one) == sort(other)) {
            alike.sort_by(|one, other| {
                let rank = |change: &Change| rule(&change.what).map(place_of_rule);
                (rank(one), &one.targets, &one.what).cmp(&(rank(other), &other.targets, &other.what))
            });
        }
        changes
    }
}

/// The rule behind a change, if there is one.
fn rule(what: &What) -> Option<&str> {
    match what {
        What::VerdictAppears { verdict }
        | What::VerdictGone { verdict }
        | What::VerdictDiffers { to: verdict, .. } => Some(&verdict.rule),
        _ => None,
    }
}

/// Where a rule stands in a report.
fn place_of_rule(id: &str) -> usize {
    let place = Rule::ALL.iter().position(|rule| rule.id() == id);
    place.unwrap_or(Rule::ALL.len())
}

/// Whether a rule's id is that of an exposure.
fn is_error(id: &str) -> bool {
    let rule = Rule::ALL.iter().find(|rule| rule.id() == id);
    rule.is_none_or(|rule| rule.severity() == Severity::Error)
}

// === impl Places ===

impl<'a> Places<'a> {
    fn of(side: &'a Side<'a>) -> Self {
        Self {
            side,
            objects: objects::index(side.objects),
        }
    }

    /// Hops with the places of their objects.
    fn steps(&self, hops: &[Hop]) -> Vec<Step> {
        hops.iter().map(|hop| self.step(hop)).collect()
    }

    fn step(&self, hop: &Hop) -> Step {
        let object = self.objects.get(&hop.object.key());
        Step {
            object: Reference::from(&hop.object),
            field: hop.field.clone(),
            says: hop.says.clone(),
            place: object.map(|object| (self.side.place)(object)).unwrap_or_default(),
        }
    }
}
