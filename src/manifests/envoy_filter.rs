//! Istio: the filter by which the gateway asks the login service before it lets a request through.
//!
//! Source of the shapes: istio/api `networking/v1alpha3/envoy_filter.proto`. Istio hands the payload (`envoy.rs`) on as it is.
//!
//! Nothing here depends on how people log in, nor on whether they can.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::envoy::{
    self, Any, AuthorizationResponse, CONNECTION_MANAGER, ConnectionManager, EXT_AUTHZ, ExtAuthz, Extension,
    HttpService, IDENTITY, KEEPS_ROUTE, LUA, Lua, MAX_REQUEST_HEADERS_KB, NAMED, OWN_PATH, PATTERNS,
    Patterns, ProtocolOptions, REDIRECT, Rbac, RetryPolicy, ServerUri, Source,
};
use super::gateway::legacy_name;
use super::lua::{self, Asked};
use super::{Object, meta};
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::plan::class::Class;
use crate::plan::hop::Hop;

const ROUTER: &str = "envoy.filters.http.router";
/// The Lua before the check; a name of its own, so that routes can tell it from the other.
const LUA_BEFORE: &str = "envoy.filters.http.lua.before-login";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyFilter {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: EnvoyFilterSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyFilterSpec {
    workload_selector: WorkloadSelector,
    config_patches: Vec<ConfigPatch>,
}

#[derive(Serialize)]
struct WorkloadSelector {
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigPatch {
    apply_to: &'static str,
    #[serde(rename = "match")]
    place: Place,
    patch: Patch,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    context: &'static str,
    #[serde(flatten)]
    part: Part,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Part {
    Listener(Listener),
    RouteConfiguration(RouteConfiguration),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listener {
    filter_chain: FilterChain,
}

#[derive(Serialize)]
struct FilterChain {
    filter: NetworkFilter,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NetworkFilter {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_filter: Option<Named>,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

#[derive(Serialize)]
struct RouteConfiguration {
    vhost: VirtualHost,
}

#[derive(Serialize)]
struct VirtualHost {
    route: Named,
}

#[derive(Serialize)]
struct Patch {
    operation: &'static str,
    value: Content,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Connection(Extension<ConnectionManager>),
    Check(Box<Extension<ExtAuthz>>),
    Named(Extension<Rbac>),
    Script(Extension<Lua>),
    Route(Route),
}

#[derive(Serialize)]
struct Route {
    typed_per_filter_config: BTreeMap<&'static str, Any<Off>>,
}

/// How a filter is told that it has nothing to do on a route.
#[derive(Serialize)]
#[serde(untagged)]
enum Off {
    Disabled {
        disabled: bool,
    },
    /// Rules of the route's own, of which there are none.
    Empty {},
}

/// The filter.
pub fn objects(gateway: &Gateway) -> Vec<Object> {
    let asked = asked(gateway);
    let mut patches = vec![in_connection_manager(connection_manager(gateway))];
    if let Asked::ByLua { hides_path } = asked {
        let text = lua::before_login(hides_path);
        patches.push(before_router(script(gateway, LUA_BEFORE, text)));
    }
    patches.push(before_router(Content::Check(Box::new(check(gateway, asked)))));
    patches.push(before_router(script(gateway, LUA, lua::after_login(asked))));
    // Last: where a script makes Envoy choose the route anew, this one asks by the route that is taken.
    patches.push(before_router(Content::Named(envoy::only_named())));
    let namespace = &gateway.namespace;
    for (route, rules) in unchecked_routes(gateway) {
        patches.extend((0..rules).map(|rule| unchecked(namespace, &route, rule)));
    }
    let class = Class::Enforce;
    let filter = EnvoyFilter {
        api_version: "networking.istio.io/v1alpha3",
        kind: "EnvoyFilter",
        metadata: meta::of_istio(gateway, &gateway.filter, &gateway.pods.namespace, class),
        spec: EnvoyFilterSpec {
            workload_selector: WorkloadSelector {
                labels: gateway.pods.labels.clone(),
            },
            config_patches: patches,
        },
    };
    vec![Object::new(class, &filter)]
}

/// How the login service is asked: by what the check says itself where it can hide the path, or else by Lua. A Lua that changes
/// the path makes Envoy choose the route anew, and with it whether anybody is asked, unless it can be told not to.
fn asked(gateway: &Gateway) -> Asked {
    match gateway.envoy() {
        OWN_PATH.. => Asked::ByCheck,
        envoy => Asked::ByLua {
            hides_path: envoy >= KEEPS_ROUTE,
        },
    }
}

/// What this version of Istio cannot do.
pub fn gaps(gateway: &Gateway) -> Vec<String> {
    let (major, minor) = gateway.version;
    let mut gaps = Vec::new();
    if gateway.envoy() < PATTERNS {
        gaps.push(format!(
            "with Istio {major}.{minor} forged headers are removed by exact names alone, so x-remote-extra-* and \
             impersonate-extra-* pass, and a check is not tried again when a connection breaks. Istio 1.28 has neither"
        ));
    }
    if gateway.envoy() < KEEPS_ROUTE {
        gaps.push(format!(
            "with Istio {major}.{minor} the login service is asked under the request's own path: paths that it answers by \
             itself (/robots.txt) are closed to everybody (403), paths with // or an escaped slash may be sent to a cleaned \
             address, a query that Go cannot read gives 400, and ?rd= decides where a login ends. Istio 1.27 has none of this"
        ));
    }
    gaps
}

/// Before routes are chosen: headers that only the login service may set are gone, whoever sent them.
fn connection_manager(gateway: &Gateway) -> Content {
    Content::Connection(Extension {
        name: CONNECTION_MANAGER,
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            content: ConnectionManager {
                max_request_headers_kb: MAX_REQUEST_HEADERS_KB,
                common_http_protocol_options: ProtocolOptions {
                    headers_with_underscores_action: envoy::UNDERSCORES,
                },
                early_header_mutation_extensions: vec![envoy::forged_identity(gateway.envoy())],
                local_reply_config: envoy::local_replies(),
            },
        },
    })
}

fn check(gateway: &Gateway, asked: Asked) -> Extension<ExtAuthz> {
    let hop = Hop::to_login(gateway);
    let (host, port) = (hop.host(), login::PORT);
    let by_check = asked == Asked::ByCheck;
    let asked_with: &[&str] = if by_check {
        &["cookie", "user-agent"]
    } else {
        &["cookie", "user-agent", "accept", REDIRECT]
    };
    let tries_again = gateway.envoy() >= PATTERNS;
    Extension {
        name: EXT_AUTHZ,
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            content: ExtAuthz {
                transport_api_version: "V3",
                stat_prefix: "login",
                failure_mode_allow: false,
                status_on_error: envoy::DOWN,
                validate_mutations: true,
                allowed_headers: Patterns::exact(asked_with),
                http_service: HttpService {
                    server_uri: ServerUri {
                        uri: format!("https://{host}:{port}"),
                        cluster: format!("outbound|{port}||{host}.cluster.local"),
                        timeout: gateway.login.timeout.to_proto(),
                    },
                    path_override: by_check.then_some("/"),
                    retry_policy: tries_again.then_some(RetryPolicy {
                        retry_on: envoy::RETRY_ON.join(","),
                        num_retries: 1,
                    }),
                    authorization_request: by_check.then(envoy::asked_about),
                    authorization_response: AuthorizationResponse {
                        upstream: Patterns::exact(&IDENTITY),
                        client: Patterns::exact(&["set-cookie", "content-type", "cache-control"]),
                        client_on_success: envoy::client_on_success(),
                    },
                },
            },
        },
    }
}

/// A script that leaves the route as it was chosen, where Envoy can: chosen anew, a route could be another than was checked.
fn script(gateway: &Gateway, name: &'static str, text: String) -> Content {
    Content::Script(Extension {
        name,
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            content: Lua {
                clear_route_cache: (gateway.envoy() >= KEEPS_ROUTE).then_some(false),
                default_source_code: Source { inline_string: text },
            },
        },
    })
}

fn in_connection_manager(value: Content) -> ConfigPatch {
    on_listener("NETWORK_FILTER", None, "MERGE", value)
}

/// The last place but one. Several of these stand in the order in which they are listed.
fn before_router(value: Content) -> ConfigPatch {
    let router = Named {
        name: ROUTER.to_owned(),
    };
    on_listener("HTTP_FILTER", Some(router), "INSERT_BEFORE", value)
}

fn on_listener(
    apply_to: &'static str,
    sub_filter: Option<Named>,
    operation: &'static str,
    value: Content,
) -> ConfigPatch {
    ConfigPatch {
        apply_to,
        place: Place {
            context: "GATEWAY",
            part: Part::Listener(Listener {
                filter_chain: FilterChain {
                    filter: NetworkFilter {
                        name: CONNECTION_MANAGER,
                        sub_filter,
                    },
                },
            }),
        },
        patch: Patch { operation, value },
    }
}

/// The routes in the gateway's namespace that are let through without a login, each with how many of its rules.
pub fn unchecked_routes(gateway: &Gateway) -> Vec<(String, usize)> {
    let mut routes = vec![(login::ROUTE.to_owned(), login::PATHS.len())];
    if gateway.legacy_host.is_some() {
        // It only leads on, to where people are asked; a login that begins at one host cannot end at another.
        routes.push((legacy_name(gateway), 1));
    }
    routes
}

/// The login service's own paths: who asks there has no session yet. Istio names a rule's route
/// `<namespace>.<HTTPRoute>.<index>`, and the switch goes with the route that leads to the login service and nowhere else.
fn unchecked(namespace: &str, route: &str, rule: usize) -> ConfigPatch {
    let check = Any {
        kind: "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        content: Off::Disabled { disabled: true },
    };
    let named = Any {
        kind: "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
        content: Off::Empty {},
    };
    ConfigPatch {
        apply_to: "HTTP_ROUTE",
        place: Place {
            context: "GATEWAY",
            part: Part::RouteConfiguration(RouteConfiguration {
                vhost: VirtualHost {
                    route: Named {
                        name: format!("{namespace}.{route}.{rule}"),
                    },
                },
            }),
        },
        patch: Patch {
            operation: "MERGE",
            value: Content::Route(Route {
                typed_per_filter_config: BTreeMap::from([(EXT_AUTHZ, check), (NAMED, named)]),
            }),
        },
    }
}

#[cfg(test)]
#[path = "envoy_filter/tests.rs"]
pub(super) mod tests;
