//! Who reaches what, and what asks them on the way: a model of reachability over manifests, ours or anybody's.
//!
//! Pure. Takes objects as `cluster` has read them; gives `answer::Access`.

pub mod answer;
pub mod pod;
pub mod world;
