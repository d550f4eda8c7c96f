//! A document as nodes with their places in the text: what an edit in place needs to know.
//!
//! Holds byte ranges, never values. Built by `yaml`, used by `edit` and for the positions of findings.

use std::ops::Range;

/// A node and where it stands. Offsets are those of the source's whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The node's own bytes, without properties. For a block collection: from its first key or dash to the end of its last
    /// scalar. Empty for a value that is not written at all.
    pub range: Range<usize>,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A scalar; `plain` when it is neither quoted nor a block.
    Scalar {
        /// Neither quoted nor a block scalar.
        plain: bool,
        /// The scalar's text as YAML reads it.
        text: String,
    },
    /// A mapping in the order written.
    Mapping {
        /// Written with braces.
        flow: bool,
        /// Key and value nodes.
        entries: Vec<(Node, Node)>,
    },
    /// A sequence.
    Sequence {
        /// Written with brackets.
        flow: bool,
        /// The items.
        items: Vec<Node>,
        /// The byte offset of each item's dash (block style) or of the item itself (flow style).
        starts: Vec<usize>,
    },
    /// An alias of a node elsewhere in the document.
    Alias,
}

/// One step into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The value of a field.
    Key(&'a str),
    /// The item at an index.
    Index(usize),
}

// === impl Node ===

impl Node {
    /// The entry of a mapping by its key's text.
    pub fn entry(&self, name: &str) -> Option<(&Self, &Self)> {
        let NodeKind::Mapping { entries, .. } = &self.kind else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _)| key.text() == Some(name))
            .map(|(key, value)| (key, value))
    }

    /// The value of a field, if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, value)| value)
    }

    /// The node at the end of a path.
    pub fn at(&self, path: &[Step<'_>]) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| match (step, &node.kind) {
            (Step::Key(name), _) => node.get(name),
            (Step::Index(index), NodeKind::Sequence { items, .. }) => items.get(*index),
            (Step::Index(_), _) => None,
        })
    }

    /// The deepest node on a path written as `spec.containers[0].name`, for the place of a finding.
    pub fn nearest(&self, path: &str) -> &Self {
        let mut node = self;
        for part in path_parts(path) {
            let next = match (&node.kind, &part) {
                (NodeKind::Sequence { items, .. }, PathPart::Index(index)) => items.get(*index),
                (_, PathPart::Key(name)) => node.get(name),
                _ => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }

    /// A scalar's text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is written where the value should be, or a spelling of null.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { plain: true, text } if self.range.is_empty() || is_null_word(text))
    }

    /// Visits every node with its path, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&str, &'a Self)) {
        self.walk_from(&mut String::new(), visit);
    }

    fn walk_from<'a>(&'a self, path: &mut String, visit: &mut dyn FnMut(&str, &'a Self)) {
        visit(path, self);
        let length = path.len();
        match &self.kind {
            NodeKind::Mapping { entries, .. } => {
                for (key, value) in entries {
                    push_key(path, key.text().unwrap_or("?"));
                    value.walk_from(path, visit);
                    path.truncate(length);
                }
            }
            NodeKind::Sequence { items, .. } => {
                for (index, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{index}]"));
                    item.walk_from(path, visit);
                    path.truncate(length);
                }
            }
            NodeKind::Scalar { .. } | NodeKind::Alias => {}
        }
    }
}

/// The spellings of null in YAML's core schema.
pub fn is_null_word(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Appends a field name to a path: `.name`, or `["a.b/c"]` where a dot would mislead.
pub fn push_key(path: &mut String, key: &str) {
    if key.contains(['.', '[', ']', '"']) {
        path.push_str(&format!("[{key:?}]"));
    } else {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum PathPart {
    Key(String),
    Index(usize),
}

/// Splits `a.b[0]["c.d"]`.
fn path_parts(path: &str) -> Vec<PathPart> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("[\"") {
            let Some(end) = inner.find("\"]") else { break };
            parts.push(PathPart::Key(inner[..end].to_owned()));
            rest = &inner[end + 2..];
        } else if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = inner.find(']') else { break };
            let Ok(index) = inner[..end].parse() else { break };
            parts.push(PathPart::Index(index));
            rest = &inner[end + 1..];
        } else {
            let inner = rest.strip_prefix('.').unwrap_or(rest);
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            parts.push(PathPart::Key(inner[..end].to_owned()));
            rest = &inner[end..];
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_fields_with_dots_in_quotes() {
        let mut path = String::from("metadata.annotations");
        push_key(&mut path, "notebooks.opendatahub.io/inject-auth");
        assert_eq!(
            path,
            "metadata.annotations[\"notebooks.opendatahub.io/inject-auth\"]"
        );
        assert_eq!(
            path_parts(&path)[2],
            PathPart::Key("notebooks.opendatahub.io/inject-auth".into())
        );
        assert_eq!(
            path_parts("a[3].b"),
            [
                PathPart::Key("a".into()),
                PathPart::Index(3),
                PathPart::Key("b".into())
            ]
        );
    }
}
