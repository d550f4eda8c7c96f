//! kustomize's `openapi:` file: the lists that a strategic merge patch merges by key, where it would otherwise replace
//! them.
//!
//! A file under `openapi:` takes the place of everything that kustomize knows of built-in kinds, in the whole build. So
//! their lists are here too: with this file a Deployment merges as it does without.
//!
//! Sources: every list-map key of the Notebook CRD (kubeflow/kubeflow `notebook-controller/config/crd`) and of Ray's
//! (ray-project/kuberay `ray-operator/config/crd/bases`; `workerGroupSpecs` is replaced whole), and every patch
//! merge key of the Kubernetes API as kustomize has it built in (v1.21.2), but for `status` and for kinds that are never
//! stored. Of a pod, the CRD knows some lists that kustomize does not.

use serde_json::{Map, Value, json};

use crate::input::notebook;
use crate::input::ray::{GROUP, Kind, VERSIONS};

/// Lists of a pod spec: field, keys, definition of an element.
const POD_SPEC: [(&str, &[&str], Option<&str>); 9] = [
    ("containers", &["name"], Some("Container")),
    ("initContainers", &["name"], Some("Container")),
    ("ephemeralContainers", &["name"], Some("Container")),
    ("volumes", &["name"], Some("Volume")),
    ("imagePullSecrets", &["name"], None),
    ("hostAliases", &["ip"], None),
    (
        "topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
        None,
    ),
    ("resourceClaims", &["name"], None),
    ("schedulingGates", &["name"], None),
];
/// Lists of a container.
const CONTAINER: [(&str, &[&str], Option<&str>); 4] = [
    ("env", &["name"], None),
    ("ports", &["containerPort", "protocol"], None),
    ("volumeMounts", &["mountPath"], None),
    ("volumeDevices", &["devicePath"], None),
];

/// A group, its versions, and some of its kinds.
type Kinds<'a> = (&'a str, &'a [&'a str], &'a [&'a str]);

/// Built-in kinds with a pod template in `spec.template`.
const TEMPLATED: [Kinds<'_>; 3] = [
    ("", &["v1"], &["ReplicationController"]),
    (
        "apps",
        &["v1"],
        &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"],
    ),
    ("batch", &["v1"], &["Job"]),
];
/// Built-in kinds with no list that merges but those of their metadata.
const PLAIN: [Kinds<'_>; 20] = [
    (
        "",
        &["v1"],
        &[
            "Binding",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "ResourceQuota",
            "Secret",
        ],
    ),
    (
        "apiextensions.k8s.io",
        &["v1", "v1beta1"],
        &["CustomResourceDefinition"],
    ),
    ("apiregistration.k8s.io", &["v1", "v1beta1"], &["APIService"]),
    ("apps", &["v1"], &["ControllerRevision"]),
    ("autoscaling", &["v1"], &["HorizontalPodAutoscaler", "Scale"]),
    (
        "autoscaling",
        &["v2", "v2beta1", "v2beta2"],
        &["HorizontalPodAutoscaler"],
    ),
    (
        "certificates.k8s.io",
        &["v1", "v1beta1"],
        &["CertificateSigningRequest"],
    ),
    ("coordination.k8s.io", &["v1", "v1beta1"], &["Lease"]),
    ("discovery.k8s.io", &["v1", "v1beta1"], &["EndpointSlice"]),
    ("events.k8s.io", &["v1", "v1beta1"], &["Event"]),
    ("extensions", &["v1beta1"], &["Ingress"]),
    (
        "flowcontrol.apiserver.k8s.io",
        &["v1", "v1beta1"],
        &["FlowSchema", "PriorityLevelConfiguration"],
    ),
    ("networking.k8s.io", &["v1"], &["NetworkPolicy"]),
    (
        "networking.k8s.io",
        &["v1", "v1beta1"],
        &["Ingress", "IngressClass"],
    ),
    ("node.k8s.io", &["v1", "v1beta1"], &["RuntimeClass"]),
    ("policy", &["v1", "v1beta1"], &["PodDisruptionBudget"]),
    ("policy", &["v1beta1"], &["PodSecurityPolicy"]),
    (
        "rbac.authorization.k8s.io",
        &["v1", "v1beta1"],
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    ),
    ("scheduling.k8s.io", &["v1", "v1beta1"], &["PriorityClass"]),
    (
        "storage.k8s.io",
        &["v1", "v1beta1"],
        &[
            "CSIDriver",
            "CSIStorageCapacity",
            "StorageClass",
            "VolumeAttachment",
        ],
    ),
];

/// The file, as a value.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut define = |name: &str, kinds: &[Kinds<'_>], properties: Vec<(&str, Value)>| {
        let mut definition = object(properties);
        if !kinds.is_empty() {
            definition["x-kubernetes-group-version-kind"] = kinds.iter().flat_map(each_kind).collect();
        }
        definitions.insert(name.to_owned(), definition);
    };
    let metadata = || ("metadata", reference("ObjectMeta"));
    let pod_template = || ("template", reference("PodTemplate"));
    let claims = || ("resources", object(vec![("claims", merged(&["name"], None))]));
    let pod_spec = lists(&POD_SPEC).into_iter().chain([claims()]);
    let container = lists(&CONTAINER).into_iter().chain([claims()]);
    let claim_template = object(vec![("volumeClaimTemplate", object(vec![metadata()]))]);

    define(
        notebook::KIND,
        &[(notebook::GROUP, &notebook::VERSIONS, &[notebook::KIND])],
        vec![
            metadata(),
            within(&notebook::POD_SPEC.replace('.', "/"), reference("PodSpec")),
        ],
    );
    for kind in Kind::ALL {
        define(kind.word(), &[(GROUP, &VERSIONS, &[kind.word()])], of_ray(kind));
    }
    define("RayCluster.spec", &[], ray_cluster());
    define("PodSpec", &[], pod_spec.collect());
    define("Container", &[], container.collect());
    define("Volume", &[], vec![("ephemeral", claim_template)]);
    define(
        "ObjectMeta",
        &[],
        vec![("finalizers", set()), ("ownerReferences", merged(&["uid"], None))],
    );
    define(
        "PodTemplate",
        &[],
        vec![metadata(), ("spec", reference("PodSpec"))],
    );
    define(
        "Pod",
        &[("", &["v1"], &["Pod"])],
        vec![metadata(), ("spec", reference("PodSpec"))],
    );
    define(
        "PodTemplateObject",
        &[("", &["v1"], &["PodTemplate"])],
        vec![metadata(), pod_template()],
    );
    define(
        "Workload",
        &TEMPLATED,
        vec![metadata(), ("spec", object(vec![pod_template()]))],
    );
    let job = object(vec![metadata(), ("spec", object(vec![pod_template()]))]);
    define(
        "CronJob",
        &[("batch", &["v1", "v1beta1"], &["CronJob"])],
        vec![metadata(), ("spec", object(vec![("jobTemplate", job)]))],
    );
    define(
        "Service",
        &[("", &["v1"], &["Service"])],
        vec![
            metadata(),
            within("spec/ports", merged(&["port", "protocol"], None)),
        ],
    );
    define(
        "ServiceAccount",
        &[("", &["v1"], &["ServiceAccount"])],
        vec![metadata(), ("secrets", merged(&["name"], None))],
    );
    define(
        "WebhookConfiguration",
        &[(
            "admissionregistration.k8s.io",
            &["v1", "v1beta1"],
            &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        )],
        vec![metadata(), ("webhooks", merged(&["name"], None))],
    );
    define(
        "Node",
        &[("", &["v1"], &["Node"])],
        vec![metadata(), within("spec/podCIDRs", set())],
    );
    define(
        "CSINode",
        &[("storage.k8s.io", &["v1", "v1beta1"], &["CSINode"])],
        vec![metadata(), within("spec/drivers", merged(&["name"], None))],
    );
    define("PlainObject", &PLAIN, vec![metadata()]);
    json!({ "definitions": definitions })
}

/// A document of one of Ray's kinds.
fn of_ray(kind: Kind) -> Vec<(&'static str, Value)> {
    let metadata = ("metadata", reference("ObjectMeta"));
    let cluster = reference("RayCluster.spec");
    let ports = || within("spec/ports", merged(&["port", "protocol"], None));
    let spec = match kind {
        Kind::RayCluster => cluster,
        Kind::RayJob => object(vec![
            ("rayClusterSpec", cluster),
            ("submitterPodTemplate", reference("PodTemplate")),
        ]),
        Kind::RayService => object(vec![
            ("rayClusterConfig", cluster),
            (
                "serveService",
                object(vec![("metadata", reference("ObjectMeta")), ports()]),
            ),
        ]),
    };
    vec![metadata, ("spec", spec)]
}

/// A Ray cluster, wherever it stands.
fn ray_cluster() -> Vec<(&'static str, Value)> {
    let claims = || within("resources/claims", merged(&["name"], None));
    let service = object(vec![
        ("metadata", reference("ObjectMeta")),
        within("spec/ports", merged(&["port", "protocol"], None)),
    ]);
    let head = object(vec![
        ("headService", service),
        ("template", reference("PodTemplate")),
    ]);
    vec![
        ("headGroupSpec", head),
        ("autoscalerOptions", object(vec![claims()])),
        (
            "historyServerOptions",
            object(vec![("collectorOptions", object(vec![claims()]))]),
        ),
        within("networkPolicy/workerGroups", merged(&["groupName"], None)),
    ]
}

fn each_kind((group, versions, kinds): &Kinds<'_>) -> Vec<Value> {
    let of_version = |version: &&str| {
        kinds
            .iter()
            .map(|kind| json!({ "group": group, "version": version, "kind": kind }))
            .collect::<Vec<_>>()
    };
    versions.iter().flat_map(of_version).collect()
}

fn lists(lists: &[(&'static str, &[&str], Option<&str>)]) -> Vec<(&'static str, Value)> {
    lists
        .iter()
        .map(|(field, keys, element)| (*field, merged(keys, *element)))
        .collect()
}

fn object(properties: Vec<(&str, Value)>) -> Value {
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({ "type": "object", "properties": properties })
}

/// The first field of a path, with the rest of the path below it.
fn within(path: &str, schema: Value) -> (&str, Value) {
    match path.split_once('/') {
        None => (path, schema),
        Some((first, rest)) => (first, object(vec![within(rest, schema)])),
    }
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{definition}") })
}

/// A list whose elements merge by their keys.
fn merged(keys: &[&str], element: Option<&str>) -> Value {
    json!({
        "type": "array",
        "items": element.map_or_else(|| json!({ "type": "object" }), reference),
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": keys,
        "x-kubernetes-patch-merge-key": keys.first(),
        "x-kubernetes-patch-strategy": "merge"
    })
}

/// A list of texts that are merged, not replaced.
fn set() -> Value {
    json!({
        "type": "array",
        "items": { "type": "string" },
        "x-kubernetes-list-type": "set",
        "x-kubernetes-patch-strategy": "merge"
    })
}
