//! Images: how they may be named, and which one a Notebook's selection stands for.

use super::keys;
use super::platform::Platform;
use super::pod::is_named;
use super::programs;
use crate::input::notebook::Notebook as Document;
use crate::input::platform::Operator;
use crate::krm::results::Finding;

/// Images in the cluster's own registry, which Open Data Hub's webhook leaves as they are
/// (`components/odh-notebook-controller/controllers/notebook_mutating_webhook.go`).
const INTERNAL_REGISTRY: &str = "image-registry.openshift-image-registry.svc:5000";

/// Whether an image is named by its SHA-256 digest.
pub fn is_by_digest(image: &str) -> bool {
    image.split_once("@sha256:").is_some_and(|(name, digest)| {
        !name.is_empty() && digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Checks an image that we add.
pub fn check(image: &str, allow_tags: bool, path: &str, findings: &mut Vec<Finding>) {
    let message = if image.contains(char::is_whitespace) || image.contains(char::is_control) {
        "is no image reference"
    } else if !is_by_digest(image) && !allow_tags {
        "must name the image by digest (NAME@sha256:…): a tag can be moved; or set allowTags: true"
    } else {
        return;
    };
    findings.push(Finding::error(message).at(path).found(image));
}

/// The guard's image that a Notebook is held at, so that a new one in the Platform does not restart it.
///
/// # Errors
/// An image that we may not add.
pub fn held(document: &Document, platform: &Platform, findings: &mut Vec<Finding>) -> Option<String> {
    let image = document.annotations.get(keys::GUARD_IMAGE)?;
    let path = format!("metadata.annotations[{:?}]", keys::GUARD_IMAGE);
    if platform.notebook_controller == Operator::OpenDataHub {
        let message = "holds nothing: the guard is the one of Open Data Hub's controller, which knows no such annotation";
        findings.push(Finding::warning(message).at(path).found(image.clone()));
        return None;
    }
    check(image, platform.sidecar.allow_tags, &path, findings);
    if !programs::fits(platform.sidecar.program, image) {
        let message = "is named like another program than the Platform's sidecar.program, whose flags and roles it gets with \
                       it, and would not start; hold an image of that program, or remove this";
        findings.push(Finding::error(message).at(&path).found(image.clone()));
    }
    if *image != platform.sidecar.image {
        let message = "the guard is held at this image, and the Platform names another; remove the annotation when the \
                       Notebook may restart";
        let finding = Finding::info(message).at(path).found(image.clone());
        findings.push(finding.propose(platform.sidecar.image.clone()));
    }
    Some(image.clone())
}

/// Where a Notebook's image is to be taken from, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection<'d> {
    /// Namespace of the image stream.
    pub namespace: &'d str,
    /// Name of the image stream.
    pub name: &'d str,
    /// Tag in it.
    pub tag: &'d str,
    /// The container: the one of the Notebook's name.
    pub container: &'d str,
}

/// A Notebook's selection, if it has one and a container for it.
pub fn selection<'d>(document: &'d Document, platform: &'d Platform) -> Option<Selection<'d>> {
    let (name, tag) = document.annotations.get(keys::IMAGE_SELECTION)?.split_once(':')?;
    let given = document.annotations.get(keys::IMAGE_NAMESPACE);
    let namespace = given.filter(|namespace| !namespace.is_empty());
    let mut containers = document.pod.containers.iter();
    let container = containers.find(|container| is_named(document, &container.name))?;
    let internal = container.image.contains(INTERNAL_REGISTRY);
    let plain = !internal && !name.is_empty() && !tag.is_empty() && !tag.contains(':');
    plain.then_some(Selection {
        namespace: namespace.map_or(platform.applications_namespace.as_str(), String::as_str),
        name,
        tag,
        container: &container.name,
    })
}
