//! Manifests as a cluster would see them: any objects, ours or not, by their ids.
//!
//! Comes in: text that `krm` has framed, or objects that were just made. Goes out: values with their ids and places.

pub mod manifests;
pub mod object;
