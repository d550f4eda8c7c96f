//! From a document with a Ray cluster in it to what is meant: whether it is guarded, and everything the guard must know.

use std::collections::BTreeMap;

use super::{CLIENT_PORT, CLIENT_PORT_PARAM, DASHBOARD_PORT, DASHBOARD_PORT_PARAM, RayCluster, Tokens, keys};
use crate::input::platform::{DashboardHost, Operator, RayGuard, RayTokens};
use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::{Finding, Severity};
use crate::krm::tree::push_key;
use crate::model::notebook::ServiceAccount;
use crate::model::platform::{Platform, Pods};
use crate::model::{pod, ray_checks, switch};

/// Whether a cluster is to be guarded; none where its switch cannot be read.
pub fn is_guarded(document: &Document, platform: &Platform, findings: &mut Vec<Finding>) -> Option<bool> {
    let before = findings.len();
    let said = switch::read(&document.annotations, keys::RAY_SECURE, findings);
    if findings.len() > before {
        return None;
    }
    switch::not_as_label(&document.labels, keys::RAY_SECURE, findings);
    switch::nearly(
        &document.annotations,
        &[keys::RAY_SECURE, keys::OWNER],
        &[],
        findings,
    );
    Some(said.unwrap_or(platform.ray.guard == RayGuard::All))
}

/// Whether a document calls for a guard, or could, as long as no Platform says which do.
pub fn may_be_guarded(document: &Document) -> bool {
    document.cluster.is_some()
        && document.annotations.get(keys::RAY_SECURE).map(String::as_str) != Some("false")
}

/// Checks a cluster that is to be guarded and gives what it means.
///
/// # Errors
/// Everything that keeps it from being guarded.
pub fn guarded(
    document: &Document,
    cluster: &Cluster,
    namespace: &str,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> Option<RayCluster> {
    let before = errors(findings);
    ray_checks::check(document, cluster, namespace, platform, findings);
    let kind = document.kind;
    let owner = switch::owner(&document.annotations, kind.word(), findings);
    // What is no port is refused above.
    let port = |param: &str, usual: u16| {
        let params = cluster.head.start_params.as_ref();
        let text = params.and_then(|params| params.get(param));
        text.and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let dashboard = port(DASHBOARD_PORT_PARAM, DASHBOARD_PORT);
    let client = port(CLIENT_PORT_PARAM, CLIENT_PORT);
    declared_ports(document, cluster, [dashboard, client], findings);
    if cluster.enable_ingress == Some(true) {
        let message = "would have KubeRay lead from outside to the dashboard, past the guard: it is written as false; people get \
                       the route that the Platform names";
        let finding = Finding::warning(message).at(kind.path("headGroupSpec.enableIngress"));
        findings.push(finding.found(true).propose(false));
    }
    let tokens = tokens(document, cluster, platform, findings);
    let mutual_tls = mutual_tls(document, cluster, platform, findings);
    let service_account = service_account(document, cluster, platform, findings);
    if errors(findings) > before {
        return None;
    }
    Some(RayCluster {
        kind,
        name: document.name.clone(),
        namespace: namespace.to_owned(),
        owner,
        service_account,
        dashboard,
        client,
        // KubeRay itself calls the dashboards of jobs and services.
        loopback: kind == Kind::RayCluster && platform.ray.dashboard_host == DashboardHost::Loopback,
        autoscaling: cluster.autoscaling,
        tokens,
        mutual_tls,
        submitters: kind == Kind::RayJob && ["", SUBMITTED_BY_PODS].contains(&&*document.submission_mode),
    })
}

/// RayJob's `submissionMode` in which KubeRay starts pods that submit the job, and the default.
const SUBMITTED_BY_PODS: &str = "K8sJobMode";

fn errors(findings: &[Finding]) -> usize {
    let errors = findings.iter();
    errors
        .filter(|finding| finding.severity == Severity::Error)
        .count()
}

/// KubeRay's Service leads to the ports that Ray's container declares, by their names; Ray listens where its settings say.
fn declared_ports(document: &Document, cluster: &Cluster, ports: [u16; 2], findings: &mut Vec<Finding>) {
    let Some(ray) = cluster.head.pod.containers.first() else {
        return;
    };
    let doors = ["dashboard", "client"].into_iter().zip(ports);
    for (name, listens) in doors {
        let declared = ray.ports.iter().enumerate().find(|(_, port)| port.name == name);
        if let Some((index, port)) = declared.filter(|(_, port)| port.number != listens) {
            let message = format!(
                "is where KubeRay's own Service leads for {name}, but Ray listens on {listens}: nobody answers there; write \
                 this port into rayStartParams as well, or declare {listens}"
            );
            let path = format!("headGroupSpec.template.spec.containers[0].ports[{index}].containerPort");
            let finding = Finding::warning(message).at(document.kind.path(&path));
            findings.push(finding.found(port.number).propose(listens));
        }
    }
}

/// What Ray's own tokens come to behind the guard, which deletes `Authorization` where it took a token from it
/// (kubernetes/apiserver `pkg/authentication/request/bearertoken/bearertoken.go`; ray-project/ray
/// `python/ray/_private/authentication/http_token_authentication.py`, `src/ray/rpc/authentication/`).
const TOKENS_BEHIND_THE_GUARD: &str = "the guard deletes the header Authorization of every request that it lets in by a token: \
     through it Ray's dashboard sees Ray's tokens in X-Ray-Authorization or in its own cookie alone, and the client port, where Ray \
     reads Authorization and nothing else, refuses everybody who has no client certificate (client.certificates). Turn Ray's tokens \
     off, for the guard asks everybody; or send Ray's token to the dashboard in X-Ray-Authorization";

/// What is said of the Platform's choice of Ray's tokens, where it is any cluster's.
pub fn tokens_behind_the_guard<'a>(
    platform: &Platform,
    mut clusters: impl Iterator<Item = &'a RayCluster>,
) -> Option<Finding> {
    let word = match platform.ray.tokens {
        RayTokens::Off => return None,
        RayTokens::Secret => "Secret",
        RayTokens::Kubernetes => "Kubernetes",
    };
    clusters.find(|cluster| cluster.tokens != Tokens::Off)?;
    let finding = Finding::warning(TOKENS_BEHIND_THE_GUARD).at("spec.rayClusters.rayTokens");
    Some(finding.found(word).propose("Off"))
}

/// Ray's own tokens: what the document says of them wins over the Platform.
fn tokens(
    document: &Document,
    cluster: &Cluster,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> Tokens {
    let secret = |own: Option<&str>| Tokens::Secret(own.unwrap_or(&document.name).to_owned());
    let of_platform = match platform.ray.tokens {
        RayTokens::Off => Tokens::Off,
        RayTokens::Secret => secret(platform.ray.token_secret.as_deref()),
        RayTokens::Kubernetes => Tokens::Kubernetes,
    };
    let Some(own) = &cluster.auth else {
        return of_platform;
    };
    let tokens = if own.mode != "token" {
        Tokens::Off
    } else if own.kubernetes {
        Tokens::Kubernetes
    } else {
        secret(Some(own.secret_name.as_str()).filter(|name| !name.is_empty()))
    };
    if tokens != Tokens::Off {
        findings.push(Finding::warning(TOKENS_BEHIND_THE_GUARD).at(document.kind.path("authOptions")));
    }
    if tokens != of_platform {
        let message = "says otherwise than the Platform's rayTokens, and wins: Ray's own tokens are as it is written here";
        findings.push(Finding::info(message).at(document.kind.path("authOptions")));
    }
    tokens
}

fn mutual_tls(
    document: &Document,
    cluster: &Cluster,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> bool {
    let of_platform = platform.ray.mutual_tls;
    let own = cluster.mutual_tls.unwrap_or(of_platform);
    if own != of_platform {
        let message = "says otherwise than the Platform's mutualTls, and wins";
        let finding = Finding::info(message).at(document.kind.path("tlsOptions.enabled"));
        findings.push(finding.found(own));
    }
    own
}

fn service_account(
    document: &Document,
    cluster: &Cluster,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> ServiceAccount {
    // Open Data Hub's operator gives the head one of its own, whatever stands here.
    if platform.ray.operator == Operator::OpenDataHub {
        return ServiceAccount::Ours;
    }
    let pod = &cluster.head.pod;
    let named = [
        ("serviceAccountName", &pod.service_account_name),
        ("serviceAccount", &pod.service_account),
    ];
    match named.into_iter().find(|(_, name)| !name.is_empty()) {
        None => ServiceAccount::Ours,
        Some((field, name)) => {
            let path = document
                .kind
                .path(&format!("headGroupSpec.template.spec.{field}"));
            pod::runs_as(&path, name, "Ray's", findings)
        }
    }
}

/// Labels by which somebody finds pods that are none of Ray's: on a node's template they would have it pass for one of these.
/// `others` are pods by labels, each with whose they are.
pub fn passes_for_others(
    document: &Document,
    cluster: &Cluster,
    namespace: &str,
    others: &[(&str, &Pods)],
    findings: &mut Vec<Finding>,
) {
    let head = ("headGroupSpec".to_owned(), &cluster.head.labels);
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, group)| (format!("workerGroupSpecs[{index}]"), &group.labels));
    for (group, labels) in std::iter::once(head).chain(workers) {
        let path = |key: &str| {
            let mut path = document.kind.path(&format!("{group}.template.metadata.labels"));
            push_key(&mut path, key);
            path
        };
        for (who, pods) in others {
            if let Some((key, value)) = pods.fits(namespace, labels) {
                let message = format!(
                    "makes the cluster's pods pass for some of {who}: policies let them in, and Services lead to them; change this \
                     label, or move the cluster to another namespace"
                );
                findings.push(Finding::error(message).at(path(key)).found(value));
            }
        }
        for key in [keys::NOTEBOOK_NAME, keys::RAY_SOURCE] {
            if let Some(value) = labels.get(key) {
                let message = "makes the cluster's pods pass for those of another document, by whose labels policies and \
                               Services find them; remove it";
                findings.push(Finding::error(message).at(path(key)).found(value.clone()));
            }
        }
    }
}

/// Labels by which KubeRay, policies and Services know a node, where a template says another thing than KubeRay will. Before
/// KubeRay 1.3 the template's stands, and the node escapes its policies or joins another cluster; since then KubeRay's does
/// (`ray-operator/controllers/ray/common/pod.go`, `labelPod`).
pub fn other_node(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let head = (
        "headGroupSpec".to_owned(),
        "head",
        HEAD_GROUP,
        &cluster.head.labels,
    );
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, group)| {
        let path = format!("workerGroupSpecs[{index}]");
        (path, "worker", group.name.as_str(), &group.labels)
    });
    for (path, node, group, labels) in std::iter::once(head).chain(workers) {
        // Names of the clusters of jobs and services are made up.
        let name = (document.kind == Kind::RayCluster).then_some(document.name.as_str());
        for (key, own) in [
            (keys::RAY_NODE_TYPE, Some(node)),
            (keys::RAY_CLUSTER, name),
            (keys::RAY_GROUP, Some(group)),
        ] {
            if let Some(value) = labels.get(key).filter(|value| Some(value.as_str()) != own) {
                let message = "is KubeRay's label, by which policies, Services and KubeRay itself know the node: before \
                               KubeRay 1.3 it stands, and the pod is outside the policies that close it, or inside another \
                               cluster; remove it";
                let mut at = document.kind.path(&format!("{path}.template.metadata.labels"));
                push_key(&mut at, key);
                findings.push(Finding::error(message).at(at).found(value.clone()));
            }
        }
    }
}

/// Labels of pods by which policies and Services find Ray's nodes and those who submit jobs: no other pod may have them.
pub fn node_label(labels: &BTreeMap<String, String>) -> Option<(&'static str, &str)> {
    let keys = [
        keys::RAY_CLUSTER,
        keys::RAY_NODE_TYPE,
        keys::RAY_SOURCE,
        keys::RAY_ORIGINATED_FROM,
    ];
    keys.into_iter()
        .find_map(|key| Some((key, labels.get(key)?.as_str())))
}

/// The Services that KubeRay makes in front of a head, where their names are known: those of jobs' clusters are made up
/// (ray-project/kuberay `ray-operator/controllers/ray/utils/util.go`).
pub fn head_services(document: &Document, cluster: &Cluster) -> Vec<String> {
    match document.kind {
        Kind::RayCluster if !cluster.head_service.is_empty() => vec![cluster.head_service.clone()],
        Kind::RayCluster | Kind::RayService => vec![format!("{}-head-svc", document.name)],
        Kind::RayJob => Vec::new(),
    }
}

/// The labels of a guarded cluster's pods, head first: KubeRay's, ours and the templates'
/// (`ray-operator/controllers/ray/common/pod.go`).
pub fn pod_labels(
    document: &Document,
    cluster: &Cluster,
    guarded: &RayCluster,
) -> Vec<BTreeMap<String, String>> {
    let head = ("head", HEAD_GROUP, &cluster.head.labels);
    let workers = cluster.workers.iter().flatten();
    let workers = workers.map(|group| ("worker", group.name.as_str(), &group.labels));
    let pods = std::iter::once(head).chain(workers).map(|(node, group, labels)| {
        let mut all = labels.clone();
        let mut of_kuberay = vec![
            (keys::RAY_NODE_TYPE, node),
            (keys::RAY_GROUP, group),
            ("ray.io/is-ray-node", "yes"),
            ("app.kubernetes.io/created-by", "kuberay-operator"),
        ];
        if document.kind == Kind::RayCluster {
            of_kuberay.push((keys::RAY_CLUSTER, &document.name));
        }
        all.entry("app.kubernetes.io/name".to_owned())
            .or_insert_with(|| "kuberay".to_owned());
        all.extend(guarded.node_labels());
        all.extend(
            of_kuberay
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        all
    });
    pods.collect()
}

/// The name that KubeRay gives the head's group.
const HEAD_GROUP: &str = "headgroup";
