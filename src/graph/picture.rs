//! The picture: what is drawn, whatever it is drawn with.
//!
//! Made from `access` and `verify`; narrowed to one subject by `subject`; folded by namespace by `collapse`.

use std::collections::BTreeSet;

use super::{build, collapse, subject};
use crate::access::answer::{Access, Hop, Subject};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Severity;
use crate::verify::judgement::Judgement;

/// Pictures with more nodes are folded unless they are asked not to be: what fits on a screen and can still be followed.
pub const LIMIT: usize = 60;

/// Everything that is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// What it says in one sentence.
    pub summary: String,
    /// The nodes, from left to right and from top to bottom.
    pub nodes: Vec<Node>,
    /// The edges, in the order of their ends.
    pub edges: Vec<Edge>,
}

/// One thing in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// The namespace it stands in; empty: none.
    pub namespace: String,
    /// Its name.
    pub title: String,
    /// What else is to be read on it.
    pub lines: Vec<String>,
    /// How it is drawn.
    pub state: State,
    /// The object it stands for.
    pub object: Option<ObjectId>,
    /// The subject it stands for.
    pub subject: Option<Subject>,
    /// For a starting point, which pods it means.
    pub start: Option<Start>,
    /// For an entry that asks for a login, the groups it lets in; empty: everybody who can log in.
    pub lets_in: BTreeSet<String>,
    /// Where it is written.
    pub places: Vec<Place>,
    /// What `verify` says of it.
    pub judged: Vec<Judged>,
    /// How many things were folded into it.
    pub count: usize,
}

/// What a node is. Their order is that of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A user, group or service account.
    Person,
    /// Where a way begins: outside, or pods of a certain kind.
    Start,
    /// A gateway, Ingress, Route, Service or node port.
    Entry,
    /// A route behind a gateway.
    Route,
    /// A proxy that asks.
    Guard,
    /// What runs people's code.
    Workload,
    /// Something that `verify` says about an object that is not drawn.
    Note,
}

/// Where a way begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// Outside the cluster.
    Outside,
    /// Any pod, any address.
    Everybody,
    /// Any pod of the node's namespace.
    SameNamespace,
    /// Pods of the node's namespace with certain labels.
    SameNamespaceLabelled,
    /// Pods of other namespaces, any or some.
    OtherNamespaces,
    /// Every pod of the node's namespace, which is not that of what it reaches.
    WholeNamespace,
    /// The pods of the node's object.
    Workload,
    /// Callers that a policy names.
    Named,
    /// Addresses.
    Addresses,
}

/// How a node is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is to be said of it.
    Plain,
    /// It asks, or stands behind something that asks.
    Guarded,
    /// It is exposed: somebody gets in unasked, or `verify` says so.
    Open,
}

/// A way from one node to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the node it leaves.
    pub from: usize,
    /// Index of the node it leads to.
    pub to: usize,
    /// What it means.
    pub kind: EdgeKind,
    /// A few words.
    pub label: String,
    /// Where it is written.
    pub places: Vec<Place>,
    /// How many ways were folded into it.
    pub count: usize,
}

/// What an edge means. Their order is that of the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// Who comes this way is asked for a login.
    Asked,
    /// A guard lets this subject in.
    Admitted,
    /// It leads on.
    Way,
    /// A policy names the caller, who is not asked.
    Named,
    /// A policy lets in more callers than need be, who are not asked.
    Wide,
    /// No guard asks.
    Open,
    /// Something stops it.
    Closed,
    /// What happens here is not in the manifests.
    Unknown,
}

/// A place that something is written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Object, field and what it says.
    pub hop: Hop,
    /// File and line.
    pub at: Option<(String, usize)>,
}

/// What `verify` says, as far as a picture shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// How bad it is.
    pub severity: Severity,
    /// The rule's id.
    pub rule: &'static str,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

/// When a picture is folded by namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collapse {
    /// Where it has more than [`LIMIT`] nodes.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// What a picture is to show.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The person, as one user, groups, or a service account; empty: everybody.
    pub subjects: Vec<subject::Name>,
    /// When it is folded.
    pub collapse: Collapse,
}

// === impl Picture ===

impl Picture {
    /// The picture of what `access` answers, with what `verify` says of it. `place` gives file and line.
    pub fn of(
        access: &Access,
        judgements: &[Judgement],
        place: &dyn Fn(&Hop) -> Option<(String, usize)>,
        wanted: &Wanted,
    ) -> Self {
        let mut picture = build::picture(access, judgements);
        if !wanted.subjects.is_empty() {
            picture = subject::only(picture, &wanted.subjects);
        }
        picture.summary = picture.sum_up();
        let folds = match wanted.collapse {
            Collapse::Auto => picture.nodes.len() > LIMIT,
            Collapse::Always => true,
            Collapse::Never => false,
        };
        if folds {
            picture = collapse::fold(&picture, LIMIT);
        }
        for places in picture.places_mut() {
            for found in places {
                found.at = place(&found.hop);
            }
        }
        picture
    }

    fn places_mut(&mut self) -> impl Iterator<Item = &mut Vec<Place>> {
        let nodes = self.nodes.iter_mut().map(|node| &mut node.places);
        nodes.chain(self.edges.iter_mut().map(|edge| &mut edge.places))
    }

    /// Counts what is drawn.
    fn sum_up(&self) -> String {
        let mut doubted = vec![false; self.nodes.len()];
        for edge in &self.edges {
            doubted[edge.to] |= matches!(edge.kind, EdgeKind::Unknown | EdgeKind::Wide);
        }
        let (mut workloads, mut open, mut guarded, mut unclear, mut elsewhere) = (0, 0, 0, 0, 0);
        for (node, doubted) in self.nodes.iter().zip(doubted) {
            if node.kind != Kind::Workload {
                elsewhere += usize::from(node.state == State::Open);
                continue;
            }
            workloads += 1;
            match node.state {
                State::Open => open += 1,
                _ if doubted => unclear += 1,
                State::Guarded => guarded += 1,
                State::Plain => {}
            }
        }
        let closed = workloads - open - guarded - unclear;
        let mut said = vec![
            counted(workloads, "workload"),
            format!("{guarded} behind a guard alone"),
        ];
        said.push(if open == 0 {
            "none open".to_owned()
        } else {
            format!("{open} OPEN")
        });
        if unclear > 0 {
            said.push(format!("{unclear} not known to be closed"));
        }
        if closed > 0 {
            said.push(format!("{closed} closed without a guard"));
        }
        if elsewhere > 0 {
            said.push(format!("{} with findings", counted(elsewhere, "other object")));
        }
        said.join(", ")
    }

    /// Puts nodes into the order of columns, namespaces and names, and edges into that of their ends.
    pub(super) fn sorted(mut self) -> Self {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|a, b| self.nodes[*a].order().cmp(&self.nodes[*b].order()));
        self.keep(&order);
        self
    }

    /// Keeps these nodes, in this order, and the edges between them.
    pub(super) fn keep(&mut self, order: &[usize]) {
        let mut place = vec![None; self.nodes.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = Some(new);
        }
        let mut nodes: Vec<Option<Node>> = std::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        self.nodes = order.iter().filter_map(|old| nodes[*old].take()).collect();
        self.edges = std::mem::take(&mut self.edges)
            .into_iter()
            .filter_map(|edge| {
                let (from, to) = (place[edge.from]?, place[edge.to]?);
                Some(Edge { from, to, ..edge })
            })
            .collect();
        self.edges
            .sort_by(|a, b| (a.from, a.to, a.kind, &a.label).cmp(&(b.from, b.to, b.kind, &b.label)));
    }
}

// === impl Node ===

impl Node {
    /// A node of which only this is known.
    pub(super) fn new(kind: Kind, namespace: &str, title: impl Into<String>) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            title: title.into(),
            lines: Vec::new(),
            state: State::Plain,
            object: None,
            subject: None,
            start: None,
            lets_in: BTreeSet::new(),
            places: Vec::new(),
            judged: Vec::new(),
            count: 1,
        }
    }

    fn order(&self) -> (Kind, &str, &Option<ObjectId>, &Option<Start>, &str, &[String]) {
        (
            self.kind,
            &self.namespace,
            &self.object,
            &self.start,
            &self.title,
            &self.lines,
        )
    }

    /// Everything that is to be read on it, in one line.
    pub fn text(&self) -> String {
        let mut all = vec![self.title.as_str()];
        all.extend(self.lines.iter().map(String::as_str));
        all.join(", ")
    }
}

// === impl Kind ===

impl Kind {
    /// The column it stands in, from the left.
    pub fn column(self) -> usize {
        match self {
            Self::Person | Self::Start => 0,
            Self::Entry => 1,
            Self::Route => 2,
            Self::Guard => 3,
            Self::Workload | Self::Note => 4,
        }
    }

    /// A word for it, as classes in the formats.
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Start => "start",
            Self::Entry => "entry",
            Self::Route => "route",
            Self::Guard => "guard",
            Self::Workload => "workload",
            Self::Note => "note",
        }
    }
}

// === impl State ===

impl State {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Guarded => "guarded",
            Self::Open => "open",
        }
    }
}

// === impl EdgeKind ===

impl EdgeKind {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 8] = [
        Self::Asked,
        Self::Admitted,
        Self::Way,
        Self::Named,
        Self::Wide,
        Self::Open,
        Self::Closed,
        Self::Unknown,
    ];

    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Admitted => "admitted",
            Self::Way => "way",
            Self::Named => "named",
            Self::Wide => "wide",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }

    /// What it means, for a legend.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Asked => "asked for a login",
            Self::Admitted => "let in by the guard, with this right",
            Self::Way => "leads on",
            Self::Named => "not asked: a policy names the caller",
            Self::Wide => "not asked: a policy is wider than need be",
            Self::Open => "OPEN: no guard asks",
            Self::Closed => "stopped",
            Self::Unknown => "not in these manifests",
        }
    }
}

/// `1 workload`, `2 workloads`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
