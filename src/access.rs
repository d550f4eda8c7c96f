//! Who reaches what, and what asks them on the way: a model of reachability over manifests, ours or anybody's.
//!
//! Pure. Takes objects as `cluster` has read them; gives `answer::Access`.

pub mod answer;
pub mod arguments;
mod fields;
pub mod guards;
pub mod login;
pub mod pod;
pub mod rights;
pub mod tls;
pub mod world;

#[cfg(test)]
pub(crate) mod tests;
