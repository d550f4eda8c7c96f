//! What kustomize must be told about the kinds that we write and change: which fields hold names, which lists merge.
//!
//! Takes nothing but the words of `input` and `model`; gives the two files that a kustomization lists under
//! `configurations:` and `openapi:`. Never sees an object.

pub mod names;
pub mod openapi;
