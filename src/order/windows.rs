//! Moments of an apply or a prune at which something is open that is open neither before nor after.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Tool;
use super::change::Change;
use super::step::Step;
use super::walk::Walk;
use crate::access::answer::Hop;
use crate::access::workloads::runs_user_code;
use crate::cluster::object::Object;
use crate::krm::results::Severity;
use crate::verify;
use crate::verify::judgement::{Judgement, Rule};

/// Finds them, for each tool: a judgement for each thing that is open for a while, at the object whose turn makes it so.
///
/// Namespaces with workloads are looked at one by one, each with what belongs to it elsewhere and what belongs to none: what
/// happens in one opens nothing in another, and time grows with the namespace, not with the whole.
pub fn find(old: &[Object], new: &[Object], tools: &[Tool]) -> Vec<Judgement> {
    let mut found = Vec::new();
    for (old, new) in slices(old, new) {
        let change = Change::new(old.iter().copied(), new.iter().copied());
        let lasting = lasting(&old, &new);
        for tool in tools {
            let steps = tool.steps(&change);
            found.extend(of_tool(*tool, &change, steps, &lasting));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// What is wrong before or after: that is no matter of order.
fn lasting(old: &[&Object], new: &[&Object]) -> BTreeSet<(Rule, String)> {
    let before = verify::of(old.iter().copied());
    let after = verify::of(new.iter().copied());
    before.iter().chain(&after).map(key).collect()
}

fn key(judgement: &Judgement) -> (Rule, String) {
    (judgement.rule, judgement.message.clone())
}

fn of_tool(
    tool: Tool,
    change: &Change<'_>,
    steps: Vec<Step>,
    lasting: &BTreeSet<(Rule, String)>,
) -> Vec<Judgement> {
    let mut walk = Walk::new(change, steps);
    let mut found: BTreeMap<(Rule, String), Judgement> = BTreeMap::new();
    while let Some(moment) = walk.next_state() {
        let mut judgements = verify::of(moment.state.objects());
        if let Some(objects) = moment.state.objects_as_old_pods_see_them() {
            judgements.extend(verify::of(objects));
        }
        let turn = moment.done.first().and_then(|index| change.id(*index)).cloned();
        let verb = moment.step.map_or("ends", Step::verb);
        for judgement in judgements {
            let Some(rule) = counts(judgement.rule).filter(|_| !lasting.contains(&key(&judgement))) else {
                continue;
            };
            let turn = turn.clone().unwrap_or_else(|| judgement.at.object.clone());
            found
                .entry(key(&judgement))
                .or_insert_with(|| window(tool, rule, &judgement, &turn, verb, moment.number));
        }
    }
    found.into_values().collect()
}

/// Whether what a rule finds lets somebody in, for as long as it lasts.
pub fn lets_in(rule: Rule) -> bool {
    counts(rule) == Some(Rule::OrderWindow)
}

/// What a moment of it is called; `None`: it lets nobody in.
fn counts(rule: Rule) -> Option<Rule> {
    match rule {
        // Requests come through, or their tokens are seen, while whoever guards them still asks.
        Rule::UnverifiedHop | Rule::SkippedLogin => Some(Rule::UnverifiedMoment),
        // They hold for the whole input, and do not pass with a moment.
        Rule::Unreadable | Rule::ReadableCredential | Rule::ForeignRoutes => None,
        rule => (rule.severity() == Severity::Error).then_some(Rule::OrderWindow),
    }
}

fn window(
    tool: Tool,
    rule: Rule,
    judgement: &Judgement,
    turn: &crate::krm::object_id::ObjectId,
    verb: &str,
    number: usize,
) -> Judgement {
    let at = Hop {
        object: turn.clone(),
        field: String::new(),
        says: format!("{verb}, step {} of {}", number + 1, tool.name()),
    };
    let mut way = vec![at.clone()];
    way.extend(judgement.way.iter().cloned());
    let done = if verb == "delete" {
        "has deleted"
    } else {
        "has applied"
    };
    Judgement {
        rule,
        message: format!(
            "when {} {done} {turn}, and until it is done with the rest, {} ({})",
            tool.name(),
            judgement.message,
            judgement.rule.id()
        ),
        way,
        at,
        advice: match tool {
            Tool::Flux => {
                "apply what closes before the rest: gatewright render -o DIR --layout flux".to_owned()
            }
            Tool::FluxTwo | Tool::ArgoCd => {
                "leave what closes in place, and take away what opens in a commit before".to_owned()
            }
        },
    }
}

/// The old and the new objects of each namespace with workloads, with what is said of it elsewhere and what is said of none.
fn slices<'a>(old: &'a [Object], new: &'a [Object]) -> Vec<(Vec<&'a Object>, Vec<&'a Object>)> {
    let all = || old.iter().chain(new);
    let namespaces: BTreeSet<&str> = all()
        .filter(|object| runs_user_code(&object.id))
        .map(|object| object.id.namespace.as_str())
        .collect();
    if namespaces.len() < 2 {
        return vec![(old.iter().collect(), new.iter().collect())];
    }
    let of = |objects: &'a [Object]| {
        let mut by_namespace: BTreeMap<Option<&str>, Vec<&'a Object>> = BTreeMap::new();
        for object in objects {
            if namespaces.contains(object.id.namespace.as_str()) {
                by_namespace
                    .entry(Some(&object.id.namespace))
                    .or_default()
                    .push(object);
                continue;
            }
            let mut named = BTreeSet::new();
            names(&object.value, &namespaces, &mut named);
            if object.id.kind == "Namespace" {
                named.extend(namespaces.get(object.id.name.as_str()));
            }
            if named.is_empty() {
                by_namespace.entry(None).or_default().push(object);
            }
            for namespace in named {
                by_namespace.entry(Some(namespace)).or_default().push(object);
            }
        }
        by_namespace
    };
    let (old, new) = (of(old), of(new));
    let slice = |of: &BTreeMap<Option<&str>, Vec<&'a Object>>, namespace: &str| -> Vec<&'a Object> {
        let own = of.get(&Some(namespace)).into_iter().flatten();
        own.chain(of.get(&None).into_iter().flatten()).copied().collect()
    };
    namespaces
        .iter()
        .map(|namespace| (slice(&old, namespace), slice(&new, namespace)))
        .collect()
}

/// The namespaces that a value names, by themselves or in the name of a Service.
fn names<'n>(value: &Value, namespaces: &BTreeSet<&'n str>, found: &mut BTreeSet<&'n str>) {
    match value {
        Value::String(text) => {
            if let Some(name) = namespaces.get(text.as_str()) {
                found.insert(name);
            }
            let mut parts = text.split(['.', '/', ':', '|']);
            // `SERVICE.NAMESPACE.svc…`
            parts.next();
            found.extend(parts.next().and_then(|part| namespaces.get(part)));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, namespaces, found)),
        Value::Object(entries) => entries.values().for_each(|item| names(item, namespaces, found)),
        _ => {}
    }
}
