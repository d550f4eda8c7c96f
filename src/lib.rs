//! Access to AI workloads on Kubernetes, kept in git.
#![forbid(unsafe_code)]
pub mod input;
pub mod krm;
pub mod model;
