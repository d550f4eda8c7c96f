//! What istiod makes of what we write: the manifests go through Istio's own generator, and what a gateway's Envoy would be
//! told comes out. A patch that Istio does not take, a route that it names otherwise, a rule that it does not find, shows
//! here and not in the cluster.

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use serde_json::{Value, json};

use crate::examples;
use crate::parts;
use crate::program::{Folder, run};

/// The examples whose gateway is Istio's: the controller of their class, and the gateway.
const EXAMPLES: [(&str, &str, &str); 3] = [
    (
        "platform/openshift",
        "openshift.io/gateway-controller/v1",
        "data-science-gateway",
    ),
    (
        "platform/openshift-oidc",
        "openshift.io/gateway-controller/v1",
        "data-science-gateway",
    ),
    (
        "platform/kubernetes-istio",
        "istio.io/gateway-controller",
        "data-science-gateway",
    ),
];
const CHECK: &str = "envoy.filters.http.ext_authz";

/// What the Envoy of an example's gateway would be told; `None` where the program is missing.
fn told(example: &str, controller: &str, name: &str) -> Option<Value> {
    configuration(&examples::rendered(example), controller, name, "1.28")
}

/// What istiod tells the Envoy, of a version of Istio, of a gateway in manifests; `None` where the program is missing.
pub(crate) fn configuration(text: &str, controller: &str, name: &str, version: &str) -> Option<Value> {
    if !parts::needs("istioconfig") {
        return None;
    }
    let folder = Folder::new("istiod");
    let output = folder.path().join("told.json");
    let namespace = gateway(text, name)["metadata"]["namespace"].clone();
    let mut command = std::process::Command::new(parts::find("istioconfig").unwrap());
    command
        .arg(&output)
        .arg(namespace.as_str().unwrap())
        .arg(format!("gateway.networking.k8s.io/gateway-name={name}"))
        .env("PILOT_GATEWAY_API_CONTROLLER_NAME", controller)
        .env("ISTIO_VERSION", version);
    let answer = run(command, text.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    serde_json::from_str(&std::fs::read_to_string(output).unwrap()).ok()
}

/// The objects in a stream.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let source = Source::from_bytes("rendered", text.as_bytes().to_vec()).unwrap();
    let framed = stream::frame(&source).unwrap();
    framed
        .items
        .iter()
        .map(|item| item.piece(&source).value().unwrap())
        .collect()
}

fn gateway(text: &str, name: &str) -> Value {
    let of_api = |object: &Value| {
        object["apiVersion"] == "gateway.networking.k8s.io/v1"
            && object["kind"] == "Gateway"
            && object["metadata"]["name"] == name
    };
    documents(text).into_iter().find(of_api).unwrap()
}

/// The HTTP connection managers of all listeners.
fn managers(told: &Value) -> Vec<&Value> {
    let listeners = told["listeners"].as_array().unwrap().iter();
    let chains = listeners.flat_map(|listener| listener["filter_chains"].as_array().unwrap());
    let filters = chains.flat_map(|chain| chain["filters"].as_array().unwrap());
    let configs = filters.map(|filter| &filter["typed_config"]);
    configs
        .filter(|config| config["http_filters"].is_array())
        .collect()
}

#[test]
fn every_request_is_asked_about_and_forged_identity_goes_first() {
    for (example, controller, name) in EXAMPLES {
        let Some(told) = told(example, controller, name) else {
            return;
        };
        let managers = managers(&told);
        assert!(!managers.is_empty(), "{example}: no listener");
        for manager in managers {
            let names: Vec<&str> = manager["http_filters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|filter| filter["name"].as_str().unwrap())
                .collect();
            let at = |name: &str| names.iter().position(|known| *known == name);
            let check = at(CHECK).unwrap_or_else(|| panic!("{example}: nobody is asked: {names:?}"));
            assert_eq!(
                names.iter().filter(|known| **known == CHECK).count(),
                1,
                "{names:?}"
            );
            assert!(Some(check) < at("envoy.filters.http.lua"), "{example}: {names:?}");
            assert_eq!(
                at("envoy.filters.http.router"),
                Some(names.len() - 1),
                "{names:?}"
            );
            assert_ne!(
                manager["http_filters"][check]["typed_config"]["failure_mode_allow"],
                json!(true)
            );
            let early = manager["early_header_mutation_extensions"].as_array();
            assert_eq!(early.map(Vec::len), Some(1), "{example}");
            assert_eq!(
                manager["common_http_protocol_options"]["headers_with_underscores_action"],
                "DROP_HEADER"
            );
            assert!(manager["local_reply_config"]["mappers"].is_array(), "{example}");
        }
    }
}

#[test]
fn the_check_is_off_on_the_login_paths_and_nowhere_else_that_leads_to_somebody() {
    for (example, controller, name) in EXAMPLES {
        let Some(told) = told(example, controller, name) else {
            return;
        };
        let routes: Vec<&Value> = told["routes"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|routes| routes["virtual_hosts"].as_array().unwrap())
            .flat_map(|host| host["routes"].as_array().into_iter().flatten())
            .collect();
        let (open, asked): (Vec<&Value>, Vec<&Value>) = routes
            .into_iter()
            .partition(|route| route["typed_per_filter_config"][CHECK]["disabled"] == true);
        let paths: std::collections::BTreeSet<&str> = open
            .iter()
            .filter(|route| route["route"].is_object())
            .map(|route| {
                assert!(
                    route["route"]["cluster"]
                        .as_str()
                        .unwrap()
                        .contains("kube-auth-proxy"),
                    "{example}: {route}"
                );
                route["match"]["path"].as_str().unwrap()
            })
            .collect();
        let login = [
            "/oauth2/callback",
            "/oauth2/sign_in",
            "/oauth2/sign_out",
            "/oauth2/start",
        ];
        assert_eq!(paths, login.into(), "{example}");
        let leads_on = |route: &&&Value| route["route"].is_null();
        assert!(
            open.iter()
                .filter(leads_on)
                .all(|route| route["redirect"].is_object()),
            "{example}"
        );
        let to_guards = asked.iter().filter(|route| {
            let cluster = route["route"]["cluster"].as_str().unwrap_or_default();
            cluster.contains("kube-rbac-proxy")
        });
        assert!(to_guards.count() > 0, "{example}: no way to a Notebook");
    }
}

#[test]
fn every_hop_is_verified_by_its_own_name() {
    for (example, controller, name) in EXAMPLES {
        let Some(told) = told(example, controller, name) else {
            return;
        };
        let mut seen = 0;
        for cluster in told["clusters"].as_array().unwrap() {
            let called = cluster["name"].as_str().unwrap();
            let Some(host) = called.strip_prefix("outbound|8443||") else {
                continue;
            };
            seen += 1;
            let host = host.strip_suffix(".cluster.local").unwrap();
            let tls = &cluster["transport_socket"]["typed_config"];
            assert_eq!(tls["sni"], host, "{example}: {called}");
            let validation =
                &tls["common_tls_context"]["combined_validation_context"]["default_validation_context"];
            let names = &validation["match_subject_alt_names"];
            assert_eq!(*names, json!([{ "exact": host }]), "{example}: {called}");
        }
        assert!(seen >= 2, "{example}: {seen} hops");
    }
}
