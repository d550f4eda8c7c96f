//! What each Notebook of the input is meant to be.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Framed, Run, convert, is_notebook, items, patch, place, syntax};
use crate::input::notebook as document;
use crate::input::platform::Operator;
use crate::krm::results::Finding;
use crate::krm::source::Source;
use crate::krm::stream::Item;
use crate::krm::tree::Node;
use crate::model::image;
use crate::model::notebook::{self as model, Switch};
use crate::model::platform::Platform;
use crate::model::switch;

/// A Notebook of the input.
pub(super) struct Found<'a> {
    pub(super) framed: &'a Framed,
    pub(super) at: (usize, usize),
    pub(super) item: &'a Item,
    pub(super) value: Value,
    pub(super) tree: Node,
    pub(super) document: document::Notebook,
    /// What it is now, if it was one of Open Data Hub 2. Value and document are those.
    pub(super) converted: Option<convert::Converted>,
}

/// What is to become of a Notebook.
pub(super) enum Meaning {
    /// It gets a guard.
    Guarded(model::Notebook),
    /// It does not. Its port is known, for the culler; and whether it is exposed all the same.
    Unguarded { port: u16, open: Option<model::Open> },
}

/// All Notebooks, by what is to become of them.
#[derive(Default)]
pub(super) struct Understood {
    pub(super) guarded: Vec<model::Notebook>,
    pub(super) exposed: Vec<model::Open>,
    /// Those that are not guarded, by namespace and name: their ports.
    pub(super) others: BTreeMap<(String, String), u16>,
    /// For each in turn its namespace and meaning, where these are known.
    pub(super) meant: Vec<Option<(String, Meaning)>>,
}

// === impl Found ===

impl Found<'_> {
    /// The text to edit, and the item in it.
    pub(super) fn text(&self) -> (&Source, &Item) {
        match &self.converted {
            Some(converted) => (&converted.source, &converted.item),
            None => (&self.framed.source, self.item),
        }
    }
}

// === impl Run ===

impl<'a> Run<'a> {
    /// What each Notebook is meant to be, and which of them are given twice.
    pub(super) fn understand(&mut self, found: &[Found<'a>], platform: &Platform) -> Understood {
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

    /// The Notebooks, read. Those that cannot be read become findings.
    pub(super) fn notebooks(&mut self) -> Vec<Found<'a>> {
        let batch = self.batch;
        let mut found = Vec::new();
        for (at, framed, item) in items(batch) {
            let id = &item.head.id;
            if !is_notebook(id) {
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

    /// A Notebook's namespace, and what is to become of it. `None` where that is not known.
    pub(super) fn meaning(&mut self, notebook: &Found<'a>, platform: &Platform) -> Option<(String, Meaning)> {
        let mut findings = Vec::new();
        let document = &notebook.document;
        let namespace = switch::namespace(&document.namespace, platform, &mut findings);
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
        let name = document.pod.service_account_name.as_str();
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
}

/// The Notebooks whose namespace is known, each with it.
pub(super) fn named<'f>(
    found: &'f [Found<'_>],
    meant: &'f [Option<(String, Meaning)>],
) -> impl Iterator<Item = (&'f str, &'f document::Notebook)> {
    found.iter().zip(meant).filter_map(|(notebook, meaning)| {
        let (namespace, _) = meaning.as_ref()?;
        Some((namespace.as_str(), &notebook.document))
    })
}
