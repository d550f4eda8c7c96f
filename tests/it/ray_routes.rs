//! What Istio's and Envoy Gateway's own generators make of the routes to Ray clusters.

use serde_json::Value;

use crate::envoy_gateway::told;
use crate::istiod::configuration;
use crate::program::gatewright;

/// The route that Open Data Hub's operator makes for a RayCluster, older than any of ours
/// (`fixtures/ray-operators/README.md`).
const OPERATORS_ROUTE: &str = r#"
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: team-training, namespace: opendatahub, creationTimestamp: "2020-01-01T00:00:00Z"}
spec:
  parentRefs: [{name: data-science-gateway, namespace: openshift-ingress}]
  rules:
  - matches: [{path: {type: Exact, value: /ray/team/training}}]
    filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: "/ray/team/training/#/"}, statusCode: 302}}]
  - matches: [{path: {type: PathPrefix, value: /ray/team/training}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
    backendRefs: [{name: training-head-svc, namespace: team, port: 8265}]
"#;

/// A case's gateway and cluster, with these lines for one of its Platform's.
fn rendered(lines: &str) -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/fn/ray-client-listener/input.yaml"
    );
    let input = std::fs::read_to_string(path).unwrap();
    let input = input.replace("  rayClusters:\n", lines);
    let answer = gatewright(&["fn"], input.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    answer.stdout
}

fn istio(manifests: &str) -> Option<Value> {
    configuration(
        manifests,
        "istio.io/gateway-controller",
        "data-science-gateway",
        "1.28",
    )
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The routes for the cluster's path in their order, each as its name and method.
fn in_order(told: &Value) -> Vec<(String, bool)> {
    let hosts = list(&told["routes"]).flat_map(|routes| list(&routes["virtual_hosts"]));
    let routes = hosts.flat_map(|host| list(&host["routes"]));
    let of_cluster = routes.filter(|route| {
        let path = &route["match"];
        [&path["path"], &path["path_separated_prefix"]].contains(&&Value::from("/ray/team/training"))
    });
    of_cluster
        .map(|route| {
            let asks = list(&route["match"]["headers"]).any(|header| header["name"] == ":method");
            (route["name"].as_str().unwrap().to_owned(), asks)
        })
        .collect()
}

#[test]
fn istio_speaks_verified_tls_with_the_dashboards_guard_and_http_2_with_the_clients() {
    let Some(told) = istio(&rendered("  rayClusters:\n")) else {
        return;
    };
    let cluster = |port: u16| {
        let name = format!("outbound|{port}||training-ray-proxy.team.svc.cluster.local");
        list(&told["clusters"])
            .find(|cluster| cluster["name"] == *name)
            .unwrap()
    };
    let tls = &cluster(8443)["transport_socket"]["typed_config"];
    assert_eq!(tls["sni"], "training-ray-proxy.team.svc");
    let verified = &tls["common_tls_context"]["combined_validation_context"]["default_validation_context"];
    assert_eq!(
        verified["match_subject_alt_names"][0]["exact"],
        "training-ray-proxy.team.svc"
    );
    // What is passed through has the clients' TLS, and none of the gateway's.
    let client = cluster(8445);
    assert_eq!(client.get("transport_socket"), None);
    let options = client["typed_extension_protocol_options"].to_string();
    assert!(options.contains("http2_protocol_options"), "{options}");
    let rewritten = list(&told["routes"]).flat_map(|routes| list(&routes["virtual_hosts"]));
    let rewritten = rewritten
        .flat_map(|host| list(&host["routes"]))
        .find(|route| route["match"]["path_separated_prefix"] == "/ray/team/training")
        .unwrap();
    assert_eq!(
        rewritten["route"]["regex_rewrite"]["pattern"]["regex"],
        "^/ray/team/training(/?)(.*)"
    );
    assert_eq!(rewritten["route"]["regex_rewrite"]["substitution"], "/\\2");
}

#[test]
fn beside_the_operator_our_route_goes_before_its_own_of_the_same_path() {
    let ours = rendered("  rayClusters:\n    operator: OpenDataHub\n");
    let manifests = format!("{ours}{OPERATORS_ROUTE}");
    let Some(told) = istio(&manifests) else { return };
    let routes = in_order(&told);
    let theirs: Vec<usize> = (0..routes.len())
        .filter(|index| routes[*index].0.starts_with("opendatahub.team-training"))
        .collect();
    // Nine methods to the exact path, then its route; nine to what is below, then its route.
    assert_eq!(theirs, [9, 19], "{routes:#?}");
    assert!(
        routes
            .iter()
            .enumerate()
            .all(|(index, (_, asks))| *asks != theirs.contains(&index))
    );
}

#[test]
fn envoy_gateway_takes_the_listener_of_the_client_ports() {
    let Some(told) = told(
        &rendered("  gateway: {implementation: EnvoyGateway}\n  rayClusters:\n"),
        &[],
    ) else {
        return;
    };
    let gateway = list(&told["statuses"])
        .find(|status| status["kind"] == "Gateway")
        .unwrap();
    let listener = list(&gateway["status"]["listeners"])
        .find(|listener| listener["name"] == "ray-client")
        .unwrap();
    assert_eq!(listener["supportedKinds"][0]["kind"], "TLSRoute");
    for condition in list(&listener["conditions"]) {
        assert_eq!(condition["status"], "True", "{condition}");
    }
}
