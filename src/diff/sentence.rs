//! Sentences in which our words and the names of others are kept apart, so that each form of output can guard the names.
//!
//! A name may hold anything: a pipe, a backtick, an @ that would call somebody, an escape sequence for a terminal.

use std::collections::BTreeSet;

/// A sentence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sentence(Vec<Word>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Our own words.
    Own(String),
    /// A name, written by somebody else.
    Name(String),
    /// A sentence that names of others stand in.
    Said(String),
}

// === impl Sentence ===

impl Sentence {
    pub(super) fn new(words: &str) -> Self {
        Self::default().and(words)
    }

    /// The same, with words of ours behind it.
    #[must_use]
    pub(super) fn and(mut self, words: &str) -> Self {
        if let Some(Word::Own(last)) = self.0.last_mut() {
            last.push_str(words);
        } else if !words.is_empty() {
            self.0.push(Word::Own(words.to_owned()));
        }
        self
    }

    /// The same, with a name behind it.
    #[must_use]
    pub(super) fn name(mut self, name: impl Into<String>) -> Self {
        self.0.push(Word::Name(name.into()));
        self
    }

    /// The same, with what another part of the program says about names behind it.
    #[must_use]
    pub(super) fn said(mut self, text: impl Into<String>) -> Self {
        self.0.push(Word::Said(text.into()));
        self
    }

    /// The same, with another sentence behind it.
    #[must_use]
    pub(super) fn with(mut self, other: Self) -> Self {
        for word in other.0 {
            if let Word::Own(words) = &word {
                self = self.and(words);
            } else {
                self.0.push(word);
            }
        }
        self
    }

    /// Names in a row: `a, b and c`.
    #[must_use]
    pub(super) fn names<'n>(self, names: impl IntoIterator<Item = &'n String>) -> Self {
        self.list(names.into_iter().map(|name| Self::default().name(name)))
    }

    /// Sentences in a row: `a, b and c`.
    #[must_use]
    pub(super) fn list(mut self, parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        let last = parts.len().saturating_sub(1);
        for (index, part) in parts.into_iter().enumerate() {
            self = match index {
                0 => self,
                _ if index == last => self.and(" and "),
                _ => self.and(", "),
            };
            self = self.with(part);
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For a terminal and for data: names as they are, on one line.
    pub(super) fn plain(&self) -> String {
        let text = self.0.iter().map(|word| match word {
            Word::Own(text) | Word::Name(text) | Word::Said(text) => text.as_str(),
        });
        one_line(&text.collect::<String>())
    }

    /// For Markdown: names as code, in which nothing is read as anything else and nobody is called.
    pub(super) fn markdown(&self) -> String {
        self.0
            .iter()
            .map(|word| match word {
                Word::Own(text) => one_line(text),
                Word::Name(text) => code(text),
                Word::Said(text) => prose(text),
            })
            .collect()
    }
}

/// Numbers in a row.
pub(super) fn numbers(numbers: &BTreeSet<u16>) -> Sentence {
    let parts = numbers.iter().map(|number| Sentence::new(&number.to_string()));
    Sentence::default().list(parts)
}

/// Without line breaks and what a terminal would obey.
fn one_line(text: &str) -> String {
    // Beside controls: what turns the direction of writing.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect()
}

/// A code span that holds any text (`CommonMark` 6.1): a fence longer than any run of backticks in it.
fn code(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return "``(nothing)``".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text in which Markdown, HTML, GitHub's mentions and its references to issues do nothing.
fn prose(text: &str) -> String {
    let mut safe = String::new();
    for c in one_line(text).chars() {
        match c {
            '@' | '#' => {
                safe.push(c);
                safe.push_str("&#8203;");
            }
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_from_doing_anything() {
        let sentence = Sentence::default()
            .name("@octo`cat|<b>")
            .and(" and ")
            .said("@a <b> [x](y) `z` #1");
        assert_eq!(sentence.plain(), "@octo`cat|<b> and @a <b> [x](y) `z` #1");
        assert_eq!(
            sentence.markdown(),
            "``@octo`cat|<b>`` and @&#8203;a &lt;b&gt; \\[x\\](y) \\`z\\` #&#8203;1"
        );
        assert_eq!(Sentence::default().name("a\u{1b}[31m\nb").plain(), "a [31m b");
        assert_eq!(code("`"), "`` ` ``");
    }

    #[test]
    fn rows_read_as_rows() {
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(Sentence::default().names(&names).plain(), "a, b and c");
        assert_eq!(Sentence::default().names(&names[..1]).markdown(), "`a`");
    }
}
