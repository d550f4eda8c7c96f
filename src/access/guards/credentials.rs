//! A guard's own credentials: whether it has what it asks with, and who else in the pod can read it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::fault::{Fault, What};
use super::{Asks, Candidate, Guards};
use crate::access::answer::{Guard, Hop, Review};
use crate::access::fields;
use crate::access::pod::Pod;
use crate::access::rights::{May, service_account};
use crate::access::workloads::{RAY, is_api_server};
use crate::cluster::object::Object;
use crate::model::ray::{Door, Ports};
use crate::model::{keys, ray_companion};

/// What guards must be able to create: group and resource.
const REVIEWS: [(&str, &str); 2] = [
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
];
/// The account of a pod that names none.
const DEFAULT_ACCOUNT: &str = "default";
/// Where the kubelet mounts an account's token.
const TOKEN_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn check(
    guards: &Guards<'_>,
    candidate: &Candidate<'_>,
    asks: Asks,
    (containers, found): (&BTreeSet<String>, &[Guard]),
    faults: &mut Vec<Fault>,
) {
    let pod = candidate.pod;
    let account = account(pod, found);
    let automount = automount(guards, pod, &account);
    asking(guards, candidate, asks, (&account, automount.is_some()), faults);
    let readers: Vec<(String, &Value)> = others(pod, containers);
    if readers.is_empty() {
        return;
    }
    let subject = service_account(pod.namespace(), &account);
    let held = guards.rights.held(&subject);
    // KubeRay's API server is nobody else's code, and works by this account's rights, which are more than the guard needs.
    if !held.is_empty() && !is_api_server(pod) {
        let only_reviews = held
            .iter()
            .all(|hop| hop.says.ends_with("ClusterRole system:auth-delegator"));
        let shared = readers.iter().find_map(|(place, container)| {
            let by_itself = token_volume(pod, container).map(|at| (at, place));
            by_itself.or_else(|| {
                let hidden = mounts_at(container, TOKEN_FOLDER);
                automount.clone().filter(|_| !hidden).map(|at| (at, place))
            })
        });
        if let Some((at, place)) = shared {
            let reader = name_at(&readers, place);
            let mut fault = candidate.fault(
                at,
                What::SharedToken {
                    account: subject,
                    reader,
                    only_reviews,
                },
            );
            fault.way.push(pod.hop(place, "can read the token"));
            fault.way.extend(held);
            faults.push(fault);
        }
    }
    for (secret, at) in secrets(pod, candidate.value) {
        let reader = readers.iter().find_map(|(place, container)| {
            let found = secrets(pod, container)
                .into_iter()
                .find(|(name, _)| *name == secret);
            found.map(|(_, at)| (place, at))
        });
        if let Some((place, read_at)) = reader {
            let what = What::SharedSecret {
                secret: secret.to_owned(),
                reader: name_at(&readers, place),
            };
            let mut fault = candidate.fault(read_at, what);
            fault.way.push(at);
            faults.push(fault);
        }
    }
    if fields::is_true(pod.spec, &["shareProcessNamespace"]) {
        let at = pod.hop("shareProcessNamespace", "true");
        faults.push(candidate.fault(at, What::SharedProcesses));
    }
}

fn name_at(readers: &[(String, &Value)], place: &str) -> String {
    let found = readers.iter().find(|(at, _)| at == place);
    found.map_or_else(String::new, |(_, container)| {
        fields::text(container, &["name"]).to_owned()
    })
}

/// Whether a head with these guards is one that Open Data Hub's operator puts its own objects around: our guards stand where
/// they stand beside the operator's, and the cluster is switched on.
pub fn is_beside_operator(object: &Object, part: &str, guards: &[Guard]) -> bool {
    let ports = Ports::beside_open_data_hub();
    let is_ours = |door: Door| guards.iter().any(|guard| guard.port == ports.of(door));
    let switch = ["metadata", "annotations", keys::RAY_SECURE];
    object.id.group == RAY
        && object.id.kind == "RayCluster"
        && part == "head"
        && Door::ALL.into_iter().any(is_ours)
        && fields::text(&object.value, &switch) == "true"
}

/// The account that a pod runs as: beside Open Data Hub's operator a head's is the operator's, whatever its template says.
fn account<'p>(pod: &Pod<'p>, guards: &[Guard]) -> Cow<'p, str> {
    if is_beside_operator(pod.object, pod.part, guards) {
        return ray_companion::account(&pod.object.id.name).into();
    }
    ["serviceAccountName", "serviceAccount"]
        .iter()
        .map(|key| fields::text(pod.spec, &[key]))
        .find(|name| !name.is_empty())
        .unwrap_or(DEFAULT_ACCOUNT)
        .into()
}

/// What has the kubelet mount the account's token into every container of the pod; none where nothing does.
fn automount(guards: &Guards<'_>, pod: &Pod<'_>, account: &str) -> Option<Hop> {
    const KEY: &str = "automountServiceAccountToken";
    if let Some(said) = pod.spec.get(KEY).and_then(Value::as_bool) {
        return said.then(|| pod.hop(KEY, "true"));
    }
    let object = guards.world.get("", "ServiceAccount", pod.namespace(), account);
    match object {
        Some(object) if object.value.get(KEY) == Some(&Value::Bool(false)) => None,
        Some(object) => Some(fields::hop(
            object,
            KEY,
            "not false, so every container gets a token",
        )),
        None => Some(pod.hop(KEY, "not false, so every container gets a token")),
    }
}

/// Whether it can ask at all.
fn asking(
    guards: &Guards<'_>,
    candidate: &Candidate<'_>,
    asks: Asks,
    (account, automount): (&str, bool),
    faults: &mut Vec<Fault>,
) {
    let needed: &[(&str, &str)] = match asks {
        Asks::Nothing => return,
        Asks::AccessAlone => &REVIEWS[1..],
        Asks::TokensAndAccess => &REVIEWS,
    };
    let pod = candidate.pod;
    let subject = service_account(pod.namespace(), account);
    if !automount && token_volume(pod, candidate.value).is_none() && !mounts_at(candidate.value, TOKEN_FOLDER)
    {
        faults.push(candidate.fault_here(What::NoToken(subject)));
        return;
    }
    let (mut missing, mut unknown) = (Vec::new(), Vec::new());
    for (group, resource) in needed {
        let review = Review {
            group: (*group).to_owned(),
            resource: (*resource).to_owned(),
            verbs: BTreeSet::from(["create".to_owned()]),
            ..Review::default()
        };
        match guards.rights.may(&subject, &review) {
            May::Yes(_) => {}
            May::No => missing.push(format!("{resource}.{group}")),
            May::Unknown(hops) => unknown.extend(hops),
        }
    }
    let at = pod.hop("serviceAccountName", account);
    if !missing.is_empty() {
        let what = What::CannotAsk {
            account: subject,
            missing,
        };
        faults.push(candidate.fault(at, what));
    } else if !unknown.is_empty() {
        let what = What::Unread(
            "whether its account may ask depends on a role that is not in the manifests".to_owned(),
        );
        let mut fault = candidate.fault(at, what);
        fault.way.extend(unknown);
        faults.push(fault);
    }
}

/// Every container that is no guard, those that run before the others included.
fn others<'p>(pod: &Pod<'p>, guards: &BTreeSet<String>) -> Vec<(String, &'p Value)> {
    let mut all = Vec::new();
    for field in ["containers", "initContainers"] {
        for (index, container) in fields::list(pod.spec, &[field]).iter().enumerate() {
            if !guards.contains(fields::text(container, &["name"])) {
                all.push((format!("{field}[{index}]"), container));
            }
        }
    }
    all
}

/// The volumes that a container mounts, with their places.
fn mounted<'p>(pod: &Pod<'p>, container: &Value) -> Vec<(usize, &'p Value)> {
    let names: Vec<&str> = fields::list(container, &["volumeMounts"])
        .iter()
        .map(|mount| fields::text(mount, &["name"]))
        .collect();
    let all = fields::list(pod.spec, &["volumes"]).iter().enumerate();
    all.filter(|(_, volume)| names.contains(&fields::text(volume, &["name"])))
        .collect()
}

fn mounts_at(container: &Value, folder: &str) -> bool {
    fields::list(container, &["volumeMounts"])
        .iter()
        .any(|mount| fields::text(mount, &["mountPath"]).trim_end_matches('/') == folder)
}

/// A volume that a container mounts, with a token of the pod's account.
fn token_volume(pod: &Pod<'_>, container: &Value) -> Option<Hop> {
    let (index, _) = mounted(pod, container).into_iter().find(|(_, volume)| {
        fields::list(volume, &["projected", "sources"])
            .iter()
            .any(|source| source.get("serviceAccountToken").is_some())
    })?;
    Some(pod.hop(&format!("volumes[{index}]"), "holds a token of the pod's account"))
}

/// The Secrets that a container reads: from volumes, and from its environment.
fn secrets<'p>(pod: &Pod<'p>, container: &'p Value) -> Vec<(&'p str, Hop)> {
    let mut found = Vec::new();
    for (index, volume) in mounted(pod, container) {
        let here = |name: &str| pod.hop(&format!("volumes[{index}]"), format!("holds Secret {name}"));
        let mut add = |name: &'p str| {
            if !name.is_empty() {
                found.push((name, here(name)));
            }
        };
        add(fields::text(volume, &["secret", "secretName"]));
        for source in fields::list(volume, &["projected", "sources"]) {
            add(fields::text(source, &["secret", "name"]));
        }
    }
    for (list, path) in [
        ("env", ["valueFrom", "secretKeyRef", "name"].as_slice()),
        ("envFrom", ["secretRef", "name"].as_slice()),
    ] {
        for variable in fields::list(container, &[list]) {
            let name = fields::text(variable, path);
            if !name.is_empty() {
                found.push((
                    name,
                    pod.hop("containers", format!("a variable holds Secret {name}")),
                ));
            }
        }
    }
    found
}
