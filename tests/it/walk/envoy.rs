//! A real Envoy with the configuration that a gateway's controller made of what we emit.
//!
//! A controller sends configuration in pieces over the network, and secrets apart. Here all of it stands in one file:
//! routes, certificates and addresses are put where the pieces are referred to, and nothing else is changed but parts
//! that only Istio's own build of Envoy has (`istio.*`), which are left out.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::authority::Signed;
use super::background::Background;
use crate::parts;
use crate::program::{Folder, run};

/// What the pieces are.
pub(crate) struct Surroundings<'a> {
    /// Where Services are, by host.
    pub(crate) services: BTreeMap<&'a str, SocketAddr>,
    /// The certificate of the listeners.
    pub(crate) listener: &'a Signed,
    /// The authority of every Service's certificate, PEM.
    pub(crate) authority: &'a str,
}

/// An Envoy that runs.
pub(crate) struct Envoy {
    program: Background,
    address: SocketAddr,
    admin: PathBuf,
}

/// What Envoy is started with, from what it would be told: `listeners`, `routes`, `clusters`.
pub(crate) fn bootstrap(told: &Value, around: &Surroundings<'_>) -> Value {
    let routes: BTreeMap<&str, &Value> = told["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|routes| (routes["name"].as_str().unwrap(), routes))
        .collect();
    let mut listeners = told["listeners"].clone();
    for (index, listener) in listeners.as_array_mut().unwrap().iter_mut().enumerate() {
        // One is enough, and its port is whichever is free.
        assert_eq!(index, 0, "several listeners");
        listener["address"] = json!({ "socket_address": { "address": Ipv4Addr::LOCALHOST, "port_value": 0 } });
        put_in(listener, &routes, around);
    }
    let mut clusters = told["clusters"].clone();
    let clusters = clusters.as_array_mut().unwrap();
    clusters.retain_mut(|cluster| {
        let name = cluster["name"].as_str().unwrap().to_owned();
        let Some(address) = service(&name).and_then(|host| around.services.get(host)) else {
            return false;
        };
        let cluster = cluster.as_object_mut().unwrap();
        cluster.remove("eds_cluster_config");
        cluster.insert("type".to_owned(), json!("STATIC"));
        let endpoint = json!({ "endpoint": { "address": { "socket_address": {
            "address": address.ip(), "port_value": address.port() } } } });
        cluster.insert(
            "load_assignment".to_owned(),
            json!({ "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] }),
        );
        if let Some(filters) = cluster.get_mut("filters").and_then(Value::as_array_mut) {
            filters.retain(not_of_istio);
        }
        put_in(&mut Value::Object(std::mem::take(cluster)), &routes, around).clone_into_map(cluster);
        true
    });
    json!({ "static_resources": { "listeners": listeners, "clusters": clusters } })
}
