//! Edits inside a key or a text: a field gets another name, a text loses some of its parts. Style and the rest of the
//! bytes stay where the style allows it.

use std::ops::Range;

use serde_json::Value;

use super::{EditError, Editor, Result, describe, inline};
use crate::krm::splice::{self, Splice};
use crate::krm::tree::{NodeKind, Step};
use crate::krm::yaml::{self, Piece};

impl Editor<'_> {
    /// Gives a field of the mapping at `path` another name. Its value and its place stay.
    ///
    /// # Errors
    /// No such field, or one whose name is written with escapes.
    pub fn rename(&mut self, path: &[Step<'_>], key: &str, new: &str) -> Result<()> {
        let missing = || EditError::NotThere(format!("{}.{key}", describe(path)));
        let (map, _) = self.mapping(path)?;
        let (node, _) = map.entry(key).ok_or_else(missing)?;
        let raw = &self.text[node.range.clone()];
        let at = raw.find(key).ok_or_else(missing)?;
        if raw.len() - key.len() > 2 {
            return Err(missing());
        }
        let start = node.range.start + at;
        self.splices.push(Splice::replace(start..start + key.len(), new));
        Ok(())
    }

    /// Leaves parts out of the text at `path`: `parts` are ranges of it as it is read, in order. An alias is left alone: its
    /// anchor is the text that changes.
    ///
    /// # Errors
    /// No text at `path`.
    pub fn cut(&mut self, path: &[Step<'_>], parts: &[Range<usize>]) -> Result<()> {
        let missing = || EditError::NotThere(describe(path));
        let node = self.tree.at(path).ok_or_else(missing)?.clone();
        let text = match &node.kind {
            NodeKind::Alias => return Ok(()),
            NodeKind::Scalar { text, .. } => text,
            _ => return Err(missing()),
        };
        let (last, outer) = path.split_last().ok_or_else(missing)?;
        let outer = self.tree.at(outer).ok_or_else(missing)?;
        let (flow, from) = match (&outer.kind, last) {
            (NodeKind::Mapping { flow, .. }, Step::Key(key)) => {
                let (key, _) = outer.entry(key).ok_or_else(missing)?;
                (*flow, self.behind_colon(key))
            }
            (NodeKind::Sequence { flow, starts, .. }, Step::Index(index)) => {
                (*flow, *starts.get(*index).ok_or_else(missing)?)
            }
            _ => return Err(missing()),
        };
        // A block scalar's node is its content; the whole of it begins with its header.
        let range = if self.is_block(&node) {
            let header = self
                .text
                .get(from..node.range.start)
                .and_then(|text| text.find(['|', '>']));
            from + header.ok_or_else(missing)?..node.range.end
        } else {
            node.range
        };
        let mut rest = String::new();
        let mut at = 0;
        for part in parts {
            rest.push_str(text.get(at..part.start).ok_or_else(missing)?);
            at = part.end;
        }
        rest.push_str(text.get(at..).ok_or_else(missing)?);
        let column = self.column(outer.range.start);
        let raw = self.text.get(range.clone()).ok_or_else(missing)?;
        let reads_back = |written: &str| {
            let (open, close) = if flow { ("{t: ", "}") } else { ("t: ", "") };
            let document = format!("{}{open}{written}{close}", " ".repeat(column));
            let value = Piece::new(&document, 0..document.len(), 0).value();
            value.is_ok_and(|value| value["t"].as_str() == Some(&rest))
        };
        let splices = self
            .places(&range, text)
            .filter(|_| !rest.is_empty())
            .and_then(|places| splices(&places, parts))
            .filter(|splices| reads_back(&splice::apply(self.text, range.clone(), splices)));
        if let Some(splices) = splices {
            self.splices.extend(splices);
            return Ok(());
        }
        let value = Value::from(rest.as_str());
        let single = format!("'{}'", rest.replace('\'', "''"));
        let candidates = match raw.as_bytes().first() {
            Some(b'\'') if !rest.contains(char::is_control) => [Some(single), None],
            Some(b'"' | b'\'' | b'|' | b'>') => [None, None],
            _ if flow => [Some(rest.clone()), None],
            _ => [Some(rest.clone()), Some(inline(&value))],
        };
        let written = candidates
            .into_iter()
            .flatten()
            .find(|written| reads_back(written))
            .unwrap_or_else(|| yaml::to_flow(&value));
        self.splices.push(Splice::replace(range, written));
        Ok(())
    }

    /// Where each byte of a block scalar's text stands, and where the text ends. `None` for other styles, and where lines
    /// are folded in a way that does not tell.
    fn places(&self, range: &Range<usize>, text: &str) -> Option<Vec<usize>> {
        let raw = self.text.get(range.clone())?;
        let folded = match raw.as_bytes().first()? {
            b'|' => false,
            b'>' => true,
            _ => return None,
        };
        let header = raw.find('\n')? + 1;
        let lines: Vec<&str> = if folded {
            let lines: Vec<&str> = raw[header..].lines().map(str::trim_start).collect();
            if lines.join(" ") != text.trim_end_matches('\n') {
                return None;
            }
            lines
        } else {
            text.split('\n').collect()
        };
        let mut places = Vec::with_capacity(text.len() + 1);
        let mut at = range.start + header;
        let mut end = at;
        for line in lines {
            let written = self.text.get(at..).unwrap_or_default();
            let written = written.split('\n').next().unwrap_or_default();
            let shown = written.strip_suffix('\r').unwrap_or(written);
            if !line.is_empty() || shown.trim().is_empty() {
                end = at + shown.len();
            }
            if !line.is_empty() && !shown.ends_with(line) {
                return None;
            }
            places.extend(end - line.len()..end);
            places.push(end);
            at = (at + written.len() + 1).min(self.text.len());
        }
        // One place for each byte and one for the end; a line break at the end that is not kept has none.
        places.truncate(text.len() + 1);
        while places.len() < text.len() + 1 {
            places.push(end);
        }
        Some(places)
    }
}

/// The splices that leave out the parts of a text, given where its bytes stand.
fn splices(places: &[usize], parts: &[Range<usize>]) -> Option<Vec<Splice>> {
    let splice = |part: &Range<usize>| {
        let (start, end) = (*places.get(part.start)?, *places.get(part.end)?);
        (start <= end).then(|| Splice::remove(start..end))
    };
    parts.iter().map(splice).collect()
}
