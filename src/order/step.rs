//! What a tool does at a time.

use super::change::Change;
use crate::krm::object_id::ObjectId;

/// Objects by their numbers in a [`Change`]. More than one: the tool does them at the same time, or in an order that is not
/// the same each time, so that any part of them may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// They are written, as the new set has them.
    Apply(Vec<usize>),
    /// They are deleted. Pods of theirs live on for a while.
    Delete(Vec<usize>),
}

// === impl Step ===

impl Step {
    /// Their numbers.
    pub fn objects(&self) -> &[usize] {
        match self {
            Self::Apply(objects) | Self::Delete(objects) => objects,
        }
    }

    /// The same with other numbers, without the objects that have none.
    #[must_use]
    pub fn map(&self, number: impl Fn(&usize) -> Option<usize>) -> Self {
        let objects = self.objects().iter().filter_map(number).collect();
        match self {
            Self::Apply(_) => Self::Apply(objects),
            Self::Delete(_) => Self::Delete(objects),
        }
    }

    /// Which they are.
    pub fn ids<'a>(&self, change: &Change<'a>) -> Vec<&'a ObjectId> {
        self.objects()
            .iter()
            .filter_map(|index| change.id(*index))
            .collect()
    }

    /// What is done, in a word.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Delete(_) => "delete",
        }
    }
}
