//! The document for people: how ours differ from the controller's objects and why, and what becomes of each case.

use std::collections::BTreeSet;

use super::{Case, Explained, Recordings};

/// Writes it.
pub(super) fn write(recordings: &Recordings, cases: &[Case], explained: &[Explained<'_>]) -> String {
    let controller = recordings.controller;
    let mut text = recordings.preface.to_owned();
    let mut parts: Vec<&str> = Vec::new();
    for (reason, _) in explained {
        if !parts.contains(&&*reason.difference.part) {
            parts.push(&reason.difference.part);
        }
    }
    for part in parts {
        let title = if part == "*" { "Every object" } else { part };
        text.push_str(&format!(
            "\n## {title}\n\n| field | {controller} | ours | why | cases |\n|---|---|---|---|---|\n"
        ));
        for (reason, differences) in explained
            .iter()
            .filter(|(reason, _)| reason.difference.part == part)
        {
            let seen: BTreeSet<&String> = differences.values().flatten().collect();
            let Some((first, _)) = differences.first_key_value() else {
                continue;
            };
            // A pattern is told by what it stands for.
            let told = |pattern: &str, example: &str| code(if pattern == "*" { example } else { pattern });
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} ({}) |\n",
                told(&reason.difference.field, &first.field),
                told(&reason.difference.theirs, &first.theirs),
                told(&reason.difference.ours, &first.ours),
                cell(&reason.why),
                seen.len(),
                seen.first()
                    .and_then(|case| case.split('-').next())
                    .unwrap_or_default(),
            ));
        }
    }
    text.push_str(&format!(
        "\n## Cases\n\n{}\n\n| case | {controller} | what it did | ours |\n|---|---|---|---|\n",
        recordings.legend
    ));
    for case in cases {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            case.name,
            case.effect,
            cell(&case.did),
            cell(&ours(recordings, case))
        ));
    }
    text
}

fn ours(recordings: &Recordings, case: &Case) -> String {
    let mut findings: Vec<String> = recordings
        .steps(&case.name)
        .iter()
        .flat_map(|step| step.answer.findings.clone())
        .collect();
    let mut seen = BTreeSet::new();
    findings.retain(|finding| {
        let everywhere = recordings.everywhere.iter().any(|text| finding.contains(text));
        let told = !everywhere || !case.place.is_empty() && finding.contains(&case.place);
        told && seen.insert(finding.clone())
    });
    let mut told: Vec<String> = Vec::new();
    if let Some(missing) = recordings.pending(&case.name) {
        told.push(format!("not yet: {missing}"));
    } else if !case.is_compared() {
        told.push("not compared".to_owned());
    } else if findings.is_empty() {
        told.push("works".to_owned());
    }
    // The other findings of a case say the same of other objects.
    let of_case = findings.iter().filter(|finding| finding.contains(&case.place));
    for finding in of_case.take(1) {
        let more = findings.len() - 1;
        let short: String = finding.chars().take(260).collect();
        let end = if short.len() < finding.len() { "…" } else { "" };
        told.push(match more {
            0 => format!("{short}{end}"),
            _ => format!("{short}{end} (and {more} more)"),
        });
    }
    if !case.why.is_empty() {
        told.push(case.why.clone());
    }
    told.join("; ")
}

fn code(text: &str) -> String {
    if text == "-" || text.contains(' ') && !text.contains(['{', '[', '<', '=']) {
        return cell(text);
    }
    format!("`{}`", text.replace('|', "\\|").replace('`', "'"))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('>', "&gt;")
}
