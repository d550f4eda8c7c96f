//! What `verify` finds on one side and not on the other: by rule, object and message, never by line.

use std::collections::BTreeMap;

use super::change::{Reference, Target, Verdict, What};
use super::{Found, Places};
use crate::krm::object_id::ObjectId;
use crate::verify::judgement::{Judgement, Rule};

/// Of one rule about one object, by message.
type Messages<'a> = BTreeMap<&'a str, &'a Judgement>;
type Key<'a> = (Rule, (&'a str, &'a str, &'a str, &'a str));

pub(super) fn compare(base: &[Judgement], head: &[Judgement], found: &mut Found<'_>) {
    let (old, new) = (index(base), index(head));
    let none = Messages::new();
    let mut appears = Vec::new();
    for (key, messages) in &new {
        let before = old.get(key).unwrap_or(&none);
        let mut gone = before
            .iter()
            .filter(|(message, _)| !messages.contains_key(*message));
        for (_, judgement) in messages
            .iter()
            .filter(|(message, _)| !before.contains_key(*message))
        {
            // What is said otherwise of the same object by the same rule is one change, not two.
            appears.push((gone.next().map(|(_, judgement)| *judgement), *judgement));
        }
        for (_, judgement) in gone {
            vanish(judgement, found);
        }
    }
    for (_, messages) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        for judgement in messages.values() {
            vanish(judgement, found);
        }
    }
    for (before, judgement) in appears {
        let to = verdict(judgement, &found.head);
        let what = match before {
            Some(before) => What::VerdictDiffers {
                from: verdict(before, &found.base),
                to,
            },
            None => What::VerdictAppears { verdict: to },
        };
        let target = target(&judgement.at.object, judgement, &found.head);
        found.add(what, target);
    }
}

fn vanish(judgement: &Judgement, found: &mut Found<'_>) {
    let verdict = verdict(judgement, &found.base);
    let target = target(&judgement.at.object, judgement, &found.base);
    found.add(What::VerdictGone { verdict }, target);
}

fn index(judgements: &[Judgement]) -> BTreeMap<Key<'_>, Messages<'_>> {
    let mut index: BTreeMap<Key<'_>, Messages<'_>> = BTreeMap::new();
    for judgement in judgements {
        index
            .entry((judgement.rule, judgement.at.object.key()))
            .or_default()
            .insert(&judgement.message, judgement);
    }
    index
}

fn verdict(judgement: &Judgement, places: &Places<'_>) -> Verdict {
    Verdict {
        rule: judgement.rule.id().to_owned(),
        message: judgement.message.clone(),
        way: places.steps(&judgement.way),
        advice: judgement.advice.clone(),
    }
}

fn target(id: &ObjectId, judgement: &Judgement, places: &Places<'_>) -> Target {
    Target {
        object: Reference::from(id),
        part: String::new(),
        url: String::new(),
        by: vec![places.step(&judgement.at)],
    }
}
