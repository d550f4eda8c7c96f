//! KubeRay's API server among the documents: its Deployment, the Services that lead to it, and what leads around a guard.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::additions::{self, Lost, Original};
use super::{Batch, Framed, Outcome, Run, generated, items, neighbours, place, syntax};
use crate::input::api_server::{self as document, Deployment, Service};
use crate::input::platform::ApiServerGuard;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::krm::tree::Node;
use crate::krm::write::Change;
use crate::manifests::addition::Addition;
use crate::manifests::api_server as parts;
use crate::model::api_server::{self as model, ApiServer, Target};
use crate::model::keys;
use crate::model::platform::Platform;
use crate::plan::Plan;
use crate::plan::api_server::GuardedApiServer;

/// A word that is somewhere in every Deployment of the API server's: in its labels, or in its image.
const WORD: &str = "kuberay";

/// A document, and what is left of it where ours is taken out.
struct Placed<'a> {
    framed: &'a Framed,
    at: (usize, usize),
    item: &'a Item,
    value: Value,
    tree: Node,
    original: Option<Original>,
}

/// A Deployment of the API server's.
pub(super) struct Found<'a> {
    placed: Placed<'a>,
    document: Deployment,
}

/// A Service, as it was written.
struct Road<'a> {
    placed: Placed<'a>,
    document: Service,
}

// === impl Placed ===

impl<'a> Placed<'a> {
    fn read(at: (usize, usize), framed: &'a Framed, item: &'a Item) -> Result<Self, Vec<Finding>> {
        let piece = item.piece(&framed.source);
        let read = piece.value().and_then(|value| Ok((value, piece.tree()?)));
        let (value, tree) =
            read.map_err(|error| vec![syntax(&framed.source, &error).about(&item.head.id)])?;
        let original = additions::original(&framed.source, item, &value)
            .map_err(|findings| placed(framed, item, &tree, findings))?;
        Ok(Self {
            framed,
            at,
            item,
            value,
            tree,
            original,
        })
    }

    fn written(&self) -> &Value {
        self.original
            .as_ref()
            .map_or(&self.value, |original| &original.value)
    }

    fn about(&self, findings: Vec<Finding>) -> Vec<Finding> {
        placed(self.framed, self.item, &self.tree, findings)
    }

    /// What an earlier run took out for good, where the guard it was for is taken out too.
    fn lost(&self) -> Vec<Finding> {
        let lost = self.original.iter().flat_map(|original| &original.lost);
        let finding = |lost: &Lost| {
            let message = format!(
                "stays without {}: it stood here in plain text, so it was taken out and is written down nowhere; give it a value \
                 from a Secret (valueFrom.secretKeyRef)",
                lost.name
            );
            Finding::warning(message).at(lost.path.clone())
        };
        lost.map(finding).collect()
    }

    /// Makes the document hold these additions and nothing else of ours.
    fn hold(&self, additions: &[Addition], outcome: &mut Outcome) -> Result<(), Vec<Finding>> {
        let edits = additions::edits(&self.framed.source, self.item, &self.value, additions);
        if let Some(splices) = edits.map_err(|findings| self.about(findings))? {
            outcome.changes[self.at.0][self.at.1] = Change::Edit(splices);
        }
        Ok(())
    }
}

fn placed(framed: &Framed, item: &Item, tree: &Node, findings: Vec<Finding>) -> Vec<Finding> {
    let findings = findings.into_iter();
    findings
        .map(|finding| place(framed, item, finding, Some(tree)))
        .collect()
}

// === impl Found ===

impl<'a> Found<'a> {
    /// Whether an earlier run put something into it.
    pub(super) fn is_changed(&self) -> bool {
        self.placed.original.is_some()
    }

    /// Where it stands.
    pub(super) fn place(&self) -> (&'a Framed, &'a Item) {
        (self.placed.framed, self.placed.item)
    }
}

// === impl Run ===

impl<'a> Run<'a> {
    /// The API server's Deployments, read. Those that cannot be read become findings.
    pub(super) fn api_servers(&mut self) -> Vec<Found<'a>> {
        let batch = self.batch;
        let mut found = Vec::new();
        for (at, framed, item) in items(batch) {
            let id = &item.head.id;
            let is_deployment = (id.group.as_str(), id.kind.as_str()) == (document::GROUP, document::KIND)
                && id.version == document::VERSION;
            let text = framed.source.slice(&item.range);
            if !is_deployment || !text.contains(WORD) || item.head.is_local_config() {
                continue;
            }
            let Ok(value) = item.piece(&framed.source).value() else {
                continue;
            };
            let (labels, images) = document::glance(&value);
            if !model::is_api_server(&labels, images) {
                continue;
            }
            let read = Placed::read(at, framed, item).and_then(|placed| {
                let read = document::read(placed.written());
                let document = read.map_err(|findings| placed.about(findings))?;
                Ok(Found { placed, document })
            });
            match read {
                Ok(one) => found.push(one),
                Err(findings) => self.findings.extend(findings),
            }
        }
        found
    }

    /// What each of them means, where it is to get a guard.
    pub(super) fn understand_api_servers(
        &mut self,
        found: &[Found<'a>],
        platform: &Platform,
    ) -> Vec<ApiServer> {
        let mut servers: Vec<ApiServer> = Vec::new();
        for one in found {
            let mut findings = Vec::new();
            if platform.api_server.guard == ApiServerGuard::Off {
                findings.push(open());
            } else if let Some(server) = model::guarded(&one.document, platform, &mut findings) {
                let is_same =
                    |other: &ApiServer| (&other.namespace, &other.name) == (&server.namespace, &server.name);
                if servers.iter().any(is_same) {
                    findings.push(Finding::error("this Deployment is given twice").at("metadata.name"));
                } else {
                    servers.push(server);
                }
            }
            self.findings.extend(one.placed.about(findings));
        }
        servers
    }

    /// Puts the guards into the Deployments and in front of the Services, and takes out those that are no longer wanted.
    pub(super) fn patch_api_servers(&mut self, found: &[Found<'a>], plan: &Plan, outcome: &mut Outcome) {
        let platform = &plan.platform;
        let mut guarded: Vec<(&Found<'a>, &GuardedApiServer)> = Vec::new();
        for one in found {
            let namespace = model::namespace(&one.document.namespace, platform).unwrap_or_default();
            let guard = plan.api_servers.get(&(namespace, one.document.name.clone()));
            let additions = guard.map_or_else(Vec::new, |guard| parts::deployment_additions(platform, guard));
            if let Err(findings) = one.placed.hold(&additions, outcome) {
                self.findings.extend(findings);
            }
            if guard.is_none() {
                self.findings.extend(one.placed.about(one.placed.lost()));
            }
            guarded.extend(guard.map(|guard| (one, guard)));
        }
        let mut around = BTreeMap::new();
        for road in self.roads(!found.is_empty()) {
            let namespace = model::namespace(&road.document.namespace, platform).unwrap_or_default();
            let behind = guarded.iter().find(|(one, guard)| {
                guard.server.namespace == namespace
                    && model::is_behind(&road.document, &one.document.pod_labels)
            });
            let own = behind.filter(|_| model::is_its_service(&road.document));
            let additions = own.map_or_else(Vec::new, |(_, guard)| {
                parts::service_additions(guard, &guard.server.road(&road.document))
            });
            if let Err(findings) = road.placed.hold(&additions, outcome) {
                self.findings.extend(findings);
            }
            if let Some((_, guard)) = behind {
                let findings = past(guard, &road.document, own.is_some());
                let leads_around = !findings.is_empty();
                self.findings.extend(road.placed.about(findings));
                if leads_around || (own.is_some() && guard.guard == ApiServerGuard::Review) {
                    around.insert((namespace, road.document.name.clone()), leads_around);
                }
            }
        }
        roads_on(self.batch, platform, &around, &mut self.findings);
    }

    /// The Services that may lead to the API server, and those that an earlier run changed.
    fn roads(&mut self, any: bool) -> Vec<Road<'a>> {
        let batch = self.batch;
        let mut roads = Vec::new();
        for (at, framed, item) in items(batch) {
            let id = &item.head.id;
            let is_service = id.group.is_empty() && id.kind == "Service" && !generated::is_ours(item);
            let is_changed = item.head.annotations.contains_key(keys::ADDED);
            if !is_service || !(any || is_changed) || item.head.is_local_config() {
                continue;
            }
            let read = Placed::read(at, framed, item).and_then(|placed| {
                let read = document::read_service(placed.written());
                let document = read.map_err(|findings| placed.about(findings))?;
                Ok(Road { placed, document })
            });
            match read {
                Ok(road) => roads.push(road),
                // A Service that has nothing to do with the API server is not ours to judge.
                Err(findings) if is_changed => self.findings.extend(findings),
                Err(_) => {}
            }
        }
        roads
    }
}

/// Nothing is asked for, so nothing is done.
fn open() -> Finding {
    let message = "is KubeRay's API server, and the Platform puts no guard in front of it (kubeRayApiServer.guard: Off): whoever \
                   reaches its pods makes Ray clusters with its rights and runs code in them";
    Finding::info(message).at(document::POD_SPEC)
}

/// Ports of a Service that lead to the API server's own ports and are not led to the guard.
fn past(guard: &GuardedApiServer, service: &Service, is_own: bool) -> Vec<Finding> {
    let ports = service.ports.iter().enumerate().filter(|_| !is_own);
    ports
        .filter_map(|(index, port)| {
            let Target::Own(door) = guard.server.target(port) else {
                return None;
            };
            let wanted = guard.port(door);
            let message = format!(
                "leads to the API server past its guard, and nobody gets through: the guard's ports alone are open; lead it to \
                 the guard, or remove the Service (label {}: {} has that done for you)",
                keys::COMPONENT,
                model::COMPONENT
            );
            let at = format!("spec.ports[{index}].targetPort");
            let found = port.target.map_or_else(|| Value::from(port.target_name.as_str()), Value::from);
            Some(Finding::warning(message).at(at).found(found).propose(wanted))
        })
        .collect()
}

/// Ways from outside to Services that lead past the guard, or to a guard that speaks TLS.
fn roads_on(
    batch: &Batch,
    platform: &Platform,
    around: &BTreeMap<(String, String), bool>,
    findings: &mut Vec<Finding>,
) {
    if around.is_empty() {
        return;
    }
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        if !neighbours::is_road(&item.head.id) {
            continue;
        }
        let piece = item.piece(&framed.source);
        let Ok((value, tree)) = piece.value().and_then(|value| Ok((value, piece.tree()?))) else {
            continue;
        };
        let own = model::namespace(&item.head.id.namespace, platform).unwrap_or_default();
        let mut said = BTreeSet::new();
        for (namespace, service, path) in neighbours::backends(&value, &own) {
            let Some(past) = around.get(&(namespace, service.clone())) else {
                continue;
            };
            let message = if *past {
                "leads to a Service that leads to KubeRay's API server past its guard: nobody gets through; lead it to the \
                 guard's ports, or remove it"
            } else {
                "leads to KubeRay's API server, whose guard speaks TLS and asks for a bearer token: have it verify the guard, or \
                 remove it and use the gateway (kubeRayApiServer.route)"
            };
            if said.insert(path.clone()) {
                let finding = Finding::warning(message).at(path).found(service);
                findings.push(place(framed, item, finding, Some(&tree)));
            }
        }
    }
}
