//! Flow style: brackets, braces, and JSON.

use std::ops::Range;

use super::{Entry, MAX_DEPTH, Result, Scanner};
use crate::krm::source::SyntaxError;

impl Scanner<'_> {
    /// The entries of the flow mapping that opens at `open`, and the offset behind its closing brace.
    pub fn flow_entries(&self, open: usize) -> Result<(Vec<Entry>, usize)> {
        let mut entries = Vec::new();
        let mut at = open + 1;
        loop {
            at = self.flow_trivia(at, open)?;
            match self.byte(at) {
                Some(b'}') => return Ok((entries, at + 1)),
                Some(b',') => at += 1,
                _ => {
                    let key = at..self.flow_node(at, open)?;
                    let colon = self.flow_trivia(key.end, open)?;
                    if self.byte(colon) == Some(b':') {
                        let value = self.flow_trivia(colon + 1, open)?;
                        let end = match self.byte(value) {
                            Some(b',' | b'}') => value,
                            _ => self.flow_node(value, open)?,
                        };
                        entries.push(Entry {
                            key,
                            value: value..end,
                        });
                        at = end;
                    } else {
                        entries.push(Entry {
                            value: key.end..key.end,
                            key,
                        });
                        at = colon;
                    }
                }
            }
        }
    }

    /// The items of the flow sequence that opens at `open`, and the offset behind its closing bracket.
    pub fn flow_items(&self, open: usize) -> Result<(Vec<Range<usize>>, usize)> {
        let mut items = Vec::new();
        let mut at = open + 1;
        loop {
            at = self.flow_trivia(at, open)?;
            match self.byte(at) {
                Some(b']') => return Ok((items, at + 1)),
                Some(b',') => at += 1,
                _ => {
                    let end = self.flow_node(at, open)?;
                    items.push(at..end);
                    let next = self.flow_trivia(end, open)?;
                    // `[a: b]`: a one-entry mapping without braces. Its border is the next comma.
                    if self.byte(next) == Some(b':') {
                        let value = self.flow_trivia(next + 1, open)?;
                        let end = match self.byte(value) {
                            Some(b',' | b']') => value,
                            _ => self.flow_node(value, open)?,
                        };
                        if let Some(last) = items.last_mut() {
                            last.end = end;
                        }
                        at = end;
                    } else {
                        at = next;
                    }
                }
            }
        }
    }

    /// The offset behind the bracket that closes the one at `open`.
    pub fn flow_end(&self, open: usize) -> Result<usize> {
        let mut stack = Vec::new();
        let mut at = open;
        loop {
            let innermost = stack.last().map_or(open, |(_, at)| *at);
            at = self.flow_trivia(at, innermost)?;
            match self.byte(at) {
                Some(bracket @ (b'[' | b'{')) => {
                    stack.push((bracket, at));
                    if stack.len() > MAX_DEPTH {
                        return Err(SyntaxError::new(
                            at,
                            format!("nesting is deeper than {MAX_DEPTH} levels"),
                        ));
                    }
                    at += 1;
                }
                Some(bracket @ (b']' | b'}')) => {
                    let opener = stack.pop().map(|(opener, _)| opener);
                    let fits = matches!((opener, bracket), (Some(b'['), b']') | (Some(b'{'), b'}'));
                    if !fits {
                        let message = format!("`{}` closes nothing that is open here", char::from(bracket));
                        return Err(SyntaxError::new(at, message));
                    }
                    at += 1;
                    if stack.is_empty() {
                        return Ok(at);
                    }
                }
                Some(b',' | b':') => at += 1,
                _ => at = self.flow_scalar(at, innermost)?,
            }
        }
    }

    /// The offset behind the flow node at `at`.
    fn flow_node(&self, start: usize, open: usize) -> Result<usize> {
        let mut at = start;
        while matches!(self.byte(at), Some(b'&' | b'!')) {
            let word = self.flow_word_end(at);
            at = self.flow_trivia(word, open)?;
            if matches!(self.byte(at), Some(b',' | b'}' | b']' | b':')) {
                return Ok(word);
            }
        }
        match self.byte(at) {
            Some(b'[' | b'{') => self.flow_end(at),
            Some(b']' | b'}') => {
                let found = self.byte(at).map(char::from).unwrap_or_default();
                Err(SyntaxError::new(
                    at,
                    format!("`{found}` closes nothing that is open here"),
                ))
            }
            _ => self.flow_scalar(at, open),
        }
    }

    /// Blanks, line breaks and comments inside brackets.
    fn flow_trivia(&self, mut at: usize, open: usize) -> Result<usize> {
        loop {
            match self.byte(at) {
                None => {
                    let bracket = self.byte(open).map(char::from).unwrap_or_default();
                    return Err(SyntaxError::new(open, format!("`{bracket}` is never closed")));
                }
                Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
                Some(b'#') if at == 0 || matches!(self.text[at - 1], b' ' | b'\t' | b'\n' | b'\r') => {
                    at = self.skip_comment(at)?;
                }
                Some(_) => return Ok(at),
            }
        }
    }

    fn flow_scalar(&self, start: usize, open: usize) -> Result<usize> {
        match self.byte(start) {
            Some(b'"' | b'\'') => return self.quoted_end(start),
            Some(b'&' | b'!' | b'*') => return Ok(self.flow_word_end(start)),
            _ => {}
        }
        let mut at = start;
        let mut last = start;
        loop {
            match self.byte(at) {
                None | Some(b',' | b'[' | b']' | b'{' | b'}') => break,
                Some(b':')
                    if self.is_break_or_blank(at + 1)
                        || matches!(self.byte(at + 1), Some(b',' | b'[' | b']' | b'{' | b'}')) =>
                {
                    break;
                }
                Some(b'#') if at > start && matches!(self.text[at - 1], b' ' | b'\t' | b'\n' | b'\r') => {
                    break;
                }
                Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
                Some(_) => {
                    at += 1;
                    last = at;
                }
            }
        }
        self.check_breaks(start, last)?;
        if last == start {
            return Err(SyntaxError::new(start, "a value is missing here"));
        }
        if self.byte(at).is_none() {
            let bracket = self.byte(open).map(char::from).unwrap_or_default();
            return Err(SyntaxError::new(open, format!("`{bracket}` is never closed")));
        }
        Ok(last)
    }
}
