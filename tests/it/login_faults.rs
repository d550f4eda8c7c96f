//! What is known to go wrong with a login at a gateway: each fault, what is emitted against it, what shows that, and what no
//! configuration can mend. `INSTA_UPDATE=always` writes `snapshots/login-faults.md`; what that says is looked up here: golden
//! cases and their words, checks of the walk by name, tests.
//!
//! Numbers are those of two lists: of the gateway of Open Data Hub's operator, read, and of its login chain, run.

use std::fmt::Write as _;

use crate::requirements::{in_a_cell, is_test, is_up_to_date, missing, test};
use crate::walk::{self, checks, is_called};

/// A fault, in our words.
struct Row {
    id: &'static str,
    fault: &'static str,
    /// What is emitted against it: golden cases, each with words of its snapshot.
    emitted: &'static [(&'static str, &'static str)],
    /// Checks of the walk: names, or parts of names around a `*`.
    checks: &'static [&'static str],
    /// Checks of the walk that are known to fail because of it, in every version.
    fail: &'static [&'static str],
    /// Tests: file of `tests/it`, and name.
    tests: &'static [(&'static str, &'static str)],
    /// What is left.
    left: &'static str,
}

const OBJECTS: (&str, &str) = (
    "gateway_faults",
    "refreshed_cookies_reach_the_browser_and_forged_headers_nobody",
);
const LINES: (&str, &str) = ("walk/mutations", "without_any_line_of_the_filter_a_check_fails");
const ARGUMENTS: (&str, &str) = (
    "walk/mutations",
    "without_any_line_of_the_login_service_a_check_fails",
);
const BROWSER: (&str, &str) = (
    "walk/chromium",
    "a_person_logs_in_in_a_browser_from_deep_link_to_deep_link",
);
const MOVED: (&str, &str) = (
    "walk/traps",
    "a_script_that_moves_the_path_skips_the_check_and_nobody_gets_in",
);
const HIDDEN: (&str, &str) = ("gateway-oidc", "headers:replace(\":path\", \"/\")\n");
const NAMED: (&str, &str) = (
    "gateway-oidc",
    "        name: envoy.filters.http.rbac.after-login\n",
);
const EARLY: (&str, &str) = (
    "gateway-oidc",
    "          - name: envoy.http.early_header_mutation.header_mutation\n",
);
const KEPT: (&str, &str) = ("gateway-oidc", "          clear_route_cache: false\n");

const READ: [Row; 17] = [
    Row {
        id: "1",
        fault: "a refreshed session never reaches the browser: every request refreshes again, and an issuer that takes a refresh \
                token once ends the session",
        emitted: &[
            (
                "gateway-oidc",
                "              allowed_client_headers_on_success:\n                patterns:\n                - exact: set-cookie\n",
            ),
            (
                "gateway-kubernetes-envoy-gateway",
                "      path: /http_service/authorization_response/allowed_client_headers_on_success\n",
            ),
        ],
        checks: &[
            "cookies: a refreshed session reaches the browser",
            "cookies: an issuer that takes a refresh token once keeps the session",
            "cookies: the application's own Set-Cookie stays beside a refreshed session",
        ],
        fail: &[],
        tests: &[OBJECTS, LINES],
        left: "requests that arrive together when a session is due refresh it each: an issuer that takes a refresh token once may \
               end it then, and people are led to the login. The login service has no lock for that. OpenShift's OAuth server \
               is not walked",
    },
    Row {
        id: "2",
        fault: "headers by which a client says who it is reach applications",
        emitted: &[
            EARLY,
            ("gateway-oidc", "regex: x[-_]auth[-_]request[-_].*\n"),
            (
                "gateway-oidc",
                "            headers_with_underscores_action: DROP_HEADER\n",
            ),
        ],
        checks: &[
            "forged: * with a session",
            "forged: * with a token",
            "forged: named in Connection, the real ones still arrive",
            "forged: no name with an underscore arrives",
            "forged: without a session they let nobody in",
        ],
        fail: &[],
        tests: &[
            OBJECTS,
            LINES,
            (
                "envoy_gateway",
                "another_traffic_policy_lets_no_forged_identity_in",
            ),
        ],
        left: "names that are not in the patterns: an application that believes another header is not protected. A header with an \
               underscore in its name arrives nowhere, whatever it is",
    },
    Row {
        id: "3",
        fault: "`/ping`, `/ready` and `/robots.txt` of every application are open: the login service answers them without a login",
        emitted: &[
            ("gateway-oidc", "        - --ping-path=/oauth2/ping\n"),
            ("gateway-oidc", "        - --ready-path=/oauth2/ready\n"),
            HIDDEN,
            NAMED,
        ],
        checks: &["paths: * lets nobody in without a login", "paths: * is told 401"],
        fail: &[],
        tests: &[
            ("gateway_faults", "probes_are_off_the_paths_of_applications"),
            LINES,
            BROWSER,
        ],
        left: "",
    },
    Row {
        id: "4",
        fault: "programs are led to a login page instead of being told 401",
        emitted: &[
            (
                "gateway-oidc",
                "headers:replace(\"accept\", page and \"text/html\" or \"application/json\")\n",
            ),
            ("gateway-oidc", "                  key: www-authenticate\n"),
        ],
        checks: &[
            "api: *",
            "login: a browser without a session is sent to the issuer",
        ],
        fail: &[],
        tests: &[LINES, BROWSER],
        left: "in a browser that sends no `Sec-Fetch-Mode`, a script that asks for `text/html` without `X-Requested-With` looks like \
               a person: 302",
    },
    Row {
        id: "5",
        fault: "`?rd=` on any page, or a header, says where a login ends",
        emitted: &[(
            "gateway-oidc",
            "headers:replace(\"x-auth-request-redirect\", path)\n",
        )],
        checks: &[
            "redirects: a client's X-Auth-Request-Redirect is not heard",
            "redirects: start?rd=* stays here",
            "redirects: sign_in?rd=* stays here",
            "login: ends at /app?rd=/other&a=b",
            "paths: ?rd= is the application's own",
        ],
        fail: &[],
        tests: &[("gateway_faults", "nobody_says_where_a_login_leads")],
        left: "`?rd=` of `/oauth2/start` and `/oauth2/sign_in` is meant to say it: any page of this host",
    },
    Row {
        id: "6",
        fault: "one CSRF cookie for all tabs, so two logins end each other's; no PKCE and no nonce",
        emitted: &[
            ("gateway-oidc", "        - --cookie-csrf-per-request=true\n"),
            ("gateway-oidc", "        - --cookie-csrf-per-request-limit=5\n"),
            ("gateway-oidc", "        - --code-challenge-method=S256\n"),
            ("gateway-oidc", "        - --insecure-oidc-skip-nonce=false\n"),
        ],
        checks: &[
            "login: two tabs side by side",
            "login: ten tabs leave six cookies at most",
            "login: without its CSRF cookie it begins anew and ends",
            "login: every login proves itself anew",
        ],
        fail: &[],
        tests: &[
            ("gateway_faults", "every_login_is_one_of_its_own"),
            ARGUMENTS,
            BROWSER,
        ],
        left: "with OpenShift's OAuth server there is neither PKCE nor a nonce",
    },
    Row {
        id: "7",
        fault: "a check that is missing lets everybody in",
        emitted: &[
            NAMED,
            ("gateway-oidc", "          failure_mode_allow: false\n"),
            (
                "gateway-oidc",
                "    argocd.argoproj.io/sync-options: Prune=false\n",
            ),
        ],
        checks: &["failures: nobody listens at the login service"],
        fail: &[],
        tests: &[
            LINES,
            MOVED,
            (
                "istiod",
                "every_request_is_asked_about_and_forged_identity_goes_first",
            ),
            (
                "envoy_gateway",
                "every_request_is_asked_about_and_forged_identity_goes_first",
            ),
            ("graphs", "nothing_is_served_that_nothing_guards"),
        ],
        left: "where the whole EnvoyFilter is gone or refused, the gateway is open: nothing in it could close it. What stands behind \
               each Notebook (guard and NetworkPolicy) asks all the same; an application without a guard of its own believes \
               whatever a client says",
    },
    Row {
        id: "8",
        fault: "a browser's preflight is led to the login",
        emitted: &[(
            "gateway-oidc",
            "headers:replace(\"accept\", page and \"text/html\" or \"application/json\")\n",
        )],
        checks: &["api: a preflight is told 401"],
        fail: &[],
        tests: &[],
        left: "401 is as good as a refusal: pages of other hosts cannot call what is behind the gateway, unless a CORS policy on the \
               route answers preflights before the check. None is emitted",
    },
    Row {
        id: "9",
        fault: "every identity of the cluster gets in, every ServiceAccount with its token",
        emitted: &[
            (
                "gateway-groups-listed",
                "        - --allowed-group=data-science\n",
            ),
            ("token-audiences", "        - --kubernetes-audiences=ai-gateway\n"),
        ],
        checks: &[],
        fail: &[],
        tests: &[
            ("gateway_faults", "who_may_log_in_is_asked_at_the_gateway"),
            (
                "walk/groups",
                "somebody_of_no_group_that_is_listed_is_refused_with_a_good_login",
            ),
        ],
        left: "with `system:authenticated` in `allowedGroups` and no audience it is still so, and a note says it (`identity: a \
               ServiceAccount's token passes`); a guard asks who may open its Notebook. Audiences are not walked",
    },
    Row {
        id: "10",
        fault: "one drain of a node takes every pod of the login service away",
        emitted: &[
            (
                "gateway-openshift",
                "kind: PodDisruptionBudget\nmetadata:\n  name: kube-auth-proxy\n",
            ),
            (
                "gateway-oidc",
                "              retry_on: connect-failure,reset,refused-stream\n",
            ),
        ],
        checks: &[
            "failures: a new login service is asked on kept connections",
            "failures: nobody listens at the login service",
            "failures: afterwards all is as before",
        ],
        fail: &[],
        tests: &[("gateway_faults", "a_drain_never_takes_everybody_out"), LINES],
        left: "no test drains nodes of a cluster. While nobody answers, everybody is told 503",
    },
    Row {
        id: "11",
        fault: "the login service may ask the API server more than it needs, under a name that two gateways share",
        emitted: &[(
            "gateway-openshift",
            "- apiGroups:\n  - authentication.k8s.io\n  resources:\n  - tokenreviews\n  verbs:\n  - create\n",
        )],
        checks: &["identity: a ServiceAccount's token passes"],
        fail: &[],
        tests: &[("gateway_faults", "the_login_service_may_do_one_thing")],
        left: "beside Open Data Hub's operator its own binding stays, with more in it. In every walk the login service has nothing but \
               this ClusterRole, on a real API server",
    },
    Row {
        id: "12",
        fault: "a WebSocket outlives its session",
        emitted: &[],
        checks: &["api: a WebSocket without a session is told 401"],
        fail: &[],
        tests: &[],
        left: "all of it. The gateway asks when a WebSocket opens and never again, so it stays after a logout, and after the session \
               or the right to it has ended. No field mends that: what ends it is a restart of the gateway, of the guard or of \
               the Notebook, or a limit of the guard's own. A copy of a session's cookie works until the session ends, too: \
               nothing is revoked at the login service",
    },
    Row {
        id: "13",
        fault: "somebody of many groups has cookies too long for a request",
        emitted: &[
            ("gateway-oidc", "          max_request_headers_kb: 96\n"),
            (
                "gateway-kubernetes-envoy-gateway",
                "      path: /max_request_headers_kb\n",
            ),
        ],
        checks: &[
            "cookies: a session of * groups passes, and is cut",
            "cookies: with more groups than a request can carry nobody gets in",
        ],
        fail: &[],
        tests: &[LINES],
        left: "about a thousand groups are too many whatever is set, for then the login service's own answer is too long: let the issuer \
               send fewer. A router in front of the gateway has limits of its own",
    },
    Row {
        id: "14",
        fault: "the host of earlier releases is computed by replacing a text that may stand elsewhere in the name",
        emitted: &[(
            "gateway-oidc",
            "kind: HTTPRoute\nmetadata:\n  name: data-science-gateway-legacy\n",
        )],
        checks: &[],
        fail: &[],
        tests: &[
            ("gateway_faults", "the_legacy_host_is_in_the_domain"),
            ("gateway_conformance", "test_compute_legacy_redirect_info"),
        ],
        left: "",
    },
    Row {
        id: "15",
        fault: "with an authority for the issuer, the login service no longer trusts OpenShift's own",
        emitted: &[(
            "provider-authority-in-openshift-mode",
            "spec.providerCASecretName",
        )],
        checks: &[],
        fail: &[],
        tests: &[("gateway_faults", "no_authority_is_replaced_and_no_key_copied")],
        left: "an error in this mode; there is no way to have both",
    },
    Row {
        id: "16",
        fault: "a changed certificate is not noticed",
        emitted: &[("gateway-load-balancer", "        name: router-certs-default\n")],
        checks: &[],
        fail: &[],
        tests: &[("gateway_faults", "no_authority_is_replaced_and_no_key_copied")],
        left: "nothing here watches: certificates are referred to where they are, and the gateway reads them anew",
    },
    Row {
        id: "17",
        fault: "the login service logs who somebody is and all their groups at every look at a session (OpenShift's OAuth server)",
        emitted: &[],
        checks: &[],
        fail: &[],
        tests: &[],
        left: "all of it: no flag switches that off. Whoever may read the log reads names and groups",
    },
];

const RUN: [Row; 14] = [
    Row {
        id: "a",
        fault: "`/oauth2/` and anything gives a page's scripts the token, in a header of the answer",
        emitted: &[
            (
                "gateway-oidc",
                "    - path:\n        type: Exact\n        value: /oauth2/start\n",
            ),
            (
                "gateway-oidc",
                "    - responseHeaderModifier:\n        remove:\n        - authorization\n        - gap-auth\n",
            ),
        ],
        checks: &[
            "paths: * gives no token to a script",
            "paths: the login's own answers carry no token",
        ],
        fail: &[],
        tests: &[
            LINES,
            BROWSER,
            (
                "walk/traps",
                "a_route_of_another_on_a_path_of_the_login_is_asked_about",
            ),
        ],
        left: "an application that gets the token may show it: Notebooks do not get it",
    },
    Row {
        id: "b",
        fault: "a token that has ended is handed on, as long as its session is not due to be refreshed",
        emitted: &[("gateway-oidc", "        - --cookie-refresh=4m0s\n")],
        checks: &["cookies: no token is handed out that has ended"],
        fail: &[],
        tests: &[ARGUMENTS],
        left: "how long tokens live is the issuer's affair, and not in the input: four minutes are the \
               default with OIDC, and a note is given where `spec.cookie.refresh` says more than five",
    },
    Row {
        id: "c",
        fault: "a path with `//` or an escaped slash is sent to a cleaned one, and a POST becomes a GET",
        emitted: &[HIDDEN],
        checks: &["paths: * arrives as Envoy has it"],
        fail: &[],
        tests: &[LINES],
        left: "",
    },
    Row {
        id: "d",
        fault: "two `Cookie` headers over HTTP/1.1 lose the session",
        emitted: &[],
        checks: &[
            "cookies: two Cookie headers let nobody in and lose nobody's name",
            "identity: two Authorization headers are refused",
        ],
        fail: &[],
        tests: &[],
        left: "Envoy joins them with a comma before it asks: 401, or the person that the session is of, and never somebody else. \
               Browsers send one",
    },
    Row {
        id: "e",
        fault: "an error of the login is a blank 403",
        emitted: &[
            ("gateway-oidc", "            code: ServiceUnavailable\n"),
            ("gateway-oidc", "                - exact: content-type\n"),
        ],
        checks: &[
            "login: a refusal of the issuer is shown as a page",
            "login: a wrong code is shown as a page",
            "failures: the login service hangs up",
            "failures: the login service says nothing",
        ],
        fail: &[],
        tests: &[LINES],
        left: "",
    },
    Row {
        id: "f",
        fault: "a query that Go does not read gives 400 instead of the login",
        emitted: &[HIDDEN],
        checks: &["login: a query that Go does not read still leads to the login"],
        fail: &[],
        tests: &[LINES],
        left: "",
    },
    Row {
        id: "g",
        fault: "the login service's log holds codes, session cookies and tokens",
        emitted: &[(
            "gateway-oidc",
            "        - --exclude-logging-path=/oauth2/callback\n",
        )],
        checks: &["login: no code of a login is in the login service's log"],
        fail: &[],
        tests: &[ARGUMENTS],
        left: "a login that comes back without its CSRF cookie is logged with cookie and code, and a malformed `Authorization` with \
               what is in it: no flag switches that off. Let few people read the log",
    },
    Row {
        id: "h",
        fault: "`sign_out?rd=` is not heard where the issuer has a page for signing out: people end there",
        emitted: &[],
        checks: &["redirects: signing out ends the session here and at the issuer"],
        fail: &[],
        tests: &[BROWSER],
        left: "the login service gives the issuer no address to come back to, and has no flag for one",
    },
    Row {
        id: "i",
        fault: "a deep link with `//` anywhere, its query included, ends at `/` after the login",
        emitted: &[],
        checks: &["login: ends at /app?next=https%3A%2F%2Fx.test"],
        fail: &[
            "login: ends at /app?next=https://x.test",
            "login: ends at //double//slash",
        ],
        tests: &[],
        left: "the login service's own check of addresses, in every version. Escaped (`%2F%2F`) it arrives; with a session nothing is \
               changed",
    },
    Row {
        id: "j",
        fault: "the address within `state` is not signed: who changes the callback's URL picks where a login ends",
        emitted: &[],
        checks: &["login: a changed state leads to this host or nowhere"],
        fail: &[],
        tests: &[],
        left: "any page of this host; no other host",
    },
    Row {
        id: "k",
        fault: "a token is taken as the user name of `Basic` too, and `bearer` in small letters is not",
        emitted: &[],
        checks: &["api: a password is told 401"],
        fail: &[],
        tests: &[],
        left: "the login service's own reading; the token is verified in either form",
    },
    Row {
        id: "l",
        fault: "who has no groups has no header of them, and names of groups are joined by commas as they are",
        emitted: &[],
        checks: &[
            "identity: nobody's groups are no header",
            "identity: a group with a comma is what the issuer says",
        ],
        fail: &[],
        tests: &[(
            "walk/groups",
            "somebody_of_no_group_that_is_listed_is_refused_with_a_good_login",
        )],
        left: "an application cannot tell the group `a,b` from two: it should not decide by that header where names may have commas. \
               The login service itself can, and guards ask the API server, not the header",
    },
    Row {
        id: "m",
        fault: "with `enableK8sTokenValidation: false` kube-auth-proxy at commit 7608aa7d ends the connection of every request with a \
                bearer token: 503",
        emitted: &[(
            "gateway-no-kubernetes-tokens",
            "spec.enableK8sTokenValidation: as of its commit 7608aa7d",
        )],
        checks: &[],
        fail: &[],
        tests: &[],
        left: "a warning. Groups or audiences refuse Kubernetes tokens without that",
    },
    Row {
        id: "n",
        fault: "kube-auth-proxy at commit 7608aa7d does not start with `--kube-api-qps`, `--kube-api-burst` or `--kube-api-cache-ttl`",
        emitted: &[(
            "gateway-settings-without-effect",
            "needs a login service that knows the flags --kube-api-qps",
        )],
        checks: &[],
        fail: &[],
        tests: &[],
        left: "a note: leave `spec.tokenReview` out, or pin an image that knows them",
    },
];

const TRAPS: [Row; 9] = [
    Row {
        id: "t1",
        fault: "a script before the check that changes the path makes Envoy choose the route anew; where that finds none, nobody is \
                asked",
        emitted: &[KEPT, NAMED],
        checks: &[],
        fail: &[],
        tests: &[MOVED],
        left: "",
    },
    Row {
        id: "t2",
        fault: "forged headers that a filter takes out have chosen the route already",
        emitted: &[EARLY],
        checks: &["forged: no route is chosen by them"],
        fail: &[],
        tests: &[LINES],
        left: "",
    },
    Row {
        id: "t3",
        fault: "a script after the check makes Envoy choose the route anew, by what is known of the person by then",
        emitted: &[
            KEPT,
            (
                "gateway-kubernetes-envoy-gateway",
                "      path: /clear_route_cache\n",
            ),
        ],
        checks: &["forged: the route is the one that was asked about, whatever is said of the person"],
        fail: &[],
        tests: &[LINES],
        left: "",
    },
    Row {
        id: "t4",
        fault: "one large pattern is refused, and with it the whole configuration",
        emitted: &[(
            "gateway-oidc",
            "regex: x[-_]forwarded[-_](user|groups?|email|token)\n",
        )],
        checks: &[],
        fail: &[],
        tests: &[
            ("walk/traps", "one_large_pattern_is_refused_by_envoy"),
            ("walk/validated", "every_filter_of_every_case_is_taken"),
            ("envoy_gateway", "envoy_takes_it"),
        ],
        left: "",
    },
    Row {
        id: "t5",
        fault: "Envoy refuses a header mutation of `:path`",
        emitted: &[HIDDEN],
        checks: &["paths: /robots.txt is told 401"],
        fail: &[],
        tests: &[("walk", "istio_1_28"), ("walk", "istio_1_30")],
        left: "nothing of the kind is emitted: a script does it, or the check's own path",
    },
    Row {
        id: "t6",
        fault: "the patterns of some matchers need an engine named beside them, and are refused without",
        emitted: &[NAMED],
        checks: &[],
        fail: &[],
        tests: &[
            ("walk", "istio_1_26"),
            ("walk", "istio_1_30_in_the_newest_envoy"),
            ("walk/validated", "every_filter_of_every_case_is_taken"),
            ("envoy_gateway", "envoy_takes_it"),
        ],
        left: "no such matcher is emitted",
    },
    Row {
        id: "t7",
        fault: "a check whose login service is unknown denies, and a route whose Service is unknown may stop all of it",
        emitted: &[(
            "gateway-fenced",
            "kind: Service\nmetadata:\n  name: kube-auth-proxy\n",
        )],
        checks: &[],
        fail: &[],
        tests: &[
            ("fence", "what_protects_stays_while_the_configuration_is_away"),
            ("istiod", "every_hop_is_verified_by_its_own_name"),
        ],
        left: "the login service's Service stays while nobody can log in. Other routes are the user's",
    },
    Row {
        id: "t8",
        fault: "Envoy lets a request pass when a script fails",
        emitted: &[NAMED, EARLY],
        checks: &[],
        fail: &[],
        tests: &[("walk/traps", "a_script_that_fails_lets_nothing_in_that_was_out")],
        left: "if the script after the check failed, the session's cookies would reach the application: taking them out is a script's \
               work, for no filter does it",
    },
    Row {
        id: "t9",
        fault: "a check that is off by path stays off when the login's route is gone",
        emitted: &[("gateway-oidc", "        typed_per_filter_config:\n")],
        checks: &[],
        fail: &[],
        tests: &[
            (
                "walk/traps",
                "a_route_of_another_on_a_path_of_the_login_is_asked_about",
            ),
            (
                "istiod",
                "the_check_is_off_on_the_login_paths_and_nowhere_else_that_leads_to_somebody",
            ),
        ],
        left: "",
    },
];

/// Checks that fail in some versions, by the name that they have in `walk.rs`, and why.
const GAPS: [(&str, &[&str], &str); 4] = [
    (
        "VALIDATOR",
        walk::VALIDATOR,
        "kube-auth-proxy takes no address with `//` (i)",
    ),
    (
        "EXACT_NAMES",
        walk::EXACT_NAMES,
        "Istio before 1.28 removes headers by exact names alone, so `x-remote-extra-*` and `impersonate-extra-*` pass (2), and a \
         check is not tried again when a connection breaks (10)",
    ),
    (
        "OPEN_PATH",
        walk::OPEN_PATH,
        "Istio before 1.27 cannot hide the path from the login service: what that answers by itself is closed to everybody by 403 \
         (3), paths are cleaned (c), some queries give 400 (f), `?rd=` says where on this host a login ends (5), and the route \
         is chosen anew after the login (t3)",
    ),
    (
        "UNPATCHED",
        walk::UNPATCHED,
        "Envoy Gateway whose configuration lacks `enableEnvoyPatchPolicy: true`: refreshed sessions are lost (1), there is no \
         `WWW-Authenticate` and no `Retry-After`, a page's scripts are led to the login (4), requests end at 60 KiB of headers \
         (13), and the route is chosen anew after the login (t3)",
    ),
];

/// The walks of `walk.rs`: test, who tells Envoy what to do, Envoy's version, and the names of what is known to fail.
fn walks() -> Vec<[String; 4]> {
    let source = include_str!("walk.rs");
    let walks = source.split("#[test]\nfn ").skip(1).filter_map(|test| {
        let (name, rest) = test.split_once("() {\n    walked(&Walk {\n")?;
        let field = |field: &str| {
            let (_, rest) = rest.split_once(&format!("        {field}: "))?;
            Some(rest.split_once(",\n")?.0.replace(['"', '&', '[', ']'], ""))
        };
        let controller = field("controller")?
            .replace("Controller::", "")
            .replace('(', " ")
            .replace("EnvoyGateway", "Envoy Gateway")
            .replace(')', "");
        Some([name.to_owned(), controller, field("envoy")?, field("known")?])
    });
    walks.collect()
}

fn all() -> impl Iterator<Item = &'static Row> {
    READ.iter().chain(&RUN).chain(&TRAPS)
}

fn code(text: &str) -> String {
    format!("`{}`", in_a_cell(text))
}

fn table(text: &mut String, title: &str, rows: &[Row]) {
    let head = "| | what goes wrong | against it | shown by | what is left |\n|---|---|---|---|---|\n";
    let _ = write!(text, "\n## {title}\n\n{head}");
    for row in rows {
        let emitted: Vec<String> = row
            .emitted
            .iter()
            .map(|(case, words)| format!("{} (case `{case}`)", code(words)))
            .collect();
        let checks = row.checks.iter().map(|name| code(name));
        let fail = row
            .fail
            .iter()
            .map(|name| format!("known to fail: {}", code(name)));
        let tests = row.tests.iter().map(|(file, name)| test(file, name));
        let shown: Vec<String> = checks.chain(fail).chain(tests).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.id,
            row.fault,
            emitted.join("<br>"),
            shown.join("<br>"),
            row.left
        );
    }
}

fn written() -> String {
    let mut text = String::from(
        "# What goes wrong with logins at gateways, and what is done about it\n\nWritten by `tests/it/login_faults.rs`, which looks \
         up what stands here. A case is a folder of `fixtures/fn/`, and the words are in its snapshot. A name without `test` is \
         that of checks of the walk (`tests/it/walk/checks`; `*` stands for more than one): each is walked in every gateway of the \
         last table, through the gateway's own generator and a real Envoy, and holds but where that table says so.\n",
    );
    table(&mut text, "Of the gateway of Open Data Hub's operator", &READ);
    table(&mut text, "Of its login, when it was run", &RUN);
    table(&mut text, "Traps on the way to something better", &TRAPS);
    text.push_str(
        "\n## Which versions have which gaps\n\nIstio's generator is one recent version, told to write for the gateway's manifests of \
         each; Envoy is the one of the row. Istio between two rows has the gaps of the older \
         one; Envoy Gateway before 1.9 is translated for its own Envoy and not walked. Every gap but the first is a warning of \
         `render`, too.\n\n| test | manifests for | Envoy | known to fail |\n|---|---|---|---|\n",
    );
    for [name, controller, envoy, known] in walks() {
        let _ = writeln!(text, "| `walk::{name}` | {controller} | {envoy} | {known} |");
    }
    text.push_str("\n| | why | checks that fail |\n|---|---|---|\n");
    for (name, checks, why) in GAPS {
        let checks: Vec<String> = checks.iter().map(|check| code(check)).collect();
        let _ = writeln!(text, "| {name} | {why} | {} |", checks.join("<br>"));
    }
    text
}

#[test]
fn what_is_said_to_be_shown_is_shown() {
    let checks: Vec<String> = checks::all().into_iter().map(|check| check.name).collect();
    let is_check = |wanted: &str| checks.iter().any(|name| is_called(name, wanted));
    let mut wrong = Vec::new();
    for row in all() {
        let says = !row.checks.is_empty() || !row.tests.is_empty() || !row.left.is_empty();
        assert!(says, "{} says nothing", row.id);
        let said = row
            .emitted
            .iter()
            .filter_map(|(case, words)| missing(case, words));
        let named = row.checks.iter().chain(row.fail);
        let unknown = named
            .filter(|name| !is_check(name))
            .map(|name| format!("no check {name:?}"));
        let unmade = row
            .tests
            .iter()
            .filter(|(file, name)| !is_test(file, name))
            .map(|(file, name)| format!("no test {file}::{name}"));
        // What is said to fail does, by the list that every walk has.
        let sound = row
            .fail
            .iter()
            .filter(|name| !walk::VALIDATOR.contains(name))
            .map(|name| format!("{name:?} is not known to fail"));
        let all = said.chain(unknown).chain(unmade).chain(sound);
        wrong.extend(all.map(|what| format!("{}: {what}", row.id)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A gap that a walk names is one of those that are explained, and each has been walked.
#[test]
fn every_gap_is_explained() {
    let walks = walks();
    let known: Vec<&str> = walks.iter().flat_map(|walk| walk[3].split(", ")).collect();
    for name in &known {
        assert!(GAPS.iter().any(|(gap, ..)| gap == name), "{name}");
    }
    for (gap, ..) in GAPS {
        assert!(known.contains(&gap), "{gap}");
    }
    assert_eq!(
        walks.len(),
        include_str!("walk.rs").matches("walked(&Walk {").count()
    );
}

#[test]
fn the_table_is_up_to_date() {
    is_up_to_date("snapshots/login-faults.md", &written());
}
