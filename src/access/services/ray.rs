//! The Services that `KubeRay` makes, and its Ingress.
//!
//! ray-operator/controllers/ray/common/service.go and ingress.go, utils/util.go (`GenerateHeadServiceName`, `CheckName`).

use std::collections::BTreeMap;

use serde_json::Value;

use super::Service;
use crate::access::pod;
use crate::access::read;
use crate::access::workloads::{RAY, RAY_HEAD_PORTS};
use crate::access::world::World;
use crate::cluster::object::Object;
use crate::model::keys;

/// Where the cluster stands in each kind.
const KINDS: [(&str, &str); 3] = [
    ("RayCluster", "/spec"),
    ("RayJob", "/spec/rayClusterSpec"),
    ("RayService", "/spec/rayClusterConfig"),
];
const HEAD: &str = "-head-svc";
const SERVE: &str = "-serve-svc";
const SERVE_PORT: u16 = 8000;
/// Longer names lose their beginning.
const MAX_NAME: usize = 50;

/// What KubeRay opens to the outside for a cluster.
#[derive(Debug)]
pub struct Exposed<'a> {
    /// The Service that is opened.
    pub service: Service<'a>,
    /// The field that opens it.
    pub field: String,
    /// Port of an Ingress that leads to it; none: the Service is open by its own type.
    pub ingress: Option<u16>,
}

/// Finds one by its name.
pub(super) fn find<'a>(world: &World<'a>, namespace: &str, name: &str) -> Option<Service<'a>> {
    // The usual case first: no look at everything.
    for (suffix, kinds) in [(HEAD, &KINDS[..]), (SERVE, &KINDS[..])] {
        let Some(owner) = name.strip_suffix(suffix) else {
            continue;
        };
        for (kind, at) in kinds {
            if let Some(object) = world.get(RAY, kind, namespace, owner) {
                return Some(if suffix == HEAD {
                    head(object, at, name)
                } else {
                    serve(object, name)
                });
            }
        }
        // A RayJob's or RayService's cluster has a name of its own: with five letters behind it, or with `raycluster` before them.
        let owner = owner.rsplit_once('-').map_or("", |(owner, _)| owner);
        let owners = [owner, owner.strip_suffix("-raycluster").unwrap_or(owner)];
        for (kind, at) in &KINDS[1..] {
            let object = owners
                .iter()
                .find_map(|owner| world.get(RAY, kind, namespace, owner));
            if let Some(object) = object {
                return Some(if suffix == HEAD {
                    head(object, at, name)
                } else {
                    serve(object, name)
                });
            }
        }
    }
    let all = KINDS
        .iter()
        .flat_map(|(kind, _)| world.within(RAY, kind, namespace));
    all.flat_map(made_by_ray).find(|service| service.id.name == name)
}

/// All that are made for an object of Ray's kinds.
pub fn made_by_ray(object: &Object) -> Vec<Service<'_>> {
    let Some((_, at)) = KINDS.iter().find(|(kind, _)| *kind == object.id.kind) else {
        return Vec::new();
    };
    let own = &object.id.name;
    let mut made = vec![
        head(object, at, &shortened(format!("{own}{HEAD}"))),
        serve(object, &shortened(format!("{own}{SERVE}"))),
    ];
    let at_head = |path: &str| read::text(&object.value, &format!("{at}/headGroupSpec/headService/{path}"));
    if let Some(name) = at_head("metadata/name") {
        made.push(head(object, at, name));
    }
    if let Some(name) = read::text(&object.value, "/spec/serveService/metadata/name") {
        made.push(serve(object, name));
    }
    made
}

/// What is opened to the outside for an object of Ray's kinds.
pub fn exposed(object: &Object) -> Vec<Exposed<'_>> {
    let Some((_, at)) = KINDS.iter().find(|(kind, _)| *kind == object.id.kind) else {
        return Vec::new();
    };
    let field = |path: &str| format!("{}.{path}", at.trim_start_matches('/').replace('/', "."));
    let mut found = Vec::new();
    let made = made_by_ray(object);
    // Of the names that the head's Service can have, the one that is given counts.
    let head = made.iter().rfind(|service| service.made_head);
    let Some(head) = head else { return found };
    if head.kind() != "ClusterIP" {
        let service_type = object.value.pointer(&format!("{at}/headGroupSpec/serviceType"));
        let by = if service_type.is_some_and(|own| own == head.kind()) {
            "headGroupSpec.serviceType"
        } else {
            "headGroupSpec.headService.spec.type"
        };
        found.push(Exposed {
            service: head.clone(),
            field: field(by),
            ingress: None,
        });
    }
    let ingress = object.value.pointer(&format!("{at}/headGroupSpec/enableIngress"));
    if ingress.and_then(Value::as_bool) == Some(true) {
        found.push(Exposed {
            service: head.clone(),
            field: field("headGroupSpec.enableIngress"),
            ingress: Some(dashboard(object, at)),
        });
    }
    let serve = made.iter().rfind(|service| !service.made_head);
    if let Some(serve) = serve.filter(|serve| serve.kind() != "ClusterIP") {
        found.push(Exposed {
            service: serve.clone(),
            field: "spec.serveService.spec.type".to_owned(),
            ingress: None,
        });
    }
    found
}

fn head<'a>(object: &'a Object, at: &str, name: &str) -> Service<'a> {
    let group = object.value.pointer(&format!("{at}/headGroupSpec"));
    let group = group.unwrap_or(&Value::Null);
    let mut ports: Vec<(String, u16, u16)> = RAY_HEAD_PORTS
        .iter()
        .map(|(name, port)| ((*name).to_owned(), *port, *port))
        .collect();
    let mut add = |name: &str, port: u16, target: u16| {
        if !ports.iter().any(|(_, there, _)| *there == port) {
            ports.push((name.to_owned(), port, target));
        }
    };
    let own = dashboard(object, at);
    add("dashboard", own, own);
    // What the first container declares is what the Service has; the usual ports stay in it here.
    for port in group
        .pointer("/template/spec/containers/0")
        .into_iter()
        .flat_map(pod::declared)
    {
        if let Some(number) = pod::number(port) {
            add(read::text(port, "/name").unwrap_or_default(), number, number);
        }
    }
    for port in read::list(group, "/headService/spec/ports") {
        if let Some(number) = read::port(port, "/port").filter(|_| pod::is_tcp(port)) {
            let target = read::port(port, "/targetPort").filter(|target| *target > 0);
            add(
                read::text(port, "/name").unwrap_or_default(),
                number,
                target.unwrap_or(number),
            );
        }
    }
    let mut service = of(object, name, "head", &ports);
    service.made_head = true;
    service.made_type = outside([
        read::text(group, "/serviceType"),
        read::text(group, "/headService/spec/type"),
    ]);
    if service.made_type == "ClusterIP" && !read::list(group, "/headService/spec/externalIPs").is_empty() {
        service.made_type = "LoadBalancer";
    }
    service
}

/// Serve's own: it may lead to every node on which Serve has a proxy; the head has one.
fn serve<'a>(object: &'a Object, name: &str) -> Service<'a> {
    let mut ports = vec![("serve".to_owned(), SERVE_PORT, SERVE_PORT)];
    for port in read::list(&object.value, "/spec/serveService/spec/ports") {
        if let Some(number) = read::port(port, "/port").filter(|number| *number != SERVE_PORT) {
            let target = read::port(port, "/targetPort").filter(|target| *target > 0);
            ports.push((
                read::text(port, "/name").unwrap_or_default().to_owned(),
                number,
                target.unwrap_or(number),
            ));
        }
    }
    let mut service = of(object, name, "head", &ports);
    service.made_type = outside([read::text(&object.value, "/spec/serveService/spec/type"), None]);
    service
}

fn of<'a>(object: &'a Object, name: &str, part: &str, ports: &[(String, u16, u16)]) -> Service<'a> {
    let selector = BTreeMap::from([
        (keys::RAY_CLUSTER.to_owned(), object.id.name.clone()),
        (keys::RAY_NODE_TYPE.to_owned(), part.to_owned()),
    ]);
    let mut service = Service::made(object, name, selector, ports);
    service.owner = Some(&object.id);
    service
}

/// The type that opens, if one of them does.
fn outside(types: [Option<&str>; 2]) -> &'static str {
    let mut types = types.into_iter().flatten();
    types
        .find_map(|one| match one {
            "LoadBalancer" => Some("LoadBalancer"),
            "NodePort" => Some("NodePort"),
            _ => None,
        })
        .unwrap_or("ClusterIP")
}

/// The port of the dashboard: declared under its name, or else where Ray is told to listen.
fn dashboard(object: &Object, at: &str) -> u16 {
    let head = object.value.pointer(&format!("{at}/headGroupSpec"));
    let head = head.unwrap_or(&Value::Null);
    let first = head.pointer("/template/spec/containers/0");
    let declared = first
        .into_iter()
        .flat_map(pod::declared)
        .find(|port| read::text(port, "/name") == Some("dashboard"));
    let told = read::text(head, "/rayStartParams/dashboard-port").and_then(|port| port.parse().ok());
    declared
        .and_then(pod::number)
        .or(told)
        .unwrap_or(RAY_HEAD_PORTS[0].1)
}

fn shortened(name: String) -> String {
    let Some(cut) = name.len().checked_sub(MAX_NAME).filter(|cut| *cut > 0) else {
        return name;
    };
    let end = name.get(cut..).unwrap_or_default().to_owned();
    match end.chars().next() {
        Some(first) if !first.is_ascii_alphabetic() => {
            format!("r{}", end.get(1..).unwrap_or_default())
        }
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_as_kuberay_cuts_them() {
        // KubeRay's own vector (ray-operator/controllers/ray/utils/util_test.go, TestCheckName).
        let long = "72fbcc7e-a661-4b18e-ca41-e903-fc3ae634b18e-lazer090scholar-director-s";
        let cut = "rca41-e903-fc3ae634b18e-lazer090scholar-director-s";
        assert_eq!(shortened(long.to_owned()), cut);
        assert_eq!(shortened("short-head-svc".to_owned()), "short-head-svc");
    }
}
