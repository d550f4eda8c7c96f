//! stub
use super::answer::Hop;
use super::world::World;
pub struct Rights<'a>(std::marker::PhantomData<&'a ()>);
impl<'a> Rights<'a> {
    pub fn new(_: &World<'a>) -> Self {
        Self(std::marker::PhantomData)
    }
    pub fn unknown(&self) -> Vec<Hop> {
        vec![]
    }
}
