//! `KubeRay`'s security proxy: one token, the same for all.
//!
//! Source: ray-project/kuberay before 156391d3d, `experimental/cmd/main.go`; `helm-chart/kuberay-apiserver/values.yaml`.

use std::collections::BTreeSet;

use super::fault::{Fault, What};
use super::{Address, Asks, Candidate, Listener, Seen, Upstream};
use crate::access::answer::Program;
use crate::access::arguments::Flag;

const TOKEN: &str = "SECURITY_TOKEN";
const PREFIX: &str = "SECURITY_PREFIX";
const LISTENS: &str = "HTTP_LOCAL_PORT";
const FORWARDS: &str = "HTTP_REMOTE_PORT";
/// The program's own values, where no variable says others.
const DEFAULTS: [(&str, &str); 2] = [(LISTENS, "8988"), (FORWARDS, "8888")];
const GRPC: &str = "ENABLE_GRPC";
/// The same for gRPC, which is on where [`GRPC`] says so.
const GRPC_PORTS: [(&str, &str); 2] = [("GRPC_LOCAL_PORT", "8987"), ("GRPC_REMOTE_PORT", "8887")];

pub(super) fn read(candidate: &Candidate<'_>, faults: &mut Vec<Fault>) -> Option<Seen> {
    let arguments = &candidate.arguments;
    let token = arguments.variable(TOKEN)?;
    if DEFAULTS
        .iter()
        .all(|(name, _)| arguments.variable(name).is_none())
    {
        return None;
    }
    let here = |name: &str, says: &str| {
        candidate
            .pod
            .hop(&format!("{}.env", candidate.place), format!("{name}: {says}"))
    };
    match token {
        Some("") => faults.push(candidate.fault(here(TOKEN, "(empty)"), What::AsksNothing)),
        Some(_) => faults.push(candidate.fault(here(TOKEN, "a token in clear"), What::LiteralToken)),
        None => {}
    }
    let paths = |text: &str| vec![format!("(every path that does not begin with {text})")];
    match arguments.variable(PREFIX) {
        None | Some(Some("/" | "")) => {}
        Some(prefix) => {
            let what = What::SkipsPaths(prefix.map(paths));
            faults.push(candidate.fault(here(PREFIX, prefix.unwrap_or("(unknown)")), what));
        }
    }
    let port = |(name, default): (&str, &str)| match arguments.variable(name) {
        None => default.parse().ok(),
        Some(value) => value.and_then(|value| value.parse::<u16>().ok()),
    };
    let own = |host: &str, port: u16| Address {
        host: host.to_owned(),
        port,
    };
    // What is not known to be off may be on.
    let grpc = arguments
        .variable(GRPC)
        .is_some_and(|value| value.is_none_or(|value| value.eq_ignore_ascii_case("true")));
    let mut listeners = Vec::new();
    let mut upstreams = Vec::new();
    for [listens, forwards] in [DEFAULTS].into_iter().chain(grpc.then_some(GRPC_PORTS)) {
        let (name, _) = listens;
        let number = port(listens);
        if number.is_none() {
            let what = What::Unread("where it listens cannot be read".to_owned());
            faults.push(candidate.fault(here(name, "(unknown)"), what));
        }
        listeners.push(Listener {
            flag: Flag {
                place: candidate.place.clone(),
                value: None,
            },
            name,
            address: number.map(|port| own("", port)),
            tls: false,
        });
        upstreams.push(Upstream {
            flag: None,
            address: port(forwards).map(|port| own("localhost", port)),
        });
    }
    Some(Seen {
        program: Program::SecurityProxy,
        listeners,
        upstreams,
        health: BTreeSet::new(),
        review: None,
        reviews: Vec::new(),
        by: vec![here(TOKEN, "whoever has the token")],
        asks: Asks::Nothing,
        certificate: None,
        passing: Vec::new(),
        known: true,
    })
}
