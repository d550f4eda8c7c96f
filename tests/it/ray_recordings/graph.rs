//! The objects of a Ray cluster, ours and an operator's: which there are, by kind and name, and what stands in the cluster
//! itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::recorded::difference::{At, Difference, NOTHING, Words, text};

/// The kinds that hold a cluster.
const RAY: [&str; 3] = ["RayCluster", "RayJob", "RayService"];

/// What the cases of an operator's recordings are called: their namespaces begin so.
const OPERATORS: [(&str, &str); 3] = [
    ("r-", "Open Data Hub's"),
    ("c-", "CodeFlare's"),
    ("u-", "KubeRay"),
];

/// Kind and name, without the names of the case.
type Id = (String, String);

/// Every difference of a case.
pub(super) fn differences(input: &[Value], live: &[Value], rendered: &[Value]) -> Vec<Difference> {
    let words = Names::of(input);
    let brought: BTreeSet<Id> = input.iter().map(|object| words.id(object)).collect();
    let made = |objects: &[Value], is_made: &dyn Fn(&Value) -> bool| -> BTreeMap<Id, Value> {
        let made = objects.iter().filter(|object| is_made(object));
        made.map(|object| (words.id(object), object.clone())).collect()
    };
    let is_ray = |object: &Value| RAY.contains(&text(object, "/kind"));
    let theirs = made(live, &|object| {
        is_ray(object) || !brought.contains(&words.id(object))
    });
    let source = "/metadata/annotations/gatewright.dev~1source";
    let ours = made(rendered, &|object| {
        is_ray(object) || !text(object, source).is_empty() && object["kind"] != "AccessGraph"
    });
    let mut found = Vec::new();
    let ids: BTreeSet<&Id> = theirs.keys().chain(ours.keys()).collect();
    for id in ids {
        let (kind, name) = id;
        let mut at = At {
            words: &words,
            part: kind,
            found: &mut found,
        };
        match (theirs.get(id), ours.get(id)) {
            (Some(theirs), Some(ours)) if is_ray(theirs) => {
                for field in ["metadata", "spec"] {
                    at.compare(field, &theirs[field], &ours[field]);
                }
            }
            (Some(_), Some(_)) => at.say(name.clone(), words.operator.to_owned(), "made as well".to_owned()),
            (first, second) => {
                let told = |object: Option<&Value>, by: &str| object.map_or(NOTHING, |_| by).to_owned();
                at.say(name.clone(), told(first, words.operator), told(second, "made"));
            }
        }
    }
    found
}

/// The names of a case.
struct Names {
    operator: &'static str,
    /// Names and what stands for them, longest first.
    names: Vec<(String, &'static str)>,
}

// === impl Names ===

impl Names {
    fn of(input: &[Value]) -> Self {
        let mut names = Vec::new();
        let mut operator = "";
        for object in input.iter().filter(|object| RAY.contains(&text(object, "/kind"))) {
            let namespace = text(object, "/metadata/namespace");
            let of = |(start, _): &&(&str, &str)| namespace.starts_with(start);
            operator = OPERATORS
                .iter()
                .find(of)
                .map_or("operator", |(_, operator)| operator);
            names.push((text(object, "/metadata/name").to_owned(), "<n>"));
            names.push((namespace.to_owned(), "<ns>"));
        }
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { operator, names }
    }

    fn id(&self, object: &Value) -> Id {
        let name = self.plain(text(object, "/metadata/name"));
        (text(object, "/kind").to_owned(), name)
    }
}

impl Words for Names {
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, stands) in &self.names {
            text = replaced(&text, name, stands);
        }
        let is_hash = |word: &&str| {
            [8, 10, 16].contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_hexdigit())
                && word.bytes().any(|byte| byte.is_ascii_digit())
        };
        match text.rsplit_once('-') {
            Some((head, last)) if is_hash(&last) => format!("{head}-<h>"),
            _ => text,
        }
    }

    fn key(&self, _path: &str, field: &str, item: &Value) -> Option<String> {
        match field {
            "containers" | "initContainers" | "volumes" | "volumeMounts" | "env"
                if item["name"].is_string() =>
            {
                Some(text(item, "/name").to_owned())
            }
            "workerGroupSpecs" => Some(text(item, "/groupName").to_owned()),
            _ => None,
        }
    }

    fn label(&self, path: &str, key: &str) -> String {
        if path.ends_with("workerGroupSpecs") {
            "*".to_owned()
        } else {
            self.plain(key)
        }
    }

    fn is_file(&self, _path: &str) -> bool {
        false
    }
}

/// A text with a name in it replaced wherever it is a word of its own.
fn replaced(text: &str, name: &str, stands: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        let word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let inside =
            word(before.chars().next_back().or(out.chars().next_back())) || word(after.chars().next());
        out.push_str(before);
        out.push_str(if inside { name } else { stands });
        rest = after;
    }
    out + rest
}

#[test]
fn names_are_told_by_what_they_stand_for() {
    assert_eq!(replaced("rc-force-rc.rc", "rc", "<n>"), "<n>-force-<n>.<n>");
}
