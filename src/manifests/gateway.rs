//! Gateway API: the route to a guard, and the grant that lets it lead into another namespace.
//!
//! Our own subset of the types (kubernetes-sigs/gateway-api `apis/v1`), because the crate that has them all pins another
//! version of k8s-openapi. API defaults are written out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Object, meta};
use crate::model::notebook::GUARD_PORT;
use crate::model::platform::Platform;
use crate::plan::class::Class;
use crate::plan::guard::Guard;

const GROUP: &str = "gateway.networking.k8s.io";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpRoute {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: HttpRouteSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpRouteSpec {
    parent_refs: Vec<ParentRef>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct ParentRef {
    group: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    matches: Vec<Match>,
    backend_refs: Vec<BackendRef>,
}

#[derive(Serialize)]
struct Match {
    path: PathMatch,
}

#[derive(Serialize)]
struct PathMatch {
    #[serde(rename = "type")]
    kind: &'static str,
    value: String,
}

#[derive(Serialize)]
struct BackendRef {
    group: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    port: u16,
    weight: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceGrant {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: ReferenceGrantSpec,
}

#[derive(Serialize)]
struct ReferenceGrantSpec {
    from: Vec<GrantFrom>,
    to: Vec<GrantTo>,
}

#[derive(Serialize)]
struct GrantFrom {
    group: &'static str,
    kind: &'static str,
    namespace: String,
}

#[derive(Serialize)]
struct GrantTo {
    group: &'static str,
    kind: &'static str,
    name: String,
}

/// The route. Its backend is the guard itself, so a route that is early by a moment leads to somebody who asks for a token.
pub fn http_route(platform: &Platform, guard: &Guard) -> Object {
    let route = HttpRoute {
        api_version: format!("{GROUP}/v1"),
        kind: "HTTPRoute",
        metadata: meta::of_guard_in(guard, &guard.route, Some(&platform.route_namespace), Class::Serve),
        spec: HttpRouteSpec {
            parent_refs: vec![ParentRef {
                group: GROUP,
                kind: "Gateway",
                name: platform.gateway.name.clone(),
                namespace: platform.gateway.namespace.clone(),
            }],
            rules: vec![Rule {
                matches: vec![Match {
                    path: PathMatch {
                        kind: "PathPrefix",
                        value: guard.path(),
                    },
                }],
                backend_refs: vec![BackendRef {
                    group: "",
                    kind: "Service",
                    name: guard.service.clone(),
                    namespace: guard.notebook.namespace.clone(),
                    port: GUARD_PORT,
                    weight: 1,
                }],
            }],
        },
    };
    Object::new(Class::Serve, &route)
}

/// The grant: routes of the routes' namespace may lead to this one Service. `v1beta1` is what every version serves.
pub fn reference_grant(platform: &Platform, guard: &Guard) -> Object {
    let grant = ReferenceGrant {
        api_version: format!("{GROUP}/v1beta1"),
        kind: "ReferenceGrant",
        metadata: meta::of_guard(guard, &guard.grant, Class::Support),
        spec: ReferenceGrantSpec {
            from: vec![GrantFrom {
                group: GROUP,
                kind: "HTTPRoute",
                namespace: platform.route_namespace.clone(),
            }],
            to: vec![GrantTo {
                group: "",
                kind: "Service",
                name: guard.service.clone(),
            }],
        },
    };
    Object::new(Class::Support, &grant)
}
