//! `verify` on what real controllers made: every state in `fixtures/states` is judged, and in each is found what its README and
//! the studies of those controllers describe (`fixtures/states/expected.tsv`).
//!
//! What is found in all of them is in `snapshots/verify-recordings.md`; `INSTA_UPDATE=always` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gatewright::cluster::object::Object;
use gatewright::krm::object_id::ObjectId;
use gatewright::krm::results::Severity;
use gatewright::order::{Tool, windows};
use gatewright::verify::judgement::{Judgement, Rule};
use serde_json::Value;

use crate::judged::{self, judgements, line, named};
use crate::recorded::difference::{self, text};
use crate::verify_mutations::edit::fits;

/// Expectations that are not met yet, by their source and object, and why.
const PENDING: &[(&str, &str, &str)] = &[];

/// A line of `expected.tsv`.
struct Expectation {
    states: String,
    rule: String,
    object: String,
    source: String,
    what: String,
}

/// A state, and what is found in it.
struct State {
    objects: Vec<Value>,
    found: Vec<Judgement>,
    /// How long it took to judge.
    took: Duration,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/states")
}

fn names(folder: &Path, prefix: &str, names_: &mut Vec<String>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_dir() {
            names(&entry, &format!("{prefix}{name}/"), names_);
        } else if let Some(name) = name.strip_suffix(".yaml") {
            names_.push(format!("{prefix}{name}"));
        }
    }
}

/// Every state by its name, as in `odh-gateway/01-oauth/live-1`; read once for all tests.
fn states() -> &'static BTreeMap<String, State> {
    static READ: OnceLock<BTreeMap<String, State>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut all = Vec::new();
        names(&folder(), "", &mut all);
        all.into_iter()
            .map(|name| {
                let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
                let objects = difference::objects(&name, &text);
                let start = Instant::now();
                let found = judgements(&objects);
                let took = start.elapsed();
                (name, State { objects, found, took })
            })
            .collect()
    })
}

fn expectations() -> Vec<Expectation> {
    let table = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    table
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [states, rule, object, source, what] = fields[..] else {
                panic!("five columns: {line}")
            };
            Expectation {
                states: states.to_owned(),
                rule: rule.to_owned(),
                object: object.to_owned(),
                source: source.to_owned(),
                what: what.to_owned(),
            }
        })
        .collect()
}

/// The states that a pattern of the table means. A folder stands for all of its states.
fn chosen<'a>(patterns: &str, states: &'a BTreeMap<String, State>) -> Vec<&'a str> {
    let matches = |pattern: &str, name: &str| fits(pattern, name) || fits(&format!("{pattern}/*"), name);
    let (without, with): (Vec<&str>, Vec<&str>) = patterns
        .split(',')
        .map(str::trim)
        .partition(|pattern| pattern.starts_with('!'));
    for pattern in &with {
        assert!(
            states.keys().any(|name| matches(pattern, name)),
            "expected.tsv: no state is `{pattern}`"
        );
    }
    states
        .keys()
        .map(String::as_str)
        .filter(|name| with.iter().any(|pattern| matches(pattern, name)))
        .filter(|name| !without.iter().any(|pattern| matches(&pattern[1..], name)))
        .collect()
}

// === impl Expectation ===

impl Expectation {
    /// Whether an object is the one that is meant: `Kind,Kind namespace/name`.
    fn is_about(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let (kinds, object) = self.object.split_once(' ').unwrap();
        let (wanted_namespace, wanted_name) = object.split_once('/').unwrap();
        kinds.split(',').any(|wanted| wanted == kind)
            && fits(wanted_namespace, namespace)
            && fits(wanted_name, name)
    }

    fn names(&self, id: &ObjectId) -> bool {
        self.is_about(&id.kind, &id.namespace, &id.name)
    }

    fn is_in(&self, objects: &[Value]) -> bool {
        objects.iter().any(|object| {
            self.is_about(
                text(object, "/kind"),
                text(object, "/metadata/namespace"),
                text(object, "/metadata/name"),
            )
        })
    }

    /// What is against it in a state; empty: it is met.
    fn missed(&self, objects: &[Value], found: &[Judgement]) -> String {
        let about: Vec<&Judgement> = found
            .iter()
            .filter(|judgement| named(judgement).any(|id| self.names(id)))
            .collect();
        if let Some(rule) = self.rule.strip_prefix("no ") {
            let wrong: Vec<String> = about
                .iter()
                .filter(|judgement| judgement.rule.id() == rule)
                .map(|judgement| line(judgement))
                .collect();
            return wrong.join("; ");
        }
        if self.rule == "clean" {
            let errors = found
                .iter()
                .filter(|judgement| judgement.rule.severity() == Severity::Error);
            return errors.map(line).collect::<Vec<_>>().join("; ");
        }
        if self.rule == "-" || !self.is_in(objects) {
            return String::new();
        }
        let right = |judgement: &&&Judgement| self.rule.split('|').any(|rule| rule == judgement.rule.id());
        match about.iter().find(right) {
            None => {
                let about: BTreeSet<&str> = about.iter().map(|judgement| judgement.rule.id()).collect();
                format!("not found; about it: {about:?}")
            }
            Some(judgement) if judgement.way.is_empty() && has_way(judgement.rule) => {
                format!("found without a way: {}", line(judgement))
            }
            Some(_) => String::new(),
        }
    }
}

/// Whether what a rule says must be proved by a way.
fn has_way(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::OpenPort | Rule::UnguardedRoute | Rule::SkippedLogin | Rule::UnverifiedHop | Rule::Blocked
    )
}

#[test]
fn what_the_studies_describe_is_found() {
    let states = states();
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for expectation in expectations() {
        let mut missed = Vec::new();
        let mut judged = 0;
        if let Some((one, other)) = expectation.states.split_once(" + ") {
            for one in chosen(one, states) {
                for other in chosen(other, states) {
                    let objects = [&*states[one].objects, &*states[other].objects].concat();
                    judged += usize::from(expectation.is_in(&objects));
                    let why = expectation.missed(&objects, &judgements(&objects));
                    if !why.is_empty() {
                        missed.push(format!("{one} + {other}: {why}"));
                    }
                }
            }
        } else {
            for name in chosen(&expectation.states, states) {
                let state = &states[name];
                judged += usize::from(expectation.is_in(&state.objects));
                let why = expectation.missed(&state.objects, &state.found);
                if !why.is_empty() {
                    missed.push(format!("{name}: {why}"));
                }
            }
        }
        let pending = PENDING
            .iter()
            .find(|(source, object, _)| *source == expectation.source && *object == expectation.object);
        let head = format!(
            "{} [{}] {}: {}",
            expectation.source, expectation.rule, expectation.object, expectation.what
        );
        if judged == 0 && !["-", "clean"].contains(&&*expectation.rule) {
            wrong.push(format!("{head}\n    no state has such an object"));
        } else if missed.is_empty() {
            met.insert((expectation.source.clone(), expectation.object.clone()));
            if pending.is_some() {
                wrong.push(format!("{head}\n    is met now; take it out of PENDING"));
            }
        } else if pending.is_none() {
            wrong.push(format!(
                "{head}\n    {} of {judged}: {}",
                missed.len(),
                missed[..missed.len().min(4)].join("\n    ")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} lines of expected.tsv:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn each_state_is_judged_in_no_time() {
    assert!(states().len() > 300, "{}", states().len());
    for (name, state) in states() {
        assert!(state.took.as_secs() < 2, "{name}: {:?}", state.took);
    }
}

/// From one state to another as Flux or Argo CD would go, were the controllers' objects in git: the tool, both states (`-` is an
/// empty cluster, `without` leaves out what has a word in its name), and what is open on the way.
const WINDOWS: &[(Tool, &str, &str, &str)] = &[
    (
        Tool::Flux,
        "-",
        "odh-notebook-controller/01-auth-on/live",
        "Notebook t-auth-on/nb",
    ),
    (
        Tool::Flux,
        "odh-notebook-controller/01-auth-on/live",
        "-",
        "Notebook t-auth-on/nb",
    ),
    (
        Tool::Flux,
        "odh-notebook-controller/65-delete-two/live-1",
        "odh-notebook-controller/65-delete-two/live-1 without one",
        "Notebook s-delete/one",
    ),
    (
        Tool::ArgoCd,
        "odh-notebook-controller/65-delete-two/live-1",
        "odh-notebook-controller/65-delete-two/live-1 without one",
        "Notebook s-delete/one",
    ),
    (
        Tool::Flux,
        "ray-operators/upkr/12-np-default/live",
        "-",
        "RayCluster u-np/rc",
    ),
];

/// The order of an apply or a prune opens what neither end leaves open.
#[test]
fn orders_leave_moments_open() {
    let objects = |name: &str| -> Vec<Object> {
        let (name, without) = name.split_once(" without ").unwrap_or((name, "?"));
        let state = states().get(name).map(|state| &*state.objects);
        assert!(state.is_some() || name == "-", "{name}");
        let stays = |object: &&Value| !text(object, "/metadata/name").contains(without);
        let values = state.unwrap_or_default().iter().filter(stays);
        values.map(judged::object).collect()
    };
    let mut missed = Vec::new();
    for (tool, old, new, object) in WINDOWS {
        let (kind, name) = object.split_once(' ').unwrap();
        let found = windows::find(&objects(old), &objects(new), &[*tool]);
        let is_open = found.iter().any(|judgement| {
            judgement.rule == Rule::OrderWindow
                && named(judgement)
                    .any(|id| id.kind == kind && format!("{}/{}", id.namespace, id.name) == name)
        });
        if !is_open {
            let found: Vec<String> = found.iter().map(line).collect();
            missed.push(format!("{} from {old} to {new}: {found:#?}", tool.name()));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What is found, with the names of a case left out: rule, kind of object, and the object.
fn told(state: &State) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for judgement in &state.found {
        let id = &judgement.at.object;
        let object = match &*id.namespace {
            "" => format!("{} {}", id.kind, id.name),
            namespace => format!("{} {namespace}/{}", id.kind, id.name),
        };
        told.entry(judgement.rule.id().to_owned())
            .or_default()
            .insert(object);
    }
    told
}

fn document() -> String {
    let states = states();
    let mut document = "# What `verify` finds in what real controllers made\n\n\
        Generated by `tests/it/verify_recordings.rs` from `fixtures/states/`, whose README says what ran. Each state of a cluster \
        was judged alone: what another namespace, a gateway or its login would add is not in it.\n\n"
        .to_owned();
    let mut counts: BTreeMap<(usize, &str), (usize, usize)> = BTreeMap::new();
    for state in states.values() {
        let mut seen = BTreeSet::new();
        for judgement in &state.found {
            let order = Rule::ALL.iter().position(|rule| *rule == judgement.rule).unwrap();
            let count = counts.entry((order, judgement.rule.id())).or_default();
            count.0 += usize::from(seen.insert(judgement.rule));
            count.1 += 1;
        }
    }
    let _ = writeln!(
        document,
        "{} states.\n\n| rule | severity | states | findings |\n|---|---|---|---|",
        states.len()
    );
    for ((order, id), (of_states, of_findings)) in counts {
        let severity = Rule::ALL[order].severity().word();
        let _ = writeln!(document, "| `{id}` | {severity} | {of_states} | {of_findings} |");
    }
    let mut folder = "";
    for (name, state) in states {
        let (case_folder, rest) = name.rsplit_once('/').unwrap();
        let (of, case) = case_folder.rsplit_once('/').unwrap();
        if of != folder {
            folder = of;
            let _ = writeln!(document, "\n## {of}\n\n| state | found | where |\n|---|---|---|");
        }
        let label = format!("{case} {}", rest.strip_prefix("live").unwrap_or(rest));
        let label = label.trim_end().replace(" -", ", ");
        let told = told(state);
        if told.is_empty() {
            let _ = writeln!(document, "| {label} | nothing | |");
        }
        for (index, (rule, objects)) in told.iter().enumerate() {
            let label = if index == 0 { label.as_str() } else { "" };
            let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
            let _ = writeln!(document, "| {label} | `{rule}` | {} |", objects.join(", "));
        }
    }
    document.push_str("\n## What must be found\n\n| states | rule | object | what | described in |\n|---|---|---|---|---|\n");
    let (seen, unseen): (Vec<_>, Vec<_>) = expectations()
        .into_iter()
        .partition(|expectation| expectation.rule != "-");
    for expectation in seen {
        let _ = writeln!(
            document,
            "| {} | `{}` | {} | {} | {} |",
            short(&expectation.states),
            expectation.rule.replace('|', "` or `"),
            expectation.object,
            expectation.what,
            expectation.source
        );
    }
    document.push_str(
        "\n## What no manifest shows\n\n| states | object | why | described in |\n|---|---|---|---|\n",
    );
    for expectation in unseen {
        let _ = writeln!(
            document,
            "| {} | {} | {} | {} |",
            short(&expectation.states),
            expectation.object,
            expectation.what,
            expectation.source
        );
    }
    document
}

/// The patterns of the table without their folder, which the source names.
fn short(states: &str) -> String {
    let folders = [
        "odh-gateway/",
        "odh-notebook-controller/",
        "ray-operators/rhkr/",
        "ray-operators/cfo/",
        "ray-operators/upkr/",
    ];
    let mut states = states.to_owned();
    for folder in folders {
        states = states.replace(folder, "");
    }
    states
        .replace(',', " ")
        .replace('*', "…")
        .replace("-…", "")
        .replace('!', "not ")
}

#[test]
fn the_document_is_up_to_date() {
    let text = document();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/verify-recordings.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is not what the states give; INSTA_UPDATE=always writes it",
        path.display()
    );
}
