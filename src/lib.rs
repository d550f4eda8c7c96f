//! Access to AI workloads on Kubernetes, kept in git.
//!
//! ```text
//! stdin ResourceList -> krm -> input documents -> model -> plan (graph) -> manifests -> krm -> stdout
//! report watches what was made; proxy guards what was made
//! ```
//!
//! The rooms in the order in which data goes through them; `ARCHITECTURE.md` says what each may not touch. The middle is
//! pure: the same bytes in give the same bytes out. The command line ([`cli`]) is the one edge.
//!
//! - [`krm`]: the wire. Frames a stream, reads values, writes changes back in place.
//! - [`input`]: the documents people write, and their schemas.
//! - [`model`]: what they mean, validated; every default.
//! - [`plan`]: what to make, by name.
//! - [`config`]: payloads that are written here and read back elsewhere.
//! - [`manifests`]: the objects.
//! - [`render`]: all of it as one function.
//! - [`cluster`]: any manifests, as a cluster would see them.
//! - [`access`]: who reaches what in them, and who asks.
//! - [`verify`]: whether that leaves a way around a guard.
//! - [`diff`]: what changes in access between two of them.
//! - [`graph`]: all of that, drawn.
//! - [`order`]: which states GitOps tools go through from one set of manifests to another.
//! - [`kustomize`]: the files by which kustomize handles our kinds; beside the flow, words alone.

pub mod access;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod diff;
pub mod error;
pub mod graph;
pub mod input;
pub mod krm;
pub mod kustomize;
pub mod manifests;
pub mod model;
pub mod order;
pub mod plan;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod render;
pub mod verify;
