//! Gateway API's `HTTPRoutes`: to a guard, to the login service, and the grant that lets it lead into another namespace.
//!
//! Our own subset of the types (kubernetes-sigs/gateway-api `apis/v1`), because the crate that has them all pins another
//! version of k8s-openapi. API defaults are written out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::gateway::{LEGACY_LISTENER, LISTENER, legacy_name};
use super::{Object, meta};
use crate::input::platform::{IngressMode, Operator};
use crate::model::api_server;
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::model::names::notebook_path;
use crate::model::notebook::GUARD_PORT;
use crate::model::platform::Platform;
use crate::model::ray::Door;
use crate::plan::api_server::{GuardedApiServer, PATH};
use crate::plan::class::Class;
use crate::plan::exposed::{Exposed, SERVICE_PORT};
use crate::plan::guard::Guard;
use crate::plan::ray::RayGuard;

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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hostnames: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParentRef {
    group: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_name: Option<String>,
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
pub(super) enum Filter {
    #[serde(rename_all = "camelCase")]
    RequestHeaderModifier { request_header_modifier: HeaderModifier },
    #[serde(rename_all = "camelCase")]
    ResponseHeaderModifier {
        response_header_modifier: HeaderModifier,
    },
    #[serde(rename_all = "camelCase")]
    RequestRedirect { request_redirect: Redirect },
    #[serde(rename = "URLRewrite", rename_all = "camelCase")]
    UrlRewrite { url_rewrite: Rewrite },
}

#[derive(Serialize)]
pub(super) struct Rewrite {
    path: PathModifier,
}

#[derive(Serialize)]
pub(super) struct HeaderModifier {
    remove: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redirect {
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathModifier>,
    status_code: u16,
}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum PathModifier {
    #[serde(rename_all = "camelCase")]
    ReplacePrefixMatch { replace_prefix_match: String },
    #[serde(rename_all = "camelCase")]
    ReplaceFullPath { replace_full_path: String },
}

#[derive(Serialize)]
struct Match {
    path: PathMatch,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
}

#[derive(Clone, Serialize)]
struct PathMatch {
    #[serde(rename = "type")]
    kind: &'static str,
    value: String,
}

#[derive(Serialize)]
pub(super) struct BackendRef {
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

/// Headers in which the login service tells the gateway who somebody is. On its own pages they would tell a script.
const LOGIN_ANSWERS: [&str; 7] = [
    "authorization",
    "gap-auth",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
];

/// The visitor's credential itself: a guard takes it off, and where there is none the gateway must.
const CREDENTIAL: &str = "authorization";

/// The methods that a route can name (`apis/v1/httproute_types.go`).
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// A redirect that browsers do not keep: the short path may belong to another Notebook tomorrow.
const FOUND: u16 = 302;
/// A redirect that may be kept: the host of earlier releases leads on for ever.
const MOVED: u16 = 301;

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

/// The route to the dashboard of a Ray cluster, whose paths begin at its own root. The page is found with a slash at the end
/// alone: it names its parts by relative paths.
pub fn ray_route(platform: &Platform, guard: &RayGuard) -> Object {
    let metadata = meta::of_ray_route(platform, guard, &guard.route, &platform.ray.route_namespace);
    let path = guard.path();
    let onward = Redirect {
        scheme: None,
        hostname: None,
        path: Some(PathModifier::ReplaceFullPath {
            replace_full_path: format!("{path}/"),
        }),
        status_code: FOUND,
    };
    let exact = Match::exact(path.clone());
    let below = Match::prefix(path.clone());
    // The operator's own route has the same path and leads past the guard: what says the method too goes before it. A rule that
    // rewrites a prefix has one match alone.
    let (exact, below) = match platform.ray.operator {
        Operator::OpenDataHub => (exact.by_method(), below.by_method()),
        Operator::None => (vec![exact], vec![below]),
    };
    let service = &guard.service;
    let to_guard = |one: Match| {
        let backend = backend(service, &guard.cluster.namespace, guard.ports.of(Door::Dashboard));
        Rule {
            matches: vec![one],
            ..Rule::below(path.clone(), backend)
        }
    };
    let mut rules = vec![Rule {
        matches: exact,
        filters: vec![Filter::RequestRedirect {
            request_redirect: onward,
        }],
        backend_refs: Vec::new(),
    }];
    rules.extend(below.into_iter().map(to_guard));
    let parent = parent(&platform.gateway.name, &platform.gateway.namespace);
    attached(metadata, parent, Vec::new(), rules)
}

/// The grant for the routes to a Ray cluster's guards, where any is in another namespace.
pub fn ray_grant(platform: &Platform, guard: &RayGuard, kinds: &[&'static str]) -> Option<Object> {
    let namespace = &platform.ray.route_namespace;
    if kinds.is_empty() || *namespace == guard.cluster.namespace {
        return None;
    }
    let metadata = meta::of_ray(guard, &guard.grant, Class::Support);
    Some(granted(metadata, namespace, kinds, &guard.service))
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
                scheme: None,
                hostname: None,
                path: Some(PathModifier::ReplacePrefixMatch {
                    replace_prefix_match: notebook_path(&notebook.namespace, &notebook.name),
                }),
                status_code: FOUND,
            },
        }],
        backend_refs: Vec::new(),
    };
    Some(route(platform, metadata, rule))
}

/// The paths by which people log in: each to the letter, and each a rule of its own. The login service's own answers go back
/// without the headers in which it hands a token to the gateway, or any script could read it.
pub fn login_route(gateway: &Gateway) -> Object {
    let metadata = meta::of_gateway(gateway, login::ROUTE, &gateway.namespace, Class::Serve);
    let rule = |path: &&str| Rule {
        matches: vec![Match::exact((*path).to_owned())],
        filters: vec![Filter::ResponseHeaderModifier {
            response_header_modifier: HeaderModifier {
                remove: LOGIN_ANSWERS.to_vec(),
            },
        }],
        backend_refs: vec![backend(login::NAME, &gateway.namespace, login::PORT)],
    };
    let parent = parent_at(&gateway.name, &gateway.namespace, LISTENER);
    attached(
        metadata,
        parent,
        Vec::new(),
        login::PATHS.iter().map(rule).collect(),
    )
}

/// Leads on from the host of earlier releases.
pub fn legacy_redirect(gateway: &Gateway) -> Option<Object> {
    let legacy = gateway.legacy_host.clone()?;
    let name = legacy_name(gateway);
    let metadata = meta::of_gateway(gateway, &name, &gateway.namespace, Class::Serve);
    let rule = Rule {
        matches: vec![Match::prefix("/".to_owned())],
        filters: vec![Filter::RequestRedirect {
            request_redirect: Redirect {
                scheme: Some("https"),
                hostname: Some(gateway.host.clone()),
                path: None,
                status_code: MOVED,
            },
        }],
        backend_refs: Vec::new(),
    };
    let listener = match gateway.ingress {
        IngressMode::OcpRoute => LISTENER,
        IngressMode::LoadBalancer => LEGACY_LISTENER,
    };
    let parent = parent_at(&gateway.name, &gateway.namespace, listener);
    Some(attached(metadata, parent, vec![legacy], vec![rule]))
}

fn route(platform: &Platform, metadata: ObjectMeta, rule: Rule) -> Object {
    let parent = parent(&platform.gateway.name, &platform.gateway.namespace);
    attached(metadata, parent, Vec::new(), vec![rule])
}

/// A Gateway, by one of its listeners.
pub(super) fn parent_at(name: &str, namespace: &str, listener: &str) -> ParentRef {
    ParentRef {
        section_name: Some(listener.to_owned()),
        ..parent(name, namespace)
    }
}

fn parent(name: &str, namespace: &str) -> ParentRef {
    ParentRef {
        group: GROUP,
        kind: "Gateway",
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        section_name: None,
    }
}

fn attached(metadata: ObjectMeta, parent: ParentRef, hostnames: Vec<String>, rules: Vec<Rule>) -> Object {
    let route = HttpRoute {
        api_version: format!("{GROUP}/v1"),
        kind: "HTTPRoute",
        metadata,
        spec: HttpRouteSpec {
            parent_refs: vec![parent],
            hostnames,
            rules,
        },
    };
    Object::new(Class::Serve, &route)
}

pub(super) fn backend(service: &str, namespace: &str, port: u16) -> BackendRef {
    BackendRef {
        group: "",
        kind: "Service",
        name: service.to_owned(),
        namespace: namespace.to_owned(),
        port,
        weight: 1,
    }
}

// === impl Filter ===

impl Filter {
    /// Takes the visitor's token out of a request that has passed the gateway.
    pub(super) fn tokens() -> Self {
        Self::remove(TOKEN_HEADERS.to_vec())
    }

    fn remove(remove: Vec<&'static str>) -> Self {
        Self::RequestHeaderModifier {
            request_header_modifier: HeaderModifier { remove },
        }
    }
}

// === impl Rule ===

impl Rule {
    /// To a guard of what is at home at the root and is served under a path.
    fn below(path: String, backend: BackendRef) -> Self {
        let mut rule = Self::to(path, TOKEN_HEADERS.to_vec(), backend);
        rule.filters.push(Filter::UrlRewrite {
            url_rewrite: Rewrite {
                path: PathModifier::ReplacePrefixMatch {
                    replace_prefix_match: "/".to_owned(),
                },
            },
        });
        rule
    }

    fn to(path: String, remove: Vec<&'static str>, backend: BackendRef) -> Self {
        Self {
            matches: vec![Match::prefix(path)],
            filters: vec![Filter::remove(remove)],
            backend_refs: vec![backend],
        }
    }
}

// === impl Match ===

impl Match {
    /// One for every method that a route can name.
    fn by_method(&self) -> Vec<Self> {
        METHODS
            .iter()
            .map(|method| Self {
                path: self.path.clone(),
                method: Some(method),
            })
            .collect()
    }

    fn exact(value: String) -> Self {
        Self {
            path: PathMatch { kind: "Exact", value },
            method: None,
        }
    }

    fn prefix(value: String) -> Self {
        Self {
            path: PathMatch {
                kind: "PathPrefix",
                value,
            },
            method: None,
        }
    }
}

/// The grant: routes of the routes' namespace may lead to this one Service. `v1beta1` is what every version serves.
pub fn reference_grant(platform: &Platform, guard: &Guard) -> Object {
    let metadata = meta::of_guard(guard, &guard.grant, Class::Support);
    grant(platform, metadata, &guard.service)
}

/// The route to the guard of KubeRay's API server.
pub fn api_server_route(platform: &Platform, guard: &GuardedApiServer) -> Object {
    let namespace = Some(platform.ray.route_namespace.as_str());
    let metadata = meta::of_api_server(guard, &guard.route, namespace, Class::Serve);
    let backend = backend(
        &guard.service,
        &guard.server.namespace,
        guard.port(api_server::Door::Http),
    );
    route(platform, metadata, Rule::below(PATH.to_owned(), backend))
}

/// The grant for it.
pub fn api_server_grant(platform: &Platform, guard: &GuardedApiServer) -> Object {
    let namespace = Some(guard.server.namespace.as_str());
    let metadata = meta::of_api_server(guard, &guard.grant, namespace, Class::Support);
    granted(
        metadata,
        &platform.ray.route_namespace,
        &["HTTPRoute"],
        &guard.service,
    )
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
    granted(metadata, &platform.route_namespace, &["HTTPRoute"], service)
}

/// Routes of some kinds in a namespace may lead to one Service.
fn granted(metadata: ObjectMeta, namespace: &str, kinds: &[&'static str], service: &str) -> Object {
    let from = |kind: &&'static str| GrantFrom {
        group: GROUP,
        kind,
        namespace: namespace.to_owned(),
    };
    let grant = ReferenceGrant {
        api_version: format!("{GROUP}/v1beta1"),
        kind: "ReferenceGrant",
        metadata,
        spec: ReferenceGrantSpec {
            from: kinds.iter().map(from).collect(),
            to: vec![GrantTo {
                group: "",
                kind: "Service",
                name: service.to_owned(),
            }],
        },
    };
    Object::new(Class::Support, &grant)
}
