//! The objects of a gateway, ours and the operator's, side by side by group, kind, namespace and name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::recorded::difference::{At, Difference, NOTHING, Words, text, value};

/// Group, kind, namespace and name.
type Id = [String; 4];
/// Objects by what they are.
type Graph = BTreeMap<Id, Value>;

fn id(object: &Value) -> Id {
    let version = text(object, "/apiVersion");
    let group = version.split_once('/').map_or("", |(group, _)| group);
    [
        group,
        text(object, "/kind"),
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    ]
    .map(str::to_owned)
}

/// What the operator made: objects that the input brought along are not its own, but for the documents that it wrote to.
pub(super) fn of_operator(live: &[Value], input: &[Value]) -> Graph {
    let brought: BTreeSet<Id> = input.iter().map(id).collect();
    let own = live.iter().filter(|object| !brought.contains(&id(object)));
    own.map(|object| (id(object), opened(object))).collect()
}

/// What we made, but for the list of it.
pub(super) fn of_ours(rendered: &[Value]) -> Graph {
    let source = "/metadata/annotations/gatewright.dev~1source";
    let made = rendered
        .iter()
        .filter(|object| !text(object, source).is_empty() && object["kind"] != "AccessGraph");
    made.map(|object| (id(object), opened(object))).collect()
}

/// An object by what it says: a ConfigMap's files as values, a role's rules one for each resource, with verbs in order.
fn opened(object: &Value) -> Value {
    let mut object = object.clone();
    match text(&object, "/kind") {
        "ConfigMap" => {
            let files = object["data"].as_object_mut().into_iter().flatten();
            for (_, file) in files.filter(|(name, _)| !name.contains('.')) {
                *file = value(file.as_str().unwrap_or_default());
            }
        }
        "ClusterRole" | "Role" => {
            let rules = object["rules"].as_array().into_iter().flatten();
            object["rules"] = rules.flat_map(by_resource).collect();
        }
        _ => {}
    }
    object
}

fn by_resource(rule: &Value) -> Vec<Value> {
    let texts = |field: &str| -> Vec<String> {
        let items = rule[field].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut verbs = texts("verbs");
    verbs.sort();
    let mut rules = Vec::new();
    for group in texts("apiGroups") {
        for resource in texts("resources") {
            let mut one = rule.clone();
            one["apiGroups"] = json!([group]);
            one["resources"] = json!([resource]);
            one["verbs"] = json!(verbs);
            rules.push(one);
        }
    }
    rules
}

/// Every difference between two graphs.
pub(super) fn differences(theirs: &Graph, ours: &Graph) -> Vec<Difference> {
    let mut found = Vec::new();
    let keys: BTreeSet<&Id> = theirs.keys().chain(ours.keys()).collect();
    for key in keys {
        let [_, kind, _, name] = key;
        let part = format!("{kind} {name}");
        let mut at = At {
            words: &Plain,
            part: &part,
            found: &mut found,
        };
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) => at.compare("", theirs, ours),
            (first, second) => {
                let told = |object: Option<&Value>| object.map_or(NOTHING, |_| "made").to_owned();
                at.say("the object".to_owned(), told(first), told(second));
            }
        }
    }
    found
}

/// A gateway's names are the same in every case.
struct Plain;

// === impl Plain ===

impl Words for Plain {
    fn plain(&self, text: &str) -> String {
        let hash = text.strip_prefix("sha256:").unwrap_or(text);
        if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return "<sha256>".to_owned();
        }
        text.to_owned()
    }

    fn key(&self, path: &str, field: &str, item: &Value) -> Option<String> {
        match field {
            "containers" | "volumes" | "volumeMounts" | "env" | "ports" | "listeners" | "subjects"
                if item["name"].is_string() =>
            {
                Some(text(item, "/name").to_owned())
            }
            "rules" if item["apiGroups"].is_array() => {
                let resource = text(item, "/resources/0");
                Some(
                    format!("{resource}.{}", text(item, "/apiGroups/0"))
                        .trim_end_matches('.')
                        .to_owned(),
                )
            }
            "args" => {
                let arg = item.as_str()?;
                let flag = arg.split('=').next().unwrap_or_default();
                // It is given once for each group.
                let many = flag == "--allowed-group";
                Some(if many { arg } else { flag }.to_owned())
            }
            _ if field.ends_with("patterns") => Some(text(item, "/exact").to_owned()),
            "configPatches" => {
                let route = "/match/routeConfiguration/vhost/route/name";
                let names = [text(item, "/patch/value/name"), text(item, route)];
                Some(names.concat())
            }
            "ingress" if path == "spec.ingress" => item["ports"]
                .as_array()
                .and_then(|ports| ports.first())
                .and_then(|port| {
                    let from = text(
                        item,
                        "/from/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name",
                    );
                    Some(format!("{} from {from}", port["port"].as_u64()?))
                }),
            _ => None,
        }
    }

    fn label(&self, _path: &str, key: &str) -> String {
        key.to_owned()
    }

    fn is_file(&self, _path: &str) -> bool {
        false
    }
}
