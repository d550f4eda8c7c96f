//! wire
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
