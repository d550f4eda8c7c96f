//! What one subject reaches: the same picture, without what others reach.
//!
//! What is not known counts as reached. A person's code runs in the workloads they reach, so what those pods reach unasked
//! is theirs as well.

use std::collections::BTreeSet;
use std::fmt;

use super::picture::{EdgeKind, Kind, Node, Picture, Start};
use super::words::{AUTHENTICATED, UNAUTHENTICATED};
use crate::access::answer::{Access, Subject};

/// How Kubernetes calls a service account as a user.
const ACCOUNT_USER: &str = "system:serviceaccount:";
/// The groups that every service account is in; a namespace's follows the colon.
const ACCOUNTS: &str = "system:serviceaccounts";

/// A subject as somebody types it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A user.
    User(String),
    /// A group.
    Group(String),
    /// A service account: namespace and name.
    ServiceAccount(String, String),
    /// A user or a group.
    Either(String),
}

// === impl Name ===

impl Name {
    /// Reads `User:dana`, `Group:data-science`, `ServiceAccount:team-a/churn`, or a name alone.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) => (kind.to_ascii_lowercase(), name),
            None => (String::new(), text),
        };
        if name.is_empty() {
            return Err("a name is missing, as in User:dana".to_owned());
        }
        match kind.as_str() {
            "user" | "u" => Ok(name
                .strip_prefix(ACCOUNT_USER)
                .and_then(|account| account.split_once(':'))
                .map_or_else(
                    || Self::User(name.to_owned()),
                    |(namespace, name)| Self::ServiceAccount(namespace.to_owned(), name.to_owned()),
                )),
            "group" | "g" => Ok(Self::Group(name.to_owned())),
            "serviceaccount" | "sa" => match name.split_once('/') {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                    Ok(Self::ServiceAccount(namespace.to_owned(), name.to_owned()))
                }
                _ => Err(format!(
                    "a service account has a namespace: ServiceAccount:NAMESPACE/{name}"
                )),
            },
            // Other colons belong to the name: system:authenticated, oidc:dana.
            _ => Ok(
                match text
                    .strip_prefix(ACCOUNT_USER)
                    .and_then(|rest| rest.split_once(':'))
                {
                    Some((namespace, name)) => Self::ServiceAccount(namespace.to_owned(), name.to_owned()),
                    None => Self::Either(text.to_owned()),
                },
            ),
        }
    }

    /// Whether a subject of RBAC is this one, or one it always belongs to.
    fn is(&self, subject: &Subject) -> bool {
        if subject.kind == "Group" && [AUTHENTICATED, UNAUTHENTICATED].contains(&subject.name.as_str()) {
            return true;
        }
        match (self, subject.kind.as_str()) {
            (Self::User(name) | Self::Either(name), "User")
            | (Self::Group(name) | Self::Either(name), "Group") => *name == subject.name,
            (Self::ServiceAccount(namespace, name), "ServiceAccount") => {
                *namespace == subject.namespace && *name == subject.name
            }
            (Self::ServiceAccount(namespace, name), "User") => {
                subject.name == format!("{ACCOUNT_USER}{namespace}:{name}")
            }
            (Self::ServiceAccount(namespace, _), "Group") => {
                subject.name == ACCOUNTS || subject.name == format!("{ACCOUNTS}:{namespace}")
            }
            _ => false,
        }
    }

    /// Whether a subject of RBAC carries this very name.
    fn names(&self, subject: &Subject) -> bool {
        let everybody = [AUTHENTICATED, UNAUTHENTICATED].contains(&subject.name.as_str());
        self.is(subject) && (!everybody || self.text() == subject.name)
    }

    fn text(&self) -> &str {
        match self {
            Self::User(name) | Self::Group(name) | Self::Either(name) | Self::ServiceAccount(_, name) => name,
        }
    }

    fn shown(&self) -> (String, &'static str) {
        match self {
            Self::User(name) => (name.clone(), "user"),
            Self::Group(name) => (name.clone(), "group"),
            Self::ServiceAccount(namespace, name) => (format!("{namespace}/{name}"), "service account"),
            Self::Either(name) => (name.clone(), "no guard names it"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(formatter, "User:{name}"),
            Self::Group(name) => write!(formatter, "Group:{name}"),
            Self::ServiceAccount(namespace, name) => write!(formatter, "ServiceAccount:{namespace}/{name}"),
            Self::Either(name) => formatter.write_str(name),
        }
    }
}

/// Names that nothing in the picture carries.
pub fn unknown<'a>(access: &Access, names: &'a [Name]) -> Vec<&'a Name> {
    let known = |name: &Name| {
        let admitted = access
            .workloads
            .iter()
            .flat_map(|workload| &workload.guards)
            .flat_map(|guard| &guard.admitted);
        let logins = access
            .gateways
            .iter()
            .filter_map(|gateway| gateway.login.as_ref());
        admitted.into_iter().any(|admitted| name.names(&admitted.subject))
            || logins
                .into_iter()
                .any(|login| !matches!(name, Name::ServiceAccount(..)) && login.groups.contains(name.text()))
    };
    names.iter().filter(|name| !known(name)).collect()
}

/// The part of a picture that these names reach: one person, by all names it has.
pub(super) fn only(mut picture: Picture, names: &[Name]) -> Picture {
    let reached = Reach::of(&picture, names);
    for name in names {
        let there = picture.nodes.iter().any(|node| {
            node.kind == Kind::Person && node.subject.as_ref().is_some_and(|subject| name.names(subject))
        });
        if !there {
            let (title, line) = name.shown();
            let mut node = Node::new(Kind::Person, "", title);
            node.lines.push(line.to_owned());
            picture.nodes.push(node);
        }
    }
    shut_out(&mut picture, names);
    let last = reached.nodes.len();
    let order: Vec<usize> = (0..picture.nodes.len())
        .filter(|index| *index >= last || reached.nodes[*index])
        .collect();
    let edges = std::mem::take(&mut picture.edges);
    picture.edges = edges
        .into_iter()
        .zip(&reached.edges)
        .filter_map(|(edge, kept)| kept.then_some(edge))
        .collect();
    picture.keep(&order);
    let shown: Vec<String> = names.iter().map(|name| name.shown().0).collect();
    picture.title = format!("What {} reaches", shown.join(" with "));
    picture.sorted()
}

/// A gateway whose login knows none of a person's groups lets them no further.
fn shut_out(picture: &mut Picture, names: &[Name]) {
    let groups: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| match name {
            Name::Group(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for edge in &mut picture.edges {
        let entry = &picture.nodes[edge.to];
        if edge.kind != EdgeKind::Asked || entry.lets_in.is_empty() {
            continue;
        }
        if entry.lets_in.contains(AUTHENTICATED) {
            continue;
        }
        if groups.is_empty() {
            "login, if in a group".clone_into(&mut edge.label);
        } else if !entry.lets_in.iter().any(|group| groups.contains(group.as_str())) {
            edge.kind = EdgeKind::Closed;
            "not in its groups".clone_into(&mut edge.label);
        }
    }
}

/// What is kept.
struct Reach {
    nodes: Vec<bool>,
    edges: Vec<bool>,
}

// === impl Reach ===

impl Reach {
    fn of(picture: &Picture, names: &[Name]) -> Self {
        let mut reach = Self {
            nodes: vec![false; picture.nodes.len()],
            edges: vec![false; picture.edges.len()],
        };
        for (index, node) in picture.nodes.iter().enumerate() {
            let subject = node.subject.as_ref();
            reach.nodes[index] = subject.is_some_and(|subject| names.iter().any(|name| name.is(subject)));
        }
        // From a person to guards, from guards to what is behind them; and whatever is open from outside.
        reach.follow(picture, |picture, from, edge| match picture.nodes[from].kind {
            Kind::Person => edge != EdgeKind::Closed,
            Kind::Guard => true,
            _ => false,
        });
        for (index, edge) in picture.edges.iter().enumerate() {
            let from = picture.nodes[edge.from].kind;
            let outside = matches!(from, Kind::Entry | Kind::Route);
            let inside = picture.nodes[edge.to].kind == Kind::Workload;
            if edge.kind == EdgeKind::Open && outside && inside {
                reach.edges[index] = true;
                reach.nodes[edge.from] = true;
                reach.nodes[edge.to] = true;
            }
        }
        reach.reached_by_pods(picture, names);
        reach.back_to_outside(picture);
        reach
    }

    fn follow(&mut self, picture: &Picture, goes: impl Fn(&Picture, usize, EdgeKind) -> bool) {
        loop {
            let mut more = false;
            for (index, edge) in picture.edges.iter().enumerate() {
                if !self.edges[index] && self.nodes[edge.from] && goes(picture, edge.from, edge.kind) {
                    self.edges[index] = true;
                    self.nodes[edge.to] = true;
                    more = true;
                }
            }
            if !more {
                return;
            }
        }
    }

    /// What pods reach in which the person's code runs, and so on.
    fn reached_by_pods(&mut self, picture: &Picture, names: &[Name]) {
        loop {
            let mut namespaces: BTreeSet<&str> = names
                .iter()
                .filter_map(|name| match name {
                    Name::ServiceAccount(namespace, _) => Some(namespace.as_str()),
                    _ => None,
                })
                .collect();
            let mut objects = BTreeSet::new();
            for (index, node) in picture.nodes.iter().enumerate() {
                if node.kind == Kind::Workload && self.nodes[index] {
                    namespaces.insert(&node.namespace);
                    objects.extend(node.object.as_ref());
                }
            }
            let mut more = false;
            for (index, edge) in picture.edges.iter().enumerate() {
                let from = &picture.nodes[edge.from];
                let covers = match &from.start {
                    None | Some(Start::Outside) => false,
                    // Whoever runs pods in that namespace may give them those labels.
                    Some(Start::Named) => namespaces
                        .iter()
                        .any(|namespace| from.title == format!("Pods of {namespace}")),
                    Some(Start::Everybody | Start::OtherNamespaces | Start::Addresses) => {
                        !namespaces.is_empty()
                    }
                    Some(Start::SameNamespace | Start::SameNamespaceLabelled | Start::WholeNamespace) => {
                        namespaces.contains(from.namespace.as_str())
                    }
                    Some(Start::Workload) => from
                        .object
                        .as_ref()
                        .is_some_and(|object| objects.contains(object)),
                };
                // A guard that pods reach asks them all the same: it is drawn where it lets the person in.
                let unasked = matches!(edge.kind, EdgeKind::Open | EdgeKind::Wide | EdgeKind::Named);
                let leads = unasked || self.nodes[edge.to];
                if covers && leads && !self.edges[index] {
                    self.edges[index] = true;
                    self.nodes[edge.from] = true;
                    self.nodes[edge.to] = true;
                    more = true;
                }
            }
            if !more {
                return;
            }
        }
    }

    /// The ways by which people come to what is kept.
    fn back_to_outside(&mut self, picture: &Picture) {
        loop {
            let mut more = false;
            for (index, edge) in picture.edges.iter().enumerate() {
                let from = &picture.nodes[edge.from];
                let to = picture.nodes[edge.to].kind;
                let comes = match from.kind {
                    Kind::Route => matches!(to, Kind::Guard | Kind::Workload),
                    Kind::Entry => edge.kind != EdgeKind::Named,
                    Kind::Start => from.start == Some(Start::Outside),
                    _ => false,
                };
                if comes && self.nodes[edge.to] && !self.edges[index] {
                    self.edges[index] = true;
                    self.nodes[edge.from] = true;
                    more = true;
                }
            }
            if !more {
                return;
            }
        }
    }
}

/// Whether a picture shows nothing that can be reached.
pub fn reaches_nothing(picture: &Picture) -> bool {
    picture.nodes.iter().all(|node| node.kind != Kind::Workload)
}
