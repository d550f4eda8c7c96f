//! The whole generator as one function: framed input in, changes and new objects out.
//!
//! Takes framed sources and the environment's few words; gives what is to become of each item, what is added, and
//! findings. With any error nothing changes. Pure: no file, clock, environment or randomness.

mod access;
mod accounts;
mod additions;
mod api_server;
mod canonical;
mod convert;
mod entrusted;
mod generated;
mod images;
mod judged;
pub mod layout;
mod login_neighbours;
mod neighbours;
mod notebooks;
mod patch;
pub mod path;
pub mod platform;
mod policies;
mod ray;
pub mod rendered;
pub mod respond;
mod secrets;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use accounts::Accounts;
use images::Images;
use notebooks::{Found, Meaning, named};
use workloads::Workload;

use crate::input::notebook as document;
use crate::input::platform::{self as platform_document, AuthMode, Operator};
use crate::krm::object_id::ObjectId;
use crate::krm::results::{self, Finding};
use crate::krm::source::{Source, SyntaxError};
use crate::krm::stream::{Item, Stream};
use crate::krm::tree::Node;
use crate::krm::write::Change;
use crate::manifests::{self, Object, sidecar};
use crate::model::keys;
use crate::model::notebook::{self as model};
use crate::model::platform::{Environment, Platform, Pods};
use crate::model::programs;
use crate::model::ray::meaning::{self, may_be_guarded};
use crate::model::{backend_tls, companion, pod};
use crate::plan;

/// A framed source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// The text.
    pub source: Source,
    /// Its frames.
    pub stream: Stream,
}

/// Everything the generator looks at.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The sources, in order.
    pub framed: Vec<Framed>,
    /// A functionConfig that is not in any of them: kustomize's legacy plugins and the command line hand it over apart.
    pub function_config: Option<Framed>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// For each source, what is to become of each of its items.
    pub changes: Vec<Vec<Change>>,
    /// New objects, in the order of an apply.
    pub added: Vec<Object>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Our own kinds: what people write, and what we write.
const OWN_KINDS: [&str; 2] = [platform_document::KIND, manifests::access_graph::KIND];

/// Frames a source, or says why that cannot be done.
///
/// # Errors
/// A finding with file, line and column.
pub fn frame(source: Source) -> Result<Framed, Finding> {
    match crate::krm::stream::frame(&source) {
        Ok(stream) => Ok(Framed { source, stream }),
        Err(error) => Err(syntax(&source, &error)),
    }
}

/// Runs the generator.
pub fn generate(batch: &Batch, environment: &Environment) -> Outcome {
    let mut run = Run {
        batch,
        accounts: Accounts::find(batch),
        images: Images::find(batch),
        findings: Vec::new(),
    };
    let mut outcome = run.generate(environment);
    run.refuse_nothing(&outcome);
    outcome.findings = run.findings;
    results::sort(&mut outcome.findings);
    if results::has_errors(&outcome.findings) {
        outcome.added.clear();
        outcome.changes = keep_all(batch);
    }
    outcome
}

/// Ray's documents, each with its namespace where that is known.
type Rays<'f, 'a> = (&'f [ray::Found<'a>], &'f [Option<String>]);

struct Run<'a> {
    batch: &'a Batch,
    accounts: Accounts<'a>,
    images: Images,
    findings: Vec<Finding>,
}

// === impl Run ===

impl<'a> Run<'a> {
    fn generate(&mut self, environment: &Environment) -> Outcome {
        let mut outcome = Outcome {
            changes: keep_all(self.batch),
            ..Outcome::default()
        };
        self.check_kinds();
        let platform = platform::find(self.batch, environment, &mut self.findings);
        let documents = access::Documents::find(self.batch, &mut self.findings);
        let found = self.notebooks();
        let servers = self.api_servers();
        let rays = self.rays();
        let generated = generated::find(self.batch);
        let first = first_of(&rays, &servers, platform.is_some());
        let Some(mut platform) = self.needed(platform, &found, first, !rays.is_empty(), &documents) else {
            let calls = calls_for_guard(&rays) || servers.iter().any(api_server::Found::is_changed);
            if found.is_empty() && documents.is_empty() && !calls {
                ray::take_out(&rays, &mut outcome);
                documents.left_behind(&generated, &mut self.findings);
                generated::upsert(
                    self.batch,
                    &generated,
                    Vec::new(),
                    &BTreeSet::new(),
                    &mut outcome,
                    &mut self.findings,
                );
            } else if let Some(stand_in) = platform::stand_in() {
                // Everything that is wrong is said at once, whatever is wrong with the Platform.
                for notebook in &found {
                    self.meaning(notebook, &stand_in);
                }
                self.understand_rays(&rays, &stand_in);
            }
            return outcome;
        };
        let access = documents.resolve(&mut platform, &mut self.findings);
        let notebooks = self.understand(&found, &platform);
        let api_servers = self.understand_api_servers(&servers, &platform);
        let clusters = self.understand_rays(&rays, &platform);
        let mut collisions = Vec::new();
        let mut plan = plan::make(
            platform,
            access,
            notebooks.guarded,
            notebooks.exposed,
            clusters.guarded,
            &notebooks.others,
            &mut collisions,
        );
        plan.guard_api_servers(api_servers, &mut collisions);
        let all_rays = (&rays[..], &clusters.namespaces[..]);
        plan.ray_bystanders = ray::bystanders(all_rays, &plan);
        plan::collisions::of_rays(&plan, &notebooks.others, &ray::names(all_rays), &mut collisions);
        let meant = notebooks.meant;
        self.notes(&plan);
        collisions.extend(plan.rays.values().flat_map(|guard| {
            let gaps = manifests::ray::gaps::gaps(&plan.platform, guard).into_iter();
            gaps.map(|gap| gap.about(&guard.id()))
        }));
        self.collided(&found, &meant, all_rays, collisions);
        self.patch(&found, &meant, &plan, &mut outcome);
        self.patch_api_servers(&servers, &plan, &mut outcome);
        self.patch_rays(&rays, &clusters.namespaces, &plan, &mut outcome);
        self.surroundings(&found, &meant, all_rays, &plan);
        documents.surroundings(&plan, &generated, &mut self.findings);
        let objects = manifests::objects(&plan);
        let mut sources: BTreeSet<String> = named(&found, &meant)
            .map(|(namespace, notebook)| plan::notebook_id(namespace, &notebook.name).reference())
            .collect();
        sources.insert(plan.platform.id().reference());
        sources.extend(documents.sources());
        sources.extend(plan.api_servers.values().map(|guard| guard.id().reference()));
        sources.extend(ray::sources(&rays, &clusters.namespaces));
        generated::upsert(
            self.batch,
            &generated,
            objects,
            &sources,
            &mut outcome,
            &mut self.findings,
        );
        if !results::has_errors(&self.findings) {
            self.findings.extend(judged::check(self.batch, &outcome, &plan));
        }
        outcome
    }

    /// What a reader of a guarded graph must know of the platform.
    fn notes(&mut self, plan: &plan::Plan) {
        let platform = &plan.platform;
        if !plan.serves() {
            self.fence_notes(plan);
        }
        let guarded = !plan.guards.is_empty();
        let mut of_rays = plan.rays.values();
        let verified_rays = of_rays.any(|guard| !guard.reencrypted(platform).is_empty());
        let verified = guarded || verified_rays || plan.gateway().is_some();
        let clusters = plan.rays.values().map(|guard| &guard.cluster);
        let beside = guarded && platform.notebook_controller == Operator::OpenDataHub;
        let id = plan.platform.id();
        let limits = guarded.then(|| programs::limits(platform.sidecar.program));
        let notes = limits
            .into_iter()
            .chain((!plan.rays.is_empty()).then(|| programs::limits_of_ray(platform.sidecar.program)))
            .chain(meaning::tokens_behind_the_guard(platform, clusters))
            .chain(backend_tls::assumed(&platform.backend_tls).filter(|_| verified))
            .chain(beside.then(companion::notes).into_iter().flatten());
        self.findings.extend(notes.map(|finding| finding.about(&id)));
    }

    /// What a reader must know where nothing may be exposed.
    fn fence_notes(&mut self, plan: &plan::Plan) {
        let platform = &plan.platform;
        let mut notes = Vec::new();
        if platform.facts.auth_mode == Some(AuthMode::None) {
            let message = "nobody can log in: what protects is written, and nothing is exposed (state AuthModeUnsupported)";
            notes.push(Finding::warning(message).at("spec.authMode").found("None"));
        }
        if platform.notebook_controller == Operator::OpenDataHub && !plan.guards.is_empty() {
            let message = "nothing is to be exposed, but Open Data Hub's notebook controller makes the routes to its Notebooks \
                           whatever is written here; the gateway and the guards refuse who has not logged in";
            notes.push(Finding::warning(message).at("spec.notebooks.controller"));
        }
        self.findings
            .extend(notes.into_iter().map(|finding| finding.about(&platform.id())));
    }

    /// Collisions, each with the place of its document.
    fn collided(
        &mut self,
        found: &[Found<'a>],
        meant: &[Option<(String, Meaning)>],
        (rays, namespaces): Rays<'_, 'a>,
        collisions: Vec<Finding>,
    ) {
        let mut by_id = BTreeMap::new();
        for (notebook, meaning) in found.iter().zip(meant) {
            if let Some((namespace, _)) = meaning {
                by_id.insert(plan::notebook_id(namespace, &notebook.document.name), notebook);
            }
        }
        let mut of_rays = BTreeMap::new();
        for (ray, namespace) in rays.iter().zip(namespaces) {
            if let Some(namespace) = namespace {
                let document = &ray.document;
                let id = plan::ray::ray_id(document.kind, namespace, &document.name);
                of_rays.entry(id).or_insert(ray);
            }
        }
        for finding in collisions {
            let id = finding.object.as_ref();
            if let Some(notebook) = id.and_then(|id| by_id.get(id)) {
                self.about(notebook, finding);
            } else if let Some(ray) = id.and_then(|id| of_rays.get(id)) {
                self.about_ray(ray, finding);
            } else {
                self.findings.push(finding);
            }
        }
    }

    /// The user's own objects around the Notebooks and Ray clusters.
    fn surroundings(
        &mut self,
        found: &[Found<'a>],
        meant: &[Option<(String, Meaning)>],
        rays: Rays<'_, 'a>,
        plan: &plan::Plan,
    ) {
        let notebooks = named(found, meant)
            .map(|(namespace, notebook)| Workload::of_notebook(namespace, notebook))
            .collect::<Vec<_>>();
        let clusters = ray::workloads(rays, plan);
        let closed = |workload: &&Workload| plan.closed.contains(&workload.namespace);
        let all_closed = notebooks.iter().filter(closed).chain(&clusters);
        policies::check(self.batch, all_closed, &mut self.findings);
        self.between(found, meant, rays, plan);
        self.rays_closed_with_others(rays, plan);
        let all: Vec<Workload> = notebooks.into_iter().chain(clusters).collect();
        let notebooks = named(found, meant);
        neighbours::check(self.batch, &plan.platform, notebooks, &all, &mut self.findings);
        convert::report(self.batch, found, meant, &plan.platform, &mut self.findings);
    }

    /// What one Notebook may not be or read because of others: a guard's key, the gateway, the login service, the culler.
    fn between(
        &mut self,
        found: &[Found<'a>],
        meant: &[Option<(String, Meaning)>],
        (rays, namespaces): Rays<'_, 'a>,
        plan: &plan::Plan,
    ) {
        let secrets = entrusted::secrets(plan);
        let login = plan.gateway().map(|gateway| Pods {
            namespace: gateway.namespace.clone(),
            labels: manifests::login::pod_labels(),
        });
        let platform = &plan.platform;
        let mut others = vec![
            ("the gateway", &platform.gateway.pods),
            ("the notebook controller", &platform.culler),
        ];
        others.extend(login.as_ref().map(|pods| ("the login service", pods)));
        if !plan.rays.is_empty() {
            others.push(("the KubeRay operator", &platform.ray.operator_pods));
            let metrics = platform.ray.metrics.as_ref();
            others.extend(metrics.map(|pods| ("those who collect metrics", pods)));
        }
        self.rays_between(rays, namespaces, &others, &secrets, &plan.ray_closed);
        entrusted::accounts_of_guards(self.batch, plan, &mut self.findings);
        let none = BTreeMap::new();
        for (notebook, meaning) in found.iter().zip(meant) {
            let Some((namespace, _)) = meaning else { continue };
            let document = &notebook.document;
            let mut findings = Vec::new();
            let here = secrets.get(namespace.as_str()).unwrap_or(&none);
            let subject = pod::of_notebook(document);
            pod::keys_of_others(subject, "Notebook", &model::GUARD_VOLUMES, here, &mut findings);
            let beside_ray = plan.ray_closed.contains(namespace);
            model::passes_for_others(document, namespace, &others, beside_ray, &mut findings);
            if login.as_ref().is_some_and(|pods| pods.namespace == *namespace) {
                model::runs_as_login(document, &mut findings);
            }
            for finding in findings {
                self.about(notebook, finding);
            }
        }
    }

    /// Puts the guards into the Notebooks, and takes out those that are no longer wanted.
    fn patch(
        &mut self,
        found: &[Found<'a>],
        meant: &[Option<(String, Meaning)>],
        plan: &plan::Plan,
        outcome: &mut Outcome,
    ) {
        for (notebook, meaning) in found.iter().zip(meant) {
            let Some((namespace, _)) = meaning else { continue };
            let guard = plan
                .guards
                .get(&(namespace.clone(), notebook.document.name.clone()));
            let beside = plan.platform.notebook_controller == Operator::OpenDataHub;
            let sidecar = guard
                .filter(|_| !beside)
                .map(|guard| (guard, sidecar::sidecar(&plan.platform, guard)));
            let wanted = patch::Wanted {
                namespace,
                canonical: beside,
                sidecar: sidecar.as_ref().map(|(guard, sidecar)| (*guard, sidecar)),
                theirs: notebook
                    .converted
                    .as_ref()
                    .is_some_and(|converted| converted.has_their_account(&self.accounts, namespace)),
            };
            let change = &mut outcome.changes[notebook.at.0][notebook.at.1];
            let (source, item) = notebook.text();
            match (
                patch::patch(source, item, &notebook.value, &wanted),
                &notebook.converted,
            ) {
                (Ok(splices), Some(converted)) => {
                    let splices = splices.unwrap_or_default();
                    *change = Change::Edit(vec![converted.edit(notebook.item, &splices)]);
                }
                (Ok(Some(splices)), None) => *change = Change::Edit(splices),
                (Ok(None), None) => {}
                (Err(findings), _) => {
                    for finding in findings {
                        self.about(notebook, finding);
                    }
                }
            }
        }
    }

    /// Output that is empty deletes everything in some orchestrators.
    fn refuse_nothing(&mut self, outcome: &Outcome) {
        let mut changes = outcome.changes.iter().flatten().peekable();
        if outcome.added.is_empty()
            && changes.peek().is_some()
            && changes.all(|change| *change == Change::Remove)
        {
            let message = "everything in the input was generated for documents that are gone, and nothing would be left; \
                           give the input that is meant, or remove these objects yourself";
            self.findings.push(Finding::error(message));
        }
    }

    /// The Platform, or an error where there is none and something needs it.
    fn needed(
        &mut self,
        platform: Option<Platform>,
        found: &[Found<'a>],
        first_other: Option<(&'a Framed, &'a Item)>,
        rays: bool,
        documents: &access::Documents<'a>,
    ) -> Option<Platform> {
        let first = found.first().map(|notebook| (notebook.framed, notebook.item));
        let Some((framed, item)) = first.or(documents.first()).or(first_other) else {
            return platform.filter(|_| rays);
        };
        if platform.is_none() && !results::has_errors(&self.findings) {
            let message = "a Platform is needed to say what the target cluster is: pass one as functionConfig, or put one \
                           into the input (apiVersion: gatewright.dev/v1alpha1, kind: Platform, spec: {flavor: OpenShift})";
            self.findings
                .push(place(framed, item, Finding::error(message), None));
        }
        platform
    }

    /// Kinds of ours that are misspelled, and switches on what they switch nothing of.
    fn check_kinds(&mut self) {
        for (_, framed, item) in items(self.batch) {
            let id = &item.head.id;
            let finding = if item.head.annotations.contains_key(keys::INJECT_AUTH) && !is_notebook(id) {
                let path = format!("metadata.annotations[{:?}]", keys::INJECT_AUTH);
                let message = format!(
                    "switches nothing on: this is no {} {}",
                    document::GROUP,
                    document::KIND
                );
                Finding::warning(message).at(path)
            } else if id.group == platform_document::GROUP && !OWN_KINDS.contains(&id.kind.as_str()) {
                let finding = Finding::error("no such kind in this version")
                    .at("kind")
                    .found(id.kind.clone());
                match crate::input::check::nearest(&id.kind, OWN_KINDS.into_iter()) {
                    Some(near) => finding.propose(near),
                    None => finding,
                }
            } else {
                continue;
            };
            self.findings.push(place(framed, item, finding, None));
        }
    }

    fn about(&mut self, notebook: &Found<'a>, mut finding: Finding) {
        if let (Some(converted), Some(field)) = (&notebook.converted, &mut finding.field) {
            field.path = converted.path_before(&field.path);
        }
        self.findings.push(place(
            notebook.framed,
            notebook.item,
            finding,
            Some(&notebook.tree),
        ));
    }
}

/// Whether an object is of a kind that the generator acts on.
fn is_acted_on(id: &ObjectId) -> bool {
    is_notebook(id) || ray::kind_of(id).is_some() || access::is_definition(id)
}

/// The first Ray cluster or API server for which a Platform is needed: to be guarded, or to be given back. An API server that
/// nothing was done to needs none: without one nothing is.
fn first_of<'a>(
    rays: &[ray::Found<'a>],
    servers: &[api_server::Found<'a>],
    is_there: bool,
) -> Option<(&'a Framed, &'a Item)> {
    let mut guarded = rays.iter().filter(|ray| may_be_guarded(&ray.document));
    let mut acted_on = servers.iter().filter(|server| is_there || server.is_changed());
    let ray = guarded.next().map(|ray| (ray.framed, ray.item));
    ray.or_else(|| acted_on.next().map(api_server::Found::place))
}

fn calls_for_guard(rays: &[ray::Found<'_>]) -> bool {
    rays.iter().any(|ray| may_be_guarded(&ray.document))
}

fn is_notebook(id: &ObjectId) -> bool {
    id.group == document::GROUP && id.kind == document::KIND
}

/// Every item with its place in the outcome.
fn items(batch: &Batch) -> impl Iterator<Item = ((usize, usize), &Framed, &Item)> {
    batch.framed.iter().enumerate().flat_map(|(source, framed)| {
        framed
            .stream
            .items
            .iter()
            .enumerate()
            .map(move |(item, found)| ((source, item), framed, found))
    })
}

fn keep_all(batch: &Batch) -> Vec<Vec<Change>> {
    batch
        .framed
        .iter()
        .map(|framed| vec![Change::Keep; framed.stream.items.len()])
        .collect()
}

/// A finding with the object and file it is about, and the field's place if the object's nodes are at hand.
fn place(framed: &Framed, item: &Item, mut finding: Finding, tree: Option<&Node>) -> Finding {
    let path = finding
        .field
        .as_ref()
        .map(|field| field.path.clone())
        .unwrap_or_default();
    let node = tree.map(|tree| tree.nearest(&path));
    if let (Some(field), Some(text)) = (&mut finding.field, node.and_then(Node::text)) {
        // Of a plain value people know the text they wrote (`1e3`), not what it was read as (1000).
        let as_read = field
            .current
            .as_ref()
            .filter(|value| value.is_number() || value.is_boolean());
        if as_read.is_some_and(|value| field.proposed == Some(Value::from(value.to_string()))) {
            field.proposed = Some(Value::from(text));
        }
    }
    let file = item.file(&framed.source, node.map(|node| node.range.start));
    finding.about(&item.head.id).within(file)
}

/// A text that cannot be read, as a finding.
pub fn syntax(source: &Source, error: &SyntaxError) -> Finding {
    let position = Some(source.position(error.offset));
    Finding::error(error.message.clone()).within(results::FileRef {
        path: source.name.clone(),
        index: 0,
        position,
    })
}

/// Objects given more than once: what an orchestrator would refuse, and files of one name each cannot hold.
pub fn duplicates(batch: &Batch) -> Vec<Finding> {
    let mut seen: BTreeMap<_, (&Framed, &Item)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !item.head.id.name.is_empty()) {
        let id: &ObjectId = &item.head.id;
        if let Some((other, first)) = seen.insert(id.key(), (framed, item)) {
            let file = first.file(&other.source, None);
            let place_of = file.position.map_or(String::new(), |at| format!(":{}", at.line));
            let message = format!(
                "this object is given twice; the other one is in {}{place_of}",
                file.path
            );
            findings.push(place(framed, item, Finding::error(message), None));
        }
    }
    findings
}
