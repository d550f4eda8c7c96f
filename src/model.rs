//! What the documents mean, validated: every value here is usable as it is.
//!
//! Takes documents from `input`; gives typed meaning, or findings with field and proposed value. Never reads or writes
//! YAML, and never makes an object.

pub mod api_server;
pub mod arguments;
pub mod auth_mode;
pub mod backend_tls;
pub mod certificate;
pub mod claims;
pub mod companion;
pub mod defaults;
pub mod digest;
pub mod duration;
pub mod gateway;
pub mod groups;
pub mod habits;
pub mod host;
pub mod image;
pub mod ingress_mode;
pub mod keys;
pub mod legacy;
pub mod login;
pub mod names;
pub mod notebook;
pub mod operator;
pub mod platform;
pub mod pod;
pub mod programs;
pub mod quantity;
pub mod ray;
pub mod ray_checks;
pub mod ray_companion;
pub mod ray_said;
pub mod switch;
pub mod tls_profile;
