//! Beside Open Data Hub's operator for Ray: what makes an outage there, and what stays open whatever is added.
//!
//! There the operator is the author of its own graph, and a RayCluster in git must be one that its webhook leaves alone. Facts
//! from runs of the real one: `fixtures/ray-operators/README.md`.

use std::collections::BTreeMap;

use crate::input::platform::DashboardHost;
use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::Finding;
use crate::model::platform::Platform;
use crate::model::ray::{CLIENT_PORT, CLIENT_PORT_PARAM, DASHBOARD_PORT, DASHBOARD_PORT_PARAM};

/// Longest name of a RayCluster beside the operator: its volume has it behind a prefix, and is not shortened.
const NAME_MAX: usize = 40;
/// What KubeRay puts behind the name of a RayJob or RayService: a dash and five letters.
const MADE_UP: usize = 6;
/// The operator's sidecar and, before the cluster's name, its volume.
const SIDECAR: &str = "kube-rbac-proxy";
const VOLUME: &str = "kube-rbac-proxy-config-";
/// Where its sidecar listens.
const PORT: u16 = 8443;

/// The account that the operator gives the head of a guarded cluster, whatever stands in its template (`fixtures/ray-operators`,
/// 20 and 21).
pub fn account(cluster: &str) -> String {
    format!("{cluster}-oauth-proxy-sa")
}

/// Checks a document whose cluster is to be guarded.
pub fn check(
    document: &Document,
    cluster: &Cluster,
    namespace: &str,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    let max = match document.kind {
        Kind::RayCluster => NAME_MAX,
        Kind::RayJob | Kind::RayService => NAME_MAX - MADE_UP,
    };
    if document.name.len() > max {
        let message = format!(
            "must be at most {max} characters beside Open Data Hub's operator: the name of its volume is too long, and the \
             head never starts"
        );
        let finding = Finding::error(message).at("metadata.name");
        findings.push(finding.found(document.name.clone()));
    }
    groups(document, cluster, findings);
    fixed(document, cluster, findings);
    names(document, cluster, findings);
    open(document, namespace, platform, findings);
}

/// What its webhook refuses or rewrites.
fn groups(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    if cluster.workers.as_ref().is_some_and(Vec::is_empty) {
        let message = "Open Data Hub's webhook drops the empty list, and GitOps writes it back for ever; leave the field out";
        findings.push(Finding::error(message).at(document.kind.path("workerGroupSpecs")));
    }
    let head = ("headGroupSpec".to_owned(), &cluster.head);
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, group)| (format!("workerGroupSpecs[{index}]"), group));
    for (path, group) in [head].into_iter().chain(workers) {
        if group.start_params.is_none() {
            let message = "is missing: Open Data Hub's webhook refuses the cluster without it";
            let path = document.kind.path(&format!("{path}.rayStartParams"));
            findings.push(Finding::error(message).at(path).propose(serde_json::json!({})));
        }
    }
}

/// The operator's route, policies and certificates know the usual ports and the usual Service alone.
fn fixed(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let params = cluster.head.start_params.as_ref();
    for (param, usual) in [
        (DASHBOARD_PORT_PARAM, DASHBOARD_PORT),
        (CLIENT_PORT_PARAM, CLIENT_PORT),
    ] {
        let given = params.and_then(|params| params.get(param));
        if let Some(port) = given.filter(|port| **port != usual.to_string()) {
            let message = format!(
                "Open Data Hub's operator leads to {usual} alone, and its policies open that; leave it out"
            );
            let path = document
                .kind
                .path(&format!("headGroupSpec.rayStartParams.{param}"));
            findings.push(Finding::error(message).at(path).found(port.clone()));
        }
    }
    if !cluster.head_service.is_empty() && document.kind != Kind::RayService {
        let message =
            "Open Data Hub's certificates lack this name, and no worker reaches its head; leave it out";
        let path = document.kind.path("headGroupSpec.headService.metadata.name");
        findings.push(
            Finding::error(message)
                .at(path)
                .found(cluster.head_service.clone()),
        );
    }
}

/// What the operator puts into the head's pod.
fn names(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let spec = document.kind.path("headGroupSpec.template.spec");
    let pod = &cluster.head.pod;
    for (list, containers) in [
        ("containers", &pod.containers),
        ("initContainers", &pod.init_containers),
    ] {
        for (index, container) in containers.iter().enumerate() {
            let path = format!("{spec}.{list}[{index}]");
            if container.name == SIDECAR {
                let message =
                    "is the name of the sidecar that Open Data Hub's operator adds; rename this one";
                findings.push(Finding::error(message).at(format!("{path}.name")).found(SIDECAR));
            }
            for (at, port) in container.ports.iter().enumerate() {
                if port.number == PORT && ["", "TCP"].contains(&port.protocol.as_str()) {
                    let message = "is where the sidecar of Open Data Hub's operator listens, in the same pod; use another";
                    let path = format!("{path}.ports[{at}].containerPort");
                    findings.push(Finding::error(message).at(path).found(PORT));
                }
            }
        }
    }
    for (index, volume) in pod.volumes.iter().enumerate() {
        if volume.name.starts_with(VOLUME) {
            let message = "is the name of a volume that Open Data Hub's operator adds; rename this one";
            let path = format!("{spec}.volumes[{index}].name");
            findings.push(Finding::error(message).at(path).found(volume.name.clone()));
        }
    }
}

/// What adding cannot close: policies add up, and the operator writes its own again.
fn open(document: &Document, namespace: &str, platform: &Platform, findings: &mut Vec<Finding>) {
    let loopback = platform.ray.dashboard_host == DashboardHost::Loopback;
    if !loopback || document.kind != Kind::RayCluster {
        let instead = if document.kind == Kind::RayCluster {
            "set rayClusters.dashboardHost: Loopback in the Platform to close it".to_owned()
        } else {
            format!("KubeRay needs it there to run a {}", document.kind.word())
        };
        let message = format!(
            "beside Open Data Hub's operator port {DASHBOARD_PORT} stays open to every pod of {namespace} and, by the operator's \
             own route, to everybody whom the gateway lets in, past the guard: {instead}"
        );
        findings.push(Finding::warning(message));
    }
    let message = format!(
        "beside Open Data Hub's operator port {CLIENT_PORT} stays open to every pod of {namespace}, past the guard: its policy \
         says so, and nothing but its certificates is in the way"
    );
    findings.push(Finding::warning(message));
    let message = format!(
        "beside Open Data Hub's operator its own sidecar stays open to everybody on {PORT}: with the right to ask that the guard \
         gives to its account, it lets in whoever may get Services in all namespaces, whatever they may do with this cluster"
    );
    findings.push(Finding::warning(message));
}

/// RayClusters whose objects have one name with the operator, which joins namespace and name with a dash: for each, by
/// namespace and name, the finding.
pub fn collisions(clusters: &[(String, String)]) -> Vec<((String, String), Finding)> {
    let mut by_join: BTreeMap<String, Vec<&(String, String)>> = BTreeMap::new();
    for cluster in clusters {
        by_join
            .entry(format!("{}-{}", cluster.0, cluster.1))
            .or_default()
            .push(cluster);
    }
    let mut found = Vec::new();
    for (join, same) in by_join.iter().filter(|(_, same)| same.len() > 1) {
        for cluster in same {
            let other = same.iter().find(|other| other != &cluster);
            let Some((namespace, name)) = other else { continue };
            let message = format!(
                "Open Data Hub's operator calls its route to this cluster {join}, and that to {namespace}/{name} as well: the \
                 two write over each other for ever; rename one"
            );
            let finding = Finding::error(message)
                .at("metadata.name")
                .found(cluster.1.clone());
            found.push(((*cluster).clone(), finding));
        }
    }
    found
}

/// What is said of an HTTPRoute of the user's that has the name of a RayCluster in its namespace.
pub fn deleted_route(name: &str) -> Finding {
    let message = "is the name of a RayCluster here: Open Data Hub's operator deletes every HTTPRoute of that name at each of its \
                   rounds; rename the route";
    Finding::error(message).at("metadata.name").found(name)
}
