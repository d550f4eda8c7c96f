//! What Envoy Gateway makes of what we write: the manifests go through its own translator, and what a gateway's Envoy would be
//! told comes out, with what the status of each object would say. A policy that it does not take, a patch that finds
//! nothing, shows here and not in the cluster.

pub(crate) mod bootstrap;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use self::bootstrap::{Places, bootstrap};
use crate::examples;
use crate::parts;
use crate::program::{Folder, gatewright, run};

const EXAMPLE: &str = "platform/kubernetes-envoy-gateway";
/// What the example's gateway needs in Envoy Gateway's configuration.
const NEEDED: [&str; 2] = ["enableEnvoyPatchPolicy", "enableLua"];
/// How the names of the filters begin; the policy's follows.
const CHECK: &str = "envoy.filters.http.ext_authz/securitypolicy/";
const LUA: &str = "envoy.filters.http.lua/envoyextensionpolicy/";
const LOGIN: [&str; 4] = [
    "/oauth2/callback",
    "/oauth2/sign_in",
    "/oauth2/sign_out",
    "/oauth2/start",
];

/// What Envoy would be told, with these switches on in Envoy Gateway's configuration; `None` where the program is missing.
pub(crate) fn told(manifests: &str, switches: &[&str]) -> Option<Value> {
    if !parts::needs("envoygatewayconfig") {
        return None;
    }
    let mut command = Command::new(parts::find("envoygatewayconfig").unwrap());
    command.args(switches);
    let answer = run(command, manifests.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).ok()
}

/// What Envoy would be told of the example's gateway, and of one with the host of earlier releases beside its own.
fn gateways() -> &'static [(&'static str, Value)] {
    static TOLD: OnceLock<Vec<(&'static str, Value)>> = OnceLock::new();
    TOLD.get_or_init(|| {
        let manifests = [
            ("example", examples::rendered(EXAMPLE)),
            ("two hosts", two_hosts("1.9")),
        ];
        let told = |(which, text): (_, String)| Some((which, told(&text, &NEEDED)?));
        manifests.into_iter().filter_map(told).collect()
    })
}

/// What Envoy would be told of the example's gateway while patches are switched off.
fn unpatched() -> Option<&'static Value> {
    static TOLD: OnceLock<Option<Value>> = OnceLock::new();
    TOLD.get_or_init(|| told(&examples::rendered(EXAMPLE), &["enableLua"]))
        .as_ref()
}

/// A gateway with two listeners, for a version of Envoy Gateway.
fn two_hosts(version: &str) -> String {
    let input = |case: &str| {
        let path = format!("{}/fixtures/fn/{case}/input.yaml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let notebook = input("gateway-kubernetes-envoy-gateway");
    let notebook = notebook
        .split("\n---\n")
        .find(|document| document.contains("kind: Notebook"))
        .unwrap();
    let gateway = input("gateway-openshift-envoy-gateway")
        .replace("version: \"1.5\"", &format!("version: \"{version}\""));
    let answer = gatewright(&["fn"], format!("{gateway}\n---\n{notebook}\n").as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    answer.stdout
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The HTTP connection managers behind which routes of the gateway are.
fn managers(told: &Value) -> Vec<&Value> {
    let chains = list(&told["listeners"]).flat_map(|listener| list(&listener["filter_chains"]));
    let filters = chains.flat_map(|chain| list(&chain["filters"]));
    let configs = filters.map(|filter| &filter["typed_config"]);
    configs.filter(|config| config["rds"].is_object()).collect()
}

fn routes(told: &Value) -> Vec<&Value> {
    let hosts = list(&told["routes"]).flat_map(|routes| list(&routes["virtual_hosts"]));
    hosts.flat_map(|host| list(&host["routes"])).collect()
}

/// The settings of the filter whose name begins so.
fn filter<'a>(manager: &'a Value, begin: &str) -> &'a Value {
    let mut found = list(&manager["http_filters"]).filter(|filter| begins(&filter["name"], begin));
    let (filter, others) = (found.next(), found.next());
    assert!(others.is_none(), "two of {begin}");
    &filter.unwrap_or_else(|| panic!("no {begin}: {manager:#}"))["typed_config"]
}

fn begins(name: &Value, begin: &str) -> bool {
    name.as_str().is_some_and(|name| name.starts_with(begin))
}

/// Whether a route switches the filter on whose name begins so: in Envoy Gateway's listeners these are off.
fn switches_on(route: &Value, begin: &str) -> bool {
    let filters = route["typed_per_filter_config"].as_object();
    let mut own = filters
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with(begin));
    own.next()
        .is_some_and(|(_, settings)| settings["disabled"] != true)
}

/// What the statuses say of an object: `Kind name Type=Status`, each once.
fn conditions(told: &Value) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    for object in list(&told["statuses"]) {
        let status = &object["status"];
        let parts = ["ancestors", "parents", "listeners"].map(|part| list(&status[part]));
        for condition in parts
            .into_iter()
            .flatten()
            .flat_map(|part| list(&part["conditions"]))
        {
            let [kind, name] = ["kind", "name"].map(|key| object[key].as_str().unwrap());
            let [about, value] = ["type", "status"].map(|key| condition[key].as_str().unwrap());
            said.insert(format!("{kind} {name} {about}={value}"));
        }
    }
    said
}

#[test]
fn every_object_is_taken() {
    for (which, told) in gateways() {
        let said = conditions(told);
        let refused: Vec<&String> = said.iter().filter(|line| line.ends_with("=False")).collect();
        assert!(refused.is_empty(), "{which}: {refused:#?}");
        for (kind, about) in [
            ("Gateway", "Programmed"),
            ("HTTPRoute", "Accepted"),
            ("HTTPRoute", "ResolvedRefs"),
            ("BackendTLSPolicy", "Accepted"),
            ("ClientTrafficPolicy", "Accepted"),
            ("SecurityPolicy", "Accepted"),
            ("EnvoyExtensionPolicy", "Accepted"),
            ("EnvoyPatchPolicy", "Accepted"),
            ("EnvoyPatchPolicy", "Programmed"),
            ("EnvoyProxy", "Accepted"),
        ] {
            let is_said = |line: &String| {
                line.starts_with(&format!("{kind} ")) && line.ends_with(&format!(" {about}=True"))
            };
            assert!(
                said.iter().any(is_said),
                "{which}: no {kind} is {about}: {said:#?}"
            );
        }
    }
}

#[test]
fn every_request_is_asked_about_and_forged_identity_goes_first() {
    let unpatched = unpatched().map(|told| ("no patches", told));
    for (which, told) in gateways()
        .iter()
        .map(|(which, told)| (*which, told))
        .chain(unpatched)
    {
        let managers = managers(told);
        let asking = managers
            .iter()
            .filter(|manager| list(&manager["http_filters"]).any(|one| begins(&one["name"], CHECK)));
        assert!(asking.count() > 0, "{which}: nobody is asked");
        for manager in managers {
            let early = list(&manager["early_header_mutation_extensions"]);
            let mutations: Vec<&Value> = early
                .flat_map(|extension| list(&extension["typed_config"]["mutations"]))
                .collect();
            let removed = mutations
                .iter()
                .filter(|mutation| mutation["remove_on_match"].is_object());
            assert!(removed.count() >= 9, "{which}: {mutations:#?}");
            assert_eq!(
                manager["common_http_protocol_options"]["headers_with_underscores_action"],
                "DROP_HEADER"
            );
            let names: Vec<&Value> = list(&manager["http_filters"])
                .map(|filter| &filter["name"])
                .collect();
            let at = |begin: &str| names.iter().position(|name| begins(name, begin));
            assert_eq!(
                at("envoy.filters.http.router"),
                Some(names.len() - 1),
                "{names:?}"
            );
            assert!(at(LUA).is_some(), "{which}: {names:?}");
            if at(CHECK).is_some() {
                assert!(at(CHECK) < at(LUA), "{which}: {names:?}");
                let check = filter(manager, CHECK);
                assert_ne!(check["failure_mode_allow"], true);
                assert_eq!(check["status_on_error"]["code"], "ServiceUnavailable");
                assert_eq!(check["http_service"]["path_override"], "/");
            }
        }
    }
}

#[test]
fn the_check_is_off_on_the_login_paths_and_nowhere_else_that_leads_to_somebody() {
    for (which, told) in gateways() {
        let (asked, open): (Vec<&Value>, Vec<&Value>) = routes(told)
            .into_iter()
            .partition(|route| switches_on(route, CHECK));
        let paths: BTreeSet<&str> = open
            .iter()
            .filter(|route| route["redirect"].is_null())
            .map(|route| route["match"]["path"].as_str().unwrap())
            .collect();
        assert_eq!(paths, LOGIN.into(), "{which}");
        let leading_on = open.iter().filter(|route| route["redirect"].is_object());
        assert_eq!(leading_on.count(), usize::from(*which == "two hosts"), "{which}");
        assert!(!asked.is_empty(), "{which}: no way to a Notebook");
        for route in asked {
            // A Ray cluster's address without the slash leads to the one with it, and nobody is told who is not known.
            let leads_on = route["redirect"]["path_redirect"]
                .as_str()
                .is_some_and(|to| to.strip_suffix('/') == route["match"]["path"].as_str());
            assert!(
                route["route"]["cluster"].is_string() || leads_on,
                "{which}: {route}"
            );
            assert!(switches_on(route, LUA), "{which}: {route}");
        }
    }
}

#[test]
fn every_hop_is_verified_by_its_own_name() {
    for (which, told) in gateways() {
        let mut asks = 0;
        for cluster in list(&told["clusters"]) {
            let called = cluster["name"].as_str().unwrap();
            let endpoints = list(&told["endpoints"])
                .find(|endpoints| endpoints["cluster_name"] == called)
                .unwrap();
            for locality in list(&endpoints["endpoints"]) {
                let service = &locality["metadata"]["filter_metadata"]["envoy-gateway"]["resources"][0];
                let [name, namespace] = ["name", "namespace"].map(|key| service[key].as_str().unwrap());
                let host = format!("{name}.{namespace}.svc");
                asks += usize::from(called.starts_with("securitypolicy/") && name == "kube-auth-proxy");
                for endpoint in list(&locality["lb_endpoints"]) {
                    let chosen = &endpoint["metadata"]["filter_metadata"]["envoy.transport_socket_match"];
                    let socket = list(&cluster["transport_socket_matches"])
                        .find(|socket| socket["match"] == *chosen)
                        .unwrap_or_else(|| panic!("{which}: {called} without TLS"));
                    let tls = &socket["transport_socket"]["typed_config"];
                    assert_eq!(tls["sni"], host, "{which}: {called}");
                    let validation = &tls["common_tls_context"]["combined_validation_context"];
                    assert_eq!(
                        validation["default_validation_context"]["match_typed_subject_alt_names"],
                        json!([{ "san_type": "DNS", "matcher": { "exact": host } }]),
                        "{which}: {called}"
                    );
                    let authority = &validation["validation_context_sds_secret_config"]["name"];
                    let secret = list(&told["secrets"]).find(|secret| secret["name"] == *authority);
                    assert!(
                        secret.unwrap()["validation_context"]["trusted_ca"].is_object(),
                        "{which}: {called}"
                    );
                }
            }
        }
        assert_eq!(asks, 1, "{which}: who is asked is verified too");
    }
}

#[test]
fn the_patches_say_what_the_policies_cannot() {
    for (which, told) in gateways() {
        for manager in managers(told) {
            assert_eq!(manager["max_request_headers_kb"], 96, "{which}");
            let mappers = list(&manager["local_reply_config"]["mappers"]);
            let headers: Vec<&Value> = mappers
                .flat_map(|mapper| list(&mapper["headers_to_add"]))
                .map(|header| &header["header"]["key"])
                .collect();
            assert_eq!(headers, ["www-authenticate", "retry-after", "cache-control"]);
        }
        let checked = managers(told)
            .into_iter()
            .find(|manager| list(&manager["http_filters"]).any(|one| begins(&one["name"], CHECK)))
            .unwrap();
        let check = filter(checked, CHECK);
        assert_eq!(check["validate_mutations"], true);
        let service = &check["http_service"];
        assert_eq!(
            service["authorization_response"]["allowed_client_headers_on_success"],
            json!({ "patterns": [{ "exact": "set-cookie" }] })
        );
        // What Envoy Gateway wrote there stays.
        assert!(service["authorization_response"]["allowed_upstream_headers"].is_object());
        assert_eq!(service["retry_policy"]["num_retries"], 1);
        let added: Vec<&Value> = list(&service["authorization_request"]["headers_to_add"])
            .map(|header| &header["key"])
            .collect();
        assert_eq!(added, ["x-auth-request-redirect", "accept"]);
        assert_eq!(filter(checked, LUA)["clear_route_cache"], false);
    }
}

/// Patches that are switched off change nothing, and nothing else stands or falls with them.
#[test]
fn without_its_switch_the_patch_policy_alone_is_not_in_force() {
    let Some(told) = unpatched() else {
        return;
    };
    let said = conditions(told);
    let refused: Vec<&String> = said.iter().filter(|line| line.ends_with("=False")).collect();
    assert_eq!(
        refused,
        ["EnvoyPatchPolicy odh-gateway-authn-filter Accepted=False"]
    );
    for manager in managers(told) {
        assert!(manager["local_reply_config"].is_null());
        assert!(manager["max_request_headers_kb"].is_null());
    }
    let asked = routes(told).into_iter().filter(|route| switches_on(route, CHECK));
    assert_eq!(asked.count(), routes(told).len() - LOGIN.len());
}

/// As the warning says: nobody gets anywhere, and nothing gets out.
#[test]
fn without_lua_every_request_is_refused() {
    let Some(told) = told(&examples::rendered(EXAMPLE), &[]) else {
        return;
    };
    for route in routes(&told) {
        assert_eq!(route["direct_response"]["status"], 500, "{route}");
    }
}

/// The older of two `ClientTrafficPolicies` is in force alone: with the patches forged identity goes all the same.
#[test]
fn another_traffic_policy_lets_no_forged_identity_in() {
    let other = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: ClientTrafficPolicy\n\
                 metadata: {name: a, namespace: ai-gateway}\n\
                 spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: odh-gateway}]}\n";
    let manifests = format!("{}---\n{other}", examples::rendered(EXAMPLE));
    let Some(told) = told(&manifests, &NEEDED) else {
        return;
    };
    assert!(
        conditions(&told).contains("ClientTrafficPolicy odh-gateway-authn-filter Accepted=False"),
        "the other one is in force"
    );
    for manager in managers(&told) {
        let early: Vec<&Value> = list(&manager["early_header_mutation_extensions"]).collect();
        assert_eq!(early.len(), 1, "{early:#?}");
        let patterns: Vec<String> = list(&early[0]["typed_config"]["mutations"])
            .map(|mutation| mutation["remove_on_match"]["key_matcher"]["safe_regex"]["regex"].to_string())
            .collect();
        for name in [
            "auth[-_]request",
            "forwarded[-_](user",
            "remote",
            "impersonate",
            "gap",
            "kubeflow",
        ] {
            assert!(
                patterns.iter().any(|pattern| pattern.contains(name)),
                "{name}: {patterns:?}"
            );
        }
        assert_eq!(
            manager["common_http_protocol_options"]["headers_with_underscores_action"],
            "DROP_HEADER"
        );
        let check = filter(manager, CHECK);
        assert!(check["http_service"]["authorization_request"].is_object());
    }
}

/// Each version's patches have only fields that its Envoy knows: an Envoy refuses all where it does not know one.
#[test]
fn envoy_takes_it() {
    for (version, envoy) in [
        ("1.5", "envoy-1.36.4"),
        ("1.6", "envoy-1.36.4"),
        ("1.8", "envoy-1.38.3"),
        ("1.9", "envoy-1.40.0"),
    ] {
        if !parts::needs(envoy) {
            return;
        }
        let Some(told) = told(&two_hosts(version), &NEEDED) else {
            return;
        };
        let refused: Vec<String> = conditions(&told)
            .into_iter()
            .filter(|line| line.ends_with("=False"))
            .collect();
        assert!(refused.is_empty(), "{version}: {refused:#?}");
        let places = Places {
            listen: &|port| u16::try_from(port).unwrap(),
            answer: &|_| 8443,
        };
        let folder = Folder::new("envoy-gateway");
        let config = folder.write("envoy.json", &bootstrap(&told, &places).to_string());
        let mut command = Command::new(parts::find(envoy).unwrap());
        command
            .args(["--mode", "validate", "--use-dynamic-base-id", "--config-path"])
            .arg(config);
        let answer = run(command, b"");
        assert_eq!(answer.code, 0, "{version}, {envoy}: {}", answer.stderr);
    }
}
