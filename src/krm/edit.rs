//! Edits inside one object that leave every other byte alone and can be taken back to the byte.
//!
//! Reads the object's nodes; gives splices. Adding and removing are exact inverses: text is added behind the last line of
//! what it follows, line break first, and removed the same way. Never decides what to write: that is `manifests`' work.
//! Callers compare the value that comes out with the one they meant, so an unusual document ends in a finding, not in a
//! wrong file.

mod scalar;

use std::ops::Range;

use serde_json::Value;

use super::source::{Source, SyntaxError};
use super::splice::{self, Splice};
use super::stream::Item;
use super::tree::{Node, NodeKind, Step};
use super::yaml::{self, Quoting};

/// What stood at a field before something was put there; kept so that it can be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// The field was not there.
    Absent,
    /// The field held this text. In block style it begins behind the colon, with a blank or a line break.
    Text(String),
    /// The field held a list that was added to.
    Present,
}

/// Why an edit in place cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no mapping or list where one is needed.
    #[error("{0} cannot be changed in place: it is missing, an alias, or of another type; write it out")]
    NotThere(String),
    /// The node cannot be taken out by lines.
    #[error("{0} cannot be taken out in place; write it on lines of its own")]
    NotOnItsOwnLines(String),
}

type Result<T> = std::result::Result<T, EditError>;

/// Collects splices for one object.
#[derive(Debug, Clone)]
pub struct Editor<'a> {
    text: &'a str,
    range: Range<usize>,
    newline: &'static str,
    tree: Node,
    splices: Vec<Splice>,
}

// === impl Editor ===

impl<'a> Editor<'a> {
    /// An editor for an item.
    ///
    /// # Errors
    /// The item's text cannot be read.
    pub fn new(source: &'a Source, item: &Item) -> std::result::Result<Self, SyntaxError> {
        let tree = item.piece(source).tree()?;
        let first_line = source
            .slice(&item.range)
            .split_inclusive('\n')
            .next()
            .unwrap_or_default();
        let newline = if first_line.ends_with("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        Ok(Self {
            text: &source.text,
            range: item.range.clone(),
            newline,
            tree,
            splices: Vec::new(),
        })
    }

    /// The nodes of the object as it came.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// The edits so far.
    pub fn splices(self) -> Vec<Splice> {
        self.splices
    }

    /// The object's text with the edits so far.
    pub fn edited(&self) -> String {
        splice::apply(self.text, self.range.clone(), &self.splices)
    }

    /// Gives a field of the mapping at `path` a value. Says what stood there.
    ///
    /// # Errors
    /// No mapping at `path`.
    pub fn set(&mut self, path: &[Step<'_>], key: &str, value: &Value) -> Result<Before> {
        let (map, flow) = self.mapping(path)?;
        let Some((key_node, old)) = map.entry(key).map(|(key, value)| (key.clone(), value.clone())) else {
            let splice = self.new_entry(&map, flow, key, value);
            self.splices.push(splice);
            return Ok(Before::Absent);
        };
        if old.range.is_empty() {
            let at = self.behind_colon(&key_node);
            self.splices
                .push(Splice::insert(at, format!(" {}", yaml::to_flow(value))));
            return Ok(Before::Text(String::new()));
        }
        let new = if flow { yaml::to_flow(value) } else { inline(value) };
        if self.is_block(&old) {
            // From the colon on, with comments, properties and indentation, so that it comes back as it was.
            let end = match old.kind {
                NodeKind::Scalar { .. } => self.line_end(old.range.end),
                _ => old.range.end,
            };
            let range = self.behind_colon(&key_node)..end;
            let before = self.text[range.clone()].to_owned();
            self.splices.push(Splice::replace(range, format!(" {new}")));
            return Ok(Before::Text(before));
        }
        let before = self.text[old.range.clone()].to_owned();
        self.splices.push(Splice::replace(old.range, new));
        Ok(Before::Text(before))
    }

    /// Takes fields out of the mapping at `path`. A block mapping must keep at least one.
    ///
    /// # Errors
    /// No mapping at `path`, or a field that shares its line with something else.
    pub fn unset(&mut self, path: &[Step<'_>], keys: &[&str]) -> Result<()> {
        let (map, flow) = self.mapping(path)?;
        let NodeKind::Mapping { entries, .. } = &map.kind else {
            return Ok(());
        };
        let ranges: Vec<Range<usize>> = entries
            .iter()
            .map(|(key, value)| key.range.start..value.range.end.max(key.range.end))
            .collect();
        let gone: Vec<usize> = (0..entries.len())
            .filter(|at| entries[*at].0.text().is_some_and(|text| keys.contains(&text)))
            .collect();
        if flow {
            self.remove_flow(&ranges, &gone);
            return Ok(());
        }
        self.remove_lines(&ranges, &gone)
            .ok_or_else(|| EditError::NotOnItsOwnLines(describe(path)))
    }

    /// Puts back what stood at a field before [`Editor::set`].
    ///
    /// # Errors
    /// As [`Editor::unset`].
    pub fn restore(&mut self, path: &[Step<'_>], key: &str, before: &Before) -> Result<()> {
        let (map, _) = self.mapping(path)?;
        match (before, map.entry(key)) {
            (Before::Absent, _) => self.unset(path, &[key]),
            (Before::Text(text), Some((key_node, value))) => {
                // No text of a value begins with a blank; what does was taken from the colon on.
                let range = if text.is_empty() || text.starts_with([' ', '\t', '\r', '\n']) {
                    self.behind_colon(key_node)..value.range.end
                } else {
                    value.range.clone()
                };
                self.splices.push(Splice::replace(range, text.clone()));
                Ok(())
            }
            (Before::Text(_), None) | (Before::Present, _) => Ok(()),
        }
    }

    /// Adds items to the list in field `key` of the mapping at `path`, making the list if there is none. Says what stood
    /// there.
    ///
    /// # Errors
    /// No mapping at `path`, or something other than a list in the field.
    pub fn push(&mut self, path: &[Step<'_>], key: &str, values: &[Value]) -> Result<Before> {
        let (map, map_flow) = self.mapping(path)?;
        let Some((key_node, list)) = map.entry(key).map(|(key, list)| (key.clone(), list.clone())) else {
            let splice = if map_flow {
                self.new_entry(&map, true, key, &Value::from(values.to_vec()))
            } else {
                let column = self.column(map.range.start);
                let text = format!(
                    "{}{key}:{}",
                    self.line(column),
                    self.dashes(values, column + self.offset(&map))
                );
                Splice::insert(self.line_end(map.range.end), text).at_column(column)
            };
            self.splices.push(splice);
            return Ok(Before::Absent);
        };
        match &list.kind {
            NodeKind::Sequence {
                flow: false, starts, ..
            } => {
                let column = starts.last().map_or(0, |at| self.column(*at));
                let text = self.dashes(values, column);
                self.splices
                    .push(Splice::insert(self.line_end(list.range.end), text).at_column(column + 1));
                Ok(Before::Present)
            }
            NodeKind::Sequence {
                flow: true, items, ..
            } => {
                let ranges: Vec<Range<usize>> = items.iter().map(|item| item.range.clone()).collect();
                let lead = self.flow_separator(&ranges);
                let at = ranges.last().map_or(list.range.start + 1, |last| last.end);
                for (index, value) in values.iter().enumerate() {
                    let lead = if ranges.is_empty() && index == 0 {
                        ""
                    } else {
                        &lead
                    };
                    self.splices
                        .push(Splice::insert(at, format!("{lead}{}", yaml::to_flow(value))));
                }
                Ok(Before::Present)
            }
            NodeKind::Scalar { .. } if list.is_null() => {
                let before = self.text[list.range.clone()].to_owned();
                if !before.is_empty() {
                    self.splices.push(Splice::replace(
                        list.range,
                        yaml::to_flow(&Value::from(values.to_vec())),
                    ));
                } else if map_flow {
                    let at = self.behind_colon(&key_node);
                    self.splices.push(Splice::insert(
                        at,
                        format!(" {}", yaml::to_flow(&Value::from(values.to_vec()))),
                    ));
                } else {
                    let column = self.column(map.range.start) + self.offset(&map);
                    let text = self.dashes(values, column);
                    self.splices
                        .push(Splice::insert(self.line_end(key_node.range.end), text).at_column(column + 1));
                }
                Ok(Before::Text(before))
            }
            _ => Err(EditError::NotThere(format!("{}.{key}", describe(path)))),
        }
    }

    /// Takes items out of a list that [`Editor::push`] added to, and the list with them if that made it.
    ///
    /// # Errors
    /// No list there, or an item that shares its line with something else.
    pub fn pull(&mut self, path: &[Step<'_>], key: &str, gone: &[usize], before: &Before) -> Result<()> {
        let (map, map_flow) = self.mapping(path)?;
        let missing = || EditError::NotThere(format!("{}.{key}", describe(path)));
        let (key_node, list) = map.entry(key).ok_or_else(missing)?;
        let NodeKind::Sequence { flow, items, starts } = &list.kind else {
            return Err(missing());
        };
        let ranges: Vec<Range<usize>> = items
            .iter()
            .zip(starts)
            .map(|(item, start)| *start.min(&item.range.start)..item.range.end)
            .collect();
        let all = gone.len() == items.len();
        match before {
            Before::Absent if all => return self.unset(path, &[key]),
            Before::Text(text) if all && (*flow || map_flow) => {
                let start = if text.is_empty() {
                    self.behind_colon(key_node)
                } else {
                    list.range.start
                };
                self.splices
                    .push(Splice::replace(start..list.range.end, text.clone()));
                return Ok(());
            }
            _ => {}
        }
        if *flow {
            self.remove_flow(&ranges, gone);
            return Ok(());
        }
        self.remove_lines(&ranges, gone)
            .ok_or_else(|| EditError::NotOnItsOwnLines(format!("{}.{key}", describe(path))))
    }

    /// Writes another value in the place of a list's item.
    ///
    /// # Errors
    /// No list there, or an item that shares its line with something else.
    pub fn replace_item(&mut self, path: &[Step<'_>], key: &str, index: usize, value: &Value) -> Result<()> {
        let (map, _) = self.mapping(path)?;
        let missing = || EditError::NotThere(format!("{}.{key}[{index}]", describe(path)));
        let NodeKind::Sequence { flow, items, starts } = &map.get(key).ok_or_else(missing)?.kind else {
            return Err(missing());
        };
        let item = items.get(index).ok_or_else(missing)?;
        if *flow || matches!(item.kind, NodeKind::Mapping { flow: true, .. }) {
            self.splices
                .push(Splice::replace(item.range.clone(), yaml::to_flow(value)));
            return Ok(());
        }
        let start = starts[index];
        if self.first_on_line(start).is_none() {
            return Err(EditError::NotOnItsOwnLines(format!(
                "{}.{key}[{index}]",
                describe(path)
            )));
        }
        let text = self.dashes(std::slice::from_ref(value), self.column(start));
        let from = self.break_before(start);
        self.splices
            .push(Splice::replace(from..self.line_end(item.range.end), text));
        Ok(())
    }

    // --- places ---

    fn mapping(&self, path: &[Step<'_>]) -> Result<(Node, bool)> {
        match self.tree.at(path) {
            Some(node) => match &node.kind {
                NodeKind::Mapping { flow, .. } => Ok((node.clone(), *flow)),
                _ => Err(EditError::NotThere(describe(path))),
            },
            None => Err(EditError::NotThere(describe(path))),
        }
    }

    /// Behind the colon of a key.
    fn behind_colon(&self, key: &Node) -> usize {
        let rest = &self.text[key.range.end..];
        key.range.end + rest.find(':').map_or(0, |at| at + 1)
    }

    fn is_block(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Mapping { flow, .. } | NodeKind::Sequence { flow, .. } => !flow,
            NodeKind::Scalar { plain, .. } => {
                !plain && !matches!(self.text.as_bytes().get(node.range.start), Some(b'"' | b'\''))
            }
            NodeKind::Alias => false,
        }
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    fn line_start(&self, at: usize) -> usize {
        memchr::memrchr(b'\n', &self.text.as_bytes()[..at]).map_or(0, |found| found + 1)
    }

    /// The end of the line that holds the last byte before `end`, without its line break.
    fn line_end(&self, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let from = end.saturating_sub(1).max(self.range.start);
        let found = memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at);
        if found > 0 && found < bytes.len() && bytes[found - 1] == b'\r' {
            found - 1
        } else {
            found
        }
    }

    /// The start of the line break in front of the line of `at`.
    fn break_before(&self, at: usize) -> usize {
        let start = self.line_start(at);
        if start == 0 {
            return 0;
        }
        let bytes = self.text.as_bytes();
        if start > 1 && bytes[start - 2] == b'\r' {
            start - 2
        } else {
            start - 1
        }
    }

    /// The line start, if nothing but blanks stands before `at`.
    fn first_on_line(&self, at: usize) -> Option<usize> {
        let start = self.line_start(at);
        self.text[start..at]
            .bytes()
            .all(|byte| byte == b' ')
            .then_some(start)
    }

    // --- text ---

    fn line(&self, column: usize) -> String {
        format!("{}{}", self.newline, " ".repeat(column))
    }

    /// How far a list's dashes stand from their key: as the mapping's other lists have it.
    fn offset(&self, map: &Node) -> usize {
        let NodeKind::Mapping { entries, .. } = &map.kind else {
            return 0;
        };
        entries
            .iter()
            .find_map(|(key, value)| match &value.kind {
                NodeKind::Sequence {
                    flow: false, starts, ..
                } => {
                    let dash = self.column(*starts.first()?);
                    Some(dash.saturating_sub(self.column(key.range.start)))
                }
                _ => None,
            })
            .unwrap_or_default()
    }

    /// Values as list items, each on lines of its own, each behind a line break.
    fn dashes(&self, values: &[Value], column: usize) -> String {
        let items = values.iter().map(|value| {
            let block = yaml::to_block(value, Quoting::WhereNeeded);
            let mut text = String::new();
            for (index, line) in block.lines().enumerate() {
                let lead = if index == 0 { "- " } else { "  " };
                if line.is_empty() {
                    text.push_str(self.newline);
                } else {
                    text.push_str(&format!("{}{lead}{line}", self.line(column)));
                }
            }
            text
        });
        items.collect()
    }

    fn new_entry(&self, map: &Node, flow: bool, key: &str, value: &Value) -> Splice {
        let NodeKind::Mapping { entries, .. } = &map.kind else {
            return Splice::insert(map.range.end, "");
        };
        if flow {
            let ranges: Vec<Range<usize>> = entries
                .iter()
                .map(|(key, value)| key.range.start..value.range.end.max(key.range.end))
                .collect();
            let lead = if ranges.is_empty() {
                String::new()
            } else {
                self.flow_separator(&ranges)
            };
            let at = ranges.last().map_or(map.range.start + 1, |last| last.end);
            let text = format!(
                "{lead}{}: {}",
                yaml::to_flow(&Value::from(key)),
                yaml::to_flow(value)
            );
            return Splice::insert(at, text);
        }
        let column = self.column(map.range.start);
        let mut fields = serde_json::Map::new();
        fields.insert(key.to_owned(), value.clone());
        let block = yaml::to_block(&Value::Object(fields), Quoting::WhereNeeded);
        let text: String = block
            .lines()
            .map(|line| format!("{}{line}", self.line(column)))
            .collect();
        Splice::insert(self.line_end(map.range.end), text).at_column(column)
    }

    /// What stands between the last two items of a flow collection, line breaks and indentation included.
    fn flow_separator(&self, ranges: &[Range<usize>]) -> String {
        if let [.., before, last] = ranges {
            let between = self.text.get(before.end..last.start).unwrap_or_default();
            if between.trim() == "," {
                return between.to_owned();
            }
        }
        ", ".to_owned()
    }

    // --- removing ---

    fn remove_flow(&mut self, ranges: &[Range<usize>], gone: &[usize]) {
        let kept = (0..ranges.len()).find(|at| !gone.contains(at));
        match kept {
            None => {
                if let (Some(first), Some(last)) = (ranges.first(), ranges.last()) {
                    self.splices.push(Splice::remove(first.start..last.end));
                }
            }
            Some(kept) => {
                if kept > 0 {
                    self.splices
                        .push(Splice::remove(ranges[0].start..ranges[kept].start));
                }
                for at in gone.iter().filter(|at| **at > kept) {
                    self.splices
                        .push(Splice::remove(ranges[at - 1].end..ranges[*at].end));
                }
            }
        }
    }

    fn remove_lines(&mut self, ranges: &[Range<usize>], gone: &[usize]) -> Option<()> {
        for at in gone {
            let range = &ranges[*at];
            if self.first_on_line(range.start).is_some() {
                let from = self.break_before(range.start);
                self.splices.push(Splice::remove(from..self.line_end(range.end)));
            } else {
                // The first field behind a dash: the next one moves up to its place.
                let next = ranges.get(at + 1)?;
                self.splices.push(Splice::remove(range.start..next.start));
            }
        }
        Some(())
    }
}

/// A scalar on one line; anything else in flow style.
fn inline(value: &Value) -> String {
    let block = yaml::to_block(value, Quoting::WhereNeeded);
    let line = block.trim_end_matches('\n');
    if line.contains('\n') || value.is_array() || value.is_object() {
        yaml::to_flow(value)
    } else {
        line.to_owned()
    }
}

fn describe(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => super::tree::push_key(&mut text, key),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
#[path = "edit/tests.rs"]
mod tests;
