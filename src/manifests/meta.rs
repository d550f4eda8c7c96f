//! The only maker of metadata: labels and annotations that say what an object is and whose.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::input::platform::Operator;
use crate::input::ray::Kind;
use crate::krm::annotations::MANAGED_BY;
use crate::krm::object_id::ObjectId;
use crate::model::gateway::{Gateway, Groups};
use crate::model::keys;
use crate::model::platform::Platform;
use crate::plan::api_server::GuardedApiServer;
use crate::plan::class::Class;
use crate::plan::guard::Guard;
use crate::plan::notebook_id;
use crate::plan::ray::{RayGuard, ray_id};

/// Argo CD's wave after all others.
const LAST_WAVE: &str = "20";

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
    of_notebook_in(
        &guard.notebook.namespace,
        &guard.notebook.name,
        name,
        namespace,
        class,
    )
}

/// Metadata of an object made for a Notebook elsewhere.
pub fn of_notebook_in(
    home: &str,
    notebook: &str,
    name: &str,
    namespace: Option<&str>,
    class: Class,
) -> ObjectMeta {
    let mut meta = of_notebook(home, notebook, name, class);
    label(&mut meta, keys::NOTEBOOK_NAMESPACE, home);
    meta.namespace = namespace.map(str::to_owned);
    meta
}

/// Metadata of an object made for a guarded Ray cluster, in its namespace.
pub fn of_ray(guard: &RayGuard, name: &str, class: Class) -> ObjectMeta {
    of_ray_in(guard, name, Some(&guard.cluster.namespace), class)
}

/// Metadata of an object made for a Ray cluster without a guard, in its namespace.
pub fn of_bystander(namespace: &str, cluster: &str, name: &str, class: Class) -> ObjectMeta {
    of(
        &ray_id(Kind::RayCluster, namespace, cluster),
        name,
        Some(namespace),
        class,
    )
}

/// Metadata of an object made for a guarded Ray cluster elsewhere: in another namespace, or in none.
pub fn of_ray_in(guard: &RayGuard, name: &str, namespace: Option<&str>, class: Class) -> ObjectMeta {
    of(&guard.id(), name, namespace, class)
}

/// Metadata of a route to a guarded Ray cluster, with the labels by which the CodeFlare SDK finds it. Open Data Hub's operator
/// deletes routes with these labels once the cluster is gone, whosesoever they are, so beside it there are none; a RayJob's or
/// RayService's cluster has a name that KubeRay makes up.
pub fn of_ray_route(platform: &Platform, guard: &RayGuard, name: &str, namespace: &str) -> ObjectMeta {
    let mut meta = of_ray_in(guard, name, Some(namespace), Class::Serve);
    if platform.ray.operator == Operator::None && guard.cluster.kind == Kind::RayCluster {
        label(&mut meta, keys::RAY_ROUTE_CLUSTER, &guard.cluster.name);
        label(&mut meta, keys::RAY_ROUTE_NAMESPACE, &guard.cluster.namespace);
    }
    meta
}

/// Metadata of an object made for a guarded API server of KubeRay's: in its namespace, or elsewhere.
pub fn of_api_server(
    guard: &GuardedApiServer,
    name: &str,
    namespace: Option<&str>,
    class: Class,
) -> ObjectMeta {
    of(&guard.id(), name, namespace, class)
}

/// Metadata of an object that the platform itself calls for: it names no workload, so that none takes it along. What
/// protects is not pruned either; what is per workload may be, for it closes by being gone.
pub fn of_platform(platform: &Platform, name: &str, namespace: &str, class: Class) -> ObjectMeta {
    let source = platform.id();
    let mut meta = of(&source, name, Some(namespace), class);
    if class == Class::Enforce {
        protect(&mut meta);
    }
    meta
}

/// Metadata of an object made for the gateway that the input defines. What protects is not pruned. Beside Open Data Hub's
/// operator each object says that it is not the operator's.
pub fn of_gateway(gateway: &Gateway, name: &str, namespace: &str, class: Class) -> ObjectMeta {
    let mut meta = of(&gateway.source, name, Some(namespace), class);
    if class == Class::Enforce {
        protect(&mut meta);
    }
    if gateway.beside_operator {
        annotate(&mut meta, keys::MANAGED, "false");
    }
    meta
}

/// Metadata of an object made for the gateway, in no namespace.
pub fn of_gateway_in_cluster(gateway: &Gateway, name: &str, class: Class) -> ObjectMeta {
    let mut meta = of_gateway(gateway, name, "", class);
    meta.namespace = None;
    meta
}

/// Metadata of an object made for the gateway, by which one of several Istios knows it as its own.
pub fn of_istio(gateway: &Gateway, name: &str, namespace: &str, class: Class) -> ObjectMeta {
    let mut meta = of_gateway(gateway, name, namespace, class);
    if let Some(revision) = gateway.revision {
        label(&mut meta, keys::ISTIO_REVISION, revision);
    }
    meta
}

/// Metadata of an object made for an Auth's groups; without a namespace for the whole cluster.
pub fn of_groups(groups: &Groups, beside_operator: bool, name: &str, namespace: Option<&str>) -> ObjectMeta {
    let mut meta = of(&groups.source, name, namespace, Class::Support);
    if beside_operator {
        annotate(&mut meta, keys::MANAGED, "false");
    }
    meta
}

/// Keeps an object from every prune.
pub(super) fn protect(meta: &mut ObjectMeta) {
    for (key, value) in keys::NEVER_PRUNED {
        annotate(meta, key, value);
    }
}

/// Metadata of an AccessGraph: the last thing to be applied, when what it lists is there.
pub fn of_graph(source: &ObjectId, name: &str, namespace: &str) -> ObjectMeta {
    let mut meta = of(source, name, Some(namespace), Class::Support);
    annotate(&mut meta, keys::SYNC_WAVE, LAST_WAVE);
    meta
}

/// Metadata of a route beside the Notebook's own: without the labels by which Open Data Hub's controller takes a route for
/// its own.
pub fn of_extra_route(guard: &Guard, name: &str, namespace: &str) -> ObjectMeta {
    let source = notebook_id(&guard.notebook.namespace, &guard.notebook.name);
    of(&source, name, Some(namespace), Class::Serve)
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
    meta
}
