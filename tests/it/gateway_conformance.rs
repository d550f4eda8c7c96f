//! The tests of Open Data Hub's operator for its gateway and auth services, by name, as far as a generator can answer them:
//! what they assert of the operator's objects is asserted of ours, or what we do instead.
//!
//! Not here, for they are about a running operator or a cluster: conditions and status beside `AccessGraph.state`
//! (`GatewayConfigStatusConditions`, `TestIsGatewayReady`, `ValidateGatewayReadyStatus`), requests through the gateway
//! (`ValidateUnauthenticatedRedirect`, `ValidateOIDCUnauthenticatedRedirect`, `ValidateOIDCTokenForwarding`,
//! `ValidateEDSEndpointDiscovery`), secrets that are made (`TestNewSecretWith*`), and the dashboard's redirect, which we do not
//! make (`NginxDashboardRedirect*`, `TestCreateDashboardRedirects_*`, `TestCalculateRedirectConfigHash`,
//! `TestValidateCustomCABundle`).

use serde_json::{Value, json};

use crate::recorded::difference::text;
use crate::recorded::{Answer, render};

/// What is asked, with the operator's own defaults.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// `spec` of the Platform, beside flavor and image.
    platform: &'a str,
    /// `spec.type` of the cluster's `Authentication`.
    mode: &'a str,
    /// `spec` of the `GatewayConfig`.
    config: &'a str,
    /// `spec` of the Auth.
    auth: &'a str,
    /// Further documents.
    more: &'a str,
}

const OAUTH: Asked<'_> = Asked {
    platform: "",
    mode: "IntegratedOAuth",
    config: "",
    auth: "adminGroups: [odh-admins], allowedGroups: ['system:authenticated']",
    more: "",
};
const CLIENT: &str = "oidc: {issuerURL: 'https://idp.example.com/realms/data', clientID: data-client, clientSecretRef: {name: oidc-client, key: secret}}";
const OIDC: Asked<'_> = Asked {
    mode: "OIDC",
    config: CLIENT,
    ..OAUTH
};
const LOAD_BALANCER: Asked<'_> = Asked {
    config: "ingressMode: LoadBalancer, certificate: {type: Provided, secretName: my-cert}",
    ..OAUTH
};
const CIPHERS: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

// === impl Asked ===

impl Asked<'_> {
    fn answer(self) -> Answer {
        let image = "example/login@sha256:1111111111111111111111111111111111111111111111111111111111111111";
        let platform = format!(
            "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {{name: recordings}}\nspec: {{flavor: OpenShift, \
             images: {{kubeAuthProxy: '{image}'}}, {}}}\n",
            self.platform
        );
        let services = "services.platform.opendatahub.io/v1alpha1";
        let documents = [
            format!(
                "apiVersion: config.openshift.io/v1\nkind: Authentication\nmetadata: {{name: cluster}}\nspec: {{type: '{}'}}\n",
                self.mode
            ),
            "apiVersion: config.openshift.io/v1\nkind: Ingress\nmetadata: {name: cluster}\nspec: {domain: apps.example.com}\n"
                .to_owned(),
            format!(
                "apiVersion: {services}\nkind: GatewayConfig\nmetadata: {{name: default-gateway}}\nspec: {{{}}}\n",
                self.config
            ),
            format!(
                "apiVersion: {services}\nkind: Auth\nmetadata: {{name: auth}}\nspec: {{{}}}\n",
                self.auth
            ),
            self.more.to_owned(),
        ];
        let given: Vec<&str> = documents
            .iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        render(&platform, &given.join("---\n"))
    }

    #[track_caller]
    fn objects(self) -> Vec<Value> {
        let answer = self.answer();
        let rendered = answer.rendered;
        rendered.unwrap_or_else(|| panic!("refused: {:#?}", answer.findings))
    }

    #[track_caller]
    fn is_refused_for(self, start: &str) {
        let findings = self.answer().findings;
        let start = format!("error: {start}");
        assert!(
            findings.iter().any(|finding| finding.starts_with(&start)),
            "no finding `{start}`: {findings:#?}"
        );
    }
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    objects
        .iter()
        .find(|object| object["kind"] == kind && text(object, "/metadata/name") == name)
}

#[track_caller]
fn get<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    find(objects, kind, name).unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[track_caller]
fn is_missing(objects: &[Value], kind: &str, name: &str) {
    assert!(find(objects, kind, name).is_none(), "{kind} {name} is there");
}

fn login(objects: &[Value]) -> &Value {
    &get(objects, "Deployment", "kube-auth-proxy")["spec"]["template"]["spec"]
}

fn args(objects: &[Value]) -> Vec<&str> {
    let args = login(objects)["containers"][0]["args"].as_array().unwrap();
    args.iter().map(|arg| arg.as_str().unwrap()).collect()
}

#[track_caller]
fn has_args(objects: &[Value], wanted: &[&str]) {
    let args = args(objects);
    for arg in wanted {
        assert!(args.contains(arg), "no {arg}: {args:#?}");
    }
}

#[track_caller]
fn has_no_args(objects: &[Value], flags: &[&str]) {
    for flag in flags {
        let found = args(objects).into_iter().find(|arg| arg.starts_with(flag));
        assert_eq!(found, None);
    }
}

/// The host, as every object that names it has it.
#[track_caller]
fn host(objects: &[Value]) -> String {
    let args = args(objects);
    let domain = args.iter().find_map(|arg| arg.strip_prefix("--cookie-domain="));
    let host = domain.unwrap().to_owned();
    has_args(
        objects,
        &[&format!("--redirect-url=https://{host}/oauth2/callback")],
    );
    if let Some(route) = find(objects, "Route", "data-science-gateway") {
        assert_eq!(route["spec"]["host"], *host);
    }
    if let Some(client) = find(objects, "OAuthClient", "data-science") {
        assert_eq!(
            client["redirectURIs"],
            json!([format!("https://{host}/oauth2/callback")])
        );
    }
    host
}

fn gateway(objects: &[Value]) -> &Value {
    get(objects, "Gateway", "data-science-gateway")
}

/// The configuration of a filter.
fn filter<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    let patches = patches(objects);
    let named = patches
        .iter()
        .find(|patch| patch["patch"]["value"]["name"] == name);
    &named.unwrap_or_else(|| panic!("no {name}"))["patch"]["value"]["typed_config"]
}

fn patches(objects: &[Value]) -> &Vec<Value> {
    let filter = get(objects, "EnvoyFilter", "data-science-authn-filter");
    filter["spec"]["configPatches"].as_array().unwrap()
}

fn subjects(binding: &Value) -> Vec<&str> {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    subjects.map(|subject| text(subject, "/name")).collect()
}

#[test]
fn gateway_class_creation() {
    for asked in [OAUTH, OIDC] {
        let objects = asked.objects();
        let class = get(&objects, "GatewayClass", "data-science-gateway-class");
        assert_eq!(
            class["spec"]["controllerName"],
            "openshift.io/gateway-controller/v1"
        );
    }
}

#[test]
fn gateway_creation() {
    for asked in [OAUTH, OIDC] {
        let objects = asked.objects();
        let gateway = gateway(&objects);
        assert_eq!(gateway["metadata"]["namespace"], "openshift-ingress");
        assert_eq!(gateway["metadata"]["labels"]["istio.io/rev"], "openshift-gateway");
        let spec = &gateway["spec"];
        assert_eq!(spec["gatewayClassName"], "data-science-gateway-class");
        assert_eq!(spec["listeners"].as_array().unwrap().len(), 1);
        let listener = &spec["listeners"][0];
        assert_eq!(
            [
                &listener["name"],
                &listener["port"],
                &listener["protocol"],
                &listener["tls"]["mode"]
            ],
            [&json!("https"), &json!(443), &json!("HTTPS"), &json!("Terminate")]
        );
        let from = &listener["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"][0];
        assert_eq!(from["values"], json!(["openshift-ingress", "opendatahub"]));
    }
}

#[test]
fn http_route_creation() {
    for asked in [OAUTH, OIDC] {
        let objects = asked.objects();
        let route = get(&objects, "HTTPRoute", "oauth-callback-route");
        assert_eq!(route["spec"]["parentRefs"][0]["name"], "data-science-gateway");
        let rules = route["spec"]["rules"].as_array().unwrap();
        for rule in rules {
            let backend = &rule["backendRefs"][0];
            assert_eq!(
                (&backend["name"], &backend["port"]),
                (&json!("kube-auth-proxy"), &json!(8443))
            );
        }
        let paths: Vec<&str> = rules
            .iter()
            .map(|rule| text(rule, "/matches/0/path/value"))
            .collect();
        assert_eq!(
            paths,
            [
                "/oauth2/start",
                "/oauth2/callback",
                "/oauth2/sign_in",
                "/oauth2/sign_out"
            ]
        );
    }
}

#[test]
fn test_oauth_oauth_client_creation() {
    let objects = OAUTH.objects();
    let client = get(&objects, "OAuthClient", "data-science");
    assert_eq!(client["grantMethod"], "auto");
    assert_eq!(
        client["redirectURIs"],
        json!(["https://rh-ai.apps.example.com/oauth2/callback"])
    );
    // It is set in the cluster: what is in git is no secret.
    assert!(client.get("secret").is_none());
}

#[test]
fn test_oidc_no_oauth_client_creation() {
    is_missing(&OIDC.objects(), "OAuthClient", "data-science");
}

/// The operator makes the Secret; ours is brought, and a finding says with which keys.
#[test]
fn auth_proxy_secret_creation() {
    for (asked, needed) in [
        (
            OAUTH,
            "kube-auth-proxy-creds (OAUTH2_PROXY_CLIENT_SECRET, OAUTH2_PROXY_COOKIE_SECRET)",
        ),
        (
            OIDC,
            "kube-auth-proxy-creds (OAUTH2_PROXY_COOKIE_SECRET); oidc-client (secret)",
        ),
    ] {
        is_missing(&asked.objects(), "Secret", "kube-auth-proxy-creds");
        let findings = asked.answer().findings;
        assert!(
            findings.iter().any(|finding| finding.ends_with(needed)),
            "{needed}: {findings:#?}"
        );
    }
}

#[test]
fn service_creation() {
    let objects = OAUTH.objects();
    let service = get(&objects, "Service", "kube-auth-proxy");
    assert_eq!(
        text(
            service,
            "/metadata/annotations/service.beta.openshift.io~1serving-cert-secret-name"
        ),
        "kube-auth-proxy-tls"
    );
    let ports = service["spec"]["ports"].as_array().unwrap();
    let ports: Vec<_> = ports
        .iter()
        .map(|port| (text(port, "/name"), port["port"].as_u64()))
        .collect();
    assert_eq!(ports, [("https", Some(8443)), ("metrics", Some(9000))]);
    assert_eq!(service["spec"]["selector"], json!({"app": "kube-auth-proxy"}));
}

#[test]
fn deployment_with_all_args() {
    let suites = format!("--tls-cipher-suite={}", CIPHERS.join(","));
    let common = [
        "--https-address=0.0.0.0:8443",
        "--metrics-address=0.0.0.0:9000",
        "--email-domain=*",
        "--upstream=static://200",
        "--skip-provider-button",
        "--skip-jwt-bearer-tokens=true",
        "--set-xauthrequest=true",
        "--enable-k8s-token-validation=true",
        "--redirect-url=https://rh-ai.apps.example.com/oauth2/callback",
        "--tls-cert-file=/etc/tls/private/tls.crt",
        "--tls-key-file=/etc/tls/private/tls.key",
        "--tls-min-version=TLS1.2",
        &*suites,
        "--use-system-trust-store=true",
        "--cookie-expire=24h0m0s",
        "--cookie-secure=true",
        "--cookie-httponly=true",
        "--cookie-samesite=lax",
        "--cookie-name=_oauth2_proxy",
        "--cookie-domain=rh-ai.apps.example.com",
        "--ssl-insecure-skip-verify=false",
    ];
    let oauth = OAUTH.objects();
    has_args(&oauth, &common);
    has_args(
        &oauth,
        &[
            "--cookie-refresh=1h0m0s",
            "--provider=openshift",
            "--scope=user:full",
            "--pass-access-token=true",
        ],
    );
    has_no_args(
        &oauth,
        &[
            "--oidc-issuer-url",
            "--skip-oidc-discovery",
            "--set-authorization-header",
            "--provider-ca-file",
        ],
    );
    let oidc = OIDC.objects();
    has_args(&oidc, &common);
    has_args(
        &oidc,
        &[
            // Theirs is an hour here too, and the token that is handed on until then may have ended.
            "--cookie-refresh=4m0s",
            "--provider=oidc",
            "--oidc-issuer-url=https://idp.example.com/realms/data",
            "--skip-oidc-discovery=false",
            "--pass-authorization-header=true",
            "--set-authorization-header=true",
        ],
    );
    has_no_args(&oidc, &["--scope", "--pass-access-token", "--provider-ca-file"]);
}

#[test]
fn hpa_creation() {
    let objects = OAUTH.objects();
    let spec = &get(&objects, "HorizontalPodAutoscaler", "kube-auth-proxy")["spec"];
    assert_eq!(
        (&spec["minReplicas"], &spec["maxReplicas"]),
        (&json!(2), &json!(10))
    );
    assert_eq!(spec["scaleTargetRef"]["name"], "kube-auth-proxy");
    assert_eq!(spec["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
    let deployment = get(&objects, "Deployment", "kube-auth-proxy");
    assert!(deployment["spec"].get("replicas").is_none());
}

#[test]
fn envoy_filter_creation() {
    for asked in [OAUTH, OIDC] {
        let objects = asked.objects();
        let filter = get(&objects, "EnvoyFilter", "data-science-authn-filter");
        let labels = &filter["spec"]["workloadSelector"]["labels"];
        assert_eq!(
            *labels,
            json!({"gateway.networking.k8s.io/gateway-name": "data-science-gateway"})
        );
        for patch in patches(&objects) {
            assert_eq!(patch["match"]["context"], "GATEWAY");
        }
    }
}

#[test]
fn envoy_filter_ext_authz_configuration() {
    let objects = OAUTH.objects();
    let service = &filter(&objects, "envoy.filters.http.ext_authz")["http_service"];
    let uri = &service["server_uri"];
    assert_eq!(
        uri["cluster"],
        "outbound|8443||kube-auth-proxy.openshift-ingress.svc.cluster.local"
    );
    assert_eq!(uri["timeout"], "5s");
    let answer = service["authorization_response"].to_string();
    for header in ["x-auth-request-user", "x-auth-request-email", "authorization"] {
        assert!(answer.contains(&format!("\"{header}\"")), "{header}: {answer}");
    }
}

#[test]
fn envoy_filter_order() {
    let objects = OAUTH.objects();
    let names: Vec<&str> = patches(&objects)
        .iter()
        .map(|patch| text(patch, "/patch/value/name"))
        .collect();
    let place = |name: &str| names.iter().position(|other| *other == name).unwrap();
    assert!(
        place("envoy.filters.http.ext_authz") < place("envoy.filters.http.lua"),
        "{names:?}"
    );
}

#[test]
fn envoy_filter_lua_token_forwarding() {
    let objects = OAUTH.objects();
    let lua = filter(&objects, "envoy.filters.http.lua");
    let code = text(lua, "/default_source_code/inline_string");
    for part in ["x-forwarded-access-token", "Bearer ", "_oauth2_proxy"] {
        assert!(code.contains(part), "no {part}: {code}");
    }
    assert!(!code.contains(":add("), "a visitor's header stays beside: {code}");
}

/// The operator's rule is for every host, and verifies none.
#[test]
fn destination_rule_creation() {
    let objects = OAUTH.objects();
    is_missing(&objects, "DestinationRule", "data-science-tls-rule");
    let spec = &get(&objects, "DestinationRule", "kube-auth-proxy")["spec"];
    assert_eq!(
        spec["host"],
        "kube-auth-proxy.openshift-ingress.svc.cluster.local"
    );
    let tls = &spec["trafficPolicy"]["portLevelSettings"][0]["tls"];
    assert_eq!(tls["mode"], "SIMPLE");
    assert!(tls.get("insecureSkipVerify").is_none());
    assert_eq!(
        tls["subjectAltNames"],
        json!(["kube-auth-proxy.openshift-ingress.svc"])
    );
}

#[test]
fn ocp_route_creation() {
    let objects = OAUTH.objects();
    let route = get(&objects, "Route", "data-science-gateway");
    assert_eq!(
        text(
            route,
            "/metadata/annotations/router.openshift.io~1service-ca-certificate"
        ),
        "true"
    );
    let spec = &route["spec"];
    assert_eq!(
        spec["tls"],
        json!({"termination": "reencrypt", "insecureEdgeTerminationPolicy": "Redirect"})
    );
    assert_eq!(
        spec["to"]["name"],
        "data-science-gateway-data-science-gateway-class"
    );
    assert_eq!(spec["port"]["targetPort"], 443);
}

#[test]
fn legacy_redirect_route_creation() {
    let objects = OAUTH.objects();
    let route = get(&objects, "Route", "data-science-gateway-legacy");
    assert_eq!(route["spec"]["host"], "data-science-gateway.apps.example.com");
    let redirect = get(&objects, "HTTPRoute", "data-science-gateway-legacy");
    let rule = &redirect["spec"]["rules"][0];
    let to = &rule["filters"][0]["requestRedirect"];
    assert_eq!(
        (&to["hostname"], &to["statusCode"]),
        (&json!("rh-ai.apps.example.com"), &json!(301))
    );
    assert!(rule.get("backendRefs").is_none());
}

#[test]
fn legacy_route_removed_when_subdomain_changes_to_legacy() {
    let asked = Asked {
        config: "subdomain: data-science-gateway",
        ..OAUTH
    };
    let objects = asked.objects();
    is_missing(&objects, "Route", "data-science-gateway-legacy");
    is_missing(&objects, "HTTPRoute", "data-science-gateway-legacy");
    assert_eq!(host(&objects), "data-science-gateway.apps.example.com");
}

#[test]
fn test_compute_legacy_redirect_info() {
    for (config, legacy) in [
        ("", Some("data-science-gateway.apps.example.com")),
        ("subdomain: ai", Some("data-science-gateway.apps.example.com")),
        (
            "subdomain: ai, domain: ai.example.org",
            Some("data-science-gateway.ai.example.org"),
        ),
        ("subdomain: data-science-gateway", None),
    ] {
        let objects = Asked { config, ..OAUTH }.objects();
        let found = find(&objects, "Route", "data-science-gateway-legacy");
        assert_eq!(found.map(|route| text(route, "/spec/host")), legacy, "{config}");
    }
}

#[test]
fn network_policy_creation() {
    let objects = OAUTH.objects();
    let spec = &get(&objects, "NetworkPolicy", "kube-auth-proxy")["spec"];
    assert_eq!(spec["podSelector"]["matchLabels"]["app"], "kube-auth-proxy");
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    let rule = &spec["ingress"][0];
    assert_eq!(rule["ports"], json!([{"port": 8443, "protocol": "TCP"}]));
    let from = &rule["from"][0]["podSelector"]["matchLabels"];
    assert_eq!(
        *from,
        json!({"gateway.networking.k8s.io/gateway-name": "data-science-gateway"})
    );
}

#[test]
fn network_policy_disabled() {
    let asked = Asked {
        config: "networkPolicy: {ingress: {enabled: false}}",
        ..OAUTH
    };
    is_missing(&asked.objects(), "NetworkPolicy", "kube-auth-proxy");
}

#[test]
fn spec_mutation_cookie_config() {
    let asked = Asked {
        config: "cookie: {expire: 8h, refresh: 30m}",
        ..OAUTH
    };
    has_args(
        &asked.objects(),
        &["--cookie-expire=8h0m0s", "--cookie-refresh=30m0s"],
    );
}

#[test]
fn test_get_cookie_settings() {
    let day = ["--cookie-expire=24h0m0s", "--cookie-refresh=1h0m0s"];
    for (config, expected) in [
        ("", day),
        ("cookie: {}", day),
        ("cookie: {expire: 0s, refresh: 0s}", day),
        (
            "cookie: {expire: 48h}",
            ["--cookie-expire=48h0m0s", "--cookie-refresh=1h0m0s"],
        ),
        (
            "cookie: {refresh: 90s}",
            ["--cookie-expire=24h0m0s", "--cookie-refresh=1m30s"],
        ),
    ] {
        has_args(&Asked { config, ..OAUTH }.objects(), &expected);
    }
}

#[test]
fn test_get_gateway_auth_proxy_timeout() {
    for (config, expected) in [
        ("", "5s"),
        ("authProxyTimeout: 10s", "10s"),
        ("authProxyTimeout: 0s", "5s"),
        ("authTimeout: 15s", "15s"),
        ("authTimeout: 15s, authProxyTimeout: 30s", "15s"),
    ] {
        let objects = Asked { config, ..OAUTH }.objects();
        let service = &filter(&objects, "envoy.filters.http.ext_authz")["http_service"];
        assert_eq!(service["server_uri"]["timeout"], expected, "{config}");
    }
}

#[test]
fn test_get_fqdn() {
    for (config, expected) in [
        ("", "rh-ai.apps.example.com"),
        ("domain: custom.example.org", "rh-ai.custom.example.org"),
        ("subdomain: my-ai", "my-ai.apps.example.com"),
        (
            "subdomain: my-ai, domain: custom.example.org",
            "my-ai.custom.example.org",
        ),
        ("subdomain: '', domain: ''", "rh-ai.apps.example.com"),
    ] {
        assert_eq!(host(&Asked { config, ..OAUTH }.objects()), expected, "{config}");
    }
    // The operator's function takes blanks for nothing; its API takes none.
    for config in [
        "subdomain: '   '",
        "subdomain: '*'",
        "subdomain: a.b",
        "subdomain: AI",
    ] {
        Asked { config, ..OAUTH }.is_refused_for("GatewayConfig default-gateway: spec.subdomain");
    }
}

#[test]
fn gateway_config_status_domain() {
    for asked in [OAUTH, OIDC] {
        assert_eq!(host(&asked.objects()), "rh-ai.apps.example.com");
    }
}

#[test]
fn test_oauth_spec_mutation_subdomain_change() {
    let config = "subdomain: other";
    assert_eq!(
        host(&Asked { config, ..OAUTH }.objects()),
        "other.apps.example.com"
    );
}

#[test]
fn test_oidc_subdomain_change() {
    let config = format!("{CLIENT}, subdomain: other");
    let asked = Asked {
        config: &config,
        ..OIDC
    };
    assert_eq!(host(&asked.objects()), "other.apps.example.com");
}

#[test]
fn test_oidc_spec_mutation_issuer_url_change() {
    let config = CLIENT.replace("realms/data", "realms/other");
    let asked = Asked {
        config: &config,
        ..OIDC
    };
    has_args(
        &asked.objects(),
        &["--oidc-issuer-url=https://idp.example.com/realms/other"],
    );
}

#[test]
fn load_balancer_ingress_mode() {
    let objects = LOAD_BALANCER.objects();
    let spec = &gateway(&objects)["spec"];
    let hosts: Vec<&str> = [0, 1]
        .iter()
        .map(|at| text(&spec["listeners"][at], "/hostname"))
        .collect();
    assert_eq!(
        hosts,
        ["rh-ai.apps.example.com", "data-science-gateway.apps.example.com"]
    );
    is_missing(&objects, "Route", "data-science-gateway");
    // The operator sets no infrastructure in this mode; ours says there how many pods there are, and leaves the Service to be
    // a load balancer.
    let settings = get(&objects, "ConfigMap", "data-science-gateway-config");
    assert!(settings["data"].get("service").is_none());
    let beside = Asked {
        platform: "gateway: {operator: OpenDataHub}",
        ..LOAD_BALANCER
    };
    assert!(gateway(&beside.objects())["spec"].get("infrastructure").is_none());
}

#[test]
fn test_get_certificate_type() {
    for (config, secret) in [
        ("ingressMode: LoadBalancer", "router-certs-default"),
        (
            "ingressMode: LoadBalancer, certificate: {}",
            "router-certs-default",
        ),
        (
            "ingressMode: LoadBalancer, certificate: {type: SelfSigned}",
            "default-gateway-tls",
        ),
        (
            "ingressMode: LoadBalancer, certificate: {type: Provided, secretName: mine}",
            "mine",
        ),
        ("", "data-science-gateway-service-tls"),
    ] {
        let objects = Asked { config, ..OAUTH }.objects();
        let references = &gateway(&objects)["spec"]["listeners"][0]["tls"]["certificateRefs"];
        assert_eq!(references[0]["name"], secret, "{config}");
    }
}

/// The operator's pods carry a hash of their secrets. Ours carry a word of the user's.
#[test]
fn test_calculate_auth_config_hash() {
    let annotations = |platform| {
        let objects = Asked { platform, ..OAUTH }.objects();
        let deployment = get(&objects, "Deployment", "kube-auth-proxy");
        deployment["spec"]["template"]["metadata"]["annotations"].clone()
    };
    assert_eq!(annotations(""), Value::Null);
    let first = annotations("secrets: {revision: '1'}");
    assert_ne!(first, annotations("secrets: {revision: '2'}"));
    assert_eq!(first["gatewright.dev/secret-revision"], "1");
}

#[test]
fn test_oidc_with_provider_ca_secret() {
    let config = format!("{CLIENT}, providerCASecretName: idp-ca");
    let asked = Asked {
        config: &config,
        ..OIDC
    };
    let objects = asked.objects();
    has_args(&objects, &["--provider-ca-file=/etc/provider-ca/ca.crt"]);
    let volumes = login(&objects)["volumes"].to_string();
    assert!(volumes.contains("\"secretName\":\"idp-ca\""), "{volumes}");
}

#[test]
fn test_oidc_with_insecure_skip_verify() {
    let config = format!("{CLIENT}, verifyProviderCertificate: false");
    let asked = Asked {
        config: &config,
        ..OIDC
    };
    has_args(&asked.objects(), &["--ssl-insecure-skip-verify=true"]);
}

/// The operator copies; a pod mounts Secrets of its own namespace alone.
#[test]
fn test_oidc_secret_namespace() {
    let within = |namespace: &str| format!("{}, secretNamespace: {namespace}}}", &CLIENT[..CLIENT.len() - 1]);
    let own = within("openshift-ingress");
    let other = within("other-ns");
    let asked = |config| Asked { config, ..OIDC };
    assert!(asked(own.as_str()).answer().rendered.is_some());
    asked(other.as_str()).is_refused_for("GatewayConfig default-gateway: spec.oidc.secretNamespace");
}

/// The operator keeps the Route, and says in a condition why nobody can log in. Ours exposes nothing.
#[test]
fn test_oidc_missing_config_sets_ready_false() {
    let asked = Asked { config: "", ..OIDC };
    let objects = asked.objects();
    for kind in ["Route", "HTTPRoute", "Deployment", "OAuthClient"] {
        assert!(!objects.iter().any(|object| object["kind"] == kind), "a {kind}");
    }
    get(&objects, "EnvoyFilter", "data-science-authn-filter");
    let graph = get(&objects, "AccessGraph", "gatewayconfig-default-gateway");
    assert_eq!(graph["spec"]["state"], "AwaitingOIDCConfiguration");
    let refused = Asked {
        platform: "onMissingOidc: fail",
        ..asked
    };
    refused.is_refused_for("GatewayConfig default-gateway: spec.oidc");
}

/// The arguments for TLS under a profile of the API server's.
fn tls(profile: &str) -> (String, Vec<String>) {
    let more = if profile.is_empty() {
        String::new()
    } else {
        format!(
            "apiVersion: config.openshift.io/v1\nkind: APIServer\nmetadata: {{name: cluster}}\nspec: {{{profile}}}\n"
        )
    };
    let objects = Asked { more: &more, ..OAUTH }.objects();
    let of = |flag: &str| {
        let mut args = args(&objects).into_iter();
        args.find_map(|arg| arg.strip_prefix(flag).map(str::to_owned))
            .unwrap()
    };
    let suites = of("--tls-cipher-suite=");
    (
        of("--tls-min-version="),
        suites.split(',').map(str::to_owned).collect(),
    )
}

fn custom(version: &str, ciphers: &str) -> String {
    format!(
        "tlsSecurityProfile: {{type: Custom, custom: {{minTLSVersion: {version}, ciphers: [{ciphers}]}}}}"
    )
}

#[test]
fn test_tls_profile_spec_from_security_profile() {
    for (profile, version, count) in [
        ("tlsSecurityProfile: {type: Modern, modern: {}}", "TLS1.3", 3),
        (
            "tlsSecurityProfile: {type: Intermediate, intermediate: {}}",
            "TLS1.2",
            9,
        ),
        ("tlsSecurityProfile: {type: Old, old: {}}", "TLS1.2", 9),
        ("tlsSecurityProfile: {type: Custom}", "TLS1.2", 9),
        ("tlsSecurityProfile: {type: Unknown}", "TLS1.2", 9),
        ("", "TLS1.2", 9),
    ] {
        let (found, suites) = tls(profile);
        assert_eq!((&*found, suites.len()), (version, count), "{profile}");
    }
}

#[test]
fn test_kube_auth_proxy_tls_from_profile() {
    let (version, suites) = tls(&custom("VersionTLS13", "TLS_AES_128_GCM_SHA256"));
    assert_eq!((&*version, suites), ("TLS1.3", vec![CIPHERS[0].to_owned()]));
    assert_eq!(tls("").1, CIPHERS);
}

#[test]
fn test_get_kube_auth_proxy_tls_from_api_server() {
    assert_eq!(tls("audit: {profile: Default}"), tls(""));
    assert_eq!(tls("tlsSecurityProfile: {type: Old, old: {}}"), tls(""));
    // A version that is not supported takes its ciphers with it.
    assert_eq!(
        tls(&custom("VersionTLS10", "ECDHE-RSA-AES128-GCM-SHA256")),
        tls("")
    );
}

#[test]
fn test_tls_cipher_suites_from_spec() {
    let dhe = "DHE-RSA-AES128-GCM-SHA256";
    assert_eq!(tls(&custom("VersionTLS12", dhe)).1, CIPHERS);
    let mixed = format!("ECDHE-RSA-AES128-GCM-SHA256, {dhe}");
    assert_eq!(
        tls(&custom("VersionTLS12", &mixed)).1,
        ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
    );
}

#[test]
fn validate_kube_auth_proxy_tls_args_match_api_server() {
    let (version, suites) = tls("tlsSecurityProfile: {type: Modern, modern: {}}");
    assert_eq!(
        (&*version, &suites[..]),
        ("TLS1.3", &CIPHERS.map(str::to_owned)[..3])
    );
}

/// The operator takes None, and whatever it does not know, for a cluster without a gateway's login. Ours asks.
#[test]
fn test_get_cluster_authentication_mode() {
    for mode in ["IntegratedOAuth", ""] {
        has_args(&Asked { mode, ..OAUTH }.objects(), &["--provider=openshift"]);
    }
    has_args(&OIDC.objects(), &["--provider=oidc"]);
    for mode in ["None", "Custom"] {
        Asked { mode, ..OAUTH }.is_refused_for("Authentication cluster: spec.type");
    }
    let meant = Asked {
        mode: "None",
        platform: "authMode: None",
        ..OAUTH
    };
    let objects = meant.objects();
    is_missing(&objects, "Deployment", "kube-auth-proxy");
    is_missing(&objects, "Route", "data-science-gateway");
    let config = "apiVersion: services.platform.opendatahub.io/v1alpha1\nkind: GatewayConfig\nmetadata: {name: default-gateway}\n\
                  spec: {domain: example.org}\n";
    let platform = "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {name: recordings}\nspec: {flavor: OpenShift}\n";
    let findings = render(platform, config).findings;
    assert!(
        findings[0].starts_with("error: Platform recordings: spec.authMode: is missing"),
        "{findings:#?}"
    );
}

#[test]
fn test_is_integrated_oauth() {
    for (asked, expected) in [(OAUTH, true), (Asked { mode: "", ..OAUTH }, true), (OIDC, false)] {
        let found = find(&asked.objects(), "OAuthClient", "data-science").is_some();
        assert_eq!(found, expected, "{}", asked.mode);
    }
}

const ADMIN_BINDINGS: [&str; 2] = [
    "data-science-admingroupcluster-rolebinding",
    "data-science-admingroup-rolebinding",
];
const NAMESPACES: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: models-as-a-service}\n---\napiVersion: v1\nkind: \
                          Namespace\nmetadata: {name: kuadrant-system}\n";

#[test]
fn test_bind_cluster_role_validation() {
    let auth = "adminGroups: [one, 'team:two'], allowedGroups: [users]";
    let objects = Asked { auth, ..OAUTH }.objects();
    let admins = get(&objects, "ClusterRoleBinding", ADMIN_BINDINGS[0]);
    assert_eq!(subjects(admins), ["one", "team:two"]);
    assert_eq!(admins["roleRef"]["name"], "data-science-admingroupcluster-role");
    let allowed = get(
        &objects,
        "ClusterRoleBinding",
        "data-science-allowedgroupcluster-rolebinding",
    );
    assert_eq!(subjects(allowed), ["users"]);
}

#[test]
fn test_bind_role_validation() {
    let auth = "adminGroups: [one, 'team:two'], allowedGroups: [users]";
    let objects = Asked { auth, ..OAUTH }.objects();
    let admins = get(&objects, "RoleBinding", ADMIN_BINDINGS[1]);
    assert_eq!(admins["metadata"]["namespace"], "opendatahub");
    assert_eq!(subjects(admins), ["one", "team:two"]);
}

/// The operator leaves such a group out of the bindings without a word, where it gets that far.
#[test]
fn test_manage_permissions_blocks_system_authenticated_in_all_admin_bindings() {
    for group in [
        "system:authenticated",
        "system:unauthenticated",
        "system:serviceaccounts",
        "",
    ] {
        let auth = format!("adminGroups: [odh-admins, '{group}'], allowedGroups: [users]");
        let asked = Asked {
            auth: &auth,
            more: NAMESPACES,
            ..OAUTH
        };
        asked.is_refused_for("Auth auth: spec.adminGroups[1]");
    }
}

#[test]
fn test_manage_permissions_role_binding_namespaces() {
    let objects = Asked {
        more: NAMESPACES,
        ..OAUTH
    }
    .objects();
    for (name, namespace) in [
        ("data-science-admingroup-rolebinding", "opendatahub"),
        ("data-science-admingroup-maas-rolebinding", "models-as-a-service"),
        ("data-science-admingroup-kuadrant-rolebinding", "kuadrant-system"),
    ] {
        let binding = get(&objects, "RoleBinding", name);
        assert_eq!(binding["metadata"]["namespace"], namespace);
        let role = get(&objects, "Role", text(binding, "/roleRef/name"));
        assert_eq!(role["metadata"]["namespace"], namespace);
    }
}

#[test]
fn test_manage_permissions_kuadrant_namespace_missing() {
    let (more, _) = NAMESPACES.split_once("---\n").unwrap();
    let objects = Asked { more, ..OAUTH }.objects();
    get(
        &objects,
        "RoleBinding",
        "data-science-admingroup-maas-rolebinding",
    );
    is_missing(
        &objects,
        "RoleBinding",
        "data-science-admingroup-kuadrant-rolebinding",
    );
}

#[test]
fn test_bind_role_skips_when_namespace_missing() {
    let objects = OAUTH.objects();
    let bindings = objects.iter().filter(|object| object["kind"] == "RoleBinding");
    assert_eq!(bindings.count(), 1);
}

#[test]
fn validate_cel_blocks_invalid_groups_via_update() {
    for (auth, field) in [
        ("adminGroups: [], allowedGroups: [users]", "adminGroups"),
        ("adminGroups: [''], allowedGroups: [users]", "adminGroups[0]"),
        (
            "adminGroups: ['system:authenticated'], allowedGroups: [users]",
            "adminGroups[0]",
        ),
        ("adminGroups: [one], allowedGroups: ['']", "allowedGroups[0]"),
        ("adminGroups: [one]", "allowedGroups"),
    ] {
        Asked { auth, ..OAUTH }.is_refused_for(&format!("Auth auth: spec.{field}"));
    }
}

#[test]
fn validate_cel_allows_valid_groups() {
    for auth in [
        "adminGroups: [one, two], allowedGroups: ['system:authenticated', users]",
        "adminGroups: [one], allowedGroups: []",
    ] {
        let answer = Asked { auth, ..OAUTH }.answer();
        assert!(answer.rendered.is_some(), "{:#?}", answer.findings);
    }
}
