//! Routes of the Gateway API: from a listener to Services.
//!
//! Gateway API 1.4: HTTPRoute, GRPCRoute, TLSRoute, TCPRoute. What a route shares with a listener (namespace, kind, host) lets
//! it attach; a backend in another namespace needs a `ReferenceGrant` there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::{Entry, Hop};
use super::gateways::{GROUP, Listener};
use super::hostnames;
use super::labels::Selected;
use super::read;
use super::surroundings::Surroundings;
use super::ways::{Begun, Wanted, Ways};
use super::workloads::Workloads;
use super::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// The kinds of routes that are followed.
pub const KINDS: [&str; 4] = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"];

/// Where a route attaches.
struct Attachment {
    gateway: ObjectId,
    host: String,
    scheme: &'static str,
    port: Option<u16>,
    hop: Hop,
    stopped: Vec<Hop>,
}

/// All routes.
pub fn all<'a>(world: &World<'a>) -> impl Iterator<Item = &'a Object> {
    let routes: Vec<&'a Object> = KINDS.iter().flat_map(|kind| world.all(GROUP, kind)).collect();
    routes.into_iter()
}

/// Every Gateway that is there or that a route names.
pub fn gateways(world: &World<'_>) -> BTreeSet<ObjectId> {
    let written = world
        .all(GROUP, "Gateway")
        .into_iter()
        .map(|gateway| gateway.id.clone());
    let mut found: BTreeSet<ObjectId> = written.collect();
    for route in all(world) {
        for reference in read::list(&route.value, "/spec/parentRefs") {
            if let Some(parent) = parent(world, route, reference)
                && parent.holder.is_none()
            {
                found.insert(parent.gateway);
            }
        }
    }
    found
}

/// What a route attaches to.
struct Parent<'a> {
    /// The Gateway, or what stands for one that is not known.
    gateway: ObjectId,
    /// The object that holds the listeners, if the manifests do.
    holder: Option<&'a Object>,
}

/// The listeners that are written beside their Gateway (Gateway API, `ListenerSet`; before it was stable, `XListenerSet`).
const LISTENER_SETS: [(&str, &str); 2] = [
    (GROUP, "ListenerSet"),
    ("gateway.networking.x-k8s.io", "XListenerSet"),
];

/// Every set of listeners, with its Gateway.
pub fn listener_sets<'a>(world: &World<'a>) -> Vec<(&'a Object, ObjectId)> {
    let kinds = LISTENER_SETS.iter();
    let sets = kinds.flat_map(|(group, kind)| world.all(group, kind));
    sets.filter_map(|set| Some((set, gateway_of(set)?))).collect()
}

/// The Gateway of a set of listeners.
fn gateway_of(set: &Object) -> Option<ObjectId> {
    let parent = set.value.pointer("/spec/parentRef")?;
    let namespace = read::text(parent, "/namespace").unwrap_or(&set.id.namespace);
    let name = read::text(parent, "/name")?;
    let gateway = ObjectId::new(&format!("{GROUP}/v1"), "Gateway", namespace, name);
    (read::text(parent, "/kind").unwrap_or("Gateway") == "Gateway").then_some(gateway)
}

/// What a parentRef names; `None`: a Service, whose callers are inside the mesh. Of kinds that are not known a route is taken to
/// attach.
fn parent<'a>(world: &World<'a>, route: &Object, parent: &Value) -> Option<Parent<'a>> {
    let group = read::text(parent, "/group").unwrap_or(GROUP);
    let kind = read::text(parent, "/kind").unwrap_or("Gateway");
    if group.is_empty() && kind == "Service" {
        return None;
    }
    let namespace = read::text(parent, "/namespace").unwrap_or(&route.id.namespace);
    let name = read::text(parent, "/name")?;
    let id = ObjectId::new(&format!("{group}/v1"), kind, namespace, name);
    if (group, kind) == (GROUP, "Gateway") {
        let holder = world.of_id(&id);
        return Some(Parent { gateway: id, holder });
    }
    let set = LISTENER_SETS.contains(&(group, kind)).then(|| world.of_id(&id));
    let set = set.flatten();
    let known = set.and_then(gateway_of);
    let holder = set.filter(|_| {
        known
            .as_ref()
            .is_some_and(|gateway| world.of_id(gateway).is_some())
    });
    Some(Parent {
        gateway: known.unwrap_or(id),
        holder,
    })
}

/// Follows every route.
pub fn follow<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    around: &Surroundings<'_>,
    ways: &mut Ways<'p, 'a>,
) {
    let on = Followed {
        world,
        workloads,
        grants: Grants::new(world),
    };
    for route in all(world) {
        let attachments = attachments(world, around, route);
        let rules = read::list(&route.value, "/spec/rules");
        for (index, rule) in rules.iter().enumerate() {
            let matches = matches(route, rules, index);
            for attachment in &attachments {
                for path in &matches {
                    on.forward(route, (index, rule), attachment, path, ways);
                }
            }
        }
    }
}

fn attachments(world: &World<'_>, around: &Surroundings<'_>, route: &Object) -> Vec<Attachment> {
    let hostnames: Vec<&str> = read::list(&route.value, "/spec/hostnames")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut found = Vec::new();
    for (index, named) in read::list(&route.value, "/spec/parentRefs").iter().enumerate() {
        let Some(Parent { gateway: id, holder }) = parent(world, route, named) else {
            continue;
        };
        let reference = |says: String| Hop {
            object: route.id.clone(),
            field: format!("spec.parentRefs[{index}]"),
            says,
        };
        let Some(holder) = holder else {
            let hosts = hostnames::shared(None, &hostnames);
            found.extend(hosts.into_iter().map(|host| Attachment {
                gateway: id.clone(),
                host,
                scheme: "https",
                port: None,
                hop: reference(format!("{id}, which is not in the manifests")),
                stopped: Vec::new(),
            }));
            continue;
        };
        let section = read::text(named, "/sectionName");
        let port = read::port(named, "/port");
        let listeners = Listener::all(holder);
        let meant: Vec<&Listener<'_>> = listeners
            .iter()
            .filter(|listener| section.is_none_or(|name| name == listener.name()))
            .filter(|listener| port.is_none_or(|port| Some(port) == listener.port()))
            .collect();
        let mut refusals = Vec::new();
        let mut attached = false;
        for listener in &meant {
            let takes = listener.takes_route(&route.id.kind, &route.id.namespace, around);
            let hosts = listener.hosts(&hostnames);
            if takes == Selected::No {
                refusals.push(format!("listener {} does not take it", listener.name()));
            } else if hosts.is_empty() {
                refusals.push(format!("listener {} is for another host", listener.name()));
            }
            for host in hosts.into_iter().filter(|_| takes.possible()) {
                attached = true;
                found.push(Attachment {
                    gateway: id.clone(),
                    host,
                    scheme: scheme(listener, &route.id.kind),
                    port: listener.port(),
                    hop: listener.hop(),
                    stopped: Vec::new(),
                });
            }
        }
        if !attached {
            let why = if meant.is_empty() {
                "no listener of that Gateway has this name and port".to_owned()
            } else {
                refusals.join("; ")
            };
            found.push(Attachment {
                gateway: id.clone(),
                host: hostnames
                    .first()
                    .map_or_else(|| hostnames::ANY.to_owned(), |host| (*host).to_owned()),
                scheme: "https",
                port: None,
                hop: reference(id.to_string()),
                stopped: vec![reference(why)],
            });
        }
    }
    found
}

fn scheme(listener: &Listener<'_>, kind: &str) -> &'static str {
    match (listener.protocol(), kind) {
        ("HTTP", _) => "http",
        ("HTTPS", _) => "https",
        ("TLS", _) => "tls",
        _ => "tcp",
    }
}

/// What a rule matches, as text; leaves out what an earlier rule of the same route matches just so, for that one wins
/// (Gateway API, `HTTPRouteRule.matches`).
fn matches(route: &Object, rules: &[Value], index: usize) -> Vec<String> {
    let own = |rule: &Value| -> Vec<Value> {
        let matches = read::list(rule, "/matches");
        if matches.is_empty() {
            vec![Value::Object(serde_json::Map::new())]
        } else {
            matches.to_vec()
        }
    };
    let Some(rule) = rules.get(index) else {
        return Vec::new();
    };
    if !matches!(route.id.kind.as_str(), "HTTPRoute" | "GRPCRoute") {
        return vec![String::new()];
    }
    let earlier: BTreeSet<String> = rules
        .iter()
        .take(index)
        .flat_map(|rule| {
            own(rule)
                .iter()
                .map(|one| canonical(&route.id.kind, one))
                .collect::<Vec<_>>()
        })
        .collect();
    let mut seen = BTreeSet::new();
    own(rule)
        .iter()
        .filter(|one| {
            let canonical = canonical(&route.id.kind, one);
            !earlier.contains(&canonical) && seen.insert(canonical)
        })
        .map(|one| words(&route.id.kind, one))
        .collect()
}

/// A match with its defaults written out, so that two that mean the same are the same.
fn canonical(kind: &str, one: &Value) -> String {
    let mut parts = vec![
        words(kind, one),
        read::text(one, "/path/type").unwrap_or("PathPrefix").to_owned(),
        read::text(one, "/method/type").unwrap_or("Exact").to_owned(),
    ];
    for list in ["headers", "queryParams"] {
        let items = read::list(one, &format!("/{list}"));
        let mut items: Vec<String> = items
            .iter()
            .map(|item| {
                let name = read::text(item, "/name").unwrap_or_default();
                let name = if list == "headers" {
                    name.to_ascii_lowercase()
                } else {
                    name.to_owned()
                };
                let kind = read::text(item, "/type").unwrap_or("Exact");
                format!(
                    "{list} {name} {kind} {}",
                    read::text(item, "/value").unwrap_or_default()
                )
            })
            .collect();
        items.sort();
        parts.extend(items);
    }
    parts.join("\n")
}

/// A match as the end of a URL.
fn words(kind: &str, one: &Value) -> String {
    let method = read::text(one, "/method").map_or_else(String::new, |method| format!(" ({method})"));
    if kind == "GRPCRoute" {
        let service = read::text(one, "/method/service").unwrap_or("*");
        let method = read::text(one, "/method/method").unwrap_or("*");
        return format!("/{service}/{method}");
    }
    let value = read::text(one, "/path/value").unwrap_or("/");
    match read::text(one, "/path/type") {
        Some("Exact") => format!("{value}{method}"),
        Some("RegularExpression") => format!("~{value}{method}"),
        _ => format!("{}/*{method}", value.trim_end_matches('/')),
    }
}

fn mirrors(of: &Value) -> impl Iterator<Item = &Value> {
    read::list(of, "/filters")
        .iter()
        .filter_map(|filter| filter.pointer("/requestMirror/backendRef"))
}

fn target_words(backend: &Value) -> String {
    let namespace =
        read::text(backend, "/namespace").map_or_else(String::new, |namespace| format!("{namespace}/"));
    let name = read::text(backend, "/name").unwrap_or("?");
    let port = read::port(backend, "/port").map_or_else(String::new, |port| format!(":{port}"));
    format!("to {namespace}{name}{port}")
}

/// What routes are followed through.
struct Followed<'w, 'p, 'a> {
    world: &'w World<'a>,
    workloads: &'p Workloads<'a>,
    grants: Grants<'a>,
}

// === impl Followed ===

impl<'p, 'a> Followed<'_, 'p, 'a> {
    fn forward(
        &self,
        route: &'a Object,
        (index, rule): (usize, &Value),
        attachment: &Attachment,
        path: &str,
        ways: &mut Ways<'p, 'a>,
    ) {
        let begun = |field: &str, says: String| {
            let port = match (attachment.scheme, attachment.port) {
                ("https", Some(443) | None) | ("http", Some(80) | None) | (_, None) => String::new(),
                (_, Some(port)) => format!(":{port}"),
            };
            Begun {
                entry: Entry::Gateway,
                via: Some(attachment.gateway.clone()),
                url: format!("{}://{}{port}{path}", attachment.scheme, attachment.host),
                hops: vec![
                    attachment.hop.clone(),
                    Hop {
                        object: route.id.clone(),
                        field: field.to_owned(),
                        says,
                    },
                ],
                stopped: attachment.stopped.clone(),
                route: Some((route.id.clone(), index)),
            }
        };
        let at = format!("spec.rules[{index}]");
        let backends = read::list(rule, "/backendRefs");
        for (position, backend) in backends.iter().enumerate() {
            if backend.get("weight").and_then(Value::as_u64) == Some(0) {
                continue;
            }
            let field = format!("{at}.backendRefs[{position}]");
            self.to_backend(route, backend, begun(&field, target_words(backend)), ways);
            for mirror in mirrors(backend) {
                let says = format!("mirrors requests to {}", target_words(mirror));
                self.to_backend(route, mirror, begun(&field, says), ways);
            }
        }
        for mirror in mirrors(rule) {
            let says = format!("mirrors requests to {}", target_words(mirror));
            self.to_backend(route, mirror, begun(&format!("{at}.filters"), says), ways);
        }
    }

    fn to_backend(&self, route: &Object, backend: &Value, mut begun: Begun, ways: &mut Ways<'p, 'a>) {
        let group = read::text(backend, "/group").unwrap_or_default();
        let kind = read::text(backend, "/kind").unwrap_or("Service");
        let name = read::text(backend, "/name").unwrap_or_default();
        let namespace = read::text(backend, "/namespace").unwrap_or(&route.id.namespace);
        if !group.is_empty() || kind != "Service" {
            let end = Hop {
                object: ObjectId::new(&format!("{group}/"), kind, namespace, name),
                field: String::new(),
                says: "is of a kind whose way on is not known".to_owned(),
            };
            ways.ends_before(&begun, end, true);
            return;
        }
        if namespace != route.id.namespace {
            match self.grants.find(route, namespace, name) {
                Some(grant) => begun.hops.push(grant),
                None => begun.stopped.push(Hop {
                    says: format!("no ReferenceGrant in {namespace} lets it"),
                    ..begun.hops.last().cloned().unwrap_or_default()
                }),
            }
        }
        let Some(port) = read::port(backend, "/port") else {
            let end = Hop {
                says: "names no port".to_owned(),
                ..begun.hops.last().cloned().unwrap_or_default()
            };
            ways.ends_before(&begun, end, false);
            return;
        };
        ways.to_service(
            self.world,
            self.workloads,
            &begun,
            namespace,
            name,
            Wanted::Number(port),
        );
    }
}

/// What `ReferenceGrant`s let routes refer to (Gateway API, `ReferenceGrantSpec`), found by what is referred to.
struct Grants<'a> {
    /// By namespace and Service; without a name: all of the namespace.
    by_service: BTreeMap<(&'a str, Option<&'a str>), Vec<&'a Object>>,
}

// === impl Grants ===

impl<'a> Grants<'a> {
    fn new(world: &World<'a>) -> Self {
        let mut by_service: BTreeMap<_, Vec<&'a Object>> = BTreeMap::new();
        for grant in world.all(GROUP, "ReferenceGrant") {
            for to in read::list(&grant.value, "/spec/to") {
                let group = read::text(to, "/group").unwrap_or_default();
                if group.is_empty() && read::text(to, "/kind") == Some("Service") {
                    let key = (grant.id.namespace.as_str(), read::text(to, "/name"));
                    by_service.entry(key).or_default().push(grant);
                }
            }
        }
        Self { by_service }
    }

    /// The grant that lets a route refer to a Service of another namespace.
    fn find(&self, route: &Object, namespace: &str, service: &str) -> Option<Hop> {
        let named = self.by_service.get(&(namespace, Some(service)));
        let all = self.by_service.get(&(namespace, None));
        named.into_iter().chain(all).flatten().find_map(|grant| {
            let from = read::list(&grant.value, "/spec/from").iter().position(|from| {
                read::text(from, "/group") == Some(GROUP)
                    && read::text(from, "/kind") == Some(&route.id.kind)
                    && read::text(from, "/namespace") == Some(&route.id.namespace)
            })?;
            Some(Hop {
                object: grant.id.clone(),
                field: format!("spec.from[{from}]"),
                says: format!("lets {}s of {} refer to it", route.id.kind, route.id.namespace),
            })
        })
    }
}
