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
    let listens = port(DEFAULTS[0]);
    if listens.is_none() {
        let what = What::Unread("where it listens cannot be read".to_owned());
        faults.push(candidate.fault(here(LISTENS, "(unknown)"), what));
    }
    Some(Seen {
        program: Program::SecurityProxy,
        listeners: vec![Listener {
            flag: Flag {
                place: candidate.place.clone(),
                value: None,
            },
            name: LISTENS,
            address: listens.map(|port| own("", port)),
            tls: false,
        }],
        upstreams: vec![Upstream {
            flag: None,
            address: port(DEFAULTS[1]).map(|port| own("localhost", port)),
        }],
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
