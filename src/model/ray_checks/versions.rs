//! Which version of KubeRay and of Ray each setting needs.
//!
//! Source: ray-project/kuberay `ray-operator/apis/ray/v1/raycluster_types.go` at each release, and what its `validation.go`
//! asks of `rayVersion`.

use crate::input::ray::{Cluster, Document};
use crate::krm::results::Finding;

/// A version of Ray: major and minor. No rule asks for more.
pub(super) type Version = (u32, u32);

/// Ray's own images, by whose tags their version is known (hub.docker.com/r/rayproject).
const IMAGES: &str = "rayproject/ray";

/// The first KubeRay that knows `authOptions`.
pub(super) const AUTH: Version = (1, 5);
/// The first KubeRay that knows `authOptions.secretName`.
pub(super) const AUTH_SECRET: Version = (1, 6);
/// The first KubeRay in which `authOptions.enableK8sTokenAuth` works unaided.
pub(super) const AUTH_KUBERNETES: Version = (1, 7);
/// The first Ray that asks for tokens.
pub(super) const RAY_AUTH: Version = (2, 52);
/// The first Ray that asks the API server about tokens.
pub(super) const RAY_AUTH_KUBERNETES: Version = (2, 55);
/// The first KubeRay that knows `tlsOptions`.
pub(super) const TLS: Version = (1, 7);
/// The first KubeRay that knows `networkPolicy`.
const NETWORK_POLICY: Version = (1, 7);
/// The first KubeRay that knows `gcsFaultToleranceOptions`.
const FAULT_TOLERANCE: Version = (1, 3);
/// The first KubeRay that knows `gcsFaultToleranceOptions.backend`.
const BACKEND: Version = (1, 7);
/// The first KubeRay that knows `autoscalerOptions.version`.
const AUTOSCALER_VERSION: Version = (1, 4);
/// The first KubeRay that knows `resources` and `labels` of a group.
const GROUP_FIELDS: Version = (1, 5);

/// What is known of a cluster's version of Ray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ray {
    /// `rayVersion` says it.
    Given(Version),
    /// `rayVersion` says something that is no version.
    Malformed,
    /// Nothing says it but the tag of the head's image.
    Image(Version),
    /// Nothing says it.
    Unknown,
}

/// Reads the cluster's version of Ray.
pub(super) fn of(cluster: &Cluster) -> Ray {
    if !cluster.ray_version.is_empty() {
        return parse(&cluster.ray_version).map_or(Ray::Malformed, Ray::Given);
    }
    let image = cluster.head.pod.containers.first().map(|ray| ray.image.as_str());
    image
        .and_then(tag)
        .and_then(parse)
        .map_or(Ray::Unknown, Ray::Image)
}

/// The tag of one of Ray's own images.
pub(super) fn tag(image: &str) -> Option<&str> {
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    let (name, tag) = image.rsplit_once(':')?;
    let own = [IMAGES, "docker.io/rayproject/ray", "quay.io/rayproject/ray"];
    own.contains(&name).then_some(tag)
}

/// Major and minor of a version as KubeRay reads one (kubernetes/apimachinery `pkg/util/version`, `ParseGeneric`): numbers
/// without leading zeros and dots between them, at least two, and whatever behind them.
fn parse(text: &str) -> Option<Version> {
    let text = text.trim_start();
    let text = text.strip_prefix('v').unwrap_or(text);
    let (major, rest) = number(text)?;
    let (minor, _) = number(rest.strip_prefix('.')?)?;
    Some((major, minor))
}

/// The number that a text begins with, and what is behind it.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let padded = digits.len() > 1 && digits.starts_with('0');
    (!padded).then(|| digits.parse().ok().map(|number| (number, rest)))?
}

/// What is said of a field that the Platform's KubeRay does not know: the API server drops it and says nothing.
pub(super) fn too_old(kuberay: Version, needs: Version) -> Option<String> {
    (kuberay < needs).then(|| {
        format!(
            "KubeRay knows this from {}.{} on, and Platform says that {}.{} runs: the API server drops the field without a \
             word. Remove it, or correct spec.rayClusters.kubeRay in the Platform",
            needs.0, needs.1, kuberay.0, kuberay.1
        )
    })
}

/// Checks the fields that only a newer KubeRay knows, but for those of tokens and TLS.
pub(super) fn check(document: &Document, cluster: &Cluster, kuberay: Version, findings: &mut Vec<Finding>) {
    let backend = cluster
        .fault_tolerance
        .as_ref()
        .is_some_and(|options| !options.backend.is_empty());
    let mut fields = vec![
        (
            "networkPolicy".to_owned(),
            cluster.network_policy.is_some(),
            NETWORK_POLICY,
        ),
        (
            "gcsFaultToleranceOptions".to_owned(),
            cluster.fault_tolerance.is_some(),
            FAULT_TOLERANCE,
        ),
        ("gcsFaultToleranceOptions.backend".to_owned(), backend, BACKEND),
        (
            "autoscalerOptions.version".to_owned(),
            !cluster.autoscaler_version.is_empty(),
            AUTOSCALER_VERSION,
        ),
    ];
    let head = ("headGroupSpec".to_owned(), &cluster.head);
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, group)| (format!("workerGroupSpecs[{index}]"), group));
    for (path, group) in [head].into_iter().chain(workers) {
        fields.push((format!("{path}.resources"), group.resources, GROUP_FIELDS));
        fields.push((
            format!("{path}.labels"),
            !group.ray_labels.is_empty(),
            GROUP_FIELDS,
        ));
    }
    for (field, there, needs) in fields {
        if let Some(message) = too_old(kuberay, needs).filter(|_| there) {
            findings.push(Finding::error(message).at(document.kind.path(&field)));
        }
    }
}
