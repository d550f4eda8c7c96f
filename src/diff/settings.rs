//! Settings of what stays: how guards are started, and what routes do with requests on their way.

use std::collections::BTreeSet;

use serde_json::Value;

use super::change::{Target, What};
use super::{Found, Places, subjects};
use crate::access::answer::{Guard, Hop, Path, Workload};

/// Lists of a container that say how its program starts, by what one entry is called.
const LISTS: [(&str, &str); 4] = [
    ("command", "command"),
    ("args", "argument"),
    ("env", "variable"),
    ("envFrom", "variables of"),
];

/// How the guards that are on both sides are started.
pub(super) fn compare(old: &Workload, new: &Workload, target: &Target, found: &mut Found<'_>) {
    let mut told = BTreeSet::new();
    for (before, after) in subjects::pairs(&old.guards, &new.guards) {
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        if !told.insert(after.container.as_str()) {
            continue;
        }
        let (from, to) = (started(&found.base, before), started(&found.head, after));
        if from == to {
            continue;
        }
        let only = |these: &[Setting], others: &[Setting]| {
            let own: Vec<&str> = these
                .iter()
                .filter(|setting| !others.contains(setting))
                .map(|setting| setting.says.as_str())
                .collect();
            own.join(", ")
        };
        let (gone, new) = (only(&from, &to), only(&to, &from));
        let what = What::GuardAlters {
            container: after.container.clone(),
            property: "settings".to_owned(),
            from: gone,
            to: new,
        };
        let by = found.head.steps(after.by.get(..1).unwrap_or_default());
        found.add(what, Target { by, ..target.clone() });
    }
}

/// What the routes of a way do with a request, besides forwarding it.
pub(super) fn filters(places: &Places<'_>, path: &Path) -> String {
    let of_routes = path.hops.iter().filter(|hop| hop.object.kind.ends_with("Route"));
    let mut all = Vec::new();
    for hop in of_routes {
        let Some(rule) = hop
            .field
            .strip_prefix("spec.rules[")
            .and_then(|rest| rest.split(']').next())
        else {
            continue;
        };
        let Some(value) = at(
            places,
            &Hop {
                field: format!("spec.rules[{rule}]"),
                ..hop.clone()
            },
        ) else {
            continue;
        };
        let backends = value.get("backendRefs").and_then(Value::as_array);
        let holders = backends.into_iter().flatten().chain([value]);
        for filter in holders.filter_map(|holder| holder.get("filters")) {
            all.push(filter.to_string());
        }
    }
    all.dedup();
    all.join(", ")
}

/// One entry of how a program is started.
#[derive(PartialEq)]
struct Setting {
    /// What is said of it: values of variables may be secrets.
    says: String,
    value: Value,
}

fn started(places: &Places<'_>, guard: &Guard) -> Vec<Setting> {
    let Some(container) = guard.by.first().and_then(|hop| at(places, hop)) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (list, called) in LISTS {
        let entries = container.get(list).and_then(Value::as_array);
        for value in entries.into_iter().flatten() {
            let own = value
                .as_str()
                .or_else(|| value.get("name").and_then(Value::as_str));
            let mut names = ["configMapRef", "secretRef"].iter();
            let other = names.find_map(|key| value.get(key)?.get("name")?.as_str());
            all.push(Setting {
                says: format!("{called} {}", own.or(other).unwrap_or_default()),
                value: value.clone(),
            });
        }
    }
    all
}

/// What stands at a place of an object.
fn at<'a>(places: &Places<'a>, hop: &Hop) -> Option<&'a Value> {
    let object = places.objects.get(&hop.object.key())?;
    hop.field.split('.').try_fold(&object.value, |value, step| {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, Some(index)),
            None => (step, None),
        };
        let value = value.get(name)?;
        match index {
            Some(index) => value.get(index.parse::<usize>().ok()?),
            None => Some(value),
        }
    })
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
