//! What is around a pod: namespaces with their labels, the gateways' pods, and the pods that run other people's code.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::labels::{self, Known, Selected};
use super::pod::Pod;
use super::workloads::may_be_named;
use super::world::World;
use crate::krm::object_id::ObjectId;
use crate::model::keys;

/// Where Envoy Gateway runs its proxies unless it is told to run them beside their Gateway (its documentation, "Deployment
/// Mode").
const ENVOY_GATEWAY_NAMESPACE: &str = "envoy-gateway-system";
/// Labels that Istio may put on a gateway's pods, with values of its own.
const ISTIO_LABELS: [&str; 4] = [
    "istio.io/gateway-name",
    "service.istio.io/canonical-name",
    "gateway.istio.io/managed",
    "istio.io/rev",
];
/// So many workloads that a peer means are named; more of them prove nothing more.
const MANY: usize = 8;
/// The name of a namespace that no manifest can have meant.
const ANY_NAMESPACE: &str = "\u{0}any";

/// Namespaces, gateways and pods.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Labels of the namespaces whose objects are there.
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    gateways: Vec<GatewayPods>,
    /// Pods that run other people's code, by namespace and label.
    users: BTreeMap<&'a str, Users>,
}

#[derive(Debug)]
struct GatewayPods {
    id: ObjectId,
    istio: BTreeMap<String, String>,
    envoy_gateway: BTreeMap<String, String>,
}

/// The user workloads of one namespace.
#[derive(Debug, Default)]
struct Users {
    all: Vec<UserPod>,
    by_label: BTreeMap<(String, String), Vec<usize>>,
    perhaps: BTreeSet<&'static str>,
    has_notebooks: bool,
}

#[derive(Debug)]
struct UserPod {
    workload: ObjectId,
    labels: BTreeMap<String, String>,
    perhaps: Vec<&'static str>,
}

// === impl Surroundings ===

impl<'a> Surroundings<'a> {
    /// Finds them. `gateways`: also those that are only named.
    pub fn new<'p>(
        world: &World<'a>,
        gateways: &BTreeSet<ObjectId>,
        users: impl Iterator<Item = &'p Pod<'a>>,
    ) -> Self
    where
        'a: 'p,
    {
        let mut found = Self {
            namespaces: BTreeMap::new(),
            gateways: gateways.iter().map(|id| GatewayPods::of(world, id)).collect(),
            users: BTreeMap::new(),
        };
        for namespace in world.all("", "Namespace") {
            let mut labels = super::read::labels(&namespace.value, "/metadata/labels");
            // The API server sets it whatever is written (KEP-2161).
            labels.insert(keys::NAMESPACE_NAME.to_owned(), namespace.id.name.clone());
            found.namespaces.insert(namespace.id.name.clone(), labels);
        }
        for pod in users {
            let here = found.users.entry(pod.namespace()).or_default();
            let at = here.all.len();
            for (key, value) in &pod.labels {
                here.by_label
                    .entry((key.clone(), value.clone()))
                    .or_default()
                    .push(at);
            }
            here.perhaps.extend(&pod.perhaps);
            here.has_notebooks |= pod.workload.kind == "Notebook";
            here.all.push(UserPod {
                workload: pod.workload.clone(),
                labels: pod.labels.clone(),
                perhaps: pod.perhaps.clone(),
            });
        }
        found
    }

    /// The gateways, known and named.
    pub fn gateways(&self) -> impl Iterator<Item = &ObjectId> {
        self.gateways.iter().map(|gateway| &gateway.id)
    }

    /// Whether a namespace is selected. Of one that is not in the manifests only its name is known.
    pub fn namespace_selected(&self, selector: &LabelSelector, namespace: &str) -> Selected {
        if let Some(labels) = self.namespaces.get(namespace) {
            return labels::selects(selector, Known::exactly(labels));
        }
        let name = BTreeMap::from([(keys::NAMESPACE_NAME.to_owned(), namespace.to_owned())]);
        labels::selects(selector, Known::at_least(&name))
    }

    /// Whether a namespace without any label of its own is selected: then every namespace can be.
    pub fn any_namespace_selected(&self, selector: &LabelSelector) -> bool {
        let name = BTreeMap::from([(keys::NAMESPACE_NAME.to_owned(), ANY_NAMESPACE.to_owned())]);
        labels::selects(selector, Known::exactly(&name)) == Selected::Yes
    }

    /// Whether some namespace could be selected whose name nothing gives: every namespace has a name.
    pub fn some_namespace_selected(&self, selector: &LabelSelector) -> bool {
        let name = BTreeMap::from([(keys::NAMESPACE_NAME.to_owned(), ANY_NAMESPACE.to_owned())]);
        labels::satisfiable(selector, &name)
    }

    /// Whether a gateway's pods are selected: Istio runs them beside the Gateway, Envoy Gateway in a namespace of its own.
    pub fn gateway_pods_selected(
        &self,
        gateway: &ObjectId,
        in_namespace: &dyn Fn(&str) -> Selected,
        namespaces: Option<&LabelSelector>,
        pods: &LabelSelector,
    ) -> Selected {
        let Some(known) = self.gateways.iter().find(|known| known.id == *gateway) else {
            return Selected::No;
        };
        let istio = Known {
            certain: &known.istio,
            perhaps: &ISTIO_LABELS,
            open: false,
        };
        let beside = in_namespace(&gateway.namespace);
        let envoy = labels::selects(pods, Known::exactly(&known.envoy_gateway));
        let named = labels::pinned(pods, keys::ENVOY_GATEWAY_NAME).is_some();
        let apart = match namespaces {
            // A selector that names this gateway's proxies means them, wherever they run.
            Some(selector) if named && labels::satisfiable(selector, &BTreeMap::new()) => Selected::Maybe,
            Some(_) => in_namespace(ENVOY_GATEWAY_NAMESPACE).min(Selected::Maybe),
            None => Selected::No,
        };
        labels::selects(pods, istio)
            .and(beside)
            .or(envoy.and(beside.max(apart)))
    }

    /// Whether a namespace has Notebooks, whose labels their owners write.
    pub fn has_notebooks(&self, namespace: &str) -> bool {
        let here = self.users.get(namespace);
        here.is_some_and(|users| users.has_notebooks)
    }

    /// Whether a namespace has workloads of other people's code.
    pub fn has_users(&self, namespace: &str) -> bool {
        self.users.contains_key(namespace)
    }

    /// The workloads of other people's code, beside the pod itself, whose pods a peer means. Where it asks for no label, one
    /// of each other namespace stands for all.
    pub fn users_selected(
        &self,
        pods: &LabelSelector,
        plain: bool,
        in_namespace: &dyn Fn(&str) -> Selected,
        except: &Pod<'_>,
    ) -> Vec<ObjectId> {
        let mut found = BTreeSet::new();
        let own = except.namespace();
        for (namespace, users) in &self.users {
            if found.len() > MANY {
                break;
            }
            if (plain && *namespace == own) || !in_namespace(namespace).possible() {
                continue;
            }
            let mut selected = users
                .selected(pods)
                .filter(|user| user.workload != except.workload)
                .map(|user| user.workload.clone());
            if plain {
                found.extend(selected.next());
            } else {
                found.extend(selected.take(MANY));
            }
        }
        found.into_iter().take(MANY).collect()
    }
}

// === impl GatewayPods ===

impl GatewayPods {
    fn of(world: &World<'_>, id: &ObjectId) -> Self {
        let mut istio = BTreeMap::from([(keys::GATEWAY_NAME.to_owned(), id.name.clone())]);
        let mut envoy_gateway = BTreeMap::from([
            (keys::ENVOY_GATEWAY_NAME.to_owned(), id.name.clone()),
            (keys::ENVOY_GATEWAY_NAMESPACE.to_owned(), id.namespace.clone()),
        ]);
        if let Some(object) = world.of_id(id) {
            let own = super::read::labels(&object.value, "/spec/infrastructure/labels");
            for labels in [&mut istio, &mut envoy_gateway] {
                labels.extend(own.clone());
            }
        }
        Self {
            id: id.clone(),
            istio,
            envoy_gateway,
        }
    }
}

// === impl Users ===

impl Users {
    fn selected<'s>(&'s self, pods: &'s LabelSelector) -> Box<dyn Iterator<Item = &'s UserPod> + 's> {
        let first = pods.match_labels.iter().flatten().next();
        let candidates: Box<dyn Iterator<Item = &UserPod>> = match first {
            Some((key, value)) if !self.perhaps.contains(key.as_str()) => {
                let at = self.by_label.get(&(key.clone(), value.clone()));
                Box::new(at.into_iter().flatten().filter_map(|at| self.all.get(*at)))
            }
            _ => Box::new(self.all.iter()),
        };
        // The cluster of a RayJob has a name that begins with the RayJob's.
        let cluster = labels::pinned(pods, keys::RAY_CLUSTER);
        let named = move |user: &UserPod| {
            cluster.as_ref().is_none_or(|names| {
                !user.perhaps.contains(&keys::RAY_CLUSTER)
                    || names.iter().any(|name| may_be_named(&user.workload, name))
            })
        };
        Box::new(candidates.filter(move |user| named(user)).filter(move |user| {
            let known = Known {
                certain: &user.labels,
                perhaps: &user.perhaps,
                open: false,
            };
            labels::selects(pods, known).possible()
        }))
    }
}
