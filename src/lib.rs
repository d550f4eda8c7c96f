//! x
pub mod cli;
pub mod config;
pub mod error;
pub mod input;
pub mod krm;
pub mod manifests;
pub mod model;
pub mod plan;
pub mod render;
