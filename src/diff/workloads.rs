//! Workloads: new and gone ones, those that are switched on and off, and what changes of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Reference, Target, What};
use super::portrait::{self, EVERYBODY, called, callers, is_open, reach};
use super::{Found, settings, subjects, ways};
use crate::access::answer::{Access, Hop, Workload};

type Key<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

pub(super) fn compare(base: &Access, head: &Access, found: &mut Found<'_>) {
    let (old, new) = (index(base), index(head));
    for (key, workload) in &new {
        match old.get(key) {
            // Equal answers may rest on other settings.
            Some(before) if before == workload => {
                let target = target(workload);
                settings::compare(before, workload, &target, found);
                ways::compare(before, workload, &target, found);
            }
            Some(before) => both(before, workload, found),
            None => {
                let portrait = Box::new(portrait::of(workload));
                found.add(What::WorkloadAppears { portrait }, own(workload, true, found));
            }
        }
    }
    for (_, workload) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        let portrait = Box::new(portrait::of(workload));
        found.add(What::WorkloadGone { portrait }, own(workload, false, found));
    }
}

fn index(access: &Access) -> BTreeMap<Key<'_>, &Workload> {
    let mut index = BTreeMap::new();
    for workload in &access.workloads {
        let (group, kind, namespace, name) = workload.id.key();
        index.insert((namespace, name, kind, group, workload.part.as_str()), workload);
    }
    index
}

fn target(workload: &Workload) -> Target {
    Target {
        object: Reference::from(&workload.id),
        part: workload.part.clone(),
        url: String::new(),
        by: Vec::new(),
    }
}

/// A workload as the target of what happens to all of it, with its place.
fn own(workload: &Workload, in_head: bool, found: &Found<'_>) -> Target {
    let places = if in_head { &found.head } else { &found.base };
    let hop = Hop {
        object: workload.id.clone(),
        field: String::new(),
        says: String::new(),
    };
    Target {
        by: places.steps(&[hop]),
        ..target(workload)
    }
}

/// Whether people get to it: by a guard, or by any way from outside.
fn is_on(workload: &Workload) -> bool {
    !workload.guards.is_empty() || workload.paths.iter().any(is_open)
}

fn both(old: &Workload, new: &Workload, found: &mut Found<'_>) {
    let target = target(new);
    match (is_on(old), is_on(new)) {
        (true, false) => {
            let portrait = Box::new(portrait::of(old));
            found.add(What::SwitchedOff { portrait }, own(new, true, found));
        }
        (false, true) if !new.guards.is_empty() => {
            let portrait = Box::new(portrait::of(new));
            found.add(What::SwitchedOn { portrait }, own(new, true, found));
        }
        _ => {
            subjects::compare(old, new, &target, found);
            settings::compare(old, new, &target, found);
            ways::compare(old, new, &target, found);
            unguarded(old, new, &target, found);
        }
    }
    reached(old, new, &target, found);
    images(old, new, found);
}

/// Ports before which no guard stands, as far as somebody reaches them or a guard was there: those of a workload that
/// nobody opens are told by who reaches it.
fn unguarded(old: &Workload, new: &Workload, target: &Target, found: &mut Found<'_>) {
    let more: BTreeSet<u16> = new.unguarded.difference(&old.unguarded).copied().collect();
    let less: BTreeSet<u16> = old.unguarded.difference(&new.unguarded).copied().collect();
    for (appear, ports) in [(true, more), (false, less)] {
        if !ports.is_empty() {
            found.add(What::Unguarded { appear, ports }, target.clone());
        }
    }
}

/// Who reaches it inside the cluster. Where everybody does, nobody else loses anything.
fn reached(old: &Workload, new: &Workload, target: &Target, found: &mut Found<'_>) {
    let switched = is_on(old) != is_on(new);
    let (before, after) = (callers(old), callers(new));
    for (gained, from, to, workload) in [(true, &before, &after, new), (false, &after, &before, old)] {
        let none = BTreeSet::new();
        let everybody = from.get(&(EVERYBODY, String::new())).unwrap_or(&none);
        for (who, ports) in to {
            let known = from.get(who).unwrap_or(&none);
            let mut more: BTreeSet<u16> = ports
                .iter()
                .filter(|port| !known.contains(port) && !everybody.contains(port))
                .copied()
                .collect();
            if switched {
                // The guard's own port comes and goes with the guard.
                more.retain(|port| !workload.guards.iter().any(|guard| guard.port == *port));
            }
            if more.is_empty() {
                continue;
            }
            let places = if gained { &found.head } else { &found.base };
            let callers = workload
                .callers
                .iter()
                .filter(|caller| called(&caller.who).as_ref() == Some(who));
            let target = Target {
                by: callers.flat_map(|caller| places.steps(&caller.by)).collect(),
                ..target.clone()
            };
            // Ports where a guard asks are another matter than those where nobody does.
            let asks = |port: &u16| workload.guards.iter().any(|guard| guard.port == *port);
            let (asked, unasked): (BTreeSet<u16>, BTreeSet<u16>) = more.into_iter().partition(asks);
            for ports in [unasked, asked].into_iter().filter(|ports| !ports.is_empty()) {
                let reach = reach(who.0, who.1.clone(), ports, workload);
                let what = if gained {
                    What::CallerGained { reach }
                } else {
                    What::CallerLost { reach }
                };
                found.add(what, target.clone());
            }
        }
    }
}

fn images(old: &Workload, new: &Workload, found: &mut Found<'_>) {
    let (before, after) = (portrait::of(old).guards, portrait::of(new).guards);
    let guard_of = |name: &str| subjects::is_guard(&after, name) || subjects::is_guard(&before, name);
    let of =
        |workload: &'_ Workload| -> BTreeMap<String, String> { workload.images.iter().cloned().collect() };
    let (mut from, to) = (of(old), of(new));
    // A guard that is called otherwise is told as the same guard.
    if let ([before], [after]) = (old.guards.as_slice(), new.guards.as_slice())
        && before.container != after.container
        && let Some(image) = from.remove(&before.container)
    {
        from.insert(after.container.clone(), image);
    }
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    for name in names {
        let (from, to) = (from.get(name), to.get(name));
        let guard = guard_of(name);
        // A guard that is new or gone is told as that.
        if from == to || (guard && (from.is_none() || to.is_none())) {
            continue;
        }
        let what = What::Image {
            container: name.clone(),
            guard,
            from: from.cloned().unwrap_or_default(),
            to: to.cloned().unwrap_or_default(),
        };
        found.add(what, own(new, true, found));
    }
}
