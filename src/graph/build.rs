//! From what `access` answers to nodes and edges: one node a thing, one edge a way.

use std::collections::{BTreeMap, BTreeSet};

use super::picture::{Edge, EdgeKind, Judged, Kind, Node, Picture, Place, Start, State};
use super::words::{
    UNAUTHENTICATED, capital, entry_node, entry_word, guard_node, listed, path_of, person_node, placed,
    right, shortened, tls_kind, tls_label, workload_node,
};
use crate::access::answer::{
    Access, Caller, Entry, Gateway, Guard, Hop, HopTls, LoginState, Path, Subject, Who, Workload,
};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Severity;
use crate::verify::judgement::Judgement;

/// Kinds of routes that stand between an entry and a Service.
const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];
/// The whole picture.
pub(super) fn picture(access: &Access, judgements: &[Judgement]) -> Picture {
    let mut drawing = Drawing::default();
    for gateway in &access.gateways {
        drawing.gateway(gateway);
    }
    for workload in &access.workloads {
        drawing.workload(workload);
    }
    drawing.judge(judgements);
    let picture = Picture {
        title: "Who reaches what through which guard".to_owned(),
        summary: String::new(),
        nodes: drawing.nodes,
        edges: drawing.edges.into_values().collect(),
    };
    picture.sorted()
}

/// What tells nodes apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Person(Subject),
    Start(Start, String, Option<ObjectId>),
    Entry(ObjectId),
    Route(ObjectId, usize),
    Guard(usize, usize),
    Workload(usize),
    Note(ObjectId),
}

#[derive(Default)]
struct Drawing {
    nodes: Vec<Node>,
    index: BTreeMap<Key, usize>,
    edges: BTreeMap<(usize, usize, EdgeKind, String), Edge>,
    /// Nodes that an open way leads to.
    open: BTreeSet<usize>,
    /// How many workloads there are so far.
    workloads: usize,
}

// === impl Drawing ===

impl Drawing {
    /// The node of a key, made if it is new.
    fn node(&mut self, key: Key, make: impl FnOnce() -> Node) -> usize {
        if let Some(found) = self.index.get(&key) {
            return *found;
        }
        let index = self.nodes.len();
        self.nodes.push(make());
        self.index.insert(key, index);
        index
    }

    fn edge(
        &mut self,
        from: usize,
        to: usize,
        kind: EdgeKind,
        label: impl Into<String>,
        hops: impl IntoIterator<Item = Hop>,
    ) {
        let label = label.into();
        if kind == EdgeKind::Open {
            self.open.insert(to);
        }
        let edge = self
            .edges
            .entry((from, to, kind, label.clone()))
            .or_insert_with(|| Edge {
                from,
                to,
                kind,
                label,
                places: Vec::new(),
                count: 1,
            });
        let mut hops: Vec<Place> = hops.into_iter().map(placed).collect();
        hops.retain(|place| !edge.places.contains(place));
        edge.places.append(&mut hops);
    }

    fn gateway(&mut self, gateway: &Gateway) {
        let id = &gateway.id;
        let index = self.node(Key::Entry(id.clone()), || entry_node(id));
        let node = &mut self.nodes[index];
        if !gateway.known {
            node.lines.push("not in these manifests".to_owned());
        }
        let hosts: BTreeSet<String> = gateway
            .hosts
            .iter()
            .map(|host| {
                if host == "*" {
                    "any host".to_owned()
                } else {
                    host.clone()
                }
            })
            .collect();
        node.lines.extend(shortened(&hosts));
        match &gateway.login {
            Some(login) => {
                node.state = State::Guarded;
                node.lets_in.clone_from(&login.groups);
                node.lines.push(if login.groups.is_empty() {
                    "login: everybody who has one".to_owned()
                } else {
                    format!("login: {}", shortened(&login.groups).unwrap_or_default())
                });
                node.places.push(placed(login.by.clone()));
                if let Some(service) = &login.service {
                    node.places.push(placed(Hop {
                        object: service.clone(),
                        field: String::new(),
                        says: "the login service".to_owned(),
                    }));
                }
            }
            None if gateway.known => node.lines.push("no login".to_owned()),
            None => {}
        }
    }

    fn workload(&mut self, workload: &Workload) {
        let number = self.workloads;
        self.workloads += 1;
        let index = self.node(Key::Workload(number), || workload_node(workload));
        let guards: Vec<usize> = workload
            .guards
            .iter()
            .enumerate()
            .map(|(at, guard)| self.guard(workload, number, at, guard, index))
            .collect();
        for path in &workload.paths {
            self.path(workload, number, index, &guards, path);
        }
        for caller in &workload.callers {
            self.caller(workload, index, &guards, caller);
        }
        let open = self.open.contains(&index);
        let node = &mut self.nodes[index];
        if open {
            node.state = State::Open;
        } else if !guards.is_empty() {
            node.state = State::Guarded;
        }
    }

    fn guard(
        &mut self,
        workload: &Workload,
        number: usize,
        at: usize,
        guard: &Guard,
        behind: usize,
    ) -> usize {
        let index = self.node(Key::Guard(number, at), || guard_node(workload, guard));
        let ports: Vec<String> = guard.upstreams.iter().map(|port| format!(":{port}")).collect();
        self.edge(
            index,
            behind,
            EdgeKind::Way,
            ports.join(" "),
            guard.by.iter().cloned(),
        );
        for admitted in &guard.admitted {
            let person = self.person(&admitted.subject);
            let everybody = admitted.subject.name == UNAUTHENTICATED && admitted.subject.kind == "Group";
            let kind = if everybody {
                EdgeKind::Open
            } else {
                EdgeKind::Admitted
            };
            self.edge(
                person,
                index,
                kind,
                right(guard, admitted),
                admitted.by.iter().cloned(),
            );
        }
        index
    }

    fn person(&mut self, subject: &Subject) -> usize {
        self.node(Key::Person(subject.clone()), || person_node(subject))
    }

    fn start(&mut self, start: Start, namespace: &str, title: &str, object: Option<&ObjectId>) -> usize {
        let key = Key::Start(start.clone(), title.to_owned(), object.cloned());
        self.node(key, || {
            // `pods of namespace x with a=b`: the labels stand below.
            let (title, labels) = title.split_once(" with ").unwrap_or((title, ""));
            let title = title.replacen("pods of namespace ", "pods of ", 1);
            let mut node = Node::new(Kind::Start, namespace, capital(&title));
            if !labels.is_empty() {
                node.lines.push(labels.to_owned());
            }
            node.start = Some(start);
            node.object = object.cloned();
            node
        })
    }

    /// One way from outside.
    fn path(&mut self, workload: &Workload, number: usize, index: usize, guards: &[usize], path: &Path) {
        let outside = self.start(Start::Outside, "", "Outside", None);
        if self.nodes[outside].lines.is_empty() {
            self.nodes[outside]
                .lines
                .push("anybody on the network".to_owned());
        }
        let first = path.hops.first().map_or(&workload.id, |hop| &hop.object);
        // A NodePort's or a host's way may begin at the workload itself.
        let entry_id = path
            .via
            .as_ref()
            .filter(|_| path.entry == Entry::Gateway)
            .unwrap_or(first);
        let entry = self.node(Key::Entry(entry_id.clone()), || entry_node(entry_id));
        if path.entry != Entry::Gateway {
            let says = entry_word(path.entry).to_owned();
            let node = &mut self.nodes[entry];
            if !node.lines.contains(&says) && !says.starts_with(&entry_id.kind) {
                node.lines.push(says);
            }
        }
        let (kind, label) = match path.login {
            LoginState::Asked => (EdgeKind::Asked, "asked for a login"),
            LoginState::Skipped => (EdgeKind::Way, "login skipped"),
            LoginState::None => (EdgeKind::Way, "no login"),
            LoginState::Unknown => (EdgeKind::Unknown, "login not known"),
        };
        let at = path.hops.iter().take_while(|hop| hop.object == *entry_id);
        let at: Vec<Hop> = at.cloned().collect();
        self.edge(outside, entry, kind, label, at.iter().cloned());
        let stopped = !path.stopped.is_empty();
        let (target, open) = match path.guard.and_then(|at| guards.get(at)) {
            Some(guard) => (*guard, false),
            None => (
                index,
                workload.unguarded.contains(&path.port) || workload.guards.is_empty(),
            ),
        };
        let (last_kind, last_label) = if stopped {
            (EdgeKind::Closed, "stopped".to_owned())
        } else if target != index {
            (tls_kind(&path.hop), tls_label(&path.hop).to_owned())
        } else if open {
            let said = if path.login == LoginState::Asked {
                "login alone"
            } else {
                "asks nobody"
            };
            (EdgeKind::Open, format!(":{} {said}", path.port))
        } else {
            (EdgeKind::Unknown, format!(":{} not known", path.port))
        };
        let mut last: Vec<Hop> = path.hops.iter().skip(at.len()).cloned().collect();
        last.extend(path.stopped.iter().cloned());
        if let HopTls::Verified(hop) | HopTls::Unverified(hop) = &path.hop {
            last.push(hop.clone());
        }
        let route = path
            .hops
            .iter()
            .find(|hop| ROUTES.contains(&hop.object.kind.as_str()) && hop.object != *entry_id);
        let Some(route) = route else {
            let label = if path.url.is_empty() || stopped {
                last_label
            } else {
                format!("{} {last_label}", path_of(&path.url)).trim().to_owned()
            };
            self.edge(entry, target, last_kind, label, last);
            return;
        };
        let place = self.route(route, number, &path.url);
        let skipped = path.login == LoginState::Skipped;
        let (kind, label) = if skipped {
            (EdgeKind::Open, "login skipped")
        } else {
            (EdgeKind::Way, "")
        };
        self.edge(entry, place, kind, label, [route.clone()]);
        self.edge(place, target, last_kind, last_label, last);
    }

    /// A route on the way to one workload, with all the addresses that it has there.
    fn route(&mut self, route: &Hop, number: usize, url: &str) -> usize {
        let place = self.node(Key::Route(route.object.clone(), number), || {
            let mut node = Node::new(Kind::Route, &route.object.namespace, "");
            node.object = Some(route.object.clone());
            node
        });
        let node = &mut self.nodes[place];
        let said = format!("{} {}", route.object.kind, route.object.name);
        if node.title.is_empty() {
            node.title = if url.is_empty() {
                route.object.name.clone()
            } else {
                path_of(url).to_owned()
            };
            node.lines.push(said);
        } else if !url.is_empty() && path_of(url) != node.title {
            let more = path_of(url).to_owned();
            if !node.lines.contains(&more) {
                node.lines.push(more);
            }
        }
        let new = placed(route.clone());
        if !node.places.contains(&new) {
            node.places.push(new);
        }
        place
    }

    /// One class of callers inside the cluster.
    fn caller(&mut self, workload: &Workload, index: usize, guards: &[usize], caller: &Caller) {
        let namespace = &workload.id.namespace;
        let reached: BTreeSet<u16> = caller.ports.intersection(&workload.unguarded).copied().collect();
        // Whoever is meant to reach a guard is asked there like everybody.
        let meant = matches!(caller.who, Who::Gateway(_) | Who::Named(_));
        let asked = |guard: &Guard| !meant && caller.ports.contains(&guard.port);
        if reached.is_empty() && !workload.guards.iter().any(asked) {
            return;
        }
        let (from, kind) = match &caller.who {
            Who::Itself => return,
            Who::Workload(id) if *id == workload.id => return,
            Who::Gateway(id) => {
                // Its way through routes is drawn already; what it reaches beside them matters where nobody asks.
                let entry = self.node(Key::Entry(id.clone()), || entry_node(id));
                (entry, EdgeKind::Open)
            }
            Who::Everybody => {
                let title = "Any pod, any address";
                (self.start(Start::Everybody, "", title, None), EdgeKind::Open)
            }
            Who::SameNamespace => {
                let title = format!("Any pod of {namespace}");
                let start = self.start(Start::SameNamespace, namespace, &title, None);
                (start, EdgeKind::Open)
            }
            Who::Workload(id) => {
                let title = format!("Pods of {} {}", id.kind, id.name);
                let start = self.start(Start::Workload, &id.namespace, &title, Some(id));
                (start, EdgeKind::Open)
            }
            Who::OtherNamespaces(which) => {
                let start = self.start(Start::OtherNamespaces, "", which, None);
                (start, EdgeKind::Open)
            }
            Who::SameNamespaceLabelled(which) => {
                let title = format!("{which} of {namespace}");
                let start = self.start(Start::SameNamespaceLabelled, namespace, &title, None);
                (start, EdgeKind::Wide)
            }
            Who::WholeNamespace(name) => {
                let title = format!("Any pod of {name}");
                (
                    self.start(Start::WholeNamespace, name, &title, None),
                    EdgeKind::Wide,
                )
            }
            Who::LabelledNamespaces(which) => {
                let start = self.start(Start::OtherNamespaces, "", which, None);
                (start, EdgeKind::Wide)
            }
            Who::Addresses(which) => {
                let title = format!("Addresses {which}");
                (self.start(Start::Addresses, "", &title, None), EdgeKind::Wide)
            }
            Who::Named(which) => (self.start(Start::Named, "", which, None), EdgeKind::Named),
        };
        if !reached.is_empty() {
            let label = if kind == EdgeKind::Named {
                listed(&reached)
            } else {
                format!("{} unasked", listed(&reached))
            };
            self.edge(from, index, kind, label, caller.by.iter().cloned());
        }
        for (guard, node) in workload.guards.iter().zip(guards) {
            if asked(guard) {
                self.edge(
                    from,
                    *node,
                    EdgeKind::Way,
                    "needs a token",
                    caller.by.iter().cloned(),
                );
            }
        }
    }

    /// Writes what is judged on what it is about.
    fn judge(&mut self, judgements: &[Judgement]) {
        let mut about: BTreeMap<ObjectId, BTreeSet<usize>> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let own = node.object.iter().cloned();
            for id in own.chain(node.places.iter().map(|place| place.hop.object.clone())) {
                about.entry(id).or_default().insert(index);
            }
        }
        // What an edge leads through belongs to what it leads to.
        for edge in self.edges.values() {
            for place in &edge.places {
                about.entry(place.hop.object.clone()).or_default().insert(edge.to);
            }
        }
        for judgement in judgements {
            let severity = judgement.rule.severity();
            let judged = Judged {
                severity,
                rule: judgement.rule.id(),
                message: judgement.message.clone(),
                advice: judgement.advice.clone(),
            };
            let nodes = if severity == Severity::Info {
                self.workloads_of(&judgement.at.object)
            } else {
                self.judged_nodes(&about, judgement)
            };
            let nodes = if nodes.is_empty() && severity == Severity::Error {
                vec![self.note(judgement)]
            } else {
                nodes
            };
            for index in nodes {
                let node = &mut self.nodes[index];
                if severity == Severity::Error {
                    node.state = State::Open;
                }
                if !node.judged.contains(&judged) {
                    node.judged.push(judged.clone());
                }
            }
        }
        self.doubt();
    }

    fn workloads_of(&self, id: &ObjectId) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| node.kind == Kind::Workload && node.object.as_ref() == Some(id))
            .map(|(index, _)| index)
            .collect()
    }

    /// Where `verify` says that a workload's guard is another's to make, what is open here is not known to be.
    fn doubt(&mut self) {
        let doubted = |node: &Node| {
            let has = |severity| node.judged.iter().any(|judged| judged.severity == severity);
            node.kind == Kind::Workload && has(Severity::Info) && !has(Severity::Error)
        };
        let mut edges = BTreeMap::new();
        for (_, mut edge) in std::mem::take(&mut self.edges) {
            let node = &mut self.nodes[edge.to];
            if edge.kind == EdgeKind::Open && doubted(node) {
                edge.kind = EdgeKind::Unknown;
                edge.label = edge.label.replace("unasked", "not known");
                node.state = State::Plain;
            }
            edges.insert((edge.from, edge.to, edge.kind, edge.label.clone()), edge);
        }
        self.edges = edges;
    }

    /// The workload where the way ends, else what stands for the object; of those, not whoever merely passes through.
    fn judged_nodes(&self, about: &BTreeMap<ObjectId, BTreeSet<usize>>, judgement: &Judgement) -> Vec<usize> {
        let end = judgement.way.last().map(|hop| &hop.object);
        let candidates = end.into_iter().chain([&judgement.at.object]);
        for id in candidates.clone() {
            let found: Vec<usize> = about
                .get(id)
                .into_iter()
                .flatten()
                .copied()
                .filter(|index| {
                    let node = &self.nodes[*index];
                    node.kind != Kind::Start && node.object.as_ref() == Some(id)
                })
                .collect();
            let workloads: Vec<usize> = found
                .iter()
                .copied()
                .filter(|index| self.nodes[*index].kind == Kind::Workload)
                .collect();
            if !workloads.is_empty() {
                return workloads;
            }
            if !found.is_empty() {
                return found;
            }
        }
        let mut found: Vec<usize> = candidates
            .flat_map(|id| about.get(id).into_iter().flatten().copied())
            .filter(|index| !matches!(self.nodes[*index].kind, Kind::Start | Kind::Person))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn note(&mut self, judgement: &Judgement) -> usize {
        let id = &judgement.at.object;
        let index = self.node(Key::Note(id.clone()), || {
            let mut node = Node::new(Kind::Note, &id.namespace, id.name.clone());
            node.lines.push(id.kind.clone());
            node.object = Some(id.clone());
            node
        });
        self.nodes[index].places.push(placed(judgement.at.clone()));
        index
    }
}
