//! Endpoints that somebody else writes for Services without a selector.

use serde_json::Value;

use super::pod::Pod;
use super::read;
use super::workloads::Workloads;
use super::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

/// The label by which an `EndpointSlice` names its Service (k8s.io/api/discovery/v1).
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What stands behind a port by endpoints of the manifests.
#[derive(Debug, Default)]
pub struct Found<'p, 'a> {
    /// Pods that they name, and their ports.
    pub ends: Vec<(&'p Pod<'a>, u16)>,
    /// Whether there are addresses of which nobody says whose they are.
    pub unclear: bool,
}

/// The objects that hold the endpoints of a Service.
pub fn objects<'a>(world: &World<'a>, service: &ObjectId) -> Vec<&'a Object> {
    let mut found = world.within("discovery.k8s.io", "EndpointSlice", &service.namespace);
    found.retain(|slice| {
        read::labels(&slice.value, "/metadata/labels").get(SERVICE_NAME) == Some(&service.name)
    });
    found.extend(world.get("", "Endpoints", &service.namespace, &service.name));
    found
}

/// What stands behind a port of a Service; its name may be empty.
pub fn of<'p, 'a>(
    world: &World<'a>,
    workloads: &'p Workloads<'a>,
    service: &ObjectId,
    name: &str,
) -> Found<'p, 'a> {
    let mut found = Found::default();
    for object in objects(world, service) {
        if object.id.kind == "Endpoints" {
            for subset in read::list(&object.value, "/subsets") {
                let ports = ports(read::list(subset, "/ports"), name);
                for list in ["/addresses", "/notReadyAddresses"] {
                    found.add(workloads, service, read::list(subset, list), &ports);
                }
            }
        } else {
            let ports = ports(read::list(&object.value, "/ports"), name);
            found.add(
                workloads,
                service,
                read::list(&object.value, "/endpoints"),
                &ports,
            );
        }
    }
    found
}

fn ports(all: &[Value], name: &str) -> Vec<u16> {
    all.iter()
        .filter(|port| read::text(port, "/name").unwrap_or_default() == name)
        .filter_map(|port| read::port(port, "/port"))
        .collect()
}

// === impl Found ===

impl<'p, 'a> Found<'p, 'a> {
    fn add(&mut self, workloads: &'p Workloads<'a>, service: &ObjectId, all: &[Value], ports: &[u16]) {
        for one in all {
            let named = read::text(one, "/targetRef/name")
                .filter(|_| read::text(one, "/targetRef/kind") == Some("Pod"));
            let pods = named.map(|name| {
                workloads
                    .within(&service.namespace)
                    .filter(move |pod| is_called(pod, name))
            });
            let before = self.ends.len();
            for pod in pods.into_iter().flatten() {
                self.ends.extend(ports.iter().map(|port| (pod, *port)));
            }
            self.unclear |= self.ends.len() == before;
        }
    }
}

/// Whether a pod may have a name: its own, or its owner's with what controllers add to it.
fn is_called(pod: &Pod<'_>, name: &str) -> bool {
    [&pod.object.id, &pod.workload].into_iter().any(|owner| {
        let Some(rest) = name.strip_prefix(owner.name.as_str()) else {
            return false;
        };
        match owner.kind.as_str() {
            "Pod" => rest.is_empty(),
            "Notebook" | "StatefulSet" => rest
                .strip_prefix('-')
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
            _ => rest.starts_with('-'),
        }
    })
}
