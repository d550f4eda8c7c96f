//! Istio: the filter by which the gateway asks the login service before it lets a request through.
//!
//! Sources of the shapes: istio/api `networking/v1alpha3/envoy_filter.proto`; envoyproxy/envoy
//! `api/envoy/extensions/filters/http/{ext_authz,lua}/v3`, `…/filters/network/http_connection_manager/v3`. Istio hands the
//! payload on as it is, and an Envoy that does not know a field of it refuses the whole: each version gets the fields it has.
//!
//! Nothing here depends on how people log in, nor on whether they can.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::gateway::legacy_name;
use super::lua::{self, Duties};
use super::{Object, meta};
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::plan::class::Class;
use crate::plan::hop::Hop;

/// First minor version of Envoy whose Lua filter can leave the route as it was chosen.
const KEEPS_ROUTE: u32 = 35;
/// First minor version that removes headers by pattern, tries a check again, and fills request headers into a check.
const PATTERNS: u32 = 36;
/// First minor version that asks under a path of its own.
const OWN_PATH: u32 = 38;

const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
const ROUTER: &str = "envoy.filters.http.router";
const EXT_AUTHZ: &str = "envoy.filters.http.ext_authz";
const LUA: &str = "envoy.filters.http.lua";
/// The Lua before the check; a name of its own, so that routes can tell it from the other.
const LUA_BEFORE: &str = "envoy.filters.http.lua.before-login";

/// Cookies with the groups of somebody who has many. Envoy's own limit is 60.
const MAX_REQUEST_HEADERS_KB: u32 = 96;

/// Names by which applications, guards and API servers know a person. One small pattern each: Envoy refuses large ones.
const FORGED_PATTERNS: [&str; 6] = [
    "x[-_]auth[-_]request[-_].*",
    "x[-_]forwarded[-_](user|groups|email|token)",
    "x[-_]forwarded[-_]preferred[-_]username",
    "x[-_]forwarded[-_]access[-_]token",
    "x[-_]remote[-_].*|impersonate[-_].*",
    "gap[-_]auth|x[-_]gw[-_].*",
];

/// The same names to the letter, where patterns cannot be had. With underscores no header gets in at all.
pub(super) const FORGED_NAMES: [&str; 22] = [
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-auth-request-redirect",
    "x-forwarded-user",
    "x-forwarded-groups",
    "x-forwarded-email",
    "x-forwarded-token",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-remote-user",
    "x-remote-group",
    "x-remote-groups",
    "x-remote-uid",
    "x-remote-email",
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "gap-auth",
    "x-gw-path",
];

/// What the login service says of a person, for the guards and applications behind the gateway. The last one is where it
/// puts the token of OpenShift's OAuth server.
pub(super) const IDENTITY: [&str; 6] = [
    "authorization",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
];

/// A page in a browser is led to the login; everything else is told 401. The login service knows them apart by this alone.
const ACCEPT: &str = "%CEL((request.method == 'GET' || request.method == 'HEAD') && 'accept' in request.headers && \
                      request.headers['accept'].contains('text/html') && !('x-requested-with' in request.headers) ? \
                      'text/html' : 'application/json')%";

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
    Script(Extension<Lua>),
    Route(Route),
}

/// A part of Envoy by name and type.
#[derive(Serialize)]
struct Extension<T> {
    name: &'static str,
    typed_config: Any<T>,
}

#[derive(Serialize)]
struct Any<T> {
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct ConnectionManager {
    max_request_headers_kb: u32,
    common_http_protocol_options: ProtocolOptions,
    early_header_mutation_extensions: Vec<Extension<HeaderMutation>>,
    local_reply_config: LocalReplyConfig,
}

#[derive(Serialize)]
struct ProtocolOptions {
    headers_with_underscores_action: &'static str,
}

#[derive(Serialize)]
struct HeaderMutation {
    mutations: Vec<Mutation>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Mutation {
    Remove(&'static str),
    RemoveOnMatch { key_matcher: KeyMatcher },
}

#[derive(Serialize)]
struct KeyMatcher {
    safe_regex: Regex,
}

#[derive(Serialize)]
struct Regex {
    regex: &'static str,
}

#[derive(Serialize)]
struct LocalReplyConfig {
    mappers: Vec<Mapper>,
}

#[derive(Serialize)]
struct Mapper {
    filter: Filter,
    headers_to_add: Vec<HeaderOption>,
}

#[derive(Serialize)]
enum Filter {
    #[serde(rename = "and_filter")]
    And { filters: Vec<Filter> },
    #[serde(rename = "status_code_filter")]
    Status { comparison: Comparison },
    #[serde(rename = "response_flag_filter")]
    Flag { flags: Vec<&'static str> },
}

#[derive(Serialize)]
struct Comparison {
    op: &'static str,
    value: RuntimeNumber,
}

#[derive(Serialize)]
struct RuntimeNumber {
    default_value: u16,
    runtime_key: &'static str,
}

#[derive(Serialize)]
struct HeaderOption {
    header: Header,
    append_action: &'static str,
}

#[derive(Serialize)]
struct Header {
    key: &'static str,
    value: String,
}

#[derive(Serialize)]
struct ExtAuthz {
    transport_api_version: &'static str,
    stat_prefix: &'static str,
    failure_mode_allow: bool,
    status_on_error: Status,
    validate_mutations: bool,
    allowed_headers: Patterns,
    http_service: HttpService,
}

#[derive(Serialize)]
struct Status {
    code: &'static str,
}

#[derive(Serialize)]
struct Patterns {
    patterns: Vec<Exact>,
}

#[derive(Serialize)]
struct Exact {
    exact: &'static str,
}

#[derive(Serialize)]
struct HttpService {
    server_uri: ServerUri,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_override: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_request: Option<AuthorizationRequest>,
    authorization_response: AuthorizationResponse,
}

#[derive(Serialize)]
struct ServerUri {
    uri: String,
    cluster: String,
    timeout: String,
}

#[derive(Serialize)]
struct RetryPolicy {
    retry_on: &'static str,
    num_retries: u32,
}

#[derive(Serialize)]
struct AuthorizationRequest {
    headers_to_add: Vec<Header>,
}

#[derive(Serialize)]
struct AuthorizationResponse {
    #[serde(rename = "allowed_upstream_headers")]
    upstream: Patterns,
    #[serde(rename = "allowed_client_headers")]
    client: Patterns,
    #[serde(rename = "allowed_client_headers_on_success")]
    client_on_success: Patterns,
}

#[derive(Serialize)]
struct Lua {
    #[serde(skip_serializing_if = "Option::is_none")]
    clear_route_cache: Option<bool>,
    default_source_code: Source,
}

#[derive(Serialize)]
struct Source {
    inline_string: String,
}

#[derive(Serialize)]
struct Route {
    typed_per_filter_config: BTreeMap<&'static str, Any<Switch>>,
}

#[derive(Serialize)]
struct Switch {
    disabled: bool,
}

/// How a version of Envoy is kept from asking the login service about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathHiding {
    /// By the check itself.
    Check,
    /// By Lua before and after it.
    Lua,
    /// Not at all.
    None,
}

/// The filter.
pub fn objects(gateway: &Gateway) -> Vec<Object> {
    let hiding = PathHiding::of(gateway);
    let mut patches = vec![in_connection_manager(connection_manager(gateway))];
    if hiding == PathHiding::Lua {
        patches.push(before_router(script(gateway, LUA_BEFORE, lua::before_login())));
    }
    patches.push(before_router(Content::Check(Box::new(check(gateway, hiding)))));
    let duties = Duties {
        restores_path: hiding == PathHiding::Lua,
        ..Duties::default()
    };
    patches.push(before_router(script(gateway, LUA, lua::after_login(duties))));
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

/// What this version of Istio cannot do.
pub fn gaps(gateway: &Gateway) -> Vec<String> {
    if gateway.envoy() >= PATTERNS {
        return Vec::new();
    }
    let (major, minor) = gateway.version;
    vec![format!(
        "with Istio {major}.{minor} the login service is asked under the request's own path: paths that it answers by \
         itself (/robots.txt) need no login, paths with // or an escaped slash may be sent to a cleaned address, and ?rd= \
         decides where a login ends; forged headers are removed by exact names alone, so x-remote-extra-* and \
         impersonate-extra-* pass; and a check is not tried again when a connection breaks. Istio 1.28 has none of this"
    )]
}

/// Before routes are chosen: headers that only the login service may set are gone, whoever sent them.
fn connection_manager(gateway: &Gateway) -> Content {
    let mutations = if gateway.envoy() >= PATTERNS {
        FORGED_PATTERNS.map(Mutation::matching).into()
    } else {
        FORGED_NAMES.map(Mutation::Remove).into()
    };
    let early = Extension {
        name: "envoy.http.early_header_mutation.header_mutation",
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            content: HeaderMutation { mutations },
        },
    };
    let refused = [("www-authenticate", r#"Bearer realm="gateway""#)];
    let down = [("retry-after", "5"), ("cache-control", "no-store")];
    Content::Connection(Extension {
        name: CONNECTION_MANAGER,
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            content: ConnectionManager {
                max_request_headers_kb: MAX_REQUEST_HEADERS_KB,
                common_http_protocol_options: ProtocolOptions {
                    headers_with_underscores_action: "DROP_HEADER",
                },
                early_header_mutation_extensions: vec![early],
                local_reply_config: LocalReplyConfig {
                    mappers: vec![
                        Mapper::of_check(401, "gatewright.login.refused", &refused),
                        Mapper::of_check(503, "gatewright.login.down", &down),
                    ],
                },
            },
        },
    })
}

fn check(gateway: &Gateway, hiding: PathHiding) -> Extension<ExtAuthz> {
    let hop = Hop::to_login(gateway);
    let (host, port) = (hop.host(), hop.port);
    let fills_headers = gateway.envoy() >= PATTERNS;
    let asked_with: &[&str] = if fills_headers {
        &["cookie", "user-agent"]
    } else {
        &["cookie", "user-agent", "accept"]
    };
    let came_for = match hiding {
        PathHiding::Lua => format!("%REQ({})%", lua::KEPT_PATH.to_uppercase()),
        _ => "%REQ(:PATH)%".to_owned(),
    };
    let added = vec![
        Header {
            key: "x-auth-request-redirect",
            value: came_for,
        },
        Header {
            key: "accept",
            value: ACCEPT.to_owned(),
        },
    ];
    Extension {
        name: EXT_AUTHZ,
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            content: ExtAuthz {
                transport_api_version: "V3",
                stat_prefix: "login",
                failure_mode_allow: false,
                status_on_error: Status {
                    code: "ServiceUnavailable",
                },
                validate_mutations: true,
                allowed_headers: Patterns::exact(asked_with),
                http_service: HttpService {
                    server_uri: ServerUri {
                        uri: format!("https://{host}:{port}"),
                        cluster: format!("outbound|{port}||{host}.cluster.local"),
                        timeout: gateway.login.timeout.to_proto(),
                    },
                    path_override: (hiding == PathHiding::Check).then_some("/"),
                    retry_policy: fills_headers.then_some(RetryPolicy {
                        retry_on: "connect-failure,reset,refused-stream",
                        num_retries: 1,
                    }),
                    authorization_request: fills_headers.then_some(AuthorizationRequest {
                        headers_to_add: added,
                    }),
                    authorization_response: AuthorizationResponse {
                        upstream: Patterns::exact(&IDENTITY),
                        client: Patterns::exact(&["set-cookie", "content-type", "cache-control"]),
                        client_on_success: Patterns::exact(&["set-cookie"]),
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
    let off = Any {
        kind: "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        content: Switch { disabled: true },
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
                typed_per_filter_config: BTreeMap::from([(EXT_AUTHZ, off)]),
            }),
        },
    }
}

// === impl PathHiding ===

impl PathHiding {
    fn of(gateway: &Gateway) -> Self {
        match gateway.envoy() {
            OWN_PATH.. => Self::Check,
            PATTERNS.. => Self::Lua,
            _ => Self::None,
        }
    }
}

// === impl Mutation ===

impl Mutation {
    fn matching(regex: &'static str) -> Self {
        Self::RemoveOnMatch {
            key_matcher: KeyMatcher {
                safe_regex: Regex { regex },
            },
        }
    }
}

// === impl Mapper ===

impl Mapper {
    /// Headers of an answer that the check gave instead of the application.
    fn of_check(status: u16, runtime_key: &'static str, headers: &[(&'static str, &str)]) -> Self {
        let comparison = Comparison {
            op: "EQ",
            value: RuntimeNumber {
                default_value: status,
                runtime_key,
            },
        };
        let header = |(key, value): &(&'static str, &str)| HeaderOption {
            header: Header {
                key,
                value: (*value).to_owned(),
            },
            append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
        };
        Self {
            filter: Filter::And {
                filters: vec![
                    Filter::Status { comparison },
                    Filter::Flag { flags: vec!["UAEX"] },
                ],
            },
            headers_to_add: headers.iter().map(header).collect(),
        }
    }
}

// === impl Patterns ===

impl Patterns {
    fn exact(names: &[&'static str]) -> Self {
        Self {
            patterns: names.iter().map(|exact| Exact { exact }).collect(),
        }
    }
}

#[cfg(test)]
#[path = "envoy_filter/tests.rs"]
pub(super) mod tests;
