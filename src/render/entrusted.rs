//! What is the guards' and the gateway's alone, and whose code would have it too: Secrets with their keys, and accounts with
//! their right to review tokens.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ray as rays;
use super::{Batch, generated, items, place};
use crate::input::notebook::{KIND, POD_SPEC};
use crate::input::ray::{Cluster, Document};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::krm::tree::push_key;
use crate::manifests::ray::clients;
use crate::model::login;
use crate::model::notebook::ServiceAccount;
use crate::model::pod::{self, Subject};
use crate::model::ray::{CLIENT_CA_VOLUME, VOLUMES};
use crate::plan::{Plan, notebook_id};

/// Whose a key is.
const OF_GUARD: &str = "the private key of a guard";
/// Fields that say whom a pod runs as: a pod's own, and those that other kinds have for their pods.
const ACCOUNT_FIELDS: [&str; 2] = ["serviceAccountName", "serviceAccount"];

/// The Secrets whose keys are nobody else's, by namespace and name: each with whose it is.
pub(super) fn secrets(plan: &Plan) -> BTreeMap<&str, BTreeMap<String, &'static str>> {
    let notebooks = plan.guards.values();
    let notebooks = notebooks.map(|guard| (guard.notebook.namespace.as_str(), &guard.tls_secret));
    let of_rays = plan.rays.values();
    let of_rays = of_rays.map(|guard| (guard.cluster.namespace.as_str(), &guard.tls_secret));
    let servers = plan.api_servers.values();
    let servers = servers.map(|guard| (guard.server.namespace.as_str(), &guard.tls_secret));
    let mut secrets: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for (namespace, secret) in notebooks.chain(of_rays).chain(servers) {
        let here = secrets.entry(namespace).or_default();
        here.insert(secret.clone(), OF_GUARD);
    }
    for namespace in plan.ray_closed.iter().filter(|_| clients::wanted(&plan.platform)) {
        let here = secrets.entry(namespace).or_default();
        let whose = "the key of the authority that signs the certificates of people";
        here.insert(clients::AUTHORITY.to_owned(), whose);
    }
    if let Some(gateway) = plan.gateway() {
        let here = secrets.entry(&gateway.namespace).or_default();
        let of_login = login::secrets(gateway).into_keys();
        for name in of_login.chain([login::CREDENTIALS.to_owned()]) {
            here.insert(name, "a secret of the gateway or of its login service");
        }
    }
    secrets
}

/// Says which of these the pods of a Ray cluster read.
pub(super) fn read_by_ray(
    document: &Document,
    cluster: &Cluster,
    secrets: &BTreeMap<String, &str>,
    findings: &mut Vec<Finding>,
) {
    let [first, second, third] = VOLUMES;
    let volumes = [first, second, third, CLIENT_CA_VOLUME];
    let head = ("headGroupSpec".to_owned(), &cluster.head);
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, group)| (format!("workerGroupSpecs[{index}]"), group));
    for (group, of_group) in std::iter::once(head).chain(workers) {
        let path = document.kind.path(&format!("{group}.template.spec"));
        let subject = Subject {
            pod: &of_group.pod,
            path: &path,
            whose: "cluster's",
        };
        pod::keys_of_others(subject, document.kind.word(), &volumes, secrets, findings);
    }
}

/// The accounts that are made for guards, by namespace and name: each with the document whose guard it is.
fn accounts(plan: &Plan) -> BTreeMap<(&str, &str), ObjectId> {
    let notebooks = plan.guards.values().map(|guard| &guard.notebook);
    let accounts = plan.guards.values().zip(notebooks);
    let notebooks = accounts
        .filter(|(_, notebook)| notebook.service_account == ServiceAccount::Ours)
        .map(|(guard, notebook)| {
            let id = notebook_id(&notebook.namespace, &notebook.name);
            ((notebook.namespace.as_str(), guard.service_account.as_str()), id)
        });
    let clusters = plan.rays.values();
    let clusters = clusters
        .filter(|guard| guard.cluster.service_account == ServiceAccount::Ours)
        .map(|guard| {
            let namespace = guard.cluster.namespace.as_str();
            ((namespace, guard.service_account.as_str()), guard.id())
        });
    notebooks.chain(clusters).collect()
}

/// Refuses every pod but the guarded one that is to run as an account of a guard's: its code could ask the API server about any
/// token that it comes by, and about anybody's rights.
pub(super) fn accounts_of_guards(batch: &Batch, plan: &Plan, findings: &mut Vec<Finding>) {
    let accounts = accounts(plan);
    if accounts.is_empty() {
        return;
    }
    for (_, framed, item) in items(batch).filter(|(_, _, item)| !generated::is_ours(item)) {
        let id = &item.head.id;
        let default = plan.platform.default_namespace.as_deref().unwrap_or_default();
        let namespace = if id.namespace.is_empty() {
            default
        } else {
            &id.namespace
        };
        if !accounts.keys().any(|(here, _)| *here == namespace) {
            continue;
        }
        let piece = item.piece(&framed.source);
        let Ok(value) = piece.value() else { continue };
        let own = own_pod(id);
        let mut said = Vec::new();
        named(&value, "", &mut said);
        let tree = piece.tree().ok();
        for (path, name) in said {
            let Some(other) = accounts.get(&(namespace, name)) else {
                continue;
            };
            let is_own = (&other.kind, &other.name) == (&id.kind, &id.name)
                && own.as_ref().is_some_and(|own| path.starts_with(own.as_str()));
            if is_own {
                continue;
            }
            let message = format!(
                "is the ServiceAccount of the guard of {} {}, which may ask the API server whose a token is and what anybody may \
                 do: the code of this pod would have that right too; name another",
                other.kind, other.name
            );
            let finding = Finding::error(message).at(path).found(name);
            findings.push(place(framed, item, finding, tree.as_ref()));
        }
    }
}

/// Where a document of ours says whom the pod with the guard runs as.
fn own_pod(id: &ObjectId) -> Option<String> {
    let path = if id.kind == KIND {
        POD_SPEC.to_owned()
    } else {
        rays::kind_of(id)?.path("headGroupSpec.template.spec")
    };
    Some(format!("{path}."))
}

/// Every ServiceAccount that a value names for pods, with where it does, in whatever kind of object.
fn named<'v>(value: &'v Value, path: &str, said: &mut Vec<(String, &'v str)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let mut path = path.to_owned();
                push_key(&mut path, key);
                match value.as_str() {
                    Some(name) if ACCOUNT_FIELDS.contains(&key.as_str()) => said.push((path, name)),
                    _ => named(value, &path, said),
                }
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                named(value, &format!("{path}[{index}]"), said);
            }
        }
        _ => {}
    }
}
