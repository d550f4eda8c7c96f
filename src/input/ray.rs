//! `ray.io` RayCluster, and the RayClusters inside RayJob and RayService: the fields we need of them.
//!
//! Source of the shapes: ray-project/kuberay `ray-operator/apis/ray/v1/`. Takes the value as kubectl reads it; everything not
//! named here is the user's and never looked at.

use std::collections::BTreeMap;

use serde_json::Value;

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
    /// `authOptions`
    pub auth: Option<AuthOptions>,
    /// `tlsOptions.enabled`
    pub mutual_tls: Option<bool>,
    /// `networkPolicy`
    pub network_policy: Option<NetworkPolicy>,
    /// Whether `gcsFaultToleranceOptions` is there.
    pub gcs_fault_tolerance: bool,
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
    /// `rayStartParams`; none where the field is not there.
    pub start_params: Option<BTreeMap<String, String>>,
    /// `template.metadata.labels`
    pub labels: BTreeMap<String, String>,
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
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RayCluster, Self::RayJob, Self::RayService];

    /// The kind's name.
    pub fn word(self) -> &'static str {
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
    };
    if reader.findings.is_empty() {
        Ok(document)
    } else {
        Err(reader.findings)
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
    Cluster {
        ray_version: reader.text(&place.field("rayVersion")),
        suspend: reader.flag(&place.field("suspend")).unwrap_or_default(),
        managed_by: reader.text(&place.field("managedBy")),
        autoscaling: reader
            .flag(&place.field("enableInTreeAutoscaling"))
            .unwrap_or_default(),
        autoscaler_env: reader.list(&place.field("autoscalerOptions").field("env"), pod::variable),
        auth: auth.value.is_object().then(|| AuthOptions {
            mode: reader.text(&auth.field("mode")),
            secret_name: reader.text(&auth.field("secretName")),
            kubernetes: reader.flag(&auth.field("enableK8sTokenAuth")).unwrap_or_default(),
        }),
        mutual_tls: reader.flag(&place.field("tlsOptions").field("enabled")),
        network_policy: policy.value.is_object().then(|| NetworkPolicy {
            mode: reader.text(&policy.field("mode")),
            head_egress: policy
                .field("head")
                .field("egressRules")
                .value
                .as_array()
                .is_some_and(|rules| !rules.is_empty()),
        }),
        gcs_fault_tolerance: !place.field("gcsFaultToleranceOptions").value.is_null(),
        enable_ingress: reader.flag(&head.field("enableIngress")),
        service_type: reader.text(&head.field("serviceType")),
        head_service: reader.text(&service.field("metadata").field("name")),
        head_service_type: reader.text(&service.field("spec").field("type")),
        head: group(reader, &head),
        workers: (!workers.value.is_null()).then(|| reader.list(&workers, group)),
    }
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
        start_params: (!params.value.is_null()).then(|| reader.texts(&params)),
        labels: reader.texts(&template.field("metadata").field("labels")),
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
