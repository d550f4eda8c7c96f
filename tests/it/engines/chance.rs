//! Sets of objects by chance: kinds that the engines know and such that they do not, names that many share, waves, protection.
//! Always the same ones, for a run against a real server is not tried twice.

use gatewright::cluster::object::Object;
use serde_json::{Value, json};

use super::recorder::object;

/// API version, kind, whether it is in a Namespace, and what it needs beside its metadata.
fn kinds() -> Vec<(&'static str, &'static str, bool, Value)> {
    let notebook =
        json!({ "spec": { "template": { "spec": { "containers": [{ "name": "n", "image": "i" }] } } } });
    vec![
        ("v1", "ConfigMap", true, json!({})),
        (
            "v1",
            "Service",
            true,
            json!({ "spec": { "ports": [{ "port": 80 }] } }),
        ),
        ("v1", "ServiceAccount", true, json!({})),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            true,
            json!({ "spec": { "podSelector": {} } }),
        ),
        ("policy/v1", "PodDisruptionBudget", true, json!({ "spec": {} })),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            true,
            json!({ "rules": [] }),
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            false,
            json!({ "rules": [] }),
        ),
        (
            "scheduling.k8s.io/v1",
            "PriorityClass",
            false,
            json!({ "value": 1 }),
        ),
        (
            "networking.istio.io/v1alpha3",
            "EnvoyFilter",
            true,
            json!({ "spec": {} }),
        ),
        (
            "networking.istio.io/v1",
            "DestinationRule",
            true,
            json!({ "spec": { "host": "h" } }),
        ),
        (
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            true,
            json!({ "spec": {} }),
        ),
        ("kubeflow.org/v1", "Notebook", true, notebook),
    ]
}

/// Few, so that objects of different kinds share them.
const NAMES: [&str; 3] = ["chance-a", "chance-b", "chance-c"];
const WAVES: [&str; 6] = ["", "", "-7", "-1", "3", "12"];

/// As many sets as are asked for, each with much of the one before, in two namespaces; the last has these alone.
pub(crate) fn sets(count: usize, seed: u64, namespaces: [&str; 2]) -> Vec<Vec<Object>> {
    let mut chance = Chance(seed);
    let mut sets: Vec<Vec<Object>> = (1..count).map(|_| set(&mut chance, namespaces)).collect();
    sets.push(namespaces.map(|name| namespace(name, "0")).into());
    sets
}

fn set(chance: &mut Chance, namespaces: [&str; 2]) -> Vec<Object> {
    let mut objects = Vec::new();
    for name in namespaces {
        let revision = chance.below(2).to_string();
        objects.push(namespace(name, &revision));
    }
    for (api, kind, namespaced, more) in kinds() {
        let places: &[&str] = if namespaced { &namespaces } else { &[""] };
        for (place, name) in places.iter().flat_map(|place| NAMES.map(|name| (*place, name))) {
            let annotations = if api.starts_with("rbac") {
                // Argo CD writes these by `kubectl auth reconcile` first, which takes no annotation away: what is in the
                // cluster would not be what was in git.
                json!({ "argocd.argoproj.io/sync-wave": WAVES[2 + (kind.len() + place.len()) % 4] })
            } else {
                annotations(chance, kind)
            };
            if chance.below(2) == 0 {
                continue;
            }
            let mut value = json!({ "apiVersion": api, "kind": kind,
                "metadata": { "name": name, "annotations": annotations,
                    "labels": { "revision": chance.below(2).to_string() } } });
            if namespaced {
                value["metadata"]["namespace"] = json!(place);
            }
            for (field, part) in more.as_object().unwrap() {
                value[field] = part.clone();
            }
            objects.push(object(value));
        }
    }
    objects
}

/// A wave, mostly the same for a kind; protection from one tool, from the other or from both; a class.
fn annotations(chance: &mut Chance, kind: &str) -> Value {
    let mut annotations = json!({});
    let usual = WAVES[kind.len() % WAVES.len()];
    let wave = if chance.below(3) == 0 {
        WAVES[chance.below(WAVES.len())]
    } else {
        usual
    };
    if !wave.is_empty() {
        annotations["argocd.argoproj.io/sync-wave"] = json!(wave);
    }
    match chance.below(12) {
        0 => {
            annotations["argocd.argoproj.io/sync-options"] = json!("Validate=true, Prune=false");
            annotations["kustomize.toolkit.fluxcd.io/prune"] = json!("Disabled");
        }
        1 => annotations["argocd.argoproj.io/sync-options"] = json!("PruneLast=true"),
        2 => annotations["gatewright.dev/class"] = json!("enforce"),
        _ => {}
    }
    annotations
}

fn namespace(name: &str, revision: &str) -> Object {
    object(json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { "revision": revision } } }))
}

/// Numbers that look like chance (Knuth's MMIX).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
