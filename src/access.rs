//! Who reaches what, and what asks them on the way: a model of reachability over manifests, ours or anybody's.
//!
//! Pure. Takes objects as `cluster` has read them; gives `answer::Access`.

pub mod answer;
pub mod entries;
pub mod gateways;
pub mod hostnames;
pub mod labels;
pub mod pod;
pub mod policies;
pub mod read;
pub mod routes;
pub mod services;
pub mod surroundings;
pub mod ways;
pub mod workloads;
pub mod world;
