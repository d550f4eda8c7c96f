//! Istio's `VirtualService`s: from a gateway of Istio's to Services.
//!
//! istio/api `networking/v1alpha3/virtual_service.proto`: without gateways, or with `mesh` alone, it speaks of calls inside the
//! mesh and is no way in. What asks for a login at such a gateway is not followed: nothing is known to.

use serde_json::Value;

use super::answer::{Entry, Hop};
use super::hostnames;
use super::read;
use super::services;
use super::ways::{Begun, Wanted, Ways};
use super::workloads::Workloads;
use super::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// API group of Istio's own gateways and routes.
pub const GROUP: &str = "networking.istio.io";
/// The gateway that means the sidecars of the mesh.
const MESH: &str = "mesh";

/// Follows every `VirtualService`.
pub fn follow<'p, 'a>(world: &World<'a>, workloads: &'p Workloads<'a>, ways: &mut Ways<'p, 'a>) {
    for object in world.all(GROUP, "VirtualService") {
        let gateways = read::list(&object.value, "/spec/gateways").iter();
        let gateways: Vec<&str> = gateways.filter_map(Value::as_str).collect();
        // One that a delegate is led to has neither hosts nor gateways: those are its caller's.
        let delegated = read::list(&object.value, "/spec/hosts").is_empty() && gateways.is_empty();
        let from_outside = gateways.iter().copied().find(|name| *name != MESH);
        let Some(gateway) = from_outside.or(delegated.then_some("?")) else {
            continue;
        };
        let hosts: Vec<&str> = read::list(&object.value, "/spec/hosts")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let host = match hosts.as_slice() {
            [] => hostnames::ANY.to_owned(),
            hosts => hosts.join(","),
        };
        for (kind, scheme) in [("http", "https"), ("tls", "tls"), ("tcp", "tcp")] {
            let rules = read::list(&object.value, &format!("/spec/{kind}"));
            for (index, rule) in rules.iter().enumerate() {
                let at = format!("spec.{kind}[{index}]");
                let url = format!("{scheme}://{host}{}", path(rule, kind));
                for (field, target) in targets(rule) {
                    let begun = begun(object, gateway, &url, &format!("{at}.{field}"), target);
                    lead(world, workloads, object, &begun, target, ways);
                }
            }
        }
    }
}

/// Where a rule may send requests, or copies of them.
fn targets(rule: &Value) -> Vec<(String, &Value)> {
    let mut targets = Vec::new();
    for list in ["route", "mirrors"] {
        let items = read::list(rule, &format!("/{list}")).iter().enumerate();
        let items = items.filter_map(|(index, item)| {
            Some((format!("{list}[{index}].destination"), item.get("destination")?))
        });
        targets.extend(items);
    }
    targets.extend(rule.get("mirror").map(|mirror| ("mirror".to_owned(), mirror)));
    targets.retain(|(_, target)| target.is_object());
    targets
}

fn path(rule: &Value, kind: &str) -> String {
    if kind != "http" {
        return String::new();
    }
    let uri = |one: &Value| {
        read::text(one, "/uri/exact")
            .map(str::to_owned)
            .or_else(|| {
                read::text(one, "/uri/prefix").map(|prefix| format!("{}/*", prefix.trim_end_matches('/')))
            })
            .or_else(|| read::text(one, "/uri/regex").map(|regex| format!("~{regex}")))
    };
    let first = read::list(rule, "/match").first().and_then(uri);
    first.unwrap_or_else(|| "/*".to_owned())
}

fn begun(object: &Object, gateway: &str, url: &str, field: &str, target: &Value) -> Begun {
    let (namespace, name) = gateway.split_once('/').unwrap_or((&object.id.namespace, gateway));
    let namespace = if namespace == "." {
        &object.id.namespace
    } else {
        namespace
    };
    let host = read::text(target, "/host").unwrap_or("?");
    Begun {
        entry: Entry::Gateway,
        via: None,
        url: url.to_owned(),
        hops: vec![
            Hop {
                object: ObjectId::new(&format!("{GROUP}/v1"), "Gateway", namespace, name),
                field: String::new(),
                says: "a gateway of Istio's".to_owned(),
            },
            Hop {
                object: object.id.clone(),
                field: field.to_owned(),
                says: format!("to {host}"),
            },
        ],
        stopped: Vec::new(),
        route: None,
    }
}

fn lead<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    object: &Object,
    begun: &Begun,
    target: &Value,
    ways: &mut Ways<'p, 'a>,
) {
    let host = read::text(target, "/host").unwrap_or_default();
    let wanted = read::port(target, "/port/number").map_or(Wanted::Every, Wanted::Number);
    // A short name is one of the VirtualService's own namespace.
    let (namespace, name) = match services::named(host) {
        Some(named) => named,
        None if !host.contains('.') => (object.id.namespace.clone(), host.to_owned()),
        None => {
            let end = Hop {
                object: ObjectId::new(&format!("{GROUP}/v1"), "ServiceEntry", &object.id.namespace, host),
                field: String::new(),
                says: "is a host outside of what the manifests hold".to_owned(),
            };
            ways.ends_before(begun, end, true);
            return;
        }
    };
    ways.to_service(world, workloads, begun, &namespace, &name, wanted);
}
