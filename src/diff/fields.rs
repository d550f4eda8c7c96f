//! Which fields of an object change, where the order of keys and of what is a set does not count.
//!
//! Takes two values of one object; gives paths. Items of lists are told apart by what Kubernetes tells them apart by: name,
//! mount path, port. Linear in the size of the values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::krm::annotations;

/// Lists whose order means nothing, wherever they stand.
const SETS: [&str; 18] = [
    "accessModes",
    "apiGroups",
    "exportTo",
    "finalizers",
    "hostnames",
    "imagePullSecrets",
    "matchExpressions",
    "nonResourceURLs",
    "parentRefs",
    "policyTypes",
    "resourceNames",
    "resources",
    "secrets",
    "subjectAltNames",
    "subjects",
    "tolerations",
    "values",
    "verbs",
];
/// Lists whose order means nothing in objects of a kind.
const SETS_OF: [(&str, &[&str]); 8] = [
    (
        "NetworkPolicy",
        &["ingress", "egress", "from", "to", "ports", "except"],
    ),
    ("Role", &["rules"]),
    ("ClusterRole", &["rules"]),
    ("ReferenceGrant", &["from", "to"]),
    ("AccessGraph", &["objects"]),
    ("Auth", &["adminGroups", "allowedGroups"]),
    ("Platform", &["users"]),
    ("Certificate", &["dnsNames", "ipAddresses", "uris", "usages"]),
];
/// Lists with named items whose order means something all the same.
const ORDERED: [&str; 2] = ["initContainers", "rules"];
/// What tells the items of a list apart, first match first.
const KEYS: [(&str, &[&str]); 5] = [
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("hostAliases", &["ip"]),
    ("conditions", &["type"]),
    ("ports", &["name", "containerPort", "port", "number"]),
];
/// What tells the items of any other list apart.
const NAME: [&str; 1] = ["name"];

/// The paths of the fields that differ, in the order of the newer side.
pub(super) fn changed(kind: &str, base: &Value, head: &Value) -> Vec<String> {
    let mut comparison = Comparison {
        kind,
        found: Vec::new(),
    };
    comparison.values(&Path::default(), Some(base), Some(head));
    comparison.found
}

struct Comparison<'a> {
    kind: &'a str,
    found: Vec<String>,
}

/// A path, and its last key.
#[derive(Clone, Default)]
struct Path {
    text: String,
    last: String,
}

// === impl Path ===

impl Path {
    fn key(&self, key: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let text = if !key.chars().all(plain) {
            format!("{}[{key:?}]", self.text)
        } else if self.text.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.text)
        };
        Self {
            text,
            last: key.to_owned(),
        }
    }

    fn item(&self, item: &str) -> Self {
        Self {
            text: format!("{}[{item}]", self.text),
            last: self.last.clone(),
        }
    }
}

// === impl Comparison ===

impl Comparison<'_> {
    fn values(&mut self, path: &Path, base: Option<&Value>, head: Option<&Value>) {
        let written = |value: Option<&'_ Value>| value.is_some_and(|value| !value.is_null());
        match (base, head) {
            (Some(base), Some(head)) if base == head => {}
            (Some(Value::Object(base)), Some(Value::Object(head))) => self.maps(path, base, head),
            // One annotation more is no reason to name all of them.
            (None, Some(Value::Object(head))) if path.text.starts_with("metadata.") => {
                self.maps(path, &Map::new(), head);
            }
            (Some(Value::Object(base)), None) if path.text.starts_with("metadata.") => {
                self.maps(path, base, &Map::new());
            }
            (Some(Value::Array(base)), Some(Value::Array(head))) => self.lists(path, base, head),
            _ if !written(base) && !written(head) => {}
            _ => self.found.push(path.text.clone()),
        }
    }

    fn maps(&mut self, path: &Path, base: &Map<String, Value>, head: &Map<String, Value>) {
        let annotations = path.text == "metadata.annotations";
        let gone = base.keys().filter(|key| !head.contains_key(*key));
        for key in head.keys().chain(gone) {
            if !(annotations && annotations::is_internal(key)) {
                self.values(&path.key(key), base.get(key), head.get(key));
            }
        }
    }

    fn lists(&mut self, path: &Path, base: &[Value], head: &[Value]) {
        if is_set(self.kind, &path.last) {
            self.sets(path, base, head);
        } else if let (Some(old), Some(new)) = (keyed(&path.last, base), keyed(&path.last, head)) {
            self.keyed(path, &old, &new);
        } else {
            self.ordered(path, base, head);
        }
    }

    fn keyed(&mut self, path: &Path, base: &Keyed<'_>, head: &Keyed<'_>) {
        for (key, _, value) in &head.items {
            self.values(&path.item(key), base.get(key), Some(value));
        }
        for (key, _, _) in base.items.iter().filter(|(key, _, _)| head.get(key).is_none()) {
            self.found.push(path.item(key).text);
        }
        let common = |this: &Keyed<'_>, other: &Keyed<'_>| -> Vec<String> {
            let keys = this.items.iter().map(|(key, _, _)| key.clone());
            keys.filter(|key| other.get(key).is_some()).collect()
        };
        let counts = ORDERED.contains(&path.last.as_str()) || (path.last == "env" && base.has_references());
        if counts && common(base, head) != common(head, base) {
            self.found.push(format!("{} (order)", path.text));
        }
    }

    fn sets(&mut self, path: &Path, base: &[Value], head: &[Value]) {
        let mut left: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for value in base {
            left.entry(canonical(self.kind, &path.last, value))
                .or_default()
                .push(value);
        }
        let mut new = Vec::new();
        for (index, value) in head.iter().enumerate() {
            let same = left.get_mut(&canonical(self.kind, &path.last, value));
            if same.and_then(Vec::pop).is_none() {
                new.push((index, value));
            }
        }
        let old: Vec<&Value> = left.into_values().flatten().collect();
        let scalars = |value: &Value| !value.is_object() && !value.is_array();
        if old.len() != new.len() || old.iter().any(|value| scalars(value)) {
            if !(old.is_empty() && new.is_empty()) {
                self.found.push(path.text.clone());
            }
            return;
        }
        for (old, (index, new)) in old.into_iter().zip(new) {
            self.values(&path.item(&index.to_string()), Some(old), Some(new));
        }
    }

    fn ordered(&mut self, path: &Path, base: &[Value], head: &[Value]) {
        let structured = |values: &[Value]| values.iter().all(|value| value.is_object() || value.is_array());
        if base.len() != head.len() || !structured(base) || !structured(head) {
            let kind = self.kind;
            let same = base.len() == head.len()
                && base.iter().zip(head).all(|(base, head)| {
                    canonical(kind, &path.last, base) == canonical(kind, &path.last, head)
                });
            if !same {
                self.found.push(path.text.clone());
            }
            return;
        }
        for (index, (base, head)) in base.iter().zip(head).enumerate() {
            self.values(&path.item(&index.to_string()), Some(base), Some(head));
        }
    }
}

/// The items of a list by what tells them apart.
struct Keyed<'a> {
    items: Vec<(String, usize, &'a Value)>,
    by_key: BTreeMap<String, &'a Value>,
}

// === impl Keyed ===

impl<'a> Keyed<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.by_key.get(key).copied()
    }

    /// Whether a value is made of an earlier one, `$(NAME)`: then their order counts.
    fn has_references(&self) -> bool {
        let value = |item: &'a Value| item.get("value").and_then(Value::as_str);
        self.items
            .iter()
            .filter_map(|(_, _, item)| value(item))
            .any(|text| text.contains("$("))
    }
}

/// The items of a list by their keys, if each has one of its own.
fn keyed<'a>(list: &str, values: &'a [Value]) -> Option<Keyed<'a>> {
    let fields = KEYS.iter().find(|(name, _)| *name == list);
    let fields: &[&str] = fields.map_or(&NAME, |(_, fields)| fields);
    'fields: for field in fields {
        let mut seen = BTreeSet::new();
        let mut items = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let key = match value.get(field) {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(Value::Number(number)) => {
                    let protocol = value.get("protocol").and_then(Value::as_str);
                    match protocol {
                        Some(protocol) if protocol != "TCP" => format!("{number}/{protocol}"),
                        _ => number.to_string(),
                    }
                }
                _ => continue 'fields,
            };
            if !seen.insert(key.clone()) {
                continue 'fields;
            }
            items.push((key, index, value));
        }
        let by_key = items
            .iter()
            .map(|(key, _, value)| (key.clone(), *value))
            .collect();
        return Some(Keyed { items, by_key });
    }
    None
}

fn is_set(kind: &str, list: &str) -> bool {
    SETS.contains(&list)
        || SETS_OF
            .iter()
            .any(|(of, lists)| *of == kind && lists.contains(&list))
}

/// A value as one text in which no order that means nothing is left.
fn canonical(kind: &str, list: &str, value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> =
                map.iter().filter(|(_, value)| !value.is_null()).collect();
            let fields = sorted
                .into_iter()
                .map(|(key, value)| format!("{key:?}:{}", canonical(kind, key, value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            let mut items: Vec<String> = values.iter().map(|value| canonical(kind, list, value)).collect();
            if is_set(kind, list) {
                items.sort();
            }
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(kind: &str, base: &Value, head: &Value) -> Vec<String> {
        changed(kind, base, head)
    }

    #[test]
    fn order_of_keys_and_sets_is_no_change() {
        let base = json!({"rules": [{"verbs": ["get", "list"], "resources": ["pods"]}, {"verbs": ["*"]}], "a": 1, "n": null});
        let head =
            json!({"a": 1, "rules": [{"verbs": ["*"]}, {"resources": ["pods"], "verbs": ["list", "get"]}]});
        assert_eq!(paths("Role", &base, &head), [""; 0]);
        // Of a route, the order of rules decides.
        assert!(!paths("HTTPRoute", &base, &head).is_empty());
    }

    #[test]
    fn items_are_told_apart_by_their_names() {
        let base = json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "args": ["1", "2"]}]});
        let head = json!({"containers": [{"name": "b", "args": ["2", "1"]}, {"name": "a", "image": "y"}, {"name": "c"}]});
        assert_eq!(
            paths("Pod", &base, &head),
            ["containers[b].args", "containers[a].image", "containers[c]"]
        );
    }

    #[test]
    fn ports_without_names_are_told_apart_by_their_numbers() {
        let base = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
        let head = json!({"ports": [{"port": 53, "protocol": "TCP", "targetPort": 1}, {"port": 53, "protocol": "UDP"}]});
        assert_eq!(paths("Service", &base, &head), ["ports[53].targetPort"]);
    }

    #[test]
    fn a_policy_is_a_union() {
        let rule = |app: &str| json!({"from": [{"podSelector": {"matchLabels": {"app": app}}}], "ports": [{"port": 1}]});
        let base = json!({"spec": {"ingress": [rule("a"), rule("b")]}});
        let head = json!({"spec": {"ingress": [rule("b"), rule("c")]}});
        assert_eq!(
            paths("NetworkPolicy", &base, &head),
            ["spec.ingress[1].from[0].podSelector.matchLabels.app"]
        );
        let less = json!({"spec": {"ingress": [rule("b")]}});
        assert_eq!(paths("NetworkPolicy", &base, &less), ["spec.ingress"]);
    }

    #[test]
    fn what_orchestrators_note_for_themselves_is_no_change() {
        let base = json!({"metadata": {"name": "a"}});
        let head =
            json!({"metadata": {"name": "a", "annotations": {"internal.config.kubernetes.io/index": "1"}}});
        assert_eq!(paths("Pod", &base, &head), [""; 0]);
        let head = json!({"metadata": {"name": "a", "annotations": {"a.b/c": "1"}}});
        assert_eq!(paths("Pod", &base, &head), ["metadata.annotations[\"a.b/c\"]"]);
    }

    #[test]
    fn the_order_of_variables_counts_where_one_is_made_of_another() {
        let base = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]});
        let head = json!({"env": [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]});
        assert_eq!(paths("Pod", &base, &head), ["env (order)"]);
    }
}
