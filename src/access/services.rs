//! Services: which ports of which pods stand behind one of their ports.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::Hop;
use super::endpoints;
use super::labels::{self, Selected};
use super::pod::{self, Pod};
use super::read;
use super::workloads::{KUBEFLOW, Workloads, selected};
use super::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys;
use crate::model::notebook::NOTEBOOK_PORT;

mod ray;

pub use ray::{Exposed, exposed, made_by_ray};

/// A Service: one of the manifests, or one that a controller makes.
#[derive(Debug, Clone)]
pub struct Service<'a> {
    /// Which one.
    pub id: ObjectId,
    /// The object; of one that a controller makes, the workload it makes it for.
    pub object: &'a Object,
    /// Whether the object is the Service itself.
    pub written: bool,
    /// The type of one that a controller makes.
    made_type: &'a str,
    /// Whether it is that of a Ray head.
    made_head: bool,
    /// Whose pods alone it selects, where a label of them is not known.
    owner: Option<&'a ObjectId>,
    selector: Option<BTreeMap<String, String>>,
    ports: Vec<Port>,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name; may be empty.
    pub name: String,
    /// The Service's port.
    pub port: u16,
    /// The port of the node; 0: none.
    pub node_port: u16,
    target: Target,
    index: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Number(u16),
    Name(String),
}

/// What stands behind a port of a Service.
#[derive(Debug, Clone, Default)]
pub struct Behind<'p, 'a> {
    /// Pods and their ports.
    pub ends: Vec<(&'p Pod<'a>, u16)>,
    /// What keeps it from leading anywhere.
    pub stopped: Vec<Hop>,
    /// What is not known about it.
    pub unknown: Vec<Hop>,
}

/// The namespace and name of the Service that a host means inside the cluster: `name.namespace`, `name.namespace.svc…`, or that of
/// one of its pods. A short name has no namespace of its own.
pub fn named(host: &str) -> Option<(String, String)> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let ([name, namespace] | [name, namespace, "svc", ..] | [_, name, namespace, "svc", ..]) =
        labels.as_slice()
    else {
        return None;
    };
    Some(((*namespace).to_owned(), (*name).to_owned()))
}

// === impl Service ===

impl<'a> Service<'a> {
    /// Finds a Service, or the one that a controller will make.
    pub fn find(world: &World<'a>, namespace: &str, name: &str) -> Option<Self> {
        if let Some(object) = world.get("", "Service", namespace, name) {
            return Some(Self::written(object));
        }
        if let Some(notebook) = world.get(KUBEFLOW, "Notebook", namespace, name) {
            return Some(Self::of_notebook(notebook));
        }
        ray::find(world, namespace, name)
    }

    /// One of the manifests.
    pub fn written(object: &'a Object) -> Self {
        let selector = object.value.pointer("/spec/selector").and_then(Value::as_object);
        let selector = selector.filter(|selector| !selector.is_empty());
        let ports = read::list(&object.value, "/spec/ports").iter().enumerate();
        Self {
            id: object.id.clone(),
            object,
            written: true,
            made_type: "",
            made_head: false,
            owner: None,
            selector: selector.map(|_| read::labels(&object.value, "/spec/selector")),
            ports: ports.filter_map(|(index, port)| Port::of(index, port)).collect(),
        }
    }

    /// The notebook controller's (components/notebook-controller, `generateService`): port 80 to the first container's first port.
    fn of_notebook(notebook: &'a Object) -> Self {
        let first = notebook.value.pointer("/spec/template/spec/containers/0");
        let declared = first
            .and_then(|container| container.pointer("/ports/0"))
            .and_then(pod::number);
        Self::made(
            notebook,
            &notebook.id.name,
            BTreeMap::from([(keys::STATEFUL_SET.to_owned(), notebook.id.name.clone())]),
            &[("http-notebook".to_owned(), 80, declared.unwrap_or(NOTEBOOK_PORT))],
        )
    }

    fn made(
        object: &'a Object,
        name: &str,
        selector: BTreeMap<String, String>,
        ports: &[(String, u16, u16)],
    ) -> Self {
        let ports = ports
            .iter()
            .enumerate()
            .map(|(index, (name, port, target))| Port {
                name: name.clone(),
                port: *port,
                node_port: 0,
                target: Target::Number(*target),
                index,
            });
        Self {
            id: ObjectId::new("v1", "Service", &object.id.namespace, name),
            object,
            written: false,
            made_type: "ClusterIP",
            made_head: false,
            owner: None,
            selector: Some(selector),
            ports: ports.collect(),
        }
    }

    /// Its ports.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// Its type; absent means ClusterIP.
    pub fn kind(&self) -> &'a str {
        if !self.written {
            return self.made_type;
        }
        read::text(&self.object.value, "/spec/type").unwrap_or("ClusterIP")
    }

    /// The Service as a step of a way.
    pub fn hop(&self, port: Option<&Port>) -> Hop {
        let field = match port {
            Some(port) if self.written => format!("spec.ports[{}]", port.index),
            _ => String::new(),
        };
        let says = match port {
            Some(port) => format!("port {} to {}", port.port, port.target.words()),
            None => String::new(),
        };
        let says = if self.written {
            says
        } else {
            format!("{says} (made by the controller of {})", self.object.id)
        };
        Hop {
            object: if self.written {
                self.id.clone()
            } else {
                self.object.id.clone()
            },
            field,
            says,
        }
    }

    /// What it is another name of; empty: of nothing.
    pub fn external_name(&self) -> &'a str {
        read::text(&self.object.value, "/spec/externalName").unwrap_or_default()
    }

    /// That it leads to a name elsewhere.
    pub fn outside(&self) -> Hop {
        self.says(
            "spec.externalName",
            "leads to a name outside of what the manifests hold",
        )
    }

    /// The pods behind one of its ports.
    pub fn behind<'p>(&self, world: &World<'a>, workloads: &'p Workloads<'a>, port: &Port) -> Behind<'p, 'a> {
        let mut behind = Behind::default();
        let Some(selector) = &self.selector else {
            let found = endpoints::of(world, workloads, &self.id, &port.name);
            behind.ends = found.ends;
            if found.unclear || behind.ends.is_empty() {
                behind.unknown.push(self.says(
                    "spec.selector",
                    "has no selector: its endpoints are written by somebody else",
                ));
            }
            return behind;
        };
        let mut named_nowhere = Vec::new();
        let mut selected = 0;
        for (pod, _) in self.pods(workloads, selector) {
            selected += 1;
            match &port.target {
                Target::Number(number) => behind.ends.push((pod, *number)),
                Target::Name(name) => {
                    // Of several containers with that name the first counts; which ones run is not for us to say.
                    let ports = pod.ports_named(name);
                    if ports.is_empty() {
                        named_nowhere.push(pod);
                    }
                    behind.ends.extend(ports.into_iter().map(|number| (pod, number)));
                }
            }
        }
        if selected == 0 {
            let words = selector
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>();
            let message = format!("selects no pod of the manifests ({})", words.join(", "));
            behind.unknown.push(self.says("spec.selector", &message));
        } else if behind.ends.is_empty() {
            let field = format!("spec.ports[{}].targetPort", port.index);
            let message = format!(
                "no container of the pods it selects has a port named {}",
                port.target.words()
            );
            behind.stopped.push(self.says(&field, &message));
        }
        behind
    }

    /// The pods that a selector may mean.
    fn pods<'p>(
        &self,
        workloads: &'p Workloads<'a>,
        selector: &BTreeMap<String, String>,
    ) -> Vec<(&'p Pod<'a>, Selected)> {
        let Some((key, value)) = selector.iter().next() else {
            return Vec::new();
        };
        let exact = labels::of_labels(selector);
        workloads
            .with_label(&self.id.namespace, key, value)
            // A Service that KubeRay makes for a RayJob stands here under the RayJob's name.
            .map(|pod| match self.owner {
                Some(_) => (pod, labels::selects(&exact, pod.known())),
                None => (pod, selected(&exact, pod)),
            })
            .filter(|(pod, selected)| {
                selected.possible() && self.owner.is_none_or(|owner| *owner == pod.workload)
            })
            .collect()
    }

    /// The pods behind it, whatever the port.
    pub fn all_pods<'p>(&self, workloads: &'p Workloads<'a>) -> Vec<&'p Pod<'a>> {
        let selector = self.selector.clone().unwrap_or_default();
        self.pods(workloads, &selector)
            .into_iter()
            .map(|(pod, _)| pod)
            .collect()
    }

    fn says(&self, field: &str, says: &str) -> Hop {
        let hop = self.hop(None);
        Hop {
            field: if self.written {
                field.to_owned()
            } else {
                String::new()
            },
            says: says.to_owned(),
            ..hop
        }
    }
}

// === impl Port ===

impl Port {
    fn of(index: usize, value: &Value) -> Option<Self> {
        if !pod::is_tcp(value) {
            return None;
        }
        let port = read::port(value, "/port")?;
        let target = match value.get("targetPort") {
            // Empty and zero are as good as absent (k8s.io/kubernetes pkg/apis/core/v1, `SetDefaults_Service`).
            Some(Value::String(name)) if name.is_empty() => Target::Number(port),
            Some(Value::Number(number)) if number.as_u64() == Some(0) => Target::Number(port),
            Some(Value::String(name)) => match name.parse() {
                Ok(number) => Target::Number(number),
                Err(_) => Target::Name(name.clone()),
            },
            Some(Value::Number(number)) => Target::Number(u16::try_from(number.as_u64()?).ok()?),
            _ => Target::Number(port),
        };
        Some(Self {
            name: read::text(value, "/name").unwrap_or_default().to_owned(),
            port,
            node_port: read::port(value, "/nodePort").unwrap_or_default(),
            target,
            index,
        })
    }
}

// === impl Target ===

impl Target {
    fn words(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}
