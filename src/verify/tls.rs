//! Hops behind the entry: from facts to judgements.

use super::judgement::{Judgement, Rule};
use crate::access::answer::{Entry, Hop, HopTls, Path, Workload};
use crate::access::tls::{Fault, What};

/// Every way to a guard on which a token is sent in clear, or to whoever answers.
pub fn judge(workload: &Workload) -> Vec<Judgement> {
    let ways = workload.paths.iter().filter(|path| path.guard.is_some());
    let mut judged: Vec<Judgement> = ways.filter_map(|path| of(workload, path)).collect();
    judged.sort();
    judged.dedup();
    judged
}

fn of(workload: &Workload, path: &Path) -> Option<Judgement> {
    let from = match path.entry {
        Entry::Gateway => "the gateway",
        Entry::Ingress => "the Ingress",
        Entry::Route => "the router",
        // Nothing stands in between: who calls sees the guard's own certificate.
        Entry::LoadBalancer | Entry::NodePort | Entry::Host => return None,
    };
    let (rule, at, message, advice) = match &path.hop {
        // What is passed on is checked by who calls.
        HopTls::Verified(_) | HopTls::Passed => return None,
        HopTls::Unverified(at) => (
            Rule::UnverifiedHop,
            at.clone(),
            format!(
                "{from} sends requests, tokens included, to whoever answers for port {} of {}: nobody checks the certificate",
                path.port, workload.id
            ),
            "Have the certificate verified: name the authority and the host that it must be for.",
        ),
        HopTls::Plain => (
            Rule::UnverifiedHop,
            served_by(path)?,
            format!(
                "{from} sends requests, tokens included, to port {} of {} without TLS",
                path.port, workload.id
            ),
            "Add a BackendTLSPolicy or DestinationRule for the port, or let the Route be reencrypt.",
        ),
        HopTls::Unknown => (
            Rule::Unknown,
            served_by(path)?,
            format!(
                "whether {from} verifies what answers on port {} of {} is not in the manifests",
                path.port, workload.id
            ),
            "Add what says so to what is verified.",
        ),
    };
    Some(Judgement {
        rule,
        at,
        message,
        way: path.hops.clone(),
        advice: advice.to_owned(),
    })
}

/// The Service on a way: what says how its port is verified is attached to it.
fn served_by(path: &Path) -> Option<Hop> {
    let mut services = path.hops.iter().filter(|hop| hop.object.kind == "Service");
    services.next_back().or(path.hops.last()).cloned()
}

/// What is wrong with the objects that say how hops are protected.
pub fn of_faults(faults: &[Fault]) -> Vec<Judgement> {
    let mut judged: Vec<Judgement> = faults.iter().map(of_fault).collect();
    judged.sort();
    judged.dedup();
    judged
}

fn of_fault(fault: &Fault) -> Judgement {
    let object = &fault.at.object;
    let (rule, message, advice) = match &fault.what {
        What::NoAuthority(authority) => (
            Rule::Unknown,
            format!(
                "{object} verifies by {authority}, which is not in the manifests; without it no request gets through"
            ),
            "Add it to what is verified, or see that it is in the cluster.",
        ),
        What::Contradicted(other) => (
            Rule::Collision,
            format!(
                "{object} and {other} both say how the same port is verified; the older one counts, which git does not show"
            ),
            "Keep one of them.",
        ),
        What::AuthorityKind(kind) => (
            Rule::UnverifiedHop,
            format!(
                "Istio reads an authority from a ConfigMap alone: with the {kind} in {object} nobody checks the certificate"
            ),
            "Put the authority's certificate into a ConfigMap, under ca.crt.",
        ),
        What::AnyName => (
            Rule::UnverifiedHop,
            format!(
                "{object} lists no subjectAltNames, and Istio then takes a certificate for any name that the authority signed"
            ),
            "List the Service's host under subjectAltNames.",
        ),
        What::NameByVersion => (
            Rule::Unknown,
            format!(
                "{object} asks for no name: newer versions of Istio ask for the host of the request, older ones take any name"
            ),
            "List the Service's host under subjectAltNames, and set sni.",
        ),
        What::OtherName(name) => (
            Rule::Blocked,
            format!(
                "{object} asks for a certificate of {name}, which is another Service: this one gets nothing, and that one could pass for it"
            ),
            "Ask for the Service's own host.",
        ),
        What::NotCertified(name) => (
            Rule::Blocked,
            format!("{object} is not for {name}, the name that is asked for: what shows it is refused"),
            "List the Service's own host among its names.",
        ),
        What::SystemAuthorities => (
            Rule::Unknown,
            format!(
                "{object} names no authority: newer versions of Istio verify by those of the system, older ones not at all"
            ),
            "Set caCertificates or credentialName.",
        ),
    };
    Judgement {
        rule,
        at: fault.at.clone(),
        message,
        way: Vec::new(),
        advice: advice.to_owned(),
    }
}
