//! One object of the manifests, with its place in a file.

use serde_json::Value;

use crate::krm::object_id::ObjectId;

/// An object as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Which one.
    pub id: ObjectId,
    /// All of it, as kubectl would send it.
    pub value: Value,
    /// The source it stands in and its position there; `None` for one that was just made.
    pub place: Option<(usize, usize)>,
}
