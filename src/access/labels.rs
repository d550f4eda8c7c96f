//! Label selectors over labels that may be known in part: yes, no, or maybe.
//!
//! Semantics of `metav1.LabelSelector` (Kubernetes, `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go`): all parts must
//! hold; an empty selector holds for everything.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::Value;

/// Whether a selector selects something. What is not known for certain never closes anything and always opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selected {
    /// It does not.
    No,
    /// It may.
    Maybe,
    /// It does.
    Yes,
}

/// What is known of something's labels.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Labels with these values, for certain.
    pub certain: &'a BTreeMap<String, String>,
    /// Keys that may be there with any value.
    pub perhaps: &'a [&'static str],
    /// Whether any other key may be there as well.
    pub open: bool,
}

/// One requirement of a selector: a key and what its value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Need<'a> {
    In(&'a str, BTreeSet<&'a str>),
    NotIn(&'a str, BTreeSet<&'a str>),
    Exists(&'a str),
    Absent(&'a str),
    /// An operator that does not exist.
    Unclear,
}

// === impl Selected ===

impl Selected {
    /// Both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// One must hold.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether it cannot be ruled out.
    pub fn possible(self) -> bool {
        self != Self::No
    }
}

// === impl Known ===

impl<'a> Known<'a> {
    /// Exactly these labels.
    pub fn exactly(certain: &'a BTreeMap<String, String>) -> Self {
        Self {
            certain,
            perhaps: &[],
            open: false,
        }
    }

    /// At least these labels.
    pub fn at_least(certain: &'a BTreeMap<String, String>) -> Self {
        Self {
            certain,
            perhaps: &[],
            open: true,
        }
    }

    fn may_have(&self, key: &str) -> bool {
        self.open || self.perhaps.contains(&key)
    }
}

/// Reads a selector. `None`: it is not one.
pub fn read(value: &Value) -> Option<LabelSelector> {
    LabelSelector::deserialize(value).ok()
}

/// A selector that asks for exactly these labels, as a Service's does.
pub fn of_labels(labels: &BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels.clone()),
        match_expressions: None,
    }
}

/// Whether a selector selects something with these labels.
pub fn selects(selector: &LabelSelector, labels: Known<'_>) -> Selected {
    let selected = needs(selector)
        .iter()
        .map(|need| meets(need, labels))
        .fold(Selected::Yes, Selected::and);
    // What may hold of each part may not hold of all: no value is and is not.
    if selected == Selected::Maybe && !satisfiable(selector, labels.certain) {
        return Selected::No;
    }
    selected
}

/// Whether some labels satisfy the selector, beside those that are fixed.
pub fn satisfiable(selector: &LabelSelector, fixed: &BTreeMap<String, String>) -> bool {
    let needs = needs(selector);
    if needs
        .iter()
        .any(|need| meets(need, Known::at_least(fixed)) == Selected::No)
    {
        return false;
    }
    needs.iter().all(|need| match need {
        Need::In(key, values) => values.iter().any(|value| {
            let one = BTreeMap::from([((*key).to_owned(), (*value).to_owned())]);
            needs
                .iter()
                .filter(|other| other.key() == Some(key))
                .all(|other| meets(other, Known::at_least(&one)).possible())
        }),
        Need::Exists(key) => !needs.contains(&Need::Absent(key)),
        Need::NotIn(..) | Need::Absent(_) | Need::Unclear => true,
    })
}

/// The only values that a key may have for the selector to hold; `None` where it leaves that open.
pub fn pinned(selector: &LabelSelector, key: &str) -> Option<BTreeSet<String>> {
    let mut found: Option<BTreeSet<String>> = None;
    for need in needs(selector) {
        if let Need::In(name, values) = need
            && name == key
        {
            let values: BTreeSet<String> = values.into_iter().map(str::to_owned).collect();
            found = Some(found.map_or_else(|| values.clone(), |there| &there & &values));
        }
    }
    found
}

/// The selector in the words of `kubectl -l`.
pub fn words(selector: &LabelSelector) -> String {
    let list = |values: &BTreeSet<&str>| values.iter().copied().collect::<Vec<_>>().join(", ");
    let parts: Vec<String> = needs(selector)
        .iter()
        .map(|need| match need {
            Need::In(key, values) if values.len() == 1 => format!("{key}={}", list(values)),
            Need::In(key, values) => format!("{key} in ({})", list(values)),
            Need::NotIn(key, values) => format!("{key} notin ({})", list(values)),
            Need::Exists(key) => (*key).to_owned(),
            Need::Absent(key) => format!("!{key}"),
            Need::Unclear => "?".to_owned(),
        })
        .collect();
    parts.join(", ")
}

// === impl Need ===

impl<'a> Need<'a> {
    fn key(&self) -> Option<&&'a str> {
        match self {
            Need::In(key, _) | Need::NotIn(key, _) | Need::Exists(key) | Need::Absent(key) => Some(key),
            Need::Unclear => None,
        }
    }
}

fn needs(selector: &LabelSelector) -> Vec<Need<'_>> {
    let labels = selector.match_labels.iter().flatten();
    let mut needs: Vec<Need<'_>> = labels
        .map(|(key, value)| Need::In(key, BTreeSet::from([value.as_str()])))
        .collect();
    for expression in selector.match_expressions.iter().flatten() {
        let key = expression.key.as_str();
        let values = || expression.values.iter().flatten().map(String::as_str).collect();
        needs.push(match expression.operator.as_str() {
            "In" => Need::In(key, values()),
            "NotIn" => Need::NotIn(key, values()),
            "Exists" => Need::Exists(key),
            "DoesNotExist" => Need::Absent(key),
            _ => Need::Unclear,
        });
    }
    needs
}

fn meets(need: &Need<'_>, labels: Known<'_>) -> Selected {
    let Some(key) = need.key() else {
        return Selected::Maybe;
    };
    let value = labels.certain.get(*key).map(String::as_str);
    let unknown = value.is_none() && labels.may_have(key);
    if unknown {
        return match need {
            Need::In(_, values) if values.is_empty() => Selected::No,
            _ => Selected::Maybe,
        };
    }
    let holds = match need {
        Need::In(_, values) => value.is_some_and(|value| values.contains(value)),
        Need::NotIn(_, values) => value.is_none_or(|value| !values.contains(value)),
        Need::Exists(_) => value.is_some(),
        Need::Absent(_) => value.is_none(),
        Need::Unclear => return Selected::Maybe,
    };
    if holds { Selected::Yes } else { Selected::No }
}
