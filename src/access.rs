//! Who reaches what, and what asks them on the way: a model of reachability over manifests, ours or anybody's.
//!
//! Pure. Takes objects as `cluster` has read them; gives `answer::Access`.

pub mod answer;
pub mod arguments;
mod certificates;
pub mod endpoints;
pub mod entries;
mod fields;
pub mod gateways;
pub mod guards;
pub mod hostnames;
pub mod labels;
pub mod login;
pub mod pod;
pub mod policies;
pub mod read;
pub mod rights;
pub mod routes;
pub mod services;
pub mod study;
pub mod surroundings;
pub mod tls;
pub mod virtual_services;
pub mod ways;
pub mod workloads;
pub mod world;

use crate::cluster::object::Object;

/// What objects say about access.
pub fn of<'a>(objects: impl IntoIterator<Item = &'a Object>) -> answer::Access {
    study::of(objects).access
}

#[cfg(test)]
pub(crate) mod tests;
