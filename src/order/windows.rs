//! Moments of an apply or a prune at which something is open that is open neither before nor after.

use std::collections::{BTreeMap, BTreeSet};

use super::Tool;
use super::change::Change;
use super::slices::{self, Slice};
use super::step::Step;
use super::walk::Walk;
use crate::access::answer::Hop;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::krm::results::Severity;
use crate::verify;
use crate::verify::judgement::{Judgement, Rule};

/// Finds them, for each tool: a judgement for each thing that is open for a while, at the object whose turn makes it so.
///
/// Workloads are looked at one by one, each with what can have to do with it: time grows with their number, not with its square.
pub fn find(old: &[Object], new: &[Object], tools: &[Tool]) -> Vec<Judgement> {
    let change = Change::new(old, new);
    within(&change, &slices::of(&change), tools)
}

/// The same with other slices: what is in none of them together is not judged together.
pub fn within(change: &Change<'_>, slices: &[Slice], tools: &[Tool]) -> Vec<Judgement> {
    let plans: Vec<Plan> = tools.iter().map(|tool| Plan::of(*tool, change)).collect();
    let mut found = Found::new();
    for slice in slices {
        let own: Vec<(&Plan, Vec<usize>)> = plans
            .iter()
            .map(|plan| (plan, plan.within(slice)))
            .filter(|(_, numbers)| !numbers.is_empty())
            .collect();
        if own.is_empty() {
            continue;
        }
        let part = change.part(&slice.objects);
        let lasting = lasting(&part);
        for (plan, numbers) in own {
            plan.judge(&part, slice, &numbers, &lasting, &mut found);
        }
    }
    let mut found: Vec<Judgement> = found.into_values().map(|(_, judgement)| judgement).collect();
    found.sort();
    found.dedup();
    found
}

/// What is open at some moment, by tool, rule and words; with the number of the first step at which it is.
type Found = BTreeMap<(Tool, Rule, String), (usize, Judgement)>;

/// What a tool does with everything.
struct Plan {
    tool: Tool,
    steps: Vec<Step>,
    /// The steps in which each object is.
    of_object: Vec<Vec<usize>>,
}

// === impl Plan ===

impl Plan {
    fn of(tool: Tool, change: &Change<'_>) -> Self {
        let steps = tool.steps(change);
        let mut of_object = vec![Vec::new(); change.len()];
        for (number, step) in steps.iter().enumerate() {
            for index in step.objects() {
                if let Some(own) = of_object.get_mut(*index) {
                    own.push(number);
                }
            }
        }
        Self {
            tool,
            steps,
            of_object,
        }
    }

    /// The numbers of the steps in which something of a slice is.
    fn within(&self, slice: &Slice) -> Vec<usize> {
        let steps = slice
            .objects
            .iter()
            .filter_map(|index| self.of_object.get(*index));
        let numbers: BTreeSet<usize> = steps.flatten().copied().collect();
        numbers.into_iter().collect()
    }

    /// Looks at every moment of these steps, as far as they are about the slice.
    fn judge(
        &self,
        part: &Change<'_>,
        slice: &Slice,
        numbers: &[usize],
        lasting: &BTreeSet<(Rule, String)>,
        found: &mut Found,
    ) {
        let here = |index: &usize| slice.objects.binary_search(index).ok();
        let steps = numbers.iter().filter_map(|number| self.steps.get(*number));
        let steps: Vec<Step> = steps.map(|step| step.map(here)).collect();
        let own: Option<Vec<usize>> = slice
            .own
            .as_ref()
            .map(|own| own.iter().filter_map(here).collect());
        let mut walk = Walk::new(part, steps);
        while let Some(moment) = walk.next_state() {
            if let Some(own) = &own
                && !own.iter().any(|index| moment.state.counts(*index))
            {
                continue;
            }
            let mut judgements = verify::of(moment.state.objects());
            if let Some(objects) = moment.state.objects_as_old_pods_see_them() {
                judgements.extend(verify::of(objects));
            }
            let turn = moment.done.first().and_then(|index| part.id(*index));
            let verb = moment.step.map_or("ends", Step::verb);
            let number = numbers.get(moment.number).copied().unwrap_or(self.steps.len());
            for judgement in judgements {
                let Some(rule) = counts(judgement.rule).filter(|_| !lasting.contains(&key(&judgement)))
                else {
                    continue;
                };
                let (of, message) = key(&judgement);
                let entry = found.entry((self.tool, of, message));
                let turn = turn.unwrap_or(&judgement.at.object);
                let window = || (number, window(self.tool, rule, &judgement, turn, verb, number));
                entry
                    .and_modify(|known| {
                        if known.0 > number {
                            *known = window();
                        }
                    })
                    .or_insert_with(window);
            }
        }
    }
}

/// What is wrong before or after: that is no matter of order.
fn lasting(part: &Change<'_>) -> BTreeSet<(Rule, String)> {
    let before = verify::of(part.pairs().filter_map(|(_, _, pair)| pair.old));
    let after = verify::of(part.pairs().filter_map(|(_, _, pair)| pair.new));
    before.iter().chain(&after).map(key).collect()
}

fn key(judgement: &Judgement) -> (Rule, String) {
    (judgement.rule, judgement.message.clone())
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
    turn: &ObjectId,
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

#[cfg(test)]
mod tests;
