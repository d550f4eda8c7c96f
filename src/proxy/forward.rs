//! A permitted request on its way to the upstream and back: bodies, trailers, upgrades.

pub mod body;
pub mod upgrade;

pub use body::{Body, Outgoing};
