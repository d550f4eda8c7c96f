//! The documents that define gateway and login, and what else among the documents concerns them: the cluster's own
//! configuration, Secrets in plain text, routes that cannot be fenced.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::generated::Placed;
use super::{Batch, Framed, generated, items, login_neighbours, place, platform, secrets, syntax};
use crate::input::auth::{self, AuthSpec};
use crate::input::gateway::{GATEWAY, GATEWAY_CONFIG, GatewayConfigSpec, GatewaySpec};
use crate::input::platform::{GROUP as PLATFORM_GROUP, KIND as PLATFORM};
use crate::input::{check, cluster, schema};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::manifests;
use crate::manifests::gateway::{LEGACY_LISTENER, LISTENER};
use crate::model::gateway::{self as model, Access, Read, Spec, State};
use crate::model::keys;
use crate::model::platform::{Platform, check_ray_gateway};
use crate::plan::Plan;
use crate::plan::class::Class;

/// The documents.
#[derive(Default)]
pub(super) struct Documents<'a> {
    read: model::Documents,
    /// Where each stands.
    places: BTreeMap<ObjectId, (&'a Framed, &'a Item)>,
    /// Whether one of them could not be read: then nothing is known.
    failed: bool,
    batch: Option<&'a Batch>,
}

/// Whether an object is one of the kinds that define gateway or login.
pub(super) fn is_definition(id: &ObjectId) -> bool {
    id.group == auth::GROUP && [auth::KIND, GATEWAY, GATEWAY_CONFIG].contains(&id.kind.as_str())
}

// === impl Documents ===

impl<'a> Documents<'a> {
    /// Finds and reads them.
    pub(super) fn find(batch: &'a Batch, findings: &mut Vec<Finding>) -> Self {
        let mut found = Self {
            batch: Some(batch),
            ..Self::default()
        };
        for (_, framed, item) in items(batch) {
            let id = &item.head.id;
            if id.group.is_empty() && id.kind == "Namespace" {
                found.read.namespaces.insert(id.name.clone());
            } else if is_definition(id) {
                found.define(framed, item, findings);
            } else if id.group == cluster::GROUP && id.name == cluster::NAME {
                found.copy(framed, item, findings);
            } else if id.group == PLATFORM_GROUP && id.kind == PLATFORM {
                found.places.insert(id.clone(), (framed, item));
            }
        }
        found
    }

    /// Whether there is none that calls for anything.
    pub(super) fn is_empty(&self) -> bool {
        !self.failed && self.read.gateway.is_none() && self.read.auth.is_none()
    }

    /// One of them that calls for something.
    pub(super) fn first(&self) -> Option<(&'a Framed, &'a Item)> {
        let mut places = self.places.iter();
        places.find(|(id, _)| is_definition(id)).map(|(_, place)| *place)
    }

    /// The ids of those that objects are made for, as these name them.
    pub(super) fn sources(&self) -> BTreeSet<String> {
        let defined = self.places.keys().filter(|id| is_definition(id));
        defined.map(ObjectId::reference).collect()
    }

    /// What they mean. The Platform's gateway becomes the one that is defined here: routes attach to it.
    pub(super) fn resolve(&self, platform: &mut Platform, findings: &mut Vec<Finding>) -> Option<Access> {
        if self.failed {
            return None;
        }
        let mut own = Vec::new();
        let access = model::resolve(&self.read, platform, &mut own);
        findings.extend(own.into_iter().map(|finding| self.placed(finding)));
        let access = access?;
        if let Some(gateway) = &access.gateway {
            platform.gateway.name.clone_from(&gateway.name);
            platform.gateway.pods.clone_from(&gateway.pods);
        }
        Some(access)
    }

    fn define(&mut self, framed: &'a Framed, item: &'a Item, findings: &mut Vec<Finding>) {
        let id = &item.head.id;
        let mut own = Vec::new();
        if id.version != auth::VERSION {
            let api_version = format!("{}/{}", auth::GROUP, auth::VERSION);
            let finding = Finding::error(format!("unknown version of {}", id.kind)).at("apiVersion");
            own.push(finding.found(id.api_version()).propose(api_version));
        }
        let before = self.read.gateway.as_ref().filter(|_| id.kind != auth::KIND);
        let first = match before {
            Some(read) => Some(&read.id),
            None => self
                .read
                .auth
                .as_ref()
                .filter(|_| id.kind == auth::KIND)
                .map(|read| &read.id),
        };
        if let Some(first) = first {
            let message = format!("{first} is in the input too; one input has one of these");
            own.push(Finding::error(message).at("kind").found(id.kind.clone()));
        }
        let piece = item.piece(&framed.source);
        let (value, tree) = match piece.value().and_then(|value| Ok((value, piece.tree()?))) {
            Ok(read) => read,
            Err(error) => {
                findings.push(syntax(&framed.source, &error).about(id));
                self.failed = true;
                return;
            }
        };
        for name in value.as_object().into_iter().flat_map(Map::keys) {
            if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&name.as_str()) {
                let near = check::nearest(name, ["metadata", "spec"].into_iter()).unwrap_or("spec");
                let message = format!("no such field; did you mean `{near}`, or a field of spec?");
                own.push(Finding::error(message).at(name.clone()));
            }
        }
        if own.is_empty() {
            let spec = match &value["spec"] {
                Value::Null => Value::Object(Map::new()),
                spec => spec.clone(),
            };
            let is_local = item.head.is_local_config();
            let read = |spec| Read {
                id: id.clone(),
                is_local,
                spec,
            };
            match id.kind.as_str() {
                auth::KIND => {
                    let typed = platform::typed::<AuthSpec>(spec, &schema::of::<AuthSpec>(), &mut own);
                    self.read.auth = typed.map(|spec| Read {
                        id: id.clone(),
                        is_local,
                        spec,
                    });
                }
                GATEWAY => {
                    let typed = platform::typed::<GatewaySpec>(spec, &schema::of::<GatewaySpec>(), &mut own);
                    self.read.gateway = typed.map(|spec| read(Spec::Gateway(spec)));
                }
                _ => {
                    let known = schema::of::<GatewayConfigSpec>();
                    let typed = platform::typed::<GatewayConfigSpec>(spec, &known, &mut own);
                    self.read.gateway = typed.map(|spec| read(Spec::Config(Box::new(spec))));
                }
            }
        }
        self.failed |= !own.is_empty();
        self.places.insert(id.clone(), (framed, item));
        findings.extend(
            own.into_iter()
                .map(|finding| place(framed, item, finding, Some(&tree))),
        );
    }

    /// A copy of the cluster's own configuration.
    fn copy(&mut self, framed: &'a Framed, item: &'a Item, findings: &mut Vec<Finding>) {
        let id = &item.head.id;
        let known = [cluster::AUTHENTICATION, cluster::INGRESS, cluster::API_SERVER];
        if !known.contains(&id.kind.as_str()) {
            return;
        }
        let value = match item.piece(&framed.source).value() {
            Ok(value) => value,
            Err(error) => {
                findings.push(syntax(&framed.source, &error).about(id));
                return;
            }
        };
        // Cluster-scoped: a namespace or another version makes no second one of it.
        let there = match id.kind.as_str() {
            cluster::AUTHENTICATION => self.read.authentication.is_some(),
            cluster::INGRESS => self.read.ingress.is_some(),
            _ => self.read.api_server.is_some(),
        };
        self.places.insert(id.clone(), (framed, item));
        if there {
            let message = "this object is given twice, and only one of them can be the cluster's";
            findings.push(place(framed, item, Finding::error(message), None));
        }
        let is_local = item.head.is_local_config();
        match id.kind.as_str() {
            cluster::AUTHENTICATION => {
                self.read.authentication = Some(Read {
                    id: id.clone(),
                    is_local,
                    spec: cluster::authentication(&value),
                });
            }
            cluster::INGRESS => {
                self.read.ingress = Some(Read {
                    id: id.clone(),
                    is_local,
                    spec: cluster::ingress(&value),
                });
            }
            _ => {
                self.read.api_server = Some(Read {
                    id: id.clone(),
                    is_local,
                    spec: cluster::tls_profile(&value),
                });
            }
        }
    }

    /// A finding at its place in the file of its object.
    fn placed(&self, finding: Finding) -> Finding {
        let known = finding.object.as_ref().and_then(|id| self.places.get(id));
        match known {
            Some((framed, item)) => {
                let tree = item.piece(&framed.source).tree().ok();
                place(framed, item, finding, tree.as_ref())
            }
            None => finding,
        }
    }

    /// What a person has to know or do beside what is written, and what of theirs is in its way.
    pub(super) fn surroundings(&self, plan: &Plan, generated: &[Placed<'_>], findings: &mut Vec<Finding>) {
        let Some(batch) = self.batch else { return };
        secrets::check(batch, plan, findings);
        self.left_behind(generated, findings);
        let Some(gateway) = plan.gateway() else { return };
        let mut own = model::notes(&self.read, gateway);
        own.extend(manifests::gaps(gateway).into_iter().map(|gap| {
            let finding = Finding::warning(gap).at("spec");
            finding.about(&gateway.source)
        }));
        own.extend(secrets::needed(batch, plan, gateway).map(|finding| finding.about(&gateway.source)));
        findings.extend(own.into_iter().map(|finding| self.placed(finding)));
        let mut of_ray = Vec::new();
        let listeners = [LISTENER, LEGACY_LISTENER];
        check_ray_gateway(&plan.platform, gateway, &listeners, &mut of_ray);
        findings.extend(
            of_ray
                .into_iter()
                .map(|finding| finding.about(&plan.platform.id())),
        );
        secrets::certificates(batch, gateway, findings);
        login_neighbours::check(batch, plan, gateway, findings);
        if let Some(access) = plan.access.as_ref().filter(|_| !plan.serves()) {
            fenced(batch, plan, &access.state, findings);
        }
    }

    /// A gateway whose documents are gone: what protects it is pruned by nobody, and refuses everything.
    pub(super) fn left_behind(&self, generated: &[Placed<'_>], findings: &mut Vec<Finding>) {
        let there = self.sources();
        let gone = generated.iter().filter(|(_, _, item)| {
            let source = item.head.annotations.get(keys::SOURCE).map_or("", String::as_str);
            let of_gateway = [GATEWAY, GATEWAY_CONFIG]
                .iter()
                .any(|kind| source.starts_with(&format!("{}/{kind}/", auth::GROUP)));
            let class = item.head.annotations.get(keys::CLASS).map(String::as_str);
            of_gateway && !there.contains(source) && class == Some(Class::Enforce.word())
        });
        // What refuses goes last: as long as a route is there, it must not be open.
        let mut names: Vec<(usize, String)> = gone
            .map(|(_, _, item)| {
                let id = &item.head.id;
                let filters = [
                    "EnvoyFilter",
                    "SecurityPolicy",
                    "ClientTrafficPolicy",
                    "EnvoyExtensionPolicy",
                    "EnvoyPatchPolicy",
                ];
                let rank = match id.kind.as_str() {
                    "NetworkPolicy" => 0,
                    kind if filters.contains(&kind) => 2,
                    _ => 1,
                };
                (rank, format!("{} {}/{}", id.kind, id.namespace, id.name))
            })
            .collect();
        if names.is_empty() {
            return;
        }
        names.sort();
        let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
        let message = format!(
            "the gateway's documents are gone, and what protected it stays in the cluster, for no tool prunes it: when its \
             routes, and then its Gateway, are gone, delete by hand, in this order: {}",
            names.join(", ")
        );
        findings.push(Finding::warning(message));
    }
}

/// Routes of the user's stay when nothing may be exposed: they are not ours to take out.
fn fenced(batch: &Batch, plan: &Plan, state: &State, findings: &mut Vec<Finding>) {
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        if id.group != "gateway.networking.k8s.io" || !id.kind.ends_with("Route") {
            continue;
        }
        let Ok(value) = item.piece(&framed.source).value() else {
            continue;
        };
        let parents = value["spec"]["parentRefs"].as_array().into_iter().flatten();
        let gateway = &plan.platform.gateway;
        let mut ours = parents.filter(|parent| {
            let namespace = parent["namespace"].as_str().unwrap_or(&id.namespace);
            parent["name"] == gateway.name.as_str() && namespace == gateway.namespace
        });
        if ours.next().is_some() {
            let message = format!(
                "attaches to the gateway, which is in state {}: the gateway refuses every request, but the route is there; \
                 remove it if nothing is to be exposed",
                state.word()
            );
            findings.push(place(
                framed,
                item,
                Finding::warning(message).at("spec.parentRefs"),
                None,
            ));
        }
    }
}
