//! The known faults of Open Data Hub's gateway, by number (the list of problems found by reading and measured since), each
//! shown on rendered objects not to be ours; and what its operator accepts and then breaks on.
//!
//! Here as far as objects show it. With a login through a real gateway (`walk.rs`) are shown: 1 (refreshed cookies), 2 (forged
//! headers), 4 (401 for programs, 302 for people), 7 (whoever the login service did not name is refused), 8 (a browser's
//! preflight), 13 (many cookies are long together). 12 is true of ours too: `WebSockets` outlive a session, and nothing that
//! is configured ends them. `login_faults.rs` has all of them, number by number, and writes `snapshots/login-faults.md`.
//!
//! Not here: 16, a watch that is skipped, for nothing watches; that no certificate is copied is shown. 17, what the login
//! service writes into its log.

use std::collections::BTreeSet;
use std::path::PathBuf;

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use serde_json::{Value, json};

use crate::program::{Run, gatewright};

fn input(case: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fn")
        .join(case)
        .join("input.yaml");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn answer(text: &str) -> Run {
    gatewright(&["fn"], text.as_bytes())
}

fn rendered(text: &str) -> Vec<Value> {
    let answer = answer(text);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    let source = Source::from_bytes("rendered", answer.stdout.into_bytes()).unwrap();
    let stream = stream::frame(&source).unwrap();
    let read = |item: &stream::Item| item.piece(&source).value().unwrap();
    stream.items.iter().map(read).collect()
}

fn case(name: &str) -> Vec<Value> {
    rendered(&input(name))
}

fn of<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[track_caller]
fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let of = of(objects, kind);
    let found = of.iter().find(|object| object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The login service's container.
fn login(objects: &[Value]) -> &Value {
    &named(objects, "Deployment", "kube-auth-proxy")["spec"]["template"]["spec"]["containers"][0]
}

fn args(objects: &[Value]) -> Vec<&str> {
    texts(&login(objects)["args"])
}

/// The values of a flag.
fn flag<'a>(args: &[&'a str], name: &str) -> Vec<&'a str> {
    let prefix = format!("--{name}=");
    args.iter()
        .filter_map(|arg| arg.strip_prefix(prefix.as_str()))
        .collect()
}

/// The filters by which Istio's gateway asks, in their order.
fn filters(objects: &[Value]) -> Vec<&Value> {
    let [filter] = of(objects, "EnvoyFilter")[..] else {
        panic!("one EnvoyFilter");
    };
    let patches = filter["spec"]["configPatches"].as_array().unwrap();
    patches.iter().map(|patch| &patch["patch"]["value"]).collect()
}

#[track_caller]
fn asks(objects: &[Value]) -> &Value {
    let all = filters(objects);
    let found = all
        .iter()
        .find(|filter| filter["name"] == "envoy.filters.http.ext_authz");
    &found.unwrap()["typed_config"]
}

/// 1, 2 and 7, as far as the filter says it.
#[test]
fn refreshed_cookies_reach_the_browser_and_forged_headers_nobody() {
    for name in ["gateway-openshift", "gateway-oidc", "gateway-fenced"] {
        let objects = case(name);
        let asks = asks(&objects);
        let http = &asks["http_service"]["authorization_response"];
        for (field, wanted) in [
            ("allowed_client_headers", "set-cookie"),
            ("allowed_client_headers_on_success", "set-cookie"),
            ("allowed_upstream_headers", "x-auth-request-user"),
        ] {
            let patterns = http[field]["patterns"].as_array().unwrap();
            assert!(
                patterns.iter().any(|pattern| pattern["exact"] == wanted),
                "{field}"
            );
        }
        assert_eq!(asks["failure_mode_allow"], json!(false));
        // Before routes are looked at, not by a filter after that.
        let manager = &filters(&objects)[0]["typed_config"];
        let early = &manager["early_header_mutation_extensions"][0]["typed_config"]["mutations"];
        let rows = early.as_array().unwrap().iter();
        let patterns: Vec<String> = rows
            .map(|row| {
                row["remove_on_match"]["key_matcher"]["safe_regex"]["regex"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        for part in [
            "x[-_]auth[-_]request[-_]",
            "x[-_]forwarded[-_]access[-_]token",
            "user",
            "groups",
            "x[-_]remote[-_]",
        ] {
            assert!(
                patterns.iter().any(|pattern| pattern.contains(part)),
                "{part}: {patterns:?}"
            );
        }
    }
}

/// 3: what the login service answers without a login is below a prefix of its own, and no route leads the world there.
#[test]
fn probes_are_off_the_paths_of_applications() {
    for name in [
        "gateway-openshift",
        "gateway-oidc",
        "gateway-kubernetes-envoy-gateway",
        "gateway-beside-operator",
    ] {
        let objects = case(name);
        let container = login(&objects);
        let args = args(&objects);
        for (probe, field) in [("livenessProbe", "ping-path"), ("readinessProbe", "ready-path")] {
            let path = flag(&args, field);
            assert!(
                path.len() == 1 && path[0].starts_with("/oauth2/"),
                "{field}: {path:?}"
            );
            let get = &container[probe]["httpGet"];
            assert_eq!((&get["path"], &get["scheme"]), (&json!(path[0]), &json!("HTTPS")));
            // Its plain port is closed where it has a certificate.
            assert!(
                container["ports"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|port| port["name"] == get["port"])
            );
        }
        let route = named(&objects, "HTTPRoute", "oauth-callback-route");
        let rules = route["spec"]["rules"].as_array().unwrap();
        let paths: Vec<_> = rules
            .iter()
            .flat_map(|rule| rule["matches"].as_array().unwrap())
            .collect();
        assert!(
            paths.iter().all(|path| path["path"]["type"] == "Exact"),
            "{paths:?}"
        );
        for closed in [
            "/oauth2/ping",
            "/oauth2/ready",
            "/ping",
            "/ready",
            "/robots.txt",
            "/oauth2/auth",
            "/oauth2/userinfo",
        ] {
            assert!(
                paths.iter().all(|path| path["path"]["value"] != closed),
                "{closed}"
            );
        }
    }
    // Asked about a person, not about a path: /robots.txt of an application is nobody's exception.
    let objects = case("gateway-openshift");
    let all = filters(&objects);
    let at = |name: &str| all.iter().position(|filter| filter["name"] == name).unwrap();
    let before = at("envoy.filters.http.lua.before-login");
    assert!(
        before < at("envoy.filters.http.ext_authz")
            && at("envoy.filters.http.ext_authz") < at("envoy.filters.http.lua")
    );
    let script = all[before]["typed_config"]["default_source_code"]["inline_string"]
        .as_str()
        .unwrap();
    assert!(script.contains("headers:replace(\":path\", \"/\")"), "{script}");
}

/// 5: where somebody is led after the login is the request's own path: neither `rd` in its query nor a header decides it.
#[test]
fn nobody_says_where_a_login_leads() {
    let objects = case("gateway-oidc");
    // A client's own is gone by then; the script writes over it all the same.
    let all = filters(&objects);
    let patterns =
        &all[0]["typed_config"]["early_header_mutation_extensions"][0]["typed_config"]["mutations"];
    let first = &patterns[0]["remove_on_match"]["key_matcher"]["safe_regex"]["regex"];
    assert_eq!(*first, json!("x[-_]auth[-_]request[-_].*"));
    let script = all
        .iter()
        .find(|filter| filter["name"] == "envoy.filters.http.lua.before-login");
    let script = script.unwrap()["typed_config"]["default_source_code"]["inline_string"].clone();
    let script = script.as_str().unwrap();
    let kept = script.find("headers:replace(\"x-auth-request-redirect\", path)");
    let hidden = script.find("headers:replace(\":path\", \"/\")");
    assert!(kept.is_some() && kept < hidden, "{script}");
    // The login service is told no more of a request.
    let forwarded = asks(&objects)["allowed_headers"]["patterns"].as_array().unwrap();
    let forwarded: Vec<&str> = forwarded
        .iter()
        .map(|header| header["exact"].as_str().unwrap())
        .collect();
    assert_eq!(
        forwarded,
        ["cookie", "user-agent", "accept", "x-auth-request-redirect"]
    );
    let args = args(&objects);
    assert_eq!(flag(&args, "whitelist-domain"), Vec::<&str>::new());
    assert_eq!(
        flag(&args, "redirect-url"),
        ["https://rh-ai.apps.example.com/oauth2/callback"]
    );
}

/// 6: each login has its own cookie against forged ones, a code of its own and a nonce.
#[test]
fn every_login_is_one_of_its_own() {
    for name in ["gateway-openshift", "gateway-oidc", "gateway-kubernetes-istio"] {
        let objects = case(name);
        let args = args(&objects);
        assert_eq!(flag(&args, "cookie-csrf-per-request"), ["true"], "{name}");
        for (field, value) in [
            ("cookie-secure", "true"),
            ("cookie-httponly", "true"),
            ("cookie-samesite", "lax"),
        ] {
            assert_eq!(flag(&args, field), [value], "{name}");
        }
        if name != "gateway-openshift" {
            assert_eq!(flag(&args, "code-challenge-method"), ["S256"], "{name}");
            assert_eq!(flag(&args, "insecure-oidc-skip-nonce"), ["false"], "{name}");
        }
    }
}

/// 9: `allowedGroups` is what the login service lets in, not just who may read an object.
#[test]
fn who_may_log_in_is_asked_at_the_gateway() {
    for (name, groups) in [
        ("gateway-openshift", &[][..]),
        (
            "gateway-groups-listed",
            &["data-science", "team:ops", "1e3", "odh-admins"],
        ),
        ("gateway-groups-of-nobody-else", &["odh-admins"]),
        (
            "groups-of-the-system-behind-a-prefix",
            &[
                "oidc:system:authenticated",
                "oidc:system:serviceaccounts",
                "oidc:odh-admins",
                "odh-admins",
            ],
        ),
    ] {
        let objects = case(name);
        assert_eq!(flag(&args(&objects), "allowed-group"), groups, "{name}");
    }
}

/// 10: one number of pods, said once; a drain takes one at a time; they are on different nodes; and there is memory to spare.
#[test]
fn a_drain_never_takes_everybody_out() {
    for (name, scaled) in [
        ("gateway-openshift", true),
        ("gateway-oidc", true),
        ("gateway-two-pods", false),
    ] {
        let objects = case(name);
        let deployment = &named(&objects, "Deployment", "kube-auth-proxy")["spec"];
        assert_eq!(deployment["replicas"].is_null(), scaled, "{name}");
        assert_eq!(
            of(&objects, "HorizontalPodAutoscaler").len(),
            usize::from(scaled),
            "{name}"
        );
        for autoscaler in of(&objects, "HorizontalPodAutoscaler") {
            assert_eq!(autoscaler["spec"]["minReplicas"], json!(2));
        }
        if !scaled {
            assert_eq!(deployment["replicas"], json!(2));
        }
        let budget = named(&objects, "PodDisruptionBudget", "kube-auth-proxy");
        assert_eq!(budget["spec"]["maxUnavailable"], json!(1));
        assert_eq!(budget["spec"]["selector"], deployment["selector"]);
        let spread = deployment["template"]["spec"]["topologySpreadConstraints"]
            .as_array()
            .unwrap();
        assert!(
            spread
                .iter()
                .any(|one| one["topologyKey"] == "kubernetes.io/hostname")
        );
        assert!(
            spread
                .iter()
                .all(|one| one["labelSelector"] == deployment["selector"])
        );
        let resources = &login(&objects)["resources"];
        assert_ne!(resources["limits"]["memory"], resources["requests"]["memory"]);
    }
}

/// 11: it may ask who a token belongs to and nothing else, and two gateways do not get one name.
#[test]
fn the_login_service_may_do_one_thing() {
    let mut names = BTreeSet::new();
    let gateways = [
        ("a", "b-c"),
        ("a-b", "c"),
        ("a-b-c", "d"),
        ("a", "b-c-d"),
        ("openshift-ingress", "x"),
    ];
    for (namespace, name) in gateways {
        let text = input("gateway-own-name")
            .replace("name: ai,", &format!("name: {name},"))
            .replace("namespace: ai-ingress", &format!("namespace: {namespace}"));
        let objects = rendered(&text);
        let bindings = of(&objects, "ClusterRoleBinding");
        let subject = json!([{"kind": "ServiceAccount", "name": "kube-auth-proxy", "namespace": namespace}]);
        let own: Vec<_> = bindings
            .into_iter()
            .filter(|binding| binding["subjects"] == subject)
            .collect();
        assert_eq!(own.len(), 1, "{namespace}/{name}");
        let role = own[0]["roleRef"]["name"].as_str().unwrap();
        let rules = &named(&objects, "ClusterRole", role)["rules"];
        let expected = json!([{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]);
        assert_eq!(*rules, expected);
        names.insert(own[0]["metadata"]["name"].as_str().unwrap().to_owned());
        names.insert(role.to_owned());
    }
    assert_eq!(names.len(), gateways.len(), "{names:?}");
    // Where no Kubernetes token is let in it may not even that.
    let objects = case("gateway-no-kubernetes-tokens");
    for binding in of(&objects, "ClusterRoleBinding") {
        assert_ne!(binding["subjects"][0]["kind"], "ServiceAccount", "{binding:#}");
    }
}

/// 14: the host of earlier releases is made of the domain, whatever else the host's name has in it; and it serves nothing but
/// the way on.
#[test]
fn the_legacy_host_is_in_the_domain() {
    for (subdomain, domain) in [
        ("ai", "ai.ai.example.com"),
        ("gateway", "data-science-gateway.example.com"),
        ("a", "a.a.a"),
    ] {
        let more = format!(
            "spec:\n  ingressMode: LoadBalancer\n  subdomain: {subdomain}\n  domain: {domain}\n  certificate: {{type: SelfSigned}}\n---\n"
        );
        let text = input("gateway-openshift").replacen(
            "---\napiVersion: services.platform.opendatahub.io/v1alpha1\nkind: Auth",
            &format!("{more}apiVersion: services.platform.opendatahub.io/v1alpha1\nkind: Auth"),
            1,
        );
        let objects = rendered(&text);
        let legacy = format!("data-science-gateway.{domain}");
        let route = named(&objects, "HTTPRoute", "data-science-gateway-legacy");
        assert_eq!(route["spec"]["hostnames"], json!([legacy]));
        let rules = route["spec"]["rules"].as_array().unwrap();
        assert!(rules.len() == 1 && rules[0]["backendRefs"].is_null(), "{rules:?}");
        let to = &rules[0]["filters"][0]["requestRedirect"]["hostname"];
        assert_eq!(*to, json!(format!("{subdomain}.{domain}")));
        let listeners = &of(&objects, "Gateway")[0]["spec"]["listeners"];
        assert_eq!(listeners[1]["hostname"], json!(legacy));
        let names = &named(&objects, "Certificate", "default-gateway-tls")["spec"]["dnsNames"];
        assert_eq!(*names, json!([format!("{subdomain}.{domain}"), legacy]));
    }
    let blank = input("gateway-openshift").replacen(
        "---\napiVersion: services.platform.opendatahub.io/v1alpha1\nkind: Auth",
        "spec:\n  subdomain: \" ai \"\n---\napiVersion: services.platform.opendatahub.io/v1alpha1\nkind: Auth",
        1,
    );
    let answer = answer(&blank);
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("spec.subdomain: "), "{}", answer.stderr);
}

/// 15 and 16: what replaces the cluster's own authority is refused, and no certificate is copied.
#[test]
fn no_authority_is_replaced_and_no_key_copied() {
    let answer = answer(&input("provider-authority-in-openshift-mode"));
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("spec.providerCASecretName"),
        "{}",
        answer.stderr
    );
    for name in [
        "gateway-openshift",
        "gateway-load-balancer",
        "gateway-certificate-provided",
        "gateway-external-secrets",
    ] {
        assert_eq!(of(&case(name), "Secret").len(), 0, "{name}");
    }
    let objects = case("gateway-load-balancer");
    let listener = &of(&objects, "Gateway")[0]["spec"]["listeners"][0];
    assert_eq!(
        listener["tls"]["certificateRefs"][0]["name"],
        json!("router-certs-default")
    );
}

/// What the operator accepts and then breaks on is refused when it is written, beside it and without it; a client that is
/// not there yet is a fence.
#[test]
fn what_the_operator_breaks_on_is_refused() {
    let base = input("gateway-oidc").replace(
        "authMode: OIDC",
        "authMode: OIDC\n  gateway: {operator: OPERATOR}",
    );
    let document = "oidc:\n    issuerURL: https://sso.example.com/realms/ai\n    clientID: ai-platform\n    clientSecretRef: {name: oidc-client, key: secret}\n";
    assert!(base.contains(document));
    let cases = [
        ("    secretNamespace: sso\n", "spec.oidc.secretNamespace"),
        ("  domain: \"*.apps.example.com\"\n", "spec.domain"),
        ("  cookie: {expire: never}\n", "spec.cookie.expire"),
        ("  cookie: {refresh: 1x}\n", "spec.cookie.refresh"),
        ("  cookie: {expire: 1h, refresh: 2h}\n", "spec.cookie.refresh"),
        ("  authTimeout: soon\n", "spec.authTimeout"),
        ("GROUP system:unauthenticated", "spec.adminGroups[1]"),
        ("GROUP system:serviceaccounts", "spec.adminGroups[1]"),
        ("GROUP system:serviceaccounts:team", "spec.adminGroups[1]"),
    ];
    for operator in ["None", "OpenDataHub"] {
        let base = base.replace("OPERATOR", operator);
        assert_eq!(answer(&base).code, 0, "{}", answer(&base).stderr);
        for (more, field) in cases {
            let text = match more.strip_prefix("GROUP ") {
                Some(group) => base.replace(
                    "adminGroups: [odh-admins]",
                    &format!("adminGroups: [odh-admins, {group}]"),
                ),
                None => base.replace(document, &format!("{document}{more}")),
            };
            assert_ne!(text, base);
            let answer = answer(&text);
            assert_eq!(
                (answer.code, answer.stdout.as_str()),
                (1, ""),
                "{more}: {}",
                answer.stderr
            );
            let said = |line: &str| line.starts_with("error: ") && line.contains(&format!(" {field}: "));
            assert!(answer.stderr.lines().any(said), "{more}: {}", answer.stderr);
        }
        let text = base.replace("clientID: ai-platform", "clientID: \"\"");
        // With the rest that operator would make a login of its own.
        if operator == "OpenDataHub" {
            let answer = answer(&text);
            assert_eq!(answer.code, 1);
            assert!(
                answer.stderr.contains("spec.oidc.clientID: "),
                "{}",
                answer.stderr
            );
            continue;
        }
        let objects = rendered(&text);
        assert_eq!(of(&objects, "Deployment").len(), 0);
        assert_eq!(of(&objects, "HTTPRoute").len() + of(&objects, "Route").len(), 0);
        let graphs = of(&objects, "AccessGraph");
        assert!(
            graphs
                .iter()
                .any(|graph| graph["spec"]["state"] == "AwaitingOIDCConfiguration")
        );
    }
}
