//! What we render, on a real API server under the real CRDs.
//!
//! - here: every object of every reviewed answer (`fixtures/fn`) and of every example is taken as it is. It is applied by
//!   server-side apply, as Flux and Argo CD do it; a second time nothing moves; and what is read back is what was written,
//!   field by field. What we emit leaves the server nothing to fill in, for a default that the server adds is a difference
//!   that some tool will show for ever.
//! - `api_server/access.rs`: who gets in with the emitted RBAC alone.
//! - `api_server/takeover.rs`: over what Open Data Hub's operator made.

mod access;
mod takeover;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use gatewright::model::keys::{INJECTED, SOURCE, STATEFUL_SET};
use gatewright::model::notebook::{GUARD, GUARD_VOLUMES};
use serde_json::{Value, json};

use crate::control_plane::{self, ControlPlane};
use crate::examples;
use crate::program::{GATEWRIGHT, run};

/// Server-side apply as Flux and Argo CD do it. The server refuses fields that it does not know; kubectl would get the schema
/// of everything first, each time, to look for the same.
const APPLY: [&str; 5] = [
    "apply",
    "--server-side",
    "--validate=false",
    "--force-conflicts",
    "--field-manager=gitops",
];

/// What the server may add to an object that we emit, and why: the kind (empty: every kind) and the field. Nothing that we
/// wrote ourselves is excused by this list.
const SERVER_OWNED: [(&str, &str, &str); 13] = [
    ("", "/metadata/uid", "which object of this name it is"),
    (
        "",
        "/metadata/resourceVersion",
        "which write of any object it was",
    ),
    ("", "/metadata/generation", "how often the spec changed"),
    ("", "/metadata/creationTimestamp", "when it was made"),
    ("", "/metadata/managedFields", "who wrote which field"),
    ("", "/status", "what controllers say; Gateway API's CRDs begin it"),
    ("Service", "/spec/clusterIP", "given out by this cluster"),
    ("Service", "/spec/clusterIPs", "given out by this cluster"),
    ("Service", "/spec/ipFamilies", "what this cluster speaks"),
    ("Service", "/spec/ipFamilyPolicy", "what this cluster speaks"),
    (
        "Deployment",
        "/spec/replicas",
        "left to the HorizontalPodAutoscaler beside it",
    ),
    (
        "Deployment",
        "/spec/template/spec/serviceAccount",
        "the older name of serviceAccountName, a copy of it",
    ),
    (
        "SecurityPolicy",
        "/spec/extAuth/http/backendRefs/0/weight",
        "the CRD here is newer than Envoy Gateway 1.5 and 1.6, for which this is left out: they do not know the field",
    ),
];

/// Kinds whose CRD has a default in `status`, which only the second write of anybody fills in: the version moves once, and
/// nothing of ours does.
const STATUS_DEFAULTED: [&str; 2] = ["Gateway", "GatewayClass"];

/// Kinds of other projects that pass through us, and whose CRDs are not installed here.
const ABSENT: [&str; 2] = ["ImageStream", "SealedSecret"];

/// Documents in the fixtures that the API server refuses, as their authors would see without us: case, object, and a part
/// of the reason.
const REFUSED: [(&str, &str, &str); 5] = [
    ("foreign", "ConfigMap c", ".data.a: expected string"),
    (
        "foreign",
        "Deployment d",
        "spec.template.spec.containers: Required value",
    ),
    (
        "gateway-secret-sealed",
        "Secret oidc-client",
        // Flux takes that out.
        ".sops: field not declared in schema",
    ),
    (
        "switch-on-another-kind",
        "StatefulSet churn",
        "spec.template.spec.containers: Required value",
    ),
    (
        "switch-on-another-kind",
        "Notebook churn",
        "no matches for kind \"Notebook\" in version \"kubefow.org/v1\"",
    ),
];

/// What would no longer be a test of much.
const LEAST_OBJECTS: usize = 100;

/// The fixtures use the same names, and so do the examples.
static NAMES: Mutex<()> = Mutex::new(());

fn lock() -> MutexGuard<'static, ()> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Group, kind, namespace and name.
type Id = [String; 4];

/// An object of one or more answers.
struct Item {
    value: Value,
    cases: Vec<String>,
}

#[test]
fn every_object_is_taken_as_it_is() {
    let Some(plane) = control_plane::shared() else {
        return;
    };
    let _names = lock();
    let mut items = Vec::new();
    let mut refused = BTreeSet::new();
    let mut wrong = Vec::new();
    for (case, text) in answers() {
        for value in objects(&text) {
            let (kind, name) = named(&value);
            let what = format!("{kind} {name}");
            let refusal = REFUSED
                .iter()
                .find(|(named, object, _)| *named == case && *object == what);
            if let Some((_, _, reason)) = refusal {
                refused.insert((case.clone(), what.clone()));
                wrong.extend(is_refused(plane, &value, reason).map(|why| format!("{case}: {what}: {why}")));
            } else if ABSENT.contains(&kind) {
                assert!(
                    !is_ours(&value),
                    "{case}: {what} is ours, and its CRD is not here"
                );
            } else {
                items.push((case.clone(), value));
            }
        }
    }
    assert_eq!(
        refused.len(),
        REFUSED.len(),
        "REFUSED names objects that are in no answer: {refused:?}"
    );
    let count = all_taken(plane, items, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= LEAST_OBJECTS, "only {count} objects");
}

/// Whether a Ray cluster in the object has this field in its spec.
fn has_ray_field(object: &Value, field: &str) -> bool {
    let spec = match text_of(&object["kind"]) {
        "RayCluster" => &object["spec"],
        "RayJob" => &object["spec"]["rayClusterSpec"],
        "RayService" => &object["spec"]["rayClusterConfig"],
        _ => return false,
    };
    spec.get(field).is_some()
}

/// What KubeRay 1.7 knows besides is taken by its definitions, and by those of 1.6 it is not.
#[test]
fn the_newer_fields_of_a_ray_cluster_are_taken() {
    let Some(older) = control_plane::shared() else {
        return;
    };
    let newer = control_plane::with_newer_kuberay("newer-fields").unwrap();
    let pod = json!({ "spec": { "containers": [{ "name": "ray", "image": "example/ray:2.52.0" }] } });
    let head = json!({ "rayStartParams": {}, "template": pod });
    let of = |field: &str, value: Value| -> Value {
        let mut spec = json!({ "headGroupSpec": head });
        spec[field] = value;
        let metadata = json!({ "name": "newer", "namespace": "default" });
        json!({ "apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": metadata, "spec": spec })
    };
    let policy = json!({ "mode": "DenyAllIngress", "head": { "ingressRules": [{ "from": [{ "podSelector": {} }] }] } });
    for (field, value) in [
        ("tlsOptions", json!({ "enabled": true })),
        ("networkPolicy", policy),
    ] {
        let object = of(field, value);
        assert!(has_ray_field(&object, field));
        let reason = format!("{field}: field not declared in schema");
        assert_eq!(is_refused(older, &object, &reason), None);
        let mut dry = APPLY.to_vec();
        dry.push("--dry-run=server");
        let answer = newer.on(&dry, std::slice::from_ref(&object));
        assert_eq!(
            differences(
                "",
                "/spec",
                &object["spec"][field],
                &answer[0]["spec"][field],
                Added::Nothing
            ),
            [""; 0]
        );
    }
    let wrong = of("networkPolicy", json!({ "mode": "AllowAll" }));
    assert_eq!(
        is_refused(&newer, &wrong, "Unsupported value: \"AllowAll\""),
        None
    );
}

/// The output of `render`, to the letter, into kubectl's other way of applying.
#[test]
fn the_examples_are_applied_as_readme_says() {
    let Some(plane) = control_plane::shared() else {
        return;
    };
    let _names = lock();
    for example in examples::ALL {
        let rendered = examples::rendered(example);
        let objects = objects(&rendered);
        plane.namespaces(namespaces(&objects));
        // In a document that we left alone, the server may fill in something that each apply takes away.
        let known = objects
            .iter()
            .filter(|object| is_ours(object) || !injected(object).is_empty());
        let known: Vec<Value> = known.cloned().collect();
        // kubectl calls a PodDisruptionBudget configured each time, for it always sends the selector; the version tells.
        let [first, second] = [(); 2].map(|()| {
            plane.output(&["apply", "-f", "-"], rendered.as_bytes());
            plane.on(&["get"], &known)
        });
        for (first, second) in first.iter().zip(&second) {
            assert_eq!(version(first), version(second), "{example}: {:?}", named(second));
        }
        remove(plane, &objects);
    }
}

/// Where Kubeflow's own CRD is at hand, the other tests use that.
#[test]
fn the_stand_in_takes_what_kubeflows_crd_takes() {
    if control_plane::shared().is_none() || control_plane::real_notebook_crd().is_none() {
        return;
    }
    let plane = ControlPlane::start("stand-in").unwrap();
    plane.install(&[control_plane::stand_in_notebook_crd()]).unwrap();
    let mut items = Vec::new();
    for (case, text) in answers() {
        let notebooks = objects(&text)
            .into_iter()
            .filter(|value| id(value)[..2] == ["kubeflow.org", "Notebook"]);
        items.extend(notebooks.map(|value| (case.clone(), value)));
    }
    let mut wrong = Vec::new();
    taken(&plane, items, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // And nothing of a control plane is left behind.
    let folder = plane.folder().to_owned();
    let version = plane.kubectl(&["version"], b"");
    assert_eq!(version.code, 0, "{}", version.stderr);
    drop(plane);
    assert!(!folder.exists(), "{} is left", folder.display());
}

// --- applying ---

/// Applies all objects, each under the definitions that know its fields; gives their number.
fn all_taken(plane: &ControlPlane, items: Vec<(String, Value)>, wrong: &mut Vec<String>) -> usize {
    let fields = control_plane::newer_fields();
    let newer_field = |value: &Value| fields.keys().find(|field| has_ray_field(value, field));
    let (newer, items): (Vec<_>, Vec<_>) = items
        .into_iter()
        .partition(|(_, value)| newer_field(value).is_some());
    let mut count = taken(plane, items, wrong);
    for (case, value) in &newer {
        let field = newer_field(value).unwrap();
        let reason = format!("{field}: field not declared in schema");
        wrong.extend(
            is_refused(plane, value, &reason).map(|why| format!("{case}: {:?}: {why}", named(value))),
        );
    }
    if !newer.is_empty() {
        let plane = control_plane::with_newer_kuberay("newer-kuberay").unwrap();
        count += taken(&plane, newer, wrong);
    }
    count
}

/// Applies what another test renders, and says what is wrong with it.
pub(crate) fn wrong_of(plane: &ControlPlane, items: Vec<(String, Value)>) -> (usize, Vec<String>) {
    let _names = lock();
    let mut wrong = Vec::new();
    let count = all_taken(plane, items, &mut wrong);
    (count, wrong)
}

/// Applies all objects, in as few turns as names that are used twice allow; gives their number.
fn taken(plane: &ControlPlane, items: Vec<(String, Value)>, wrong: &mut Vec<String>) -> usize {
    let mut turns: Vec<BTreeMap<Id, Item>> = Vec::new();
    for (case, value) in items {
        let id = id(&value);
        let fits = |turn: &&mut BTreeMap<Id, Item>| turn.get(&id).is_none_or(|item| item.value == value);
        if let Some(turn) = turns.iter_mut().find(fits) {
            let item = turn.entry(id).or_insert(Item {
                value,
                cases: Vec::new(),
            });
            item.cases.push(case);
        } else {
            let cases = vec![case];
            turns.push(BTreeMap::from([(id, Item { value, cases })]));
        }
    }
    let all: Vec<Value> = turns
        .iter()
        .flat_map(BTreeMap::values)
        .map(|item| item.value.clone())
        .collect();
    plane.namespaces(namespaces(&all));
    for turn in &turns {
        taken_at_once(plane, turn, wrong);
    }
    pods(plane, &turns, wrong);
    all.len()
}

/// Applies objects of different names twice, reads them back and takes them away again.
fn taken_at_once(plane: &ControlPlane, turn: &BTreeMap<Id, Item>, wrong: &mut Vec<String>) {
    let written: Vec<Value> = turn.values().map(|item| item.value.clone()).collect();
    let defaulted: Vec<Value> = written
        .iter()
        .filter(|value| STATUS_DEFAULTED.contains(&named(value).0))
        .cloned()
        .collect();
    plane.on(&APPLY, &defaulted);
    plane.on(&APPLY, &defaulted);
    let first = plane.on(&APPLY, &written);
    let second = plane.on(&APPLY, &written);
    let read = plane.on(&["get", "--show-managed-fields"], &written);
    for (index, (of, item)) in turn.iter().enumerate() {
        let mut say =
            |what: String| wrong.push(format!("{}: {}: {what}", item.cases.join(", "), of.join("/")));
        let found = &read[index];
        for answer in [&first[index], &second[index], found] {
            assert_eq!(named(answer), named(&item.value), "answers are in another order");
        }
        if version(&first[index]) != version(&second[index]) || version(&second[index]) != version(found) {
            say("the second apply changed something".to_owned());
        }
        let owned = if is_ours(&item.value) {
            Added::ServerOwned
        } else {
            Added::Anything
        };
        differences(text_of(&found["kind"]), "", &item.value, found, owned)
            .into_iter()
            .for_each(&mut say);
        for (path, written) in injected(&item.value) {
            match found.pointer(&path) {
                Some(found) => differences("", &path, written, found, Added::Nothing)
                    .into_iter()
                    .for_each(&mut say),
                None => say(format!("{path} is not there")),
            }
        }
    }
    remove(plane, &written);
}

/// Makes room for the next objects of the same names. Nobody is there to do what finalizers wait for; so Namespaces stay.
fn remove(plane: &ControlPlane, objects: &[Value]) {
    let objects: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] != "Namespace")
        .collect();
    let waits = |object: &&Value| object["metadata"].get("finalizers").is_some();
    for object in objects.iter().copied().filter(waits) {
        let patch = [
            "patch",
            "--type=merge",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
            "-f",
            "-",
        ];
        plane.output(&patch, object.to_string().as_bytes());
    }
    let all = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    plane.output(&["delete", "--wait=false", "-f", "-"], all.to_string().as_bytes());
}

/// The pods of guarded Notebooks, in a `StatefulSet` as the notebook controller makes it: the server validates a pod there,
/// and fills in what is left out.
fn pods(plane: &ControlPlane, turns: &[BTreeMap<Id, Item>], wrong: &mut Vec<String>) {
    let all = turns.iter().flat_map(BTreeMap::values);
    let guarded: Vec<&Item> = all.filter(|item| !injected(&item.value).is_empty()).collect();
    let sets: Vec<Value> = guarded.iter().map(|item| stateful_set(&item.value)).collect();
    let mut dry = APPLY.to_vec();
    dry.push("--dry-run=server");
    for (item, set) in guarded.iter().zip(plane.on(&dry, &sets)) {
        for (path, written) in injected(&item.value) {
            let found = set.pointer(&path).unwrap_or(&Value::Null);
            for what in differences("", &path, written, found, Added::Nothing) {
                wrong.push(format!("{}: in the pod: {what}", item.cases.join(", ")));
            }
        }
    }
}

fn stateful_set(notebook: &Value) -> Value {
    let name = &notebook["metadata"]["name"];
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": { "name": name, "namespace": notebook["metadata"]["namespace"] },
        "spec": {
            "serviceName": name,
            "selector": { "matchLabels": { STATEFUL_SET: name } },
            "template": {
                "metadata": { "labels": { STATEFUL_SET: name } },
                "spec": notebook["spec"]["template"]["spec"],
            },
        },
    })
}

/// Why an object was not refused as it should be.
fn is_refused(plane: &ControlPlane, value: &Value, reason: &str) -> Option<String> {
    plane.namespaces(namespaces(std::slice::from_ref(value)));
    let mut dry = APPLY.to_vec();
    dry.extend(["--dry-run=server", "-f", "-"]);
    let answer = plane.kubectl(&dry, value.to_string().as_bytes());
    let as_expected = answer.code != 0 && answer.stderr.contains(reason);
    (!as_expected).then(|| format!("not refused with {reason:?}: {}{}", answer.stdout, answer.stderr))
}

// --- comparing ---

/// What may be there that we did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    /// In somebody else's document.
    Anything,
    /// In an object of ours.
    ServerOwned,
    /// In what we put into somebody else's document.
    Nothing,
}

/// Where what was read differs from what was written.
fn differences(kind: &str, path: &str, written: &Value, read: &Value, added: Added) -> Vec<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            let mut all = Vec::new();
            for (key, value) in written {
                let path = format!("{path}/{}", escaped(key));
                match read.get(key) {
                    Some(read) => all.extend(differences(kind, &path, value, read, added)),
                    None => all.push(format!("{path} is not there; written: {value}")),
                }
            }
            for (key, value) in read.iter().filter(|(key, _)| !written.contains_key(*key)) {
                let path = format!("{path}/{}", escaped(key));
                let excused = match added {
                    Added::Anything => true,
                    Added::ServerOwned => SERVER_OWNED
                        .iter()
                        .any(|(of, owned, _)| (of.is_empty() || *of == kind) && *owned == path),
                    Added::Nothing => false,
                };
                if !excused {
                    all.push(format!("{path} was added: {value}"));
                }
            }
            all
        }
        (Value::Array(written), Value::Array(read)) if written.len() == read.len() => {
            let both = written.iter().zip(read).enumerate();
            both.flat_map(|(index, (written, read))| {
                differences(kind, &format!("{path}/{index}"), written, read, added)
            })
            .collect()
        }
        _ if written == read => Vec::new(),
        _ => vec![format!("{path} was {written} and is {read}")],
    }
}

#[test]
fn a_difference_is_seen() {
    let written = json!({ "metadata": { "a/b": "1" }, "spec": { "list": [1, 2], "same": { "x": null } } });
    let read = json!({
        "metadata": { "a/b": "2", "uid": "u" },
        "spec": { "list": [1], "same": {}, "clusterIP": "10.0.0.1" },
        "status": {}
    });
    let said = |kind, added| differences(kind, "", &written, &read, added);
    let always = [
        "/metadata/a~1b was \"1\" and is \"2\"",
        "/spec/list was [1,2] and is [1]",
        "/spec/same/x is not there; written: null",
    ];
    assert_eq!(said("Service", Added::ServerOwned), always);
    assert_eq!(said("Gateway", Added::Anything), always);
    let more = said("Gateway", Added::ServerOwned);
    assert_eq!(more.last().unwrap(), "/spec/clusterIP was added: \"10.0.0.1\"");
    assert_eq!(said("Service", Added::Nothing).len(), always.len() + 3);
}

/// What we put into a Notebook: paths and values.
fn injected(object: &Value) -> Vec<(String, &Value)> {
    if object["metadata"]["annotations"].get(INJECTED).is_none() {
        return Vec::new();
    }
    let spec = "/spec/template/spec";
    let at = |field: &str, names: &[&str]| -> Vec<(String, &Value)> {
        let path = format!("{spec}/{field}");
        let all = object.pointer(&path).and_then(Value::as_array).unwrap();
        let of_ours = |(_, value): &(usize, &Value)| names.contains(&text_of(&value["name"]));
        let found: Vec<_> = all
            .iter()
            .enumerate()
            .filter(of_ours)
            .map(|(index, value)| (format!("{path}/{index}"), value))
            .collect();
        assert_eq!(found.len(), names.len(), "{names:?} in {path}");
        found
    };
    let mut all = at("containers", &[GUARD]);
    all.extend(at("volumes", &GUARD_VOLUMES));
    all
}

fn is_ours(object: &Value) -> bool {
    object["metadata"]["annotations"].get(SOURCE).is_some()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

// --- what is rendered ---

/// The answer to every fixture that is not refused, and to every example, by name.
fn answers() -> Vec<(String, String)> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root().join("fixtures/fn"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut answers = Vec::new();
    for folder in folders {
        let mut command = Command::new(GATEWRIGHT);
        command
            .arg("fn")
            .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
            .env_remove("RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE");
        let answer = run(command, &fs::read(folder.join("input.yaml")).unwrap());
        if answer.code == 0 {
            let case = folder.file_name().unwrap().to_str().unwrap();
            answers.push((case.to_owned(), answer.stdout));
        }
    }
    let examples = examples::ALL.map(|example| (format!("examples/{example}"), examples::rendered(example)));
    answers.extend(examples);
    answers
}

/// The objects of a stream that go to a cluster.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let source = Source::from_bytes("output", text.as_bytes().to_vec()).unwrap();
    let items = stream::frame(&source).unwrap().items;
    items
        .iter()
        .map(|item| item.piece(&source).value().unwrap())
        .filter(|value| !is_for_tools(value))
        .collect()
}

fn is_for_tools(object: &Value) -> bool {
    let version = text_of(&object["apiVersion"]);
    object["kind"] == "Platform"
        || version.starts_with("kpt.dev/")
        || version.starts_with("kustomize.config.k8s.io/")
        || object["metadata"]["annotations"]["config.kubernetes.io/local-config"] == "true"
}

fn namespaces(objects: &[Value]) -> BTreeSet<&str> {
    let named = objects
        .iter()
        .map(|object| text_of(&object["metadata"]["namespace"]));
    named.filter(|name| !name.is_empty()).chain(["default"]).collect()
}

fn id(object: &Value) -> Id {
    let (group, _) = text_of(&object["apiVersion"])
        .rsplit_once('/')
        .unwrap_or_default();
    let metadata = &object["metadata"];
    [
        group,
        text_of(&object["kind"]),
        text_of(&metadata["namespace"]),
        text_of(&metadata["name"]),
    ]
    .map(str::to_owned)
}

fn version(object: &Value) -> &str {
    text_of(&object["metadata"]["resourceVersion"])
}

fn named(object: &Value) -> (&str, &str) {
    (text_of(&object["kind"]), text_of(&object["metadata"]["name"]))
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
