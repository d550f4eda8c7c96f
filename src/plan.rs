//! What to make: the parts of the access graph and their names, before any of them is an object.
//!
//! Takes validated meaning from `model`; gives a [`Plan`], and findings where two parts of the input cannot stand beside
//! each other. Never makes an object.

pub mod class;
pub mod guard;
pub mod hash;

use std::collections::{BTreeMap, BTreeSet};

use crate::input::notebook::{GROUP, KIND, VERSIONS};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::model::names::is_dns_label;
use crate::model::notebook::{NOTEBOOK_PORT, Notebook};
use crate::model::platform::Platform;
use guard::Guard;

/// Everything to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The target cluster.
    pub platform: Platform,
    /// The Notebooks to be guarded, by namespace and name.
    pub guards: BTreeMap<(String, String), Guard>,
    /// The namespaces whose Notebooks are closed to everybody but gateway and culler.
    pub closed: BTreeSet<String>,
    /// The Notebooks in those namespaces, guarded or not, that listen on another port than the usual one: the culler needs
    /// a way to it, and stops busy notebooks that it cannot ask.
    pub culled: BTreeMap<(String, String), u16>,
}

/// Plans the graph. `others` are the Notebooks that are in the input and not guarded: by namespace and name, their ports.
pub fn make(
    platform: Platform,
    notebooks: Vec<Notebook>,
    others: &BTreeMap<(String, String), u16>,
    findings: &mut Vec<Finding>,
) -> Plan {
    let guards: BTreeMap<(String, String), Guard> = notebooks
        .into_iter()
        .map(|notebook| {
            (
                (notebook.namespace.clone(), notebook.name.clone()),
                Guard::new(notebook),
            )
        })
        .collect();
    for ((namespace, name), guard) in &guards {
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
    let closed: BTreeSet<String> = guards.keys().map(|(namespace, _)| namespace.clone()).collect();
    let own = guards.iter().map(|(id, guard)| (id.clone(), guard.notebook.port));
    let others = others.iter().map(|(id, port)| (id.clone(), *port));
    let culled = own.chain(others).filter(|((namespace, name), port)| {
        closed.contains(namespace) && *port != NOTEBOOK_PORT && is_dns_label(name)
    });
    Plan {
        culled: culled.collect(),
        platform,
        guards,
        closed,
    }
}

/// The id of a Platform.
pub fn platform_id(platform: &Platform) -> ObjectId {
    use crate::input::platform::{GROUP, KIND, VERSION};
    ObjectId::new(&format!("{GROUP}/{VERSION}"), KIND, "", &platform.name)
}

/// The id of a Notebook.
pub fn notebook_id(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new(&format!("{GROUP}/{}", VERSIONS[0]), KIND, namespace, name)
}
