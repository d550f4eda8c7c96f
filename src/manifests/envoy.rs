//! Envoy's own configuration, as far as the gateway's filter or policies say it: one place for what Istio and Envoy Gateway
//! hand on.
//!
//! Sources of the shapes: envoyproxy/envoy `api/envoy/extensions/filters/http/{ext_authz,lua}/v3`,
//! `…/filters/network/http_connection_manager/v3`, `api/envoy/config/common/mutation_rules/v3`. An Envoy that does not know a
//! field refuses the whole: each version gets the fields it has.

use std::collections::BTreeMap;

use serde::Serialize;

/// First minor version of Envoy whose Lua filter can leave the route as it was chosen.
pub(super) const KEEPS_ROUTE: u32 = 35;
/// First minor version that removes headers by pattern, tries a check again, and fills request headers into a check.
pub(super) const PATTERNS: u32 = 36;
/// First minor version that asks under a path of its own.
pub(super) const OWN_PATH: u32 = 38;

pub(super) const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
pub(super) const EXT_AUTHZ: &str = "envoy.filters.http.ext_authz";
pub(super) const LUA: &str = "envoy.filters.http.lua";
/// The filter that refuses whoever the login service did not name; Istio's own of this kind has the kind's name.
pub(super) const NAMED: &str = "envoy.filters.http.rbac.after-login";

/// Cookies with the groups of somebody who has many. Envoy's own limit is 60.
pub(super) const MAX_REQUEST_HEADERS_KB: u32 = 96;

/// Names by which applications, guards and API servers know a person. One small pattern each: Envoy refuses large ones.
const FORGED_PATTERNS: [&str; 7] = [
    "x[-_]auth[-_]request[-_].*",
    "x[-_]forwarded[-_](user|groups?|email|token)",
    "x[-_]forwarded[-_]preferred[-_]username",
    "x[-_]forwarded[-_]access[-_]token",
    "x[-_]remote[-_].*|impersonate[-_].*",
    "gap[-_]auth|x[-_]gw[-_].*",
    "kubeflow[-_](userid|groups)",
];

/// The same names to the letter, where patterns cannot be had. With underscores no header gets in at all.
pub(super) const FORGED_NAMES: [&str; 26] = [
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-auth-request-redirect",
    "x-forwarded-user",
    "x-forwarded-group",
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
    "x-gw-accept",
    "kubeflow-userid",
    "kubeflow-groups",
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

/// A page in a browser is led to the login; everything else is told 401, what a page's script fetches too: browsers say which
/// it is (W3C Fetch Metadata, `Sec-Fetch-Mode`). The login service knows them apart by this alone.
const ACCEPT: &str = "%CEL((request.method == 'GET' || request.method == 'HEAD') && 'accept' in request.headers && \
                      request.headers['accept'].contains('text/html') && !('x-requested-with' in request.headers) && \
                      (!('sec-fetch-mode' in request.headers) || request.headers['sec-fetch-mode'] == 'navigate') ? \
                      'text/html' : 'application/json')%";

/// Header that tells the login service where a login is to end.
pub(super) const REDIRECT: &str = "x-auth-request-redirect";

/// The request's path and query.
pub(super) const PATH: &str = "%REQ(:PATH)%";

/// When a check is tried again, once.
pub(super) const RETRY_ON: [&str; 3] = ["connect-failure", "reset", "refused-stream"];

/// Names of headers with `_`, which some programs take for `-`, do not get in.
pub(super) const UNDERSCORES: &str = "DROP_HEADER";

/// The status where nobody answers the check.
pub(super) const DOWN: Status = Status {
    code: "ServiceUnavailable",
};

/// What the login service says of everybody whom it knows.
const USER: &str = "x-auth-request-user";

/// A part of Envoy by name and type.
#[derive(Serialize)]
pub(super) struct Extension<T> {
    pub(super) name: &'static str,
    pub(super) typed_config: Any<T>,
}

#[derive(Serialize)]
pub(super) struct Any<T> {
    #[serde(rename = "@type")]
    pub(super) kind: &'static str,
    #[serde(flatten)]
    pub(super) content: T,
}

#[derive(Serialize)]
pub(super) struct ConnectionManager {
    pub(super) max_request_headers_kb: u32,
    pub(super) common_http_protocol_options: ProtocolOptions,
    pub(super) early_header_mutation_extensions: Vec<Extension<HeaderMutation>>,
    pub(super) local_reply_config: LocalReplyConfig,
}

#[derive(Serialize)]
pub(super) struct ProtocolOptions {
    pub(super) headers_with_underscores_action: &'static str,
}

#[derive(Serialize)]
pub(super) struct HeaderMutation {
    pub(super) mutations: Vec<Mutation>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mutation {
    Remove(&'static str),
    RemoveOnMatch { key_matcher: KeyMatcher },
}

#[derive(Serialize)]
pub(super) struct KeyMatcher {
    pub(super) safe_regex: Regex,
}

#[derive(Serialize)]
pub(super) struct Regex {
    pub(super) regex: &'static str,
}

#[derive(Serialize)]
pub(super) struct LocalReplyConfig {
    pub(super) mappers: Vec<Mapper>,
}

#[derive(Serialize)]
pub(super) struct Mapper {
    pub(super) filter: Filter,
    pub(super) headers_to_add: Vec<HeaderOption>,
}

#[derive(Serialize)]
pub(super) enum Filter {
    #[serde(rename = "and_filter")]
    And { filters: Vec<Filter> },
    #[serde(rename = "status_code_filter")]
    Status { comparison: Comparison },
    #[serde(rename = "response_flag_filter")]
    Flag { flags: Vec<&'static str> },
}

#[derive(Serialize)]
pub(super) struct Comparison {
    pub(super) op: &'static str,
    pub(super) value: RuntimeNumber,
}

#[derive(Serialize)]
pub(super) struct RuntimeNumber {
    pub(super) default_value: u16,
    pub(super) runtime_key: &'static str,
}

#[derive(Serialize)]
pub(super) struct HeaderOption {
    pub(super) header: Header,
    pub(super) append_action: &'static str,
}

#[derive(Serialize)]
pub(super) struct Header {
    pub(super) key: &'static str,
    pub(super) value: String,
}

#[derive(Serialize)]
pub(super) struct ExtAuthz {
    pub(super) transport_api_version: &'static str,
    pub(super) stat_prefix: &'static str,
    pub(super) failure_mode_allow: bool,
    pub(super) status_on_error: Status,
    pub(super) validate_mutations: bool,
    pub(super) allowed_headers: Patterns,
    pub(super) http_service: HttpService,
}

#[derive(Serialize)]
pub(super) struct Status {
    pub(super) code: &'static str,
}

#[derive(Serialize)]
pub(super) struct Patterns {
    pub(super) patterns: Vec<Exact>,
}

#[derive(Serialize)]
pub(super) struct Exact {
    pub(super) exact: &'static str,
}

#[derive(Serialize)]
pub(super) struct HttpService {
    pub(super) server_uri: ServerUri,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_override: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_policy: Option<RetryPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorization_request: Option<AuthorizationRequest>,
    pub(super) authorization_response: AuthorizationResponse,
}

#[derive(Serialize)]
pub(super) struct ServerUri {
    pub(super) uri: String,
    pub(super) cluster: String,
    pub(super) timeout: String,
}

#[derive(Serialize)]
pub(super) struct RetryPolicy {
    pub(super) retry_on: String,
    pub(super) num_retries: u32,
}

#[derive(Serialize)]
pub(super) struct AuthorizationRequest {
    pub(super) headers_to_add: Vec<Header>,
}

#[derive(Serialize)]
pub(super) struct AuthorizationResponse {
    #[serde(rename = "allowed_upstream_headers")]
    pub(super) upstream: Patterns,
    #[serde(rename = "allowed_client_headers")]
    pub(super) client: Patterns,
    #[serde(rename = "allowed_client_headers_on_success")]
    pub(super) client_on_success: Patterns,
}

#[derive(Serialize)]
pub(super) struct Lua {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clear_route_cache: Option<bool>,
    pub(super) default_source_code: Source,
}

/// `envoy.extensions.filters.http.rbac.v3.RBAC`.
#[derive(Serialize)]
pub(super) struct Rbac {
    rules: Rules,
}

#[derive(Serialize)]
struct Rules {
    action: &'static str,
    policies: BTreeMap<&'static str, Policy>,
}

#[derive(Serialize)]
struct Policy {
    permissions: [Permission; 1],
    principals: [Principal; 1],
}

#[derive(Serialize)]
struct Permission {
    any: bool,
}

#[derive(Serialize)]
struct Principal {
    header: HeaderMatcher,
}

#[derive(Serialize)]
struct HeaderMatcher {
    name: &'static str,
    string_match: StringMatcher,
}

#[derive(Serialize)]
struct StringMatcher {
    safe_regex: Regex,
}

#[derive(Serialize)]
pub(super) struct Source {
    pub(super) inline_string: String,
}

/// Before routes are chosen: headers that only the login service may set are gone, whoever sent them.
pub(super) fn forged_identity(envoy: u32) -> Extension<HeaderMutation> {
    let mutations = if envoy >= PATTERNS {
        FORGED_PATTERNS.map(Mutation::matching).into()
    } else {
        FORGED_NAMES.map(Mutation::Remove).into()
    };
    Extension {
        name: "envoy.http.early_header_mutation.header_mutation",
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            content: HeaderMutation { mutations },
        },
    }
}

/// Nobody passes whom the login service did not name. It answers some paths by itself, with a status that lets everybody
/// through, and clients cannot name themselves: their headers are gone by then. Without the check nobody is named at all.
pub(super) fn only_named() -> Extension<Rbac> {
    let principal = Principal {
        header: HeaderMatcher {
            name: USER,
            string_match: StringMatcher {
                safe_regex: Regex { regex: ".+" },
            },
        },
    };
    let policy = Policy {
        permissions: [Permission { any: true }],
        principals: [principal],
    };
    Extension {
        name: NAMED,
        typed_config: Any {
            kind: "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            content: Rbac {
                rules: Rules {
                    action: "ALLOW",
                    policies: BTreeMap::from([("named", policy)]),
                },
            },
        },
    }
}

/// What a client is told beside the status when the check refuses, and when nobody answers it.
pub(super) fn local_replies() -> LocalReplyConfig {
    let refused = [("www-authenticate", r#"Bearer realm="gateway""#)];
    let down = [("retry-after", "5"), ("cache-control", "no-store")];
    LocalReplyConfig {
        mappers: vec![
            Mapper::of_check(401, "gatewright.login.refused", &refused),
            Mapper::of_check(503, "gatewright.login.down", &down),
        ],
    }
}

/// What the login service is told of a request, in place of what a client says of it.
pub(super) fn asked_about() -> AuthorizationRequest {
    let header = |key, value: &str| Header {
        key,
        value: value.to_owned(),
    };
    AuthorizationRequest {
        headers_to_add: vec![header(REDIRECT, PATH), header("accept", ACCEPT)],
    }
}

/// What a client gets of the login service's answer when the check succeeds: a session that was refreshed.
pub(super) fn client_on_success() -> Patterns {
    Patterns::exact(&["set-cookie"])
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
    pub(super) fn exact(names: &[&'static str]) -> Self {
        Self {
            patterns: names.iter().map(|exact| Exact { exact }).collect(),
        }
    }
}
