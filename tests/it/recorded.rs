//! Recorded cases: what a real controller made of its input stands in a folder of `fixtures/`, and what ours makes of the
//! same input is put beside it.
//!
//! Such a folder has a `README.md`, a folder for each case with `input.yaml` (from step N on `input-N.yaml`) and
//! `live-N.yaml`, what the API server held after step N; `cases.tsv`, which says of each case what the controller did and
//! what ours does; and `reasons.tsv`, which has a reason for each difference between the two.

pub(crate) mod difference;
mod document;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::{GATEWRIGHT, run};
use difference::Difference;

/// The recordings of one controller.
pub(crate) struct Recordings {
    /// The folder below `fixtures/`, and the document's name in `snapshots/`.
    pub(crate) name: &'static str,
    /// The Platform under which an input is rendered.
    pub(crate) platform: fn(&str) -> String,
    /// Beginnings of the reasons.
    pub(crate) cites: &'static [&'static str],
    /// What `effect` can be.
    pub(crate) effects: &'static [&'static str],
    /// Effects with which a step may be rendered that nothing was recorded of.
    pub(crate) unrecorded: &'static [&'static str],
    /// Cases that are not yet what `cases.tsv` says, and what is missing. One that has become so must leave this list.
    pub(crate) pending: &'static [(&'static str, &'static str)],
    /// What is found in nearly every case: the document says it once, in its preface.
    pub(crate) everywhere: &'static [&'static str],
    /// What stands before the tables of the document.
    pub(crate) preface: &'static str,
    /// What stands before the cases.
    pub(crate) legend: &'static str,
    /// What the controller is called at the head of a column.
    pub(crate) controller: &'static str,
    /// The steps of each case, rendered once for all tests.
    pub(crate) steps: OnceLock<BTreeMap<String, Vec<Step>>>,
}

/// A line of `cases.tsv`.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What became of it there.
    pub(crate) effect: String,
    pub(crate) did: String,
    /// `works` and how that is shown, or a severity; `-` where the case says nothing about a generator, and has no folder.
    pub(crate) ours: String,
    /// The object and the beginning of the field that the finding is about.
    pub(crate) place: String,
    pub(crate) why: String,
}

/// What stood in git, and what we make of it.
pub(crate) struct Step {
    pub(crate) number: u32,
    pub(crate) input: Vec<Value>,
    pub(crate) text: String,
    pub(crate) answer: Answer,
    /// What the controller had made by then, step by step.
    pub(crate) live: Vec<Vec<Value>>,
}

/// Our answer.
pub(crate) struct Answer {
    /// The findings as people see them, without the place in the file.
    pub(crate) findings: Vec<String>,
    /// What was rendered; nothing where there are errors.
    pub(crate) rendered: Option<Vec<Value>>,
    pub(crate) stdout: String,
}

/// A line of `reasons.tsv`.
pub(crate) struct Reason {
    pub(crate) difference: Difference,
    /// The cases it is for.
    cases: String,
    pub(crate) why: String,
}

/// Every difference, with the cases that show it.
pub(crate) type Found = BTreeMap<Difference, Vec<String>>;
/// A reason with the differences it explains.
pub(crate) type Explained<'a> = (&'a Reason, Found);

/// Renders documents under a Platform.
pub(crate) fn render(platform: &str, input: &str) -> Answer {
    let mut command = std::process::Command::new(GATEWRIGHT);
    command
        .arg("fn")
        .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
        .env_remove("RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE");
    let answer = run(command, format!("{platform}---\n{input}").as_bytes());
    let findings: Vec<String> = answer
        .stderr
        .lines()
        // What is said of the Platform is the same for every case.
        .filter(|line| line.starts_with("error: ") || !line.contains(": Platform recordings: "))
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
            let all = difference::objects("rendered", &answer.stdout).into_iter();
            all.filter(|object| object["kind"] != "Platform").collect()
        }),
        stdout: answer.stdout,
    }
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

// === impl Case ===

impl Case {
    /// Whether it says something about a generator.
    pub(crate) fn is_compared(&self) -> bool {
        self.ours != "-"
    }
}

// === impl Reason ===

impl Reason {
    fn explains(&self, difference: &Difference, case: &str) -> bool {
        fits(&self.difference.part, &difference.part)
            && fits(&self.difference.field, &difference.field)
            && fits(&self.difference.theirs, &difference.theirs)
            && fits(&self.difference.ours, &difference.ours)
            && fits(&self.cases, case)
    }
}

// === impl Recordings ===

impl Recordings {
    fn folder(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(self.name)
    }

    /// The rows of a table; all have as many columns as its first line.
    fn rows(&self, file: &str) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.folder().join(file)).unwrap();
        let mut rows = text
            .lines()
            .map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        let columns = rows.next().unwrap().len();
        let rows: Vec<Vec<String>> = rows.collect();
        for row in &rows {
            assert_eq!(row.len(), columns, "{file}: {row:?}");
        }
        rows
    }

    /// The cases, one line for each folder.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let case = |row: Vec<String>| {
            let [name, effect, did, ours, place, why] = <[String; 6]>::try_from(row).unwrap();
            assert!(
                self.effects.contains(&&*effect),
                "{name}: no such effect: {effect}"
            );
            let known = ["error", "warning", "info", "works", "-"];
            let first = ours.split(' ').next().unwrap_or_default();
            assert!(known.contains(&first), "{name}: no such answer: {ours}");
            Case {
                name,
                effect,
                did,
                ours,
                place,
                why,
            }
        };
        let cases: Vec<Case> = self.rows("cases.tsv").into_iter().map(case).collect();
        let mut folders: Vec<String> = std::fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        folders.sort();
        let compared = cases.iter().filter(|case| case.is_compared());
        let names: Vec<&String> = compared.map(|case| &case.name).collect();
        assert_eq!(
            names,
            folders.iter().collect::<Vec<_>>(),
            "cases.tsv has a line for each case"
        );
        cases
    }

    fn reasons(&self) -> Vec<Reason> {
        let reason = |mut row: Vec<String>| {
            let why = row.pop().unwrap();
            let cases = if row.len() == 5 {
                row.pop().unwrap()
            } else {
                "*".to_owned()
            };
            let [part, field, theirs, ours] = <[String; 4]>::try_from(row).unwrap();
            let cites = self.cites.iter().any(|start| why.starts_with(start));
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
                cases,
                why,
            }
        };
        self.rows("reasons.tsv").into_iter().map(reason).collect()
    }

    /// The steps of a case.
    pub(crate) fn steps(&self, case: &str) -> &[Step] {
        let all = self.steps.get_or_init(|| {
            let compared = self.cases().into_iter().filter(Case::is_compared);
            compared
                .map(|case| (case.name.clone(), self.read_steps(&case.name)))
                .collect()
        });
        all.get(case).map_or(&[], Vec::as_slice)
    }

    fn read_steps(&self, case: &str) -> Vec<Step> {
        let folder = self.folder().join(case);
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
                    input: difference::objects(&name, &text),
                    answer: render(&(self.platform)(&text), &text),
                    text,
                    live: Vec::new(),
                });
            }
            let name = format!("live-{number}.yaml");
            if let Some(text) = read(&name) {
                let step = steps.last_mut().unwrap();
                step.live.push(difference::objects(&name, &text));
            }
        }
        steps
    }

    /// What is missing for a case.
    fn pending(&self, case: &str) -> Option<&'static str> {
        let entry = self.pending.iter().find(|(name, _)| *name == case);
        entry.map(|(_, missing)| *missing)
    }

    /// Every difference, with the cases that show it.
    fn found(&self, cases: &[Case], differences: &Differences) -> Found {
        let mut found = Found::new();
        for case in cases {
            for step in self.steps(&case.name) {
                let Some(rendered) = &step.answer.rendered else {
                    continue;
                };
                assert!(
                    !step.live.is_empty() || self.unrecorded.contains(&&*case.effect),
                    "{}: rendered, and nothing to compare it with: copy the recording of step {}",
                    case.name,
                    step.number
                );
                for live in &step.live {
                    for difference in differences(step, live, rendered) {
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

    /// Every difference has a reason, and every reason a difference.
    pub(crate) fn every_difference_has_a_reason(&self, differences: &Differences) {
        let reasons = self.reasons();
        let found = self.found(&self.cases(), differences);
        let unused: Vec<String> = explained(&found, &reasons)
            .into_iter()
            .filter(|(_, differences)| differences.is_empty())
            .map(|(reason, _)| format!("{:?} {}", reason.difference, reason.cases))
            .collect();
        assert!(
            unused.is_empty(),
            "no case needs these reasons, or earlier lines give them:\n{}",
            unused.join("\n")
        );
    }

    /// Each case is what `cases.tsv` says.
    pub(crate) fn every_case_is_shown(&self, proof: impl Fn(&Case, &[Step]) -> Shown) {
        let mut wrong = Vec::new();
        for case in self.cases().iter().filter(|case| case.is_compared()) {
            let shown = found_as_said(case, self.steps(&case.name))
                .and_then(|()| proof(case, self.steps(&case.name)));
            match (shown, self.pending(&case.name).is_some()) {
                (Ok(()), true) => {
                    wrong.push(format!("{}: is found now; take it out of `pending`", case.name));
                }
                (Err(message), false) => wrong.push(format!("{}: {message}", case.name)),
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The document in `snapshots/` is what the cases give. `INSTA_UPDATE=always` writes it.
    pub(crate) fn the_document_is_up_to_date(&self, differences: &Differences) {
        let (cases, reasons) = (self.cases(), self.reasons());
        let found = self.found(&cases, differences);
        let text = document::write(self, &cases, &explained(&found, &reasons));
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("snapshots/{}.md", self.name));
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
}

/// The differences of a step: what is live there, and what we rendered.
pub(crate) type Differences = dyn Fn(&Step, &[Value], &[Value]) -> Vec<Difference>;
/// Whether something is shown, or what is against it.
pub(crate) type Shown = Result<(), String>;

pub(crate) fn ensure(holds: bool, message: impl Fn() -> String) -> Shown {
    if holds { Ok(()) } else { Err(message()) }
}

/// Whether the findings are those that `cases.tsv` tells.
fn found_as_said(case: &Case, steps: &[Step]) -> Shown {
    let severities = ["error", "warning", "info"];
    let all: std::collections::BTreeSet<&str> = steps
        .iter()
        .flat_map(|step| &step.answer.findings)
        .map(String::as_str)
        .collect();
    if severities.contains(&&*case.ours) {
        let start = format!("{}: {}", case.ours, case.place);
        ensure(all.iter().any(|finding| finding.starts_with(&start)), || {
            format!("no finding `{start}`, but {all:?}")
        })?;
        let worse = all.iter().find(|finding| finding.starts_with("error: "));
        return ensure(case.ours == "error" || worse.is_none(), || {
            format!("refused: {worse:?}")
        });
    }
    let bad: Vec<&&str> = all
        .iter()
        .filter(|finding| !finding.starts_with("info: "))
        .collect();
    ensure(bad.is_empty(), || {
        format!("should work without a word, but {bad:?}")
    })?;
    ensure(case.effect == "fine" || !case.why.is_empty(), || {
        "that it works needs a reason".to_owned()
    })
}

/// For each difference the first reason that explains it in a case; panics with lines to be completed where there is none.
fn explained<'a>(found: &Found, reasons: &'a [Reason]) -> Vec<Explained<'a>> {
    let mut explained: Vec<Explained<'_>> = reasons.iter().map(|reason| (reason, Found::new())).collect();
    let mut unexplained = Vec::new();
    for (difference, cases) in found {
        let mut without: Vec<&str> = Vec::new();
        for case in cases {
            match reasons
                .iter()
                .position(|reason| reason.explains(difference, case))
            {
                Some(index) => {
                    let shown = explained[index].1.entry(difference.clone()).or_default();
                    shown.push(case.clone());
                }
                None => without.push(case),
            }
        }
        if let Some(first) = without.first() {
            unexplained.push(format!(
                "{}\t{}\t{}\t{}\tfault or design: (case {first}, {} in all)",
                difference.part,
                difference.field,
                difference.theirs,
                difference.ours,
                without.len()
            ));
        }
    }
    assert!(
        unexplained.is_empty(),
        "differences that reasons.tsv gives no reason for:\n{}",
        unexplained.join("\n")
    );
    explained
}
