//! The arguments that a container's program is started with, as the kubelet hands them over.
//!
//! `$(NAME)` is put in where the manifests say what NAME is; `$$` is a dollar sign. What they do not say is unknown, and a
//! flag that depends on it has no value that anybody may rely on.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::Hop;
use super::fields;
use super::pod::Pod;

/// Stands for a part that the manifests do not say; no argument can hold it.
const UNKNOWN: char = '\0';

/// Programs that start the one behind their own `--`.
const WRAPPERS: [&str; 4] = ["tini", "tini-static", "dumb-init", "catatonit"];

/// The arguments of one container.
#[derive(Debug, Clone)]
pub struct Arguments {
    words: Vec<Word>,
    variables: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Clone)]
struct Word {
    place: String,
    text: String,
}

/// One use of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Where it stands below the pod's spec, as in `containers[1].args[0]`.
    pub place: String,
    /// Its value; `None`: not said by the manifests. A flag without a value has the empty one.
    pub value: Option<String>,
}

// === impl Arguments ===

impl Arguments {
    /// Of a container at a place below the pod's spec.
    pub fn new(pod: &Pod<'_>, place: &str, container: &Value) -> Self {
        let variables = variables(pod, container);
        let open = !fields::list(container, &["envFrom"]).is_empty();
        let mut words = Vec::new();
        for field in ["command", "args"] {
            for (index, word) in fields::list(container, &[field]).iter().enumerate() {
                words.push(Word {
                    place: format!("{place}.{field}[{index}]"),
                    text: expand(word.as_str().unwrap_or_default(), &variables, open),
                });
            }
        }
        Self { words, variables }
    }

    /// Every use of a flag, in their order. `switches` are the flags that take no value from the next word; one dash is as
    /// good as two.
    pub fn all(&self, name: &str, switches: &[&str]) -> Vec<Flag> {
        let mut found = Vec::new();
        let mut words = self.words.iter();
        // What runs another program has its own end of flags before that.
        let mut wrapped = self.words.first().is_some_and(|word| {
            let name = word.text.rsplit('/').next().unwrap_or_default();
            WRAPPERS.contains(&name)
        });
        while let Some(word) = words.next() {
            if word.text == "--" {
                if !std::mem::take(&mut wrapped) {
                    break;
                }
                continue;
            }
            let Some(flag) = dashed(&word.text) else {
                continue;
            };
            let (key, value) = match flag.split_once('=') {
                Some((key, value)) => (key, value.to_owned()),
                None if switches.contains(&flag) => (flag, String::new()),
                None => match words.as_slice().first() {
                    Some(next) if dashed(&next.text).is_none() => {
                        words.next();
                        (flag, next.text.clone())
                    }
                    _ => (flag, String::new()),
                },
            };
            if key == name {
                found.push(Flag {
                    place: word.place.clone(),
                    value: Some(value).filter(|value| !value.contains(UNKNOWN)),
                });
            }
        }
        found
    }

    /// The last use of a flag, which is the one that counts.
    pub fn last(&self, name: &str, switches: &[&str]) -> Option<Flag> {
        self.all(name, switches).pop()
    }

    /// Whether a flag is there.
    pub fn has(&self, name: &str) -> bool {
        !self.all(name, &[]).is_empty()
    }

    /// Where a word stands that holds a text within others: a script for a shell.
    pub fn within_script(&self, text: &str) -> Option<&str> {
        let found = self
            .words
            .iter()
            .find(|word| word.text.contains(text) && word.text.contains(char::is_whitespace));
        found.map(|word| word.place.as_str())
    }

    /// An environment variable: `None` where there is none, `Some(None)` where the manifests do not say its value.
    pub fn variable(&self, name: &str) -> Option<Option<&str>> {
        self.variables.get(name).map(Option::as_deref)
    }

    /// A flag's place as a hop of a pod.
    pub fn hop(pod: &Pod<'_>, flag: &Flag, name: &str) -> Hop {
        let value = flag.value.as_deref().unwrap_or("(unknown)");
        pod.hop(&flag.place, format!("--{name}={value}"))
    }
}

/// A word without its dashes, if it is a flag.
fn dashed(word: &str) -> Option<&str> {
    let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    flag.starts_with(|c: char| c.is_ascii_alphabetic())
        .then_some(flag)
}

/// The variables that a container's `env` sets, each with its value if that is known. Each sees those before it.
fn variables(pod: &Pod<'_>, container: &Value) -> BTreeMap<String, Option<String>> {
    let mut known: BTreeMap<String, Option<String>> = BTreeMap::new();
    let open = !fields::list(container, &["envFrom"]).is_empty();
    for entry in fields::list(container, &["env"]) {
        let value = match fields::text(entry, &["valueFrom", "fieldRef", "fieldPath"]) {
            "metadata.namespace" => Some(pod.namespace().to_owned()),
            // Every address of the pod's own, for who listens and for who calls alike.
            "status.podIP" => Some("0.0.0.0".to_owned()),
            _ if entry.get("valueFrom").is_some() => None,
            _ => {
                let text = expand(fields::text(entry, &["value"]), &known, open);
                Some(text).filter(|text| !text.contains(UNKNOWN))
            }
        };
        known.insert(fields::text(entry, &["name"]).to_owned(), value);
    }
    known
}

/// Puts variables in. A name that nothing sets stays as it is written, unless something may set it that is not known here:
/// `envFrom`, or the Services of the namespace.
fn expand(text: &str, variables: &BTreeMap<String, Option<String>>, open: bool) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) else {
            out.push('$');
            continue;
        };
        match variables.get(name) {
            Some(Some(value)) => out.push_str(value),
            Some(None) => out.push(UNKNOWN),
            None if open || name.contains("_SERVICE_") || name.contains("_PORT") => out.push(UNKNOWN),
            None => out.push_str(&format!("$({name})")),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[path = "arguments/tests.rs"]
mod tests;
