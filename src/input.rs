//! The documents people write: their shapes, their schemas, and the check of one against the other.
//!
//! Takes values read by `krm`; gives typed documents or findings that name field and fix. Never decides what a document
//! means: that is `model`'s work.

pub mod api_server;
pub mod auth;
pub mod check;
pub mod cluster;
pub mod gateway;
pub mod notebook;
mod place;
pub mod platform;
pub mod pod;
pub mod ray;
pub mod schema;
