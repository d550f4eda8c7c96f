//! Who is let through by the guards of a workload that is on both sides, and its guards themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Guarding, Somebody, Step, Target, What};
use super::portrait::{guarding, program, review, somebody, verbs};
use super::{Found, Places};
use crate::access::answer::{Guard, Workload};
use crate::diff::change::Verbs;

/// What somebody may do at a guard, and by which objects.
type Admitted = BTreeMap<Somebody, (BTreeSet<String>, Vec<Step>)>;

/// A change of what somebody may do: who, with which verbs, whether there are others.
type Shift = (Somebody, Verbs, bool);

pub(super) fn compare(old: &Workload, new: &Workload, target: &Target, found: &mut Found<'_>) {
    let pairs = pairs(&old.guards, &new.guards);
    let mut gains = Shifts::default();
    let mut losses = Shifts::default();
    for (before, after) in &pairs {
        match (before, after) {
            (Some(before), Some(after)) => {
                alters(before, after, target, found);
                shifts(before, after, &found.head, &mut gains);
                shifts(after, before, &found.base, &mut losses);
            }
            (Some(before), None) => {
                let by = found.base.steps(&before.by);
                let guard = guarding(before);
                found.add(What::GuardGone { guard }, Target { by, ..target.clone() });
            }
            (None, Some(after)) => {
                let by = found.head.steps(&after.by);
                let guard = guarding(after);
                found.add(What::GuardAppears { guard }, Target { by, ..target.clone() });
            }
            (None, None) => {}
        }
    }
    let both = pairs
        .iter()
        .filter(|(old, new)| old.is_some() && new.is_some())
        .count();
    for ((subject, verbs, more), (guards, by)) in gains.0 {
        let guard = only(&guards, both);
        let what = What::Gains {
            subject,
            verbs,
            more,
            guard,
        };
        found.add(what, Target { by, ..target.clone() });
    }
    for ((subject, verbs, more), (guards, by)) in losses.0 {
        let guard = only(&guards, both);
        let what = What::Loses {
            subject,
            verbs,
            more,
            guard,
        };
        found.add(what, Target { by, ..target.clone() });
    }
}

/// Changes with the guards at which they are the same.
#[derive(Default)]
struct Shifts(BTreeMap<Shift, (Vec<String>, Vec<Step>)>);

/// The guards at which something changes, where it does not at all of them.
fn only(guards: &[String], all: usize) -> String {
    if guards.len() < all {
        guards.join(", ")
    } else {
        String::new()
    }
}

/// Guards by their containers; one alone on each side is the same guard, whatever it is called.
pub(super) fn pairs<'a>(old: &'a [Guard], new: &'a [Guard]) -> Vec<(Option<&'a Guard>, Option<&'a Guard>)> {
    if let ([before], [after]) = (old, new) {
        return vec![(Some(before), Some(after))];
    }
    let of = |guards: &'a [Guard], name: &str| guards.iter().find(|guard| guard.container == name);
    let gone = old
        .iter()
        .filter(|guard| of(new, &guard.container).is_none())
        .map(|guard| (Some(guard), None));
    let rest = new.iter().map(|guard| (of(old, &guard.container), Some(guard)));
    rest.chain(gone).collect()
}

/// What subjects may at `after` that they may not at `before`.
fn shifts(before: &Guard, after: &Guard, places: &Places<'_>, shifts: &mut Shifts) {
    let (old, new) = (admitted(before, None), admitted(after, Some(places)));
    for (subject, (names, by)) in new {
        let none = BTreeSet::new();
        let had = old.get(&subject).map_or(&none, |(names, _)| names);
        let more: BTreeSet<String> = names.difference(had).cloned().collect();
        let is_new = !old.contains_key(&subject);
        if more.is_empty() && !is_new {
            continue;
        }
        let shift = (subject, verbs(more, after), !is_new);
        let (guards, known) = shifts.0.entry(shift).or_default();
        guards.push(after.container.clone());
        for step in by {
            if !known.contains(&step) {
                known.push(step);
            }
        }
    }
}

fn admitted(guard: &Guard, places: Option<&Places<'_>>) -> Admitted {
    let mut found = Admitted::new();
    for admitted in &guard.admitted {
        let (verbs, by) = found.entry(somebody(&admitted.subject)).or_default();
        verbs.extend(admitted.verbs.iter().cloned());
        if let Some(places) = places {
            by.extend(places.steps(&admitted.by));
        }
    }
    found
}

/// What of a guard is otherwise. Its image is told with those of the other containers.
fn alters(old: &Guard, new: &Guard, target: &Target, found: &mut Found<'_>) {
    let ports = |ports: &BTreeSet<u16>| {
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        ports.join(", ")
    };
    let rows = [
        ("container", old.container.clone(), new.container.clone()),
        (
            "program",
            program(old.program).to_owned(),
            program(new.program).to_owned(),
        ),
        ("port", old.port.to_string(), new.port.to_string()),
        ("upstreams", ports(&old.upstreams), ports(&new.upstreams)),
        ("review", asks(old), asks(new)),
    ];
    for (property, from, to) in rows {
        if from == to || (property == "container" && old.program != new.program) {
            continue;
        }
        let what = What::GuardAlters {
            container: new.container.clone(),
            property: property.to_owned(),
            from,
            to,
        };
        let by = found.head.steps(&new.by);
        found.add(what, Target { by, ..target.clone() });
    }
}

fn asks(guard: &Guard) -> String {
    guard.review.as_ref().map(review).unwrap_or_default()
}

/// Whether a guard's image is told as that of a guard.
pub(super) fn is_guard(guards: &[Guarding], container: &str) -> bool {
    guards.iter().any(|guard| guard.container == container)
}
