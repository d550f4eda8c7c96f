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

use serde_json::{Value, json};

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

// === impl Surroundings ===

impl Surroundings<'_> {
    /// `tls_certificates` of a listener.
    pub(crate) fn certificates(&self) -> Value {
        let text = |pem: &str| json!({ "inline_string": pem });
        json!([{
            "certificate_chain": text(&self.listener.certificate),
            "private_key": text(&self.listener.key),
        }])
    }
}

/// What Envoy is started with, from what it would be told: `listeners`, `routes`, `clusters`.
pub(crate) fn bootstrap(told: &Value, around: &Surroundings<'_>) -> Value {
    let empty = Vec::new();
    let routes: BTreeMap<&str, &Value> = told["routes"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .map(|routes| (routes["name"].as_str().unwrap(), routes))
        .collect();
    let mut listeners = told["listeners"].clone();
    // One is enough, and its port is whichever is free.
    assert_eq!(listeners.as_array().map(Vec::len), Some(1));
    listeners[0]["address"] =
        json!({ "socket_address": { "address": Ipv4Addr::LOCALHOST, "port_value": 0 } });
    put_in(&mut listeners, &routes, around);
    let mut clusters = told["clusters"].clone();
    clusters.as_array_mut().unwrap().retain_mut(|cluster| {
        let name = cluster["name"].as_str().unwrap().to_owned();
        let Some(address) = around.services.get(host(&name)) else {
            return false;
        };
        let endpoint = json!({ "endpoint": { "address": { "socket_address": {
            "address": address.ip(), "port_value": address.port() } } } });
        cluster["type"] = json!("STATIC");
        cluster["load_assignment"] =
            json!({ "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] });
        put_in(cluster, &routes, around);
        true
    });
    json!({ "static_resources": { "listeners": listeners, "clusters": clusters } })
}

/// The host of a cluster, as Istio names them: `outbound|PORT||HOST.cluster.local`.
pub(crate) fn host(cluster: &str) -> &str {
    let host = cluster.rsplit('|').next().unwrap_or(cluster);
    host.strip_suffix(".cluster.local").unwrap_or(host)
}

/// Puts routes and certificates where they are referred to, at any depth.
fn put_in(value: &mut Value, routes: &BTreeMap<&str, &Value>, around: &Surroundings<'_>) {
    match value {
        Value::Array(items) => {
            items.retain(|item| {
                !item["name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("istio."))
            });
            for item in items {
                put_in(item, routes, around);
            }
        }
        Value::Object(map) => {
            map.remove("eds_cluster_config");
            if let Some(discovered) = map.remove("rds") {
                let name = discovered["route_config_name"].as_str().unwrap();
                map.insert("route_config".to_owned(), routes[name].clone());
            }
            if map.remove("tls_certificate_sds_secret_configs").is_some() {
                map.insert("tls_certificates".to_owned(), around.certificates());
            }
            if let Some(combined) = map.remove("combined_validation_context") {
                let context = trusting(&combined["default_validation_context"], around);
                map.insert("validation_context".to_owned(), context);
            }
            if map.remove("validation_context_sds_secret_config").is_some() {
                map.insert("validation_context".to_owned(), trusting(&json!({}), around));
            }
            map.values_mut().for_each(|item| put_in(item, routes, around));
        }
        _ => {}
    }
}

/// What is asked of a certificate, with the authority that must have signed it.
fn trusting(asked: &Value, around: &Surroundings<'_>) -> Value {
    let mut context = asked.clone();
    context["trusted_ca"] = json!({ "inline_string": around.authority });
    context
}

/// Whether Envoy takes a configuration: what it says where it does not.
pub(crate) fn refusal(version: &str, bootstrap: &Value) -> Option<String> {
    let folder = Folder::new("envoy-validate");
    let file = folder.write("envoy.json", &bootstrap.to_string());
    let mut command = Command::new(program(version));
    command
        .args(["--mode", "validate", "-l", "error", "-c"])
        .arg(file);
    let answer = run(command, b"");
    (answer.code != 0).then(|| format!("{}{}", answer.stdout, answer.stderr))
}

fn program(version: &str) -> PathBuf {
    parts::find(&format!("envoy-{version}")).unwrap()
}

// === impl Envoy ===

impl Envoy {
    /// Starts one of a version; its files go to the folder.
    pub(crate) fn start(version: &str, mut bootstrap: Value, folder: &Path) -> Self {
        // A path of a socket is at most 107 bytes.
        let admin = folder.join("admin");
        bootstrap["admin"] = json!({ "address": { "pipe": { "path": admin } } });
        let file = folder.join("envoy.json");
        std::fs::write(&file, bootstrap.to_string()).unwrap();
        let program = program(version);
        let command = [
            program.to_str().unwrap(),
            "--use-dynamic-base-id",
            "--concurrency",
            "1",
            "-l",
            "error",
            "-c",
            file.to_str().unwrap(),
        ];
        let program = Background::start(&command, &[], &folder.join("envoy.log"));
        let address = program.wait(|| {
            let listeners: Value = serde_json::from_str(&get(&admin, "/listeners?format=json")?).ok()?;
            let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
            let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
            (get(&admin, "/ready")?.trim() == "LIVE").then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        });
        Self {
            program,
            address,
            admin,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has printed.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// How often the login service has been asked, whatever it answered: Envoy counts each under two names.
    pub(crate) fn asked(&self) -> u64 {
        let stats = get(&self.admin, "/stats?format=json&filter=ext_authz").unwrap();
        let stats: Value = serde_json::from_str(&stats).unwrap();
        let counted = |stat: &&Value| {
            let name = stat["name"].as_str().unwrap_or_default();
            name.contains("ext_authz.") && [".ok", ".denied", ".error"].iter().any(|end| name.ends_with(end))
        };
        let stats = stats["stats"].as_array().unwrap().iter().filter(counted);
        stats.filter_map(|stat| stat["value"].as_u64()).sum()
    }
}

/// The body of an answer of the administration.
fn get(admin: &Path, path: &str) -> Option<String> {
    let mut stream = UnixStream::connect(admin).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") {
        return None;
    }
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Some(body.to_owned());
    }
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, chunk)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        whole.push_str(chunk.get(..size)?);
        rest = chunk.get(size + 2..)?;
    }
    Some(whole)
}
