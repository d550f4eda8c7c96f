//! Every case of Ray clusters and of KubeRay's API server that renders, judged: nothing but a guard leads to what is guarded, and
//! each thing that makes it so is missed when it is gone.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use gatewright::access::answer::{Access, Guard, Who, Workload};
use gatewright::cluster::manifests::Manifests;
use gatewright::krm::results::Severity;
use gatewright::verify::judgement::{Judgement, Rule};
use serde_json::{Value, json};

use crate::judged::{judgements, line, named, object};
use crate::program::gatewright;
use crate::worlds::framed;

/// What is left open, with the reason: the case, words of what is found, and why it is so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "ray-off-alone-without-platform",
        "RayCluster team/training",
        "nobody asked for a guard",
    ),
    (
        "ray-switched-off",
        "RayCluster team/training",
        "its switch says so",
    ),
    (
        "kuberay-api-server-off",
        "Deployment ray-system/kuberay-apiserver",
        "nobody asked for a guard",
    ),
    (
        "kuberay-api-server-without-platform",
        "Deployment ray-system/kuberay-apiserver",
        "nobody asked for a guard",
    ),
    (
        "kuberay-api-server-token",
        "listens on port 898",
        "the chart's proxy knows no TLS, of which render warns",
    ),
    (
        "ray-neighbours",
        "RayCluster team/training",
        "the user's own policies, Services and Ingress, of which render warns",
    ),
    (
        "kuberay-api-server-token-past-the-guard",
        "Deployment ray-system/kuberay-apiserver",
        "the user's own Services and routes, of which render warns",
    ),
    (
        "kuberay-api-server-token-past-the-guard",
        "is plain HTTP: cookies and tokens go over",
        "the user's own Ingress and Route",
    ),
];
/// What only the cluster's own nodes may reach: dashboard, client, GCS, the dashboard's agent.
const OF_RAY: [u16; 4] = [8265, 10001, 6379, 52365];
/// What nobody may reach but the guards: gRPC and HTTP of KubeRay's API server.
const OF_API_SERVER: [u16; 2] = [8887, 8888];

struct Case {
    name: String,
    objects: Vec<Value>,
    found: Vec<Judgement>,
}

/// The cases that render.
fn cases() -> &'static [Case] {
    static READ: OnceLock<Vec<Case>> = OnceLock::new();
    READ.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fn");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("ray") || name.starts_with("kuberay-api-server-"))
            .collect();
        names.sort();
        names.into_iter().filter_map(rendered).collect()
    })
}

fn rendered(name: String) -> Option<Case> {
    let path = format!("{}/fixtures/fn/{name}/input.yaml", env!("CARGO_MANIFEST_DIR"));
    let answer = gatewright(&["fn"], &std::fs::read(path).unwrap());
    if answer.code != 0 {
        return None;
    }
    let output = framed(&answer.stdout);
    let objects = Manifests::read(vec![(output.source, output.stream)]).objects;
    let objects: Vec<Value> = objects.into_iter().map(|object| object.value).collect();
    let found = judgements(&objects);
    Some(Case { name, objects, found })
}

fn access(objects: &[Value]) -> Access {
    let objects: Vec<_> = objects.iter().map(object).collect();
    gatewright::access::of(&objects)
}

/// Ray's nodes and KubeRay's API servers.
fn theirs(access: &Access) -> impl Iterator<Item = &Workload> {
    let is_theirs = |workload: &&Workload| workload.id.group == "ray.io" || workload.id.name.contains("api");
    access.workloads.iter().filter(is_theirs)
}

fn is_guarded(workload: &Workload) -> bool {
    !workload.guards.is_empty()
}

/// Those who are meant to reach Ray's ports themselves: the nodes of the cluster, KubeRay's operator, and who submits the job.
fn is_meant(who: &Who) -> bool {
    match who {
        Who::Itself => true,
        Who::Named(text) => text.contains("kuberay-operator") || text.contains("submit the job"),
        _ => false,
    }
}

/// Whoever reaches what is behind the guards without passing one.
fn around(objects: &[Value]) -> Vec<String> {
    let access = access(objects);
    let mut found = Vec::new();
    for workload in theirs(&access) {
        let own: &[u16] = if workload.id.group == "ray.io" {
            &OF_RAY
        } else {
            &OF_API_SERVER
        };
        let guards = workload.guards.iter();
        let mut behind: BTreeSet<u16> = guards.flat_map(|guard| guard.upstreams.iter().copied()).collect();
        behind.extend(own);
        let id = &workload.id;
        let subject = format!("{} {}/{}", id.kind, id.namespace, id.name);
        for path in &workload.paths {
            if path.guard.is_none() && path.stopped.is_empty() && behind.contains(&path.port) {
                found.push(format!("{} to port {} of {subject}", path.url, path.port));
            }
        }
        for caller in workload.callers.iter().filter(|caller| !is_meant(&caller.who)) {
            let open: Vec<&u16> = caller.ports.intersection(&behind).collect();
            if !open.is_empty() {
                found.push(format!("{:?} to {open:?} of {subject}", caller.who));
            }
        }
    }
    found
}

/// The place in the table of what is left open.
fn exception(case: &str, said: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|(name, words, _)| {
        // Every case with the token's proxy has its ports.
        (case == *name || case.starts_with(&format!("{name}-"))) && said.contains(words)
    })
}

#[test]
fn nothing_but_a_guard_leads_to_what_is_guarded() {
    let (mut used, mut wrong) = (BTreeSet::new(), Vec::new());
    for Case { name, objects, found } in cases() {
        let errors = found
            .iter()
            .filter(|judgement| judgement.rule.severity() == Severity::Error);
        for said in errors.map(line).chain(around(objects)) {
            match exception(name, &said) {
                Some(at) => {
                    used.insert(at);
                }
                None => wrong.push(format!("{name}: {said}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unused: Vec<_> = (0..EXCEPTIONS.len()).filter(|at| !used.contains(at)).collect();
    assert!(unused.is_empty(), "no longer left open: {unused:?}");
    let guarded = cases()
        .iter()
        .filter(|case| theirs(&access(&case.objects)).any(is_guarded));
    assert!(guarded.count() >= 30);
}

/// Whether somebody is found to reach a workload's ports, with the way.
fn is_open(found: &[Judgement], workload: &Workload) -> bool {
    found.iter().any(|judgement| {
        judgement.rule == Rule::OpenPort
            && judgement.rule.severity() == Severity::Error
            && !judgement.way.is_empty()
            && named(judgement).any(|id| *id == workload.id)
    })
}

/// Without policies everybody is in. Of a Ray cluster the policy that closes the namespace is not the only one that selects its
/// nodes: those that open select them, too, and close by that what they do not open.
#[test]
fn without_the_policies_everything_is_open() {
    let mut opened = 0;
    for Case { name, objects, .. } in cases() {
        let access = access(objects);
        let without = |is_gone: &dyn Fn(&str) -> bool| -> Vec<Judgement> {
            let stays = objects.iter().filter(|object| {
                let own = object["metadata"]["name"].as_str().unwrap_or_default();
                object["kind"] != "NetworkPolicy" || !is_gone(own)
            });
            judgements(&stays.cloned().collect::<Vec<_>>())
        };
        let closing = |policy: &str| policy.ends_with("-closed");
        for workload in theirs(&access).filter(|workload| is_guarded(workload)) {
            let id = &workload.id;
            assert!(is_open(&without(&|_| true), workload), "{name}: {id}");
            let alone = is_open(&without(&closing), workload);
            if name != "ray-neighbours" {
                assert_eq!(alone, id.group != "ray.io", "{name}: {id}");
            }
            opened += 1;
        }
    }
    assert!(opened >= 30, "{opened}");
}

/// Takes a container out of a workload's pods.
fn without_container(mut value: Value, name: &str) -> Value {
    fn walk(value: &mut Value, name: &str) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::Array(containers)) = fields.get_mut("containers") {
                    containers.retain(|container| container["name"] != name);
                }
                fields.values_mut().for_each(|value| walk(value, name));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| walk(value, name)),
            _ => {}
        }
    }
    walk(&mut value, name);
    value
}

fn with(objects: &[Value], workload: &Workload, change: impl Fn(Value) -> Value) -> Vec<Value> {
    let changed = objects.iter().map(|value| {
        let value = value.clone();
        if object(&value).id == workload.id {
            change(value)
        } else {
            value
        }
    });
    changed.collect()
}

/// Without a guard nothing answers where it stood, and nothing else is open for it: that is said, and where policies are gone,
/// too, that the port is open.
#[test]
fn a_guard_that_is_gone_is_missed() {
    let mut missed = 0;
    for Case { name, objects, found } in cases() {
        let access = access(objects);
        for workload in theirs(&access) {
            for Guard { container, .. } in &workload.guards {
                let without = with(objects, workload, |value| without_container(value, container));
                let said = judgements(&without).into_iter().filter(|judgement| {
                    judgement.rule.severity() < Severity::Info && !found.contains(judgement)
                });
                let said: Vec<Judgement> = said.collect();
                let id = &workload.id;
                // Where the code is nobody else's, nothing can be started on the port that is left open.
                assert!(
                    !said.is_empty() || id.group != "ray.io",
                    "{name}: {id} without {container}"
                );
                let open: Vec<Value> = without
                    .into_iter()
                    .filter(|value| value["kind"] != "NetworkPolicy")
                    .collect();
                assert!(is_open(&judgements(&open), workload), "{name}: {container}");
                missed += 1;
            }
        }
    }
    assert!(missed >= 60, "{missed}");
}

/// A route past the guard, to the Service that KubeRay makes.
#[test]
fn a_route_to_the_heads_own_service_is_found() {
    let mut routes = 0;
    for Case { name, objects, .. } in cases() {
        let access = access(objects);
        for head in access.workloads.iter().filter(|workload| workload.part == "head") {
            let Some(guard) = head
                .guards
                .iter()
                .find(|guard| guard.container.ends_with("-dashboard"))
            else {
                continue;
            };
            let port = guard.upstreams.first().unwrap();
            let id = &head.id;
            let value = objects.iter().find(|value| object(value).id == *id).unwrap();
            let own = value.pointer("/spec/headGroupSpec/headService/metadata/name");
            let service = own.and_then(Value::as_str);
            let service = service.map_or_else(|| format!("{}-head-svc", id.name), str::to_owned);
            let mut route = json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "around"},
                "spec": {
                    "parentRefs": [{"name": "data-science-gateway", "namespace": "openshift-ingress"}],
                    "rules": [{"backendRefs": [{"name": service, "port": port}]}],
                },
            });
            if !id.namespace.is_empty() {
                route["metadata"]["namespace"] = id.namespace.as_str().into();
            }
            let with = [objects.as_slice(), &[route]].concat();
            let found = judgements(&with);
            let is_found = found.iter().any(|judgement| {
                judgement.rule == Rule::UnguardedRoute
                    && judgement.rule.severity() == Severity::Error
                    && named(judgement).any(|id| id.name == "around")
                    && named(judgement).any(|other| other == id)
            });
            let said: Vec<String> = found.iter().map(line).collect();
            assert!(is_found, "{name}: {id}:\n{}", said.join("\n"));
            routes += 1;
        }
    }
    assert!(routes >= 25, "{routes}");
}
