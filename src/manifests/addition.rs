//! What goes into a document of the user's, field by field: said here, put in and taken out by `render`.

use serde_json::Value;

/// One thing that is put into a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition {
    /// The field: its last step is a key. What is missing on the way to it is made, mappings alone.
    pub path: Vec<Step>,
    /// What it gets.
    pub what: What,
}

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list that is there.
    Index(usize),
}

/// What a field gets.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// More items, behind those that are there. One with the same value of `key` must not be there.
    Items {
        /// The field by which items are known, `name` or `mountPath`.
        key: &'static str,
        /// The items.
        items: Vec<Value>,
    },
    /// Items, behind those that are there. What stood there under their names goes and is written down nowhere: it was a
    /// secret, and nothing brings it back.
    Instead {
        /// The field by which items are known.
        key: &'static str,
        /// The items.
        items: Vec<Value>,
    },
    /// This value, instead of whatever is there.
    Value(Value),
}

// === impl Addition ===

impl Addition {
    /// More items for the list at a path.
    pub fn items(path: Vec<Step>, key: &'static str, items: Vec<Value>) -> Self {
        Self {
            path,
            what: What::Items { key, items },
        }
    }

    /// Items for the list at a path, instead of those of the same names, which are secret.
    pub fn instead(path: Vec<Step>, key: &'static str, items: Vec<Value>) -> Self {
        Self {
            path,
            what: What::Instead { key, items },
        }
    }

    /// A value for the field at a path.
    pub fn value(path: Vec<Step>, value: Value) -> Self {
        Self {
            path,
            what: What::Value(value),
        }
    }
}

/// A path of keys.
pub fn keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<Step> {
    keys.into_iter().map(|key| Step::Key(key.to_owned())).collect()
}
