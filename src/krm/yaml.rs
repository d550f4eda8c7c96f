//! The only file that names the YAML library.
//!
//! Reads one document's text; gives values as kubectl means them, or nodes with their places. Writes values so that
//! kubectl, kustomize and any YAML 1.1 reader get back what went in. Never reads more than one document.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use serde_saphyr::{DoubleQuoted, Options, SerializerOptions, SingleQuoted};

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

use super::source::SyntaxError;
use super::tree::{Node, NodeKind};

/// Nesting deeper than this is refused in documents that are read, not only framed: reading recurses. Pod templates stay
/// under 20.
pub const MAX_DEPTH: usize = 100;

/// More nodes than any object an API server takes (its limit is 1.5 MiB of storage).
const MAX_NODES: usize = 4_000_000;

/// A piece of a text that is one document or one item, cut so that it reads on its own.
#[derive(Debug, Clone)]
pub struct Piece {
    text: String,
    padding: usize,
    start: usize,
}

// === impl Piece ===

impl Piece {
    /// The piece of `text` at `range` whose first line begins at `column` (bytes). The first line gets that much
    /// indentation back, so that all its lines agree.
    pub fn new(text: &str, range: std::ops::Range<usize>, column: usize) -> Self {
        let start = range.start;
        let slice = text.get(range).unwrap_or_default();
        let mut padded = " ".repeat(column);
        padded.push_str(slice);
        Self {
            text: padded,
            padding: column,
            start,
        }
    }

    /// The value, as kubectl reads it: YAML 1.1 booleans, octals with a leading zero, merge keys applied.
    ///
    /// # Errors
    /// Syntax errors, duplicate keys, unknown aliases, and anything over the limits on depth, nodes and alias expansion.
    pub fn value(&self) -> Result<Value, SyntaxError> {
        serde_saphyr::from_str_with_options(&self.text, read_options()).map_err(|error| {
            let offset = error
                .location()
                .map_or(0, |at| self.offset_of(at.line(), at.column()));
            let message = plain_message(&error);
            SyntaxError::new(self.outer(offset), message)
        })
    }

    /// The nodes with their places in the whole text.
    ///
    /// # Errors
    /// As [`Piece::value`], syntax alone.
    pub fn tree(&self) -> Result<Node, SyntaxError> {
        Builder::new(self)?.document()
    }

    /// An offset within the padded text as one of the whole text.
    fn outer(&self, offset: usize) -> usize {
        (self.start + offset).saturating_sub(self.padding).max(self.start)
    }

    /// The offset of a line and column (both from 1, columns in characters).
    fn offset_of(&self, line: u64, column: u64) -> usize {
        let line = usize::try_from(line).unwrap_or(1).max(1);
        let column = usize::try_from(column).unwrap_or(1).max(1);
        let start = if line == 1 {
            0
        } else {
            memchr::memchr_iter(b'\n', self.text.as_bytes())
                .nth(line - 2)
                .map_or(self.text.len(), |at| at + 1)
        };
        let rest = self.text.get(start..).unwrap_or_default();
        start
            + rest
                .char_indices()
                .nth(column - 1)
                .map_or(rest.len(), |(at, _)| at)
    }
}

fn read_options() -> Options {
    serde_saphyr::options! {
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
            max_total_scalar_bytes: super::source::MAX_INPUT_BYTES,
            // Whoever writes YAML by hand may well use one anchor a hundred times; what counts is what it expands to.
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// The library's message without its place and snippet: findings carry the place themselves.
fn plain_message(error: &serde_saphyr::Error) -> String {
    let full = error.without_snippet().to_string();
    if full.contains("budget breached") {
        return "the document is more than is read: too many nodes, or too many by way of its aliases"
            .to_owned();
    }
    let first = full.lines().next().unwrap_or("the document cannot be read");
    // Nor what the library would have its caller do.
    let end = [" at line ", ", set DuplicateKeyPolicy"]
        .iter()
        .filter_map(|tail| first.find(tail))
        .min();
    let end = end.unwrap_or(first.len());
    first[..end].trim_start_matches("error: ").to_owned()
}

// --- nodes with places ---

struct Builder<'a> {
    piece: &'a Piece,
    events: std::vec::IntoIter<(Event<'a>, std::ops::Range<usize>)>,
    depth: usize,
}

impl<'a> Builder<'a> {
    fn new(piece: &'a Piece) -> Result<Self, SyntaxError> {
        let mut events = Vec::new();
        for event in Parser::new_from_str(&piece.text) {
            let (event, span) = event.map_err(|error| {
                let offset = error.marker().byte_offset().unwrap_or_default();
                SyntaxError::new(piece.outer(offset), error.to_string())
            })?;
            let start = span.start.byte_offset().unwrap_or_default();
            let end = span.end.byte_offset().unwrap_or(start).max(start);
            events.push((event, start..end));
            if events.len() > MAX_NODES * 2 {
                return Err(SyntaxError::new(
                    piece.outer(start),
                    "the document has too many nodes",
                ));
            }
        }
        Ok(Self {
            piece,
            events: events.into_iter(),
            depth: 0,
        })
    }

    fn document(mut self) -> Result<Node, SyntaxError> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, range) => {
                    return Err(SyntaxError::new(
                        self.piece.outer(range.start),
                        "the document is empty",
                    ));
                }
                (event, range) => return self.node(event, range),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, std::ops::Range<usize>), SyntaxError> {
        self.events.next().ok_or_else(|| {
            SyntaxError::new(
                self.piece.outer(self.piece.text.len()),
                "the document ends too early",
            )
        })
    }

    fn node(&mut self, event: Event<'a>, range: std::ops::Range<usize>) -> Result<Node, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("nesting is deeper than {MAX_DEPTH} levels");
            return Err(SyntaxError::new(self.piece.outer(range.start), message));
        }
        let node = match event {
            Event::Scalar(text, style, ..) => self.scalar(text.into_owned(), style, range),
            Event::MappingStart(style, ..) => self.mapping(style == StructureStyle::Flow, range)?,
            Event::SequenceStart(style, ..) => self.sequence(style == StructureStyle::Flow, range)?,
            _ => Node {
                range: self.outer_range(&range),
                kind: NodeKind::Alias,
            },
        };
        self.depth -= 1;
        Ok(node)
    }

    fn scalar(&self, text: String, style: ScalarStyle, mut range: std::ops::Range<usize>) -> Node {
        let bytes = self.piece.text.as_bytes();
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            // The library's end is where the next token begins: go back over blanks, and over blank lines unless they
            // are content (`+`).
            let keep = text.ends_with("\n\n") || (text.trim_matches('\n').is_empty() && !text.is_empty());
            while range.end > range.start && matches!(bytes[range.end - 1], b' ' | b'\t') {
                range.end -= 1;
            }
            if !keep {
                while range.end > range.start && matches!(bytes[range.end - 1], b' ' | b'\t' | b'\n' | b'\r')
                {
                    range.end -= 1;
                }
            }
        }
        let plain = style == ScalarStyle::Plain;
        Node {
            range: self.outer_range(&range),
            kind: NodeKind::Scalar { plain, text },
        }
    }

    fn mapping(&mut self, flow: bool, range: std::ops::Range<usize>) -> Result<Node, SyntaxError> {
        let start = self.piece.outer(range.start);
        let mut entries = Vec::new();
        let mut end = start;
        loop {
            match self.next()? {
                (Event::MappingEnd, closing) => {
                    if flow {
                        end = self.piece.outer(closing.end);
                    }
                    let kind = NodeKind::Mapping { flow, entries };
                    return Ok(Node {
                        range: start..end.max(start),
                        kind,
                    });
                }
                (event, range) => {
                    let key = self.node(event, range)?;
                    let (event, range) = self.next()?;
                    let value = self.node(event, range)?;
                    end = value.range.end.max(key.range.end);
                    entries.push((key, value));
                }
            }
        }
    }

    fn sequence(&mut self, flow: bool, range: std::ops::Range<usize>) -> Result<Node, SyntaxError> {
        let outer_start = self.piece.outer(range.start);
        let mut items: Vec<Node> = Vec::new();
        let mut starts = Vec::new();
        let mut end = outer_start;
        // A block sequence's dashes: the first stands left of the first item; the rest at the same column.
        loop {
            match self.next()? {
                (Event::SequenceEnd, closing) => {
                    if flow {
                        end = self.piece.outer(closing.end);
                    } else {
                        starts = self.dashes(&items);
                    }
                    let start = starts.first().copied().unwrap_or(outer_start).min(outer_start);
                    let kind = NodeKind::Sequence { flow, items, starts };
                    return Ok(Node {
                        range: start..end.max(start),
                        kind,
                    });
                }
                (event, range) => {
                    let item = self.node(event, range)?;
                    end = item.range.end;
                    if flow {
                        starts.push(item.range.start);
                    }
                    items.push(item);
                }
            }
        }
    }

    /// The offsets of the dashes in front of a block sequence's items, found backwards from each item: properties, blanks
    /// and line breaks lie between.
    fn dashes(&self, items: &[Node]) -> Vec<usize> {
        let bytes = self.piece.text.as_bytes();
        items
            .iter()
            .map(|item| {
                let inner = item.range.start - self.piece.start + self.piece.padding;
                let mut at = inner.min(bytes.len());
                // An item that is not written stands right behind its dash or anywhere after it on the line.
                while at > 0 {
                    at -= 1;
                    let dash = bytes[at] == b'-'
                        && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace)
                        && (at == 0 || matches!(bytes[at - 1], b' ' | b'\n' | b'\t'));
                    if dash {
                        break;
                    }
                }
                self.piece.outer(at)
            })
            .collect()
    }

    fn outer_range(&self, range: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        self.piece.outer(range.start)..self.piece.outer(range.end)
    }
}

// --- writing ---

/// How strings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Where a YAML 1.1 or 1.2 reader would take the plain text for something else.
    WhereNeeded,
    /// Always, with double quotes: for payloads whose reader is a program with YAML rules of its own.
    Always,
}

/// A value as a block-style YAML document that ends in a line break.
pub fn to_block(value: &Value, quoting: Quoting) -> String {
    let mut text = String::new();
    // Writing a JSON value to a string has no way to fail; should the library think otherwise, JSON is YAML too.
    if serde_saphyr::to_fmt_writer_with_options(&mut text, &Written { value, quoting }, write_options())
        .is_err()
    {
        text = to_flow(value);
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A value as one line of JSON, which is flow-style YAML too: characters that YAML takes only escaped are.
pub fn to_flow(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if is_unprintable(c) {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// Characters that YAML takes only escaped (YAML 1.2.2, section 5.1), and line breaks of YAML 1.1.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn write_options() -> SerializerOptions {
    serde_saphyr::ser_options! {
        // By default strings over 80 characters become folded blocks; reviewers want one line.
        folded_wrap_chars: 1_000_000_000,
    }
}

struct Written<'a> {
    value: &'a Value,
    quoting: Quoting,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |value| Written {
            value,
            quoting: self.quoting,
        };
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(value) => value.serialize(serializer),
            Value::String(text) if self.quoting == Quoting::Always || needs_double_quotes(text) => {
                DoubleQuoted(text).serialize(serializer)
            }
            // JSON in a string reads better without a backslash in front of each quote.
            Value::String(text)
                if text.contains('"')
                    && !text.contains(['\'', '\n', '\\'])
                    && !text.chars().any(is_unprintable) =>
            {
                SingleQuoted(text).serialize(serializer)
            }
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&inner(item))?;
                }
                seq.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, &inner(value))?;
                }
                map.end()
            }
        }
    }
}

/// Multi-line text whose first line with content begins with a tab: as a block scalar, Go's readers refuse it ("found a
/// tab character where an indentation space is expected").
fn needs_double_quotes(text: &str) -> bool {
    text.contains('\n')
        && text
            .lines()
            .find(|line| !line.is_empty())
            .is_some_and(|line| line.starts_with('\t'))
}

#[cfg(test)]
#[path = "yaml/tests.rs"]
mod tests;
