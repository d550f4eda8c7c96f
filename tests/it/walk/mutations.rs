//! Nothing that is emitted for the login is there for nothing: each line of the filter for Istio 1.30 is taken away in turn,
//! and of what older ones have instead of it, and a check that is named beside it fails. What the tables leave out is said
//! there. That no check fails with all of it is the walk's own affair.

use serde_json::{Value, json};

use super::checks;
use super::envoy::Envoy;
use super::gateway::Controller;
use super::stage::Stage;

/// Something taken from what Envoy is told, and the check that then fails.
struct Mutation {
    what: &'static str,
    change: fn(&mut Told<'_>),
    fails: &'static str,
}

/// What Envoy is told, part by part.
pub(crate) struct Told<'a>(pub(crate) &'a mut Value);

pub(crate) const CHECK: &str = "envoy.filters.http.ext_authz";
pub(crate) const NAMED: &str = "envoy.filters.http.rbac.after-login";
pub(crate) const LUA: &str = "envoy.filters.http.lua";
pub(crate) const LUA_BEFORE: &str = "envoy.filters.http.lua.before-login";

// === impl Told ===

impl Told<'_> {
    pub(crate) fn manager(&mut self) -> &mut Value {
        let filters = &mut self.0["static_resources"]["listeners"][0]["filter_chains"][0]["filters"];
        let filters = filters.as_array_mut().unwrap().iter_mut();
        let mut managers = filters.filter(|filter| filter["typed_config"]["http_filters"].is_array());
        &mut managers.next().unwrap()["typed_config"]
    }

    pub(crate) fn filters(&mut self) -> &mut Vec<Value> {
        self.manager()["http_filters"].as_array_mut().unwrap()
    }

    pub(crate) fn filter(&mut self, name: &str) -> &mut Value {
        let mut named = self.filters().iter_mut().filter(|filter| filter["name"] == name);
        &mut named.next().unwrap()["typed_config"]
    }

    pub(crate) fn routes(&mut self) -> &mut Vec<Value> {
        let hosts = &mut self.manager()["route_config"]["virtual_hosts"];
        hosts[0]["routes"].as_array_mut().unwrap()
    }

    pub(crate) fn login_routes(&mut self) -> Vec<&mut Value> {
        let routes = self.routes().iter_mut();
        let routes: Vec<&mut Value> = routes
            .filter(|route| leads_to(route, "kube-auth-proxy"))
            .collect();
        assert_eq!(routes.len(), 4);
        routes
    }

    /// What is asked of the certificate at a hop, and how it is asked for.
    fn tls(&mut self, service: &str) -> &mut Value {
        let clusters = self.0["static_resources"]["clusters"].as_array_mut().unwrap();
        let named = |cluster: &&mut Value| cluster["name"].as_str().unwrap().contains(service);
        let cluster = clusters.iter_mut().find(named).unwrap();
        &mut cluster["transport_socket"]["typed_config"]
    }

    /// Takes a field away; it must be there.
    fn take(value: &mut Value, path: &str) {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap();
        let taken = match parent {
            Value::Object(map) => map.remove(name),
            Value::Array(items) => Some(items.remove(name.parse().unwrap())),
            _ => None,
        };
        assert!(taken.is_some(), "{path}");
    }

    /// Takes one name from a list of them.
    fn take_name(value: &mut Value, path: &str, name: &str) {
        let patterns = value
            .pointer_mut(&format!("{path}/patterns"))
            .unwrap()
            .as_array_mut()
            .unwrap();
        let before = patterns.len();
        patterns.retain(|pattern| pattern["exact"] != name);
        assert_eq!(patterns.len() + 1, before, "{name}");
    }
}

fn leads_to(route: &Value, service: &str) -> bool {
    route["route"]["cluster"]
        .as_str()
        .is_some_and(|cluster| cluster.contains(service))
}

fn take_forged(told: &mut Told<'_>, index: usize) {
    let path = format!("/early_header_mutation_extensions/0/typed_config/mutations/{index}");
    Told::take(told.manager(), &path);
}

const UPSTREAM: &str = "/http_service/authorization_response/allowed_upstream_headers";
const CLIENT: &str = "/http_service/authorization_response/allowed_client_headers";
const IDENTITY: &str = "identity: a session gives user, email, groups";

/// Left out: `user-agent` among what the login service is told, which is for its log; `x-auth-request-access-token`, which
/// an issuer of `OpenID` Connect does not fill; `validate_mutations`, for Envoy's reader of answers refuses the same values; the
/// flag that narrows a mapper to answers of the check, and the names of runtime keys.
const MUTATIONS: [Mutation; 43] = [
    Mutation {
        what: "max_request_headers_kb",
        change: |told| Told::take(told.manager(), "/max_request_headers_kb"),
        fails: "cookies: a session of 500 groups passes, and is cut",
    },
    Mutation {
        what: "headers_with_underscores_action",
        change: |told| {
            Told::take(
                told.manager(),
                "/common_http_protocol_options/headers_with_underscores_action",
            );
        },
        fails: "forged: no name with an underscore arrives",
    },
    Mutation {
        what: "the pattern of x-auth-request-*",
        change: |told| take_forged(told, 0),
        fails: "forged: x-auth-request-access-token with a session",
    },
    Mutation {
        what: "the pattern of x-forwarded-user",
        change: |told| take_forged(told, 1),
        fails: "forged: x-forwarded-groups with a session",
    },
    Mutation {
        what: "the pattern of x-forwarded-preferred-username",
        change: |told| take_forged(told, 2),
        fails: "forged: x-forwarded-preferred-username with a session",
    },
    Mutation {
        // The script writes over it, but a script that fails lets everything pass.
        what: "the pattern of x-forwarded-access-token, and the script",
        change: |told| {
            take_forged(told, 3);
            told.filters().retain(|filter| filter["name"] != LUA);
        },
        fails: "forged: x-forwarded-access-token with a session",
    },
    Mutation {
        what: "the pattern of x-remote-* and impersonate-*",
        change: |told| take_forged(told, 4),
        fails: "forged: impersonate-user with a session",
    },
    Mutation {
        what: "the pattern of gap-auth and x-gw-*",
        change: |told| take_forged(told, 5),
        fails: "forged: gap-auth with a session",
    },
    Mutation {
        what: "the mutation before routes are chosen",
        change: |told| Told::take(told.manager(), "/early_header_mutation_extensions/0"),
        fails: "forged: no route is chosen by them",
    },
    Mutation {
        what: "the mapper of 401",
        change: |told| Told::take(told.manager(), "/local_reply_config/mappers/0"),
        fails: "api: one that wants JSON is told 401",
    },
    Mutation {
        what: "the mapper of 503",
        change: |told| Told::take(told.manager(), "/local_reply_config/mappers/1"),
        fails: "failures: nobody listens at the login service",
    },
    Mutation {
        what: "Retry-After",
        change: |told| Told::take(told.manager(), "/local_reply_config/mappers/1/headers_to_add/0"),
        fails: "failures: nobody listens at the login service",
    },
    Mutation {
        what: "Cache-Control of 503",
        change: |told| Told::take(told.manager(), "/local_reply_config/mappers/1/headers_to_add/1"),
        fails: "failures: nobody listens at the login service",
    },
    Mutation {
        what: "the check",
        change: |told| told.filters().retain(|filter| filter["name"] != CHECK),
        fails: IDENTITY,
    },
    Mutation {
        what: "the check and who is behind it",
        change: |told| {
            told.filters()
                .retain(|filter| filter["name"] != CHECK && filter["name"] != NAMED);
        },
        fails: "forged: without a session they let nobody in",
    },
    Mutation {
        what: "failure_mode_allow: false",
        change: |told| told.filter(CHECK)["failure_mode_allow"] = json!(true),
        fails: "failures: nobody listens at the login service",
    },
    Mutation {
        what: "status_on_error",
        change: |told| Told::take(told.filter(CHECK), "/status_on_error"),
        fails: "failures: nobody listens at the login service",
    },
    Mutation {
        what: "the time that a check may take",
        change: |told| told.filter(CHECK)["http_service"]["server_uri"]["timeout"] = json!("40s"),
        fails: "failures: the login service says nothing",
    },
    Mutation {
        what: "retry_policy",
        change: |told| Told::take(told.filter(CHECK), "/http_service/retry_policy"),
        fails: "failures: a new login service is asked on kept connections",
    },
    Mutation {
        what: "path_override",
        change: |told| Told::take(told.filter(CHECK), "/http_service/path_override"),
        fails: "paths: /robots.txt is told 401",
    },
    Mutation {
        what: "path_override and who is behind it",
        change: |told| {
            Told::take(told.filter(CHECK), "/http_service/path_override");
            told.filters().retain(|filter| filter["name"] != NAMED);
        },
        fails: "paths: /robots.txt lets nobody in without a login",
    },
    Mutation {
        what: "where a login is to end",
        change: |told| {
            Told::take(
                told.filter(CHECK),
                "/http_service/authorization_request/headers_to_add/0",
            );
        },
        fails: "login: ends at /nb/deep?x=1&y=2",
    },
    Mutation {
        what: "whether a page is asked for",
        change: |told| {
            Told::take(
                told.filter(CHECK),
                "/http_service/authorization_request/headers_to_add/1",
            );
        },
        fails: "api: curl is told 401",
    },
    Mutation {
        what: "the cookie, to the login service",
        change: |told| Told::take_name(told.filter(CHECK), "/allowed_headers", "cookie"),
        fails: IDENTITY,
    },
    Mutation {
        what: "authorization, upstream",
        change: |told| Told::take_name(told.filter(CHECK), UPSTREAM, "authorization"),
        fails: "identity: a session gives its token, under the three names",
    },
    Mutation {
        what: "x-auth-request-user, upstream",
        change: |told| Told::take_name(told.filter(CHECK), UPSTREAM, "x-auth-request-user"),
        fails: IDENTITY,
    },
    Mutation {
        what: "x-auth-request-email, upstream",
        change: |told| Told::take_name(told.filter(CHECK), UPSTREAM, "x-auth-request-email"),
        fails: IDENTITY,
    },
    Mutation {
        what: "x-auth-request-groups, upstream",
        change: |told| Told::take_name(told.filter(CHECK), UPSTREAM, "x-auth-request-groups"),
        fails: IDENTITY,
    },
    Mutation {
        what: "x-auth-request-preferred-username, upstream",
        change: |told| Told::take_name(told.filter(CHECK), UPSTREAM, "x-auth-request-preferred-username"),
        fails: IDENTITY,
    },
    Mutation {
        what: "set-cookie, to the client",
        change: |told| Told::take_name(told.filter(CHECK), CLIENT, "set-cookie"),
        fails: "login: a browser without a session is sent to the issuer",
    },
    Mutation {
        what: "content-type, to the client",
        change: |told| Told::take_name(told.filter(CHECK), CLIENT, "content-type"),
        fails: "login: the first answer says what it is and is kept by nobody",
    },
    Mutation {
        what: "cache-control, to the client",
        change: |told| Told::take_name(told.filter(CHECK), CLIENT, "cache-control"),
        fails: "login: the first answer says what it is and is kept by nobody",
    },
    Mutation {
        what: "set-cookie, to the client of a check that succeeded",
        change: |told| Told::take(told.filter(CHECK), &format!("{CLIENT}_on_success")),
        fails: "cookies: a refreshed session reaches the browser",
    },
    Mutation {
        what: "the script",
        change: |told| told.filters().retain(|filter| filter["name"] != LUA),
        fails: "cookies: the session does not arrive, the application's do",
    },
    Mutation {
        what: "clear_route_cache: false",
        change: |told| Told::take(told.filter(LUA), "/clear_route_cache"),
        fails: "forged: the route is the one that was asked about, whatever is said of the person",
    },
    Mutation {
        what: "routes of the login",
        change: |told| told.routes().retain(|route| !leads_to(route, "kube-auth-proxy")),
        fails: "login: a wrong code is shown as a page",
    },
    Mutation {
        what: "no check on them",
        change: |told| {
            for route in told.login_routes() {
                Told::take(route, &format!("/typed_per_filter_config/{CHECK}"));
            }
        },
        fails: "login: a wrong code is shown as a page",
    },
    Mutation {
        what: "nobody needs a name on them",
        change: |told| {
            for route in told.login_routes() {
                Told::take(route, &format!("/typed_per_filter_config/{NAMED}"));
            }
        },
        fails: "login: ends at /nb/deep?x=1&y=2",
    },
    Mutation {
        what: "exact paths on them",
        change: |told| {
            for route in told.login_routes() {
                route["match"] = json!({ "prefix": "/oauth2/" });
            }
        },
        fails: "paths: /oauth2/unknown is told 401",
    },
    Mutation {
        what: "the pattern of kubeflow-userid",
        change: |told| take_forged(told, 6),
        fails: "forged: kubeflow-userid with a session",
    },
    Mutation {
        what: "exact paths on them, and headers taken from their answers",
        change: |told| {
            for route in told.login_routes() {
                route["match"] = json!({ "prefix": "/oauth2/" });
                Told::take(route, "/response_headers_to_remove");
            }
        },
        fails: "paths: /oauth2/unknown gives no token to a script",
    },
    Mutation {
        what: "the login service's name",
        change: |told| {
            Told::take(
                told.tls("kube-auth-proxy"),
                "/common_tls_context/validation_context/match_subject_alt_names",
            );
        },
        fails: "failures: a login service of another name is told nothing",
    },
    Mutation {
        what: "the guard's name",
        change: |told| {
            Told::take(
                told.tls("churn-kube-rbac-proxy"),
                "/common_tls_context/validation_context/match_subject_alt_names",
            );
        },
        fails: "failures: a guard of another name is told nothing",
    },
];

/// The name that is asked for, and the authority: without them nothing is asked of the certificate.
const HOPS: [(&str, &str, &str); 4] = [
    (
        "kube-auth-proxy",
        "/sni",
        "failures: each hop asks for its own name",
    ),
    (
        "churn-kube-rbac-proxy",
        "/sni",
        "failures: each hop asks for its own name",
    ),
    (
        "kube-auth-proxy",
        "/common_tls_context/validation_context",
        "failures: a login service of another authority is told nothing",
    ),
    (
        "churn-kube-rbac-proxy",
        "/common_tls_context/validation_context",
        "failures: a guard of another authority is told nothing",
    ),
];

/// What the filter for an older Istio has instead: version, and what is taken.
const OLDER: [(&str, Mutation); 6] = [
    (
        "1.28",
        Mutation {
            what: "the script before the check",
            change: |told| told.filters().retain(|filter| filter["name"] != LUA_BEFORE),
            fails: "paths: /robots.txt is told 401",
        },
    ),
    (
        "1.28",
        Mutation {
            what: "the script after the check",
            change: |told| told.filters().retain(|filter| filter["name"] != LUA),
            fails: "login: ends at /nb/deep?x=1&y=2",
        },
    ),
    (
        "1.26",
        Mutation {
            what: "the script before the check",
            change: |told| told.filters().retain(|filter| filter["name"] != LUA_BEFORE),
            fails: "api: curl is told 401",
        },
    ),
    (
        "1.26",
        Mutation {
            what: "who is behind the check",
            change: |told| told.filters().retain(|filter| filter["name"] != NAMED),
            fails: "paths: /robots.txt lets nobody in without a login",
        },
    ),
    (
        "1.26",
        Mutation {
            what: "the name x-auth-request-access-token",
            change: |told| {
                let early = "/early_header_mutation_extensions/0/typed_config/mutations";
                let names = told.manager().pointer_mut(early).unwrap().as_array_mut().unwrap();
                names.retain(|name| name["remove"] != "x-auth-request-access-token");
            },
            fails: "forged: x-auth-request-access-token with a session",
        },
    ),
    (
        "1.26",
        Mutation {
            what: "the names of headers",
            change: |told| Told::take(told.manager(), "/early_header_mutation_extensions/0"),
            fails: "forged: kubeflow-userid with a token",
        },
    ),
];

/// Lines of the login service's arguments. Left out: addresses, files, the issuer and the client, without which it does not
/// start; what it does by itself (`--cookie-secure`, `--cookie-httponly`); and `--cookie-expire`, which takes a day to see.
const ARGUMENTS: [(&str, &str); 11] = [
    ("--cookie-csrf-per-request=true", "login: two tabs side by side"),
    (
        "--exclude-logging-path=/oauth2/callback",
        "login: no code of a login is in the login service's log",
    ),
    (
        "--cookie-csrf-per-request-limit=5",
        "login: ten tabs leave six cookies at most",
    ),
    (
        "--code-challenge-method=S256",
        "login: every login proves itself anew",
    ),
    (
        "--insecure-oidc-skip-nonce=false",
        "login: every login proves itself anew",
    ),
    (
        "--cookie-refresh=2s",
        "cookies: a refreshed session reaches the browser",
    ),
    (
        "--cookie-samesite=lax",
        "cookies: the session is of this host, secure, and no script's",
    ),
    (
        "--skip-provider-button",
        "login: a browser without a session is sent to the issuer",
    ),
    (
        "--skip-jwt-bearer-tokens=true",
        "identity: a token of the issuer passes",
    ),
    ("--set-xauthrequest=true", IDENTITY),
    (
        "--set-authorization-header=true",
        "identity: a session gives its token, under the three names",
    ),
];

/// Whether a check fails in this Envoy.
fn fails(stage: &Stage, version: &str, told: Value, name: &str) -> Option<String> {
    assert!(checks::all().iter().any(|check| check.name == name), "{name}");
    let envoy = Envoy::start(version, told, stage.folder.path());
    let failed = checks::walk(stage, &envoy, |wanted| wanted == name);
    failed.into_iter().next().map(|(_, why)| why)
}

#[test]
fn without_any_line_of_the_filter_a_check_fails() {
    let controller = Controller::Istio("1.30");
    let Some(stage) = Stage::new(controller.definitions(), |_| {}) else {
        return;
    };
    let told = controller.bootstrap(&stage).unwrap();
    let mut unnoticed = Vec::new();
    for mutation in MUTATIONS {
        let mut told = told.clone();
        (mutation.change)(&mut Told(&mut told));
        if fails(&stage, "1.38.3", told, mutation.fails).is_none() {
            unnoticed.push(mutation.what.to_owned());
        }
    }
    for (service, path, name) in HOPS {
        let mut told = told.clone();
        Told::take(Told(&mut told).tls(service), path);
        if fails(&stage, "1.38.3", told, name).is_none() {
            unnoticed.push(format!("{service} {path}"));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[test]
fn without_what_older_versions_have_instead_a_check_fails() {
    let mut unnoticed = Vec::new();
    for version in ["1.26", "1.28"] {
        let controller = Controller::Istio(version);
        let Some(stage) = Stage::new(controller.definitions(), |_| {}) else {
            return;
        };
        let told = controller.bootstrap(&stage).unwrap();
        for (_, mutation) in OLDER.iter().filter(|(of, _)| *of == version) {
            let mut told = told.clone();
            (mutation.change)(&mut Told(&mut told));
            if fails(&stage, "1.36.4", told, mutation.fails).is_none() {
                unnoticed.push(format!("{version}: {}", mutation.what));
            }
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[test]
fn without_any_line_of_the_login_service_a_check_fails() {
    let mut unnoticed = Vec::new();
    for (argument, name) in ARGUMENTS {
        let controller = Controller::Istio("1.30");
        let without = |arguments: &mut Vec<String>| {
            let before = arguments.len();
            arguments.retain(|known| known != argument);
            assert_eq!(arguments.len() + 1, before, "{argument}");
        };
        let Some(stage) = Stage::new(controller.definitions(), without) else {
            return;
        };
        let told = controller.bootstrap(&stage).unwrap();
        if fails(&stage, "1.38.3", told, name).is_none() {
            unnoticed.push(argument);
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}
