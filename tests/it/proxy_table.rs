//! Our proxy beside the real kube-rbac-proxy: the recorded requests (`fixtures/proxy/README.md`) are put to `gatewright proxy`, and
//! its answers are compared with those of the real program and of Open Data Hub's fork.
//!
//! Each difference needs a rule with a reason in `tests/parts/proxytable/allow-*.txt`, and each rule a difference.
//! `INSTA_UPDATE=always` writes `snapshots/proxy-differences.md`, which shows all of them. Where `GATEWRIGHT_KUBE_RBAC_PROXY` names a
//! program, that is asked the same as ours, in the same surroundings, and ours is compared with what it answers now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::parts;
use crate::program::{Folder, GATEWRIGHT, Run};
use crate::requirements::{in_a_cell, is_up_to_date};

/// Names a kube-rbac-proxy to compare with.
const GIVEN: &str = "GATEWRIGHT_KUBE_RBAC_PROXY";
/// What it is called in the table that is recorded of it.
const GIVEN_PROGRAM: &str = "given";

/// Runs what it is given until that ends, or until its own standard input does, which it does however the test process ends.
/// The program stops its children when it is told to end.
const KEEPER: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
(read -r line <&3; kill -TERM "$program") >/dev/null 2>&1 &
watcher=$!
wait "$program"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// A program that answers were recorded of.
struct Recorded {
    /// Its key in the table.
    key: &'static str,
    /// Our flags to be compared with it.
    flags: &'static str,
    /// What may differ.
    allow: &'static str,
}

/// As people replace it: with the flags they have. The fork's own answers are asked for.
const PROGRAMS: [Recorded; 2] = [
    Recorded {
        key: "krp",
        flags: "",
        allow: "allow-kube-rbac-proxy.txt",
    },
    Recorded {
        key: "odh",
        flags: " --compatibility=odh-kube-rbac-proxy",
        allow: "allow-odh-kube-rbac-proxy.txt",
    },
];

/// Groups of cases, each for a run of its own beside the others: most of the time is spent waiting. Those that none of the first
/// has are in the last.
const PARTS: [&[&str]; 2] = [&["forks", "outage", "startup"], &[]];

/// A place in which an answer of ours is not the recorded one.
#[derive(Debug, Clone)]
struct Difference {
    group: String,
    case: String,
    field: String,
    recorded: String,
    ours: String,
    /// Why it may be so; none where no rule says.
    reason: Option<String>,
}

/// What a program's answers gave.
#[derive(Debug, Default)]
struct Compared {
    cases: u64,
    differences: Vec<Difference>,
    unused: BTreeSet<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> PathBuf {
    root().join("fixtures/proxy/kube-rbac-proxy.json")
}

fn tool(name: &str) -> String {
    let path = root().join("tests/parts/proxytable").join(name);
    path.to_str().unwrap().to_owned()
}

/// The cases of the table by their groups.
fn groups() -> BTreeMap<String, u64> {
    let table: Value = serde_json::from_slice(&std::fs::read(table()).unwrap()).unwrap();
    let mut groups = BTreeMap::new();
    for case in table["cases"].as_array().unwrap() {
        *groups
            .entry(case["group"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    groups
}

/// The groups of each part.
fn parts_of_the_table() -> Vec<Vec<String>> {
    let named: BTreeSet<&str> = PARTS.iter().copied().flatten().copied().collect();
    let rest = groups()
        .into_keys()
        .filter(|group| !named.contains(group.as_str()));
    let mut all: Vec<Vec<String>> = PARTS
        .iter()
        .map(|groups| groups.iter().map(|&group| group.to_owned()).collect())
        .collect();
    all.last_mut().unwrap().extend(rest);
    all
}

/// Runs the tool on some groups.
fn run_tool(verb: &str, table: &Path, groups: &[String], arguments: &[&str]) -> Run {
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper", "python3"]);
    command.args([&tool("proxy_table.py"), verb, "--quiet", "--table"]);
    command.arg(table);
    for group in groups {
        command.args(["--only", group]);
    }
    for (flag, program) in [("--etcd", "etcd"), ("--kube-apiserver", "kube-apiserver")] {
        command.arg(flag).arg(parts::find(program).unwrap());
    }
    let mut child = command
        .args(arguments)
        .env("PYTHONPATH", parts::h2())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let held = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(held);
    output.into()
}

/// Asks ours and compares with what is recorded of a program.
fn replay(table: &Path, groups: &[String], against: &str, program: &Recorded) -> Compared {
    let ours = format!("{GATEWRIGHT} proxy{}", program.flags);
    let run = run_tool(
        "replay",
        table,
        groups,
        &[
            "--json",
            "--against",
            against,
            "--proxy",
            &ours,
            "--allow",
            &tool(program.allow),
        ],
    );
    let mut compared = Compared::default();
    for line in run.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        match &*text("kind") {
            "unused" => {
                compared.unused.insert(text("rule"));
            }
            "end" => compared.cases = line["same"].as_u64().unwrap() + line["different"].as_u64().unwrap(),
            _ => compared.differences.push(Difference {
                group: text("group"),
                case: text("case"),
                field: text("field"),
                recorded: text("recorded"),
                ours: text("now"),
                reason: line["reason"].as_str().map(str::to_owned),
            }),
        }
    }
    assert!(
        compared.cases > 0,
        "the tool ends with {}: {}",
        run.code,
        run.stderr
    );
    compared
}

/// All parts of the table, each as `one` runs it, at the same time.
fn all_parts(program: &Recorded, one: impl Fn(&[String], &Recorded) -> Compared + Sync) -> Compared {
    let parts = parts_of_the_table();
    let done: Vec<Compared> = std::thread::scope(|scope| {
        let running: Vec<_> = parts
            .iter()
            .map(|groups| scope.spawn(|| one(groups, program)))
            .collect();
        running.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let cases = done.iter().map(|part| part.cases).sum();
    assert_eq!(cases, groups().values().sum::<u64>(), "every case is asked once");
    Compared {
        cases,
        // A rule is needed where one part needs it.
        unused: done
            .iter()
            .map(|part| part.unused.clone())
            .reduce(|all, part| &all & &part)
            .unwrap_or_default(),
        differences: done.into_iter().flat_map(|part| part.differences).collect(),
    }
}

/// Ours beside each recorded program; asked once for all tests. Nothing where a part is missing.
fn recorded() -> Option<&'static [Compared]> {
    static DONE: OnceLock<Vec<Compared>> = OnceLock::new();
    if !parts::needs_proxy_table() {
        return None;
    }
    let done = DONE.get_or_init(|| {
        let one = |groups: &[String], program: &Recorded| replay(&table(), groups, program.key, program);
        std::thread::scope(|scope| {
            let running: Vec<_> = PROGRAMS
                .iter()
                .map(|program| scope.spawn(move || all_parts(program, one)))
                .collect();
            running.into_iter().map(|all| all.join().unwrap()).collect()
        })
    });
    Some(done)
}

#[test]
fn every_difference_is_allowed_and_every_rule_is_needed() {
    let Some(compared) = recorded() else { return };
    let mut wrong = Vec::new();
    for (program, compared) in PROGRAMS.iter().zip(compared) {
        wrong.extend(not_allowed(program, compared));
        let unused = compared.unused.iter();
        wrong.extend(unused.map(|rule| format!("{}: no case needs `{rule}`", program.allow)));
    }
    assert!(wrong.is_empty(), "{} lines:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_document_of_differences_is_up_to_date() {
    let Some(compared) = recorded() else { return };
    is_up_to_date("snapshots/proxy-differences.md", &document(compared));
}

#[test]
fn a_program_that_is_at_hand_answers_alike() {
    let Some(given) = std::env::var_os(GIVEN).filter(|path| !path.is_empty()) else {
        parts::say(&format!("SKIPPED: {GIVEN} names no program to compare with"));
        return;
    };
    if !parts::needs_proxy_table() {
        return;
    }
    let given = given.to_str().unwrap();
    let compared = all_parts(&PROGRAMS[0], |groups, program| {
        let folder = Folder::new("proxy-table");
        let copy = folder.path().join("table.json");
        std::fs::copy(table(), &copy).unwrap();
        let run = run_tool(
            "record",
            &copy,
            groups,
            &["--program", GIVEN_PROGRAM, "--proxy", given],
        );
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
        replay(&copy, groups, GIVEN_PROGRAM, program)
    });
    let wrong = not_allowed(&PROGRAMS[0], &compared);
    assert!(wrong.is_empty(), "{} lines:\n{}", wrong.len(), wrong.join("\n"));
}

/// What no rule allows, a line each.
fn not_allowed(program: &Recorded, compared: &Compared) -> Vec<String> {
    let differences = compared.differences.iter();
    differences
        .filter(|difference| difference.reason.is_none())
        .map(|difference| {
            let Difference {
                case,
                field,
                recorded,
                ours,
                ..
            } = difference;
            format!(
                "{}: {case} {field}: recorded {recorded}, ours {ours}",
                program.key
            )
        })
        .collect()
}

// --- the document ---

/// What a case's differences of one reason have in common: group, case, reason.
type Row<'a> = (&'a str, &'a str, &'a str);
/// The places that differ, and in answers to which programs.
type Fields<'a> = BTreeMap<(usize, &'a str, &'a str, &'a str), BTreeSet<&'static str>>;

/// What of an answer is told first; the rest follows from it.
const TOLD: [&str; 8] = [
    "startup",
    "status",
    "error",
    "tls",
    "upstream",
    "upgraded",
    "connection",
    "body",
];

/// The length of an answer's body.
const LENGTH: &str = "headers.content-length";

fn document(compared: &[Compared]) -> String {
    let mut rows: BTreeMap<Row<'_>, Fields<'_>> = BTreeMap::new();
    for (program, compared) in PROGRAMS.iter().zip(compared) {
        for difference in &compared.differences {
            let Some(reason) = &difference.reason else {
                continue;
            };
            let first = difference.field.split('.').next().unwrap_or_default();
            let rank = TOLD.iter().position(|told| *told == first).unwrap_or(TOLD.len());
            rows.entry((&difference.group, &difference.case, reason))
                .or_default()
                .entry((rank, &difference.field, &difference.recorded, &difference.ours))
                .or_default()
                .insert(program.key);
        }
    }
    for fields in rows.values_mut() {
        let all = fields.len();
        // It follows from the body.
        fields.retain(|(_, field, ..), _| all == 1 || *field != LENGTH);
    }
    let cases: BTreeSet<&str> = rows.keys().map(|(_, case, _)| *case).collect();
    let mut text = format!(
        "# Ours and kube-rbac-proxy\n\n\
         Generated by `tests/it/proxy_table.rs` from `fixtures/proxy/`, whose README says what was recorded: {} requests to \
         brancz/kube-rbac-proxy (`krp`) and to Open Data Hub's fork of it (`odh`). Ours was asked the same, as `gatewright proxy` \
         beside the first and with `{}` beside the second. {} cases differ from one or the other, in the places below and nowhere \
         else but for the lengths of bodies; `-` is nothing, `…` the rest of a long value.\n",
        compared[0].cases,
        PROGRAMS[1].flags.trim(),
        cases.len(),
    );
    let mut group = "";
    for ((of, case, reason), fields) in &rows {
        if *of != group {
            group = of;
            write!(
                text,
                "\n## {group}\n\n| case | beside | where | the real one | ours | why |\n|---|---|---|---|---|---|\n"
            )
            .unwrap();
        }
        for (index, ((_, field, recorded, ours), programs)) in fields.iter().enumerate() {
            let first = index == 0;
            let beside: Vec<&str> = programs.iter().copied().collect();
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                if first { *case } else { "" },
                beside.join(", "),
                in_a_cell(field),
                code(recorded),
                code(ours),
                if first { in_a_cell(reason) } else { String::new() },
            )
            .unwrap();
        }
    }
    text
}

/// A value, short enough for a table.
fn code(value: &str) -> String {
    const SHOWN: usize = 100;
    if value == "-" {
        return value.to_owned();
    }
    let mut short: String = value.chars().take(SHOWN).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("`{}`", short.replace('`', "'").replace('|', "\\|"))
}
