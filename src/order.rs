//! In which order `GitOps` tools write and delete: every state between two sets of manifests.
//!
//! A set of manifests can be safe, the one after it too, and a state between them not. Which states there are, the tools
//! decide; what is here is what they do, read off their engines and compared with them in `tests/it/engines.rs`.
//!
//! - [`change`]: both sets, object by object.
//! - [`step`]: what a tool does at a time.
//! - [`flux`], [`argo`]: the steps of a tool.
//! - [`protection`]: what a prune leaves alone.
//! - [`slices`]: what belongs together.
//! - [`walk`]: the states that come of the steps, without a copy of the world for each.
//! - [`windows`]: those of them at which something is open.
//!
//! A tool that is interrupted stops in one of these states as well: each of them may last.

pub mod argo;
pub mod change;
pub mod flux;
pub mod protection;
pub mod slices;
pub mod step;
pub mod walk;
pub mod windows;

use crate::cluster::object::Object;
use change::Change;
use step::Step;

/// Who applies, and how what is applied is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Flux, one Kustomization with everything in it.
    Flux,
    /// Flux, two Kustomizations: what closes in the first, which prunes nothing; the rest in the second, which depends on it
    /// (`render --layout flux`).
    FluxTwo,
    /// Argo CD, one Application.
    ArgoCd,
}

// === impl Tool ===

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 3] = [Self::Flux, Self::FluxTwo, Self::ArgoCd];

    /// Its name in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flux => "Flux",
            Self::FluxTwo => "Flux with two Kustomizations",
            Self::ArgoCd => "Argo CD",
        }
    }

    /// What it does to get from the old set to the new one.
    pub fn steps(self, change: &Change<'_>) -> Vec<Step> {
        match self {
            Self::Flux => flux::steps(change),
            Self::FluxTwo => flux::two(change),
            Self::ArgoCd => argo::steps(change),
        }
    }

    /// What is in the cluster when it is done: the new set, and of the old one what it left alone.
    pub fn leaves<'a>(self, change: &Change<'a>) -> Vec<&'a Object> {
        walk::end(change, &self.steps(change))
    }
}
