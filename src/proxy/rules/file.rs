//! Reading the configuration file: every fault at once, each with its line. Pure: from its text.
//!
//! Strict, a key that nobody reads is an error, and so is a key without a value, a number where a text belongs, and an alias.
//! Tolerant, the file is taken as kube-rbac-proxy takes it (`encoding/json` behind `sigs.k8s.io/yaml`): unknown keys are passed over,
//! keys are found in any case, null is as good as no key, numbers and booleans become texts. What would change the meaning of a rule
//! is an error either way: templates that are not understood, rules that contradict themselves, no `authorization` at all.

use serde_json::{Map, Value};

use crate::config::kube_rbac_proxy::ConfigFile;
use crate::krm::source::Source;
use crate::krm::tree::{Node, NodeKind, push_key};
use crate::krm::yaml::Piece;
use crate::proxy::options::Compatibility;

use super::{Fault, Rules};

/// The largest file that is read (bytes): what a ConfigMap holds.
const MAX_BYTES: usize = 1024 * 1024;

/// What may stand at a place of the file.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Flag,
    List(&'static Shape),
    Keys(&'static [(&'static str, Shape)]),
}

const TEXTS: Shape = Shape::List(&Shape::Text);

const NAMED: Shape = Shape::Keys(&[("name", Shape::Text)]);

const REWRITES: Shape = Shape::Keys(&[("byQueryParameter", NAMED), ("byHttpHeader", NAMED)]);

const RESOURCE_ATTRIBUTES: Shape = Shape::Keys(&[
    ("namespace", Shape::Text),
    ("apiGroup", Shape::Text),
    ("apiVersion", Shape::Text),
    ("resource", Shape::Text),
    ("subresource", Shape::Text),
    ("verb", Shape::Text),
    ("name", Shape::Text),
]);

const STATIC_RULE: Shape = Shape::Keys(&[
    (
        "user",
        Shape::Keys(&[("name", Shape::Text), ("groups", TEXTS), ("memberOf", TEXTS)]),
    ),
    ("verb", Shape::Text),
    ("namespace", Shape::Text),
    ("apiGroup", Shape::Text),
    ("resource", Shape::Text),
    ("subresource", Shape::Text),
    ("name", Shape::Text),
    ("resourceRequest", Shape::Flag),
    ("path", Shape::Text),
]);

const ENDPOINT: Shape = Shape::Keys(&[
    ("path", Shape::Text),
    (
        "mappings",
        Shape::List(&Shape::Keys(&[
            ("methods", TEXTS),
            (
                "resources",
                Shape::List(&Shape::Keys(&[
                    ("rewrites", REWRITES),
                    ("resourceAttributes", RESOURCE_ATTRIBUTES),
                ])),
            ),
        ])),
    ),
]);

const FILE: Shape = Shape::Keys(&[(
    "authorization",
    Shape::Keys(&[
        ("rewrites", REWRITES),
        ("resourceAttributes", RESOURCE_ATTRIBUTES),
        ("static", Shape::List(&STATIC_RULE)),
        ("endpoints", Shape::List(&ENDPOINT)),
    ]),
)]);

/// Reads a file's text.
///
/// # Errors
/// All faults, in the order of their lines: line, field, what stands there and the fix.
pub fn read(text: &str, strict: bool) -> Result<ConfigFile, Vec<String>> {
    if text.len() > MAX_BYTES {
        return Err(vec![format!(
            "{} bytes are more than the {MAX_BYTES} that are read",
            text.len()
        )]);
    }
    let source = Source {
        name: String::new(),
        text: text.to_owned(),
    };
    let piece = Piece::new(text, 0..text.len(), 0);
    let tree = piece.tree().ok();
    if let (true, Some(alias)) = (strict, tree.as_ref().and_then(first_alias)) {
        return Err(vec![format!(
            "line {}: an alias stands for text elsewhere, and a few of them for more than memory holds; write out what it stands for",
            source.position(alias).line
        )]);
    }
    let value = piece.value().map_err(|wrong| {
        vec![format!(
            "line {}: {}",
            source.position(wrong.offset).line,
            wrong.message
        )]
    })?;
    let mut reading = Reading {
        strict,
        faults: Vec::new(),
    };
    let value = reading.taken(&value, FILE, "");
    let mut faults = reading.faults;
    let missing = match &value {
        Some(value) => value.get("authorization").is_none(),
        None => faults.is_empty(),
    };
    if missing
        && !faults
            .iter()
            .any(|fault| fault.field.starts_with("authorization"))
    {
        let fix = "is not there; write what a request must be allowed to do, or leave --config-file out";
        faults.push(Fault::new("authorization", fix));
    }
    // What has the wrong type has been left out, so what is left can be looked at all the same.
    let file = value.and_then(|value| match serde_json::from_value::<ConfigFile>(value) {
        Ok(file) => Some(file),
        Err(wrong) => {
            if faults.is_empty() {
                faults.push(Fault::new("authorization", wrong.to_string()));
            }
            None
        }
    });
    if let Some(file) = &file {
        // Of the modes, ours understands most: what is wrong in it is wrong in all.
        Rules::read(&file.authorization, Compatibility::None, &mut faults);
    }
    match file {
        Some(file) if faults.is_empty() => Ok(file),
        _ => Err(with_lines(faults, &source, tree.as_ref())),
    }
}

fn with_lines(faults: Vec<Fault>, source: &Source, tree: Option<&Node>) -> Vec<String> {
    let mut placed = faults
        .into_iter()
        .map(|fault| {
            let line = tree.map_or(1, |tree| source.position(key_offset(tree, &fault.field)).line);
            (line, fault)
        })
        .collect::<Vec<_>>();
    placed.sort_by_key(|(line, _)| *line);
    placed
        .into_iter()
        .map(|(line, fault)| format!("line {line}: {fault}"))
        .collect()
}

fn first_alias(tree: &Node) -> Option<usize> {
    let mut first = None;
    tree.walk(&mut |_, node| {
        if node.kind == NodeKind::Alias {
            first = first.or(Some(node.range.start));
        }
    });
    first
}

/// Where the key of a field stands; where it is not written, what is nearest to it.
fn key_offset(tree: &Node, field: &str) -> usize {
    let parent = match field.rsplit_once('.') {
        Some((parent, key)) if !key.contains([']', '"']) => tree.nearest(parent).entry(key),
        None => tree.entry(field),
        Some(_) => None,
    };
    parent.map_or_else(|| tree.nearest(field).range.start, |(key, _)| key.range.start)
}

struct Reading {
    strict: bool,
    faults: Vec<Fault>,
}

// === impl Reading ===

impl Reading {
    /// What is understood of a value; none where nothing is.
    fn taken(&mut self, value: &Value, shape: Shape, field: &str) -> Option<Value> {
        match (shape, value) {
            (_, Value::Null) => {
                if self.strict || field == "authorization" {
                    self.fault(
                        field,
                        "nothing is written behind it; write a value, or leave the key out",
                    );
                }
                None
            }
            (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => Some(value.clone()),
            (Shape::Text, Value::Number(_) | Value::Bool(_)) if !self.strict => {
                Some(Value::String(value.to_string()))
            }
            (Shape::List(of), Value::Array(items)) => Some(Value::Array(
                items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| self.item(item, *of, &format!("{field}[{index}]")))
                    .collect(),
            )),
            (Shape::Keys(known), Value::Object(written)) => {
                Some(Value::Object(self.keys(written, known, field)))
            }
            (shape, value) => {
                let fix = match shape {
                    Shape::Text => "a text belongs here; put it in quotes",
                    Shape::Flag => "true or false belongs here",
                    Shape::List(_) => "a list belongs here",
                    Shape::Keys(_) => "keys with values belong here",
                };
                self.fault(field, format!("{} {fix}", written_as(value)));
                None
            }
        }
    }

    /// An item of a list: none is left out without a word, for a rule that is missing is another file.
    fn item(&mut self, value: &Value, shape: Shape, field: &str) -> Option<Value> {
        if value.is_null() {
            self.fault(
                field,
                "nothing is written behind the dash; write an item, or leave it out",
            );
            return None;
        }
        self.taken(value, shape, field)
    }

    fn keys(
        &mut self,
        written: &Map<String, Value>,
        known: &'static [(&'static str, Shape)],
        field: &str,
    ) -> Map<String, Value> {
        let mut taken = Map::new();
        for (key, value) in written {
            let mut inner = field.to_owned();
            push_key(&mut inner, key);
            let meant = known
                .iter()
                .find(|(name, _)| name == key || (!self.strict && name.eq_ignore_ascii_case(key)));
            let Some((name, shape)) = meant else {
                if self.strict {
                    self.fault(&inner, unknown(key, known));
                }
                continue;
            };
            if taken.contains_key(*name) {
                self.fault(
                    &inner,
                    format!("`{name}` is written twice, in two spellings; keep one"),
                );
                continue;
            }
            if let Some(value) = self.taken(value, *shape, &inner) {
                taken.insert((*name).to_owned(), value);
            }
        }
        taken
    }

    fn fault(&mut self, field: &str, text: impl Into<String>) {
        let field = if field.is_empty() { "the file" } else { field };
        self.faults.push(Fault::new(field, text));
    }
}

fn unknown(key: &str, known: &[(&str, Shape)]) -> String {
    let near = known
        .iter()
        .map(|(name, _)| {
            let distance = strsim::osa_distance(&name.to_lowercase(), &key.to_lowercase());
            (distance, *name)
        })
        .filter(|(distance, _)| *distance <= 2)
        .min();
    if let Some((_, near)) = near {
        return format!("no such key; did you mean `{near}`?");
    }
    let names = known.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    format!("no such key; what can stand here: {}", names.join(", "))
}

fn written_as(value: &Value) -> String {
    match value {
        Value::Object(_) => "there are keys;".to_owned(),
        Value::Array(_) => "there is a list;".to_owned(),
        scalar => format!("{scalar};"),
    }
}

#[cfg(test)]
mod tests;
