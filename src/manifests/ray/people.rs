//! Who may use a Ray cluster, and who may look at it.

use super::super::rbac::{EVERY_VERB, granted, one, people};
use super::super::{Object, config, meta};
use crate::input::ray::GROUP;
use crate::model::platform::Platform;
use crate::model::ray::Tokens;
use crate::plan::class::Class;
use crate::plan::ray::RayGuard;

/// What a guard asks for who only looks: GET and nothing else.
const LOOK: &str = "get";
/// What Ray itself asks for where it takes Kubernetes tokens (ray-project/ray
/// `src/ray/rpc/authentication/authentication_token_validator.cc`).
const RAY_WRITE: &str = "ray:write";

/// Role and `RoleBinding` of either.
pub fn objects(platform: &Platform, guard: &RayGuard) -> Vec<Object> {
    let cluster = &guard.cluster;
    let resource = cluster.kind.plural();
    // The virtual subresource: nobody gains a right on the object itself.
    let asked = |verb: &str| {
        let virtual_one = format!("{resource}/{}", config::SUBRESOURCE);
        one(GROUP, virtual_one, &cluster.name, vec![verb.to_owned()])
    };
    let mut all = vec![asked(EVERY_VERB)];
    if cluster.tokens == Tokens::Kubernetes {
        let verbs = vec![RAY_WRITE.to_owned()];
        all.push(one(GROUP, resource.to_owned(), &cluster.name, verbs));
    }
    let metadata = |name: &str| meta::of_ray(guard, name, Class::Support);
    let users = people(cluster.owner.as_ref(), &platform.ray.users);
    let readers = people(None, &platform.ray.readers);
    let mut objects = granted(&metadata(&guard.access), all, users);
    objects.extend(granted(&metadata(&guard.view), vec![asked(LOOK)], readers));
    objects
}
