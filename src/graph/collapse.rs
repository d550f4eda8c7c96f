//! Large pictures, folded by namespace until they can be looked at.
//!
//! What is guarded is folded first. What is open stays as it is for as long as there is room, and is never folded together
//! with what is guarded: a count of open things stays a count of open things.

use std::collections::{BTreeMap, BTreeSet};

use super::picture::{Edge, EdgeKind, Kind, Node, Picture, Start, State, counted};

/// How many places a folded node or edge keeps.
const PLACES: usize = 12;
/// How many of a namespace's people are drawn before they are folded.
const PEOPLE: usize = 3;

/// Folds until at most `limit` nodes are left, or nothing is left to fold.
pub(super) fn fold(picture: &Picture, limit: usize) -> Picture {
    let mut folded = step(picture, &Depth::Guarded);
    if folded.nodes.len() > limit {
        folded = step(picture, &Depth::Open);
    }
    if folded.nodes.len() > limit {
        let kept = most_telling(picture, limit / 6);
        folded = step(picture, &Depth::Namespaces(kept));
    }
    folded.summary = format!("{}; folded by namespace", picture.summary);
    folded
}

/// How much is folded.
enum Depth {
    /// What is guarded, within its namespace.
    Guarded,
    /// Everything within its namespace.
    Open,
    /// Everything within its namespace, and all namespaces but these together.
    Namespaces(BTreeSet<String>),
}

/// Namespaces in which something is open come first, those with most of it before others.
fn most_telling(picture: &Picture, limit: usize) -> BTreeSet<String> {
    let mut found: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for node in picture.nodes.iter().filter(|node| node.kind == Kind::Workload) {
        let (open, all) = found.entry(&node.namespace).or_default();
        *open += usize::from(node.state == State::Open);
        *all += 1;
    }
    let mut order: Vec<(&str, (usize, usize))> = found.into_iter().collect();
    order.sort_by(|(a, (open_a, all_a)), (b, (open_b, all_b))| (open_b, all_b, a).cmp(&(open_a, all_a, b)));
    order
        .into_iter()
        .take(limit)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// What falls together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    /// Stays alone.
    Alone(usize),
    /// Things of one kind; open ones apart. No namespace: those of all that are not drawn.
    Together(Kind, bool, Option<String>),
    /// Starting points of one class.
    Starts(Start, Option<String>),
}

fn step(picture: &Picture, depth: &Depth) -> Picture {
    let people = people(picture);
    let opens: BTreeSet<usize> = picture
        .edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::Open)
        .flat_map(|edge| [edge.from, edge.to])
        .collect();
    let bucket = |index: usize| -> Bucket {
        let node = &picture.nodes[index];
        let open = node.state == State::Open || opens.contains(&index);
        let namespace = |name: &str| match depth {
            Depth::Namespaces(kept) if !kept.contains(name) => None,
            _ => Some(name.to_owned()),
        };
        match node.kind {
            Kind::Person => match people.get(&index) {
                Some(Crowd::Within(name)) => Bucket::Together(Kind::Person, false, namespace(name)),
                Some(Crowd::Across) if !matches!(depth, Depth::Guarded) => {
                    Bucket::Together(Kind::Person, false, None)
                }
                _ => Bucket::Alone(index),
            },
            Kind::Start => match (&node.start, depth) {
                (None | Some(Start::Outside), _) => Bucket::Alone(index),
                (_, Depth::Guarded) if open => Bucket::Alone(index),
                (
                    Some(
                        Start::SameNamespace
                        | Start::SameNamespaceLabelled
                        | Start::WholeNamespace
                        | Start::Workload,
                    ),
                    _,
                ) => Bucket::Starts(Start::SameNamespace, namespace(&node.namespace)),
                (Some(start), _) => Bucket::Starts(start.clone(), None),
            },
            Kind::Entry => match depth {
                Depth::Guarded => Bucket::Alone(index),
                _ if node.state == State::Guarded => Bucket::Alone(index),
                _ => Bucket::Together(Kind::Entry, open, namespace(&node.namespace)),
            },
            _ if open && matches!(depth, Depth::Guarded) => Bucket::Alone(index),
            kind => Bucket::Together(kind, open, namespace(&home(picture, index))),
        }
    };
    merge(picture, &bucket)
}

/// A route belongs to what it leads to, wherever it is written.
fn home(picture: &Picture, index: usize) -> String {
    let node = &picture.nodes[index];
    if node.kind != Kind::Route {
        return node.namespace.clone();
    }
    // Edges are in the order of their ends.
    let first = picture.edges.partition_point(|edge| edge.from < index);
    picture
        .edges
        .get(first)
        .filter(|edge| edge.from == index)
        .map_or_else(
            || node.namespace.clone(),
            |edge| picture.nodes[edge.to].namespace.clone(),
        )
}

/// Where people are let in.
enum Crowd {
    Within(String),
    Across,
}

/// People that are too many to be drawn, by where they are let in.
fn people(picture: &Picture) -> BTreeMap<usize, Crowd> {
    let mut reach: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for edge in &picture.edges {
        if picture.nodes[edge.from].kind == Kind::Person {
            reach
                .entry(edge.from)
                .or_default()
                .insert(&picture.nodes[edge.to].namespace);
        }
    }
    let mut within: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut across = Vec::new();
    for (index, namespaces) in &reach {
        match namespaces.iter().next() {
            Some(name) if namespaces.len() == 1 => within.entry(name).or_default().push(*index),
            _ => across.push(*index),
        }
    }
    let crowds = within.into_iter().filter(|(_, people)| people.len() > PEOPLE);
    let mut found: BTreeMap<usize, Crowd> = crowds
        .flat_map(|(name, people)| {
            people
                .into_iter()
                .map(move |index| (index, Crowd::Within(name.to_owned())))
        })
        .collect();
    if across.len() > PEOPLE * PEOPLE {
        found.extend(across.into_iter().map(|index| (index, Crowd::Across)));
    }
    // With many namespaces, the few people of each are many as well.
    let left: Vec<usize> = reach
        .keys()
        .copied()
        .filter(|index| !found.contains_key(index))
        .collect();
    if left.len() > PEOPLE * PEOPLE {
        for index in left {
            let name = reach[&index].iter().next().copied().unwrap_or_default();
            found.insert(index, Crowd::Within(name.to_owned()));
        }
    }
    found
}

fn merge(picture: &Picture, bucket: &dyn Fn(usize) -> Bucket) -> Picture {
    let mut members: BTreeMap<Bucket, Vec<usize>> = BTreeMap::new();
    for index in 0..picture.nodes.len() {
        members.entry(bucket(index)).or_default().push(index);
    }
    let mut place = vec![0; picture.nodes.len()];
    let mut nodes = Vec::new();
    for (bucket, members) in members {
        for index in &members {
            place[*index] = nodes.len();
        }
        let all: Vec<&Node> = members.iter().map(|index| &picture.nodes[*index]).collect();
        nodes.push(match all.as_slice() {
            [one] => (*one).clone(),
            _ => together(&bucket, &all),
        });
    }
    let mut edges: BTreeMap<(usize, usize, EdgeKind), (Edge, BTreeSet<String>)> = BTreeMap::new();
    for edge in &picture.edges {
        let (from, to) = (place[edge.from], place[edge.to]);
        let (merged, labels) = edges.entry((from, to, edge.kind)).or_insert_with(|| {
            let edge = Edge {
                from,
                to,
                count: 0,
                places: Vec::new(),
                ..edge.clone()
            };
            (edge, BTreeSet::new())
        });
        merged.count += edge.count;
        labels.insert(edge.label.clone());
        let room = PLACES.saturating_sub(merged.places.len());
        merged.places.extend(edge.places.iter().take(room).cloned());
    }
    let edges = edges.into_values().map(|(edge, labels)| {
        let one = labels.iter().next().filter(|_| labels.len() == 1);
        let label = match (one, edge.kind) {
            (Some(label), _) if edge.count == 1 => label.clone(),
            (Some(label), _) if !label.is_empty() => format!("{}× {label}", edge.count),
            (_, EdgeKind::Open) => format!("{}× no guard asks", edge.count),
            (_, EdgeKind::Admitted) => counted(edge.count, "right"),
            (_, EdgeKind::Closed) => format!("{}× stopped", edge.count),
            _ => String::new(),
        };
        Edge { label, ..edge }
    });
    let edges = edges.collect();
    Picture {
        title: picture.title.clone(),
        summary: picture.summary.clone(),
        nodes,
        edges,
    }
    .sorted()
}

/// One node for several.
fn together(bucket: &Bucket, all: &[&Node]) -> Node {
    let (kind, namespace) = match bucket {
        Bucket::Together(kind, _, namespace) => (*kind, namespace.clone()),
        Bucket::Starts(_, namespace) => (Kind::Start, namespace.clone()),
        Bucket::Alone(_) => (Kind::Note, None),
    };
    let open = all.iter().any(|node| node.state == State::Open);
    let count: usize = all.iter().map(|node| node.count).sum();
    let what = match kind {
        Kind::Person => "person or group",
        Kind::Start => "kind of caller",
        Kind::Entry if open => "entry with findings",
        Kind::Entry => "entry",
        Kind::Route => "route",
        Kind::Guard => "guard",
        Kind::Workload if open => "OPEN workload",
        Kind::Workload => "workload",
        Kind::Note => "other object",
    };
    let title = match what {
        "person or group" => format!("{count} people and groups"),
        "kind of caller" => format!("{count} kinds of callers"),
        "entry" => format!("{count} entries"),
        "entry with findings" => format!("{count} entries with findings"),
        what => counted(count, what),
    };
    let mut node = Node::new(kind, namespace.as_deref().unwrap_or_default(), title);
    node.count = count;
    node.state = if open {
        State::Open
    } else if all.iter().any(|node| node.state == State::Guarded) {
        State::Guarded
    } else {
        State::Plain
    };
    node.lines.push(match &namespace {
        Some(name) if name.is_empty() => "of the cluster".to_owned(),
        Some(name) => format!("of {name}"),
        None => {
            let names: BTreeSet<&str> = all.iter().map(|node| node.namespace.as_str()).collect();
            if kind == Kind::Person || names.len() < 2 {
                "of several namespaces".to_owned()
            } else {
                format!("of {} more namespaces", names.len())
            }
        }
    });
    if kind == Kind::Workload {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for node in all {
            let word = node.object.as_ref().map_or("", |id| id.kind.as_str());
            *kinds.entry(word).or_default() += node.count;
        }
        let said: Vec<String> = kinds.iter().map(|(kind, count)| counted(*count, kind)).collect();
        node.lines.push(said.join(", "));
    }
    node.start = all.first().and_then(|node| node.start.clone());
    let places = all.iter().flat_map(|node| node.places.iter());
    node.places = places.take(PLACES).cloned().collect();
    let judged = all.iter().flat_map(|node| node.judged.iter());
    node.judged = judged.take(PLACES).cloned().collect();
    node
}
