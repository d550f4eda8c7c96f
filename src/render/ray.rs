//! The Ray clusters of the input: found, read as their authors wrote them, and changed in place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::additions::{self, Original};
use super::entrusted;
use super::workloads::Workload;
use super::{Framed, Outcome, Rays, Run, canonical, items, place, syntax};
use crate::input::platform::Operator;
use crate::input::ray::{self as document, Document, Kind};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::krm::stream::Item;
use crate::krm::tree::{Node, Step};
use crate::krm::write::Change;
use crate::manifests::ray::head;
use crate::model::notebook::ServiceAccount;
use crate::model::platform::{Platform, Pods};
use crate::model::ray::{RayCluster, meaning};
use crate::model::ray_said::Said;
use crate::model::{keys, ray_checks, switch};
use crate::plan::ray::ray_id;
use crate::plan::{Plan, collisions};

/// A document with a Ray cluster in it, or with none: a RayJob may run on one that is there.
pub(super) struct Found<'a> {
    pub(super) framed: &'a Framed,
    pub(super) at: (usize, usize),
    pub(super) item: &'a Item,
    pub(super) tree: Node,
    /// Without what an earlier run put in. Its fields are those.
    pub(super) original: Original,
    pub(super) document: Document,
    /// Whether an earlier run put something in.
    changed: bool,
}

/// All of them, by what is to become of them.
#[derive(Default)]
pub(super) struct Understood {
    pub(super) guarded: Vec<RayCluster>,
    /// For each in turn its namespace, where that is known and the document is right.
    pub(super) namespaces: Vec<Option<String>>,
}

/// The kind of a document of Ray's.
pub(super) fn kind_of(id: &ObjectId) -> Option<Kind> {
    (id.group == document::GROUP)
        .then(|| Kind::of(&id.kind))
        .flatten()
}

/// Those whose namespace is known, each with it.
pub(super) fn named<'f>(
    found: &'f [Found<'_>],
    namespaces: &'f [Option<String>],
) -> impl Iterator<Item = (&'f str, &'f Document)> {
    found
        .iter()
        .zip(namespaces)
        .filter_map(|(ray, namespace)| Some((namespace.as_deref()?, &ray.document)))
}

/// The documents of these, as generated objects name them.
pub(super) fn sources(found: &[Found<'_>], namespaces: &[Option<String>]) -> BTreeSet<String> {
    named(found, namespaces)
        .map(|(namespace, ray)| ray_id(ray.kind, namespace, &ray.name).reference())
        .collect()
}

/// All of them, by the names that they need.
pub(super) fn names((found, namespaces): Rays<'_, '_>) -> Vec<collisions::Ray> {
    let names = |(namespace, document): (&str, &Document)| collisions::Ray {
        kind: document.kind,
        namespace: namespace.to_owned(),
        name: document.name.clone(),
        services: document
            .cluster
            .as_ref()
            .map(|cluster| meaning::head_services(document, cluster))
            .unwrap_or_default(),
    };
    named(found, namespaces).map(names).collect()
}

/// The RayClusters without a guard whose namespaces are closed because of others.
pub(super) fn bystanders((found, namespaces): Rays<'_, '_>, plan: &Plan) -> BTreeSet<(String, String)> {
    let all = named(found, namespaces).filter(|(_, document)| document.kind == Kind::RayCluster);
    let ids = all.map(|(namespace, document)| (namespace.to_owned(), document.name.clone()));
    ids.filter(|(namespace, name)| {
        let id = (Kind::RayCluster, namespace.clone(), name.clone());
        plan.ray_closed.contains(namespace) && !plan.rays.contains_key(&id)
    })
    .collect()
}

/// The guarded ones, as the user's own objects see them.
pub(super) fn workloads((found, namespaces): Rays<'_, '_>, plan: &Plan) -> Vec<Workload> {
    let workload = |(namespace, document): (&str, &Document)| {
        let id = (document.kind, namespace.to_owned(), document.name.clone());
        let (guard, cluster) = (plan.rays.get(&id)?, document.cluster.as_ref()?);
        Some(Workload::of_ray(guard, document, cluster))
    };
    named(found, namespaces).filter_map(workload).collect()
}

/// Takes out what an earlier run put in, where nothing calls for anything any more.
pub(super) fn take_out(found: &[Found<'_>], outcome: &mut Outcome) {
    for ray in found.iter().filter(|ray| ray.changed) {
        if let Some(splices) = ray.original.splices(&ray.framed.source, ray.item) {
            outcome.changes[ray.at.0][ray.at.1] = Change::Edit(splices);
        }
    }
}

// === impl Run ===

impl<'a> Run<'a> {
    /// Ray's documents, read. Those that cannot be read become findings.
    pub(super) fn rays(&mut self) -> Vec<Found<'a>> {
        let batch = self.batch;
        let mut found = Vec::new();
        for (at, framed, item) in items(batch) {
            let id = &item.head.id;
            let Some(kind) = kind_of(id) else { continue };
            if !document::VERSIONS.contains(&id.version.as_str()) {
                let versions = document::VERSIONS.join(", ");
                let message = format!("unknown version of {}; {versions} are read", kind.word());
                let finding = Finding::error(message).at("apiVersion").found(id.api_version());
                self.findings.push(place(framed, item, finding, None));
                continue;
            }
            if item.head.is_local_config() {
                let message = "marked local-config: it goes to no cluster, so nothing is generated for it";
                self.findings
                    .push(place(framed, item, Finding::info(message), None));
                continue;
            }
            let piece = item.piece(&framed.source);
            match piece.value().and_then(|value| Ok((value, piece.tree()?))) {
                Err(error) => self.findings.push(syntax(&framed.source, &error).about(id)),
                Ok((value, tree)) => match read(kind, framed, item, &value) {
                    Ok((original, document)) => found.push(Found {
                        framed,
                        at,
                        item,
                        changed: original.value != value,
                        tree,
                        original,
                        document,
                    }),
                    Err(findings) => {
                        let placed = findings
                            .into_iter()
                            .map(|finding| place(framed, item, finding, Some(&tree)));
                        self.findings.extend(placed);
                    }
                },
            }
        }
        found
    }

    /// What each is meant to be, and which of them are given twice.
    pub(super) fn understand_rays(&mut self, found: &[Found<'a>], platform: &Platform) -> Understood {
        let mut understood = Understood::default();
        let mut seen = BTreeMap::new();
        for (index, ray) in found.iter().enumerate() {
            let document = &ray.document;
            let mut findings = Vec::new();
            let namespace = switch::namespace(&document.namespace, platform, &mut findings);
            if let Some(namespace) = &namespace
                && let Some(first) =
                    seen.insert((document.kind, namespace.clone(), document.name.clone()), index)
            {
                let other = found[first].item.file(&found[first].framed.source, None);
                let line = other.position.map_or(String::new(), |at| format!(":{}", at.line));
                let message = format!(
                    "this {} is given twice; the other one is in {}{line}",
                    document.kind.word(),
                    other.path
                );
                findings.push(Finding::error(message).at("metadata.name"));
            }
            let guarded = meaning::is_guarded(document, platform, &mut findings);
            let cluster = document.cluster.as_ref().filter(|_| guarded == Some(true));
            let meant = match (&namespace, cluster) {
                (Some(namespace), Some(cluster)) => {
                    meaning::guarded(document, cluster, namespace, platform, &mut findings)
                }
                _ => None,
            };
            if document.cluster.is_none() {
                ray_checks::without_cluster(document, &mut findings);
            }
            let right = guarded.is_some() && (cluster.is_none() || meant.is_some());
            if let Some(mut cluster) = meant {
                if let ServiceAccount::Theirs(name) = &cluster.service_account
                    && let Some(now) = self.accounts.renamed(&cluster.namespace, name)
                {
                    cluster.service_account = ServiceAccount::Theirs(now.to_owned());
                }
                understood.guarded.push(cluster);
            }
            understood.namespaces.push(namespace.filter(|_| right));
            for finding in findings {
                self.about_ray(ray, finding);
            }
        }
        understood
    }

    /// Puts into the documents what is wanted, and takes out what no longer is.
    pub(super) fn patch_rays(
        &mut self,
        found: &[Found<'a>],
        namespaces: &[Option<String>],
        plan: &Plan,
        outcome: &mut Outcome,
    ) {
        for (ray, namespace) in found.iter().zip(namespaces) {
            let Some(namespace) = namespace else { continue };
            match patched(ray, namespace, plan) {
                Ok(original) => {
                    if let Some(splices) = original.splices(&ray.framed.source, ray.item) {
                        outcome.changes[ray.at.0][ray.at.1] = Change::Edit(splices);
                    }
                }
                Err(findings) => {
                    for finding in findings {
                        self.about_ray(ray, finding);
                    }
                }
            }
        }
    }

    /// Says of clusters that are not guarded that they are closed with the others of their namespace.
    pub(super) fn rays_closed_with_others(&mut self, (found, namespaces): Rays<'_, 'a>, plan: &Plan) {
        let mut first: BTreeMap<&str, (Kind, &str)> = BTreeMap::new();
        for (kind, namespace, name) in plan.rays.keys() {
            first.entry(namespace).or_insert((*kind, name));
        }
        for (ray, namespace) in found.iter().zip(namespaces) {
            let (Some(namespace), Some(_)) = (namespace, &ray.document.cluster) else {
                continue;
            };
            let document = &ray.document;
            let id = (document.kind, namespace.clone(), document.name.clone());
            if let Some((kind, name)) = first.get(namespace.as_str())
                && !plan.rays.contains_key(&id)
            {
                let because = format!(
                    "is not guarded, but all Ray nodes of its namespace are closed because of {} {name}",
                    kind.word()
                );
                let finding = if document.kind == Kind::RayCluster {
                    Finding::info(format!("{because}: nobody outside its own nodes reaches it"))
                } else {
                    // KubeRay makes up the name by which its nodes would be known.
                    Finding::warning(format!(
                        "{because}, and its own do not reach each other; have it guarded too, or move it to another namespace"
                    ))
                };
                self.about_ray(ray, finding.at(switch::annotation(keys::RAY_SECURE)));
            }
        }
    }

    /// What one may not be or read because of others: pods whom policies let in, and guards' keys.
    pub(super) fn rays_between(
        &mut self,
        found: &[Found<'a>],
        namespaces: &[Option<String>],
        others: &[(&str, &Pods)],
        secrets: &BTreeMap<&str, BTreeMap<String, &str>>,
        closed: &BTreeSet<String>,
    ) {
        let none = BTreeMap::new();
        for (ray, namespace) in found.iter().zip(namespaces) {
            let (Some(namespace), Some(cluster)) = (namespace, &ray.document.cluster) else {
                continue;
            };
            let mut findings = Vec::new();
            meaning::passes_for_others(&ray.document, cluster, namespace, others, &mut findings);
            if closed.contains(namespace) {
                meaning::other_node(&ray.document, cluster, &mut findings);
            }
            let here = secrets.get(namespace.as_str()).unwrap_or(&none);
            entrusted::read_by_ray(&ray.document, cluster, here, &mut findings);
            for finding in findings {
                self.about_ray(ray, finding);
            }
        }
    }

    pub(super) fn about_ray(&mut self, ray: &Found<'a>, finding: Finding) {
        self.findings
            .push(place(ray.framed, ray.item, finding, Some(&ray.tree)));
    }
}

fn read(
    kind: Kind,
    framed: &Framed,
    item: &Item,
    value: &Value,
) -> Result<(Original, Document), Vec<Finding>> {
    let original = match additions::original(&framed.source, item, value)? {
        Some(original) => original,
        None => Original::of(&framed.source, item, value),
    };
    let document = document::read(kind, &original.value)?;
    Ok((original, document))
}

/// A document as it is to be.
fn patched(ray: &Found<'_>, namespace: &str, plan: &Plan) -> Result<Original, Vec<Finding>> {
    let one = |finding| vec![finding];
    let document = &ray.document;
    let mut original = ray.original.clone();
    if document.namespace.is_empty() {
        let edited = original.edited(|editor, meant| {
            editor.set(&[Step::Key("metadata")], "namespace", &json!(namespace))?;
            meant["metadata"]["namespace"] = json!(namespace);
            Ok(())
        });
        original = edited.map_err(one)?;
    }
    let id = (document.kind, namespace.to_owned(), document.name.clone());
    let (Some(guard), Some(cluster)) = (plan.rays.get(&id), &document.cluster) else {
        return Ok(original);
    };
    if plan.platform.ray.operator == Operator::OpenDataHub {
        original = original
            .edited(|editor, meant| canonical::of_ray(editor, meant, document.kind, cluster))
            .map_err(one)?;
    }
    original.holding(&head::additions(&plan.platform, guard, &Said::of(cluster)))
}
