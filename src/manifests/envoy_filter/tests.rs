use serde_json::{Value, json};

use super::envoy::FORGED_NAMES;
use super::*;
use crate::input::platform::{Flavor, GatewayImplementation, IngressMode};
use crate::krm::object_id::ObjectId;
use crate::model::certificate::{Certificate, Maker};
use crate::model::duration::Duration;
use crate::model::login::{Login, Provider, Secrets};
use crate::model::platform::gateway_pods;
use crate::model::tls_profile::TlsProfile;

/// The three ways in which people log in, or cannot.
pub(in crate::manifests) fn providers() -> [Option<Provider>; 3] {
    let oidc = Provider::Oidc {
        issuer: "https://sso.example.test/realms/odh".into(),
        client_id: "gateway".into(),
        secret: "client".into(),
        key: "clientSecret".into(),
    };
    [Some(Provider::OpenShift), Some(oidc), None]
}

pub(in crate::manifests) fn gateway(
    implementation: GatewayImplementation,
    version: (u32, u32),
    provider: Option<Provider>,
) -> Gateway {
    let missing = if provider.is_none() {
        vec!["spec.oidc.clientID"]
    } else {
        Vec::new()
    };
    Gateway {
        source: ObjectId::new(
            "services.platform.opendatahub.io/v1alpha1",
            "GatewayConfig",
            "",
            "default-gateway",
        ),
        name: "data-science-gateway".into(),
        namespace: "ingress".into(),
        class: "data-science-gateway-class".into(),
        controller: None,
        revision: None,
        implementation,
        version,
        gateway_api: (1, 4),
        beside_operator: false,
        flavor: Flavor::Kubernetes,
        ingress: IngressMode::LoadBalancer,
        host: "ai.example.test".into(),
        legacy_host: None,
        certificate: Certificate {
            secret: "tls".into(),
            maker: Maker::Provided,
        },
        namespaces: vec!["ingress".into()],
        pods: gateway_pods(implementation, "data-science-gateway", "ingress", None),
        network_policies: true,
        server_timeout: None,
        oauth_client: "data-science".into(),
        filter: "data-science-authn-filter".into(),
        login: Login {
            token_review: provider == Some(Provider::OpenShift),
            provider,
            missing,
            image: "example.test/login@sha256:0".into(),
            expire: Duration::seconds(3600),
            refresh: Duration::seconds(60),
            timeout: Duration::parse("7.5s").unwrap(),
            tls: TlsProfile {
                min_version: "TLS1.2",
                ciphers: Vec::new(),
            },
            verify_provider: true,
            provider_ca: None,
            allowed_groups: None,
            groups_claim: None,
            review_limits: login::ReviewLimits::default(),
            max_replicas: 10,
            secrets: Secrets::default(),
        },
    }
}

fn istio(minor: u32) -> Gateway {
    gateway(
        GatewayImplementation::Istio,
        (1, minor),
        Some(Provider::OpenShift),
    )
}

fn patches(minor: u32) -> Vec<Value> {
    let objects = objects(&istio(minor));
    assert_eq!(objects.len(), 1);
    objects[0].value["spec"]["configPatches"]
        .as_array()
        .unwrap()
        .clone()
}

/// The HTTP filters before the router, as Istio puts them.
fn filters(minor: u32) -> Vec<Value> {
    let before_router = patches(minor)
        .into_iter()
        .filter(|patch| patch["applyTo"] == "HTTP_FILTER");
    before_router
        .map(|patch| {
            assert_eq!(patch["patch"]["operation"], "INSERT_BEFORE");
            let filter = &patch["match"]["listener"]["filterChain"]["filter"];
            assert_eq!(filter["subFilter"]["name"], ROUTER);
            patch["patch"]["value"].clone()
        })
        .collect()
}

fn check_of(minor: u32) -> Value {
    let mut checks = filters(minor);
    checks.retain(|filter| filter["name"] == EXT_AUTHZ);
    assert_eq!(checks.len(), 1);
    checks[0]["typed_config"].clone()
}

#[test]
fn the_check_stands_before_lua_and_fails_closed() {
    for minor in 24..=31 {
        let names: Vec<Value> = filters(minor)
            .iter()
            .map(|filter| filter["name"].clone())
            .collect();
        let expected: &[&str] = if minor < 30 {
            &[LUA_BEFORE, EXT_AUTHZ, LUA, NAMED]
        } else {
            &[EXT_AUTHZ, LUA, NAMED]
        };
        assert_eq!(names, expected, "1.{minor}");
        let check = check_of(minor);
        assert_eq!(check["failure_mode_allow"], false);
        assert_eq!(check["status_on_error"]["code"], "ServiceUnavailable");
        let server = &check["http_service"]["server_uri"];
        assert_eq!(server["timeout"], "7.5s");
        assert_eq!(server["uri"], "https://kube-auth-proxy.ingress.svc:8443");
        assert_eq!(
            server["cluster"],
            "outbound|8443||kube-auth-proxy.ingress.svc.cluster.local"
        );
    }
}

#[test]
fn each_version_gets_the_fields_it_has() {
    // Istio, path_override and what is asked by the check, Lua hides the path, retry and patterns, clear_route_cache
    for (minor, overrides, kept, patterns, keeps_route) in [
        (24, false, false, false, false),
        (26, false, false, false, false),
        (27, false, true, false, true),
        (28, false, true, true, true),
        (29, false, true, true, true),
        (30, true, false, true, true),
        (31, true, false, true, true),
    ] {
        let service = check_of(minor)["http_service"].clone();
        assert_eq!(service["path_override"] == "/", overrides, "1.{minor}");
        assert_eq!(service.get("path_override").is_some(), overrides, "1.{minor}");
        assert_eq!(service.get("retry_policy").is_some(), patterns, "1.{minor}");
        assert_eq!(
            service.get("authorization_request").is_some(),
            overrides,
            "1.{minor}"
        );
        let all = objects(&istio(minor))[0].value.to_string();
        assert_eq!(all.contains("remove_on_match"), patterns, "1.{minor}");
        assert_eq!(all.contains("%REQ(:PATH)%"), overrides, "1.{minor}");
        assert_eq!(all.contains("%CEL("), overrides, "1.{minor}");
        assert_eq!(
            all.contains("headers:replace(\\\":path\\\", path)"),
            kept,
            "1.{minor}"
        );
        for filter in filters(minor) {
            let config = &filter["typed_config"];
            if config["@type"].as_str().unwrap().ends_with("lua.v3.Lua") {
                let expected = if keeps_route { json!(false) } else { Value::Null };
                assert_eq!(config["clear_route_cache"], expected, "1.{minor}");
            }
        }
        let expected = usize::from(!patterns) + usize::from(!keeps_route);
        assert_eq!(gaps(&istio(minor)).len(), expected, "1.{minor}");
    }
}

#[test]
fn the_same_bytes_however_people_log_in() {
    let [a, b, c] =
        providers().map(|provider| objects(&gateway(GatewayImplementation::Istio, (1, 28), provider)));
    assert_eq!(a[0].value.to_string(), b[0].value.to_string());
    assert_eq!(a[0].value.to_string(), c[0].value.to_string());
}

#[test]
fn forged_headers_go_before_routes_are_chosen_and_once() {
    for minor in [27, 28, 30] {
        let mut managers = patches(minor);
        managers.retain(|patch| patch["applyTo"] == "NETWORK_FILTER");
        assert_eq!(managers.len(), 1, "what is merged twice stands there twice");
        let config = &managers[0]["patch"]["value"]["typed_config"];
        assert_eq!(
            config["common_http_protocol_options"]["headers_with_underscores_action"],
            "DROP_HEADER"
        );
        let mutations = &config["early_header_mutation_extensions"][0]["typed_config"]["mutations"];
        for mutation in mutations.as_array().unwrap() {
            let regex = &mutation["remove_on_match"]["key_matcher"]["safe_regex"]["regex"];
            assert_ne!(regex.is_string(), mutation["remove"].is_string());
        }
        // A check may set what clients may not.
        for name in IDENTITY.iter().skip(1) {
            assert!(FORGED_NAMES.contains(name));
        }
        assert!(lua::KEPT.iter().all(|name| FORGED_NAMES.contains(name)));
    }
}

#[test]
fn the_check_is_off_on_the_login_services_own_routes_alone() {
    let mut routes = patches(28);
    routes.retain(|patch| patch["applyTo"] == "HTTP_ROUTE");
    let names: Vec<&Value> = routes
        .iter()
        .map(|patch| &patch["match"]["routeConfiguration"]["vhost"]["route"]["name"])
        .collect();
    assert_eq!(
        names,
        [
            "ingress.oauth-callback-route.0",
            "ingress.oauth-callback-route.1",
            "ingress.oauth-callback-route.2",
            "ingress.oauth-callback-route.3",
        ]
    );
    for patch in &routes {
        assert_eq!(patch["match"]["context"], "GATEWAY");
        let switches = &patch["patch"]["value"]["typed_per_filter_config"];
        assert_eq!(switches[EXT_AUTHZ]["disabled"], true);
        // No rules: the filter does nothing here.
        let named = switches[NAMED].as_object().unwrap();
        assert_eq!(named.len(), 1, "{named:?}");
    }
}

#[test]
fn the_filter_is_of_the_gateways_pods() {
    let filter = &objects(&istio(28))[0];
    assert_eq!(filter.class, Class::Enforce);
    assert_eq!(filter.id.name, "data-science-authn-filter");
    assert_eq!(filter.id.namespace, "ingress");
    assert_eq!(
        filter.value["spec"]["workloadSelector"]["labels"],
        json!({"gateway.networking.k8s.io/gateway-name": "data-science-gateway"})
    );
}

/// The login service answers some paths by itself, without knowing who asks.
#[test]
fn who_is_not_named_does_not_pass() {
    for minor in [24, 27, 28, 30] {
        let filters = filters(minor);
        let named = filters.iter().find(|filter| filter["name"] == NAMED).unwrap();
        let rules = &named["typed_config"]["rules"];
        assert_eq!(rules["action"], "ALLOW");
        assert_eq!(
            rules["policies"],
            json!({"named": {
                "permissions": [{"any": true}],
                "principals": [{"header": {"name": "x-auth-request-user", "string_match": {"safe_regex": {"regex": ".+"}}}}],
            }})
        );
    }
}
