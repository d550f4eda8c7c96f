//! Ours beside the real controller's: every recorded case (`fixtures/odh-notebook-controller/README.md`) is rendered, and
//! what comes out is compared with what the controller made of the same Notebook.
//!
//! Each difference needs a reason in `reasons.tsv`, and each reason a difference. What the controller refused, or made an
//! outage or an opening of, is a finding of ours, or something that is shown to work. `INSTA_UPDATE=always` writes
//! `snapshots/odh-notebook-controller.md`.

pub(crate) mod compare;
mod document;
mod proof;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::{GATEWRIGHT, run};
use compare::Difference;

/// Cases that are not yet what `cases.tsv` says, and what is missing. One that has become so must leave this list.
const PENDING: [(&str, &str); 0] = [];

fn pending(case: &str) -> Option<&'static str> {
    let entry = PENDING.iter().find(|(name, _)| *name == case);
    entry.map(|(_, missing)| *missing)
}

const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata:
  name: recordings
spec:
  flavor: OpenShift
  applicationsNamespace: opendatahub
  sidecar:
    image: example/kube-rbac-proxy@sha256:1111111111111111111111111111111111111111111111111111111111111111
    program: odh-kube-rbac-proxy
";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/odh-notebook-controller")
}

/// A line of `cases.tsv`.
struct Case {
    name: String,
    /// `fine`, `refused`, `outage`, `exposed` or `changed`.
    effect: String,
    did: String,
    /// `works` and how that is shown, or a severity.
    ours: String,
    /// The object and the beginning of the field that the finding is about.
    place: String,
    why: String,
}

/// What stood in git, and what we make of it.
struct Step {
    number: u32,
    input: Vec<Value>,
    text: String,
    answer: Answer,
    /// What the controller had made by then, step by step.
    live: Vec<Vec<Value>>,
}

/// Our answer.
struct Answer {
    /// The findings as people see them, without the place in the file.
    findings: Vec<String>,
    /// What was rendered; nothing where there are errors.
    rendered: Option<Vec<Value>>,
    stdout: String,
}

/// A line of `reasons.tsv`.
struct Reason {
    difference: Difference,
    why: String,
}

/// Every difference, with the cases that show it.
type Found = BTreeMap<Difference, Vec<String>>;
/// A reason with the differences it explains.
type Explained<'a> = (&'a Reason, Found);

/// Renders documents under the Platform of the recordings.
fn render(input: &str) -> Answer {
    let mut command = std::process::Command::new(GATEWRIGHT);
    command
        .arg("fn")
        .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
        .env_remove("RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE");
    let answer = run(command, format!("{PLATFORM}---\n{input}").as_bytes());
    let findings: Vec<String> = answer
        .stderr
        .lines()
        // What is said of the Platform is the same for every case.
        .filter(|line| !line.contains(": Platform recordings: "))
        .map(|line| match line.split_once(": <stdin>:") {
            Some((severity, rest)) => {
                let told = rest.split_once(": ").map_or(rest, |(_, told)| told);
                format!("{severity}: {told}")
            }
            None => line.to_owned(),
        })
        .collect();
    let errors = findings.iter().any(|finding| finding.starts_with("error: "));
    assert_eq!(
        answer.code == 0,
        !errors,
        "exit {}: {}",
        answer.code,
        answer.stderr
    );
    Answer {
        findings,
        rendered: (answer.code == 0).then(|| {
            let all = compare::objects("rendered", &answer.stdout).into_iter();
            all.filter(|object| object["kind"] != "Platform").collect()
        }),
        stdout: answer.stdout,
    }
}

fn rows(file: &str, columns: usize) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let rows: Vec<Vec<String>> = text
        .lines()
        .skip(1)
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    for row in &rows {
        assert_eq!(row.len(), columns, "{file}: {row:?}");
    }
    rows
}

fn cases() -> Vec<Case> {
    let case = |row: Vec<String>| {
        let [name, effect, did, ours, place, why] = <[String; 6]>::try_from(row).unwrap();
        Case {
            name,
            effect,
            did,
            ours,
            place,
            why,
        }
    };
    let cases: Vec<Case> = rows("cases.tsv", 6).into_iter().map(case).collect();
    let mut folders: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let names: Vec<&String> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(
        names,
        folders.iter().collect::<Vec<_>>(),
        "cases.tsv has a line for each case"
    );
    cases
}

fn reasons() -> Vec<Reason> {
    let reason = |row: Vec<String>| {
        let [part, field, theirs, ours, why] = <[String; 5]>::try_from(row).unwrap();
        let cites = why.starts_with("fault 7.") || why.starts_with("design: ");
        assert!(
            cites,
            "{part} {field}: a reason names a fault or the design: {why}"
        );
        Reason {
            difference: Difference {
                part,
                field,
                theirs,
                ours,
            },
            why,
        }
    };
    rows("reasons.tsv", 5).into_iter().map(reason).collect()
}

/// The steps of a case, rendered once for all tests.
fn steps(case: &str) -> &'static [Step] {
    static STEPS: OnceLock<BTreeMap<String, Vec<Step>>> = OnceLock::new();
    let all = STEPS.get_or_init(|| {
        let named = |case: Case| (case.name.clone(), read_steps(&case.name));
        cases().into_iter().map(named).collect()
    });
    &all[case]
}

fn read_steps(case: &str) -> Vec<Step> {
    let folder = folder().join(case);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let mut steps: Vec<Step> = Vec::new();
    for number in 1..=9 {
        let name = if number == 1 {
            "input.yaml".to_owned()
        } else {
            format!("input-{number}.yaml")
        };
        if let Some(text) = read(&name) {
            steps.push(Step {
                number,
                input: compare::objects(&name, &text),
                answer: render(&text),
                text,
                live: Vec::new(),
            });
        }
        let name = format!("live-{number}.yaml");
        if let Some(text) = read(&name) {
            let step = steps.last_mut().unwrap();
            step.live.push(compare::objects(&name, &text));
        }
    }
    steps
}

/// Whether a text fits a pattern in which `*` is anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(tail, &rest[at..]))
        }),
    }
}

// === impl Reason ===

impl Reason {
    fn explains(&self, difference: &Difference) -> bool {
        fits(&self.difference.part, &difference.part)
            && fits(&self.difference.field, &difference.field)
            && fits(&self.difference.theirs, &difference.theirs)
            && fits(&self.difference.ours, &difference.ours)
    }
}

/// Every difference, with the cases that show it.
fn found(cases: &[Case]) -> Found {
    let mut found = Found::new();
    for case in cases {
        for step in steps(&case.name) {
            let Some(rendered) = &step.answer.rendered else {
                continue;
            };
            assert!(
                !step.live.is_empty() || ["refused", "changed"].contains(&&*case.effect),
                "{}: rendered, and nothing to compare it with: copy the recording of step {}",
                case.name,
                step.number
            );
            let ours = compare::of_ours(rendered, &step.input);
            for live in &step.live {
                let theirs = compare::of_controller(live, &step.input);
                for difference in compare::differences(&theirs, &ours) {
                    let shown = found.entry(difference).or_default();
                    if shown.last() != Some(&case.name) {
                        shown.push(case.name.clone());
                    }
                }
            }
        }
    }
    found
}

/// For each difference the first reason that explains it; panics with lines to be completed where there is none.
fn explained<'a>(found: &Found, reasons: &'a [Reason]) -> Vec<Explained<'a>> {
    let mut explained: Vec<Explained<'_>> = reasons.iter().map(|reason| (reason, Found::new())).collect();
    let mut unexplained = Vec::new();
    for (difference, cases) in found {
        match reasons.iter().position(|reason| reason.explains(difference)) {
            Some(index) => {
                explained[index].1.insert(difference.clone(), cases.clone());
            }
            None => unexplained.push(format!(
                "{}\t{}\t{}\t{}\tfault 7. or design: (case {}, {} in all)",
                difference.part,
                difference.field,
                difference.theirs,
                difference.ours,
                cases[0],
                cases.len()
            )),
        }
    }
    assert!(
        unexplained.is_empty(),
        "differences that reasons.tsv gives no reason for:\n{}",
        unexplained.join("\n")
    );
    explained
}

#[test]
fn every_difference_has_a_reason_and_every_reason_a_difference() {
    let (cases, reasons) = (cases(), reasons());
    let found = found(&cases);
    let unused: Vec<&Difference> = explained(&found, &reasons)
        .into_iter()
        .filter(|(_, differences)| differences.is_empty())
        .map(|(reason, _)| &reason.difference)
        .collect();
    assert!(
        unused.is_empty(),
        "no case needs these reasons, or earlier lines give them: {unused:#?}"
    );
}

#[test]
fn what_the_controller_refuses_or_breaks_is_a_finding_or_works() {
    let mut wrong = Vec::new();
    for case in cases() {
        let steps = steps(&case.name);
        let shown = proof::of_case(&case, steps);
        match (shown, pending(&case.name).is_some()) {
            (Ok(()), true) => wrong.push(format!("{}: is found now; take it out of PENDING", case.name)),
            (Err(message), false) => wrong.push(format!("{}: {message}", case.name)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_is_up_to_date() {
    let (cases, reasons) = (cases(), reasons());
    let found = found(&cases);
    let text = document::write(&cases, &explained(&found, &reasons));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots/odh-notebook-controller.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is not what the cases give; INSTA_UPDATE=always writes it",
        path.display()
    );
}
