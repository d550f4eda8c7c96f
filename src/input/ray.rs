//! `ray.io` RayCluster, and the RayClusters inside RayJob and RayService: the fields we need of them.
//!
//! Source of the shapes: ray-project/kuberay `ray-operator/apis/ray/v1/`. Takes the value as kubectl reads it; everything not
//! named here is the user's and never looked at.

pub mod lifetimes;

use std::collections::BTreeMap;

use serde_json::Value;

use lifetimes::{Deletion, Upgrade};

use super::place::{Place, Reader};
use super::pod::{self, EnvVar, Pod};
use crate::krm::results::Finding;

/// API group of Ray's kinds.
pub const GROUP: &str = "ray.io";
/// The versions that KubeRay's CRDs serve.
pub const VERSIONS: [&str; 2] = ["v1", "v1alpha1"];

/// The kinds that hold a Ray cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The cluster itself.
    RayCluster,
    /// A job that makes a cluster of its own.
    RayJob,
    /// An application that makes clusters of its own, one after the other.
    RayService,
}

/// The fields of a document with a Ray cluster in it that this crate reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Which kind.
    pub kind: Kind,
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`
    pub annotations: BTreeMap<String, String>,
    /// The cluster. None: a RayJob that runs on a cluster that is there (`clusterSelector`).
    pub cluster: Option<Cluster>,
    /// RayJob's `spec.submissionMode`; empty for its default, `K8sJobMode`.
    pub submission_mode: String,
    /// What else a RayJob's `spec` says; nothing for the other kinds.
    pub job: Job,
    /// A RayService's `upgradeStrategy`; none for the other kinds.
    pub upgrade: Option<Upgrade>,
}

/// Fields of a RayJob's `spec`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Job {
    /// `clusterSelector`
    pub selector: BTreeMap<String, String>,
    /// `suspend`
    pub suspend: bool,
    /// `shutdownAfterJobFinishes`
    pub shutdown: bool,
    /// `ttlSecondsAfterFinished`
    pub ttl: Option<i64>,
    /// `backoffLimit`
    pub backoff_limit: Option<i64>,
    /// Which of `submitterPodTemplate` and `submitterConfig` is there.
    pub submitter: Option<&'static str>,
    /// `deletionStrategy`
    pub deletion: Option<Deletion>,
}

/// A RayCluster's `spec`, wherever it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `rayVersion`
    pub ray_version: String,
    /// `suspend`
    pub suspend: bool,
    /// `managedBy`
    pub managed_by: String,
    /// `enableInTreeAutoscaling`
    pub autoscaling: bool,
    /// `autoscalerOptions.env`
    pub autoscaler_env: Vec<EnvVar>,
    /// `autoscalerOptions.version`
    pub autoscaler_version: String,
    /// `autoscalerOptions.idleTimeoutSeconds`
    pub autoscaler_idle: Option<i64>,
    /// `autoscalerOptions.volumeMounts`: name and path.
    pub autoscaler_mounts: Vec<(String, String)>,
    /// `authOptions`
    pub auth: Option<AuthOptions>,
    /// `tlsOptions.enabled`
    pub mutual_tls: Option<bool>,
    /// `upgradeStrategy`
    pub upgrade: Option<Upgrade>,
    /// `networkPolicy`
    pub network_policy: Option<NetworkPolicy>,
    /// `gcsFaultToleranceOptions`
    pub fault_tolerance: Option<FaultTolerance>,
    /// `headGroupSpec`
    pub head: Group,
    /// `headGroupSpec.enableIngress`
    pub enable_ingress: Option<bool>,
    /// `headGroupSpec.serviceType`
    pub service_type: String,
    /// `headGroupSpec.headService.metadata.name`
    pub head_service: String,
    /// `headGroupSpec.headService.spec.type`
    pub head_service_type: String,
    /// `workerGroupSpecs`; none where the field is not there.
    pub workers: Option<Vec<Group>>,
}

/// The head's group or a group of workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// `groupName`; the head has none.
    pub name: String,
    /// `replicas`
    pub replicas: Option<i64>,
    /// `minReplicas`
    pub min_replicas: Option<i64>,
    /// `maxReplicas`
    pub max_replicas: Option<i64>,
    /// `suspend`
    pub suspend: bool,
    /// `idleTimeoutSeconds`
    pub idle: Option<i64>,
    /// `priority`
    pub priority: Option<i64>,
    /// `rayStartParams`; none where the field is not there.
    pub start_params: Option<BTreeMap<String, String>>,
    /// Whether `resources` of the group itself says anything.
    pub resources: bool,
    /// `labels` of the group itself, which are Ray's.
    pub ray_labels: BTreeMap<String, String>,
    /// `template.metadata.labels`
    pub labels: BTreeMap<String, String>,
    /// `template.metadata.annotations`
    pub annotations: BTreeMap<String, String>,
    /// `template.spec.restartPolicy`
    pub restart_policy: String,
    /// `template.spec`
    pub pod: Pod,
}

/// `authOptions`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthOptions {
    /// `mode`: `token` or `disabled`; empty for none.
    pub mode: String,
    /// `secretName`
    pub secret_name: String,
    /// `enableK8sTokenAuth`
    pub kubernetes: bool,
}

/// `networkPolicy`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// `mode`: `DenyAll` (the default), `DenyAllIngress` or `DenyAllEgress`.
    pub mode: String,
    /// Whether `head.egressRules` lists anything.
    pub head_egress: bool,
    /// Every set of rules in it.
    pub rules: Vec<Rules>,
}

/// A set of rules in `networkPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Where it stands: `head`, `worker` or `workerGroups[0]`.
    pub place: String,
    /// `groupName`, in `workerGroups`.
    pub group: Option<String>,
    /// Whether `ingressRules` lists anything.
    pub ingress: bool,
    /// Whether `egressRules` lists anything.
    pub egress: bool,
}

/// `gcsFaultToleranceOptions`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultTolerance {
    /// `backend`: `redis` (the default) or `rocksdb`.
    pub backend: String,
    /// Which of its fields are there.
    pub fields: Vec<String>,
    /// Whether `storage.claimName` stands beside what would make a claim.
    pub two_claims: bool,
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RayCluster, Self::RayJob, Self::RayService];

    /// The kind's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RayCluster => "RayCluster",
            Self::RayJob => "RayJob",
            Self::RayService => "RayService",
        }
    }

    /// The kind's resource, in plural.
    pub fn plural(self) -> &'static str {
        match self {
            Self::RayCluster => "rayclusters",
            Self::RayJob => "rayjobs",
            Self::RayService => "rayservices",
        }
    }

    /// The keys that lead to the cluster.
    pub fn steps(self) -> &'static [&'static str] {
        match self {
            Self::RayCluster => &["spec"],
            Self::RayJob => &["spec", "rayClusterSpec"],
            Self::RayService => &["spec", "rayClusterConfig"],
        }
    }

    /// The kind of a name.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The path to a field of the cluster, for a finding.
    pub fn path(self, field: &str) -> String {
        format!("{}.{field}", self.steps().join("."))
    }
}

/// Reads a document of one of Ray's kinds.
///
/// # Errors
/// All fields of the wrong type, at once.
pub fn read(kind: Kind, value: &Value) -> Result<Document, Vec<Finding>> {
    let mut reader = Reader { findings: Vec::new() };
    let root = Place::root(value);
    let metadata = root.field("metadata");
    let cluster = kind
        .steps()
        .iter()
        .fold(Place::root(value), |place, key| place.field(key));
    for place in [&metadata, &root.field("spec"), &cluster] {
        reader.mapping(place);
    }
    let document = Document {
        kind,
        name: reader.text(&metadata.field("name")),
        namespace: reader.text(&metadata.field("namespace")),
        labels: reader.texts(&metadata.field("labels")),
        annotations: reader.texts(&metadata.field("annotations")),
        cluster: (!cluster.value.is_null()).then(|| read_cluster(&mut reader, &cluster)),
        submission_mode: match kind {
            Kind::RayJob => reader.text(&root.field("spec").field("submissionMode")),
            Kind::RayCluster | Kind::RayService => String::new(),
        },
        job: match kind {
            Kind::RayJob => job(&mut reader, &root.field("spec")),
            Kind::RayCluster | Kind::RayService => Job::default(),
        },
        upgrade: match kind {
            Kind::RayService => lifetimes::upgrade(&mut reader, &root.field("spec").field("upgradeStrategy")),
            Kind::RayCluster | Kind::RayJob => None,
        },
    };
    if reader.findings.is_empty() {
        Ok(document)
    } else {
        Err(reader.findings)
    }
}

fn job(reader: &mut Reader, spec: &Place<'_>) -> Job {
    let given = |name: &&str| !spec.field(name).value.is_null();
    Job {
        selector: reader.texts(&spec.field("clusterSelector")),
        suspend: reader.flag(&spec.field("suspend")).unwrap_or_default(),
        shutdown: reader
            .flag(&spec.field("shutdownAfterJobFinishes"))
            .unwrap_or_default(),
        ttl: spec.field("ttlSecondsAfterFinished").value.as_i64(),
        backoff_limit: spec.field("backoffLimit").value.as_i64(),
        submitter: ["submitterPodTemplate", "submitterConfig"]
            .into_iter()
            .find(given),
        deletion: lifetimes::deletion(reader, &spec.field("deletionStrategy")),
    }
}

fn read_cluster(reader: &mut Reader, place: &Place<'_>) -> Cluster {
    let head = place.field("headGroupSpec");
    let service = head.field("headService");
    let auth = place.field("authOptions");
    let policy = place.field("networkPolicy");
    for place in [&head, &auth, &policy, &place.field("autoscalerOptions")] {
        reader.mapping(place);
    }
    let workers = place.field("workerGroupSpecs");
    let options = place.field("autoscalerOptions");
    let mount = |reader: &mut Reader, place: &Place<'_>| {
        (
            reader.text(&place.field("name")),
            reader.text(&place.field("mountPath")),
        )
    };
    Cluster {
        ray_version: reader.text(&place.field("rayVersion")),
        suspend: reader.flag(&place.field("suspend")).unwrap_or_default(),
        managed_by: reader.text(&place.field("managedBy")),
        autoscaling: reader
            .flag(&place.field("enableInTreeAutoscaling"))
            .unwrap_or_default(),
        autoscaler_env: reader.list(&options.field("env"), pod::variable),
        autoscaler_version: reader.text(&options.field("version")),
        autoscaler_idle: options.field("idleTimeoutSeconds").value.as_i64(),
        autoscaler_mounts: reader.list(&options.field("volumeMounts"), mount),
        auth: auth.value.is_object().then(|| AuthOptions {
            mode: reader.text(&auth.field("mode")),
            secret_name: reader.text(&auth.field("secretName")),
            kubernetes: reader.flag(&auth.field("enableK8sTokenAuth")).unwrap_or_default(),
        }),
        mutual_tls: reader.flag(&place.field("tlsOptions").field("enabled")),
        upgrade: lifetimes::upgrade(reader, &place.field("upgradeStrategy")),
        network_policy: policy.value.is_object().then(|| NetworkPolicy {
            mode: reader.text(&policy.field("mode")),
            head_egress: lists(&policy.field("head").field("egressRules")),
            rules: all_rules(reader, &policy),
        }),
        fault_tolerance: fault_tolerance(reader, &place.field("gcsFaultToleranceOptions")),
        enable_ingress: reader.flag(&head.field("enableIngress")),
        service_type: reader.text(&head.field("serviceType")),
        head_service: reader.text(&service.field("metadata").field("name")),
        head_service_type: reader.text(&service.field("spec").field("type")),
        head: group(reader, &head),
        workers: (!workers.value.is_null()).then(|| reader.list(&workers, group)),
    }
}

/// Whether a list has anything in it.
fn lists(place: &Place<'_>) -> bool {
    place.value.as_array().is_some_and(|items| !items.is_empty())
}

fn all_rules(reader: &mut Reader, policy: &Place<'_>) -> Vec<Rules> {
    let rules = |place: &Place<'_>, at: String, group: Option<String>| Rules {
        place: at,
        group,
        ingress: lists(&place.field("ingressRules")),
        egress: lists(&place.field("egressRules")),
    };
    let mut all: Vec<Rules> = ["head", "worker"]
        .into_iter()
        .map(|name| rules(&policy.field(name), name.to_owned(), None))
        .collect();
    let groups = reader.list(&policy.field("workerGroups"), |reader, place| {
        let group = reader.text(&place.field("groupName"));
        rules(place, String::new(), Some(group))
    });
    all.extend(groups.into_iter().enumerate().map(|(index, rules)| Rules {
        place: format!("workerGroups[{index}]"),
        ..rules
    }));
    all
}

fn fault_tolerance(reader: &mut Reader, place: &Place<'_>) -> Option<FaultTolerance> {
    reader.mapping(place);
    let fields = place.value.as_object()?;
    let storage = place.field("storage");
    let given = |name: &str| !storage.field(name).value.is_null();
    Some(FaultTolerance {
        backend: reader.text(&place.field("backend")),
        fields: fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, _)| key.clone())
            .collect(),
        two_claims: given("claimName") && ["size", "storageClassName", "accessModes"].into_iter().any(given),
    })
}

fn group(reader: &mut Reader, place: &Place<'_>) -> Group {
    let template = place.field("template");
    for place in [&template, &template.field("metadata"), &template.field("spec")] {
        reader.mapping(place);
    }
    let params = place.field("rayStartParams");
    let count = |name: &str| place.field(name).value.as_i64();
    Group {
        name: reader.text(&place.field("groupName")),
        replicas: count("replicas"),
        min_replicas: count("minReplicas"),
        max_replicas: count("maxReplicas"),
        suspend: reader.flag(&place.field("suspend")).unwrap_or_default(),
        idle: count("idleTimeoutSeconds"),
        priority: count("priority"),
        start_params: (!params.value.is_null()).then(|| reader.texts(&params)),
        resources: place
            .field("resources")
            .value
            .as_object()
            .is_some_and(|resources| !resources.is_empty()),
        ray_labels: reader.texts(&place.field("labels")),
        labels: reader.texts(&template.field("metadata").field("labels")),
        annotations: reader.texts(&template.field("metadata").field("annotations")),
        restart_policy: reader.text(&template.field("spec").field("restartPolicy")),
        pod: pod::read(reader, &template.field("spec")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_is_read_wherever_it_stands() {
        let spec = json!({"rayVersion": "2.52.0", "headGroupSpec": {"rayStartParams": {"dashboard-port": "9265"},
            "template": {"spec": {"containers": [{"name": "ray-head"}]}}}});
        for (kind, document) in [
            (Kind::RayCluster, json!({"spec": spec})),
            (Kind::RayJob, json!({"spec": {"rayClusterSpec": spec}})),
            (Kind::RayService, json!({"spec": {"rayClusterConfig": spec}})),
        ] {
            let cluster = read(kind, &document).unwrap().cluster.unwrap();
            assert_eq!(cluster.ray_version, "2.52.0");
            assert_eq!(cluster.head.start_params.unwrap()["dashboard-port"], "9265");
            assert_eq!(cluster.head.pod.containers[0].name, "ray-head");
            assert_eq!(cluster.workers, None);
        }
    }

    #[test]
    fn wrong_types_are_all_named() {
        let document = json!({"metadata": {"name": 1}, "spec": {"rayVersion": 2.5, "headGroupSpec": {
            "rayStartParams": {"num-cpus": 0}, "enableIngress": "false"}}});
        let findings = read(Kind::RayCluster, &document).unwrap_err();
        let lines: Vec<String> = findings.iter().map(Finding::to_line).collect();
        for path in [
            "metadata.name",
            "spec.rayVersion",
            "spec.headGroupSpec.rayStartParams.num-cpus",
            "spec.headGroupSpec.enableIngress",
        ] {
            assert!(lines.iter().any(|line| line.contains(path)), "{path}: {lines:#?}");
        }
    }
}
