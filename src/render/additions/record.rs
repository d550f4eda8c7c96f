//! The record of what was put into a document: the text of its annotation, and what it says of the document.

use serde_json::{Map, Value, json};

use super::{ADDED, Before, Finding, Lost, Piece, Step, at, describe, keys};
use crate::plan::hash;

/// So many characters of a hash are enough to see an edit: nobody attacks with them.
const HASH: usize = 16;

/// The fields by which items of lists are known, on the way to a field.
const NAMES: [&str; 2] = ["name", "groupName"];

/// What was put in.
pub(super) struct Record {
    pub(super) entries: Vec<Entry>,
    /// What stood in place of the annotations, where they had to be made.
    pub(super) before: Before,
    /// How many mappings were made for the record itself.
    pub(super) made: usize,
}

/// One addition.
pub(super) struct Entry {
    pub(super) path: Vec<Place>,
    /// For items of a list: the field by which they are known, and what stands in it.
    pub(super) names: Option<(String, Vec<String>)>,
    /// What stood at the field; where mappings were made on the way, at the first of them.
    pub(super) before: Before,
    /// How many mappings were made on the way.
    pub(super) made: usize,
    pub(super) hash: String,
    /// Names under which secrets stood that are gone.
    pub(super) lost: Vec<String>,
}

/// A step on the way to a field: items of lists are found again where others came before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Step(Step),
    Named(String, String),
}

/// The annotation.
pub(super) fn annotation() -> Vec<Step> {
    keys(["metadata", "annotations", ADDED])
}

/// What is kept of a value.
pub(super) fn hash(value: &Value) -> String {
    hash::of(value).chars().take(HASH).collect()
}

/// The name of a list's item.
pub(super) fn name(item: &Value, key: &str) -> String {
    item[key].as_str().unwrap_or_default().to_owned()
}

/// Where the items of these names stand.
pub(super) fn positions(list: &Value, key: &str, names: &[String]) -> Vec<usize> {
    let items = list.as_array().into_iter().flatten().enumerate();
    items
        .filter(|(_, item)| {
            item[key]
                .as_str()
                .is_some_and(|name| names.iter().any(|own| own == name))
        })
        .map(|(index, _)| index)
        .collect()
}

/// The value that was written as this text behind a colon.
pub(super) fn value(text: &str) -> Value {
    let blank = if text.starts_with(['\r', '\n']) { "" } else { " " };
    let document = format!("value:{blank}{text}\n");
    let value = Piece::new(&document, 0..document.len(), 0).value();
    value.map(|mut value| value["value"].take()).unwrap_or_default()
}

/// A path whose items of lists are known by their names, where these tell them apart.
pub(super) fn places(value: &Value, path: &[Step]) -> Vec<Place> {
    let place = |(index, step): (usize, &Step)| {
        let named = match step {
            Step::Key(_) => None,
            Step::Index(item) => at(value, &path[..index]).and_then(|list| {
                NAMES.iter().find_map(|key| {
                    let own = list[*item][*key].as_str()?;
                    let alone = positions(list, key, &[own.to_owned()]).len() == 1;
                    alone.then(|| Place::Named((*key).to_owned(), own.to_owned()))
                })
            }),
        };
        named.unwrap_or_else(|| Place::Step(step.clone()))
    };
    path.iter().enumerate().map(place).collect()
}

// === impl Entry ===

impl Entry {
    /// The way to the field in the document as it is; none where an item on it is gone.
    pub(super) fn steps(&self, value: &Value) -> Option<Vec<Step>> {
        let mut path = Vec::with_capacity(self.path.len());
        for place in &self.path {
            path.push(match place {
                Place::Step(step) => step.clone(),
                Place::Named(key, name) => {
                    let list = at(value, &path)?;
                    Step::Index(*positions(list, key, std::slice::from_ref(name)).first()?)
                }
            });
        }
        Some(path)
    }

    /// An annotation that somebody changed is a word of theirs, a switch perhaps, and stays.
    pub(super) fn is_given_up(&self, value: &Value) -> bool {
        let path = self.steps(value).unwrap_or_default();
        self.is_annotation() && hash(at(value, &path).unwrap_or(&Value::Null)) != self.hash
    }

    fn is_annotation(&self) -> bool {
        let metadata = annotation().into_iter().map(Place::Step).take(2);
        self.names.is_none() && self.path.iter().take(2).cloned().eq(metadata)
    }

    /// What somebody changed of it.
    pub(super) fn changed(&self, value: &Value) -> Option<Finding> {
        let path = self.steps(value)?;
        let found = at(value, &path).cloned().unwrap_or_default();
        let ours = match &self.names {
            None => found.clone(),
            Some((key, names)) => positions(&found, key, names)
                .into_iter()
                .map(|index| found[index].clone())
                .collect(),
        };
        if hash(&ours) == self.hash || self.is_annotation() {
            return None;
        }
        let what = match &self.names {
            None => String::new(),
            Some((_, names)) => format!("{} ", names.join(", ")),
        };
        let message = format!(
            "{what}was changed by hand inside what is generated; put it back, or take out all that was added and the annotation \
             {ADDED} to have it generated again"
        );
        let finding = Finding::error(message).at(describe(&path));
        Some(match &self.names {
            None => finding.found(found),
            Some(_) => finding,
        })
    }

    fn read(value: &Value) -> Option<Self> {
        let path: Option<Vec<Place>> = value["at"].as_array()?.iter().map(Place::read).collect();
        let texts = |value: &Value| -> Option<Vec<String>> {
            let items = value.as_array()?.iter();
            items.map(|item| Some(item.as_str()?.to_owned())).collect()
        };
        let path = path.filter(|path| matches!(path.last(), Some(Place::Step(Step::Key(_)))))?;
        Some(Self {
            names: match value.get("items") {
                None => None,
                Some(items) => Some((value["by"].as_str()?.to_owned(), texts(items)?)),
            },
            before: read_before(value),
            made: read_made(value).filter(|made| *made < path.len())?,
            hash: value["hash"].as_str()?.to_owned(),
            lost: match value.get("lost") {
                None => Vec::new(),
                Some(lost) => texts(lost)?,
            },
            path,
        })
    }

    fn to_value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("at".into(), self.path.iter().map(Place::to_value).collect());
        if let Some((key, names)) = &self.names {
            fields.insert("by".into(), json!(key));
            fields.insert("items".into(), json!(names));
        }
        write_before(&mut fields, &self.before, self.made);
        fields.insert("hash".into(), json!(self.hash));
        if !self.lost.is_empty() {
            fields.insert("lost".into(), json!(self.lost));
        }
        Value::Object(fields)
    }
}

// === impl Place ===

impl Place {
    fn read(value: &Value) -> Option<Self> {
        Some(match value {
            Value::String(key) => Self::Step(Step::Key(key.clone())),
            Value::Number(index) => Self::Step(Step::Index(usize::try_from(index.as_u64()?).ok()?)),
            Value::Array(named) => match named.as_slice() {
                [Value::String(key), Value::String(name)] => Self::Named(key.clone(), name.clone()),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Step(Step::Key(key)) => json!(key),
            Self::Step(Step::Index(index)) => json!(index),
            Self::Named(key, name) => json!([key, name]),
        }
    }
}

// === impl Record ===

impl Record {
    pub(super) fn read(value: &Value) -> Result<Option<Self>, Finding> {
        let annotation = &value["metadata"]["annotations"][ADDED];
        if annotation.is_null() {
            return Ok(None);
        }
        let text = annotation.as_str().unwrap_or_default();
        let read = || {
            let value: Value = serde_json::from_str(text).ok()?;
            let entries: Option<Vec<Entry>> = value["added"].as_array()?.iter().map(Entry::read).collect();
            Some(Self {
                entries: entries?,
                before: read_before(&value),
                made: read_made(&value).filter(|made| *made < self::annotation().len())?,
            })
        };
        read().map(Some).ok_or_else(|| {
            let message = "is our record of what was added and cannot be read; put it back, or take all that was added and this \
                           annotation out to have it generated again";
            Finding::error(message).at(describe(&self::annotation())).found(text)
        })
    }

    /// The record itself, as an addition.
    pub(super) fn of_annotation(&self) -> Entry {
        Entry {
            path: annotation().into_iter().map(Place::Step).collect(),
            names: None,
            before: self.before.clone(),
            made: self.made,
            hash: String::new(),
            lost: Vec::new(),
        }
    }

    /// The secrets that are gone.
    pub(super) fn lost(&self, value: &Value) -> Vec<Lost> {
        let mut all = Vec::new();
        for entry in &self.entries {
            let path = entry.steps(value).map(|path| describe(&path)).unwrap_or_default();
            all.extend(entry.lost.iter().map(|name| Lost {
                path: path.clone(),
                name: name.clone(),
            }));
        }
        all
    }

    pub(super) fn to_text(&self) -> String {
        let mut fields = Map::new();
        write_before(&mut fields, &self.before, self.made);
        fields.insert("added".into(), self.entries.iter().map(Entry::to_value).collect());
        Value::Object(fields).to_string()
    }
}

/// Written as nothing for a field that was not there, `true` for a list that was, a text for what stood there.
fn write_before(fields: &mut Map<String, Value>, before: &Before, made: usize) {
    match before {
        Before::Absent => {}
        Before::Present => {
            fields.insert("before".into(), json!(true));
        }
        Before::Text(text) => {
            fields.insert("before".into(), json!(text));
        }
    }
    if made > 0 {
        fields.insert("made".into(), json!(made));
    }
}

fn read_before(value: &Value) -> Before {
    match value.get("before") {
        None | Some(Value::Null) => Before::Absent,
        Some(Value::String(text)) => Before::Text(text.clone()),
        Some(_) => Before::Present,
    }
}

fn read_made(value: &Value) -> Option<usize> {
    match value.get("made") {
        None => Some(0),
        Some(made) => usize::try_from(made.as_u64()?).ok(),
    }
}
