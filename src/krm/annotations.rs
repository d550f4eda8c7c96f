//! The annotation and label keys that the wire itself gives a meaning.
//!
//! Source: kubernetes-sigs/kustomize `kyaml/kio/kioutil/kioutil.go` and `cmd/config/docs/api-conventions/functions-spec.md`.

/// The file an item came from, relative to the package, with slashes.
pub const PATH: &str = "internal.config.kubernetes.io/path";
/// The item's position in its file, from 0.
pub const INDEX: &str = "internal.config.kubernetes.io/index";
/// [`PATH`] as older orchestrators spell it.
pub const LEGACY_PATH: &str = "config.kubernetes.io/path";
/// [`INDEX`] as older orchestrators spell it.
pub const LEGACY_INDEX: &str = "config.kubernetes.io/index";
/// `"true"` on what is input for tools and never goes to a cluster.
pub const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";
/// What the orchestrators keep in annotations for themselves while a function runs. Such keys never count as a user's edit.
pub const INTERNAL_PREFIXES: [&str; 4] = [
    "internal.config.kubernetes.io/",
    "config.kubernetes.io/",
    "config.k8s.io/",
    "kustomize.config.k8s.io/",
];
/// Says which program an object belongs to (Kubernetes' recommended labels).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Whether an annotation is an orchestrator's bookkeeping.
pub fn is_internal(key: &str) -> bool {
    INTERNAL_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}
/// Names that an object had before kustomize gave it its own, separated by commas (kustomize's `api/internal/utils`).
pub const PREVIOUS_NAMES: &str = "internal.config.kubernetes.io/previousNames";
