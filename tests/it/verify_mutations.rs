//! `verify` can be trusted: what the examples render to is correct, one thing in it is broken at a time, and each is found.
//!
//! `operators.rs` is the list: what is broken in words, how bad it is at least, the rules one of which must say so, and the
//! objects one of which must be named. What is nothing to access must stay silent.

pub(crate) mod edit;
mod operators;
mod ours;
mod ray;

use std::path::Path;
use std::sync::OnceLock;

use gatewright::krm::results::Severity;
use gatewright::verify::judgement::Judgement;
use serde_json::Value;

use crate::judged::{faults, judgements, line, named};
use crate::program::{Folder, gatewright};
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

/// What is not found yet, and why. One that is found must leave this list.
const NOT_YET: &[(&str, &str)] = &[];

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
        let (mut applied, mut caught) = (0, 0);
        let not_yet = NOT_YET.iter().any(|(name, _)| *name == operator.name);
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
            let is_found = found
                .iter()
                .any(|judgement| is_expected(operator, judgement, &changed));
            caught += usize::from(is_found);
            if !is_found && !not_yet {
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
        if not_yet && caught == applied {
            missed.push(format!("{}: is found now; take it out of NOT_YET", operator.name));
        }
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
        let changed = examples()
            .iter()
            .find_map(|example| example.manifests.changed(operator.changes));
        let mut objects = changed.unwrap().objects;
        let before = faults(&objects);
        objects.reverse();
        assert_eq!(before, faults(&objects), "{}", operator.name);
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

/// A file broken by hand, as people see it: text, JSON and SARIF, with file and line, and the exit status.
#[test]
fn the_program_says_where() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/.expected/platform-openshift.yaml");
    let example = std::fs::read_to_string(example).unwrap();
    for (name, from, to, rule, object) in TEXTS {
        assert!(example.contains(from), "{name}");
        let folder = Folder::new("verify");
        let broken = example.replace(from, to);
        let file = folder.write("all.yaml", &broken);
        let path = file.to_str().unwrap();
        let text = gatewright(&["verify", path], b"");
        assert_eq!(text.code, 1, "{name}:\n{}{}", text.stdout, text.stderr);
        let json = gatewright(&["verify", "--format", "json", path], b"");
        assert_eq!(json.code, 1, "{name}");
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        let judgements = report["judgements"].as_array().unwrap();
        let judgement = judgements
            .iter()
            .find(|judgement| judgement["rule"] == *rule && judgement["at"]["kind"] == *object)
            .unwrap_or_else(|| panic!("{name}: {}", json.stdout));
        assert_eq!(judgement["severity"], "error", "{name}");
        // The line is one of the object that is named.
        let line = judgement["at"]["line"].as_u64().unwrap();
        assert_eq!(
            kind_at(&broken, usize::try_from(line).unwrap()),
            *object,
            "{name}"
        );
        let head = format!("error[{rule}]: {path}:{line}: ");
        assert!(
            text.stdout.contains(&head),
            "{name}: no `{head}`:\n{}",
            text.stdout
        );
        let sarif = gatewright(&["verify", "--format", "sarif", path], b"");
        assert_eq!(sarif.code, 1, "{name}");
        let sarif: Value = serde_json::from_str(&sarif.stdout).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        assert!(
            results.iter().any(|result| {
                let at = &result["locations"][0]["physicalLocation"];
                result["ruleId"] == *rule && result["level"] == "error" && at["region"]["startLine"] == line
            }),
            "{name}: {sarif:#}"
        );
    }
}

/// The kind of the object that a line of a stream is in.
fn kind_at(text: &str, line: usize) -> &str {
    let mut start = 0;
    for (index, words) in text.lines().enumerate() {
        if words == "---" {
            if index + 1 > line {
                break;
            }
            start = index + 1;
        }
    }
    let kind = text
        .lines()
        .skip(start)
        .find_map(|line| line.strip_prefix("kind: "));
    kind.unwrap_or_default()
}

/// What is broken in the text of an example: from, to, the rule, and the kind of the object it is said of.
const TEXTS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "the guard's Service leads to 8888",
        "targetPort: kube-rbac-proxy",
        "targetPort: 8888",
        "unguarded-route",
        "HTTPRoute",
    ),
    (
        "the gateway reaches 8888",
        "    - port: 8443\n      protocol: TCP\n  - from:\n    - namespaceSelector:\n        matchLabels:\n          \
         kubernetes.io/metadata.name: opendatahub",
        "    - port: 8888\n      protocol: TCP\n  - from:\n    - namespaceSelector:\n        matchLabels:\n          \
         kubernetes.io/metadata.name: opendatahub",
        "open-port",
        "NetworkPolicy",
    ),
    (
        "certificate not checked",
        "mode: SIMPLE",
        "mode: SIMPLE\n        insecureSkipVerify: true",
        "unverified-hop",
        "DestinationRule",
    ),
    (
        "asks about another Notebook",
        "name: \"churn\"",
        "name: \"scratch\"",
        "wrong-review",
        "ConfigMap",
    ),
    (
        "the check lets through when it fails",
        "failure_mode_allow: false",
        "failure_mode_allow: true",
        "skipped-login",
        "EnvoyFilter",
    ),
    (
        "the gateway takes routes of all namespaces",
        "        from: Selector",
        "        from: All",
        "foreign-routes",
        "Gateway",
    ),
    (
        "everybody who has a name",
        "  kind: User\n  name: dana",
        "  kind: Group\n  name: system:authenticated",
        "everybody",
        "RoleBinding",
    ),
];

#[test]
fn the_program_is_silent_on_what_is_correct() {
    for (name, ..) in EXAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/.expected/{name}.yaml"));
        let run = gatewright(&["verify", "--strict", path.to_str().unwrap()], b"");
        assert_eq!(run.code, 0, "{name}:\n{}{}", run.stdout, run.stderr);
        assert!(
            run.stdout.contains("\n0 exposures, 0 warnings")
                || run.stdout.starts_with("0 exposures, 0 warnings"),
            "{name}: {}",
            run.stdout
        );
    }
}
