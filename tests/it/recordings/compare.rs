//! Two access graphs side by side: what plays which part, and where two objects of one part differ.
//!
//! Names differ from case to case, so differences are told as patterns: `<nb>` is the Notebook, `<ns>` its namespace.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::recorded::difference::{At, Difference, NOTHING, Words, text};

/// A Notebook: namespace and name.
pub(super) type Id = (String, String);

/// The objects of a graph by the Notebook they belong to and the part they play.
pub(super) type Graph = BTreeMap<(Id, String), Value>;

/// The container and, with suffixes, the objects of the guard.
const GUARD: &str = "kube-rbac-proxy";

pub(super) fn id(object: &Value) -> Id {
    (
        text(object, "/metadata/namespace").to_owned(),
        text(object, "/metadata/name").to_owned(),
    )
}

fn kind(object: &Value) -> &str {
    text(object, "/kind")
}

/// The Notebooks among objects.
pub(super) fn notebooks(objects: &[Value]) -> Vec<Id> {
    objects
        .iter()
        .filter(|object| kind(object) == "Notebook")
        .map(id)
        .collect()
}

/// What the controllers made. Objects that the input brought along are not theirs.
pub(super) fn of_controller(live: &[Value], input: &[Value]) -> Graph {
    let brought: BTreeSet<(&str, Id)> = input
        .iter()
        .filter(|object| kind(object) != "Notebook")
        .map(|object| (kind(object), id(object)))
        .collect();
    let all = notebooks(live);
    let mut graph = Graph::new();
    for object in live {
        if brought.contains(&(kind(object), id(object))) {
            continue;
        }
        let (namespace, name) = id(object);
        let owner = object
            .pointer("/metadata/ownerReferences/0")
            .filter(|owner| owner["kind"] == "Notebook");
        let owned = owner.map(|owner| (namespace.clone(), text(owner, "/name").to_owned()));
        let in_namespace: Vec<Id> = all.iter().filter(|id| id.0 == namespace).cloned().collect();
        let (owners, part) = match kind(object) {
            "Notebook" => (vec![(namespace, name)], "Notebook".to_owned()),
            "ServiceAccount" => (owned.into_iter().collect(), "ServiceAccount".to_owned()),
            "ConfigMap" if owned.is_some() => (owned.into_iter().collect(), "ConfigMap".to_owned()),
            "Service" if name.ends_with(GUARD) => (owned.into_iter().collect(), "Service".to_owned()),
            "Service" | "StatefulSet" => (
                owned.into_iter().collect(),
                format!("{} (base controller)", kind(object)),
            ),
            "NetworkPolicy" if name.ends_with("-ctrl-np") => {
                (owned.into_iter().collect(), NOTEBOOK_PORT_PART.to_owned())
            }
            "NetworkPolicy" => (owned.into_iter().collect(), GUARD_PORT_PART.to_owned()),
            "ClusterRoleBinding" => {
                let subject = &object["subjects"][0];
                let of = (
                    text(subject, "/namespace").to_owned(),
                    text(subject, "/name").to_owned(),
                );
                (vec![of], "ClusterRoleBinding".to_owned())
            }
            "HTTPRoute" => {
                let labels = &object["metadata"]["labels"];
                let of = (
                    text(labels, "/notebook-namespace").to_owned(),
                    text(labels, "/notebook-name").to_owned(),
                );
                (vec![of], "HTTPRoute".to_owned())
            }
            "ReferenceGrant" => (in_namespace, "ReferenceGrant".to_owned()),
            // One a namespace, or one a Notebook and feature.
            other => (
                in_namespace,
                format!(
                    "{other} {}",
                    name.replace(&format!("-{}", first(&all)), "-<nb>")
                        .replace(&format!("{}-", first(&all)), "<nb>-",)
                ),
            ),
        };
        for owner in owners.into_iter().filter(|owner| all.contains(owner)) {
            let other = graph.insert((owner.clone(), part.clone()), object.clone());
            assert!(other.is_none(), "{owner:?} has two of {part}");
        }
    }
    graph
}

fn first(all: &[Id]) -> &str {
    all.first().map_or("", |(_, name)| name)
}

const GUARD_PORT_PART: &str = "NetworkPolicy (the guard's port)";
const NOTEBOOK_PORT_PART: &str = "NetworkPolicy (the notebook's port)";

/// What we made. The policy that closes a namespace is seen from each of its Notebooks, once for either port, as the
/// controller's two policies are.
pub(super) fn of_ours(rendered: &[Value], input: &[Value]) -> Graph {
    let all = notebooks(rendered);
    let mut graph = Graph::new();
    let mut put = |owner: Id, part: String, object: Value| {
        let other = graph.insert((owner.clone(), part.clone()), object);
        assert!(other.is_none(), "{owner:?} has two of {part}");
    };
    for object in rendered {
        if kind(object) == "Notebook" {
            put(id(object), "Notebook".to_owned(), object.clone());
            continue;
        }
        let source = text(object, "/metadata/annotations/gatewright.dev~1source");
        if source.is_empty() {
            let theirs = input
                .iter()
                .any(|other| kind(other) == kind(object) && id(other) == id(object));
            assert!(
                theirs,
                "{} {:?} says nothing of its source",
                kind(object),
                id(object)
            );
            continue;
        }
        let parts: Vec<&str> = source.split('/').collect();
        match (parts[1], kind(object)) {
            ("Platform", "NetworkPolicy") => {
                for owner in all.iter().filter(|(namespace, _)| *namespace == id(object).0) {
                    let [guard, notebook] = views(object);
                    put(owner.clone(), GUARD_PORT_PART.to_owned(), guard);
                    put(owner.clone(), NOTEBOOK_PORT_PART.to_owned(), notebook);
                }
            }
            ("Notebook", kind) => {
                let part = if kind == "NetworkPolicy" {
                    "NetworkPolicy (another port of the notebook's)"
                } else {
                    kind
                };
                put(
                    (parts[2].to_owned(), parts[3].to_owned()),
                    part.to_owned(),
                    object.clone(),
                );
            }
            // The list of what Platform itself calls for.
            ("Platform", "AccessGraph") => {}
            _ => panic!("{source}: made for what?"),
        }
    }
    graph
}

fn views(policy: &Value) -> [Value; 2] {
    let of = |guard: bool| {
        let mut view = policy.clone();
        let rules = view["spec"]["ingress"].as_array_mut().unwrap();
        rules.retain(|rule| (rule["ports"][0]["port"] == 8443) == guard);
        view
    };
    [of(true), of(false)]
}

/// Every difference between two graphs.
pub(super) fn differences(theirs: &Graph, ours: &Graph) -> Vec<Difference> {
    let mut found = Vec::new();
    let keys: BTreeSet<&(Id, String)> = theirs.keys().chain(ours.keys()).collect();
    for key in keys {
        let (id, part) = key;
        let mut at = At {
            words: &Names(id),
            part,
            found: &mut found,
        };
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) => at.compare("", theirs, ours),
            (theirs_has, ours_has) => {
                let guarded = ours.contains_key(&(id.clone(), "ClusterRoleBinding".to_owned()));
                let field = if guarded {
                    "the object, of a guarded Notebook"
                } else {
                    "the object, of a Notebook without a guard"
                };
                let name = |object: Option<&Value>| {
                    object.map_or(NOTHING.to_owned(), |object| {
                        if object["metadata"]["generateName"].is_string() {
                            "a random name".to_owned()
                        } else {
                            abstracted(text(object, "/metadata/name"), id)
                        }
                    })
                };
                at.say(field.to_owned(), name(theirs_has), name(ours_has));
            }
        }
    }
    found
}

/// The names of a Notebook, which are told as patterns.
struct Names<'a>(&'a Id);

// === impl Names ===

impl Words for Names<'_> {
    fn plain(&self, text: &str) -> String {
        abstracted(text, self.0)
    }

    fn key(&self, path: &str, field: &str, item: &Value) -> Option<String> {
        match field {
            "containers" | "initContainers" | "volumes" | "volumeMounts" | "env" | "ports"
                if path.contains("template") =>
            {
                Some(item["name"].as_str().unwrap_or_default().to_owned())
            }
            "args" => Some(item.as_str()?.split('=').next().unwrap_or_default().to_owned()),
            _ => None,
        }
    }

    fn label(&self, path: &str, key: &str) -> String {
        // The user's own containers are all alike.
        let own = path.ends_with("ontainers") && key != GUARD;
        if own { String::new() } else { key.to_owned() }
    }

    fn is_file(&self, path: &str) -> bool {
        path.starts_with("data[")
    }
}

/// A text without the names of its case: only where a name stands for itself, for many are as short as `a`.
fn abstracted(text: &str, (namespace, name): &Id) -> String {
    let hash = |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.starts_with("sha256:") || (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return "<sha256>".to_owned();
    }
    let path = format!("/{namespace}/{name}");
    if let Some(head) = text.strip_suffix(&path) {
        return format!("{head}/<ns>/<nb>");
    }
    if let Some(rest) = text.strip_prefix(&format!("nb-{namespace}-{name}")) {
        if rest.is_empty() {
            return "nb-<ns>-<nb>".to_owned();
        }
        if let Some(rest) = rest.strip_prefix('-') {
            let (first, rest) = rest
                .split_once('-')
                .map_or((rest, ""), |(first, rest)| (first, rest));
            return match (hash(first), rest) {
                (true, "") => "nb-<ns>-<nb>-<hash>".to_owned(),
                (true, rest) => format!("nb-<ns>-<nb>-<hash>-{rest}"),
                (false, "") => format!("nb-<ns>-<nb>-{first}"),
                (false, rest) => format!("nb-<ns>-<nb>-{first}-{rest}"),
            };
        }
    }
    if let Some(rest) = text.strip_prefix(&format!("{name}-rbac-{namespace}-")) {
        return format!("<nb>-rbac-<ns>-{rest}");
    }
    if text == name {
        return "<nb>".to_owned();
    }
    if let Some(rest) = text.strip_prefix(&format!("{name}-")) {
        return format!("<nb>-{rest}");
    }
    if text.strip_prefix("notebook-") == Some(name) {
        return "notebook-<nb>".to_owned();
    }
    if text == namespace {
        return "<ns>".to_owned();
    }
    // A name that was cut, and a hash instead of the rest.
    let common = text.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    if common >= 20
        && let Some((first, rest)) = text[common..].trim_start_matches('-').split_once('-')
        && hash(first)
    {
        return format!("<nb, cut>-<hash>-{rest}");
    }
    text.to_owned()
}
