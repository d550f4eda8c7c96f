//! The wire: what comes in as text and goes out as text.
//!
//! Takes texts; gives frames, heads, values and nodes with their places, and texts with changes in them. Knows no kind of
//! document but its own wrappers, and nothing of any other room.

pub mod annotations;
pub mod edit;
pub mod head;
pub mod object_id;
pub mod results;
pub mod scalars;
pub mod scan;
pub mod source;
pub mod splice;
pub mod stream;
pub mod tree;
pub mod write;
pub mod yaml;
