//! stub
use super::answer::*;
use super::pod::Pod;
use super::rights::Rights;
use super::world::World;
use std::collections::BTreeSet;
pub mod fault {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Fault;
}
#[derive(Default)]
pub struct Found {
    pub guards: Vec<Guard>,
    pub health: BTreeSet<u16>,
    pub quiet: BTreeSet<u16>,
    pub faults: Vec<fault::Fault>,
}
pub fn find(_: &World<'_>, _: &Rights<'_>, _: &Pod<'_>) -> Found {
    Found::default()
}
