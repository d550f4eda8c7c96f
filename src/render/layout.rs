//! Which files a folder gets: one an object, flat or as two Kustomizations of Flux.
//!
//! In one Kustomization Flux writes routes and workloads before the policies that close them, and no annotation changes that
//! (`order::flux`). In two, the first has everything that closes and is waited for before the second begins; and it prunes
//! nothing, so that what closes is there as long as anything that it closes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::path::file_of;
use super::rendered::Document;
use crate::krm::yaml::{Quoting, to_block};

/// The folder of what closes: all that is of class `enforce`, and what cannot be missing for it to be taken: its Namespaces,
/// and the definitions of its kinds where they are in the input.
const CLOSING: &str = "closing";
/// The folder of everything else.
const REST: &str = "rest";
/// The two Kustomizations of Flux.
const FLUX: &str = "flux.yaml";
/// Keeps whoever points Flux at the folder as a whole from applying both halves as one.
const ROOT: &str = "kustomization.yaml";

/// What is said at the beginning of the Kustomizations.
const FLUX_COMMENT: &str = "\
# The first is everything that closes: it is there before anything that it closes, and prunes nothing. The second is the\n\
# rest, and waits for the first.\n";
const ROOT_COMMENT: &str = "\
# For `kubectl apply -k`, or for Flux's own sync of this folder: the two Kustomizations, which name the folders beside.\n";

/// How Flux finds the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flux {
    /// The Kustomization of everything but what closes; that has the same name with `-closing` behind it.
    pub name: String,
    /// The namespace of both, and of the source.
    pub namespace: String,
    /// The `GitRepository`.
    pub source: String,
    /// The folder in that repository, with slashes, without one at either end; empty for the repository's root.
    pub path: String,
}

/// A file for each document, by its path in the folder.
pub fn flat(documents: &[Document]) -> BTreeMap<String, Cow<'_, str>> {
    documents
        .iter()
        .map(|document| (file_of(&document.id), Cow::Borrowed(document.text.as_str())))
        .collect()
}

/// A file for each document in one of two folders, and the Kustomizations that apply them.
pub fn flux<'a>(documents: &'a [Document], flux: &Flux) -> BTreeMap<String, Cow<'a, str>> {
    let closing: Vec<&Document> = documents.iter().filter(|document| document.closes()).collect();
    let namespaces: BTreeSet<&str> = closing
        .iter()
        .map(|document| document.id.namespace.as_str())
        .collect();
    let groups: BTreeSet<&str> = closing
        .iter()
        .map(|document| document.id.group.as_str())
        .collect();
    let needed = |document: &Document| {
        let id = &document.id;
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Namespace") => namespaces.contains(id.name.as_str()),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => id
                .name
                .split_once('.')
                .is_some_and(|(_, group)| groups.contains(group)),
            _ => false,
        }
    };
    let mut files: BTreeMap<String, Cow<'_, str>> = documents
        .iter()
        .map(|document| {
            let closes = document.closes() || needed(document);
            let folder = if closes { CLOSING } else { REST };
            let path = format!("{folder}/{}", file_of(&document.id));
            (path, Cow::Borrowed(document.text.as_str()))
        })
        .collect();
    let both = [CLOSING, REST].map(|folder| to_block(&kustomization(flux, folder), Quoting::WhereNeeded));
    files.insert(
        FLUX.to_owned(),
        format!("{FLUX_COMMENT}{}", both.join("---\n")).into(),
    );
    let root = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [FLUX],
    });
    let root = to_block(&root, Quoting::WhereNeeded);
    files.insert(ROOT.to_owned(), format!("{ROOT_COMMENT}{root}").into());
    files
}

fn kustomization(flux: &Flux, folder: &str) -> Value {
    let closing = format!("{}-closing", flux.name);
    let first = folder == CLOSING;
    let parts = [flux.path.as_str(), folder]
        .into_iter()
        .filter(|part| !part.is_empty());
    let path: Vec<&str> = std::iter::once(".").chain(parts).collect();
    let mut spec = json!({
        "interval": "10m",
        "path": path.join("/"),
        "prune": !first,
        "sourceRef": { "kind": "GitRepository", "name": flux.source },
    });
    if first {
        // Ready means there: the second begins when it is.
        spec["timeout"] = json!("5m");
        spec["wait"] = json!(true);
    } else {
        spec["dependsOn"] = json!([{ "name": closing }]);
    }
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": if first { &closing } else { &flux.name }, "namespace": flux.namespace },
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kustomizations_find_their_folders() {
        let flux = |path: &str| Flux {
            name: "access".into(),
            namespace: "flux-system".into(),
            source: "fleet".into(),
            path: path.into(),
        };
        let path = |at: &str, folder: &str| kustomization(&flux(at), folder)["spec"]["path"].clone();
        assert_eq!(path("", CLOSING), "./closing");
        assert_eq!(path("clusters/ai", REST), "./clusters/ai/rest");
        let [first, second] = [CLOSING, REST].map(|folder| kustomization(&flux(""), folder));
        assert_eq!(first["metadata"]["name"], second["spec"]["dependsOn"][0]["name"]);
        assert_eq!(
            (&first["spec"]["prune"], &second["spec"]["prune"]),
            (&json!(false), &json!(true))
        );
    }
}
