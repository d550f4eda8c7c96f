//! Every filter that any golden case gives is taken by Istio's own generator, and what comes of it by Envoy: the oldest for
//! which it is meant that there is, and the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::authority::Authority;
use super::envoy::{self, Surroundings};
use crate::istiod;
use crate::program::gatewright;

/// Versions of Istio, each with the versions of Envoy that take what is written for it. Of Envoys before 1.36 there is none
/// here: that they know the fields is looked up in their API files (`manifests/envoy.rs`).
const VERSIONS: [(&str, &[&str]); 5] = [
    ("1.24", &["1.36.4"]),
    ("1.27", &["1.36.4"]),
    ("1.28", &["1.36.4", "1.38.3"]),
    ("1.30", &["1.38.3", "1.40.0"]),
    ("1.31", &["1.40.0"]),
];

/// A case's output for a version of Istio, where that has a filter.
fn rendered(input: &str, version: &str) -> Option<(Vec<Value>, String)> {
    let answer = gatewright(&["fn"], with_version(input, version).as_bytes());
    if answer.code != 0 {
        return None;
    }
    let objects = istiod::documents(&answer.stdout);
    let is_filter = |object: &Value| object["kind"] == "EnvoyFilter";
    objects.iter().any(is_filter).then_some((objects, answer.stdout))
}

/// The Platform for another version of Istio.
fn with_version(input: &str, version: &str) -> String {
    let lines = input.lines().map(|line| {
        let trimmed = line.trim_start();
        if trimmed.starts_with("version: \"1.2") || trimmed.starts_with("version: \"1.3") {
            let indent = &line[..line.len() - trimmed.len()];
            format!("{indent}version: \"{version}\"\n")
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

/// What decides about Envoy: the filter, and everything that the gateway's routes and hops are made from, without what is
/// only said about them.
fn shape(objects: &[Value]) -> String {
    let kinds = [
        "EnvoyFilter",
        "Gateway",
        "HTTPRoute",
        "BackendTLSPolicy",
        "DestinationRule",
        "GatewayClass",
    ];
    let mut shapes = BTreeMap::new();
    for object in objects
        .iter()
        .filter(|object| kinds.iter().any(|kind| object["kind"] == *kind))
    {
        // Of several routes to Notebooks one is enough.
        let name = object["kind"].as_str().unwrap().to_owned();
        shapes.entry(name).or_insert_with(|| object["spec"].to_string());
    }
    format!(
        "{:?}",
        (shapes.get("EnvoyFilter"), shapes.get("Gateway"), shapes.keys())
    )
}

#[test]
fn every_filter_of_every_case_is_taken() {
    if !crate::parts::needs("istioconfig") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fn");
    let mut folders: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let authority = Authority::new("anybody");
    let listener = authority.sign(&["anybody.test"]);
    let (mut seen, mut taken) = (BTreeSet::new(), 0);
    for folder in folders {
        let Ok(input) = fs::read_to_string(folder.join("input.yaml")) else {
            continue;
        };
        for (version, envoys) in VERSIONS {
            let Some((objects, text)) = rendered(&input, version) else {
                continue;
            };
            if !seen.insert(shape(&objects)) {
                continue;
            }
            let of_api = |kind: &str| {
                let is = |object: &&Value| {
                    object["kind"] == kind && object["apiVersion"] == "gateway.networking.k8s.io/v1"
                };
                objects.iter().find(is)
            };
            let (gateway, class) = (of_api("Gateway"), of_api("GatewayClass"));
            let (Some(gateway), Some(class)) = (gateway, class) else {
                continue; // of a gateway that somebody else defines
            };
            let name = gateway["metadata"]["name"].as_str().unwrap();
            let controller = class["spec"]["controllerName"].as_str().unwrap();
            let told = istiod::configuration(&text, controller, name, version).unwrap();
            let hosts: Vec<String> = told["clusters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cluster| envoy::host(cluster["name"].as_str().unwrap()).to_owned())
                .collect();
            let nowhere = "127.0.0.1:9".parse().unwrap();
            let around = Surroundings {
                services: hosts.iter().map(|host| (host.as_str(), nowhere)).collect(),
                listener: &listener,
                authority: authority.pem(),
            };
            let bootstrap = envoy::bootstrap(&told, &around);
            for envoy in envoys {
                let refusal = envoy::refusal(envoy, &bootstrap);
                assert_eq!(
                    refusal,
                    None,
                    "{} for Istio {version} in Envoy {envoy}",
                    folder.display()
                );
                taken += 1;
            }
        }
    }
    assert!(taken >= 10, "{taken}");
}
