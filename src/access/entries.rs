//! Other ways in: Ingresses, OpenShift's Routes, Services with an outside of their own, ports of the node.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::{Entry, Hop};
use super::pod;
use super::read;
use super::services::{self, Service};
use super::ways::{Begun, Wanted, Ways};
use super::workloads::{RAY, Workloads};
use super::world::World;
use crate::cluster::object::Object;

/// API group of OpenShift's Routes.
pub const ROUTE_GROUP: &str = "route.openshift.io";

/// Follows all of them. `answering`: the ports of a pod on which something answers, guards included.
pub fn follow<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    answering: &dyn Fn(&pod::Pod<'a>) -> BTreeSet<u16>,
    ways: &mut Ways<'p, 'a>,
) {
    for ingress in world.all("networking.k8s.io", "Ingress") {
        follow_ingress(world, workloads, ingress, ways);
    }
    for route in world.all(ROUTE_GROUP, "Route") {
        follow_route(world, workloads, route, ways);
    }
    for service in world.all("", "Service") {
        follow_service(world, workloads, service, ways);
    }
    for kind in ["RayCluster", "RayJob", "RayService"] {
        for object in world.all(RAY, kind) {
            follow_ray(world, workloads, object, ways);
        }
    }
    for pod in &workloads.pods {
        follow_host(pod, answering, ways);
    }
}

fn begun(entry: Entry, url: String, hop: Hop) -> Begun {
    Begun {
        entry,
        via: None,
        url,
        hops: vec![hop],
        stopped: Vec::new(),
        route: None,
    }
}

fn hop(object: &Object, field: impl Into<String>, says: impl Into<String>) -> Hop {
    Hop {
        object: object.id.clone(),
        field: field.into(),
        says: says.into(),
    }
}

fn follow_ingress<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    ingress: &'a Object,
    ways: &mut Ways<'p, 'a>,
) {
    let namespace = &ingress.id.namespace;
    let secured: BTreeSet<&str> = read::list(&ingress.value, "/spec/tls")
        .iter()
        .flat_map(|tls| read::list(tls, "/hosts"))
        .filter_map(Value::as_str)
        .collect();
    let mut to = |field: String, host: &str, path: &str, backend: Option<&Value>| {
        let Some(service) = backend.and_then(|backend| backend.get("service")) else {
            return;
        };
        let name = read::text(service, "/name").unwrap_or_default();
        let scheme = if secured.contains(host) { "https" } else { "http" };
        let begun = begun(
            Entry::Ingress,
            format!("{scheme}://{host}{path}"),
            hop(ingress, field, format!("to {namespace}/{name}")),
        );
        let wanted = match (
            read::port(service, "/port/number"),
            read::text(service, "/port/name"),
        ) {
            (Some(number), _) => Wanted::Number(number),
            (None, Some(name)) => Wanted::Name(name),
            (None, None) => Wanted::Every,
        };
        ways.to_service(world, workloads, &begun, namespace, name, wanted);
    };
    to(
        "spec.defaultBackend".to_owned(),
        "*",
        "/*",
        ingress.value.pointer("/spec/defaultBackend"),
    );
    for (index, rule) in read::list(&ingress.value, "/spec/rules").iter().enumerate() {
        let host = read::text(rule, "/host").unwrap_or("*");
        for (at, path) in read::list(rule, "/http/paths").iter().enumerate() {
            let value = read::text(path, "/path").unwrap_or("/");
            let shown = match read::text(path, "/pathType") {
                Some("Exact") => value.to_owned(),
                _ => format!("{}/*", value.trim_end_matches('/')),
            };
            to(
                format!("spec.rules[{index}].http.paths[{at}]"),
                host,
                &shown,
                path.get("backend"),
            );
        }
    }
}

fn follow_route<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    route: &'a Object,
    ways: &mut Ways<'p, 'a>,
) {
    let host = read::text(&route.value, "/spec/host").unwrap_or("*");
    let path = read::text(&route.value, "/spec/path")
        .unwrap_or_default()
        .trim_end_matches('/');
    let scheme = if route.value.pointer("/spec/tls").is_some_and(Value::is_object) {
        "https"
    } else {
        "http"
    };
    let wanted = match route.value.pointer("/spec/port/targetPort") {
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|number| u16::try_from(number).ok())
            .map_or(Wanted::Every, Wanted::Target),
        Some(Value::String(name)) => name.parse().map_or(Wanted::Name(name), Wanted::Target),
        _ => Wanted::Every,
    };
    let first = route
        .value
        .pointer("/spec/to")
        .map(|to| ("spec.to".to_owned(), to));
    let others = read::list(&route.value, "/spec/alternateBackends")
        .iter()
        .enumerate();
    let others = others.map(|(index, to)| (format!("spec.alternateBackends[{index}]"), to));
    for (field, to) in first.into_iter().chain(others) {
        let name = read::text(to, "/name").unwrap_or_default();
        let begun = begun(
            Entry::Route,
            format!("{scheme}://{host}{path}/*"),
            hop(route, field, format!("to {}/{name}", route.id.namespace)),
        );
        ways.to_service(world, workloads, &begun, &route.id.namespace, name, wanted);
    }
}

fn follow_service<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    object: &'a Object,
    ways: &mut Ways<'p, 'a>,
) {
    let service = Service::written(object);
    let external = !read::list(&object.value, "/spec/externalIPs").is_empty();
    let (entry, field) = match service.kind() {
        "LoadBalancer" => (Entry::LoadBalancer, "spec.type"),
        "NodePort" => (Entry::NodePort, "spec.type"),
        _ if external => (Entry::LoadBalancer, "spec.externalIPs"),
        _ => return,
    };
    for port in service.ports() {
        let url = match entry {
            Entry::NodePort if port.node_port > 0 => format!("tcp://<any node>:{}", port.node_port),
            Entry::NodePort => "tcp://<any node>".to_owned(),
            _ => format!("tcp://<external address>:{}", port.port),
        };
        let begun = begun(entry, url, hop(object, field, service.kind()));
        // By its number: of two ports one is followed at a time.
        ways.through(world, workloads, &begun, &service, Wanted::Number(port.port));
    }
}

/// What `KubeRay` opens by itself.
fn follow_ray<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    object: &'a Object,
    ways: &mut Ways<'p, 'a>,
) {
    for services::Exposed {
        service,
        field,
        ingress,
    } in services::exposed(object)
    {
        if let Some(port) = ingress {
            let hop = hop(object, field, "KubeRay makes an Ingress to the dashboard");
            let url = format!("http://*/{}/*", object.id.name);
            let begun = begun(Entry::Ingress, url, hop);
            ways.through(world, workloads, &begun, &service, Wanted::Number(port));
            continue;
        }
        let entry = match service.kind() {
            "NodePort" => Entry::NodePort,
            _ => Entry::LoadBalancer,
        };
        for port in service.ports() {
            let url = match entry {
                Entry::NodePort => "tcp://<any node>".to_owned(),
                _ => format!("tcp://<external address>:{}", port.port),
            };
            let hop = hop(object, field.clone(), service.kind());
            let begun = begun(entry, url, hop);
            ways.through(world, workloads, &begun, &service, Wanted::Number(port.port));
        }
    }
}

fn follow_host<'p, 'a>(
    pod: &'p pod::Pod<'a>,
    answering: &dyn Fn(&pod::Pod<'a>) -> BTreeSet<u16>,
    ways: &mut Ways<'p, 'a>,
) {
    if pod.spec.get("hostNetwork").and_then(Value::as_bool) == Some(true) {
        for port in answering(pod) {
            let hop = pod.hop("hostNetwork", "on the node's own network");
            ways.end(
                &begun(Entry::Host, format!("tcp://<its node>:{port}"), hop),
                pod,
                port,
                None,
            );
        }
        return;
    }
    for (at, container) in pod.containers() {
        let ports = read::list(container, "/ports").iter().enumerate();
        for (index, port) in ports.filter(|(_, port)| pod::is_tcp(port)) {
            let Some(host) = read::port(port, "/hostPort").filter(|port| *port > 0) else {
                continue;
            };
            let Some(number) = pod::number(port) else { continue };
            let hop = pod.hop(
                &format!("{at}.ports[{index}].hostPort"),
                format!("port {host} of the node"),
            );
            ways.end(
                &begun(Entry::Host, format!("tcp://<its node>:{host}"), hop),
                pod,
                number,
                None,
            );
        }
    }
}
