//! Puts changes back into the text they came from.
//!
//! Reads a framed [`Stream`] and what is to become of each item; gives the whole text again, every other byte in place.

use serde_json::Value;

use super::results::Finding;
use super::scan::{BYTE_ORDER_MARK, Scanner};
use super::source::Source;
use super::splice::{self, Splice};
use super::stream::{Item, List, Stream};
use super::yaml::{self, Piece, Quoting};

/// What is to become of an item.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Change {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes away.
    Remove,
    /// Parts of it change.
    Edit(Vec<Splice>),
    /// All of it changes.
    Replace(Value),
}

/// The whole output for an input of one source: the items with their changes, then the added objects, then the findings
/// (a ResourceList alone has a place for these).
pub fn stream(
    source: &Source,
    stream: &Stream,
    changes: &[Change],
    added: &[Value],
    findings: &[Finding],
) -> String {
    let text = &source.text;
    let newline = newline_of(text);
    let mut splices = Vec::new();
    let mut removed: Vec<(usize, usize)> = Vec::new();
    for (item, change) in stream.items.iter().zip(changes) {
        match change {
            Change::Keep => {}
            Change::Edit(edits) => splices.extend(edits.iter().cloned()),
            Change::Replace(value) => splices.push(Splice::replace(item.range.clone(), object(value, item))),
            Change::Remove => match item.slot {
                Some(slot) => removed.push(slot),
                None => splices.extend(remove_document(stream, item)),
            },
        }
    }
    let target = stream.resource_list.as_ref().and_then(|list| list.items);
    for (index, list) in stream.lists.iter().enumerate() {
        let gone: Vec<usize> = removed
            .iter()
            .filter(|(of, _)| *of == index)
            .map(|(_, at)| *at)
            .collect();
        let added = if target == Some(index) { added } else { &[] };
        let flow = list.flow
            && (!list.entries.is_empty() || stream.resource_list.as_ref().is_some_and(|list| list.flow));
        if flow {
            change_flow_list(text, list, &gone, added, &mut splices);
        } else {
            change_block_list(text, list, &gone, added, &mut splices);
        }
    }
    let mut out_tail = String::new();
    match &stream.resource_list {
        Some(list) => {
            let mut fields = Vec::new();
            if list.items.is_none() && !added.is_empty() {
                fields.push(("items", Value::from(added.to_vec())));
            }
            if !findings.is_empty() {
                let mut results: Vec<Value> = findings.iter().map(Finding::to_result).collect();
                if let Some(before) = &list.results {
                    let earlier = earlier_results(text, before);
                    // Said before: not said again.
                    results.retain(|result| !earlier.contains(result));
                    if !results.is_empty() {
                        results.splice(0..0, earlier);
                        let value = if list.flow {
                            yaml::to_flow(&Value::from(results))
                        } else {
                            format!("\n{}", nested(&Value::from(results), list.column))
                        };
                        splices.push(Splice::replace(before.clone(), value));
                    }
                } else {
                    fields.push(("results", Value::from(results)));
                }
            }
            for (name, value) in fields {
                splices.push(
                    Splice::insert(
                        list.fields_end,
                        field(text, list.fields_end, list.flow, list.column, name, &value),
                    )
                    .at_column(list.column),
                );
            }
        }
        None => {
            for value in added {
                out_tail.push_str("---\n");
                out_tail.push_str(&yaml::to_block(value, Quoting::WhereNeeded));
            }
        }
    }
    if newline != "\n" {
        let ours = splices.iter_mut().filter(|splice| !splice.text.contains('\r'));
        ours.for_each(|splice| splice.text = splice.text.replace('\n', newline));
        out_tail = out_tail.replace('\n', newline);
    }
    let mut out = splice::apply(text, 0..text.len(), &splices);
    if !out_tail.is_empty() {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(newline);
        }
        out.push_str(&out_tail);
    }
    // A text without a line break at its end stays one, so that what is added can be taken out without a trace.
    if !text.is_empty()
        && !text.ends_with('\n')
        && let Some(trimmed) = out.strip_suffix(newline)
    {
        out.truncate(trimmed.len());
    }
    out
}

/// The line break a text uses.
fn newline_of(text: &str) -> &'static str {
    let first = text.find('\n').unwrap_or_default();
    if text[..first].ends_with('\r') {
        "\r\n"
    } else {
        "\n"
    }
}

/// An item as a document of its own: its comments and style kept, its indentation taken back to the margin.
pub fn document(source: &Source, stream: &Stream, item: &Item, change: &Change) -> String {
    let own = stream
        .documents
        .get(item.document)
        .filter(|_| item.slot.is_none());
    let within = match own {
        // Comments above and below belong to a document of its own; directives and the byte order mark do not.
        Some(document) => {
            comments_start(&source.text, document.body.start, item.range.start)..document.body.end
        }
        None => item.range.clone(),
    };
    let mut text = match change {
        Change::Keep | Change::Remove => source.slice(&within).to_owned(),
        Change::Edit(splices) => splice::apply(&source.text, within, splices),
        Change::Replace(value) => yaml::to_block(value, Quoting::WhereNeeded),
    };
    if item.slot.is_some() && item.column > 0 && !matches!(change, Change::Replace(_)) {
        let margin = " ".repeat(item.column);
        text = text
            .split_inclusive('\n')
            .map(|line| line.strip_prefix(&margin).unwrap_or(line))
            .collect();
    }
    let mut text = text.trim_start_matches(['\n', '\r']).to_owned();
    let last_line = text.rfind('\n').map_or(0, |at| at + 1);
    if last_line < text.len() && text[last_line..].trim().is_empty() {
        // Blanks alone on a last line without a break: nothing, or the end of a block scalar. What it is, its value says.
        let value = |text: &str| Piece::new(text, 0..text.len(), 0).value().ok();
        if value(&text) == value(&text[..last_line]) {
            text.truncate(last_line);
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// An added or replaced object as text at an item's place.
fn object(value: &Value, item: &Item) -> String {
    if item.flow {
        yaml::to_flow(value)
    } else {
        indented(&yaml::to_block(value, Quoting::WhereNeeded), item.column)
    }
}

fn change_block_list(text: &str, list: &List, gone: &[usize], added: &[Value], splices: &mut Vec<Splice>) {
    if gone.is_empty() && added.is_empty() {
        return;
    }
    let scanner = Scanner::new(text, 0..text.len());
    if list.entries.is_empty() {
        let column = scanner.column(scanner.line_start(list.range.start))
            + indentation(text, scanner.line_start(list.range.start));
        let items = sequence(added, column);
        if list.flow || !list.range.is_empty() {
            splices.push(Splice::replace(
                list.range.clone(),
                format!("\n{}", items.trim_end_matches('\n')),
            ));
        } else {
            let end = scanner.line_end(list.range.start);
            let lead = if text[..end].ends_with('\n') { "" } else { "\n" };
            splices.push(Splice::insert(end, format!("{lead}{items}")).at_column(column + 1));
        }
        return;
    }
    if gone.len() == list.entries.len() && added.is_empty() {
        let first = scanner.line_start(list.range.start);
        splices.push(Splice::replace(
            first..list.range.end,
            format!("{}[]\n", " ".repeat(list.column + 2)),
        ));
        return;
    }
    for position in gone {
        let range = &list.entries[*position];
        splices.push(Splice::remove(scanner.line_start(range.start)..range.end));
    }
    if !added.is_empty() {
        let lead = if text[..list.range.end].ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let text = format!("{lead}{}", sequence(added, list.column));
        splices.push(Splice::insert(list.range.end, text).at_column(list.column + 1));
    }
}

fn change_flow_list(text: &str, list: &List, gone: &[usize], added: &[Value], splices: &mut Vec<Splice>) {
    if gone.is_empty() && added.is_empty() {
        return;
    }
    let new = added.iter().map(yaml::to_flow);
    if gone.is_empty() {
        let separator = match list.entries.as_slice() {
            [] => String::new(),
            // The separator that the list itself uses, line breaks and indentation included.
            [.., before, last] => {
                let between = &text[before.end..last.start];
                if between.trim() == "," {
                    between.to_owned()
                } else {
                    ", ".to_owned()
                }
            }
            [_] => ", ".to_owned(),
        };
        let at = list.entries.last().map_or(list.range.start + 1, |last| last.end);
        for (index, item) in new.enumerate() {
            let lead = if index == 0 && list.entries.is_empty() {
                ""
            } else if separator.is_empty() {
                ", "
            } else {
                &separator
            };
            splices.push(Splice::insert(at, format!("{lead}{item}")));
        }
        return;
    }
    // With removals the list is put together anew from the items that stay; their own changes are applied to them first.
    let kept: Vec<String> = list
        .entries
        .iter()
        .enumerate()
        .filter(|(position, _)| !gone.contains(position))
        .map(|(_, range)| splice::apply(text, range.clone(), splices))
        .chain(new)
        .collect();
    splices.retain(|splice| splice.range.start < list.range.start || splice.range.end > list.range.end);
    splices.push(Splice::replace(
        list.range.clone(),
        format!("[{}]", kept.join(", ")),
    ));
}

fn remove_document(stream: &Stream, item: &Item) -> Option<Splice> {
    let document = stream.documents.get(item.document)?;
    let start = document
        .marker
        .as_ref()
        .map_or(document.body.start, |marker| marker.start);
    Some(Splice::remove(start..document.body.end))
}

fn earlier_results(text: &str, range: &std::ops::Range<usize>) -> Vec<Value> {
    let scanner = Scanner::new(text, range.clone());
    let Ok(Some(start)) = scanner.skip_trivia(range.start) else {
        return Vec::new();
    };
    let value = Piece::new(text, start..range.end, scanner.column(start)).value();
    value
        .ok()
        .and_then(|value| value.as_array().cloned())
        .unwrap_or_default()
}

/// A new field behind the last one of a ResourceList.
fn field(text: &str, at: usize, flow: bool, column: usize, name: &str, value: &Value) -> String {
    if flow {
        return format!(
            ", {}: {}",
            yaml::to_flow(&Value::from(name)),
            yaml::to_flow(value)
        );
    }
    let lead = if text[..at].ends_with('\n') { "" } else { "\n" };
    format!("{lead}{}{name}:\n{}", " ".repeat(column), nested(value, column))
}

/// A value as the lines under a key at `column`.
fn nested(value: &Value, column: usize) -> String {
    let margin = " ".repeat(column);
    yaml::to_block(value, Quoting::WhereNeeded)
        .split_inclusive('\n')
        .map(|line| format!("{margin}{line}"))
        .collect()
}

/// Objects as items of a block sequence with dashes at `column`.
fn sequence(values: &[Value], column: usize) -> String {
    let margin = " ".repeat(column);
    values
        .iter()
        .map(|value| {
            format!(
                "{margin}- {}",
                indented(&yaml::to_block(value, Quoting::WhereNeeded), column + 2)
            )
        })
        .collect()
}

/// Text moved right: its lines but the first by `column`. Blank lines stay blank.
pub fn indented(text: &str, column: usize) -> String {
    let margin = " ".repeat(column);
    text.split_inclusive('\n')
        .enumerate()
        .map(|(index, line)| {
            if index == 0 || line == "\n" {
                line.to_owned()
            } else {
                format!("{margin}{line}")
            }
        })
        .collect()
}

fn indentation(text: &str, line_start: usize) -> usize {
    text[line_start..]
        .bytes()
        .take_while(|byte| *byte == b' ')
        .count()
}

/// Where a document's own text begins: at the comments above its first field, behind byte order mark and directives.
fn comments_start(text: &str, from: usize, to: usize) -> usize {
    let mut at = from;
    // Behind a marker the rest of its line is blank or a comment.
    for line in text[at..to].split_inclusive('\n') {
        if line.starts_with(BYTE_ORDER_MARK) {
            at += BYTE_ORDER_MARK.len();
        }
        let line = line.trim_start_matches(BYTE_ORDER_MARK);
        if line.trim_start().starts_with('%') || line.trim().is_empty() {
            at += line.len();
        } else {
            break;
        }
    }
    at
}

#[cfg(test)]
#[path = "write/tests.rs"]
mod tests;
