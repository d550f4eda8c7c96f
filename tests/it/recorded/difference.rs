//! Where two objects differ, field by field.
//!
//! Names differ from case to case, so differences are told as patterns: [`Words`] says which.

use std::collections::{BTreeMap, BTreeSet};

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use gatewright::krm::yaml::Piece;
use serde_json::{Map, Value, json};

/// A difference, without the names of its case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// The part the object plays.
    pub(crate) part: String,
    /// The field.
    pub(crate) field: String,
    /// What the controller's object has there; `-` for nothing.
    pub(crate) theirs: String,
    /// What ours has there.
    pub(crate) ours: String,
}

/// What stands for nothing.
pub(crate) const NOTHING: &str = "-";
/// Longer values are told by their kind alone; other tests compare them whole.
const LONG: usize = 90;

/// How the objects of one kind of recordings are read.
pub(crate) trait Words {
    /// A text without the names of its case.
    fn plain(&self, text: &str) -> String;
    /// What an item of a list is known by, where lists are merged by name. `field` is the list's own name.
    fn key(&self, path: &str, field: &str, item: &Value) -> Option<String>;
    /// How such an item is told.
    fn label(&self, path: &str, key: &str) -> String;
    /// Whether a text is a file in YAML.
    fn is_file(&self, path: &str) -> bool;
}

/// The objects of a YAML stream, as kubectl reads them.
pub(crate) fn objects(name: &str, text: &str) -> Vec<Value> {
    let source = Source::from_bytes(name, text.as_bytes().to_vec()).unwrap();
    let stream = stream::frame(&source).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let read = |item: &stream::Item| item.piece(&source).value().unwrap();
    stream.items.iter().map(read).collect()
}

/// A text that is no Kubernetes object, read the same way.
pub(crate) fn value(text: &str) -> Value {
    Piece::new(text, 0..text.len(), 0).value().unwrap()
}

/// The text at a place; empty if there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Two objects that play one part.
pub(crate) struct At<'a> {
    /// How they are read.
    pub(crate) words: &'a dyn Words,
    /// The part.
    pub(crate) part: &'a str,
    /// Where differences go.
    pub(crate) found: &'a mut Vec<Difference>,
}

impl At<'_> {
    /// Tells one.
    pub(crate) fn say(&mut self, field: String, theirs: String, ours: String) {
        self.found.push(Difference {
            part: self.part.to_owned(),
            field,
            theirs,
            ours,
        });
    }

    /// Compares what stands at a place.
    pub(crate) fn compare(&mut self, path: &str, theirs: &Value, ours: &Value) {
        match (theirs, ours) {
            (Value::Object(theirs), Value::Object(ours)) => {
                let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
                for name in names {
                    let path = below(path, name);
                    self.either(&path, theirs.get(name), ours.get(name));
                }
            }
            (Value::Array(first), Value::Array(second)) => match self.by_key(path, first, second) {
                Some(rows) => {
                    for (key, [theirs, ours]) in rows {
                        let key = self.words.label(path, &key);
                        self.either(&format!("{path}[{key}]"), theirs, ours);
                    }
                }
                None if first.iter().all(Value::is_object) && second.iter().all(Value::is_object) => {
                    for index in 0..first.len().max(second.len()) {
                        self.either(&format!("{path}[]"), first.get(index), second.get(index));
                    }
                }
                None => self.differ(path, Some(theirs), Some(ours)),
            },
            (Value::String(theirs), Value::String(ours)) if self.words.is_file(path) => {
                self.configuration(path, theirs, ours);
            }
            _ => self.differ(path, Some(theirs), Some(ours)),
        }
    }

    fn either(&mut self, path: &str, theirs: Option<&Value>, ours: Option<&Value>) {
        match (theirs, ours) {
            (Some(theirs), Some(ours)) => self.compare(path, theirs, ours),
            // One row for each label and annotation: each has a reason of its own.
            (Some(Value::Object(fields)), None) if path.starts_with("metadata.") => {
                self.compare(path, &Value::Object(fields.clone()), &json!({}));
            }
            (None, Some(Value::Object(fields))) if path.starts_with("metadata.") => {
                self.compare(path, &json!({}), &Value::Object(fields.clone()));
            }
            // So do the items of lists that are merged by name.
            (Some(Value::Array(items)), None)
                if !items.is_empty() && self.by_key(path, items, &[]).is_some() =>
            {
                self.compare(path, &Value::Array(items.clone()), &json!([]));
            }
            (None, Some(Value::Array(items)))
                if !items.is_empty() && self.by_key(path, &[], items).is_some() =>
            {
                self.compare(path, &json!([]), &Value::Array(items.clone()));
            }
            _ => self.differ(path, theirs, ours),
        }
    }

    fn differ(&mut self, path: &str, theirs: Option<&Value>, ours: Option<&Value>) {
        let told = |value: Option<&Value>| value.map_or(NOTHING.to_owned(), |value| told(value, self.words));
        let (first, second) = (told(theirs), told(ours));
        if theirs != ours && (first != second || first.ends_with('…')) {
            self.say(path.to_owned(), first, second);
        }
    }

    /// A file: how it is written, and what it says.
    fn configuration(&mut self, path: &str, theirs: &str, ours: &str) {
        let style = |text: &str| {
            let mut scalars = text.lines().filter_map(|line| line.split_once(": ")).peekable();
            let any = scalars.peek().is_some();
            let quoted = any && scalars.all(|(_, value)| value.starts_with('"'));
            if quoted {
                "every value quoted"
            } else {
                "no value quoted"
            }
            .to_owned()
        };
        self.say(format!("{path}, as it is written"), style(theirs), style(ours));
        let (mut first, mut second) = (Map::new(), Map::new());
        first.insert("said".to_owned(), value(theirs));
        second.insert("said".to_owned(), value(ours));
        let mut inner = Vec::new();
        At {
            words: self.words,
            part: self.part,
            found: &mut inner,
        }
        .compare("", &first.into(), &second.into());
        for difference in inner {
            let field = difference.field.replacen("said", path, 1);
            self.say(field, difference.theirs, difference.ours);
        }
    }

    /// Lists whose items have names, side by side: Kubernetes merges them by name as well.
    fn by_key<'v>(&self, path: &str, theirs: &'v [Value], ours: &'v [Value]) -> Option<Rows<'v>> {
        let field = path.rsplit('.').next().unwrap_or_default();
        let mut rows = Rows::new();
        for (side, items) in [theirs, ours].into_iter().enumerate() {
            for item in items {
                let row = rows.entry(self.words.key(path, field, item)?).or_default();
                if row[side].is_some() {
                    return None;
                }
                row[side] = Some(item);
            }
        }
        Some(rows)
    }
}

fn below(path: &str, name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '-');
    match (plain, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}[{name:?}]"),
    }
}

type Rows<'a> = BTreeMap<String, [Option<&'a Value>; 2]>;

/// A value in a table's cell.
fn told(value: &Value, words: &dyn Words) -> String {
    let told = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) if serde_json::from_str::<Value>(text).is_ok_and(|read| !read.is_string()) => {
            match words.plain(text) {
                named if named == *text => format!("{text:?}"),
                named => named,
            }
        }
        Value::String(text) => words.plain(text).replace('\n', "⏎"),
        Value::Array(_) | Value::Object(_) => within(value, words).to_string(),
        other => other.to_string(),
    };
    if told.chars().count() <= LONG {
        return told;
    }
    match value {
        Value::Array(_) => "[…".to_owned(),
        Value::Object(_) => "{…".to_owned(),
        _ => format!("{}…", told.chars().take(30).collect::<String>()),
    }
}

fn within(value: &Value, words: &dyn Words) -> Value {
    match value {
        Value::String(text) => Value::String(words.plain(text)),
        Value::Array(items) => items.iter().map(|item| within(item, words)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), within(value, words)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
