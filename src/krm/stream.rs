//! The frames of an input: a ResourceList, or bare documents, and the objects in them.
//!
//! Reads a [`Source`]; gives [`Item`]s with their byte ranges. `kind: List` is opened, so that nothing hides in one.
//! Never reads inside an object more than its head.

use std::ops::Range;

use super::head::{self, Head};
use super::results::FileRef;
use super::scan::{BYTE_ORDER_MARK, Entry, Scanner, Shape};
use super::source::{Source, SyntaxError};
use super::yaml::Piece;
use super::{annotations, tree::is_null_word};

/// The API group of the wire's own kinds.
const GROUP: &str = "config.kubernetes.io";
/// The versions of ResourceList that are read (KRM functions specification; `v1beta1` is what older kustomize writes).
const RESOURCE_LIST_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// One object of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// From the object's first byte to the end of its last line (block style) or its closing brace (flow style).
    pub range: Range<usize>,
    /// The column of the object's first byte (bytes).
    pub column: usize,
    /// Written with braces, JSON included.
    pub flow: bool,
    /// Which document of the source it is in, from 0; documents without content do not count.
    pub document: usize,
    /// The list it is an item of, and its position there; `None` for a document of its own.
    pub slot: Option<(usize, usize)>,
    /// Who it is.
    pub head: Head,
}

/// A sequence of objects: a ResourceList's `items`, or those of a `kind: List`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Written with brackets.
    pub flow: bool,
    /// From the first dash or bracket to the end of the last item's last line or the closing bracket. Empty where no
    /// sequence is written; then it stands behind the key's colon.
    pub range: Range<usize>,
    /// The column of the dashes (block style).
    pub column: usize,
    /// The items' ranges, dashes included.
    pub entries: Vec<Range<usize>>,
}

/// The wrapper of the KRM functions specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceList {
    /// Written with braces.
    pub flow: bool,
    /// The column of its fields.
    pub column: usize,
    /// From its first byte to the end of its last line or its closing brace.
    pub range: Range<usize>,
    /// Where its fields end and another may be added.
    pub fields_end: usize,
    /// Index of its items in [`Stream::lists`].
    pub items: Option<usize>,
    /// The functionConfig, if there is one.
    pub function_config: Option<Item>,
    /// The value of `results`, if a function before us left any.
    pub results: Option<Range<usize>>,
}

/// One document of a bare stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The marker line that opens it, if there is one.
    pub marker: Option<Range<usize>>,
    /// What lies between that and the next marker.
    pub body: Range<usize>,
}

/// A framed input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The wrapper, if the input has one.
    pub resource_list: Option<ResourceList>,
    /// The documents, if it has none; indexed by [`Item::document`].
    pub documents: Vec<Document>,
    /// Sequences of objects.
    pub lists: Vec<List>,
    /// The objects, in order. Without the functionConfig.
    pub items: Vec<Item>,
}

/// Frames a source.
///
/// # Errors
/// Broken borders, documents that are no objects, a ResourceList beside other documents or of an unknown version.
pub fn frame(source: &Source) -> Result<Stream, SyntaxError> {
    let text = &source.text;
    let mut stream = Stream {
        resource_list: None,
        documents: Vec::new(),
        lists: Vec::new(),
        items: Vec::new(),
    };
    for document in split(text) {
        let scanner = Scanner::new(text, document.body.clone());
        let Some(start) = root(&scanner, &document)? else {
            continue;
        };
        let on_marker_line = document.marker.is_some() && !text[document.body.start..start].contains('\n');
        if on_marker_line
            && scanner.shape(Some(start)) == Shape::Plain
            && !text[start..].starts_with(['&', '!'])
        {
            return Err(SyntaxError::new(
                start,
                "a document's fields begin on the line behind `---`",
            ));
        }
        let head = head::read(text, start..document.body.end)?;
        if head.id.kind == "ResourceList" && head.id.group == GROUP {
            if !RESOURCE_LIST_VERSIONS.contains(&head.id.version.as_str()) {
                let known = RESOURCE_LIST_VERSIONS
                    .map(|version| format!("{GROUP}/{version}"))
                    .join(" or ");
                let message = format!(
                    "ResourceList of apiVersion {}; {known} is read",
                    head.id.api_version()
                );
                return Err(SyntaxError::new(start, message));
            }
            if !stream.items.is_empty() || !stream.documents.is_empty() || stream.resource_list.is_some() {
                return Err(SyntaxError::new(
                    start,
                    "a ResourceList must be the only document of its stream",
                ));
            }
            let list = stream.resource_list(text, &scanner, start)?;
            stream.resource_list = Some(list);
            continue;
        }
        if stream.resource_list.is_some() {
            return Err(SyntaxError::new(
                start,
                "a document behind a ResourceList; it must be the only one",
            ));
        }
        let flow = matches!(scanner.shape(Some(start)), Shape::FlowMapping);
        let end = if flow {
            behind_flow(&scanner, start)?
        } else {
            document.body.end
        };
        let index = stream.documents.len();
        let item = Item {
            range: start..end,
            column: scanner.column(start),
            flow,
            document: index,
            slot: None,
            head,
        };
        stream.documents.push(document);
        stream.add(text, &scanner, item, false)?;
    }
    Ok(stream)
}

// === impl Item ===

impl Item {
    /// The object's own text, ready to be read on its own.
    pub fn piece(&self, source: &Source) -> Piece {
        Piece::new(&source.text, self.range.clone(), self.column)
    }

    /// Where the object comes from: its path annotation if an orchestrator gave it one, else the source and the place in it.
    pub fn file(&self, source: &Source, offset: Option<usize>) -> FileRef {
        let text = source.slice(&self.range);
        let mentions = memchr::memmem::find(text.as_bytes(), annotations::LEGACY_PATH.as_bytes()).is_some();
        if mentions && let Ok(value) = self.piece(source).value() {
            let found = head::from_value(&value).annotations;
            let either = |key: &str, legacy: &str| found.get(key).or_else(|| found.get(legacy)).cloned();
            if let Some(path) = either(annotations::PATH, annotations::LEGACY_PATH) {
                let index = either(annotations::INDEX, annotations::LEGACY_INDEX);
                let index = index.and_then(|index| index.parse().ok()).unwrap_or_default();
                return FileRef {
                    path,
                    index,
                    position: None,
                };
            }
        }
        let position = Some(source.position(offset.unwrap_or(self.range.start)));
        FileRef {
            path: source.name.clone(),
            index: self.document,
            position,
        }
    }
}

// === impl Stream ===

impl Stream {
    /// Adds an object, or what is in it if it is a list. What an orchestrator wrapped may lack a kind: kpt hands over
    /// kustomizations as people write them.
    fn add(
        &mut self,
        text: &str,
        scanner: &Scanner<'_>,
        item: Item,
        wrapped: bool,
    ) -> Result<(), SyntaxError> {
        let id = &item.head.id;
        let api_version = id.api_version();
        if !wrapped && (id.kind.is_empty() || api_version.is_empty()) {
            let missing = if id.kind.is_empty() { "kind" } else { "apiVersion" };
            let message = format!(
                "no {missing}: every document must be a Kubernetes object; move other files out of the way"
            );
            return Err(SyntaxError::new(item.range.start, message));
        }
        // `v1 List`, which kubectl opens whatever its name, and what `kubectl get -o yaml` of a typed list would be. Custom
        // kinds that end in List have a name.
        let is_core = id.kind == "List" && id.group.is_empty();
        let is_list = is_core || (id.kind.ends_with("List") && id.name.is_empty());
        if !is_list {
            self.items.push(item);
            return Ok(());
        }
        let inner = scanner.until(item.range.end);
        let entries = fields(&inner, item.range.start)?;
        let Some(entry) = named(text, &entries, "items") else {
            self.items.push(item);
            return Ok(());
        };
        self.list(text, &inner, entry, item.document, wrapped)?;
        Ok(())
    }

    fn resource_list(
        &mut self,
        text: &str,
        scanner: &Scanner<'_>,
        start: usize,
    ) -> Result<ResourceList, SyntaxError> {
        let flow = scanner.shape(Some(start)) == Shape::FlowMapping;
        let entries = fields(scanner, start)?;
        for (at, entry) in entries.iter().enumerate() {
            let key = &text[entry.key.clone()];
            if entries[..at]
                .iter()
                .any(|other| unquoted(&text[other.key.clone()]) == unquoted(key))
            {
                return Err(SyntaxError::new(
                    entry.key.start,
                    format!("field `{}` is given twice", unquoted(key)),
                ));
            }
        }
        let end = if flow {
            behind_flow(scanner, start)?
        } else {
            entries.last().map_or(start, |last| last.value.end)
        };
        let items = match named(text, &entries, "items") {
            Some(entry) => Some(self.list(text, scanner, entry, 0, true)?),
            None => None,
        };
        let function_config = match named(text, &entries, "functionConfig") {
            Some(entry) => object_in(text, scanner, entry)?,
            None => None,
        };
        Ok(ResourceList {
            flow,
            column: scanner.column(start),
            range: start..end,
            fields_end: entries
                .last()
                .map_or(start, |last| last.value.end.max(last.key.end)),
            items,
            function_config,
            results: named(text, &entries, "results").map(|entry| entry.value.clone()),
        })
    }

    /// Reads the sequence behind a key and the objects in it. Gives the index of the list.
    fn list(
        &mut self,
        text: &str,
        scanner: &Scanner<'_>,
        entry: &Entry,
        document: usize,
        wrapped: bool,
    ) -> Result<usize, SyntaxError> {
        let inner = scanner.until(entry.value.end);
        let start = inner.skip_trivia(entry.value.start)?;
        let here = entry.value.start..entry.value.start;
        let (flow, range, entries) = match (inner.shape(start), start) {
            (Shape::Sequence, Some(start)) => {
                let entries = inner.block_items(start)?;
                let end = entries.last().map_or(start, |last| last.end);
                (false, start..end, entries)
            }
            (Shape::FlowSequence, Some(start)) => {
                let (entries, end) = inner.flow_items(start)?;
                (true, start..end, entries)
            }
            (Shape::Empty, _) => (false, here, Vec::new()),
            (Shape::Plain, Some(start)) if is_null_word(text[start..entry.value.end].trim()) => (
                false,
                start..start + text[start..entry.value.end].trim().len(),
                Vec::new(),
            ),
            (_, start) => {
                return Err(SyntaxError::new(
                    start.unwrap_or(here.start),
                    "`items` must be a list of objects",
                ));
            }
        };
        let index = self.lists.len();
        let column = inner.column(range.start);
        self.lists.push(List {
            flow,
            range,
            column,
            entries: entries.clone(),
        });
        for (position, range) in entries.into_iter().enumerate() {
            let inner = scanner.until(range.end);
            let first = if flow { range.start } else { range.start + 1 };
            let Some(start) = inner.skip_trivia(first)? else {
                return Err(SyntaxError::new(
                    range.start,
                    "an empty list item where an object was expected",
                ));
            };
            let head = head::read(text, start..range.end)?;
            let own_flow = inner.shape(Some(start)) == Shape::FlowMapping;
            let end = if own_flow {
                inner.flow_end(start)?
            } else {
                range.end
            };
            let item = Item {
                range: start..end,
                column: inner.column(start),
                flow: own_flow,
                document,
                slot: Some((index, position)),
                head,
            };
            self.add(text, &inner, item, wrapped)?;
        }
        Ok(index)
    }
}

/// Splits a text at its document markers.
fn split(text: &str) -> Vec<Document> {
    let bytes = text.as_bytes();
    let mut documents = Vec::new();
    let mut marker: Option<Range<usize>> = None;
    let mut body = 0;
    let mut line = 0;
    while line < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[line..]).map_or(bytes.len(), |at| line + at + 1);
        let rest = &bytes[line..];
        let rest = rest.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(rest);
        let start = end.min(bytes.len() - rest.len());
        let blank = |at: usize| rest.get(at).is_none_or(u8::is_ascii_whitespace);
        if rest.starts_with(b"---") && blank(3) {
            documents.push(Document {
                marker: marker.take(),
                body: body..line,
            });
            // What stands behind the marker on its line belongs to the document: a comment, or a whole flow mapping.
            marker = Some(start..start + 3);
            body = start + 3;
        } else if rest.starts_with(b"...") && blank(3) {
            documents.push(Document {
                marker: marker.take(),
                body: body..line,
            });
            body = start + 3;
        }
        line = end;
        // Most lines are far from a marker: jump to the next line that begins like one.
        if line < bytes.len() && !matches!(bytes[line], b'-' | b'.' | 0xEF) {
            line = next_marker_line(bytes, line);
        }
    }
    documents.push(Document {
        marker,
        body: body..bytes.len(),
    });
    documents
}

fn next_marker_line(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    let dashes = memchr::memmem::find(rest, b"\n---");
    let within = dashes.map_or(rest.len(), |at| at + 1);
    let nearer = |within: usize, marker: &[u8]| {
        memchr::memmem::find(&rest[..within], marker).map_or(within, |at| at + 1)
    };
    from + nearer(nearer(within, b"\n..."), b"\n\xEF\xBB\xBF")
}

/// The first byte of a document's root node, behind byte order mark, directives and comments.
fn root(scanner: &Scanner<'_>, document: &Document) -> Result<Option<usize>, SyntaxError> {
    let mut at = document.body.start;
    let mut directives = false;
    loop {
        match scanner.skip_trivia(at)? {
            Some(next) if scanner.starts_with(next, BYTE_ORDER_MARK) => at = next + BYTE_ORDER_MARK.len(),
            Some(next) if scanner.starts_with(next, "%") => {
                if scanner.starts_with(next, "%YAML ") && !scanner.starts_with(next, "%YAML 1.") {
                    return Err(SyntaxError::new(next, "only YAML 1.1 and 1.2 are read"));
                }
                directives = true;
                at = scanner.skip_line(next)?;
            }
            Some(next) if directives => {
                return Err(SyntaxError::new(
                    next,
                    "a directive (`%…`) must be followed by a line of `---`",
                ));
            }
            found => return Ok(found),
        }
    }
}

fn fields(scanner: &Scanner<'_>, start: usize) -> Result<Vec<Entry>, SyntaxError> {
    match scanner.shape(Some(start)) {
        Shape::FlowMapping => scanner.flow_entries(start).map(|(entries, _)| entries),
        _ => scanner.block_entries(start),
    }
}

/// The end of a flow-style root, behind which nothing but comments may follow.
fn behind_flow(scanner: &Scanner<'_>, start: usize) -> Result<usize, SyntaxError> {
    let end = scanner.flow_end(start)?;
    match scanner.skip_trivia(end)? {
        None => Ok(end),
        Some(at) => Err(SyntaxError::new(
            at,
            "text behind the closing brace of the document",
        )),
    }
}

fn named<'a>(text: &str, entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries
        .iter()
        .find(|entry| unquoted(&text[entry.key.clone()]) == name)
}

fn unquoted(key: &str) -> &str {
    match key.as_bytes() {
        [b'"', .., b'"'] | [b'\'', .., b'\''] if key.len() > 1 => &key[1..key.len() - 1],
        _ => key,
    }
}

fn object_in(text: &str, scanner: &Scanner<'_>, entry: &Entry) -> Result<Option<Item>, SyntaxError> {
    let inner = scanner.until(entry.value.end);
    let Some(start) = inner.skip_trivia(entry.value.start)? else {
        return Ok(None);
    };
    if is_null_word(text[start..entry.value.end].trim()) {
        return Ok(None);
    }
    let head = head::read(text, start..entry.value.end)?;
    let flow = inner.shape(Some(start)) == Shape::FlowMapping;
    let end = if flow {
        inner.flow_end(start)?
    } else {
        entry.value.end
    };
    Ok(Some(Item {
        range: start..end,
        column: inner.column(start),
        flow,
        document: 0,
        slot: None,
        head,
    }))
}

#[cfg(test)]
#[path = "stream/tests.rs"]
mod tests;
