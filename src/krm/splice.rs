//! Changes to a text that leave every other byte where it is.

use std::ops::Range;

/// Replace the bytes of `range` by `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// What goes away; empty for an insertion.
    pub range: Range<usize>,
    /// What comes in its place.
    pub text: String,
    /// Column of the inserted lines. Of insertions at one place the deeper come first: what belongs to the innermost
    /// collection that ends there must stand before what belongs to the ones around it.
    pub column: usize,
}

// === impl Splice ===

impl Splice {
    /// An insertion within a line: comes before lines inserted at the same place.
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self {
            range: at..at,
            text: text.into(),
            column: usize::MAX,
        }
    }

    /// A removal.
    pub fn remove(range: Range<usize>) -> Self {
        Self {
            range,
            text: String::new(),
            column: 0,
        }
    }

    /// A replacement.
    pub fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Self {
            range,
            text: text.into(),
            column: 0,
        }
    }

    /// The same, with its lines' column.
    #[must_use]
    pub fn at_column(self, column: usize) -> Self {
        Self { column, ..self }
    }
}

/// The part of `text` within `within`, with those splices applied that lie in it. Insertions at one place keep their
/// order within one column.
/// A splice that overlaps one before it is dropped: callers check what comes out.
pub fn apply(text: &str, within: Range<usize>, splices: &[Splice]) -> String {
    let mut order: Vec<&Splice> = splices
        .iter()
        .filter(|splice| splice.range.start >= within.start && splice.range.end <= within.end)
        .collect();
    order.sort_by_key(|splice| (splice.range.start, std::cmp::Reverse(splice.column)));
    let mut out =
        String::with_capacity(within.len() + order.iter().map(|splice| splice.text.len()).sum::<usize>());
    let mut at = within.start;
    for splice in order {
        if splice.range.start < at {
            continue;
        }
        out.push_str(text.get(at..splice.range.start).unwrap_or_default());
        out.push_str(&splice.text);
        at = splice.range.end;
    }
    out.push_str(text.get(at..within.end).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_apply_in_place_and_in_order() {
        let splices = [
            Splice::insert(3, "x"),
            Splice::remove(0..1),
            Splice::insert(3, "y"),
            Splice::replace(4..5, "Z"),
        ];
        assert_eq!(apply("abcdef", 0..6, &splices), "bcxydZf");
        assert_eq!(apply("abcdef", 2..4, &splices), "cxyd");
    }
}
