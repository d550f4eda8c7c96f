//! What to make: the parts of the access graph and their names, before any of them is an object.
//!
//! Takes validated meaning from `model`; gives a [`Plan`], and findings where two parts of the input cannot stand beside
//! each other. Never makes an object.

pub mod api_server;
pub mod class;
pub mod collisions;
pub mod exposed;
pub mod guard;
pub mod hash;
pub mod hop;
pub mod ray;

use std::collections::{BTreeMap, BTreeSet};

use crate::input::notebook::{GROUP, KIND, VERSIONS};
use crate::input::platform::{ApiServerGuard, AuthMode, Operator};
use crate::input::ray::Kind;
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::model::api_server::ApiServer;
use crate::model::companion;
use crate::model::gateway::{Access, Gateway, State};
use crate::model::login;
use crate::model::names::{is_dns_label, joined};
use crate::model::notebook::{NOTEBOOK_PORT, Notebook, Open};
use crate::model::platform::Platform;
use crate::model::ray::RayCluster;
use api_server::GuardedApiServer;
use exposed::Exposed;
use guard::Guard;
use ray::RayGuard;

/// Everything to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The target cluster.
    pub platform: Platform,
    /// The gateway, the login and the groups that the input defines.
    pub access: Option<Access>,
    /// The Notebooks to be guarded, by namespace and name.
    pub guards: BTreeMap<(String, String), Guard>,
    /// The Notebooks that are exposed without a guard, by namespace and name.
    pub exposed: BTreeMap<(String, String), Exposed>,
    /// The namespaces whose Notebooks are closed to everybody but gateway and culler.
    pub closed: BTreeSet<String>,
    /// The Notebooks in those namespaces, guarded or not, that listen on another port than the usual one: the culler needs
    /// a way to it, and stops busy notebooks that it cannot ask.
    pub culled: BTreeMap<(String, String), u16>,
    /// The Ray clusters to be guarded, by kind of document, namespace and name.
    pub rays: BTreeMap<(Kind, String, String), RayGuard>,
    /// The namespaces whose Ray nodes are closed.
    pub ray_closed: BTreeSet<String>,
    /// The RayClusters without a guard in those namespaces, by namespace and name: their nodes must reach each other.
    pub ray_bystanders: BTreeSet<(String, String)>,
    /// KubeRay's API servers to be guarded, by namespace and name.
    pub api_servers: BTreeMap<(String, String), GuardedApiServer>,
}

// === impl Plan ===

impl Plan {
    /// The gateway that the input defines.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.access.as_ref()?.gateway.as_ref()
    }

    /// Whether anything may be exposed: not while a login that the input calls for cannot be, nor where the Platform says that
    /// nobody can log in.
    pub fn serves(&self) -> bool {
        let fenced = |access: &Access| access.state != State::Open;
        !self.access.as_ref().is_some_and(fenced) && self.platform.facts.auth_mode != Some(AuthMode::None)
    }

    /// Takes in KubeRay's API servers that are to be guarded.
    pub fn guard_api_servers(&mut self, servers: Vec<ApiServer>, findings: &mut Vec<Finding>) {
        let routed =
            self.platform.api_server.guard == ApiServerGuard::Review && self.platform.api_server.route;
        for server in servers {
            let id = (server.namespace.clone(), server.name.clone());
            let guard = GuardedApiServer::new(&self.platform, server);
            if let Some(other) = self.api_servers.values().next().filter(|_| routed) {
                let message = format!(
                    "the gateway serves one API server under {}, and that is {} in namespace {}; set kubeRayApiServer.route: \
                     false in the Platform, or keep one of them",
                    api_server::PATH,
                    other.server.name,
                    other.server.namespace
                );
                let finding = Finding::error(message).at("metadata.name").found(id.1.clone());
                findings.push(finding.about(&guard.id()));
            }
            self.api_servers.insert(id, guard);
        }
    }

    /// How people log in and whether they can, as far as this input knows.
    pub fn login(&self) -> Option<(AuthMode, &State)> {
        match &self.access {
            Some(access) => Some((access.mode, &access.state)),
            None if !self.serves() => Some((AuthMode::None, &State::AuthModeUnsupported)),
            None => None,
        }
    }
}

/// Plans the graph. `open` are the Notebooks to be exposed without a guard; `others` are all that are in the input and not
/// guarded: by namespace and name, their ports.
pub fn make(
    platform: Platform,
    access: Option<Access>,
    notebooks: Vec<Notebook>,
    open: Vec<Open>,
    rays: Vec<RayCluster>,
    others: &BTreeMap<(String, String), u16>,
    findings: &mut Vec<Finding>,
) -> Plan {
    let mut guards: BTreeMap<(String, String), Guard> = notebooks
        .into_iter()
        .map(|notebook| {
            (
                (notebook.namespace.clone(), notebook.name.clone()),
                Guard::new(notebook, platform.notebook_controller),
            )
        })
        .collect();
    let mut services: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for ((namespace, name), guard) in &guards {
        if let Some(other) = services.insert((namespace, &guard.service), name) {
            let message =
                format!("its guard gets the Service of the guard of Notebook {other}; rename one of them");
            let finding = Finding::error(message).at("metadata.name").found(name.clone());
            findings.push(finding.about(&notebook_id(namespace, name)));
        }
        let taken = (namespace.clone(), guard.service.clone());
        if guards.contains_key(&taken) || others.contains_key(&taken) {
            let message = format!(
                "the notebook controller gives this Notebook a Service of its own name, which is the Service of the guard \
                 of Notebook {name}; rename one of them"
            );
            let finding = Finding::error(message)
                .at("metadata.name")
                .found(guard.service.clone());
            findings.push(finding.about(&notebook_id(namespace, &guard.service)));
        }
    }
    if let Some(gateway) = access.as_ref().and_then(|access| access.gateway.as_ref()) {
        let taken = (gateway.namespace.clone(), login::NAME.to_owned());
        if guards.contains_key(&taken) || others.contains_key(&taken) {
            let message = "the notebook controller gives this Notebook a Service of its own name, which is the login \
                           service's: rename it, or move it to another namespace";
            let finding = Finding::error(message).at("metadata.name").found(login::NAME);
            findings.push(finding.about(&notebook_id(&taken.0, &taken.1)));
        }
    }
    if platform.notebook_controller == Operator::OpenDataHub {
        let on = guards.keys().map(|id| (id, true));
        let off = others.keys().map(|id| (id, false));
        let all = on
            .chain(off)
            .map(|((namespace, name), on)| ((namespace.as_str(), name.as_str()), on));
        for ((namespace, name), finding) in companion::collisions(&all.collect()) {
            findings.push(finding.about(&notebook_id(namespace, name)));
        }
    }
    if platform.short_paths {
        short_paths(&mut guards, others, findings);
    }
    let exposed: BTreeMap<(String, String), Exposed> = open
        .into_iter()
        .map(|notebook| {
            (
                (notebook.namespace.clone(), notebook.name.clone()),
                Exposed::new(notebook),
            )
        })
        .collect();
    let closed: BTreeSet<String> = guards
        .keys()
        .chain(exposed.keys())
        .map(|(namespace, _)| namespace.clone())
        .collect();
    let own = guards.iter().map(|(id, guard)| (id.clone(), guard.notebook.port));
    let others = others.iter().map(|(id, port)| (id.clone(), *port));
    let culled = own.chain(others).filter(|((namespace, name), port)| {
        closed.contains(namespace) && *port != NOTEBOOK_PORT && is_dns_label(name)
    });
    let rays: BTreeMap<_, _> = rays
        .into_iter()
        .map(|cluster| {
            let id = (cluster.kind, cluster.namespace.clone(), cluster.name.clone());
            (id, RayGuard::new(&platform, cluster))
        })
        .collect();
    Plan {
        ray_bystanders: BTreeSet::new(),
        ray_closed: rays.keys().map(|(_, namespace, _)| namespace.clone()).collect(),
        rays,
        api_servers: BTreeMap::new(),
        culled: culled.collect(),
        exposed,
        platform,
        access,
        guards,
        closed,
    }
}

/// Names the redirects from `/notebooks/NAME`: for Notebooks whose name no other Notebook in the input has.
fn short_paths(
    guards: &mut BTreeMap<(String, String), Guard>,
    others: &BTreeMap<(String, String), u16>,
    findings: &mut Vec<Finding>,
) {
    let mut namespaces: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (namespace, name) in guards.keys().chain(others.keys()) {
        namespaces
            .entry(name.clone())
            .or_default()
            .push(namespace.clone());
    }
    for ((namespace, name), guard) in guards {
        let all = namespaces.get(name).map_or(&[][..], Vec::as_slice);
        if all.len() == 1 {
            guard.short_route = Some(joined("short", namespace, name));
            continue;
        }
        let elsewhere: Vec<&str> = all
            .iter()
            .filter(|other| *other != namespace)
            .map(String::as_str)
            .collect();
        let message = format!(
            "/notebooks/{name} is not answered: namespace {} has a Notebook of this name too",
            elsewhere.join(", ")
        );
        let finding = Finding::warning(message).at("metadata.name").found(name.clone());
        findings.push(finding.about(&notebook_id(namespace, name)));
    }
}

/// The id of a Notebook.
pub fn notebook_id(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new(&format!("{GROUP}/{}", VERSIONS[0]), KIND, namespace, name)
}
