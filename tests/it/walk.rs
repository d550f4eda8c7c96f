//! The login, walked: the manifests that are emitted, in front of a real issuer, in a real Envoy.

mod authority;
mod background;
