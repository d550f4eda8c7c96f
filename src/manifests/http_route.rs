//! Gateway API: the route to a guard, and the grant that lets it lead into another namespace.
//!
//! Our own subset of the types (kubernetes-sigs/gateway-api `apis/v1`), because the crate that has them all pins another
//! version of k8s-openapi. API defaults are written out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Object, meta};
use crate::model::names::notebook_path;
use crate::model::notebook::GUARD_PORT;
use crate::model::platform::Platform;
use crate::plan::class::Class;
use crate::plan::exposed::{Exposed, SERVICE_PORT};
use crate::plan::guard::Guard;

/// API group.
pub(super) const GROUP: &str = "gateway.networking.k8s.io";

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<Filter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backend_refs: Vec<BackendRef>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Filter {
    #[serde(rename_all = "camelCase")]
    RequestHeaderModifier { request_header_modifier: HeaderModifier },
    #[serde(rename_all = "camelCase")]
    RequestRedirect { request_redirect: Redirect },
}

#[derive(Serialize)]
struct HeaderModifier {
    remove: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Redirect {
    path: PathModifier,
    status_code: u16,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PathModifier {
    #[serde(rename = "type")]
    kind: &'static str,
    replace_prefix_match: String,
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

/// Request headers in which a gateway's login service hands the visitor's token on. The guard needs `Authorization` alone,
/// and what comes after it is the notebook's code, which is not to have the token. A gateway removes them when it forwards
/// a request, which is after its own checks.
const TOKEN_HEADERS: [&str; 3] = [
    "x-forwarded-access-token",
    "x-auth-request-access-token",
    "x-forwarded-token",
];

/// The visitor's credential itself: a guard takes it off, and where there is none the gateway must.
const CREDENTIAL: &str = "authorization";

/// A redirect that browsers do not keep: the short path may belong to another Notebook tomorrow.
const FOUND: u16 = 302;

/// The route. Its backend is the guard itself, so a route that is early by a moment leads to somebody who asks for a token.
pub fn http_route(platform: &Platform, guard: &Guard) -> Object {
    let namespace = Some(platform.route_namespace.as_str());
    let metadata = meta::of_guard_in(guard, &guard.route, namespace, Class::Serve);
    let notebook = &guard.notebook;
    let backend = backend(&guard.service, &notebook.namespace, GUARD_PORT);
    route(
        platform,
        metadata,
        Rule::to(
            notebook_path(&notebook.namespace, &notebook.name),
            TOKEN_HEADERS.to_vec(),
            backend,
        ),
    )
}

/// The route to a Notebook without a guard: to the Service that the notebook controller makes.
pub fn unguarded_route(platform: &Platform, exposed: &Exposed) -> Object {
    let notebook = &exposed.notebook;
    let metadata = meta::of_notebook_in(
        &notebook.namespace,
        &notebook.name,
        &exposed.route,
        Some(&platform.route_namespace),
        Class::Serve,
    );
    let backend = backend(&notebook.name, &notebook.namespace, SERVICE_PORT);
    route(
        platform,
        metadata,
        Rule::to(
            notebook_path(&notebook.namespace, &notebook.name),
            [&[CREDENTIAL], &TOKEN_HEADERS[..]].concat(),
            backend,
        ),
    )
}

/// The redirect from `/notebooks/NAME`, where there is to be one.
pub fn short_route(platform: &Platform, guard: &Guard) -> Option<Object> {
    let name = guard.short_route.as_ref()?;
    let metadata = meta::of_extra_route(guard, name, &platform.route_namespace);
    let notebook = &guard.notebook;
    let rule = Rule {
        matches: vec![Match::prefix(format!("/notebooks/{}", notebook.name))],
        filters: vec![Filter::RequestRedirect {
            request_redirect: Redirect {
                path: PathModifier {
                    kind: "ReplacePrefixMatch",
                    replace_prefix_match: notebook_path(&notebook.namespace, &notebook.name),
                },
                status_code: FOUND,
            },
        }],
        backend_refs: Vec::new(),
    };
    Some(route(platform, metadata, rule))
}

fn route(platform: &Platform, metadata: ObjectMeta, rule: Rule) -> Object {
    let route = HttpRoute {
        api_version: format!("{GROUP}/v1"),
        kind: "HTTPRoute",
        metadata,
        spec: HttpRouteSpec {
            parent_refs: vec![ParentRef {
                group: GROUP,
                kind: "Gateway",
                name: platform.gateway.name.clone(),
                namespace: platform.gateway.namespace.clone(),
            }],
            rules: vec![rule],
        },
    };
    Object::new(Class::Serve, &route)
}

fn backend(service: &str, namespace: &str, port: u16) -> BackendRef {
    BackendRef {
        group: "",
        kind: "Service",
        name: service.to_owned(),
        namespace: namespace.to_owned(),
        port,
        weight: 1,
    }
}

// === impl Rule ===

impl Rule {
    fn to(path: String, remove: Vec<&'static str>, backend: BackendRef) -> Self {
        Self {
            matches: vec![Match::prefix(path)],
            filters: vec![Filter::RequestHeaderModifier {
                request_header_modifier: HeaderModifier { remove },
            }],
            backend_refs: vec![backend],
        }
    }
}

// === impl Match ===

impl Match {
    fn prefix(value: String) -> Self {
        Self {
            path: PathMatch {
                kind: "PathPrefix",
                value,
            },
        }
    }
}

/// The grant: routes of the routes' namespace may lead to this one Service. `v1beta1` is what every version serves.
pub fn reference_grant(platform: &Platform, guard: &Guard) -> Object {
    let metadata = meta::of_guard(guard, &guard.grant, Class::Support);
    grant(platform, metadata, &guard.service)
}

/// The grant for a Notebook without a guard.
pub fn unguarded_grant(platform: &Platform, exposed: &Exposed) -> Object {
    let notebook = &exposed.notebook;
    let metadata = meta::of_notebook(
        &notebook.namespace,
        &notebook.name,
        &exposed.opening,
        Class::Support,
    );
    grant(platform, metadata, &notebook.name)
}

fn grant(platform: &Platform, metadata: ObjectMeta, service: &str) -> Object {
    let grant = ReferenceGrant {
        api_version: format!("{GROUP}/v1beta1"),
        kind: "ReferenceGrant",
        metadata,
        spec: ReferenceGrantSpec {
            from: vec![GrantFrom {
                group: GROUP,
                kind: "HTTPRoute",
                namespace: platform.route_namespace.clone(),
            }],
            to: vec![GrantTo {
                group: "",
                kind: "Service",
                name: service.to_owned(),
            }],
        },
    };
    Object::new(Class::Support, &grant)
}
