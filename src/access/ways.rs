//! Ways from outside, as they are found: objects from an entry to a pod's port, or to where they end before one.

use super::answer::{Entry, Hop, HopTls, LoginState, Path};
use super::gateways;
use super::pod::Pod;
use super::services::{self, Behind, Service};
use super::workloads::Workloads;
use super::world::World;
use crate::krm::object_id::ObjectId;

/// Everything that was found of ways from outside.
#[derive(Debug, Default)]
pub struct Ways<'p, 'a> {
    /// Those that end in a pod of the manifests.
    pub ends: Vec<Way<'p, 'a>>,
    /// Those that do not.
    pub loose: Vec<Loose>,
}

/// One that ends in a pod.
#[derive(Debug)]
pub struct Way<'p, 'a> {
    /// The pod.
    pub pod: &'p Pod<'a>,
    /// The way; guard, login and TLS are not filled in yet.
    pub path: Path,
    /// The route, and which of its rules, for what is asked on the way.
    pub route: Option<(ObjectId, usize)>,
    /// The Service's object and the position of the port in it, for what protects the hop.
    pub service: Option<(ObjectId, u16)>,
}

/// One that ends before a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loose {
    /// Where it begins.
    pub entry: Entry,
    /// The steps.
    pub hops: Vec<Hop>,
    /// Why it ends.
    pub end: Hop,
    /// Whether it may lead on to something that is not in the manifests.
    pub unknown: bool,
}

/// A way under construction.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Where it begins.
    pub entry: Entry,
    /// The gateway.
    pub via: Option<ObjectId>,
    /// What people open.
    pub url: String,
    /// The steps so far.
    pub hops: Vec<Hop>,
    /// What stops it.
    pub stopped: Vec<Hop>,
    /// The route and its rule.
    pub route: Option<(ObjectId, usize)>,
}

/// Which port of a Service is meant.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'v> {
    /// The Service's port.
    Number(u16),
    /// The port's name.
    Name(&'v str),
    /// A port of the pods, as OpenShift's Routes have it.
    Target(u16),
    /// All.
    Every,
}

// === impl Ways ===

impl<'p, 'a> Ways<'p, 'a> {
    /// Leads a way on to a Service by its name.
    pub fn to_service(
        &mut self,
        world: &World<'a>,
        workloads: &'p Workloads<'a>,
        begun: &Begun,
        namespace: &str,
        name: &str,
        wanted: Wanted<'_>,
    ) {
        let Some(service) = Service::find(world, namespace, name) else {
            if gateways::fronted(world, namespace, name).is_some() {
                // The Gateway's own Service: what comes in by it goes by the routes of its listeners.
                return;
            }
            let missing = Hop {
                object: ObjectId::new("v1", "Service", namespace, name),
                field: String::new(),
                says: "is not in the manifests".to_owned(),
            };
            // A namespace of which nothing else is there is somebody else's.
            let elsewhere = workloads.within(namespace).next().is_none();
            self.ends_before(begun, missing, elsewhere);
            return;
        };
        self.through(world, workloads, begun, &service, wanted);
    }

    /// Leads a way on through the name that a Service is another word for: whatever port is asked for is passed on.
    fn by_name(
        &mut self,
        world: &World<'a>,
        workloads: &'p Workloads<'a>,
        begun: &Begun,
        service: &Service<'a>,
        wanted: Wanted<'_>,
    ) {
        let host = service.external_name();
        let leads =
            services::named(host).and_then(|(namespace, name)| Service::find(world, &namespace, &name));
        let seen = begun.hops.iter().any(|hop| hop.object == service.id);
        let Some(target) = leads.filter(|_| !seen) else {
            self.ends_before(begun, service.outside(), true);
            return;
        };
        let mut begun = begun.clone();
        begun.hops.push(Hop {
            object: service.id.clone(),
            field: "spec.externalName".to_owned(),
            says: format!("another name of {host}"),
        });
        let port = |own: &dyn Fn(&services::Port) -> bool| {
            let found = service.ports().iter().find(|port| own(port));
            found.map_or(Wanted::Every, |port| Wanted::Number(port.port))
        };
        let wanted = match wanted {
            Wanted::Name(name) => port(&|port| port.name == name),
            wanted => wanted,
        };
        self.through(world, workloads, &begun, &target, wanted);
    }

    /// Leads a way on through a Service.
    pub fn through(
        &mut self,
        world: &World<'a>,
        workloads: &'p Workloads<'a>,
        begun: &Begun,
        service: &Service<'a>,
        wanted: Wanted<'_>,
    ) {
        if service.kind() == "ExternalName" {
            self.by_name(world, workloads, begun, service, wanted);
            return;
        }
        let pods = service.all_pods(workloads);
        let mut any = false;
        for port in service.ports() {
            let Behind {
                ends,
                stopped,
                unknown,
            } = service.behind(world, workloads, port);
            let ends: Vec<_> = match wanted {
                Wanted::Number(number) if number == port.port => ends,
                Wanted::Name(name) if name == port.name => ends,
                Wanted::Every => ends,
                Wanted::Target(target) => ends.into_iter().filter(|(_, number)| *number == target).collect(),
                Wanted::Number(_) | Wanted::Name(_) => continue,
            };
            if matches!(wanted, Wanted::Target(_)) && ends.is_empty() {
                continue;
            }
            any = true;
            for hop in unknown {
                self.ends_before(begun, hop, true);
            }
            for hop in stopped {
                self.ends_before(begun, hop, false);
            }
            for (pod, number) in ends {
                let mut begun = begun.clone();
                begun.hops.push(service.hop(Some(port)));
                self.end(&begun, pod, number, Some((service.id.clone(), port.port)));
            }
        }
        if any {
            return;
        }
        let missing = match wanted {
            Wanted::Number(port) | Wanted::Target(port) => format!("has no port {port}"),
            Wanted::Name(name) => format!("has no port named {name}"),
            Wanted::Every => "has no port".to_owned(),
        };
        let missing = Hop {
            says: missing,
            ..service.hop(None)
        };
        // What it would lead to is said all the same: one line in the Service and it is open.
        let number = match wanted {
            Wanted::Number(port) | Wanted::Target(port) => Some(port),
            Wanted::Name(_) | Wanted::Every => None,
        };
        match number {
            Some(number) if !pods.is_empty() => {
                for pod in pods {
                    let mut begun = begun.clone();
                    begun.stopped.push(missing.clone());
                    self.end(&begun, pod, number, None);
                }
            }
            _ => self.ends_before(begun, missing, false),
        }
    }

    /// A way that ends at a pod's port.
    pub fn end(&mut self, begun: &Begun, pod: &'p Pod<'a>, port: u16, service: Option<(ObjectId, u16)>) {
        let mut hops = begun.hops.clone();
        hops.push(pod.hop("", format!("port {port} of its pods")));
        self.ends.push(Way {
            pod,
            path: Path {
                entry: begun.entry,
                url: begun.url.clone(),
                hops,
                port,
                guard: None,
                login: LoginState::None,
                hop: HopTls::Unknown,
                stopped: begun.stopped.clone(),
                via: begun.via.clone(),
            },
            route: begun.route.clone(),
            service,
        });
    }

    /// A way that ends before a pod.
    pub fn ends_before(&mut self, begun: &Begun, end: Hop, unknown: bool) {
        let mut hops = begun.hops.clone();
        hops.extend(begun.stopped.iter().cloned());
        self.loose.push(Loose {
            entry: begun.entry,
            hops,
            end,
            unknown,
        });
    }
}
