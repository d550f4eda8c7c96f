//! Image streams among the documents: a lock that says which digest a tag stood for when they were taken.
//!
//! Open Data Hub's webhook looks a Notebook's selection up in the cluster; here the answer is in git, for a reviewer to see.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Batch, items};
use crate::krm::results::Finding;
use crate::model::image::{self, Selection};
use crate::model::keys;

const GROUP: &str = "image.openshift.io";
const KIND: &str = "ImageStream";

/// What the image streams say, by namespace and name: for each tag its newest image, if there is one.
pub(super) struct Images(BTreeMap<(String, String), BTreeMap<String, Option<String>>>);

// === impl Images ===

impl Images {
    /// Reads them.
    pub(super) fn find(batch: &Batch) -> Self {
        let mut images = BTreeMap::new();
        for (_, framed, item) in items(batch) {
            let id = &item.head.id;
            if id.group == GROUP && id.kind == KIND {
                let value = item.piece(&framed.source).value().unwrap_or_default();
                images.insert((id.namespace.clone(), id.name.clone()), tags(&value));
            }
        }
        Self(images)
    }

    /// The image that a selection stands for: none where no such stream is among the documents.
    pub(super) fn of(
        &self,
        selection: Selection<'_>,
        findings: &mut Vec<Finding>,
    ) -> Option<(String, String)> {
        let Selection {
            namespace,
            name,
            tag,
            container,
        } = selection;
        let stream = self.0.get(&(namespace.to_owned(), name.to_owned()))?;
        let path = format!("metadata.annotations[{:?}]", keys::IMAGE_SELECTION);
        if let Some(image) = stream.get(tag).cloned().flatten() {
            let message =
                format!("the Notebook's image is {image}, which ImageStream {namespace}/{name} has for this");
            findings.push(Finding::info(message).at(path).found(format!("{name}:{tag}")));
            return Some((container.to_owned(), image));
        }
        let message = format!(
            "ImageStream {namespace}/{name} has no image with a digest for this: the Notebook's image is not locked"
        );
        findings.push(Finding::warning(message).at(path).found(format!("{name}:{tag}")));
        None
    }
}

/// The newest image of each tag: of those made at one time the first, for a status has the newest in front.
fn tags(stream: &Value) -> BTreeMap<String, Option<String>> {
    let mut images = BTreeMap::new();
    let created = |item: &Value| item["created"].as_str().unwrap_or_default().to_owned();
    for tag in stream["status"]["tags"].as_array().into_iter().flatten() {
        let items = tag["items"].as_array().into_iter().flatten();
        let newest = items.rev().max_by_key(|item| created(item));
        let image = newest.and_then(|item| item["dockerImageReference"].as_str());
        if let Some(name) = tag["tag"].as_str() {
            images.insert(
                name.to_owned(),
                image.filter(|image| is_lock(image)).map(str::to_owned),
            );
        }
    }
    images
}

/// Whether an image is one that we may write.
fn is_lock(image: &str) -> bool {
    let mut findings = Vec::new();
    image::check(image, false, "", &mut findings);
    findings.is_empty()
}
