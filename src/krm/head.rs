//! Who a document says it is, read without reading the rest of it.
//!
//! Ten thousand foreign objects pay for four scalars each. Whatever is written in an unusual way (aliases, merge keys,
//! escapes, explicit keys) goes through the library instead: what kubectl would see is what counts.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::annotations;
use super::object_id::ObjectId;
use super::scan::{Entry, Scanner, Shape};
use super::source::SyntaxError;
use super::yaml::Piece;

/// The identity of a document, and what its metadata says to tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Which object it is.
    pub id: ObjectId,
    /// Labels; read only where the metadata mentions a key that matters to this crate.
    pub labels: BTreeMap<String, String>,
    /// Annotations; read only where the metadata mentions a key that matters to this crate.
    pub annotations: BTreeMap<String, String>,
}

/// What the metadata must mention for labels and annotations to be read. Paths and indexes, which every item has under
/// kpt, are read when a finding needs them.
const MARKS: [&[u8]; 3] = [b"gatewright", b"local-config", b"inject-auth"];

const NO_OBJECT: &str = "a Kubernetes object was expected here: a mapping with apiVersion, kind and metadata";

/// Reads the head of the object whose first byte is `start` and which ends before `end`.
///
/// # Errors
/// Broken borders anywhere in the object; a root that is not a mapping; `apiVersion`, `kind`, `metadata` or a field in it
/// given twice.
pub fn read(text: &str, range: Range<usize>) -> Result<Head, SyntaxError> {
    let scanner = Scanner::new(text, range.clone());
    let start = range.start;
    let entries = match scanner.shape(Some(start)) {
        Shape::FlowMapping => scanner.flow_entries(start).map(|(entries, _)| entries),
        Shape::Plain => scanner.block_entries(start),
        Shape::Sequence | Shape::FlowSequence | Shape::Empty => {
            return Err(SyntaxError::new(start, NO_OBJECT));
        }
    };
    let simple = entries
        .ok()
        .and_then(|entries| simple(text, &scanner, &entries).transpose())
        .transpose()?;
    if let Some(head) = simple {
        Ok(head)
    } else {
        scanner.check(start)?;
        let piece = Piece::new(text, start..range.end, scanner.column(start));
        let value = piece.value()?;
        if !value.is_object() {
            return Err(SyntaxError::new(start, NO_OBJECT));
        }
        for field in ["apiVersion", "kind"] {
            if value
                .get(field)
                .is_some_and(|value| !value.is_string() && !value.is_null())
            {
                let at = piece.tree()?.nearest(field).range.start;
                return Err(SyntaxError::new(at, format!("{field} must be text")));
            }
        }
        Ok(from_value(&value))
    }
}

/// The head as the library's value has it.
pub fn from_value(value: &Value) -> Head {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let metadata = value.get("metadata");
    let field = |name: &str| text(metadata.and_then(|metadata| metadata.get(name)));
    let map = |name: &str| {
        let fields = metadata
            .and_then(|metadata| metadata.get(name))
            .and_then(Value::as_object);
        fields
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), text(Some(value))))
            .collect()
    };
    Head {
        id: ObjectId::new(
            &text(value.get("apiVersion")),
            &text(value.get("kind")),
            &field("namespace"),
            &field("name"),
        ),
        labels: map("labels"),
        annotations: map("annotations"),
    }
}

// === impl Head ===

impl Head {
    /// Whether the document is marked as input for tools alone.
    pub fn is_local_config(&self) -> bool {
        self.annotations
            .get(annotations::LOCAL_CONFIG)
            .is_some_and(|value| value == "true")
    }
}

/// The head, if everything it needs is written plainly; `None` sends the document to the library.
fn simple(text: &str, scanner: &Scanner<'_>, entries: &[Entry]) -> Result<Option<Head>, SyntaxError> {
    let Some([api_version, kind, metadata]) = fields(text, entries, ["apiVersion", "kind", "metadata"])?
    else {
        return Ok(None);
    };
    let (Some(api_version), Some(kind)) = (scalar(text, api_version), scalar(text, kind)) else {
        return Ok(None);
    };
    let Some(metadata) = metadata else {
        return Ok(Some(Head {
            id: ObjectId::new(&api_version, &kind, "", ""),
            ..Head::default()
        }));
    };
    let bytes = &text.as_bytes()[metadata.value.clone()];
    let inner = scanner.until(metadata.value.end);
    let start = inner.skip_trivia(metadata.value.start)?;
    let entries = match (inner.shape(start), start) {
        (Shape::FlowMapping, Some(start)) => inner.flow_entries(start).map(|(entries, _)| entries),
        (Shape::Plain, Some(start)) => inner.block_entries(start),
        (Shape::Empty, _) => Ok(Vec::new()),
        _ => return Ok(None),
    };
    let Ok(entries) = entries else { return Ok(None) };
    let Some([namespace, name]) = fields(text, &entries, ["namespace", "name"])? else {
        return Ok(None);
    };
    let (Some(namespace), Some(name)) = (scalar(text, namespace), scalar(text, name)) else {
        return Ok(None);
    };
    let id = ObjectId::new(&api_version, &kind, &namespace, &name);
    let marked = MARKS
        .iter()
        .any(|mark| memchr::memmem::find(bytes, mark).is_some())
        || bytes.contains(&b'\\');
    match start {
        // An alias may stand for anything elsewhere in the document.
        Some(_) if bytes.contains(&b'*') => Ok(None),
        Some(start) if marked => {
            let value = Piece::new(text, start..metadata.value.end, inner.column(start)).value()?;
            let head = from_value(&serde_json::json!({ "metadata": value }));
            Ok(Some(Head { id, ..head }))
        }
        _ => Ok(Some(Head {
            id,
            ..Head::default()
        })),
    }
}

/// The entries with the given names; `None` where a key is written in a way that is not plain to read.
fn fields<'a, const N: usize>(
    text: &str,
    entries: &'a [Entry],
    names: [&str; N],
) -> Result<Option<[Option<&'a Entry>; N]>, SyntaxError> {
    let mut found = [None; N];
    for entry in entries {
        let key = &text[entry.key.clone()];
        let Some(key) = plain_key(key) else {
            return Ok(None);
        };
        let Some(at) = names.iter().position(|name| *name == key) else {
            continue;
        };
        if found[at].is_some() {
            let message = format!("field `{key}` is given twice; readers disagree which one counts");
            return Err(SyntaxError::new(entry.key.start, message));
        }
        found[at] = Some(entry);
    }
    Ok(Some(found))
}

fn plain_key(key: &str) -> Option<&str> {
    let inner = match key.as_bytes() {
        [b'"', .., b'"'] | [b'\'', .., b'\''] if key.len() > 1 => &key[1..key.len() - 1],
        _ => key,
    };
    let plain = !inner.contains(['\\', '\'', '"', '\n', '\r'])
        && !inner.starts_with(['&', '*', '!', '?', '<', '{', '[']);
    plain.then_some(inner)
}

/// A scalar written on one line without properties or escapes; empty for none.
fn scalar(text: &str, entry: Option<&Entry>) -> Option<String> {
    let Some(entry) = entry else {
        return Some(String::new());
    };
    let value = text[entry.value.clone()].trim_matches([' ', '\t', '\n', '\r']);
    let first = value.bytes().next();
    let inner = match first {
        None => return Some(String::new()),
        Some(quote @ (b'"' | b'\'')) => {
            let end = value[1..].find(char::from(quote))? + 1;
            let rest = value[end + 1..].trim_start();
            if !(rest.is_empty() || rest.starts_with('#')) {
                return None;
            }
            let inner = &value[1..end];
            if inner.contains(['\\', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
                return None;
            }
            inner
        }
        Some(b'&' | b'*' | b'!' | b'|' | b'>' | b'[' | b'{' | b'#' | b'%' | b'@' | b'`' | b'?') => {
            return None;
        }
        Some(_) => {
            let line = value.lines().next().unwrap_or_default();
            let comment = [" #", "\t#"]
                .iter()
                .filter_map(|comment| line.find(comment))
                .min();
            let plain = comment.map_or(line, |at| &line[..at]).trim_end();
            let rest = value[line.len()..].trim();
            // More lines: comments only, or a scalar that goes on and is for the library to fold.
            if !rest
                .lines()
                .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
            {
                return None;
            }
            if super::tree::is_null_word(plain) {
                ""
            } else {
                plain
            }
        }
    };
    Some(inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        read(text, 0..text.len()).unwrap()
    }

    fn id(text: &str) -> (String, String, String, String) {
        let id = head(text).id;
        (id.api_version(), id.kind, id.namespace, id.name)
    }

    #[test]
    fn every_spelling_of_the_same_head_is_the_same() {
        let same = ("apps/v1".into(), "Deployment".into(), "ns".into(), "d".into());
        for text in [
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d # c\n  namespace: ns\nspec: {a: [b]}\n",
            "\"apiVersion\": 'apps/v1'\n'kind': \"Deployment\"\nmetadata: {namespace: ns, name: 'd'}\n",
            "{\"apiVersion\":\"apps/v1\",\"kind\":\"\\u0044eployment\",\"metadata\":{\"name\":\"d\",\"namespace\":\"ns\"}}",
            "x: &k Deployment\napiVersion: apps/v1\nkind: *k\nmetadata: &m\n  name: d\n  namespace: ns\n",
            "apiVersion: apps/v1\nkind: \"Deployment\"\nmetadata: {namespace: ns, name: 'd'} # \n",
            "? apiVersion\n: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: ns}\n",
            "apiVersion: apps/v1\nkind: !!str Deployment\nmetadata:\n  <<: {name: d}\n  namespace: ns\n",
            "kind: Deployment\r\nmetadata:\r\n  namespace: ns\r\n  name: d\r\n  annotations: {a: gatewright}\r\napiVersion: apps/v1\r\n",
        ] {
            assert_eq!(id(text), same, "{text}");
        }
    }

    #[test]
    fn a_second_kind_is_refused_in_every_spelling() {
        for text in [
            "apiVersion: v1\nkind: ConfigMap\nkind: Notebook\n",
            "{kind: ConfigMap, apiVersion: v1, \"kind\": Notebook}",
            "kind: ConfigMap\napiVersion: v1\n\"k\\u0069nd\": Notebook\n",
        ] {
            let error = read(text, 0..text.len()).unwrap_err();
            assert!(
                error.message.contains("twice") || error.message.contains("duplicate"),
                "{error}"
            );
        }
    }

    #[test]
    fn marks_are_read_where_they_are_mentioned() {
        let head = head(
            "apiVersion: v1\nkind: A\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/local-config: \"true\"\n",
        );
        assert!(head.is_local_config());
    }

    #[test]
    fn what_is_no_object_says_so() {
        for text in ["- a\n", "[a]", "word\n", "a b\n"] {
            read(text, 0..text.len()).unwrap_err();
        }
    }
}
