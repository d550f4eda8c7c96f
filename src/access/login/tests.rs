//! Logins of the real operator's gateway, of ours, and of filters that nearly ask.

use super::*;
use crate::access::tests::{file, objects};
use crate::cluster::object::Object;

fn gateway(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new("gateway.networking.k8s.io/v1", "Gateway", namespace, name)
}

fn route(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, name)
}

fn whats(login: &GatewayLogin) -> Vec<&What> {
    login.faults.iter().map(|fault| &fault.what).collect()
}

#[test]
fn our_own_gateways_ask() {
    for name in [
        "platform-kubernetes-istio",
        "platform-kubernetes-envoy-gateway",
        "platform-openshift",
        "platform-openshift-oidc",
    ] {
        let objects = file(&format!("examples/.expected/{name}.yaml"));
        let world = World::new(&objects);
        let id = &objects
            .iter()
            .find(|object| object.id.kind == "Gateway")
            .unwrap()
            .id;
        let login = of_gateway(&world, id);
        assert_eq!(login.faults, [], "{name}");
        assert_eq!(
            login.login.as_ref().unwrap().service.as_ref().unwrap().name,
            "kube-auth-proxy"
        );
        let mut skipped = 0;
        for object in objects.iter().filter(|object| object.id.kind == "HTTPRoute") {
            for rule in 0..fields::list(&object.value, &["spec", "rules"]).len() {
                let own = object.id.namespace == id.namespace;
                let state = login.state_for(&object.id, rule);
                let expected = if own {
                    LoginState::Skipped
                } else {
                    LoginState::Asked
                };
                assert_eq!(state, expected, "{name} {} {rule}", object.id);
                skipped += usize::from(own);
            }
        }
        assert!(skipped > 0, "{name}");
    }
}

#[test]
fn the_real_operators_gateway_asks() {
    let objects = file("fixtures/odh-gateway/01-oauth/live-1.yaml");
    let world = World::new(&objects);
    let login = of_gateway(&world, &gateway("openshift-ingress", "data-science-gateway"));
    let found = login.login.as_ref().unwrap();
    assert_eq!(found.by.object.kind, "EnvoyFilter");
    assert_eq!(found.service.as_ref().unwrap().name, "kube-auth-proxy");
    assert!(found.groups.is_empty() && login.groups_known);
    // It asks on its own paths too.
    assert_eq!(
        login.state_for(&route("openshift-ingress", "oauth-callback-route"), 0),
        LoginState::Asked
    );
    assert_eq!(login.faults, []);
    // A gateway of another name, and one that is not there.
    let other = of_gateway(&world, &gateway("openshift-ingress", "other"));
    assert_eq!(other.state_for(&route("a", "b"), 0), LoginState::Unknown);
}

#[test]
fn every_recorded_gateway_with_a_filter_asks() {
    let mut seen = 0;
    for case in [
        "01-oauth",
        "03-oidc",
        "04-oidc-unconfigured",
        "05-none",
        "17-loadbalancer",
    ] {
        let path = format!("fixtures/odh-gateway/{case}/live-1.yaml");
        let objects = file(&path);
        let world = World::new(&objects);
        let login = of_gateway(&world, &gateway("openshift-ingress", "data-science-gateway"));
        let filtered = objects.iter().any(|object| object.id.kind == "EnvoyFilter");
        assert_eq!(login.login.is_some(), filtered, "{case}");
        seen += usize::from(filtered);
    }
    assert!(seen > 2, "{seen}");
}

const BASE: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: edge, labels: {team: a}}
spec: {gatewayClassName: CLASS, listeners: [{name: https, port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: v1
kind: Service
metadata: {name: login, namespace: edge}
spec: {selector: {app: login}, ports: [{port: 8443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: login, namespace: edge}
spec:
  template:
    metadata: {labels: {app: login}}
    spec:
      containers:
      - name: login
        args: [--allowed-group=admins, '--allowed-group=\"a,b\",c', '--allowed-group=with$$sign']
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: login, namespace: edge}
spec: {rules: [{backendRefs: [{name: login, port: 8443}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app.one, namespace: apps}
spec: {rules: [{name: first, backendRefs: [{name: app, port: 80}]}, {name: second, filters: [{type: RequestRedirect}]}]}
";

const SELECTOR: &str = "workloadSelector: {labels: {gateway.networking.k8s.io/gateway-name: gw}}";
const CHECK: &str = "{applyTo: HTTP_FILTER, match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}}}, patch: {operation: INSERT_BEFORE, value: {name: envoy.filters.http.ext_authz, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, http_service: {server_uri: {uri: 'https://login.edge.svc:8443', cluster: 'outbound|8443||login.edge.svc.cluster.local'}}}}}}";

fn filter(namespace: &str, selector: &str, patches: &[&str]) -> String {
    let selector = if selector.is_empty() {
        String::new()
    } else {
        format!("{selector}, ")
    };
    format!(
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {{name: f{}, namespace: {namespace}}}\nspec: {{{selector}configPatches: [{}]}}\n",
        patches.len(),
        patches.join(", ")
    )
}

fn world_of(class: &str, more: &str) -> Vec<Object> {
    objects(&format!("{}---\n{more}", BASE.replace("CLASS", class)))
}

fn read(class: &str, more: &str) -> GatewayLogin {
    let objects = world_of(class, more);
    of_gateway(&World::new(&objects), &gateway("edge", "gw"))
}

#[test]
#[allow(clippy::too_many_lines)] // one table
fn filters_that_ask_and_that_do_not() {
    let app = route("apps", "app.one");
    for (more, expected) in [
        (filter("edge", SELECTOR, &[CHECK]), LoginState::Asked),
        (filter("edge", "", &[CHECK]), LoginState::Asked),
        (
            filter("edge", "workloadSelector: {labels: {team: a}}", &[CHECK]),
            LoginState::Asked,
        ),
        (filter("istio-system", SELECTOR, &[CHECK]), LoginState::Asked),
        (
            filter(
                "edge",
                "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]",
                &[CHECK],
            ),
            LoginState::Asked,
        ),
        (filter("apps", SELECTOR, &[CHECK]), LoginState::None),
        (
            filter("edge", &SELECTOR.replace(": gw", ": gx"), &[CHECK]),
            LoginState::None,
        ),
        // Labels that nothing says the pods have.
        (
            filter("edge", "workloadSelector: {labels: {app: x}}", &[CHECK]),
            LoginState::None,
        ),
        (
            filter("edge", SELECTOR, &[&CHECK.replace("GATEWAY", "SIDECAR_INBOUND")]),
            LoginState::None,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[&CHECK.replace("filters.http.router", "filters.http.other")],
            ),
            LoginState::None,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[&CHECK.replace("listener: {", "listener: {portNumber: 8080, ")],
            ),
            LoginState::None,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[&CHECK.replace("listener: {", "listener: {portNumber: 443, ")],
            ),
            LoginState::Asked,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[&CHECK.replace("http_service:", "failure_mode_allow: true, http_service:")],
            ),
            LoginState::Skipped,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[&CHECK.replace("http_service:", "failureModeAllow: true, http_service:")],
            ),
            LoginState::Skipped,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[
                    CHECK,
                    "{applyTo: HTTP_FILTER, match: {listener: {filterChain: {filter: {subFilter: {name: envoy.filters.http.ext_authz}}}}}, patch: {operation: REMOVE}}",
                ],
            ),
            LoginState::Skipped,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[
                    CHECK,
                    "{applyTo: HTTP_FILTER, match: {listener: {filterChain: {filter: {subFilter: {name: other}}}}}, patch: {operation: REMOVE}}",
                ],
            ),
            LoginState::Asked,
        ),
        (
            filter(
                "edge",
                SELECTOR,
                &[
                    CHECK,
                    "{applyTo: HTTP_FILTER, match: {listener: {filterChain: {filter: {subFilter: {name: envoy.filters.http.ext_authz}}}}}, patch: {operation: MERGE, value: {typed_config: {failure_mode_allow: true}}}}",
                ],
            ),
            LoginState::Skipped,
        ),
    ] {
        let login = read("istio", &more);
        assert_eq!(login.state_for(&app, 0), expected, "{more}");
        if expected != LoginState::None {
            assert_eq!(login.faults.is_empty(), expected == LoginState::Asked, "{more}");
        }
    }
    let login = read("istio", &filter("edge", SELECTOR, &[CHECK]));
    let groups: Vec<&str> = login
        .login
        .as_ref()
        .unwrap()
        .groups
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(groups, ["a,b", "admins", "c", "with$sign"]);
}

fn off(route: &str) -> String {
    format!(
        "{{applyTo: HTTP_ROUTE, match: {{context: GATEWAY{}}}, patch: {{operation: MERGE, value: {{typed_per_filter_config: {{envoy.filters.http.ext_authz: {{disabled: true}}}}}}}}}}",
        if route.is_empty() {
            String::new()
        } else {
            format!(", routeConfiguration: {{vhost: {{route: {{name: {route}}}}}}}")
        }
    )
}

#[test]
fn routes_that_are_let_through() {
    let app = route("apps", "app.one");
    let login = read(
        "istio",
        &filter(
            "edge",
            SELECTOR,
            &[CHECK, &off("apps.app.one.0"), &off("edge.login.0")],
        ),
    );
    assert_eq!(login.state_for(&app, 0), LoginState::Skipped);
    assert_eq!(login.state_for(&app, 1), LoginState::Asked);
    assert_eq!(login.state_for(&route("edge", "login"), 0), LoginState::Skipped);
    assert!(matches!(whats(&login).as_slice(), [What::OffFor { rule: 0, .. }]));
    assert_eq!(login.faults[0].way.len(), 2);
    // A rule that only leads on.
    let on = read(
        "istio",
        &filter("edge", SELECTOR, &[CHECK, &off("apps.app.one.1")]),
    );
    assert_eq!(on.faults, []);
    let all = read("istio", &filter("edge", SELECTOR, &[CHECK, &off("")]));
    assert_eq!(
        (all.state_for(&app, 0), whats(&all).as_slice()),
        (LoginState::Skipped, [&What::Off].as_slice())
    );
}

#[test]
fn services_that_are_not_there() {
    let gone = CHECK.replace("8443||login", "8443||logout");
    assert!(
        whats(&read("istio", &filter("edge", SELECTOR, &[&gone])))
            .iter()
            .any(|what| matches!(what, What::NoService(_)))
    );
    let port = CHECK.replace("outbound|8443", "outbound|9443");
    assert!(
        whats(&read("istio", &filter("edge", SELECTOR, &[&port])))
            .iter()
            .any(|what| matches!(what, What::NoService(_)))
    );
}

#[test]
fn others_that_change_the_gateway() {
    let lua = "{applyTo: HTTP_FILTER, match: {context: GATEWAY}, patch: {operation: INSERT_FIRST, value: {name: x}}}";
    let more = format!(
        "{}---\n{}",
        filter("edge", SELECTOR, &[CHECK]),
        filter("istio-system", "", &[lua, lua])
    );
    let login = read("istio", &more);
    assert_eq!(
        (whats(&login).as_slice(), login.state_for(&route("a", "b"), 0)),
        ([&What::Foreign].as_slice(), LoginState::Asked)
    );
    let custom = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: c, namespace: edge}\nspec: {action: CUSTOM, provider: {name: p}, rules: [{}]}\n";
    assert_eq!(
        read("istio", custom).state_for(&route("a", "b"), 0),
        LoginState::Asked
    );
    let part = custom.replace("rules: [{}]", "rules: [{to: [{operation: {paths: [/x]}}]}]");
    assert_eq!(
        read("istio", &part).state_for(&route("a", "b"), 0),
        LoginState::None
    );
}

fn policy(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn envoy_gateways_policies() {
    const TO_GATEWAY: &str = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]";
    const ASKS: &str = "extAuth: {http: {backendRefs: [{name: login, port: 8443}]}}";
    let app = route("apps", "app.one");
    let base = policy("p", "edge", &format!("{TO_GATEWAY}, {ASKS}"));
    let to_route = |more: &str| {
        let target = "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app.one}]";
        format!("{base}---\n{}", policy("q", "apps", &format!("{target}{more}")))
    };
    for (more, expected) in [
        (base.clone(), LoginState::Asked),
        (
            policy(
                "p",
                "edge",
                &format!("targetSelectors: [{{kind: Gateway, matchLabels: {{team: a}}}}], {ASKS}"),
            ),
            LoginState::Asked,
        ),
        (
            policy(
                "p",
                "edge",
                &format!(
                    "{}, {ASKS}",
                    TO_GATEWAY.replace("name: gw", "name: gw, sectionName: https")
                ),
            ),
            LoginState::Asked,
        ),
        (
            policy(
                "p",
                "edge",
                &format!(
                    "{}, {ASKS}",
                    TO_GATEWAY.replace("name: gw", "name: gw, sectionName: http")
                ),
            ),
            LoginState::Skipped,
        ),
        (
            policy("p", "apps", &format!("{TO_GATEWAY}, {ASKS}")),
            LoginState::None,
        ),
        (
            policy("p", "edge", &format!("{TO_GATEWAY}, cors: {{}}")),
            LoginState::None,
        ),
        (
            policy("p", "edge", &format!("{TO_GATEWAY}, oidc: {{}}")),
            LoginState::Asked,
        ),
        (
            policy(
                "p",
                "edge",
                &format!("{TO_GATEWAY}, {}", ASKS.replace("{http", "{failOpen: true, http")),
            ),
            LoginState::Skipped,
        ),
        (to_route(", cors: {}"), LoginState::Skipped),
        (
            to_route(", mergeType: StrategicMerge, cors: {}"),
            LoginState::Asked,
        ),
        (to_route(", oidc: {}"), LoginState::Asked),
        (to_route(", jwt: {optional: true}"), LoginState::Skipped),
    ] {
        assert_eq!(read("envoy", &more).state_for(&app, 0), expected, "{more}");
    }
    let section = to_route(", cors: {}").replace("name: app.one}", "name: app.one, sectionName: second}");
    let login = read("envoy", &section);
    assert_eq!(login.state_for(&app, 0), LoginState::Asked);
    assert_eq!(login.state_for(&app, 1), LoginState::Skipped);
    assert!(matches!(
        whats(&read("envoy", &to_route(", cors: {}"))).as_slice(),
        [What::OffFor { .. }]
    ));
}

/// An EnvoyFilter that says it is ours, with the real check beside one patch more.
fn beside(patch: &str) -> Vec<What> {
    let more = filter("edge", SELECTOR, &[CHECK, patch]).replace(
        "namespace: edge}",
        "namespace: edge, labels: {app.kubernetes.io/managed-by: gatewright}}",
    );
    whats(&read("istio", &more)).into_iter().cloned().collect()
}

#[test]
fn a_label_makes_no_filter_ours() {
    let put = |name: &str, config: &str| {
        format!(
            "{{applyTo: HTTP_FILTER, patch: {{operation: INSERT_BEFORE, value: {{name: {name}, typed_config: {config}}}}}}}"
        )
    };
    let script = "{'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, inline_code: 'function envoy_on_request(h) h:headers():replace(\"x-auth-request-user\", \"admin\") end'}";
    let append = "{applyTo: NETWORK_FILTER, patch: {operation: MERGE, value: {typed_config: {early_header_mutation_extensions: [{typed_config: {mutations: [{append: {header: {key: x, value: y}}}]}}]}}}}";
    for patch in [
        put("envoy.filters.http.lua.evil", script),
        put("envoy.filters.http.lua", script),
        put("envoy.filters.http.wasm", "{}"),
        append.to_owned(),
        "{applyTo: NETWORK_FILTER, patch: {operation: MERGE, value: {typed_config: {http_filters: []}}}}"
            .to_owned(),
        "{applyTo: CLUSTER, patch: {operation: MERGE, value: {}}}".to_owned(),
        "{applyTo: HTTP_ROUTE, patch: {operation: MERGE, value: {request_headers_to_add: []}}}".to_owned(),
    ] {
        assert!(beside(&patch).contains(&What::Foreign), "{patch}");
    }
    assert!(
        !beside(&append.replace("append: {header: {key: x, value: y}}", "remove: x"))
            .contains(&What::Foreign)
    );
}

#[test]
fn patches_and_extensions_of_envoy_gateway_that_are_not_known() {
    let policy = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: s, namespace: edge}\nspec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], extAuth: {http: {backendRefs: [{name: login, port: 8443}]}}}\n";
    let patched = |operation: &str| {
        let patch = format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyPatchPolicy\nmetadata: {{name: p, namespace: edge, labels: {{app.kubernetes.io/managed-by: gatewright}}}}\nspec: {{jsonPatches: [{{operation: {operation}}}]}}\n"
        );
        let login = read("envoy", &format!("{policy}---\n{patch}"));
        let state = login.state_for(&route("a", "b"), 0);
        (whats(&login).into_iter().cloned().collect::<Vec<_>>(), state)
    };
    assert_eq!(
        patched("{op: remove, path: /default_filter_chain/filters/0/typed_config/http_filters/0}"),
        (vec![What::Off], LoginState::Skipped)
    );
    assert_eq!(
        patched("{op: replace, path: /x, value: 1}"),
        (vec![What::Foreign], LoginState::Asked)
    );
    assert_eq!(
        patched("{op: add, path: /http_service/authorization_request, value: {headers_to_add: [{key: authorization, value: x}]}}").0,
        [What::Foreign]
    );
    assert_eq!(
        patched("{op: add, path: /max_request_headers_kb, value: 96}").0,
        []
    );
    let extended = |spec: &str| {
        let more = format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {{name: e, namespace: edge}}\nspec: {{targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: gw}}], {spec}}}\n"
        );
        let login = read("envoy", &format!("{policy}---\n{more}"));
        whats(&login).into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(extended("lua: [{type: Inline, inline: 'x()'}]"), [What::Foreign]);
    assert_eq!(extended("wasm: [{name: x}]"), [What::Foreign]);
    assert_eq!(extended("extProc: [{}]"), [What::Foreign]);
}
