//! The only maker of metadata: labels and annotations that say what an object is and whose.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::krm::annotations::MANAGED_BY;
use crate::krm::object_id::ObjectId;
use crate::model::keys;
use crate::model::platform::Platform;
use crate::plan::class::Class;
use crate::plan::guard::Guard;
use crate::plan::{notebook_id, platform_id};

/// Metadata of an object made for a Notebook, in its namespace.
pub fn of_notebook(namespace: &str, notebook: &str, name: &str, class: Class) -> ObjectMeta {
    let mut meta = of(&notebook_id(namespace, notebook), name, Some(namespace), class);
    label(&mut meta, keys::NOTEBOOK_NAME, notebook);
    meta
}

/// Metadata of an object made for a guarded Notebook, in the Notebook's namespace.
pub fn of_guard(guard: &Guard, name: &str, class: Class) -> ObjectMeta {
    of_notebook(&guard.notebook.namespace, &guard.notebook.name, name, class)
}

/// Metadata of an object made for a guarded Notebook elsewhere: in another namespace, or in none.
pub fn of_guard_in(guard: &Guard, name: &str, namespace: Option<&str>, class: Class) -> ObjectMeta {
    let mut meta = of_guard(guard, name, class);
    label(&mut meta, keys::NOTEBOOK_NAMESPACE, &guard.notebook.namespace);
    meta.namespace = namespace.map(str::to_owned);
    meta
}

/// Metadata of an object that the platform itself calls for: it names no workload, so that none takes it along.
pub fn of_platform(platform: &Platform, name: &str, namespace: &str, class: Class) -> ObjectMeta {
    let source = platform_id(platform);
    of(&source, name, Some(namespace), class)
}

/// One more annotation.
pub fn annotate(meta: &mut ObjectMeta, key: &str, value: &str) {
    meta.annotations
        .get_or_insert_default()
        .insert(key.to_owned(), value.to_owned());
}

fn label(meta: &mut ObjectMeta, key: &str, value: &str) {
    meta.labels
        .get_or_insert_default()
        .insert(key.to_owned(), value.to_owned());
}

fn of(source: &ObjectId, name: &str, namespace: Option<&str>, class: Class) -> ObjectMeta {
    let mut meta = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(BTreeMap::new()),
        annotations: Some(BTreeMap::new()),
        ..ObjectMeta::default()
    };
    label(&mut meta, MANAGED_BY, keys::MANAGER);
    annotate(&mut meta, keys::SOURCE, &source.reference());
    annotate(&mut meta, keys::CLASS, class.word());
    annotate(&mut meta, keys::SYNC_WAVE, class.wave());
    if class == Class::Enforce {
        for (key, value) in keys::NEVER_PRUNED {
            annotate(&mut meta, key, value);
        }
    }
    meta
}
