//! What KubeRay asks of a cluster's storage, TLS, policies and autoscaler.

use super::versions::{TLS, too_old};
use crate::input::pod::Container;
use crate::input::ray::{Cluster, Document, FaultTolerance};
use crate::krm::results::Finding;
use crate::model::names::is_dns_label;
use crate::model::platform::Platform;

/// Variables and volume that KubeRay sets under `tlsOptions`.
const TLS_VARIABLES: [&str; 4] = [
    "RAY_USE_TLS",
    "RAY_TLS_SERVER_CERT",
    "RAY_TLS_SERVER_KEY",
    "RAY_TLS_CA_CERT",
];
const TLS_VOLUME: &str = "ray-tls";
const TLS_PATH: &str = "/etc/ray/tls";
/// Annotations of fault tolerance, from before there was a field for it.
const FT_ENABLED: &str = "ray.io/ft-enabled";
const FT_NAMESPACE: &str = "ray.io/external-storage-namespace";
/// Variables by which Ray finds its external storage.
const REDIS_ADDRESS: &str = "RAY_REDIS_ADDRESS";
const REDIS_PASSWORD: &str = "REDIS_PASSWORD";
const REDIS_USERNAME: &str = "REDIS_USERNAME";
const STORAGE_VARIABLES: [&str; 2] = ["RAY_gcs_storage", "RAY_gcs_storage_path"];
/// KubeRay's own volume for embedded storage.
const STORAGE_VOLUME: &str = "gcs-storage";
const STORAGE_PATH: &str = "/data/gcs";
/// Variables of the autoscaler.
const AUTOSCALER_V2: &str = "RAY_enable_autoscaler_v2";
const AUTOSCALER_COMMAND: &str = "KUBERAY_GEN_AUTOSCALER_START_CMD";
/// `networkPolicy.mode`: the default, and those that close one direction alone.
const DENY_ALL: &str = "DenyAll";
const DENY_INGRESS: &str = "DenyAllIngress";
const DENY_EGRESS: &str = "DenyAllEgress";

/// Checks a cluster.
pub(super) fn check(
    document: &Document,
    cluster: &Cluster,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    tls(document, cluster, platform, findings);
    policy(document, cluster, findings);
    storage(document, cluster, findings);
    autoscaler(document, cluster, findings);
}

/// A variable of a container: its index, and its value.
fn variable<'c>(container: &'c Container, name: &str) -> Option<(usize, &'c str)> {
    let index = container.env.iter().position(|variable| variable.name == name)?;
    Some((index, &container.env[index].value))
}

/// Ray's containers, each with its path.
fn rays<'c>(document: &Document, cluster: &'c Cluster) -> Vec<(String, &'c Container)> {
    let head = ("headGroupSpec".to_owned(), &cluster.head);
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, group)| (format!("workerGroupSpecs[{index}]"), group));
    [head]
        .into_iter()
        .chain(workers)
        .filter_map(|(path, group)| {
            let path = document.kind.path(&format!("{path}.template.spec.containers[0]"));
            Some((path, group.pod.containers.first()?))
        })
        .collect()
}

fn tls(document: &Document, cluster: &Cluster, platform: &Platform, findings: &mut Vec<Finding>) {
    let path = document.kind.path("tlsOptions");
    let on = cluster.mutual_tls.unwrap_or(platform.ray.mutual_tls);
    if let Some(message) = too_old(platform.ray.kuberay, TLS).filter(|_| on || cluster.mutual_tls.is_some()) {
        findings.push(Finding::error(message).at(&path));
    }
    for (at, container) in rays(document, cluster) {
        for name in TLS_VARIABLES {
            let Some((index, value)) = variable(container, name) else {
                continue;
            };
            let field = format!("{at}.env[{index}]");
            if on {
                let message = "is KubeRay's to set where tlsOptions is on, and it refuses the cluster for it; remove it";
                findings.push(Finding::error(message).at(field).found(name));
            } else if name == TLS_VARIABLES[0]
                && value == "1"
                && at.starts_with(&document.kind.path("headGroupSpec"))
            {
                let message = "has Ray's client server speak TLS with a certificate of yours, and the guard in front of it, \
                               which speaks plainly, reaches nobody; write tlsOptions instead";
                findings.push(Finding::warning(message).at(field).found(name));
            }
        }
        let mounts = container
            .volume_mounts
            .iter()
            .zip(&container.mount_paths)
            .enumerate();
        for (index, (volume, mount)) in mounts.filter(|_| on) {
            if volume == TLS_VOLUME || mount == TLS_PATH {
                let message = "is where KubeRay mounts its certificates under tlsOptions, and it refuses the cluster; use another";
                findings.push(Finding::error(message).at(format!("{at}.volumeMounts[{index}]")));
            }
        }
    }
    for (index, variable) in cluster.autoscaler_env.iter().enumerate().filter(|_| on) {
        if TLS_VARIABLES.contains(&variable.name.as_str()) {
            let message =
                "is KubeRay's to set where tlsOptions is on, and it refuses the cluster for it; remove it";
            let path = document.kind.path(&format!("autoscalerOptions.env[{index}]"));
            findings.push(Finding::error(message).at(path).found(variable.name.clone()));
        }
    }
    for (index, (volume, mount)) in cluster.autoscaler_mounts.iter().enumerate().filter(|_| on) {
        if volume == TLS_VOLUME || mount == TLS_PATH {
            let message = "is where KubeRay mounts its certificates under tlsOptions, and it refuses the cluster; use another";
            let path = document
                .kind
                .path(&format!("autoscalerOptions.volumeMounts[{index}]"));
            findings.push(Finding::error(message).at(path));
        }
    }
}

fn policy(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let Some(policy) = &cluster.network_policy else {
        return;
    };
    let path = document.kind.path("networkPolicy");
    let mode = if policy.mode.is_empty() {
        DENY_ALL
    } else {
        &policy.mode
    };
    if ![DENY_ALL, DENY_INGRESS, DENY_EGRESS].contains(&mode) {
        let message = "must be DenyAll, DenyAllIngress or DenyAllEgress";
        findings.push(Finding::error(message).at(format!("{path}.mode")).found(mode));
        return;
    }
    let groups = cluster.workers.iter().flatten();
    let names: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_dns_label(name)) {
        let message = "must be lower-case letters, digits and dashes where networkPolicy is there: KubeRay names a policy by it";
        let path = document
            .kind
            .path(&format!("workerGroupSpecs[{index}].groupName"));
        findings.push(Finding::error(message).at(path).found(*name));
    }
    for rules in &policy.rules {
        let at = format!("{path}.{}", rules.place);
        for (field, there, open) in [
            ("ingressRules", rules.ingress, DENY_EGRESS),
            ("egressRules", rules.egress, DENY_INGRESS),
        ] {
            if there && mode == open {
                let message =
                    format!("means nothing where mode is {mode}, and KubeRay refuses the cluster for it");
                findings.push(Finding::error(message).at(format!("{at}.{field}")));
            }
        }
        let group = rules.group.as_deref();
        if let Some(name) = group.filter(|name| !names.contains(name)) {
            let message =
                "is the name of no group of workerGroupSpecs, and KubeRay refuses the cluster for it";
            findings.push(Finding::error(message).at(format!("{at}.groupName")).found(name));
        }
        if rules.place == "head" && rules.ingress && mode != DENY_EGRESS {
            let message = "policies add up: whom these rules let in to the dashboard or the client port passes no guard";
            findings.push(Finding::warning(message).at(format!("{at}.ingressRules")));
        }
    }
    if mode != DENY_INGRESS && !policy.head_egress {
        let message = "keeps the head from everything but its own nodes, and the guard from the API server, which it asks about \
                       everybody: nobody gets in; list DNS and the API server under head.egressRules, or close the way in alone";
        findings.push(
            Finding::error(message)
                .at(format!("{path}.mode"))
                .found(mode)
                .propose(DENY_INGRESS),
        );
    }
}

fn storage(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let path = document.kind.path("gcsFaultToleranceOptions");
    let annotation = |key: &str| format!("metadata.annotations[{key:?}]");
    let given = |key: &str| document.annotations.get(key).filter(|value| !value.is_empty());
    let head = document.kind.path("headGroupSpec");
    let params = cluster.head.start_params.iter().flatten();
    let env = |name: &str| -> Option<String> {
        let (index, _) = variable(cluster.head.pod.containers.first()?, name)?;
        Some(format!("{head}.template.spec.containers[0].env[{index}]"))
    };
    let mut refuse = |at: String, message: String| findings.push(Finding::error(message).at(at));
    let instead = |field: &str| format!("KubeRay refuses this; write {path}.{field}");
    for at in params
        .clone()
        .filter(|(param, value)| *param == "redis-username" && !value.is_empty())
        .map(|(param, _)| format!("{head}.rayStartParams.{param}"))
        .chain(env(REDIS_USERNAME))
    {
        refuse(at, instead("redisUsername"));
    }
    let Some(options) = &cluster.fault_tolerance else {
        let older = given(FT_ENABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if let Some(at) = env(REDIS_ADDRESS).filter(|_| !older) {
            let message = format!("turns fault tolerance on by itself, which KubeRay refuses; write {path}");
            refuse(at, message);
        }
        return;
    };
    if given(FT_ENABLED).is_some() {
        let message = format!("stands beside {path}, and KubeRay refuses both; remove it");
        refuse(annotation(FT_ENABLED), message);
    }
    if given(FT_NAMESPACE).is_some() {
        refuse(annotation(FT_NAMESPACE), instead("externalStorageNamespace"));
    }
    for at in params
        .filter(|(param, value)| *param == "redis-password" && !value.is_empty())
        .map(|(param, _)| format!("{head}.rayStartParams.{param}"))
        .chain(env(REDIS_PASSWORD))
    {
        refuse(at, instead("redisPassword"));
    }
    if let Some(at) = env(REDIS_ADDRESS) {
        refuse(at, instead("redisAddress"));
    }
    for (at, message) in backend(options, &path, cluster, &head) {
        refuse(at, message);
    }
}

/// What each backend of fault tolerance does not take.
fn backend(options: &FaultTolerance, path: &str, cluster: &Cluster, head: &str) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let embedded = options.backend == "rocksdb";
    let others: &[&str] = if embedded {
        &[
            "redisAddress",
            "redisUsername",
            "redisPassword",
            "externalStorageNamespace",
        ]
    } else {
        &["storage"]
    };
    for field in options
        .fields
        .iter()
        .filter(|field| others.contains(&field.as_str()))
    {
        let name = if embedded { "rocksdb" } else { "redis" };
        let message =
            format!("means nothing to the backend {name}, and KubeRay refuses the cluster for it; remove it");
        wrong.push((format!("{path}.{field}"), message));
    }
    if options.two_claims {
        let message = "stands beside what would make another claim, and KubeRay refuses both".to_owned();
        wrong.push((format!("{path}.storage.claimName"), message));
    }
    let Some(ray) = cluster.head.pod.containers.first().filter(|_| embedded) else {
        return wrong;
    };
    let message = "is KubeRay's own where the backend is rocksdb, and it refuses the cluster; remove it";
    let container = format!("{head}.template.spec.containers[0]");
    for name in STORAGE_VARIABLES {
        if let Some((index, _)) = variable(ray, name) {
            wrong.push((format!("{container}.env[{index}]"), message.to_owned()));
        }
    }
    for (index, (volume, mount)) in ray.volume_mounts.iter().zip(&ray.mount_paths).enumerate() {
        if volume == STORAGE_VOLUME || mount == STORAGE_PATH {
            wrong.push((format!("{container}.volumeMounts[{index}]"), message.to_owned()));
        }
    }
    for (index, volume) in cluster.head.pod.volumes.iter().enumerate() {
        if volume.name == STORAGE_VOLUME {
            wrong.push((
                format!("{head}.template.spec.volumes[{index}]"),
                message.to_owned(),
            ));
        }
    }
    wrong
}

/// Whether a cluster asks for Ray's second autoscaler: by an option, or as before there was one, by a variable.
pub(super) fn has_second_autoscaler(cluster: &Cluster) -> bool {
    let ray = cluster.head.pod.containers.first();
    let by_variable = ray.and_then(|ray| variable(ray, AUTOSCALER_V2));
    cluster.autoscaler_version == "v2" || by_variable.is_some_and(|(_, value)| ["1", "true"].contains(&value))
}

fn autoscaler(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let head = document.kind.path("headGroupSpec.template.spec");
    let ray = cluster.head.pod.containers.first();
    let v2 = ray.and_then(|ray| variable(ray, AUTOSCALER_V2));
    if let Some((index, value)) = v2 {
        let at = format!("{head}.containers[0].env[{index}]");
        if !cluster.autoscaling && ["1", "true"].contains(&value) {
            let message = "asks for an autoscaler where enableInTreeAutoscaling is not true, and KubeRay refuses the cluster";
            findings.push(Finding::error(message).at(at).found(value));
        } else if cluster.autoscaling && !cluster.autoscaler_version.is_empty() {
            let message = "stands beside autoscalerOptions.version, and KubeRay refuses both; remove it";
            findings.push(Finding::error(message).at(at).found(value));
        }
    }
    if cluster.autoscaling && cluster.autoscaler_version == "v2" {
        let workers = cluster.workers.iter().flatten().enumerate();
        let workers = workers.map(|(index, group)| {
            let path = format!("workerGroupSpecs[{index}].template.spec");
            (document.kind.path(&path), group)
        });
        for (path, group) in [(head, &cluster.head)].into_iter().chain(workers) {
            if !["", "Never"].contains(&group.restart_policy.as_str()) {
                let message = "must be Never with the second autoscaler; KubeRay refuses anything else";
                let finding = Finding::error(message).at(format!("{path}.restartPolicy"));
                findings.push(finding.found(group.restart_policy.clone()).propose("Never"));
            }
        }
    }
    let index = cluster
        .autoscaler_env
        .iter()
        .position(|variable| variable.name == AUTOSCALER_COMMAND);
    if let Some(index) = index {
        let message = "is KubeRay's to set, and it refuses the cluster for it; remove it";
        let path = document.kind.path(&format!("autoscalerOptions.env[{index}]"));
        findings.push(Finding::error(message).at(path).found(AUTOSCALER_COMMAND));
    }
}
