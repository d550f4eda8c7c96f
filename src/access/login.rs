//! stub
use super::answer::*;
use super::world::World;
use crate::krm::object_id::ObjectId;
#[derive(Debug)]
pub struct GatewayLogin {
    pub login: Option<Login>,
}
impl GatewayLogin {
    pub fn state(&self, _: &ObjectId, _: usize) -> LoginState {
        LoginState::None
    }
}
pub fn of_gateway(_: &World<'_>, _: &ObjectId) -> GatewayLogin {
    GatewayLogin { login: None }
}
