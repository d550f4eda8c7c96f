//! kustomize's `configurations:` file: the fields that hold the name of another object, so that a `namePrefix`, a
//! `nameSuffix` or the hash of a generated ConfigMap goes along.
//!
//! kustomize itself knows these fields of built-in kinds alone. It follows a name within one namespace only, and never
//! into a text: the guard's configuration and a route's path stay as they are.
//!
//! Source of the shape: kubernetes-sigs/kustomize `api/internal/konfig/builtinpluginconsts/namereference.go`.

use serde::Serialize;
use serde_json::Value;

use crate::input::ray::{GROUP, Kind};
use crate::input::{api_server, auth, gateway, notebook};
use crate::model::keys;

/// The lists of containers in a pod spec; `*` in [`OF_PODS`] stands for each.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

const CORE: &str = "";
const GATEWAY_API: &str = "gateway.networking.k8s.io";
const CERT_MANAGER: &str = "cert-manager.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORKING: &str = "networking.k8s.io";

/// A field: group and kind of the object it is in, and its path.
type Field = (&'static str, &'static str, &'static str);

/// What a pod spec refers to by name: group, kind, fields. Not here: a claim's `dataSource`, which may name an object of
/// any kind.
const OF_PODS: [(&str, &str, &[&str]); 10] = [
    (
        CORE,
        "ConfigMap",
        &[
            "volumes/configMap/name",
            "volumes/projected/sources/configMap/name",
            "*/env/valueFrom/configMapKeyRef/name",
            "*/envFrom/configMapRef/name",
        ],
    ),
    (
        CORE,
        "Secret",
        &[
            "volumes/secret/secretName",
            "volumes/projected/sources/secret/name",
            "volumes/csi/nodePublishSecretRef/name",
            "volumes/azureFile/secretName",
            "volumes/cephfs/secretRef/name",
            "volumes/flexVolume/secretRef/name",
            "volumes/iscsi/secretRef/name",
            "volumes/rbd/secretRef/name",
            "volumes/scaleIO/secretRef/name",
            "volumes/storageos/secretRef/name",
            "*/env/valueFrom/secretKeyRef/name",
            "*/envFrom/secretRef/name",
            "imagePullSecrets/name",
        ],
    ),
    (CORE, "ServiceAccount", &["serviceAccountName", "serviceAccount"]),
    (
        CORE,
        "PersistentVolumeClaim",
        &["volumes/persistentVolumeClaim/claimName"],
    ),
    (
        CORE,
        "PersistentVolume",
        &["volumes/ephemeral/volumeClaimTemplate/spec/volumeName"],
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        &["volumes/ephemeral/volumeClaimTemplate/spec/storageClassName"],
    ),
    ("scheduling.k8s.io", "PriorityClass", &["priorityClassName"]),
    ("node.k8s.io", "RuntimeClass", &["runtimeClassName"]),
    (
        "resource.k8s.io",
        "ResourceClaim",
        &["resourceClaims/resourceClaimName"],
    ),
    (
        "resource.k8s.io",
        "ResourceClaimTemplate",
        &["resourceClaims/resourceClaimTemplateName"],
    ),
];

/// What a Ray cluster refers to by name outside of its pods: group, kind, fields below the cluster
/// (ray-project/kuberay `ray-operator/config/crd/bases`). The autoscaler's variables are a container's.
const OF_CLUSTERS: [(&str, &str, &[&str]); 4] = [
    (
        CORE,
        "ConfigMap",
        &[
            "autoscalerOptions/env/valueFrom/configMapKeyRef/name",
            "autoscalerOptions/envFrom/configMapRef/name",
            "gcsFaultToleranceOptions/redisPassword/valueFrom/configMapKeyRef/name",
            "gcsFaultToleranceOptions/redisUsername/valueFrom/configMapKeyRef/name",
            "historyServerOptions/collectorOptions/env/valueFrom/configMapKeyRef/name",
        ],
    ),
    (
        CORE,
        "Secret",
        &[
            "authOptions/secretName",
            "autoscalerOptions/env/valueFrom/secretKeyRef/name",
            "autoscalerOptions/envFrom/secretRef/name",
            "gcsFaultToleranceOptions/redisPassword/valueFrom/secretKeyRef/name",
            "gcsFaultToleranceOptions/redisUsername/valueFrom/secretKeyRef/name",
            "headGroupSpec/ingressOptions/tls/secretName",
            "historyServerOptions/collectorOptions/env/valueFrom/secretKeyRef/name",
        ],
    ),
    (
        CORE,
        "PersistentVolumeClaim",
        &["gcsFaultToleranceOptions/storage/claimName"],
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        &["gcsFaultToleranceOptions/storage/storageClassName"],
    ),
];

/// The pods of a Ray cluster, below the cluster.
const RAY_PODS: [&str; 2] = ["headGroupSpec/template/spec", "workerGroupSpecs/template/spec"];
/// The pods by which KubeRay submits a RayJob.
const SUBMITTER: &str = "spec/submitterPodTemplate/spec";

/// What objects around a Notebook or a Ray cluster refer to: group and kind of what is named, and the fields that name it.
/// Where a field has no `/name` at its end, kustomize looks for a namespace beside the name.
const OF_OBJECTS: [(&str, &str, &[Field]); 5] = [
    (
        CORE,
        "Service",
        &[
            (GATEWAY_API, "HTTPRoute", "spec/rules/backendRefs"),
            (GATEWAY_API, "GRPCRoute", "spec/rules/backendRefs"),
            (GATEWAY_API, "TLSRoute", "spec/rules/backendRefs"),
            ("route.openshift.io", "Route", "spec/to/name"),
            (GATEWAY_API, "ReferenceGrant", "spec/to/name"),
            (GATEWAY_API, "BackendTLSPolicy", "spec/targetRefs/name"),
            ("networking.istio.io", "DestinationRule", "spec/host"),
        ],
    ),
    (
        CORE,
        "Secret",
        &[
            (CERT_MANAGER, "Certificate", "spec/secretName"),
            (GATEWAY_API, "Gateway", "spec/listeners/tls/certificateRefs"),
            (auth::GROUP, auth::KIND, "spec/oidc/clientSecretName"),
            (auth::GROUP, gateway::GATEWAY, "spec/certificate/secretName"),
            (
                auth::GROUP,
                gateway::GATEWAY_CONFIG,
                "spec/oidc/clientSecretRef/name",
            ),
            (
                auth::GROUP,
                gateway::GATEWAY_CONFIG,
                "spec/certificate/secretName",
            ),
            (auth::GROUP, gateway::GATEWAY_CONFIG, "spec/providerCASecretName"),
        ],
    ),
    (
        CERT_MANAGER,
        "Issuer",
        &[(CERT_MANAGER, "Certificate", "spec/issuerRef/name")],
    ),
    (
        GATEWAY_API,
        "Gateway",
        &[
            (GATEWAY_API, "HTTPRoute", "spec/parentRefs"),
            (GATEWAY_API, "GRPCRoute", "spec/parentRefs"),
            (GATEWAY_API, "TLSRoute", "spec/parentRefs"),
        ],
    ),
    (
        api_server::GROUP,
        api_server::KIND,
        &[(RBAC, "Role", "rules/resourceNames")],
    ),
];

/// Kinds that are generated in a Notebook's namespace and carry its name as a label. Not here: what has no namespace, for
/// there kustomize cannot tell Notebooks of one name apart, and fails.
const LABELLED: [(&str, &str); 8] = [
    (CORE, "ServiceAccount"),
    (CORE, "ConfigMap"),
    (CORE, "Service"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    (NETWORKING, "NetworkPolicy"),
    (CERT_MANAGER, "Certificate"),
    (GATEWAY_API, "ReferenceGrant"),
];

/// The whole file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    name_reference: Vec<NameReference>,
}

/// A kind that is named, and who names it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NameReference {
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    field_specs: Vec<FieldSpec>,
}

/// A field that holds a name.
#[derive(Debug, Serialize)]
struct FieldSpec {
    path: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'static str,
}

// === impl NameReference ===

impl NameReference {
    fn new(group: &'static str, kind: &'static str, field_specs: Vec<FieldSpec>) -> Self {
        Self {
            kind,
            group,
            // The core group's name is empty, which kustomize takes for any.
            version: group.is_empty().then_some("v1"),
            field_specs,
        }
    }
}

/// The file, as a value.
pub fn configuration() -> Value {
    let mut references: Vec<NameReference> = OF_PODS
        .iter()
        .map(|(group, kind, fields)| {
            let paths: Vec<String> = fields.iter().flat_map(|field| each_container(field)).collect();
            let mut specs: Vec<FieldSpec> = paths.iter().map(|path| of_notebook(path)).collect();
            specs.extend(paths.iter().flat_map(|path| of_ray_pods(path)));
            NameReference::new(group, kind, specs)
        })
        .collect();
    for (group, kind, fields) in OF_CLUSTERS {
        let of_kinds = |kind: Kind| fields.iter().map(move |field| of_ray(kind, field));
        add(
            &mut references,
            group,
            kind,
            Kind::ALL.into_iter().flat_map(of_kinds).collect(),
        );
    }
    for (group, kind, fields) in OF_OBJECTS {
        let specs = fields.iter().map(|(group, kind, path)| spec(group, kind, *path));
        add(&mut references, group, kind, specs.collect());
    }
    if let Some(secret) = references.iter_mut().find(|known| known.kind == "Secret") {
        let annotation = keys::SERVING_CERTIFICATE.replace('/', "\\/");
        let path = format!("metadata/annotations/{annotation}");
        secret.field_specs.push(spec(CORE, "Service", path));
    }
    references.push(NameReference::new(
        notebook::GROUP,
        notebook::KIND,
        names_of_notebooks(),
    ));
    for kind in Kind::ALL {
        references.push(NameReference::new(GROUP, kind.word(), names_of_ray(kind)));
    }
    serde_json::to_value(Configuration {
        name_reference: references,
    })
    .unwrap_or_default()
}

/// More fields that hold names of a kind.
fn add(references: &mut Vec<NameReference>, group: &'static str, kind: &'static str, specs: Vec<FieldSpec>) {
    let known = references
        .iter_mut()
        .find(|known| (known.group, known.kind) == (group, kind));
    match known {
        Some(known) => known.field_specs.extend(specs),
        None => references.push(NameReference::new(group, kind, specs)),
    }
}

/// The fields that hold the name of a document with a Ray cluster in it: rights to it and, of a RayCluster, what selects its
/// nodes and the jobs that run on it; of a RayJob, what selects the pods that submit it. Not here: our label on the nodes of a RayJob or RayService, which holds its kind as well.
fn names_of_ray(kind: Kind) -> Vec<FieldSpec> {
    let mut specs = vec![spec(RBAC, "Role", "rules/resourceNames")];
    let escaped = |key: &str| key.replace('/', "\\/");
    if kind == Kind::RayJob {
        let label = escaped(keys::RAY_ORIGINATED_FROM);
        let path = format!("spec/ingress/from/podSelector/matchLabels/{label}");
        specs.push(spec(NETWORKING, "NetworkPolicy", path));
    }
    if kind != Kind::RayCluster {
        return specs;
    }
    let label = escaped(keys::RAY_CLUSTER);
    specs.push(spec(CORE, "Service", format!("spec/selector/{label}")));
    for selector in [
        "spec/podSelector",
        "spec/ingress/from/podSelector",
        "spec/egress/to/podSelector",
    ] {
        let path = format!("{selector}/matchLabels/{label}");
        specs.push(spec(NETWORKING, "NetworkPolicy", path));
    }
    let path = format!("spec/clusterSelector/{label}");
    specs.push(spec(GROUP, Kind::RayJob.word(), path));
    specs
}

/// The fields that hold a Notebook's name. The first is that of its main container, by which the controllers know it.
fn names_of_notebooks() -> Vec<FieldSpec> {
    let mut specs = vec![
        of_notebook("containers/name"),
        spec(RBAC, "Role", "rules/resourceNames"),
    ];
    for label in [keys::STATEFUL_SET, keys::NOTEBOOK_NAME] {
        specs.push(spec(CORE, "Service", format!("spec/selector/{label}")));
        let path = format!("spec/podSelector/matchLabels/{label}");
        specs.push(spec(NETWORKING, "NetworkPolicy", path));
    }
    let label = format!("metadata/labels/{}", keys::NOTEBOOK_NAME);
    specs.extend(
        LABELLED
            .iter()
            .map(|(group, kind)| spec(group, kind, label.as_str())),
    );
    specs
}

fn each_container(field: &str) -> Vec<String> {
    match field.strip_prefix('*') {
        None => vec![field.to_owned()],
        Some(rest) => CONTAINERS.iter().map(|list| format!("{list}{rest}")).collect(),
    }
}

fn of_notebook(path: &str) -> FieldSpec {
    let path = format!("{}/{path}", notebook::POD_SPEC.replace('.', "/"));
    spec(notebook::GROUP, notebook::KIND, path)
}

/// A field of a Ray cluster, in a document of a kind.
fn of_ray(kind: Kind, path: &str) -> FieldSpec {
    let cluster = kind.steps().join("/");
    spec(GROUP, kind.word(), format!("{cluster}/{path}"))
}

/// A field of a pod, in each pod of each of Ray's kinds.
fn of_ray_pods(path: &str) -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for kind in Kind::ALL {
        specs.extend(RAY_PODS.map(|pod| of_ray(kind, &format!("{pod}/{path}"))));
        if kind == Kind::RayJob {
            specs.push(spec(GROUP, kind.word(), format!("{SUBMITTER}/{path}")));
        }
    }
    specs
}

fn spec(group: &'static str, kind: &'static str, path: impl Into<String>) -> FieldSpec {
    FieldSpec {
        path: path.into(),
        kind,
        group,
    }
}
