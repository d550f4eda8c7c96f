//! Finds the borders of YAML and JSON nodes without reading what is inside them.
//!
//! Reads a text; gives byte ranges. Never builds values: that is `yaml`'s work, and only for documents that need it.
//! This is what makes ten thousand foreign objects cheap, and why their bytes can pass untouched. It follows YAML 1.2's
//! lexical rules as libyaml applies them (indentation does not count inside quotes and flow collections), because
//! kubectl, kustomize and kpt read with libyaml's descendants.

use std::ops::Range;

use super::source::SyntaxError;

/// Nesting deeper than this is refused, in every style. Real manifests stay under 100.
pub const MAX_DEPTH: usize = 1_000;

/// U+FEFF: may stand at the start of a document and means nothing there.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

type Result<T> = std::result::Result<T, SyntaxError>;

mod characters;
mod flow;

/// One entry of a mapping: where its key and its value lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key as written, quotes and properties included.
    pub key: Range<usize>,
    /// From behind the colon to the end of the value's last line (block) or its last byte (flow).
    pub value: Range<usize>,
}

/// What a node's first character says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A block mapping, or a scalar: what has no opening bracket or dash.
    Plain,
    /// A block sequence.
    Sequence,
    /// `{…}`
    FlowMapping,
    /// `[…]`
    FlowSequence,
    /// Nothing but blanks and comments.
    Empty,
}

/// A reader over one document of a text. Offsets are those of the whole text.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    text: &'a [u8],
    end: usize,
    /// The text holds characters that are line breaks to some YAML readers and not to others.
    odd_breaks: bool,
}

/// What one token of a block line leads to.
enum After {
    /// The logical line is over; the next physical line starts here.
    NextLine(usize),
    /// A key was read; its value may follow on the same line, at this offset.
    Key(usize),
    /// A dash, `?` or `:` indicator was read; a whole node may follow on the same line, at this offset.
    Indicator(usize),
}

/// The columns of the block collections that are open, innermost last.
type Open = Vec<usize>;

// === impl Scanner ===

impl<'a> Scanner<'a> {
    /// A scanner for the part of `text` in `range` (bytes). Nothing behind the range is looked at.
    pub fn new(text: &'a str, range: Range<usize>) -> Self {
        let bytes = &text.as_bytes()[..range.end.min(text.len())];
        let odd_breaks = bytes.get(range.start..).is_some_and(characters::has_odd_breaks);
        Self {
            text: bytes,
            end: bytes.len(),
            odd_breaks,
        }
    }

    /// The same text, read up to another end.
    #[must_use]
    pub fn until(self, end: usize) -> Self {
        let end = end.min(self.end);
        Self {
            text: &self.text[..end],
            end,
            ..self
        }
    }

    /// The first byte at or after `at` that is neither blank nor comment, or `None` at the end. `at` must not lie in a scalar.
    pub fn skip_trivia(&self, mut at: usize) -> Result<Option<usize>> {
        loop {
            at = self.skip_blanks(at);
            match self.byte(at) {
                None => return Ok(None),
                Some(b'\n') => at += 1,
                Some(b'\r') => at = self.line_break(at)?,
                Some(b'#') => at = self.skip_comment(at)?,
                Some(_) => return Ok(Some(at)),
            }
        }
    }

    /// The line behind the one of `at`, which holds nothing to read.
    pub fn skip_line(&self, at: usize) -> Result<usize> {
        self.skip_comment(at)
    }

    /// What kind of node starts at `at`, which must be the first byte of a node.
    pub fn shape(&self, at: Option<usize>) -> Shape {
        let Some(at) = at else { return Shape::Empty };
        match self.byte(at) {
            None => Shape::Empty,
            Some(b'{') => Shape::FlowMapping,
            Some(b'[') => Shape::FlowSequence,
            Some(b'-') if self.is_break_or_blank(at + 1) => Shape::Sequence,
            Some(_) => Shape::Plain,
        }
    }

    /// Whether the text goes on with `prefix` at `at`.
    pub fn starts_with(&self, at: usize, prefix: &str) -> bool {
        self.text
            .get(at..)
            .is_some_and(|rest| rest.starts_with(prefix.as_bytes()))
    }

    /// The column (bytes from the line start, from 0) of an offset.
    pub fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// The offset of the first byte of the line that `at` lies in.
    pub fn line_start(&self, at: usize) -> usize {
        let start = memchr::memrchr(b'\n', &self.text[..at.min(self.end)]).map_or(0, |found| found + 1);
        // A byte order mark takes no column.
        let behind = start + BYTE_ORDER_MARK.len();
        if behind <= at && self.starts_with(start, BYTE_ORDER_MARK) {
            behind
        } else {
            start
        }
    }

    /// The offset behind the line break that ends the line of `at`, or the end.
    pub fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.text[at.min(self.end)..]).map_or(self.end, |found| at + found + 1)
    }

    /// The entries of the block mapping whose first key starts at `start`.
    ///
    /// # Errors
    /// Anything that is not a block mapping of simple keys at one column: an explicit `?` key, a value without key.
    pub fn block_entries(&self, start: usize) -> Result<Vec<Entry>> {
        let column = self.column(start);
        let mut entries = Vec::new();
        let mut at = start;
        loop {
            if self.shape(Some(at)) == Shape::Sequence {
                return Err(SyntaxError::new(at, "a list item where a field was expected"));
            }
            let colon = self.key_end(at)?;
            let value = colon + 1;
            let end = self.entry_value_end(value, column)?;
            entries.push(Entry {
                key: at..self.trim_blanks(at, colon),
                value: value..end,
            });
            match self.next_content(end)? {
                Some(next) if self.column(next) == column => at = next,
                Some(next) => return Err(between_levels(next)),
                None => return Ok(entries),
            }
        }
    }

    /// The items of the block sequence whose first dash is at `start`: for each the range from its dash to the start of
    /// the line behind its last one.
    ///
    /// # Errors
    /// Broken borders inside an item.
    pub fn block_items(&self, start: usize) -> Result<Vec<Range<usize>>> {
        let column = self.column(start);
        let mut items = Vec::new();
        let mut at = start;
        loop {
            let mut open = Open::new();
            let mut end = self.logical_line(at, &mut open)?;
            let next = loop {
                match self.next_content(end)? {
                    Some(next) if self.column(next) > column => end = self.logical_line(next, &mut open)?,
                    next => break next,
                }
            };
            items.push(at..end);
            match next {
                Some(next) if self.column(next) == column && self.shape(Some(next)) == Shape::Sequence => {
                    at = next;
                }
                _ => return Ok(items),
            }
        }
    }

    /// Reads a whole document body from `start` (the first byte of its root node) for broken borders alone.
    pub fn check(&self, start: usize) -> Result<()> {
        let mut open = Open::new();
        let mut at = start;
        while let Some(next) = self.next_content(at)? {
            at = self.logical_line(next, &mut open)?;
        }
        Ok(())
    }

    // --- block style ---

    /// From behind a key's colon to the first line that no longer belongs to the key's value. A sequence may start at the
    /// key's own column.
    fn entry_value_end(&self, value: usize, column: usize) -> Result<usize> {
        let mut open = vec![column];
        let mut at = match self.token(value, &mut open, false)? {
            After::NextLine(next) => next,
            After::Key(at) | After::Indicator(at) => return Err(second_key(at)),
        };
        while let Some(next) = self.next_content(at)? {
            let indent = self.column(next);
            let own_sequence = indent == column && self.shape(Some(next)) == Shape::Sequence;
            if indent <= column && !own_sequence {
                break;
            }
            at = self.logical_line(next, &mut open)?;
        }
        Ok(at)
    }

    /// Reads one logical line that starts at its first non-blank byte: indicators, properties, a key or scalar, and
    /// whatever that scalar spans. Gives the start of the next physical line.
    fn logical_line(&self, start: usize, open: &mut Open) -> Result<usize> {
        let column = self.column(start);
        let mut closed = None;
        while open.last().is_some_and(|last| *last >= column) {
            closed = open.pop();
        }
        if closed.is_some_and(|closed| closed != column) {
            return Err(between_levels(start));
        }
        let mut cursor = start;
        let mut keyed = false;
        loop {
            match self.token(cursor, open, !keyed)? {
                After::NextLine(next) => return Ok(next),
                After::Key(next) if keyed => return Err(second_key(next)),
                After::Key(next) => {
                    keyed = true;
                    cursor = next;
                }
                After::Indicator(next) => cursor = next,
            }
            if open.len() > MAX_DEPTH {
                return Err(SyntaxError::new(
                    cursor,
                    format!("nesting is deeper than {MAX_DEPTH} levels"),
                ));
            }
        }
    }

    /// Reads one token of a block line.
    fn token(&self, from: usize, open: &mut Open, indicators: bool) -> Result<After> {
        let mut at = self.skip_blanks(from);
        let first = at;
        while matches!(self.byte(at), Some(b'&' | b'!')) {
            at = self.skip_blanks(self.word(at)?);
        }
        let outer = open.len();
        let after = self.node_token(at, open, indicators && at == first)?;
        if at > first && matches!(after, After::Key(_)) {
            // A property belongs to the node behind it: if that is a key, the key's column is the property's.
            open.truncate(outer);
            open.push(self.column(first));
        }
        Ok(after)
    }

    /// Reads one token that is not a property, at its first byte.
    fn node_token(&self, at: usize, open: &mut Open, indicators: bool) -> Result<After> {
        let Some(byte) = self.byte(at) else {
            return Ok(After::NextLine(self.end));
        };
        match byte {
            b'\n' => Ok(After::NextLine(at + 1)),
            b'\r' if matches!(self.byte(at + 1), Some(b'\n') | None) => {
                Ok(After::NextLine(self.line_end(at)))
            }
            b'#' => Ok(After::NextLine(self.skip_comment(at)?)),
            b'-' | b'?' | b':' if indicators && self.is_break_or_blank(at + 1) => {
                open.push(self.column(at));
                Ok(After::Indicator(at + 1))
            }
            b'*' => self.after_node(at, self.word(at)?, open),
            b'"' | b'\'' => self.after_node(at, self.quoted_end(at)?, open),
            b'[' | b'{' => self.after_node(at, self.flow_end(at)?, open),
            b'|' | b'>' => Ok(After::NextLine(self.block_scalar_end(at, open)?)),
            b'%' | b'@' | b'`' => Err(SyntaxError::new(
                at,
                format!("`{}` cannot start a plain value; quote it", char::from(byte)),
            )),
            _ => self.plain(at, open),
        }
    }

    /// Behind a quoted scalar, alias or flow collection: a colon makes it a key, else only a comment may follow.
    fn after_node(&self, start: usize, end: usize, open: &mut Open) -> Result<After> {
        let at = self.skip_blanks(end);
        match self.byte(at) {
            Some(b':') if self.is_break_or_blank(at + 1) => {
                open.push(self.column(start));
                Ok(After::Key(at + 1))
            }
            None => Ok(After::NextLine(self.end)),
            Some(b'\n') => Ok(After::NextLine(at + 1)),
            Some(b'\r') => Ok(After::NextLine(self.line_break(at)?)),
            Some(b'#') => Ok(After::NextLine(self.skip_comment(at)?)),
            Some(_) => {
                let message =
                    "text behind the end of a quoted or bracketed value; is a quote or bracket one too many?";
                Err(SyntaxError::new(at, message))
            }
        }
    }

    /// A plain scalar: a key, or a value that may go on over lines indented deeper than the collection that holds it.
    fn plain(&self, start: usize, open: &mut Open) -> Result<After> {
        let (end, stop) = self.plain_end_on_line(start);
        self.check_breaks(start, end)?;
        match stop {
            Some(b':') => {
                open.push(self.column(start));
                return Ok(After::Key(end + 1));
            }
            Some(_) => return Ok(After::NextLine(self.skip_comment(end)?)),
            None => {}
        }
        // Continuation lines: deeper than the collection, not a comment. They hold no structure of their own.
        let mut at = end;
        let mut line = at;
        loop {
            let text = self.skip_spaces(line);
            let first = self.skip_blanks(text);
            match self.byte(first) {
                Some(b'\n' | b'\r') => line = self.line_break(first)?,
                Some(byte) if byte != b'#' && open.last().is_none_or(|column| text - line > *column) => {
                    let (end, stop) = self.plain_end_on_line(first);
                    self.check_breaks(first, end)?;
                    match stop {
                        Some(b':') => {
                            let message = "this plain value goes on over lines that hold a colon; is a colon or the blank \
                                           behind it missing here, or a quote?";
                            return Err(SyntaxError::new(start, message));
                        }
                        Some(_) => return Ok(After::NextLine(self.skip_comment(end)?)),
                        None => {}
                    }
                    line = end;
                    at = end;
                }
                _ => return Ok(After::NextLine(at)),
            }
        }
    }

    /// Where a plain scalar ends on its line, and at what: a key's colon, a comment, or (None) behind the line break.
    fn plain_end_on_line(&self, start: usize) -> (usize, Option<u8>) {
        let line = self.line_end(start);
        let mut at = start;
        while let Some(found) = memchr::memchr2(b':', b'#', &self.text[at..line]) {
            let found = at + found;
            match self.text[found] {
                b':' if self.is_break_or_blank(found + 1) => return (found, Some(b':')),
                b'#' if found > start && matches!(self.text[found - 1], b' ' | b'\t') => {
                    return (found, Some(b'#'));
                }
                _ => at = found + 1,
            }
        }
        (line, None)
    }

    /// A literal or folded scalar: everything indented deeper than the collection that holds it. Blank lines behind it
    /// belong to it only where it says so (`+`).
    fn block_scalar_end(&self, start: usize, open: &Open) -> Result<usize> {
        let mut at = start + 1;
        let mut keep = false;
        while let Some(indicator @ (b'1'..=b'9' | b'+' | b'-')) = self.byte(at) {
            keep |= indicator == b'+';
            at += 1;
        }
        let rest = self.skip_blanks(at);
        match self.byte(rest) {
            None => return Ok(self.end),
            Some(b'\n' | b'\r') => {
                self.line_break(rest)?;
            }
            Some(b'#') if rest > at => {
                self.skip_comment(rest)?;
            }
            Some(_) => {
                return Err(SyntaxError::new(
                    rest,
                    "text behind `|` or `>`; the block starts on the next line",
                ));
            }
        }
        let mut line = self.line_end(rest);
        let mut last = line;
        loop {
            let text = self.skip_spaces(line);
            match self.byte(text) {
                None => return Ok(if keep { self.end } else { last }),
                Some(b'\n') => line = text + 1,
                Some(b'\r') if self.byte(text + 1) == Some(b'\n') => line = text + 2,
                Some(_) if open.last().is_none_or(|column| text - line > *column) => {
                    // A break that some readers see would end the block for them.
                    self.check_breaks(text, self.line_end(text))?;
                    line = self.line_end(text);
                    last = line;
                }
                Some(_) => return Ok(if keep { line } else { last }),
            }
        }
    }

    /// The key that starts at `start`: the offset of its colon.
    fn key_end(&self, start: usize) -> Result<usize> {
        let missing = || SyntaxError::new(start, "a field needs a colon and a space: `name: value`");
        let mut at = start;
        while matches!(self.byte(at), Some(b'&' | b'!')) {
            at = self.skip_blanks(self.word(at)?);
        }
        match self.byte(at) {
            Some(b'"' | b'\'') => {
                let end = self.skip_blanks(self.quoted_end(at)?);
                if self.byte(end) == Some(b':') {
                    Ok(end)
                } else {
                    Err(missing())
                }
            }
            Some(b'?') if self.is_break_or_blank(at + 1) => Err(SyntaxError::new(
                at,
                "explicit `?` keys are not read here; write `name: value`",
            )),
            Some(b'*') => {
                let word = self.skip_blanks(self.word(at)?);
                if self.byte(word) == Some(b':') {
                    Ok(word)
                } else {
                    Err(missing())
                }
            }
            Some(b'\n' | b'\r' | b'#') | None => Err(missing()),
            Some(_) => match self.plain_end_on_line(at) {
                (end, Some(b':')) => Ok(end),
                _ => Err(missing()),
            },
        }
    }

    /// The first content byte at or after the line start `at`, skipping blank lines and comments.
    fn next_content(&self, at: usize) -> Result<Option<usize>> {
        let mut line = at;
        loop {
            let text = self.skip_spaces(line);
            match self.byte(text) {
                None => return Ok(None),
                Some(b'\n') => line = text + 1,
                Some(b'\r') if matches!(self.byte(text + 1), Some(b'\n') | None) => {
                    line = self.line_end(text);
                }
                Some(b'#') => line = self.skip_comment(text)?,
                Some(b'\t') => {
                    // Blank but for tabs, or a comment behind tabs: nothing. Anything else is indented by tabs.
                    let rest = self.skip_blanks(text);
                    match self.byte(rest) {
                        None => return Ok(None),
                        Some(b'\n' | b'\r') => line = self.line_break(rest)?,
                        Some(b'#') => line = self.skip_comment(rest)?,
                        Some(_) => {
                            return Err(SyntaxError::new(
                                text,
                                "a tab is used for indentation; YAML wants spaces",
                            ));
                        }
                    }
                }
                Some(_) => return Ok(Some(text)),
            }
        }
    }
}

fn between_levels(at: usize) -> SyntaxError {
    SyntaxError::new(at, "this line is indented like none of the fields around it")
}

fn second_key(at: usize) -> SyntaxError {
    SyntaxError::new(
        at,
        "a second `key: value` on one line; quote the value if the colon belongs to it",
    )
}

#[cfg(test)]
#[path = "scan/tests.rs"]
mod tests;
