//! What stands on a node or beside a way, in few words.

use std::collections::BTreeSet;

use super::picture::{EdgeKind, Kind, Node, Place, State, counted};
use crate::access::answer::{Admitted, Entry, Guard, Hop, HopTls, Program, Review, Scope, Subject, Workload};
use crate::krm::object_id::ObjectId;

/// Everybody who has shown who they are, to Kubernetes.
pub(super) const AUTHENTICATED: &str = "system:authenticated";
/// Everybody who has not.
pub(super) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// How many addresses, groups, verbs or ports are written out.
const SHOWN: usize = 2;

pub(super) fn placed(hop: Hop) -> Place {
    Place { hop, at: None }
}

pub(super) fn whole(id: &ObjectId) -> Place {
    placed(Hop {
        object: id.clone(),
        field: String::new(),
        says: String::new(),
    })
}

pub(super) fn entry_node(id: &ObjectId) -> Node {
    let mut node = Node::new(Kind::Entry, &id.namespace, id.name.clone());
    node.lines.push(if id.namespace.is_empty() {
        id.kind.clone()
    } else {
        format!("{} in {}", id.kind, id.namespace)
    });
    node.object = Some(id.clone());
    node.places.push(whole(id));
    node
}

pub(super) fn workload_node(workload: &Workload) -> Node {
    let id = &workload.id;
    let mut node = Node::new(Kind::Workload, &id.namespace, id.name.clone());
    node.lines.push(if workload.part.is_empty() {
        id.kind.clone()
    } else {
        format!("{}, {}", id.kind, workload.part)
    });
    node.object = Some(id.clone());
    node.places.push(whole(id));
    node
}

pub(super) fn guard_node(workload: &Workload, guard: &Guard) -> Node {
    let id = &workload.id;
    let title = format!("{} :{}", program(guard.program), guard.port);
    let mut node = Node::new(Kind::Guard, &id.namespace, title);
    node.state = State::Guarded;
    node.lines.push(match &guard.review {
        Some(review) => format!("asks: {}", question(review)),
        None if guard.program == Program::SecurityProxy => "asks for one token".to_owned(),
        None => "asks for a login alone".to_owned(),
    });
    node.object = Some(id.clone());
    node.places = guard.by.iter().cloned().map(placed).collect();
    node
}

pub(super) fn person_node(subject: &Subject) -> Node {
    let (title, line) = match (subject.kind.as_str(), subject.name.as_str()) {
        ("Group", AUTHENTICATED) => ("Everybody with a login".to_owned(), AUTHENTICATED.to_owned()),
        ("Group", UNAUTHENTICATED) => ("Anybody at all".to_owned(), UNAUTHENTICATED.to_owned()),
        ("Group", name) => (name.to_owned(), "group".to_owned()),
        ("User", name) => (name.to_owned(), "user".to_owned()),
        ("ServiceAccount", name) => (
            format!("{}/{name}", subject.namespace),
            "service account".to_owned(),
        ),
        (kind, name) => (name.to_owned(), kind.to_owned()),
    };
    let mut node = Node::new(Kind::Person, &subject.namespace, title);
    node.lines.push(line);
    node.subject = Some(subject.clone());
    node
}

/// The guards by the names that people know.
pub(super) fn program(program: Program) -> &'static str {
    match program {
        Program::KubeRbacProxy => "kube-rbac-proxy",
        Program::OauthProxy => "oauth-proxy",
        Program::SecurityProxy => "KubeRay's proxy",
        Program::Gatewright => "gatewright",
    }
}

/// What a guard asks, as `kubectl auth can-i` would be asked.
pub(super) fn question(review: &Review) -> String {
    // Many verbs are one for each method of a request.
    let mut said = if review.verbs.len() > SHOWN {
        String::new()
    } else {
        format!("{} ", verbs(&review.verbs))
    };
    said.push_str(&review.resource);
    if !review.subresource.is_empty() {
        said.push_str(&format!("/{}", review.subresource));
    }
    if !review.name.is_empty() {
        said.push_str(&format!(" {}", review.name));
    }
    said
}

/// What a subject may.
pub(super) fn right(guard: &Guard, admitted: &Admitted) -> String {
    let scope = guard
        .review
        .as_ref()
        .and_then(|review| review.scope(&admitted.verbs));
    match scope {
        Some(Scope::Look) => "may look".to_owned(),
        Some(Scope::Write) => "may write".to_owned(),
        Some(Scope::Both) | None => format!("may {}", verbs(&admitted.verbs)),
    }
}

/// Verbs, as few as say enough; the places have the rest.
pub(super) fn verbs(all: &BTreeSet<String>) -> String {
    if all.contains("*") {
        return "do all".to_owned();
    }
    let first: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    match all.len() {
        count if count <= SHOWN => first.join(","),
        // Reading is what lets people in.
        count if all.contains("get") => format!("get +{}", count - 1),
        count => format!("{} +{}", first.join(","), count - SHOWN),
    }
}

pub(super) fn entry_word(entry: Entry) -> &'static str {
    match entry {
        Entry::Gateway => "Gateway",
        Entry::Ingress => "Ingress",
        Entry::Route => "Route",
        Entry::LoadBalancer => "load balancer",
        Entry::NodePort => "node port",
        Entry::Host => "port of the node",
    }
}

pub(super) fn tls_kind(hop: &HopTls) -> EdgeKind {
    match hop {
        HopTls::Unknown => EdgeKind::Unknown,
        _ => EdgeKind::Way,
    }
}

pub(super) fn tls_label(hop: &HopTls) -> &'static str {
    match hop {
        HopTls::Verified(_) => "TLS",
        HopTls::Unverified(_) => "TLS, not checked",
        HopTls::Plain => "no TLS",
        HopTls::Passed => "the caller's TLS",
        HopTls::Unknown => "TLS not known",
    }
}

/// With a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// The path of a URL; all of it where there is no path.
pub(super) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or(rest, |at| &rest[at..])
}

/// The first few, and how many more.
pub(super) fn shortened(all: &BTreeSet<String>) -> Option<String> {
    let first: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    match all.len() {
        0 => None,
        count if count <= SHOWN => Some(first.join(", ")),
        count => Some(format!("{}, {} more", first.join(", "), count - SHOWN)),
    }
}

/// `:8265`, `:8265 :10001`, or how many.
pub(super) fn listed(ports: &BTreeSet<u16>) -> String {
    if ports.len() > SHOWN + 1 {
        return counted(ports.len(), "port");
    }
    let all: Vec<String> = ports.iter().map(|port| format!(":{port}")).collect();
    all.join(" ")
}
