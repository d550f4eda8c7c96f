//! `verify` can be trusted: what the examples render to is correct, one thing in it is broken at a time, and each is found.
//!
//! `operators.rs` is the list: what is broken in words, how bad it is at least, the rules one of which must say so, and the
//! objects one of which must be named. What is nothing to access must stay silent.

pub(crate) mod edit;
mod operators;

use std::path::Path;
use std::sync::OnceLock;

use gatewright::krm::results::Severity;
use gatewright::verify::judgement::Judgement;
use serde_json::Value;

use crate::judged::{faults, judgements, line, named};
use crate::recorded::difference;
use edit::{Change, Manifests, fits};
use operators::{HARMLESS, OPERATORS, Operator};

/// What is rendered from the examples; with the gateway's namespace and name.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("platform-kubernetes-istio", "ai-gateway", "data-science-gateway"),
    ("platform-kubernetes-envoy-gateway", "ai-gateway", "odh-gateway"),
    ("platform-openshift", "openshift-ingress", "data-science-gateway"),
    (
        "platform-openshift-oidc",
        "openshift-ingress",
        "data-science-gateway",
    ),
    ("notebooks", "openshift-ingress", "data-science-gateway"),
];

/// What is rendered, and what is found in it.
struct Example {
    name: &'static str,
    manifests: Manifests,
    found: Vec<Judgement>,
}

fn examples() -> &'static [Example] {
    static READ: OnceLock<Vec<Example>> = OnceLock::new();
    READ.get_or_init(|| {
        EXAMPLES
            .iter()
            .map(|(name, gateway_namespace, gateway)| {
                let path = Path::new(env!("CARGO_MANIFEST_DIR"));
                let text =
                    std::fs::read_to_string(path.join(format!("examples/.expected/{name}.yaml"))).unwrap();
                let objects = difference::objects(name, &text);
                let found = judgements(&objects);
                let manifests = Manifests {
                    objects,
                    gateway_namespace,
                    gateway,
                };
                Example {
                    name,
                    manifests,
                    found,
                }
            })
            .collect()
    })
}

/// What is found after a change, what is merely not known too, and was not found before it.
fn new_judgements(before: &[Judgement], after: &[Value]) -> Vec<Judgement> {
    let mut found = judgements(after);
    found.retain(|judgement| !before.contains(judgement));
    found
}

/// Whether a new judgement is one that an operator asks for.
fn is_expected(operator: &Operator, judgement: &Judgement, manifests: &Manifests) -> bool {
    let near = |pattern: &&str| {
        let pattern = pattern.replace("{gateway}", manifests.gateway);
        let (kind, name) = pattern.split_once(' ').unwrap();
        named(judgement).any(|id| id.kind == kind && fits(name, &id.name))
    };
    judgement.rule.severity() <= operator.severity
        && operator.rules.contains(&judgement.rule)
        && operator.near.iter().any(near)
}

#[test]
fn what_the_examples_render_to_is_correct() {
    for example in examples() {
        let found: Vec<String> = faults(&example.manifests.objects).iter().map(line).collect();
        assert!(found.is_empty(), "{}:\n{}", example.name, found.join("\n"));
    }
}

#[test]
fn each_thing_that_is_broken_is_found() {
    let mut missed = Vec::new();
    for operator in OPERATORS {
        let mut applied = 0;
        for Example {
            name,
            manifests,
            found,
        } in examples()
        {
            let Some(changed) = manifests.changed(operator.changes) else {
                continue;
            };
            applied += 1;
            let found = new_judgements(found, &changed.objects);
            if !found
                .iter()
                .any(|judgement| is_expected(operator, judgement, &changed))
            {
                let found: Vec<String> = found
                    .iter()
                    .map(|judgement| format!("\n    {}", line(judgement)))
                    .collect();
                let found = if found.is_empty() {
                    "nothing".to_owned()
                } else {
                    found.concat()
                };
                missed.push(format!("{} ({name}): {found}", operator.name));
            }
        }
        assert!(applied > 0, "{}: there is nothing to break it in", operator.name);
    }
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}

#[test]
fn what_means_nothing_for_access_is_silent() {
    let mut loud = Vec::new();
    for harmless in HARMLESS {
        let mut applied = 0;
        for Example {
            name,
            manifests,
            found,
        } in examples()
        {
            let Some(changed) = manifests.changed(harmless.changes) else {
                continue;
            };
            applied += 1;
            let mut new = new_judgements(found, &changed.objects);
            new.retain(|judgement| judgement.rule.severity() < Severity::Info);
            for judgement in new {
                loud.push(format!("{} ({name}): {}", harmless.name, line(&judgement)));
            }
        }
        assert!(applied > 0, "{}: there is nothing to change it in", harmless.name);
    }
    assert!(
        loud.is_empty(),
        "found where nothing is wrong:\n{}",
        loud.join("\n")
    );
}

#[test]
fn the_order_of_objects_means_nothing() {
    for example in examples() {
        let mut objects = example.manifests.objects.clone();
        objects.reverse();
        assert_eq!(example.found, judgements(&objects), "{}", example.name);
        let half = objects.len() / 2;
        objects.rotate_left(half);
        assert_eq!(example.found, judgements(&objects), "{}", example.name);
    }
}

#[test]
fn the_order_of_what_is_broken_means_nothing() {
    for operator in OPERATORS {
        for example in examples() {
            let Some(mut changed) = example.manifests.changed(operator.changes) else {
                continue;
            };
            let before = faults(&changed.objects);
            changed.objects.reverse();
            let after = faults(&changed.objects);
            assert_eq!(before, after, "{} ({})", operator.name, example.name);
        }
    }
}

/// Names that stand in the examples are given others, everywhere: what was correct is correct.
#[test]
fn names_mean_nothing_when_they_change_everywhere() {
    for Example { name, manifests, .. } in examples() {
        let text = serde_json::to_string(&manifests.objects).unwrap();
        let renamed = text
            .replace("sales-analytics", "research")
            .replace("churn", "lab");
        let renamed: Vec<Value> = serde_json::from_str(&renamed).unwrap();
        let found: Vec<String> = faults(&renamed).iter().map(line).collect();
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

/// Every operator is one of its own.
#[test]
fn operators_have_names_of_their_own() {
    let mut names: Vec<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
    names.extend(HARMLESS.iter().map(|harmless| harmless.name));
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    let dropped = |change: &Change| matches!(change, Change::Drop(_));
    assert!(
        OPERATORS
            .iter()
            .filter(|operator| operator.changes.iter().all(dropped))
            .count()
            > 10
    );
    assert!(OPERATORS.len() >= 60);
}
