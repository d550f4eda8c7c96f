//! Hosts of routes that lead to no workload by themselves: an OpenShift Route in front of a gateway, the login's own routes.
//!
//! Those that do are told as the ways of their workloads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::change::{Reference, Target, What};
use super::{Found, Side, objects};
use crate::access::answer::{Access, Hop};
use crate::cluster::object::Object;

/// Kinds with hosts, and where these stand.
const KINDS: [(&str, &str); 5] = [
    ("route.openshift.io", "Route"),
    ("networking.k8s.io", "Ingress"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
];

type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

pub(super) fn compare(base: &Side<'_>, head: &Side<'_>, found: &mut Found<'_>) {
    let (old, new) = (objects::index(base.objects), objects::index(head.objects));
    let (before, after) = (on_ways(&base.study.access), on_ways(&head.study.access));
    let told = |key: &Key<'_>| before.contains(key) || after.contains(key);
    let keys: BTreeSet<Key<'_>> = old.keys().chain(new.keys()).copied().collect();
    for key in keys
        .into_iter()
        .filter(|key| KINDS.contains(&(key.0, key.1)) && !told(key))
    {
        let hosts_of =
            |objects: &BTreeMap<Key<'_>, &Object>| objects.get(&key).map(|object| hosts(&object.value));
        let (gone, now) = (
            hosts_of(&old).unwrap_or_default(),
            hosts_of(&new).unwrap_or_default(),
        );
        if gone == now {
            continue;
        }
        let Some(object) = new.get(&key).or(old.get(&key)) else {
            continue;
        };
        let what = What::Hosts {
            gone: gone.difference(&now).cloned().collect(),
            new: now.difference(&gone).cloned().collect(),
        };
        let hop = Hop {
            object: object.id.clone(),
            ..Hop::default()
        };
        let places = if new.contains_key(&key) {
            &found.head
        } else {
            &found.base
        };
        let target = Target {
            object: Reference::from(&object.id),
            part: String::new(),
            url: String::new(),
            by: places.steps(&[hop]),
        };
        found.add(what, target);
    }
}

/// The objects through which ways lead to workloads.
fn on_ways(access: &Access) -> BTreeSet<Key<'_>> {
    let paths = access.workloads.iter().flat_map(|workload| &workload.paths);
    paths
        .flat_map(|path| &path.hops)
        .map(|hop| hop.object.key())
        .collect()
}

fn hosts(object: &Value) -> BTreeSet<String> {
    let one = object.pointer("/spec/host");
    let names = object.pointer("/spec/hostnames").and_then(Value::as_array);
    let rules = object.pointer("/spec/rules").and_then(Value::as_array);
    let of_rules = rules.into_iter().flatten().filter_map(|rule| rule.get("host"));
    let all = one.into_iter().chain(names.into_iter().flatten()).chain(of_rules);
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}
