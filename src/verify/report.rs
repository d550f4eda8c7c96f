//! Judgements as text, JSON and SARIF, with the place of every step.

use serde_json::{Value, json};

use super::judgement::{Judgement, Rule};
use crate::access::answer::{Access, Hop};
use crate::krm::results::{FileRef, Severity};

/// The version of the JSON report's shape; it rises with every change that a reader could notice.
const VERSION: &str = "gatewright.dev/verify/v1";
/// SARIF 2.1.0, the schema that GitHub's code scanning reads.
const SARIF_SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Gives the file and line of a step; `None` where the object stands in no file.
pub type Places<'p> = &'p dyn Fn(&Hop) -> Option<FileRef>;

/// A report on one set of manifests.
pub struct Report<'r> {
    /// What was judged.
    pub judgements: &'r [Judgement],
    /// What it was judged from.
    pub access: &'r Access,
    /// How many objects there were.
    pub objects: usize,
    /// Where they stand.
    pub places: Places<'r>,
}

// === impl Report ===

impl Report<'_> {
    /// For people: each judgement with its way, then what stands.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for judgement in self.judgements {
            text.push_str(&self.judgement(judgement));
            text.push('\n');
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let judgements: Vec<Value> = self
            .judgements
            .iter()
            .map(|judgement| {
                json!({
                    "rule": judgement.rule.id(),
                    "severity": judgement.rule.severity().word(),
                    "message": judgement.message,
                    "advice": judgement.advice,
                    "at": self.step(&judgement.at),
                    "way": judgement.way.iter().map(|hop| self.step(hop)).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "version": VERSION,
            "summary": {
                "objects": self.objects,
                "workloads": self.access.workloads.len(),
                "exposures": self.count(Severity::Error),
                "warnings": self.count(Severity::Warning),
                "unknown": self.count(Severity::Info),
            },
            "judgements": judgements,
        })
    }

    /// For code scanning.
    pub fn sarif(&self) -> Value {
        let rules: Vec<Value> = Rule::ALL
            .iter()
            .map(|rule| {
                json!({
                    "id": rule.id(),
                    "shortDescription": { "text": rule.describe() },
                    "defaultConfiguration": { "level": level(*rule) },
                })
            })
            .collect();
        let results: Vec<Value> = self
            .judgements
            .iter()
            .map(|judgement| self.sarif_result(judgement))
            .collect();
        json!({
            "$schema": SARIF_SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": env!("CARGO_PKG_NAME"),
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                }},
                "results": results,
            }],
        })
    }

    /// One line: what was judged, and what of it is wrong.
    pub fn summary(&self) -> String {
        let guarded = self
            .access
            .workloads
            .iter()
            .filter(|workload| !workload.guards.is_empty());
        let guarded = guarded.count();
        let others = self.access.workloads.len() - guarded;
        format!(
            "{}, {}, {}, in {}: {} behind a guard, {} without, {}",
            counted(self.count(Severity::Error), "exposure"),
            counted(self.count(Severity::Warning), "warning"),
            counted(self.count(Severity::Info), "thing that is not known")
                .replace("things that is", "things that are"),
            counted(self.objects, "object"),
            counted(guarded, "workload"),
            others,
            counted(self.access.gateways.len(), "gateway"),
        )
    }

    fn count(&self, severity: Severity) -> usize {
        let same = self
            .judgements
            .iter()
            .filter(|judgement| judgement.rule.severity() == severity);
        same.count()
    }

    fn judgement(&self, judgement: &Judgement) -> String {
        let mut text = format!("{}[{}]: ", judgement.rule.severity().word(), judgement.rule.id());
        if let Some(file) = (self.places)(&judgement.at) {
            text.push_str(&format!("{}: ", shown(&file)));
        }
        text.push_str(&format!("{}\n", one_line(&judgement.message)));
        for (index, hop) in judgement.way.iter().enumerate() {
            text.push_str(&format!("  {}. {}", index + 1, one_line(&hop.object.to_string())));
            if !hop.field.is_empty() {
                text.push_str(&format!(" {}", one_line(&hop.field)));
            }
            if !hop.says.is_empty() {
                text.push_str(&format!(": {}", one_line(&hop.says)));
            }
            if let Some(file) = (self.places)(hop) {
                text.push_str(&format!(" ({})", shown(&file)));
            }
            text.push('\n');
        }
        if !judgement.advice.is_empty() {
            text.push_str(&format!("  do: {}\n", one_line(&judgement.advice)));
        }
        text
    }

    fn step(&self, hop: &Hop) -> Value {
        let object = &hop.object;
        let mut step = json!({
            "apiVersion": object.api_version(),
            "kind": object.kind,
            "namespace": object.namespace,
            "name": object.name,
            "field": hop.field,
            "says": hop.says,
        });
        if let Some(file) = (self.places)(hop) {
            step["file"] = json!(file.path);
            step["line"] = json!(file.position.map(|at| at.line));
        }
        step
    }

    fn sarif_result(&self, judgement: &Judgement) -> Value {
        let way = judgement
            .way
            .iter()
            .map(|hop| json!({ "location": self.location(hop) }));
        let way: Vec<Value> = way.collect();
        let text = format!("{}. To do: {}.", judgement.message, judgement.advice);
        let mut result = json!({
            "ruleId": judgement.rule.id(),
            "level": level(judgement.rule),
            "message": { "text": text },
            "locations": [self.location(&judgement.at)],
        });
        if !way.is_empty() {
            result["codeFlows"] = json!([{ "threadFlows": [{ "locations": way }] }]);
        }
        result
    }

    fn location(&self, hop: &Hop) -> Value {
        let mut text = hop.object.to_string();
        for part in [&hop.field, &hop.says] {
            if !part.is_empty() {
                text.push_str(&format!(": {part}"));
            }
        }
        let mut location = json!({
            "message": { "text": text },
            "logicalLocations": [{ "fullyQualifiedName": hop.object.reference(), "kind": "object" }],
        });
        if let Some(file) = (self.places)(hop) {
            let mut physical = json!({ "artifactLocation": { "uri": uri(&file.path) } });
            if let Some(at) = file.position {
                physical["region"] = json!({ "startLine": at.line, "startColumn": at.column });
            }
            location["physicalLocation"] = physical;
        }
        location
    }
}

fn counted(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ if word.ends_with("known") => format!("{count} {}", word.replacen("thing", "things", 1)),
        _ => format!("{count} {word}s"),
    }
}

fn level(rule: Rule) -> &'static str {
    match rule.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A file with its line, as editors and terminals make it a link.
pub fn shown(file: &FileRef) -> String {
    let path = one_line(&file.path);
    match file.position {
        Some(at) => format!("{path}:{}", at.line),
        None if file.index > 0 => format!("{path} (document {})", file.index + 1),
        None => path,
    }
}

/// Names come from strangers' manifests: no control character of theirs reaches a terminal.
fn one_line(text: &str) -> String {
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().map(shown).collect()
}

/// A path as a relative URI reference (RFC 3986): what is not unreserved or a slash is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
