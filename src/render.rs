//! The whole generator as one function: framed input in, changes and new objects out.
//!
//! Takes framed sources and the environment's few words; gives what is to become of each item, what is added, and
//! findings. With any error nothing changes. Pure: no file, clock, environment or randomness.

mod accounts;
mod canonical;
mod convert;
mod generated;
mod images;
mod neighbours;
mod patch;
pub mod path;
pub mod platform;
mod policies;
pub mod rendered;
pub mod respond;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use accounts::Accounts;
use images::Images;

use crate::input::notebook as document;
use crate::input::platform::{self as platform_document, Operator};
use crate::krm::object_id::ObjectId;
use crate::krm::results::{self, Finding};
use crate::krm::source::{Source, SyntaxError};
use crate::krm::stream::{Item, Stream};
use crate::krm::tree::Node;
use crate::krm::write::Change;
use crate::manifests::{self, Object, sidecar};
use crate::model::keys;
use crate::model::notebook::{self as model, Switch};
use crate::model::platform::{Environment, Platform};
use crate::model::programs;
use crate::model::{backend_tls, companion, image, pod};
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

/// Kinds that later versions act on, and what to say of them until then.
const NOT_YET: [(&str, &str, &str); 4] = [
    (
        "ray.io",
        "RayCluster",
        "passes through unchanged: this version does not guard RayClusters yet",
    ),
    (
        "services.platform.opendatahub.io",
        "Auth",
        "passes through unchanged: this version does not act on it yet",
    ),
    (
        "services.platform.opendatahub.io",
        "Gateway",
        "passes through unchanged: this version does not act on it yet",
    ),
    (
        "services.platform.opendatahub.io",
        "GatewayConfig",
        "passes through unchanged: this version does not act on it yet",
    ),
];

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

struct Run<'a> {
    batch: &'a Batch,
    accounts: Accounts<'a>,
    images: Images,
    findings: Vec<Finding>,
}

/// A Notebook of the input.
struct Found<'a> {
    framed: &'a Framed,
    at: (usize, usize),
    item: &'a Item,
    value: Value,
    tree: Node,
    document: document::Notebook,
    /// What it is now, if it was one of Open Data Hub 2. Value and document are those.
    converted: Option<convert::Converted>,
}

/// What is to become of a Notebook.
enum Meaning {
    /// It gets a guard.
    Guarded(model::Notebook),
    /// It does not. Its port is known, for the culler; and whether it is exposed all the same.
    Unguarded { port: u16, open: Option<model::Open> },
}

/// All Notebooks, by what is to become of them.
#[derive(Default)]
struct Understood {
    guarded: Vec<model::Notebook>,
    exposed: Vec<model::Open>,
    /// Those that are not guarded, by namespace and name: their ports.
    others: BTreeMap<(String, String), u16>,
    /// For each in turn its namespace and meaning, where these are known.
    meant: Vec<Option<(String, Meaning)>>,
}

// === impl Found ===

impl Found<'_> {
    /// The text to edit, and the item in it.
    fn text(&self) -> (&Source, &Item) {
        match &self.converted {
            Some(converted) => (&converted.source, &converted.item),
            None => (&self.framed.source, self.item),
        }
    }
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
        let found = self.notebooks();
        let generated = generated::find(self.batch);
        let Some(platform) = self.needed(platform, &found) else {
            if found.is_empty() {
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
            }
            return outcome;
        };
        let notebooks = self.understand(&found, &platform);
        let mut collisions = Vec::new();
        let plan = plan::make(
            platform,
            None,
            notebooks.guarded,
            notebooks.exposed,
            &notebooks.others,
            &mut collisions,
        );
        let meant = notebooks.meant;
        self.notes(&plan);
        self.collided(&found, &meant, collisions);
        self.patch(&found, &meant, &plan, &mut outcome);
        self.surroundings(&found, &meant, &plan);
        let objects = manifests::objects(&plan);
        let mut sources: BTreeSet<String> = named(&found, &meant)
            .map(|(namespace, notebook)| plan::notebook_id(namespace, &notebook.name).reference())
            .collect();
        sources.insert(plan.platform.id().reference());
        generated::upsert(
            self.batch,
            &generated,
            objects,
            &sources,
            &mut outcome,
            &mut self.findings,
        );
        outcome
    }

    /// What each Notebook is meant to be, and which of them are given twice.
    fn understand(&mut self, found: &[Found<'a>], platform: &Platform) -> Understood {
        let beside = platform.notebook_controller == Operator::OpenDataHub;
        let mut understood = Understood::default();
        let mut seen = BTreeMap::new();
        for (index, notebook) in found.iter().enumerate() {
            let meaning = self.meaning(notebook, platform);
            if let Some((namespace, _)) = &meaning
                && let Some(first) = seen.insert((namespace.clone(), notebook.document.name.clone()), index)
            {
                let other = found[first].item.file(&found[first].framed.source, None);
                let place = other.position.map_or(String::new(), |at| format!(":{}", at.line));
                let message = format!(
                    "this Notebook is given twice; the other one is in {}{place}",
                    other.path
                );
                self.about(notebook, Finding::error(message).at("metadata.name"));
            }
            match &meaning {
                Some((namespace, Meaning::Unguarded { port, open })) => {
                    let id = (namespace.clone(), notebook.document.name.clone());
                    understood.others.insert(id, *port);
                    understood.exposed.extend(open.clone());
                }
                Some((namespace, Meaning::Guarded(guard))) => {
                    let mut guard = guard.clone();
                    // The controller only ever makes one that is not there: the user's own, with pull secrets in it, stays.
                    if beside && self.accounts.contains(namespace, &guard.name) {
                        guard.service_account = model::ServiceAccount::Theirs(guard.name.clone());
                    }
                    if !beside && let Some(selection) = image::selection(&notebook.document, platform) {
                        let mut findings = Vec::new();
                        guard.image = self.images.of(selection, &mut findings);
                        for finding in findings {
                            self.about(notebook, finding);
                        }
                    }
                    if let model::ServiceAccount::Theirs(name) = &guard.service_account
                        && let Some(now) = self.accounts.renamed(namespace, name)
                    {
                        guard.service_account = model::ServiceAccount::Theirs(now.to_owned());
                    }
                    understood.guarded.push(guard);
                }
                None => {}
            }
            understood.meant.push(meaning);
        }
        understood
    }

    /// What a reader of a guarded graph must know of the platform.
    fn notes(&mut self, plan: &plan::Plan) {
        if plan.guards.is_empty() {
            return;
        }
        let platform = &plan.platform;
        let beside = platform.notebook_controller == Operator::OpenDataHub;
        let id = platform.id();
        let notes = programs::limits(platform.sidecar.program)
            .into_iter()
            .chain(backend_tls::assumed(&platform.backend_tls))
            .chain(beside.then(companion::notes).into_iter().flatten());
        self.findings.extend(notes.map(|finding| finding.about(&id)));
    }

    /// Collisions, each with its Notebook's place.
    fn collided(
        &mut self,
        found: &[Found<'a>],
        meant: &[Option<(String, Meaning)>],
        collisions: Vec<Finding>,
    ) {
        let mut by_id = BTreeMap::new();
        for (notebook, meaning) in found.iter().zip(meant) {
            if let Some((namespace, _)) = meaning {
                by_id.insert(plan::notebook_id(namespace, &notebook.document.name), notebook);
            }
        }
        for finding in collisions {
            match finding.object.as_ref().and_then(|id| by_id.get(id)) {
                Some(notebook) => self.about(notebook, finding),
                None => self.findings.push(finding),
            }
        }
    }

    /// The user's own objects around the Notebooks.
    fn surroundings(&mut self, found: &[Found<'a>], meant: &[Option<(String, Meaning)>], plan: &plan::Plan) {
        let closed = named(found, meant).filter(|(namespace, _)| plan.closed.contains(*namespace));
        policies::check(self.batch, closed, &mut self.findings);
        self.between(found, meant, plan);
        let all = named(found, meant);
        neighbours::check(self.batch, &plan.platform, all, &mut self.findings);
        convert::report(self.batch, found, meant, &plan.platform, &mut self.findings);
    }

    /// What one Notebook may not be or read because of others: a guard's key, the gateway, the culler.
    fn between(&mut self, found: &[Found<'a>], meant: &[Option<(String, Meaning)>], plan: &plan::Plan) {
        let mut secrets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for guard in plan.guards.values() {
            let here = secrets.entry(&guard.notebook.namespace).or_default();
            here.insert(&guard.tls_secret);
        }
        let none = BTreeSet::new();
        for (notebook, meaning) in found.iter().zip(meant) {
            let Some((namespace, _)) = meaning else { continue };
            let document = &notebook.document;
            let mut findings = Vec::new();
            let here = secrets.get(namespace.as_str()).unwrap_or(&none);
            pod::keys_of_guards(document, here, &mut findings);
            model::passes_for_others(document, namespace, &plan.platform, &mut findings);
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

    /// The Notebooks, read. Those that cannot be read become findings.
    fn notebooks(&mut self) -> Vec<Found<'a>> {
        let batch = self.batch;
        let mut found = Vec::new();
        for (at, framed, item) in items(batch) {
            let id = &item.head.id;
            if !is_acted_on(id) {
                continue;
            }
            if !document::VERSIONS.contains(&id.version.as_str()) {
                let message = format!(
                    "unknown version of Notebook; {} are read",
                    document::VERSIONS.join(", ")
                );
                let finding = Finding::error(message).at("apiVersion").found(id.api_version());
                self.findings.push(place(framed, item, finding, None));
                continue;
            }
            if item.head.is_local_config() {
                let finding = Finding::info(
                    "marked local-config: it goes to no cluster, so nothing is generated for it",
                );
                self.findings.push(place(framed, item, finding, None));
                continue;
            }
            let piece = item.piece(&framed.source);
            let read = piece.value().and_then(|value| Ok((value, piece.tree()?)));
            match read {
                Err(error) => self.findings.push(syntax(&framed.source, &error).about(id)),
                Ok((value, tree)) => {
                    let read = document::read(&value).and_then(|document| {
                        let converted = convert::convert(framed, item, &value, &document)?;
                        Ok((document, converted))
                    });
                    match read {
                        Ok((document, converted)) => found.push(Found {
                            framed,
                            at,
                            item,
                            value: converted.as_ref().map_or(value, |new| new.value.clone()),
                            tree,
                            document: converted.as_ref().map_or(document, |new| new.document.clone()),
                            converted,
                        }),
                        Err(findings) => {
                            let placed = findings
                                .into_iter()
                                .map(|finding| place(framed, item, finding, Some(&tree)));
                            self.findings.extend(placed);
                        }
                    }
                }
            }
        }
        found
    }

    /// The Platform, or an error where there is none and something needs it.
    fn needed(&mut self, platform: Option<Platform>, found: &[Found<'a>]) -> Option<Platform> {
        let first = found.first()?;
        if platform.is_none() && !results::has_errors(&self.findings) {
            let message = "a Platform is needed to say what the target cluster is: pass one as functionConfig, or put one \
                           into the input (apiVersion: gatewright.dev/v1alpha1, kind: Platform, spec: {flavor: OpenShift})";
            self.about(first, Finding::error(message));
        }
        platform
    }

    /// A Notebook's namespace, and what is to become of it. `None` where that is not known.
    fn meaning(&mut self, notebook: &Found<'a>, platform: &Platform) -> Option<(String, Meaning)> {
        let mut findings = Vec::new();
        let document = &notebook.document;
        let namespace = model::namespace(document, platform, &mut findings);
        let switch = model::switch(document, &mut findings);
        model::misspelled(document, &mut findings);
        let injected = match patch::injected(&notebook.value) {
            Ok(injected) => injected,
            Err(finding) => {
                self.about(notebook, finding);
                return None;
            }
        };
        let mut injected = match platform.notebook_controller {
            Operator::OpenDataHub if !injected.guard => patch::controllers_own(&notebook.value),
            _ => injected,
        };
        if let Some(namespace) = &namespace {
            injected.service_account |= !injected.guard
                && match &notebook.converted {
                    Some(converted) => converted.has_their_account(&self.accounts, namespace),
                    None => self.names_its_own_account(document, namespace),
                };
        }
        let meaning = match (namespace, switch) {
            (Some(namespace), Some(Switch::On)) => {
                model::guarded(document, namespace.clone(), platform, injected, &mut findings)
                    .map(|notebook| (namespace, Meaning::Guarded(notebook)))
            }
            (Some(namespace), Some(Switch::Off)) => {
                let port = model::unguarded(document, &namespace, platform, injected, &mut findings);
                let open = model::open(document, &namespace, platform, &mut findings);
                Some((namespace, Meaning::Unguarded { port, open }))
            }
            _ => None,
        };
        self.disagreements(notebook);
        for finding in findings {
            self.about(notebook, finding);
        }
        meaning
    }

    /// Whether a Notebook names the ServiceAccount that we would make for it, as one does that was taken from a cluster with
    /// Open Data Hub's controller. One that is among the documents is somebody's.
    fn names_its_own_account(&self, document: &document::Notebook, namespace: &str) -> bool {
        let name = document.service_account_name.as_str();
        let is_kept = |namespace| self.accounts.contains(namespace, name);
        let bare = document.namespace.is_empty() && is_kept("");
        !name.is_empty() && name == document.name && !bare && !is_kept(namespace)
    }

    /// Warns of plain values that kubectl and kustomize read differently.
    fn disagreements(&mut self, notebook: &Found<'a>) {
        let mut findings = Vec::new();
        notebook.tree.walk(&mut |path, node| {
            if let crate::krm::tree::NodeKind::Scalar { plain: true, text } = &node.kind
                && crate::krm::scalars::readers_disagree(text)
            {
                let message =
                    "kubectl and kustomize read this plain value differently; quote it if it is text";
                findings.push(Finding::warning(message).at(path).found(text.clone()));
            }
        });
        for finding in findings {
            self.about(notebook, finding);
        }
    }

    /// Kinds of ours that are misspelled, or not acted on yet.
    fn check_kinds(&mut self) {
        for (_, framed, item) in items(self.batch) {
            let id = &item.head.id;
            let not_yet = NOT_YET
                .iter()
                .find(|(group, kind, _)| id.group == *group && id.kind == *kind);
            let finding = if let Some((_, _, message)) = not_yet {
                Finding::warning(*message)
            } else if item.head.annotations.contains_key(keys::INJECT_AUTH) && !is_acted_on(id) {
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

/// The Notebooks whose namespace is known, each with it.
fn named<'f>(
    found: &'f [Found<'_>],
    meant: &'f [Option<(String, Meaning)>],
) -> impl Iterator<Item = (&'f str, &'f document::Notebook)> {
    found.iter().zip(meant).filter_map(|(notebook, meaning)| {
        let (namespace, _) = meaning.as_ref()?;
        Some((namespace.as_str(), &notebook.document))
    })
}

/// Whether an object is of a kind that the generator acts on.
fn is_acted_on(id: &ObjectId) -> bool {
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
