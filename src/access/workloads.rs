//! The workloads, their pods, and the ports on which something answers in them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use super::answer::Guard;
use super::labels::{self, Selected};
use super::pod::{self, Pod};
use super::read;
use super::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::notebook::NOTEBOOK_PORT;
use crate::model::ray::{
    CLIENT_PORT, CLIENT_PORT_PARAM, DASHBOARD_HOST_PARAM, DASHBOARD_PORT, DASHBOARD_PORT_PARAM, METRICS_PORT,
};
use crate::model::{api_server, keys};

/// API group of Notebooks.
pub const KUBEFLOW: &str = "kubeflow.org";
/// API group of `RayCluster`s.
pub const RAY: &str = "ray.io";
/// What a Ray head answers on by default: dashboard and Jobs API, client, GCS, the dashboard's agent, Serve, metrics.
pub const RAY_HEAD_PORTS: [(&str, u16); 6] = [
    ("dashboard", DASHBOARD_PORT),
    ("client", CLIENT_PORT),
    ("gcs-server", 6379),
    ("dashboard-agent", 52365),
    ("serve", 8000),
    ("metrics", METRICS_PORT),
];
/// Settings of `rayStartParams` that move a port.
const RAY_START_PARAMS: [(&str, &str); 5] = [
    (DASHBOARD_PORT_PARAM, "dashboard"),
    (CLIENT_PORT_PARAM, "client"),
    ("port", "gcs-server"),
    ("dashboard-agent-listen-port", "dashboard-agent"),
    ("metrics-export-port", "metrics"),
];
/// What a Ray worker answers on by default: the agent, metrics, and the first of the ports of worker processes.
const RAY_WORKER_PORTS: [u16; 3] = [52365, METRICS_PORT, 10002];

/// Labels that Kubernetes' own controllers add to the pods they make, by the kind they make them for (`k8s.io/api/apps/v1`,
/// `k8s.io/api/batch/v1`).
fn added(kind: &str) -> &'static [&'static str] {
    match kind {
        "Deployment" | "ReplicaSet" => &["pod-template-hash"],
        "StatefulSet" => &[
            "apps.kubernetes.io/pod-index",
            "controller-revision-hash",
            "statefulset.kubernetes.io/pod-name",
        ],
        "DaemonSet" => &["controller-revision-hash", "pod-template-generation"],
        "Job" => &[
            "batch.kubernetes.io/controller-uid",
            "batch.kubernetes.io/job-completion-index",
            "batch.kubernetes.io/job-name",
            "controller-uid",
            "job-name",
        ],
        _ => &[],
    }
}

/// All pods, and which of them run other people's code.
#[derive(Debug, Default)]
pub struct Workloads<'a> {
    /// Every pod template.
    pub pods: Vec<Pod<'a>>,
    by_label: BTreeMap<(&'a str, String, String), Vec<usize>>,
    by_namespace: BTreeMap<&'a str, Vec<usize>>,
    /// Pods that may carry a label with any value, by namespace and key.
    perhaps: BTreeMap<(&'a str, &'static str), Vec<usize>>,
    by_owner: BTreeMap<(ObjectId, &'static str), Vec<usize>>,
}

// === impl Workloads ===

impl<'a> Workloads<'a> {
    /// Finds them.
    pub fn find(world: &World<'a>) -> Self {
        let mut found = Self::default();
        let mut sets: BTreeMap<(&str, &str), Vec<&'a Object>> = BTreeMap::new();
        for set in world.all("apps", "StatefulSet") {
            match owner(set, KUBEFLOW, "Notebook") {
                Some(name) if world.get(KUBEFLOW, "Notebook", &set.id.namespace, name).is_some() => {
                    sets.entry((set.id.namespace.as_str(), name))
                        .or_default()
                        .push(set);
                }
                // A Notebook that the manifests lack is one all the same.
                Some(name) => {
                    let id = ObjectId::new(&format!("{KUBEFLOW}/v1"), "Notebook", &set.id.namespace, name);
                    found.made_of(&id, set);
                }
                None => found.template(set, "/spec/template", "spec.template.spec"),
            }
        }
        for notebook in world.all(KUBEFLOW, "Notebook") {
            let key = (notebook.id.namespace.as_str(), notebook.id.name.as_str());
            match sets.get(&key) {
                // What runs is what the controller made of it.
                Some(made) => made.iter().for_each(|set| found.made_of(&notebook.id, set)),
                None => found.notebook(notebook),
            }
        }
        let live = live_ray_pods(world);
        for cluster in world.all(RAY, "RayCluster") {
            found.ray_cluster(cluster, "spec", Some(&cluster.id.name), &live);
        }
        for (kind, at) in [
            ("RayJob", "spec.rayClusterSpec"),
            ("RayService", "spec.rayClusterConfig"),
        ] {
            for cluster in world.all(RAY, kind) {
                found.ray_cluster(cluster, at, None, &live);
            }
        }
        for (group, kind) in [
            ("apps", "Deployment"),
            ("apps", "DaemonSet"),
            ("apps", "ReplicaSet"),
            ("batch", "Job"),
            ("", "ReplicationController"),
            ("apps.openshift.io", "DeploymentConfig"),
        ] {
            for object in world.all(group, kind) {
                found.template(object, "/spec/template", "spec.template.spec");
            }
        }
        for object in world.all("batch", "CronJob") {
            found.template(
                object,
                "/spec/jobTemplate/spec/template",
                "spec.jobTemplate.spec.template.spec",
            );
        }
        for object in world.all("", "Pod") {
            if !is_made_of_another(world, object) {
                found.template(object, "", "spec");
            }
        }
        found
    }

    /// Pods of a namespace that may carry a label.
    pub fn with_label(&self, namespace: &str, key: &str, value: &str) -> impl Iterator<Item = &Pod<'a>> {
        let certain = self.by_label.get(&(namespace, key.to_owned(), value.to_owned()));
        let certain = certain.into_iter().flatten();
        let perhaps = self.perhaps.get(&(namespace, key)).into_iter().flatten();
        let all: BTreeSet<usize> = certain.chain(perhaps).copied().collect();
        all.into_iter().filter_map(|at| self.pods.get(at))
    }

    /// Pods of a namespace.
    pub fn within(&self, namespace: &str) -> impl Iterator<Item = &Pod<'a>> {
        let here = self.by_namespace.get(namespace).into_iter().flatten();
        here.filter_map(|at| self.pods.get(*at))
    }

    /// The pods of each workload, in the order of ids.
    pub fn owners(&self) -> impl Iterator<Item = Vec<&Pod<'a>>> {
        let pods = |at: &Vec<usize>| at.iter().filter_map(|at| self.pods.get(*at)).collect();
        self.by_owner.values().map(pods)
    }

    fn add(&mut self, pod: Pod<'a>) {
        let at = self.pods.len();
        for (key, value) in &pod.labels {
            self.by_label
                .entry((pod.namespace(), key.clone(), value.clone()))
                .or_default()
                .push(at);
        }
        for key in pod.perhaps.iter().filter(|key| !pod.labels.contains_key(**key)) {
            self.perhaps.entry((pod.namespace(), key)).or_default().push(at);
        }
        self.by_namespace.entry(pod.namespace()).or_default().push(at);
        self.by_owner
            .entry((pod.workload.clone(), pod.part))
            .or_default()
            .push(at);
        self.pods.push(pod);
    }

    fn template(&mut self, object: &'a Object, at: &str, field: &str) {
        let Some(spec) = object.value.pointer(&format!("{at}/spec")) else {
            return;
        };
        self.add(Pod {
            workload: object.id.clone(),
            part: "",
            object,
            field: field.to_owned(),
            spec,
            labels: read::labels(&object.value, &format!("{at}/metadata/labels")),
            perhaps: added(&object.id.kind).to_vec(),
        });
    }

    fn made_of(&mut self, notebook: &ObjectId, set: &'a Object) {
        let Some(spec) = set.value.pointer("/spec/template/spec") else {
            return;
        };
        self.add(Pod {
            workload: notebook.clone(),
            part: "",
            object: set,
            field: "spec.template.spec".to_owned(),
            spec,
            labels: read::labels(&set.value, "/spec/template/metadata/labels"),
            perhaps: added(&set.id.kind).to_vec(),
        });
    }

    /// The notebook controller's labels, over which the Notebook's own go.
    fn notebook(&mut self, object: &'a Object) {
        let Some(spec) = object.value.pointer("/spec/template/spec") else {
            return;
        };
        let name = &object.id.name;
        let mut labels = BTreeMap::from([
            (keys::STATEFUL_SET.to_owned(), name.clone()),
            (keys::NOTEBOOK_NAME.to_owned(), name.clone()),
        ]);
        labels.extend(read::labels(&object.value, "/metadata/labels"));
        self.add(Pod {
            workload: object.id.clone(),
            part: "",
            object,
            field: "spec.template.spec".to_owned(),
            spec,
            perhaps: std::iter::once(keys::WORKBENCHES)
                .chain(added("StatefulSet").iter().copied())
                .filter(|key| !labels.contains_key(*key))
                .collect(),
            labels,
        });
    }

    fn ray_cluster(&mut self, object: &'a Object, at: &str, name: Option<&str>, live: &LiveRayPods<'a>) {
        let cluster = object.value.pointer(&format!("/{}", at.replace('.', "/")));
        let Some(cluster) = cluster else { return };
        let head = std::iter::once((String::from("headGroupSpec"), "head", "headgroup"));
        let groups = read::list(cluster, "/workerGroupSpecs").iter().enumerate();
        let groups = groups.map(|(index, group)| {
            let name = read::text(group, "/groupName").unwrap_or_default();
            (format!("workerGroupSpecs[{index}]"), "worker", name)
        });
        for (field, part, group) in head.chain(groups) {
            let pods = live.get(&(object.id.clone(), group.to_owned()));
            if let Some(pods) = pods {
                for pod in pods {
                    let Some(spec) = pod.value.get("spec") else {
                        continue;
                    };
                    self.add(Pod {
                        workload: object.id.clone(),
                        part,
                        object: pod,
                        field: "spec".to_owned(),
                        spec,
                        labels: read::labels(&pod.value, "/metadata/labels"),
                        perhaps: Vec::new(),
                    });
                }
                continue;
            }
            let pointer = format!("/{}/template", field.replace('[', "/").replace(']', ""));
            let Some(spec) = cluster.pointer(&format!("{pointer}/spec")) else {
                continue;
            };
            let mut labels = read::labels(cluster, &format!("{pointer}/metadata/labels"));
            let given = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            let mut by_operator = vec![
                given(keys::RAY_NODE_TYPE, part),
                given(keys::RAY_GROUP, group),
                given("ray.io/is-ray-node", "yes"),
                given("app.kubernetes.io/name", "kuberay"),
                given("app.kubernetes.io/created-by", "kuberay-operator"),
            ];
            let mut perhaps = Vec::new();
            match name {
                Some(name) => {
                    by_operator.push(given(keys::RAY_CLUSTER, name));
                    by_operator.push(given("ray.io/identifier", &format!("{name}-{part}")));
                }
                None => perhaps.extend([keys::RAY_CLUSTER, "ray.io/identifier"]),
            }
            // What the template says goes before what KubeRay would put there (ray-operator/controllers/ray/common/pod.go,
            // labelPod): a pod may pass for another cluster's, or for no node at all.
            for (key, value) in by_operator {
                labels.entry(key).or_insert(value);
            }
            perhaps.retain(|key| !labels.contains_key(*key));
            self.add(Pod {
                workload: object.id.clone(),
                part,
                object,
                field: format!("{at}.{field}.template.spec"),
                spec,
                labels,
                perhaps,
            });
        }
    }
}

type LiveRayPods<'a> = BTreeMap<(ObjectId, String), Vec<&'a Object>>;

/// Pods that KubeRay has made, by their cluster and group.
fn live_ray_pods<'a>(world: &World<'a>) -> LiveRayPods<'a> {
    let mut found: LiveRayPods<'a> = BTreeMap::new();
    for pod in world.all("", "Pod") {
        let Some(name) = owner(pod, RAY, "RayCluster") else {
            continue;
        };
        let Some(cluster) = world.get(RAY, "RayCluster", &pod.id.namespace, name) else {
            continue;
        };
        let labels = read::labels(&pod.value, "/metadata/labels");
        let group = labels.get(keys::RAY_GROUP).cloned().unwrap_or_default();
        found.entry((cluster.id.clone(), group)).or_default().push(pod);
    }
    found
}

/// The name of the object of a kind that made this one: its controller, for anybody may own anything.
fn owner<'a>(object: &'a Object, group: &str, kind: &str) -> Option<&'a str> {
    let owners = read::list(&object.value, "/metadata/ownerReferences");
    let owner = owners.iter().find(|owner| {
        let version = read::text(owner, "/apiVersion").unwrap_or_default();
        let of_group = version.split_once('/').map_or("", |(group, _)| group) == group;
        let controls = owner.get("controller").and_then(Value::as_bool) == Some(true);
        of_group && controls && read::text(owner, "/kind") == Some(kind)
    })?;
    read::text(owner, "/name")
}

/// Whether what made a pod is there to be judged in its stead.
fn is_made_of_another(world: &World<'_>, pod: &Object) -> bool {
    const MAKERS: [(&str, &str); 5] = [
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("batch", "Job"),
        (RAY, "RayCluster"),
    ];
    MAKERS.iter().any(|(group, kind)| {
        owner(pod, group, kind).is_some_and(|name| world.get(group, kind, &pod.id.namespace, name).is_some())
    })
}

/// Whether a workload runs other people's code by its kind.
pub fn runs_user_code(id: &ObjectId) -> bool {
    (id.group == KUBEFLOW && id.kind == "Notebook") || id.group == RAY
}

/// Whether a pod is KubeRay's API server, which makes workloads that run other people's code for whoever reaches it.
pub fn is_api_server(pod: &Pod<'_>) -> bool {
    let labels = pod.labels.iter();
    let labels = labels
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let images = pod
        .containers()
        .filter_map(|(_, container)| read::text(container, "/image"));
    api_server::is_api_server(&labels, images.collect::<Vec<_>>())
}

/// Whether a pod must be guarded.
pub fn needs_a_guard(pod: &Pod<'_>) -> bool {
    runs_user_code(&pod.workload) || is_api_server(pod)
}

/// The ports on which something is taken to answer in a pod: what its containers declare, and what its kind opens.
pub fn answering(pod: &Pod<'_>) -> BTreeSet<u16> {
    let containers = pod.containers();
    let mut ports: BTreeSet<u16> = containers
        .flat_map(|(_, container)| {
            pod::declared(container)
                .filter_map(pod::number)
                .collect::<Vec<_>>()
        })
        .collect();
    if is_api_server(pod) {
        ports.extend(api_server::Door::ALL.map(api_server::Door::usual));
    }
    if pod.workload.group == KUBEFLOW {
        ports.insert(NOTEBOOK_PORT);
        ports.extend(pod.containers().flat_map(|(_, container)| moved(container)));
    }
    if let Some(Value::Object(params)) = ray_start_params(pod) {
        let given = params.iter().filter(|(name, _)| name.ends_with("port"));
        ports.extend(given.filter_map(|(_, port)| port.as_str()?.parse::<u16>().ok()));
    }
    match pod.part {
        "head" => {
            ports.extend(ray_head(pod));
            if let Some(dashboard) = on_loopback(pod) {
                ports.remove(&dashboard);
            }
        }
        "worker" => ports.extend(RAY_WORKER_PORTS),
        _ => {}
    }
    ports
}

/// The resource of a kind of Ray's that holds a cluster (`ray-operator/apis/ray/v1`).
pub fn ray_resource(kind: &str) -> Option<&'static str> {
    match kind {
        "RayCluster" => Some("rayclusters"),
        "RayJob" => Some("rayjobs"),
        "RayService" => Some("rayservices"),
        _ => None,
    }
}

/// What Ray's own processes listen on in a head, on whatever address.
pub fn ray_head(pod: &Pod<'_>) -> BTreeSet<u16> {
    let ports = RAY_HEAD_PORTS.iter();
    ports
        .map(|(name, default)| ray_port(pod, name).unwrap_or(*default))
        .collect()
}

/// Where `rayStartParams` move a port to.
fn ray_port(pod: &Pod<'_>, name: &str) -> Option<u16> {
    let (key, _) = RAY_START_PARAMS.iter().find(|(_, moves)| *moves == name)?;
    let value = ray_start_params(pod)?.get(key)?;
    let number = || value.as_u64().and_then(|port| u16::try_from(port).ok());
    value.as_str().and_then(|port| port.parse().ok()).or_else(number)
}

/// The dashboard's port, where it answers on the pod's own loopback alone.
fn on_loopback(pod: &Pod<'_>) -> Option<u16> {
    let host = ray_start_params(pod)?.get(DASHBOARD_HOST_PARAM)?.as_str()?;
    let alone = (host.starts_with("127.") || host == "localhost") && !own_command(pod);
    alone.then(|| ray_port(pod, RAY_HEAD_PORTS[0].0).unwrap_or(RAY_HEAD_PORTS[0].1))
}

/// Ports that are the workload's own, whatever a proxy beside it says: what its kind opens, what guards forward to, and what its
/// first container declares.
pub fn claimed(pod: &Pod<'_>, guards: &[Guard]) -> BTreeSet<u16> {
    let mut ports: BTreeSet<u16> = guards
        .iter()
        .flat_map(|guard| guard.upstreams.iter().copied())
        .collect();
    if pod.workload.group == KUBEFLOW {
        ports.insert(NOTEBOOK_PORT);
    }
    if pod.part == "head" {
        ports.extend(RAY_HEAD_PORTS.iter().map(|(_, port)| *port));
    }
    let first = pod.containers().next().filter(|(_, first)| {
        let name = read::text(first, "/name");
        guards.iter().all(|guard| Some(guard.container.as_str()) != name)
    });
    ports.extend(
        first
            .iter()
            .flat_map(|(_, container)| pod::declared(container))
            .filter_map(pod::number),
    );
    ports
}

/// Ports that a container's arguments move its server to: `--ServerApp.port=9999` and the like, in `NOTEBOOK_ARGS` too.
fn moved(container: &Value) -> BTreeSet<u16> {
    let arguments = ["command", "args"]
        .into_iter()
        .flat_map(|list| read::list(container, &format!("/{list}")));
    let arguments = arguments.filter_map(Value::as_str);
    let environment = read::list(container, "/env").iter();
    let environment = environment
        .filter(|variable| read::text(variable, "/name") == Some("NOTEBOOK_ARGS"))
        .filter_map(|variable| read::text(variable, "/value"));
    arguments
        .chain(environment)
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.split_once("port="))
        .filter(|(flag, _)| flag.starts_with("--") && (flag.ends_with('.') || *flag == "--"))
        .filter_map(|(_, port)| port.parse().ok())
        .collect()
}

/// Whether the container says itself how Ray starts, so that `rayStartParams` say nothing
/// (ray-operator/controllers/ray/utils/constant.go, `RayOverwriteContainerCmdAnnotationKey`).
fn own_command(pod: &Pod<'_>) -> bool {
    let at = "/metadata/annotations/ray.io~1overwrite-container-cmd";
    read::text(&pod.object.value, at) == Some("true")
}

/// Whether KubeRay may make up this name for the cluster of a RayJob or RayService: its own name, and letters behind it
/// (ray-operator/controllers/ray/utils/util.go, `GenerateRayClusterName`).
pub fn may_be_named(workload: &ObjectId, cluster: &str) -> bool {
    let rest = cluster.strip_prefix(workload.name.as_str());
    rest.is_some_and(|rest| rest.starts_with('-'))
}

/// Whether a selector means a pod. A RayJob's cluster has a name that KubeRay makes up, but not any name.
pub fn selected(selector: &LabelSelector, pod: &Pod<'_>) -> Selected {
    let made_up = !pod.labels.contains_key(keys::RAY_CLUSTER) && pod.perhaps.contains(&keys::RAY_CLUSTER);
    let names = labels::pinned(selector, keys::RAY_CLUSTER).filter(|_| made_up);
    if names.is_some_and(|names| !names.iter().any(|name| may_be_named(&pod.workload, name))) {
        return Selected::No;
    }
    labels::selects(selector, pod.known())
}

fn ray_start_params<'a>(pod: &Pod<'a>) -> Option<&'a Value> {
    let path = pod.field.strip_suffix(".template.spec")?.replace('.', "/");
    pod.object.value.pointer(&format!("/{path}/rayStartParams"))
}
