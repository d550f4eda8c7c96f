//! The same of Ray clusters: what stands around each form of them is correct, one thing in it is broken, and each is found; and no
//! way but the guards' leads to the dashboard or the client port.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use gatewright::access::answer::{Access, Who, Workload};
use gatewright::cluster::object::Object;
use gatewright::krm::results::Severity::{self, Error, Info, Warning};
use gatewright::model::keys;
use gatewright::model::ray::Door;
use gatewright::order::{Tool, windows};
use gatewright::verify::judgement::{Judgement, Rule::*};
use serde_json::Value;

use super::edit::Change::{self, Add, Cut, Drop, Push, Replace, Set};
use super::edit::Manifests;
use super::operators::{Harmless, Operator};
use super::{is_expected, new_judgements};
use crate::judged::{faults, judgements, line, object};
use crate::program::{Folder, gatewright};
use crate::recorded::difference;

/// The example with the gateway in front of all of them: its files but for Ray's own.
const GATEWAY: [&str; 6] = [
    "platform",
    "namespaces",
    "auth",
    "gatewayconfig",
    "churn",
    "scratch",
];
/// Forms of Ray clusters.
const FORMS: &[Shape] = &[
    shape("plain"),
    Shape {
        start_params: "{dashboard-port: '9265', ray-client-server-port: '20001'}",
        ports: [9265, 20001],
        ..shape("ports")
    },
    Shape {
        cluster: "enableInTreeAutoscaling: true",
        ..shape("autoscaler")
    },
    Shape {
        kind: "RayJob",
        around: "entrypoint: python prep.py",
        at: "rayClusterSpec",
        ..shape("rayjob")
    },
    Shape {
        kind: "RayService",
        around: "serveConfigV2: 'applications: []'",
        at: "rayClusterConfig",
        ..shape("rayservice")
    },
    Shape {
        client: "TLSRoute",
        ..shape("tlsroute")
    },
];

/// The listener for the client's GRPCRoute.
const LISTENER: &str = "{name: ray-client, hostname: '*.ray.example.com', port: 8445, protocol: HTTPS, \
     tls: {mode: Terminate, certificateRefs: [{name: default-gateway-tls}]}, \
     allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: opendatahub}}}}}";

/// What a Ray cluster says.
struct Shape {
    name: &'static str,
    kind: &'static str,
    /// Fields beside the cluster's, and where that stands; empty: the document is the cluster's.
    around: &'static str,
    at: &'static str,
    cluster: &'static str,
    start_params: &'static str,
    ports: [u16; 2],
    /// The route to the client port.
    client: &'static str,
}

const fn shape(name: &'static str) -> Shape {
    Shape {
        name,
        kind: "RayCluster",
        around: "",
        at: "",
        cluster: "",
        start_params: "{}",
        ports: [8265, 10001],
        client: "",
    }
}

// === impl Shape ===

impl Shape {
    fn document(&self) -> String {
        let [dashboard, client] = self.ports;
        let (cluster, start_params) = (self.cluster, self.start_params);
        let cluster = format!(
            "rayVersion: 2.52.0
{cluster}
headGroupSpec:
  rayStartParams: {start_params}
  template:
    spec:
      containers:
      - name: ray-head
        image: rayproject/ray:2.52.0
        ports:
        - {{containerPort: {dashboard}, name: dashboard}}
        - {{containerPort: {client}, name: client}}
        - {{containerPort: 6379, name: gcs}}
workerGroupSpecs:
- groupName: small
  minReplicas: 1
  maxReplicas: 4
  rayStartParams: {{}}
  template:
    spec:
      containers:
      - name: ray-worker
        image: rayproject/ray:2.52.0
"
        );
        let (around, indent) = match self.at {
            "" => (String::new(), "  "),
            at => (format!("  {}\n  {at}:\n", self.around), "    "),
        };
        let cluster: String = cluster.lines().map(|line| format!("{indent}{line}\n")).collect();
        format!(
            "---\napiVersion: ray.io/v1\nkind: {}\nmetadata:\n  name: prep\n  namespace: sales-analytics\n  annotations:\n    \
             opendatahub.io/username: dana@example.com\nspec:\n{around}{cluster}",
            self.kind
        )
    }

    fn rendered(&self) -> Vec<Value> {
        let mut input = String::new();
        for name in GATEWAY {
            let file = format!(
                "{}/examples/platform/kubernetes-istio/{name}.yaml",
                env!("CARGO_MANIFEST_DIR")
            );
            let mut text = std::fs::read_to_string(file).unwrap();
            if name == "platform" {
                let (own, _) = text.split_once("  kubeRayApiServer:").unwrap();
                let client = match self.client {
                    "" => String::new(),
                    route => format!(", client: {{route: {route}, domain: ray.example.com}}"),
                };
                text = format!("{own}  rayClusters: {{readers: {{groups: ['oidc:auditors']}}{client}}}\n");
                if self.client == "TLSRoute" {
                    text = text.replace("gatewayApi: \"1.4\"", "gatewayApi: \"1.5\"");
                }
            }
            input.push_str("---\n");
            input.push_str(&text);
        }
        input.push_str(&self.document());
        let answer = gatewright(&["fn"], input.as_bytes());
        assert_eq!(answer.code, 0, "{}: {}", self.name, answer.stderr);
        difference::objects(self.name, &answer.stdout)
    }
}

/// A form, and what is found in it.
struct Form {
    name: &'static str,
    manifests: Manifests,
    found: Vec<Judgement>,
}

fn read(path: &str) -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    difference::objects(path, &std::fs::read_to_string(file).unwrap())
}

fn forms() -> &'static [Form] {
    static READ: OnceLock<Vec<Form>> = OnceLock::new();
    READ.get_or_init(|| {
        let rendered = FORMS.iter().map(|shape| (shape.name, shape.rendered()));
        // Neither can be rendered behind this gateway, which takes the headers of Ray's clients off, and is none of OpenShift's.
        let gateway = FORMS[0].rendered();
        let written = ["grpcroute", "routes"].map(|name| {
            let gateway = gateway.iter().filter(|value| !is_rays(value)).cloned();
            let own = read(&format!("fixtures/ray-verify/{name}.yaml"));
            let mut manifests = Manifests {
                objects: gateway.chain(own).collect(),
                gateway_namespace: "ai-gateway",
                gateway: "data-science-gateway",
            };
            if name == "grpcroute" {
                let push = Push("Gateway data-science-gateway", "/spec/listeners", LISTENER);
                manifests = manifests.changed(&[push]).unwrap();
            }
            (name, manifests.objects)
        });
        let all = rendered.chain(written);
        all.map(|(name, objects)| {
            let found = judgements(&objects);
            let manifests = Manifests {
                objects,
                gateway_namespace: "ai-gateway",
                gateway: "data-science-gateway",
            };
            Form {
                name,
                manifests,
                found,
            }
        })
        .collect()
    })
}

/// Whether it is one of Ray's own documents, or made for one.
fn is_rays(value: &Value) -> bool {
    let source = value["metadata"]["annotations"]["gatewright.dev/source"].as_str();
    let version = value["apiVersion"].as_str();
    [source, version]
        .into_iter()
        .flatten()
        .any(|text| text.starts_with("ray.io/"))
        || value["metadata"]["name"] == "rayclusters-closed"
}

#[test]
fn what_stands_around_ray_is_correct() {
    for form in forms() {
        let found: Vec<String> = faults(&form.manifests.objects).iter().map(line).collect();
        assert!(found.is_empty(), "{}:\n{}", form.name, found.join("\n"));
    }
}

#[test]
fn each_thing_that_is_broken_around_ray_is_found() {
    let mut missed = Vec::new();
    for operator in OPERATORS {
        let mut applied = 0;
        for Form {
            name,
            manifests,
            found,
        } in forms()
        {
            let Some(changed) = manifests.changed(operator.changes) else {
                continue;
            };
            applied += 1;
            let found = new_judgements(found, &changed.objects);
            if !found
                .iter()
                .any(|judgement| is_expected(operator, judgement, &changed))
            {
                let found: Vec<String> = found.iter().map(line).collect();
                missed.push(format!(
                    "{} ({name}):\n    {}",
                    operator.name,
                    found.join("\n    ")
                ));
            }
        }
        assert!(applied > 0, "{}: there is nothing to break it in", operator.name);
    }
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}

#[test]
fn what_means_nothing_for_access_to_ray_is_silent() {
    let mut loud = Vec::new();
    for harmless in HARMLESS {
        let mut applied = 0;
        for form in forms() {
            let Some(changed) = form.manifests.changed(harmless.changes) else {
                continue;
            };
            applied += 1;
            let mut new = new_judgements(&form.found, &changed.objects);
            new.retain(|judgement| judgement.rule.severity() < Severity::Info);
            loud.extend(
                new.iter()
                    .map(|judgement| format!("{} ({}): {}", harmless.name, form.name, line(judgement))),
            );
        }
        assert!(applied > 0, "{}: there is nothing to change it in", harmless.name);
    }
    assert!(
        loud.is_empty(),
        "found where nothing is wrong:\n{}",
        loud.join("\n")
    );
}

// --- no way around ---

fn access(objects: &[Value]) -> Access {
    let objects: Vec<_> = objects.iter().map(object).collect();
    gatewright::access::of(&objects)
}

fn head(access: &Access) -> &Workload {
    let heads = access.workloads.iter().filter(|workload| workload.part == "head");
    let heads: Vec<&Workload> = heads.collect();
    assert_eq!(heads.len(), 1);
    heads[0]
}

/// The ports behind the doors, as the guards forward to them.
fn doors(head: &Workload) -> BTreeMap<&str, u16> {
    let ports = head.guards.iter().map(|guard| {
        assert_eq!(guard.upstreams.len(), 1, "{guard:?}");
        (guard.container.as_str(), *guard.upstreams.first().unwrap())
    });
    ports.collect()
}

/// Those who are meant to reach the dashboard itself: the nodes of the cluster, KubeRay's operator, and who submits the job.
fn is_meant(who: &Who) -> bool {
    match who {
        Who::Itself => true,
        Who::Named(text) => text.contains("kuberay-operator") || text.contains("submit the job"),
        _ => false,
    }
}

/// Whoever reaches what is behind a door without passing its guard.
fn around(objects: &[Value]) -> Vec<String> {
    let access = access(objects);
    let head = head(&access);
    let behind: BTreeSet<u16> = doors(head).into_values().collect();
    let mut found = Vec::new();
    for path in head
        .paths
        .iter()
        .filter(|path| path.guard.is_none() && path.stopped.is_empty())
    {
        found.push(format!("{} to {}", path.url, path.port));
    }
    for caller in &head.callers {
        let open: Vec<&u16> = caller.ports.intersection(&behind).collect();
        if !open.is_empty() && !is_meant(&caller.who) {
            found.push(format!("{:?} to {open:?}", caller.who));
        }
    }
    found
}

#[test]
fn no_way_leads_to_dashboard_or_client_but_by_their_guards() {
    for form in forms() {
        let objects = &form.manifests.objects;
        assert_eq!(around(objects), Vec::<String>::new(), "{}", form.name);
        let access = access(objects);
        let head = head(&access);
        let doors = doors(head);
        for door in Door::ALL {
            assert!(doors.contains_key(door.container()), "{}: {doors:?}", form.name);
        }
        // What is served is served by a guard: there is a way, and it can be walked.
        let ways: Vec<_> = head.paths.iter().filter(|path| path.stopped.is_empty()).collect();
        assert!(!ways.is_empty(), "{}", form.name);
        let client = ways.iter().any(|path| {
            let guard = path.guard.map(|index| head.guards[index].container.as_str());
            guard == Some(Door::Client.container())
        });
        assert_eq!(
            client,
            ["tlsroute", "grpcroute", "routes"].contains(&form.name),
            "{}",
            form.name
        );
    }
}

/// Without any policy everybody is in; without the one that opens the nodes to each other, these are not.
#[test]
fn without_a_policy_there_is_a_way() {
    for form in forms() {
        let is_rays = |value: &&Value| is_rays(value) && value["kind"] == "NetworkPolicy";
        let open = form.manifests.objects.iter().filter(|value| !is_rays(value));
        let all = around(&open.cloned().collect::<Vec<_>>());
        assert!(
            all.iter().any(|who| who.starts_with("Everybody")),
            "{}: {all:?}",
            form.name
        );
        let alone = form
            .manifests
            .changed(&[Drop("NetworkPolicy prep-*-nodes")])
            .unwrap();
        let access = access(&alone.objects);
        let reached = |who: &Who| {
            let callers = head(&access)
                .callers
                .iter()
                .filter(move |caller| caller.who == *who);
            callers
                .flat_map(|caller| caller.ports.clone())
                .collect::<BTreeSet<u16>>()
        };
        let behind: BTreeSet<u16> = doors(head(&access)).into_values().collect();
        assert!(reached(&Who::Itself).is_disjoint(&behind), "{}", form.name);
    }
}

/// Who may look and who may write are told apart.
#[test]
fn readers_and_writers_are_told_apart() {
    use gatewright::access::answer::Scope;
    for form in forms() {
        let access = access(&form.manifests.objects);
        for guard in &head(&access).guards {
            let review = guard.review.as_ref().unwrap();
            let scopes: BTreeMap<&str, Option<Scope>> = guard
                .admitted
                .iter()
                .map(|one| (one.subject.name.as_str(), review.scope(&one.verbs)))
                .collect();
            assert_eq!(scopes["dana@example.com"], Some(Scope::Both), "{}", form.name);
            assert_eq!(scopes["oidc:auditors"], Some(Scope::Look), "{}", form.name);
        }
    }
}

fn beside_the_operator() -> Vec<Value> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/fn/ray-companion/input.yaml"
    );
    let input = std::fs::read_to_string(file).unwrap();
    let input = input
        .replace("name: training", "name: prep")
        .replace("namespace: team", "namespace: sales-analytics");
    let answer = gatewright(&["fn"], input.as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    difference::objects("ray-companion", &answer.stdout)
}

/// Beside Open Data Hub's operator, whose objects are in no manifest, what they open is said all the same.
#[test]
fn what_stays_open_beside_the_operator_is_said() {
    let manifests = Manifests {
        objects: beside_the_operator(),
        gateway_namespace: "ai-gateway",
        gateway: "data-science-gateway",
    };
    let said = |changes: &[Change]| -> Vec<(&str, String)> {
        let changed = manifests.changed(changes).unwrap();
        let found = faults(&changed.objects).into_iter();
        let here = found.filter(|judgement| judgement.message.contains("perator"));
        here.map(|judgement| (judgement.rule.id(), judgement.message))
            .collect()
    };
    let has = |said: &[(&str, String)], rule: &str, words: &str| {
        said.iter()
            .any(|(id, message)| *id == rule && message.contains(words))
    };
    let rendered = said(&[]);
    assert!(!has(&rendered, "open-port", "8265"), "{rendered:?}");
    assert!(has(&rendered, "too-wide", "port 10001"), "{rendered:?}");
    assert!(
        has(&rendered, "too-wide", "own proxy on port 8443"),
        "{rendered:?}"
    );
    let no_binding = said(&[Drop("ClusterRoleBinding ray-*-auth-delegator")]);
    assert!(
        !has(&no_binding, "too-wide", "own proxy on port 8443"),
        "{no_binding:?}"
    );
    let wide = said(&[Cut(
        "RayCluster prep",
        "/spec/headGroupSpec/rayStartParams/dashboard-host",
    )]);
    assert!(has(&wide, "open-port", "port 8265"), "{wide:?}");
    // Where the operator has made its own, they are judged, and not guessed.
    let made = said(&[Add(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: prep-head, namespace: sales-analytics}, spec: \
         {podSelector: {matchLabels: {ray.io/cluster: prep, ray.io/node-type: head}}, ingress: [], policyTypes: [Ingress]}}",
    )]);
    assert!(!has(&made, "too-wide", "port 10001"), "{made:?}");
}

/// At no moment of an apply or a removal is anything open, in any tool's order: switched on, one removed, all removed, and back.
/// The one that is named: a single Kustomization of Flux makes a namespace's first cluster before the policy that closes it.
#[test]
fn ray_clusters_come_and_go_without_a_window() {
    let objects = |values: &[Value]| -> Vec<Object> { values.iter().map(object).collect() };
    // Labels of KubeRay's and of ours; routes of both kinds.
    for form in forms()
        .iter()
        .filter(|form| ["tlsroute", "rayjob"].contains(&form.name))
    {
        let all = objects(&form.manifests.objects);
        let is_ray = |value: &&Value| {
            let source = value["metadata"]["annotations"]["gatewright.dev/source"]
                .as_str()
                .unwrap_or_default();
            source.starts_with("ray.io/")
                || value["apiVersion"]
                    .as_str()
                    .is_some_and(|version| version.starts_with("ray.io/"))
        };
        let without = |closed: bool| -> Vec<Object> {
            let stays = form.manifests.objects.iter().filter(|value| {
                !is_ray(value) && (closed || value["metadata"]["name"] != "rayclusters-closed")
            });
            stays.map(object).collect()
        };
        for tool in Tool::ALL {
            let windows = |what: &str, old: &[Object], new: &[Object]| -> Vec<String> {
                let found = windows::find(old, new, &[tool]).into_iter();
                let open = found.filter(|judgement| judgement.rule == OrderWindow);
                open.map(|judgement| format!("{} {what}, {}: {}", tool.name(), form.name, judgement.message))
                    .collect()
            };
            // One of several goes and comes back: the policy that closes stays.
            assert_eq!(windows("one removed", &all, &without(true)), Vec::<String>::new());
            assert_eq!(windows("one back", &without(true), &all), Vec::<String>::new());
            // The last goes, and the policy with it as far as git says.
            assert_eq!(
                windows("all removed", &all, &without(false)),
                Vec::<String>::new()
            );
            assert_eq!(windows("everything removed", &all, &[]), Vec::<String>::new());
            let first = windows("first", &without(false), &all);
            assert!(
                first
                    .iter()
                    .all(|said| tool == Tool::Flux && said.contains("(open-port)")),
                "{first:#?}"
            );
        }
        // Were the policies not protected, there would be windows: the test can fail.
        let bare: Vec<Value> = form.manifests.objects.iter().cloned().map(unprotected).collect();
        let bare = objects(&bare);
        let removed = windows::find(&bare, &[], &Tool::ALL);
        assert!(
            removed.iter().any(|judgement| judgement.rule == OrderWindow),
            "{}",
            form.name
        );
    }
}

/// Without the annotations that keep tools from pruning it.
fn unprotected(mut value: Value) -> Value {
    if let Some(annotations) = value["metadata"]["annotations"].as_object_mut() {
        annotations.retain(|key, _| !keys::NEVER_PRUNED.iter().any(|(known, _)| known == key));
    }
    value
}

/// A picture for one person says whether they look or do all.
#[test]
fn pictures_tell_looking_from_writing() {
    let folder = Folder::new("ray-graph");
    let text: Vec<String> = forms()[0]
        .manifests
        .objects
        .iter()
        .map(|value| serde_json::to_string(value).unwrap())
        .collect();
    let file = folder.write("all.yaml", &text.join("\n---\n"));
    let drawn = |name: &str| {
        let run = gatewright(
            &[
                "graph",
                file.to_str().unwrap(),
                "--for",
                name,
                "--format",
                "mermaid",
            ],
            b"",
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let (reader, writer) = (drawn("Group:oidc:auditors"), drawn("User:dana@example.com"));
    assert!(reader.contains("may look"), "{reader}");
    assert!(!reader.contains("may do all"), "{reader}");
    assert!(reader.contains("prep"), "{reader}");
    assert!(writer.contains("may do all"), "{writer}");
    assert!(!writer.contains("may look"), "{writer}");
}

// --- the list ---

const HEADS: &[&str] = &["RayCluster prep", "RayJob prep", "RayService prep"];
const HEAD_OR_POLICY: &[&str] = &[
    "RayCluster prep",
    "RayJob prep",
    "RayService prep",
    "NetworkPolicy rayclusters-closed",
    "NetworkPolicy prep-*",
    "NetworkPolicy allow",
];

macro_rules! operator {
    ($name:literal, $severity:ident, [$($rule:ident),*], $near:expr, [$($change:expr),* $(,)?]) => {
        Operator { name: $name, severity: $severity, rules: &[$($rule),*], near: $near, changes: &[$($change),*] }
    };
}

const OPERATORS: &[Operator] = &[
    // Policies.
    operator!(
        "both policies dropped",
        Error,
        [OpenPort],
        HEADS,
        [
            Drop("NetworkPolicy rayclusters-closed"),
            Drop("NetworkPolicy prep-*-nodes")
        ]
    ),
    operator!(
        "closing policy in another namespace, no opening",
        Error,
        [OpenPort],
        HEADS,
        [
            Set(
                "NetworkPolicy rayclusters-closed",
                "/metadata/namespace",
                "elsewhere"
            ),
            Drop("NetworkPolicy prep-*-nodes"),
        ]
    ),
    operator!(
        "closing policy selects workers alone, no opening",
        Error,
        [OpenPort],
        HEADS,
        [
            Set(
                "NetworkPolicy rayclusters-closed",
                "/spec/podSelector/matchExpressions/0/values",
                "[worker]"
            ),
            Drop("NetworkPolicy prep-*-nodes"),
            Drop("NetworkPolicy prep-*-proxy"),
        ]
    ),
    operator!(
        "closing policy selects heads alone, no opening",
        Error,
        [OpenPort],
        HEADS,
        [
            Set(
                "NetworkPolicy rayclusters-closed",
                "/spec/podSelector/matchExpressions/0/values",
                "[head]"
            ),
            Drop("NetworkPolicy prep-*-nodes"),
        ]
    ),
    operator!(
        "guards' rule for all ports",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Cut("NetworkPolicy prep-*-proxy", "/spec/ingress/0/ports")]
    ),
    operator!(
        "guards' rule for a range with the dashboard",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Set(
            "NetworkPolicy prep-*-proxy",
            "/spec/ingress/0/ports/0",
            "{port: 8000, endPort: 9999, protocol: TCP}"
        ),]
    ),
    operator!(
        "guards' rule for the client port itself",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Set(
            "NetworkPolicy prep-*-proxy",
            "/spec/ingress/0/ports/1",
            "{port: 10000, endPort: 20100, protocol: TCP}"
        ),]
    ),
    operator!(
        "a rule for everybody",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Push("NetworkPolicy rayclusters-closed", "/spec/ingress", "{}")]
    ),
    operator!(
        "operator by its namespace alone",
        Warning,
        [OpenPort, TooWide],
        HEAD_OR_POLICY,
        [Cut(
            "NetworkPolicy rayclusters-closed",
            "/spec/ingress/0/from/0/podSelector"
        )]
    ),
    operator!(
        "operator from any namespace",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [
            Set(
                "NetworkPolicy rayclusters-closed",
                "/spec/ingress/0/from/0/namespaceSelector",
                "{}"
            ),
            Set("NetworkPolicy rayclusters-closed", "/spec/ingress/0/ports", "[]"),
        ]
    ),
    operator!(
        "nodes from the whole namespace",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Set(
            "NetworkPolicy prep-*-nodes",
            "/spec/ingress/0/from/0",
            "{podSelector: {}}"
        )]
    ),
    operator!(
        "nodes from every namespace",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Set(
            "NetworkPolicy prep-*-nodes",
            "/spec/ingress/0/from/0",
            "{namespaceSelector: {}}"
        )]
    ),
    operator!(
        "nodes from whoever",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Cut("NetworkPolicy prep-*-nodes", "/spec/ingress/0/from")]
    ),
    operator!(
        "a Notebook passes for a node",
        Warning,
        [OpenPort, TooWide],
        HEAD_OR_POLICY,
        [Cut(
            "NetworkPolicy prep-*-nodes",
            "/spec/ingress/0/from/0/podSelector/matchExpressions"
        )]
    ),
    operator!(
        "a Notebook passes for a node, and does",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [
            Cut(
                "NetworkPolicy prep-ray-proxy-nodes",
                "/spec/ingress/0/from/0/podSelector/matchExpressions"
            ),
            Set("Notebook scratch", "/metadata/labels", "{ray.io/cluster: prep}"),
        ]
    ),
    operator!(
        "a head that says it is no head, and no opening",
        Error,
        [OpenPort],
        HEADS,
        [
            Set(
                "RayCluster prep",
                "/spec/headGroupSpec/template/metadata",
                "{labels: {ray.io/node-type: x}}"
            ),
            Drop("NetworkPolicy prep-*-nodes"),
        ]
    ),
    operator!(
        "a head that says it is another cluster's",
        Info,
        [Unknown],
        &["ReferenceGrant prep-*-route", "Route *-prep"],
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/metadata",
            "{labels: {ray.io/cluster: other}}"
        )]
    ),
    operator!(
        "another cluster's pods carry this one's label",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [
            Add(
                "{apiVersion: ray.io/v1, kind: RayCluster, metadata: {name: other, namespace: sales-analytics}, spec: {headGroupSpec: \
             {rayStartParams: {}, template: {metadata: {labels: {ray.io/cluster: prep}}, spec: {containers: [{name: ray-head, \
             image: ray}]}}}}}"
            ),
            Set(
                "NetworkPolicy prep-ray-proxy-nodes",
                "/spec/podSelector/matchLabels/ray.io~1cluster",
                "prep"
            ),
        ]
    ),
    operator!(
        "a Deployment that carries the nodes' labels stays unguarded itself",
        Warning,
        [OpenPort, TooWide],
        HEAD_OR_POLICY,
        [Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: \
              {podSelector: {matchLabels: {ray.io/node-type: head}}, ingress: [{from: [{podSelector: {matchLabels: {app: batch}}}], \
              ports: [{port: 8265}, {port: 9265}]}], policyTypes: [Ingress]}}"
        )]
    ),
    operator!(
        "a head that is no node by its labels, without opening",
        Error,
        [OpenPort],
        HEADS,
        [
            Set(
                "RayCluster prep",
                "/spec/headGroupSpec/template/metadata",
                "{labels: {ray.io/node-type: none}}"
            ),
            Drop("NetworkPolicy prep-*-nodes"),
        ]
    ),
    operator!(
        "a policy opens the agent, which takes jobs",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: \
              {podSelector: {matchLabels: {ray.io/node-type: worker}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 52365}]}], \
              policyTypes: [Ingress]}}"
        )]
    ),
    operator!(
        "a policy opens the client port to the namespace",
        Error,
        [OpenPort],
        HEAD_OR_POLICY,
        [Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: \
              {podSelector: {matchLabels: {ray.io/node-type: head}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 10001}, \
              {port: 20001}]}], policyTypes: [Ingress]}}"
        )]
    ),
    operator!(
        "submitters by half their labels",
        Warning,
        [TooWide, OpenPort],
        HEAD_OR_POLICY,
        [Cut(
            "NetworkPolicy prep-rayjob-proxy-nodes",
            "/spec/ingress/1/from/0/podSelector/matchLabels/ray.io~1originated-from-cr-name"
        )]
    ),
    operator!(
        "a Notebook passes for a submitter",
        Warning,
        [TooWide, OpenPort],
        HEAD_OR_POLICY,
        [Cut(
            "NetworkPolicy prep-rayjob-proxy-nodes",
            "/spec/ingress/0/from/0/podSelector/matchExpressions"
        )]
    ),
    // Guards.
    operator!(
        "dashboard's guard removed",
        Warning,
        [UnguardedRoute, GuardUnfit, DanglingReference, Blocked],
        &["RayCluster prep", "HTTPRoute ray-*", "Service prep-*", "Route *"],
        [Cut(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-dashboard]"
        )]
    ),
    operator!(
        "client's guard removed",
        Warning,
        [UnguardedRoute, GuardUnfit, DanglingReference, Blocked, TooWide],
        &[
            "RayCluster prep",
            "TLSRoute *",
            "GRPCRoute *",
            "Route *",
            "Service prep-*",
            "NetworkPolicy rayclusters-closed",
            "NetworkPolicy prep-*-proxy",
        ],
        [Cut(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-client]"
        )]
    ),
    operator!(
        "guard listens on another port",
        Warning,
        [UnguardedRoute, GuardUnfit, DanglingReference, Blocked],
        &["RayCluster prep", "HTTPRoute ray-*", "Service prep-*", "Route *"],
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-dashboard]/args/0",
            "--secure-listen-address=0.0.0.0:9999"
        ),]
    ),
    operator!(
        "guard without configuration",
        Error,
        [GuardBypass, WrongReview, Everybody],
        HEADS,
        [Cut(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-client]/args/[^--config-file]"
        ),]
    ),
    operator!(
        "guard forwards to a port where nothing is",
        Warning,
        [GuardUnfit],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-dashboard]/args/1",
            "--upstream=http://127.0.0.1:8266/"
        ),]
    ),
    operator!(
        "guard ignores paths",
        Error,
        [GuardBypass],
        HEADS,
        [Push(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-dashboard]/args",
            "--ignore-paths=/api/jobs/"
        ),]
    ),
    operator!(
        "guard listens in clear",
        Error,
        [UnverifiedHop],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-dashboard]/args/0",
            "--insecure-listen-address=0.0.0.0:8443"
        ),]
    ),
    operator!(
        "another authority vouches for callers",
        Warning,
        [TooWide],
        HEADS,
        [Push(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-client]/args",
            "--client-ca-file=/etc/other/ca.crt"
        ),]
    ),
    operator!(
        "Ray takes the guard's port",
        Warning,
        [GuardUnfit],
        HEADS,
        [Push(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=ray-head]/ports",
            "{containerPort: 8443}"
        ),]
    ),
    operator!(
        "guard's token for Ray too",
        Error,
        [ReadableCredential],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=ray-head]/volumeMounts",
            "[{name: ray-proxy-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}]"
        ),]
    ),
    operator!(
        "guard's key for Ray too",
        Error,
        [ReadableCredential],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=ray-head]/volumeMounts",
            "[{name: ray-proxy-tls-certificates, mountPath: /keys}]"
        ),]
    ),
    operator!(
        "token mounted by itself",
        Error,
        [ReadableCredential],
        &[
            "RayCluster prep",
            "RayJob prep",
            "RayService prep",
            "ServiceAccount prep-*-head"
        ],
        [Cut("ServiceAccount prep-*-head", "/automountServiceAccountToken")]
    ),
    operator!(
        "delegator dropped",
        Warning,
        [GuardCannotAsk],
        HEADS,
        [Drop("ClusterRoleBinding ray*-auth-delegator")]
    ),
    operator!(
        "account of another name",
        Warning,
        [GuardCannotAsk, ReadableCredential],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/serviceAccountName",
            "robot"
        )]
    ),
    // What is asked.
    operator!(
        "asks about another cluster",
        Error,
        [WrongReview],
        &["ConfigMap prep-*-proxy-config"],
        [Replace(
            "ConfigMap prep-*-proxy-config",
            "/data/config-file.yaml",
            "name: \"prep\"",
            "name: \"scratch\""
        )]
    ),
    operator!(
        "asks about Notebooks",
        Error,
        [WrongReview],
        &["ConfigMap prep-*-proxy-config"],
        [Replace(
            "ConfigMap prep-*-proxy-config",
            "/data/config-file.yaml",
            "resource: \"ray",
            "resource: \"note"
        )]
    ),
    operator!(
        "asks about a RayJob of that name",
        Error,
        [WrongReview],
        &["ConfigMap prep-ray-proxy-config"],
        [Replace(
            "ConfigMap prep-ray-proxy-config",
            "/data/config-file.yaml",
            "rayclusters",
            "rayjobs"
        )]
    ),
    operator!(
        "asks about any",
        Error,
        [WrongReview],
        &["ConfigMap prep-*-proxy-config"],
        [Replace(
            "ConfigMap prep-*-proxy-config",
            "/data/config-file.yaml",
            "name: \"prep\"",
            "nome: \"prep\""
        )]
    ),
    operator!(
        "asks in all namespaces",
        Error,
        [WrongReview],
        &["ConfigMap prep-*-proxy-config"],
        [Replace(
            "ConfigMap prep-*-proxy-config",
            "/data/config-file.yaml",
            "namespace: \"sales-analytics\"",
            "namespaces: \"sales-analytics\""
        )]
    ),
    operator!(
        "asks nothing",
        Error,
        [GuardBypass, WrongReview, Everybody],
        &["ConfigMap prep-*-proxy-config"],
        [Set(
            "ConfigMap prep-*-proxy-config",
            "/data/config-file.yaml",
            "'authorization: {}'"
        )]
    ),
    operator!(
        "configuration dropped",
        Warning,
        [GuardUnfit, DanglingReference],
        HEADS,
        [Drop("ConfigMap prep-*-proxy-config")]
    ),
    operator!(
        "static rule lets everybody through",
        Error,
        [GuardBypass, Everybody],
        &["ConfigMap prep-*-proxy-config"],
        [Replace(
            "ConfigMap prep-*-proxy-config",
            "/data/config-file.yaml",
            "authorization:\n",
            "authorization:\n  static:\n  - resourceRequest: true\n    verb: get\n"
        )]
    ),
    // Who may.
    operator!(
        "writers are everybody",
        Error,
        [Everybody],
        &["RoleBinding prep-*-access"],
        [Set(
            "RoleBinding prep-*-access",
            "/subjects/0",
            "{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:authenticated'}"
        )]
    ),
    operator!(
        "readers are everybody",
        Error,
        [Everybody],
        &["RoleBinding prep-*-view"],
        [Set(
            "RoleBinding prep-*-view",
            "/subjects/0",
            "{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts'}"
        )]
    ),
    operator!(
        "a role for everybody in the cluster",
        Error,
        [Everybody],
        &["ClusterRoleBinding all"],
        [
            Add(
                "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: all}, rules: [{apiGroups: [ray.io], \
             resources: ['*'], verbs: [get]}]}"
            ),
            Add(
                "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: all}, roleRef: {apiGroup: \
             rbac.authorization.k8s.io, kind: ClusterRole, name: all}, subjects: [{kind: Group, name: 'system:authenticated'}]}"
            ),
        ]
    ),
    // Ways from outside.
    operator!(
        "KubeRay's own Ingress",
        Warning,
        [UnguardedRoute, Blocked],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/enableIngress",
            "true"
        )]
    ),
    operator!(
        "head's Service on the nodes",
        Warning,
        [UnguardedRoute, Blocked],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/serviceType",
            "NodePort"
        )]
    ),
    operator!(
        "head's Service at a load balancer",
        Warning,
        [UnguardedRoute, Blocked],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/headService",
            "{spec: {type: LoadBalancer}}"
        )]
    ),
    operator!(
        "route to the head's own Service",
        Warning,
        [UnguardedRoute, Blocked, GuardUnfit],
        &["HTTPRoute ray-*"],
        [
            Set(
                "HTTPRoute ray-*",
                "/spec/rules/1/backendRefs/0/name",
                "prep-head-svc"
            ),
            Set("HTTPRoute ray-*", "/spec/rules/1/backendRefs/0/port", "8265"),
            Set("ReferenceGrant prep-*-route", "/spec/to/0/name", "prep-head-svc"),
        ]
    ),
    operator!(
        "a second backend: the head's own Service",
        Warning,
        [UnguardedRoute, Blocked, GuardUnfit],
        &["HTTPRoute ray-*"],
        [
            Push(
                "HTTPRoute ray-*",
                "/spec/rules/1/backendRefs",
                "{group: '', kind: Service, name: prep-head-svc, namespace: sales-analytics, port: 8265}"
            ),
            Push(
                "ReferenceGrant prep-*-route",
                "/spec/to",
                "{group: '', kind: Service, name: prep-head-svc}"
            ),
        ]
    ),
    operator!(
        "client's TLSRoute to 10001",
        Warning,
        [UnguardedRoute, Blocked, DanglingReference],
        &["TLSRoute ray-*"],
        [
            Set(
                "TLSRoute ray-*",
                "/spec/rules/0/backendRefs/0/name",
                "prep-head-svc"
            ),
            Set("TLSRoute ray-*", "/spec/rules/0/backendRefs/0/port", "10001"),
            Set("ReferenceGrant prep-*-route", "/spec/to/0/name", "prep-head-svc"),
        ]
    ),
    operator!(
        "client's GRPCRoute to 10001",
        Warning,
        [UnguardedRoute, Blocked, DanglingReference],
        &["GRPCRoute ray-*"],
        [
            Set(
                "GRPCRoute ray-*",
                "/spec/rules/0/backendRefs/0/name",
                "prep-head-svc"
            ),
            Set("GRPCRoute ray-*", "/spec/rules/0/backendRefs/0/port", "10001"),
            Set("ReferenceGrant prep-*-route", "/spec/to/0/name", "prep-head-svc"),
        ]
    ),
    operator!(
        "client's Route to the head's Service",
        Warning,
        [UnguardedRoute, Blocked, DanglingReference],
        &["Route rayclient-prep"],
        [Set("Route rayclient-prep", "/spec/to/name", "prep-head-svc")]
    ),
    operator!(
        "the guard's Service leads to the dashboard",
        Error,
        [UnguardedRoute],
        &["Service prep-*-proxy", "HTTPRoute ray*", "Route ray*"],
        [Set(
            "Service prep-*-proxy",
            "/spec/ports/0/targetPort",
            "dashboard"
        )]
    ),
    operator!(
        "the guard's Service leads to the client port",
        Error,
        [UnguardedRoute],
        &[
            "Service prep-*-proxy",
            "TLSRoute ray*",
            "GRPCRoute ray*",
            "Route rayclient-prep"
        ],
        [
            Set("Service prep-ray-proxy", "/spec/ports/1/targetPort", "10001"),
            // Only where it is on the way from outside.
            Set("TLSRoute ray-*", "/metadata/labels", "{}"),
        ]
    ),
    operator!(
        "the guard's Service selects workers too",
        Warning,
        [UnguardedRoute, Blocked, DanglingReference, GuardUnfit, Collision],
        &[
            "Service prep-*-proxy",
            "HTTPRoute ray*",
            "Route ray*",
            "RayCluster prep"
        ],
        [Set(
            "Service prep-ray-proxy",
            "/spec/selector/ray.io~1node-type",
            "worker"
        )]
    ),
    operator!(
        "dashboard's Ingress without the guard",
        Warning,
        [UnguardedRoute, Blocked, GuardUnfit],
        &["Ingress bare", "RayCluster prep"],
        [
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: bare, namespace: sales-analytics}, spec: {rules: [{host: \
              ray.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: prep-head-svc, port: {number: 8265}}}}]}}]}}"
            ),
            Set("RayCluster prep", "/spec/suspend", "false")
        ]
    ),
    operator!(
        "grant for every Service",
        Warning,
        [TooWide],
        &["ReferenceGrant prep-*-route"],
        [Cut("ReferenceGrant prep-*-route", "/spec/to/0/name")]
    ),
    operator!(
        "certificate of the dashboard's hop not checked",
        Error,
        [UnverifiedHop],
        &["HTTPRoute ray-*", "Service prep-*", "HTTPRoute ray*"],
        [Drop("BackendTLSPolicy prep-*-proxy")]
    ),
    operator!(
        "host network",
        Error,
        [OpenPort],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/hostNetwork",
            "true"
        )]
    ),
    operator!(
        "dashboard on the node",
        Warning,
        [OpenPort, UnguardedRoute, Blocked],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=ray-head]/ports/0/hostPort",
            "8265"
        )]
    ),
    operator!(
        "client's route writes who somebody is",
        Error,
        [GuardBypass],
        &["GRPCRoute ray-*"],
        [Set(
            "GRPCRoute ray-*",
            "/spec/rules/0/filters",
            "[{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Authorization, value: Bearer x}]}}]"
        )]
    ),
    operator!(
        "the configuration's content is not known",
        Info,
        [Unknown, GuardUnfit, DanglingReference, Unreadable],
        HEADS,
        [Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/volumes/[name=ray-proxy-config]",
            "{name: ray-proxy-config, hostPath: {path: /etc}}"
        )]
    ),
];

const HARMLESS: &[Harmless] = &[
    Harmless {
        name: "more workers",
        changes: &[Set("RayCluster prep", "/spec/workerGroupSpecs/0/replicas", "7")],
    },
    Harmless {
        name: "another version of Ray",
        changes: &[Set("RayCluster prep", "/spec/rayVersion", "2.53.0")],
    },
    Harmless {
        name: "labels and annotations",
        changes: &[Set("RayCluster prep", "/metadata/labels", "{team: green}")],
    },
    Harmless {
        name: "the dashboard on loopback",
        changes: &[Set(
            "RayCluster prep",
            "/spec/headGroupSpec/rayStartParams/dashboard-host",
            "127.0.0.1",
        )],
    },
    Harmless {
        name: "resources of the guard",
        changes: &[Set(
            "RayCluster prep",
            "/spec/headGroupSpec/template/spec/containers/[name=kube-rbac-proxy-client]/resources",
            "{requests: {cpu: 10m}}",
        )],
    },
    Harmless {
        name: "one more reader",
        changes: &[Push(
            "RoleBinding prep-*-view",
            "/subjects",
            "{apiGroup: rbac.authorization.k8s.io, kind: User, name: erin}",
        )],
    },
    Harmless {
        name: "egress closed too",
        changes: &[
            Set(
                "NetworkPolicy rayclusters-closed",
                "/spec/policyTypes",
                "[Ingress, Egress]",
            ),
            Set(
                "NetworkPolicy rayclusters-closed",
                "/spec/egress",
                "[{ports: [{port: 53, protocol: UDP}]}]",
            ),
        ],
    },
    Harmless {
        name: "metrics for who collects them",
        changes: &[Push(
            "NetworkPolicy rayclusters-closed",
            "/spec/ingress",
            "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}, podSelector: {matchLabels: \
             {app: prometheus}, matchExpressions: [{key: notebook-name, operator: DoesNotExist}]}}], ports: [{port: 8080, protocol: TCP}]}",
        )],
    },
    Harmless {
        name: "a RayJob beside it that runs on a cluster that is there",
        changes: &[Add(
            "{apiVersion: ray.io/v1, kind: RayJob, metadata: {name: nightly, namespace: sales-analytics}, spec: {clusterSelector: \
             {ray.io/cluster: prep}, entrypoint: python a.py}}",
        )],
    },
];

/// Every operator is one of its own, and there are enough of them.
#[test]
fn operators_for_ray_have_names_of_their_own() {
    let names: BTreeSet<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
    assert_eq!(names.len(), OPERATORS.len());
    assert!(OPERATORS.len() >= 55, "{}", OPERATORS.len());
}
