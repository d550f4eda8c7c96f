//! Whether guards fit the pod they are in: something listens where they forward, and nothing else where they listen.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Found;
use super::fault::{Fault, What};
use crate::access::fields;
use crate::access::pod::Pod;
use crate::access::workloads::{RAY, ray_head};
use crate::model::notebook::NOTEBOOK_PORT;

/// Where the image of a workbench reads its server's arguments.
const NOTEBOOK_ARGS: &str = "NOTEBOOK_ARGS";
/// The flags that move its server.
const PORT_FLAGS: [&str; 3] = ["--ServerApp.port=", "--NotebookApp.port=", "--port="];
/// Holds guards against their pod.
pub(super) fn check(pod: &Pod<'_>, found: &mut Found) {
    let declared = declared(pod);
    let guards: Vec<(String, u16)> = found
        .guards
        .iter()
        .map(|guard| (guard.container.clone(), guard.port))
        .collect();
    let listening = |port: u16, own: &str| {
        let by_guard = guards.iter().any(|(name, at)| name != own && *at == port);
        let by_other = declared
            .iter()
            .any(|(name, ports)| *name != own && ports.contains(&port));
        by_guard
            || by_other
            || found.quiet.contains(&port)
            || by_kind(pod).is_some_and(|ports| ports.contains(&port))
    };
    // A workload of no known kind that declares nothing says nothing.
    let says = by_kind(pod).is_some()
        || declared
            .iter()
            .any(|(name, ports)| !ports.is_empty() && !guards.iter().any(|(guard, _)| guard == name));
    let mut faults = Vec::new();
    for guard in &found.guards {
        let fault = |what: What, at: usize| Fault {
            container: guard.container.clone(),
            at: guard
                .by
                .get(at)
                .or(guard.by.first())
                .cloned()
                .unwrap_or_else(|| pod.hop("", "the pod")),
            what,
            way: guard.by.clone(),
        };
        for port in &guard.upstreams {
            if says && !listening(*port, &guard.container) {
                faults.push(fault(What::NothingListens(*port), 2));
            }
        }
        let taken = declared
            .iter()
            .find(|(name, ports)| **name != guard.container && ports.contains(&guard.port))
            .map(|(name, _)| (*name).to_owned());
        let also = guards
            .iter()
            .find(|(name, port)| *name != guard.container && *port == guard.port);
        if let Some(other) = taken.or_else(|| also.map(|(name, _)| name.clone())) {
            let port = guard.port;
            faults.push(fault(What::PortTaken { port, other }, 1));
        }
    }
    found.faults.extend(faults);
}

/// The TCP ports that each container declares, by its name.
fn declared<'p>(pod: &Pod<'p>) -> BTreeMap<&'p str, BTreeSet<u16>> {
    let ports = |container: &'p Value| {
        fields::list(container, &["ports"])
            .iter()
            .filter(|port| ["", "TCP"].contains(&fields::text(port, &["protocol"])))
            .filter_map(|port| fields::port(port, &["containerPort"]))
            .collect()
    };
    pod.containers()
        .map(|(_, container)| (fields::text(container, &["name"]), ports(container)))
        .collect()
}

/// What listens in a workload of a known kind.
fn by_kind(pod: &Pod<'_>) -> Option<BTreeSet<u16>> {
    match (pod.workload.kind.as_str(), pod.part) {
        ("Notebook", _) => Some(BTreeSet::from([notebook_port(pod).unwrap_or(NOTEBOOK_PORT)])),
        (_, "head") if pod.workload.group == RAY => Some(ray_head(pod)),
        _ => None,
    }
}

/// The port that a workbench's server is told to take, or the one that its container declares as its own.
fn notebook_port(pod: &Pod<'_>) -> Option<u16> {
    let own = pod
        .containers()
        .map(|(_, container)| container)
        .find(|container| fields::text(container, &["name"]) == pod.workload.name)?;
    let arguments = fields::list(own, &["env"])
        .iter()
        .find(|variable| fields::text(variable, &["name"]) == NOTEBOOK_ARGS)
        .map(|variable| fields::text(variable, &["value"]))
        .unwrap_or_default();
    let told = arguments.split_whitespace().find_map(|word| {
        let flag = PORT_FLAGS.iter().find_map(|flag| word.strip_prefix(flag));
        flag.and_then(|port| port.trim_matches(['\'', '"']).parse().ok())
    });
    told.or_else(|| {
        let first = fields::list(own, &["ports"]).first()?;
        fields::port(first, &["containerPort"])
    })
}
