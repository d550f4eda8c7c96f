//! Findings: what is wrong with the input, or worth knowing about it, as data.
//!
//! Written into a ResourceList's `results` (KRM functions specification, `Result`) and onto standard error, because
//! kustomize drops `results`.

use serde_json::{Value, json};

use super::object_id::ObjectId;
use super::source::Position;

/// How bad a finding is. Only [`Severity::Error`] makes a run fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The output cannot be trusted; nothing is changed.
    Error,
    /// The output stands; somebody should look.
    Warning,
    /// Worth knowing.
    Info,
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong and what to do about it, one sentence or two.
    pub message: String,
    /// The object it is about.
    pub object: Option<ObjectId>,
    /// The field it is about.
    pub field: Option<Field>,
    /// The file it is about.
    pub file: Option<FileRef>,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Field {
    /// `spec.template.spec.containers[0].name`
    pub path: String,
    /// What stands there.
    pub current: Option<Value>,
    /// What could stand there instead.
    pub proposed: Option<Value>,
}

/// A document in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// The path as the caller knows it.
    pub path: String,
    /// The document's index in the file, from 0.
    pub index: usize,
    /// Where in the file, if that is known.
    pub position: Option<Position>,
}

// === impl Severity ===

impl Severity {
    /// The word the KRM functions specification uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

// === impl Finding ===

impl Finding {
    /// A finding that makes the run fail.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            object: None,
            field: None,
            file: None,
        }
    }

    /// A finding that somebody should look at.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// A finding that is worth knowing.
    pub fn info(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::error(message)
        }
    }

    /// The same, about an object.
    #[must_use]
    pub fn about(self, object: &ObjectId) -> Self {
        Self {
            object: Some(object.clone()),
            ..self
        }
    }

    /// The same, about a field.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self {
            field: Some(Field {
                path: path.into(),
                ..Field::default()
            }),
            ..self
        }
    }

    /// The same, with what stands in the field.
    #[must_use]
    pub fn found(mut self, current: impl Into<Value>) -> Self {
        self.field.get_or_insert_default().current = Some(current.into());
        self
    }

    /// The same, with what could stand in the field.
    #[must_use]
    pub fn propose(mut self, proposed: impl Into<Value>) -> Self {
        self.field.get_or_insert_default().proposed = Some(proposed.into());
        self
    }

    /// The same, in a file.
    #[must_use]
    pub fn within(self, file: FileRef) -> Self {
        Self {
            file: Some(file),
            ..self
        }
    }

    /// The `Result` object of the KRM functions specification. `severity` is always written: the specification's default
    /// is error, some SDKs' is info.
    pub fn to_result(&self) -> Value {
        let mut result = json!({ "message": self.message, "severity": self.severity.word() });
        if let Some(object) = &self.object {
            let mut reference =
                json!({ "apiVersion": object.api_version(), "kind": object.kind, "name": object.name });
            if !object.namespace.is_empty() {
                reference["namespace"] = Value::from(object.namespace.clone());
            }
            result["resourceRef"] = reference;
            // The specification allows `field` only beside `resourceRef`.
            if let Some(field) = &self.field {
                let mut value = json!({ "path": field.path });
                if let Some(current) = &field.current {
                    value["currentValue"] = current.clone();
                }
                if let Some(proposed) = &field.proposed {
                    value["proposedValue"] = proposed.clone();
                }
                result["field"] = value;
            }
        }
        if let Some(file) = &self.file {
            result["file"] = json!({ "path": file.path, "index": file.index });
        }
        result
    }

    /// One line for people: `error: FILE:LINE:COLUMN: Notebook a/b: FIELD: message (found …; write …)`.
    pub fn to_line(&self) -> String {
        let mut line = format!("{}: ", self.severity.word());
        if let Some(file) = &self.file {
            line.push_str(&file.path);
            if let Some(at) = file.position {
                line.push_str(&format!(":{}:{}", at.line, at.column));
            } else if file.index > 0 {
                line.push_str(&format!(" (document {})", file.index + 1));
            }
            line.push_str(": ");
        }
        if let Some(object) = &self.object {
            line.push_str(&format!("{object}: "));
        }
        if let Some(field) = &self.field
            && !field.path.is_empty()
        {
            line.push_str(&format!("{}: ", field.path));
        }
        line.push_str(&one_line(&self.message));
        let current = self.field.as_ref().and_then(|field| field.current.as_ref());
        let proposed = self.field.as_ref().and_then(|field| field.proposed.as_ref());
        match (current, proposed) {
            (None, None) => {}
            (Some(current), None) => line.push_str(&format!(" (found {})", short(current))),
            (None, Some(proposed)) => line.push_str(&format!(" (write {})", short(proposed))),
            (Some(current), Some(proposed)) => {
                line.push_str(&format!(" (found {}; write {})", short(current), short(proposed)));
            }
        }
        line
    }
}

/// Whether any finding makes the run fail.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Sorts findings into the order people read them in: by file, place, object and field. Equal ones are said once.
pub fn sort(findings: &mut Vec<Finding>) {
    let key = |finding: &Finding| {
        (
            finding
                .file
                .as_ref()
                .map(|file| (file.path.clone(), file.index, file.position)),
            finding.object.clone(),
            finding.field.as_ref().map(|field| field.path.clone()),
            finding.severity,
            finding.message.clone(),
        )
    };
    findings.sort_by_cached_key(key);
    findings.dedup();
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 {
        text
    } else {
        text.chars().take(117).chain("...".chars()).collect()
    }
}
