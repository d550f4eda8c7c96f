//! What goes into the document of a Ray cluster: the guard on the head, and Ray's settings written out.

use crate::input::ray::Cluster;
use crate::manifests::addition::Addition;
use crate::model::platform::Platform;
use crate::plan::ray::RayGuard;

/// The additions, for a document that holds none of them.
pub fn additions(_platform: &Platform, _guard: &RayGuard, _document: &Cluster) -> Vec<Addition> {
    Vec::new()
}
