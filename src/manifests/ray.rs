//! What is made for Ray clusters: one file per concern.

pub mod head;

use super::Object;
use crate::model::platform::Platform;
use crate::plan::ray::RayGuard;

/// What a namespace with guarded Ray clusters gets, whatever clusters these are.
pub fn of_namespace(_platform: &Platform, _namespace: &str) -> Vec<Object> {
    Vec::new()
}

/// What one guarded cluster gets.
pub fn of_cluster(_platform: &Platform, _guard: &RayGuard) -> Vec<Object> {
    Vec::new()
}
