//! What a tool leaves alone, because the object says so.

use serde_json::Value;

use crate::cluster::object::Object;
use crate::model::keys::{ARGO_SYNC_OPTIONS, FLUX_PRUNE, FLUX_RECONCILE, FLUX_SSA};

/// Whether Flux leaves an object in the cluster that is in git no more. It looks at the one in the cluster.
pub fn stays_with_flux(live: &Object) -> bool {
    flux_says(live, FLUX_PRUNE, "disabled") || flux_says(live, FLUX_RECONCILE, "disabled")
}

/// Whether Flux does not write an object: `live` is the one in the cluster, if there is one.
pub fn unwritten_by_flux(live: Option<&Object>, wanted: &Object) -> bool {
    let ignored = |object: &Object| {
        flux_says(object, FLUX_RECONCILE, "disabled") || flux_says(object, FLUX_SSA, "ignore")
    };
    ignored(wanted) || live.is_some_and(|live| ignored(live) || flux_says(wanted, FLUX_SSA, "IfNotPresent"))
}

/// Whether Argo CD leaves an object in the cluster that is in git no more. It looks at the one in the cluster. One whose
/// deletion somebody must confirm counts as one that stays.
pub fn stays_with_argo(live: &Object) -> bool {
    argo_option(live, "Prune=false") || argo_option(live, "Prune=confirm")
}

/// Whether one of Argo CD's options is in an object's list of them.
pub fn argo_option(object: &Object, option: &str) -> bool {
    let options = metadata(object, "annotations", ARGO_SYNC_OPTIONS).unwrap_or_default();
    options.split(',').any(|one| one.trim() == option)
}

/// A label or annotation of an object.
pub fn metadata<'a>(object: &'a Object, field: &str, key: &str) -> Option<&'a str> {
    let metadata = object.value.get("metadata")?;
    metadata.get(field)?.get(key).and_then(Value::as_str)
}

/// Flux takes its words from labels and annotations, in any case.
fn flux_says(object: &Object, key: &str, word: &str) -> bool {
    ["labels", "annotations"]
        .iter()
        .filter_map(|field| metadata(object, field, key))
        .any(|value| value.eq_ignore_ascii_case(word))
}
