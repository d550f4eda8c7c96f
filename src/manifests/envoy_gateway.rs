//! Envoy Gateway: the policies by which the gateway asks the login service before it lets a request through.
//!
//! Source of the shapes: envoyproxy/gateway `api/v1alpha1` (`ext_auth_types.go`, `clienttrafficpolicy_types.go`,
//! `lua_types.go`). Its API server drops a field that a version does not know, so each version gets the fields it has.
//!
//! The policies hang on the Gateway, not on routes: a route that is new is checked too, unless it has a policy of its own. Nothing here depends on how people
//! log in, nor on whether they can.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::envoy::{FORGED_NAMES, IDENTITY, PATH, PATTERNS as PATTERNS_OF_ENVOY, REDIRECT, RETRY_ON};
use super::envoy_filter::unchecked_routes;
use super::http_route::GROUP;
use super::lua::{self, Asked};
use super::{Object, envoy_patch, meta};
use crate::model::gateway::Gateway;
use crate::model::login;
use crate::plan::class::Class;

/// First version that waits as long as it is told, and tries a check again.
pub(super) const TIMEOUT: (u32, u32) = (1, 6);
/// First version that removes headers by pattern, and writes weights into references.
const PATTERNS: (u32, u32) = (1, 7);
/// First version that asks under a path of its own, and says what is answered when nobody does.
const OWN_PATH: (u32, u32) = (1, 8);
/// First version in which Lua is off unless it is switched on.
const LUA_OFF: (u32, u32) = (1, 9);

const API_VERSION: &str = "gateway.envoyproxy.io/v1alpha1";

/// Names by which applications, guards and API servers know a person; headers with underscores do not get in at all. They are
/// removed after [`REDIRECT`] is set, so the first three match everything of that family but what begins as that does.
const FORGED_PATTERNS: [&str; 10] = [
    "x-auth-request-[^r].*",
    "x-auth-request-r([^e].*)?",
    "x-auth-request-re([^d].*)?",
    "x-forwarded-(user|groups?|email|token)",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-remote-.*",
    "impersonate-.*",
    "gap-auth|x-gw-.*",
    "kubeflow-(userid|groups)",
];

/// What the login service is told of a request, beside `authorization`.
const ASKED_WITH: [&str; 4] = ["cookie", "user-agent", "accept", REDIRECT];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy<S> {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: S,
}

#[derive(Serialize)]
pub(super) struct TargetRef {
    group: &'static str,
    kind: &'static str,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckSpec {
    target_refs: Vec<TargetRef>,
    ext_auth: Check,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    fail_open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_on_error: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    headers_to_ext_auth: Vec<&'static str>,
    http: Http,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    backend_refs: Vec<BackendRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend_settings: Option<BackendSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_override: Option<&'static str>,
    headers_to_backend: Vec<&'static str>,
}

#[derive(Serialize)]
struct BackendRef {
    group: &'static str,
    kind: &'static str,
    name: &'static str,
    namespace: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u16>,
}

#[derive(Serialize)]
struct BackendSettings {
    retry: Retry,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Retry {
    num_retries: u32,
    retry_on: RetryOn,
}

#[derive(Serialize)]
struct RetryOn {
    triggers: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetThroughSpec {
    target_refs: Vec<TargetRef>,
    authorization: Authorization,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    default_action: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrafficSpec {
    target_refs: Vec<TargetRef>,
    headers: Headers,
    path: PathSettings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Headers {
    with_underscores_action: &'static str,
    early_request_headers: EarlyHeaders,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EarlyHeaders {
    set: Vec<Header>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remove: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remove_on_match: Vec<StringMatch>,
}

#[derive(Serialize)]
struct Header {
    name: &'static str,
    value: &'static str,
}

#[derive(Serialize)]
struct StringMatch {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PathSettings {
    escaped_slashes_action: &'static str,
    disable_merge_slashes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionSpec {
    target_refs: Vec<TargetRef>,
    lua: Vec<Lua>,
}

#[derive(Serialize)]
struct Lua {
    #[serde(rename = "type")]
    kind: &'static str,
    inline: String,
}

/// The policies.
pub fn objects(gateway: &Gateway) -> Vec<Object> {
    vec![
        check(gateway),
        client_traffic(gateway),
        extension(gateway),
        envoy_patch::object(gateway),
        let_through(gateway),
    ]
}

/// What this version of Envoy Gateway cannot do, or does only where it is told to.
pub fn gaps(gateway: &Gateway) -> Vec<String> {
    let (major, minor) = gateway.version;
    let mut gaps = vec![
        "what Envoy Gateway's other policies cannot say is in an EnvoyPatchPolicy, which is in force where its configuration \
         has extensionApis.enableEnvoyPatchPolicy: true and not its runtime flag XDSNameSchemeV2. Without it every request is \
         asked about all the same, and the warnings that name it hold. As long as no route is asked about, its status says \
         that it finds nothing"
            .to_owned(),
        "without the EnvoyPatchPolicy the cookies of a check that succeeded are dropped: a session that the login service \
         refreshes stays as it was in the browser, and is refreshed again with every request until it ends; an issuer that \
         takes each refresh token once ends it early. Switch it on, for a session must be refreshed before its token ends"
            .to_owned(),
        "without the EnvoyPatchPolicy no answer has WWW-Authenticate or Retry-After".to_owned(),
        "without the EnvoyPatchPolicy one ClientTrafficPolicy for each Gateway, the oldest, is all that removes forged \
         identity headers: where another one is in force, they get in"
            .to_owned(),
        "without the EnvoyPatchPolicy a request with more than 60 KiB of headers, as of a person with very many groups, is \
         refused with 431; and after the login its route is chosen anew, by headers that were added since it was checked"
            .to_owned(),
        "in Envoy Gateway a route's own policy stands in place of the Gateway's: whoever may create a SecurityPolicy or an \
         EnvoyExtensionPolicy for a route in a namespace that attaches routes can take the login off that route, or have the \
         sessions of its visitors. Let nobody create these kinds there who does not run the platform"
            .to_owned(),
    ];
    let unlike = "a call without Accept: application/json is sent to the login with 302 instead of 401";
    if gateway.envoy() >= PATTERNS_OF_ENVOY {
        gaps.push(format!(
            "without the EnvoyPatchPolicy pages and calls are not told apart: {unlike}"
        ));
    } else {
        gaps.push(format!(
            "Envoy Gateway {major}.{minor} cannot tell pages from calls (1.6 can): {unlike}"
        ));
    }
    if gateway.version >= LUA_OFF {
        gaps.push(
            "Lua is off in this version of Envoy Gateway unless its configuration has extensionApis.enableLua: true; without \
             it every request is answered with 500"
                .to_owned(),
        );
    }
    if gateway.version < OWN_PATH {
        gaps.push(format!(
            "Envoy Gateway {major}.{minor} asks the login service under the request's own path (1.8 does not): paths that it \
             answers by itself (/robots.txt, /oauth2/static/*, /oauth2/ping, /oauth2/ready) need no login"
        ));
        gaps.push(
            "without the EnvoyPatchPolicy people are told 403 instead of 503 where the login service cannot be reached"
                .to_owned(),
        );
    }
    if gateway.version < PATTERNS {
        let by_name = "removes forged headers by exact names alone";
        let pass = "x-remote-extra-* and impersonate-extra-* pass";
        gaps.push(if gateway.envoy() >= PATTERNS_OF_ENVOY {
            format!("without the EnvoyPatchPolicy Envoy Gateway {major}.{minor} {by_name}: {pass}")
        } else {
            format!("Envoy Gateway {major}.{minor} {by_name} (1.7 has patterns): {pass}")
        });
    }
    if gateway.version < TIMEOUT {
        gaps.push(format!(
            "without the EnvoyPatchPolicy Envoy Gateway {major}.{minor} waits ten seconds for the login service, whatever is set"
        ));
    }
    gaps
}

/// Every request is asked about.
fn check(gateway: &Gateway) -> Object {
    let since = |first: (u32, u32)| gateway.version >= first;
    let retry = Retry {
        num_retries: 1,
        retry_on: RetryOn {
            triggers: RETRY_ON.to_vec(),
        },
    };
    let spec = CheckSpec {
        target_refs: vec![TargetRef::gateway(gateway)],
        ext_auth: Check {
            fail_open: false,
            status_on_error: since(OWN_PATH).then_some(503),
            timeout: since(TIMEOUT).then(|| gateway.login.timeout.to_gateway_api()),
            headers_to_ext_auth: ASKED_WITH.to_vec(),
            http: Http {
                backend_refs: vec![BackendRef {
                    group: "",
                    kind: "Service",
                    name: login::NAME,
                    namespace: gateway.namespace.clone(),
                    port: login::PORT,
                    weight: since(PATTERNS).then_some(1),
                }],
                backend_settings: since(TIMEOUT).then_some(BackendSettings { retry }),
                path_override: since(OWN_PATH).then_some("/"),
                headers_to_backend: IDENTITY.to_vec(),
            },
        },
    };
    policy(gateway, "SecurityPolicy", &gateway.filter, Class::Enforce, spec)
}

/// The login service's own paths, for who asks there has no session yet, and what leads on from the host of earlier releases. A
/// route's own policy stands in place of the Gateway's.
fn let_through(gateway: &Gateway) -> Object {
    let routes = unchecked_routes(gateway).into_iter();
    let spec = LetThroughSpec {
        target_refs: routes.map(|(name, _)| TargetRef::route(name)).collect(),
        authorization: Authorization {
            default_action: "Allow",
        },
    };
    let name = format!("{}-login", gateway.filter);
    policy(gateway, "SecurityPolicy", &name, Class::Serve, spec)
}

/// Before routes are chosen: headers that only the login service may set are gone, whoever sent them. Paths reach the
/// applications as they came, as with Istio: Jupyter's file names have escaped slashes.
fn client_traffic(gateway: &Gateway) -> Object {
    let (remove, remove_on_match) = if gateway.version >= PATTERNS {
        (Vec::new(), FORGED_PATTERNS.map(StringMatch::regex).into())
    } else {
        let names = FORGED_NAMES.into_iter().filter(|name| *name != REDIRECT);
        (names.collect(), Vec::new())
    };
    let spec = TrafficSpec {
        target_refs: vec![TargetRef::gateway(gateway)],
        headers: Headers {
            with_underscores_action: "DropHeader",
            early_request_headers: EarlyHeaders {
                set: vec![Header {
                    name: REDIRECT,
                    value: PATH,
                }],
                remove,
                remove_on_match,
            },
        },
        path: PathSettings {
            escaped_slashes_action: "KeepUnchanged",
            disable_merge_slashes: true,
        },
    };
    policy(
        gateway,
        "ClientTrafficPolicy",
        &gateway.filter,
        Class::Enforce,
        spec,
    )
}

/// After the check.
fn extension(gateway: &Gateway) -> Object {
    let spec = ExtensionSpec {
        target_refs: vec![TargetRef::gateway(gateway)],
        lua: vec![Lua {
            kind: "Inline",
            inline: lua::after_login(Asked::ByConnection),
        }],
    };
    policy(
        gateway,
        "EnvoyExtensionPolicy",
        &gateway.filter,
        Class::Enforce,
        spec,
    )
}

pub(super) fn policy<S: Serialize>(
    gateway: &Gateway,
    kind: &'static str,
    name: &str,
    class: Class,
    spec: S,
) -> Object {
    let policy = Policy {
        api_version: API_VERSION,
        kind,
        metadata: meta::of_gateway(gateway, name, &gateway.namespace, class),
        spec,
    };
    Object::new(class, &policy)
}

// === impl TargetRef ===

impl TargetRef {
    pub(super) fn gateway(gateway: &Gateway) -> Self {
        Self {
            group: GROUP,
            kind: "Gateway",
            name: gateway.name.clone(),
        }
    }

    fn route(name: String) -> Self {
        Self {
            group: GROUP,
            kind: "HTTPRoute",
            name,
        }
    }
}

// === impl StringMatch ===

impl StringMatch {
    fn regex(value: &'static str) -> Self {
        Self {
            kind: "RegularExpression",
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::envoy_filter::tests::{gateway, providers};
    use super::*;
    use crate::input::platform::GatewayImplementation::EnvoyGateway;
    use crate::model::login::Provider;

    fn of(minor: u32) -> Gateway {
        gateway(EnvoyGateway, (1, minor), Some(Provider::OpenShift))
    }

    fn spec(minor: u32, kind: &str, name: &str) -> Value {
        let objects = objects(&of(minor));
        let object = objects
            .iter()
            .find(|object| object.id.kind == kind && object.id.name == name)
            .unwrap();
        object.value["spec"].clone()
    }

    const FILTER: &str = "data-science-authn-filter";

    #[test]
    fn every_request_is_asked_about_and_none_passes_unasked() {
        let spec = spec(9, "SecurityPolicy", FILTER);
        assert_eq!(
            spec["targetRefs"],
            json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "data-science-gateway"}])
        );
        let check = &spec["extAuth"];
        assert_eq!(check["failOpen"], false);
        assert_eq!(check["statusOnError"], 503);
        assert_eq!(check["timeout"], "7s500ms");
        assert_eq!(check["http"]["pathOverride"], "/");
        assert_eq!(
            check["http"]["backendRefs"],
            json!([{
                "group": "", "kind": "Service", "name": "kube-auth-proxy", "namespace": "ingress", "port": 8443, "weight": 1
            }])
        );
    }

    #[test]
    fn each_version_gets_the_fields_it_has() {
        // Envoy Gateway, timeout and retry, patterns and weight, pathOverride and statusOnError
        for (minor, timeout, patterns, path) in [
            (5, false, false, false),
            (6, true, false, false),
            (7, true, true, false),
            (8, true, true, true),
            (9, true, true, true),
        ] {
            let check = &spec(minor, "SecurityPolicy", FILTER)["extAuth"];
            let http = &check["http"];
            assert_eq!(check["failOpen"], false);
            assert_eq!(check.get("timeout").is_some(), timeout, "1.{minor}");
            assert_eq!(http.get("backendSettings").is_some(), timeout, "1.{minor}");
            assert_eq!(
                http["backendRefs"][0].get("weight").is_some(),
                patterns,
                "1.{minor}"
            );
            assert_eq!(http.get("pathOverride").is_some(), path, "1.{minor}");
            assert_eq!(check.get("statusOnError").is_some(), path, "1.{minor}");
            let headers = &spec(minor, "ClientTrafficPolicy", FILTER)["headers"];
            let early = &headers["earlyRequestHeaders"];
            assert_eq!(headers["withUnderscoresAction"], "DropHeader");
            assert_eq!(early.get("removeOnMatch").is_some(), patterns, "1.{minor}");
            assert_eq!(early.get("remove").is_some(), !patterns, "1.{minor}");
        }
        assert_eq!(
            [5, 6, 7, 8, 9].map(|minor| gaps(&of(minor)).len()),
            [11, 10, 9, 7, 8]
        );
    }

    /// What the first three patterns take, said otherwise.
    fn is_removed(name: &str) -> bool {
        let rest = name.strip_prefix("x-auth-request-");
        match rest.map(str::as_bytes) {
            Some([b'r', b'e', b'd', ..] | []) | None => false,
            Some(_) => true,
        }
    }

    #[test]
    fn what_is_set_is_not_removed_and_what_the_login_service_says_is() {
        assert_eq!(
            FORGED_PATTERNS[..3],
            [
                "x-auth-request-[^r].*",
                "x-auth-request-r([^e].*)?",
                "x-auth-request-re([^d].*)?"
            ]
        );
        assert!(!is_removed(REDIRECT));
        for name in IDENTITY.iter().skip(1) {
            assert!(is_removed(name), "{name}");
        }
        let spec = spec(6, "ClientTrafficPolicy", FILTER);
        let early = &spec["headers"]["earlyRequestHeaders"];
        assert_eq!(early["set"], json!([{"name": REDIRECT, "value": "%REQ(:PATH)%"}]));
        assert!(!early["remove"].as_array().unwrap().contains(&json!(REDIRECT)));
        assert!(ASKED_WITH.contains(&REDIRECT));
    }

    #[test]
    fn the_same_bytes_however_people_log_in() {
        let text = |provider| {
            let objects = objects(&gateway(EnvoyGateway, (1, 9), provider));
            objects
                .iter()
                .map(|object| object.value.to_string())
                .collect::<Vec<_>>()
        };
        let [a, b, c] = providers().map(text);
        assert_eq!(a, b);
        assert_eq!(a, c);
    }

    /// A login that begins at one host cannot end at another.
    #[test]
    fn the_host_of_earlier_releases_leads_on_without_a_login() {
        let mut gateway = of(9);
        gateway.legacy_host = Some("old.example.test".into());
        let objects = objects(&gateway);
        let open = objects.last().unwrap();
        let targets = open.value["spec"]["targetRefs"].as_array().unwrap();
        let names: Vec<&Value> = targets.iter().map(|target| &target["name"]).collect();
        assert_eq!(names, ["oauth-callback-route", "data-science-gateway-legacy"]);
    }

    #[test]
    fn all_but_the_login_paths_keeps_people_out() {
        for object in objects(&of(9)) {
            assert_eq!(
                object.id.namespace, "ingress",
                "a policy sees its own namespace alone"
            );
            let login = object.id.name == format!("{FILTER}-login");
            assert_eq!(object.class, if login { Class::Serve } else { Class::Enforce });
            let spec = &object.value["spec"];
            let target = spec.get("targetRef").unwrap_or(&spec["targetRefs"][0]);
            let expected = if login {
                "oauth-callback-route"
            } else {
                "data-science-gateway"
            };
            assert_eq!(target["name"], expected);
            if login {
                assert_eq!(
                    object.value["spec"]["authorization"],
                    json!({"defaultAction": "Allow"})
                );
            }
        }
    }
}
