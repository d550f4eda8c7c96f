//! Characters, words and quoted scalars: what block and flow style have in common.

use super::{Result, Scanner};
use crate::krm::source::SyntaxError;

impl Scanner<'_> {
    /// The offset behind the quote that closes the one at `open`.
    pub fn quoted_end(&self, open: usize) -> Result<usize> {
        let mut at = open + 1;
        if self.byte(open) == Some(b'"') {
            while let Some(found) = memchr::memchr2(b'"', b'\\', &self.text[at.min(self.end)..]) {
                let found = at + found;
                if self.text[found] == b'"' {
                    return Ok(found + 1);
                }
                at = found + 2;
                if at > self.end {
                    break;
                }
            }
        } else {
            while let Some(found) = memchr::memchr(b'\'', &self.text[at.min(self.end)..]) {
                let found = at + found;
                if self.byte(found + 1) != Some(b'\'') {
                    return Ok(found + 1);
                }
                at = found + 2;
            }
        }
        Err(SyntaxError::new(open, "this quote is never closed"))
    }

    pub(super) fn skip_comment(&self, at: usize) -> Result<usize> {
        let end = self.line_end(at);
        self.check_breaks(at, end)?;
        Ok(end)
    }

    /// Refuses characters that end a line for some readers of YAML and not for others: what follows them in a comment or
    /// plain value would be invisible to one of them.
    pub(super) fn check_breaks(&self, start: usize, end: usize) -> Result<()> {
        if !self.odd_breaks {
            return Ok(());
        }
        let mut line = &self.text[start.min(end)..end];
        while let [rest @ .., b'\n' | b'\r'] = line {
            line = rest;
        }
        match odd_break(line) {
            None => Ok(()),
            Some((at, name)) => Err(odd(start + at, name)),
        }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    pub(super) fn is_break_or_blank(&self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
    }

    pub(super) fn skip_blanks(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    pub(super) fn skip_spaces(&self, mut at: usize) -> usize {
        while self.byte(at) == Some(b' ') {
            at += 1;
        }
        at
    }

    pub(super) fn trim_blanks(&self, start: usize, mut end: usize) -> usize {
        while end > start && matches!(self.text[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        end
    }

    /// The offset behind a property or alias.
    pub(super) fn word(&self, at: usize) -> Result<usize> {
        let end = self.word_end(at);
        self.check_breaks(at, end)?;
        Ok(end)
    }

    /// The start of the line behind a line break. A carriage return alone is none to us and one to others.
    pub(super) fn line_break(&self, at: usize) -> Result<usize> {
        match (self.byte(at), self.byte(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => Ok(at + 2),
            (Some(b'\r'), None) | (Some(b'\n'), _) => Ok(at + 1),
            _ => Err(odd(at, "a carriage return")),
        }
    }

    fn word_end(&self, mut at: usize) -> usize {
        while !self.is_break_or_blank(at) {
            at += 1;
        }
        at
    }

    pub(super) fn flow_word_end(&self, mut at: usize) -> usize {
        while !self.is_break_or_blank(at) && !matches!(self.byte(at), Some(b',' | b'[' | b']' | b'{' | b'}'))
        {
            at += 1;
        }
        at
    }
}

fn odd(at: usize, name: &str) -> SyntaxError {
    let message = format!(
        "{name} outside quotes is a line break to some YAML readers and text to others; quote the value or remove the character"
    );
    SyntaxError::new(at, message)
}

pub(super) fn has_odd_breaks(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1) != Some(&b'\n'))
        || memchr::memmem::find(text, "\u{85}".as_bytes()).is_some()
        || memchr::memmem::find(text, "\u{2028}".as_bytes()).is_some()
        || memchr::memmem::find(text, "\u{2029}".as_bytes()).is_some()
}

fn odd_break(line: &[u8]) -> Option<(usize, &'static str)> {
    let found = |needle: &str| memchr::memmem::find(line, needle.as_bytes());
    [
        ("\r", "a carriage return"),
        ("\u{85}", "U+0085"),
        ("\u{2028}", "U+2028"),
        ("\u{2029}", "U+2029"),
    ]
    .into_iter()
    .filter_map(|(needle, name)| found(needle).map(|at| (at, name)))
    .min()
}
