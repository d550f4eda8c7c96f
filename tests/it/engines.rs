//! Flux's and Argo CD's own engines apply and prune what we render, on a real API server under the real CRDs, and everything
//! that they write is watched.
//!
//! - The order of their writes and deletions is the one that `order` says: step by step, and within a step that has no order,
//!   as a set.
//! - Every state in between, as the watch reported it, goes to the judge (`engines/judge.rs`): nothing is open in any.
//!
//! The engines are driven by `tests/parts/fluxssa` and `tests/parts/gitopsengine`. No controller runs: there are no pods, and
//! a workload that is deleted or changed counts as running in its old version until the engine is done.

mod chance;
mod judge;
mod recorder;
pub(crate) mod story;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use gatewright::cluster::object::Object;
use gatewright::order::Tool;
use gatewright::order::change::Change;
use gatewright::order::flux::Closing;
use gatewright::order::protection::{stays_with_argo, stays_with_flux};
use gatewright::order::step::Step;
use serde_json::Value;

use crate::control_plane::{self, ControlPlane};
use crate::parts;
use crate::program::{Folder, run};
use recorder::{Recorder, Verb, Write};
use story::{Chapter, stream};

/// How many sets there are of chance, and which.
const SETS: usize = 4;
const SEED: u64 = 7;

/// A control plane that only these tests use, one at a time: the examples have the same names.
fn plane() -> Option<(&'static ControlPlane, MutexGuard<'static, ()>)> {
    static PLANE: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let parts = ["etcd", "kube-apiserver", "kubectl", "fluxssa", "gitopsengine"].map(parts::needs);
    if parts.contains(&false) {
        return None;
    }
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    match PLANE.get_or_init(|| control_plane::with_all_crds("engines")) {
        Ok(plane) => Some((plane, turn)),
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn flux_writes_as_the_simulation_says() {
    tell(Tool::Flux, "platform/kubernetes-istio", &story::on_kubernetes());
}

#[test]
fn flux_with_two_kustomizations_has_no_open_moment() {
    let chapters = story::on_kubernetes();
    tell(Tool::FluxTwo, "platform/kubernetes-istio", &chapters);
}

#[test]
fn argo_cd_writes_as_the_simulation_says() {
    tell(Tool::ArgoCd, "platform/kubernetes-istio", &story::on_kubernetes());
}

#[test]
fn flux_goes_from_openshifts_login_to_oidc() {
    tell(Tool::Flux, "platform/openshift", &story::on_openshift());
}

#[test]
fn argo_cd_goes_from_openshifts_login_to_oidc() {
    tell(Tool::ArgoCd, "platform/openshift", &story::on_openshift());
}

/// Kinds, names, waves and protection that we never render together.
#[test]
fn sets_of_chance_are_written_as_the_simulation_says() {
    // Namespaces stay; so each has its own.
    let namespaces = [
        ["chance-1", "chance-2"],
        ["chance-3", "chance-4"],
        ["chance-5", "chance-6"],
    ];
    for (tool, namespaces) in Tool::ALL.into_iter().zip(namespaces) {
        let turn = |(number, objects): (usize, Vec<Object>)| {
            let closing = Closing::of(&objects);
            Turn {
                name: format!("set {number}"),
                halves: objects.iter().cloned().partition(|object| closing.holds(object)),
                open: None,
                objects,
            }
        };
        let turns = chance::sets(SETS, SEED, namespaces)
            .into_iter()
            .enumerate()
            .map(turn)
            .collect();
        go(tool, "chance", turns);
    }
}

/// What is in git at a time, and what is known of it.
struct Turn {
    name: String,
    objects: Vec<Object>,
    /// The same as two Kustomizations.
    halves: (Vec<Object>, Vec<Object>),
    /// What the judge is to say; nothing if he is not asked.
    open: Option<BTreeSet<String>>,
}

/// Has an engine go through a story, chapter by chapter.
fn tell(tool: Tool, example: &str, chapters: &[Chapter]) {
    let turn = |chapter: &Chapter| {
        let objects = story::rendered(example, chapter);
        let open = match tool {
            Tool::Flux => chapter.open_under_flux,
            Tool::FluxTwo | Tool::ArgoCd => &[],
        };
        Turn {
            name: chapter.name.to_owned(),
            halves: story::laid_out(example, chapter, &objects),
            objects,
            open: Some(open.iter().map(ToString::to_string).collect()),
        }
    };
    go(
        tool,
        &example.replace('/', "-"),
        chapters.iter().map(turn).collect(),
    );
}

/// Has an engine go through everything, turn by turn, and looks at all that it writes.
fn go(tool: Tool, name: &str, turns: Vec<Turn>) {
    let Some((plane, _turn)) = plane() else { return };
    let folder = Folder::new("engines");
    let all: Vec<&Object> = turns.iter().flat_map(|turn| &turn.objects).collect();
    plane.namespaces(story::foreign_namespaces(&all).iter().map(String::as_str));
    let mut recorder = Recorder::start(plane);
    // Namespaces stay from one story to the next.
    let first = turns.first().map(|turn| turn.objects.clone()).unwrap_or_default();
    let mut before: Vec<Object> = first
        .into_iter()
        .filter(|object| recorder.knows(object))
        .collect();
    let mut wrong = Vec::new();
    for turn in &turns {
        let change = Change::new(&before, &turn.objects);
        let steps = tool.steps(&change);
        engine(tool, plane, &folder, name, turn);
        let left = left(tool, &before, &turn.objects);
        let writes = recorder.until(&left, &change);
        let of = |what: String| format!("{}: {}: {what}", tool.name(), turn.name);
        wrong.extend(differences(&steps, &change, &writes).into_iter().map(of));
        if let Some(expected) = &turn.open {
            let found: BTreeSet<String> = states(&writes, &recorder).into_iter().collect();
            wrong.extend(found.difference(expected).cloned().map(of));
            let missed = expected.difference(&found);
            wrong.extend(missed.map(|what| of(format!("is not open: {what}"))));
        }
        before = left;
    }
    drop(recorder);
    clean(plane, &all);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the engine once, with everything that is to be there. The name of the Kustomization or Application is the story's own:
/// what another one left is not its to prune.
fn engine(tool: Tool, plane: &ControlPlane, folder: &Folder, name: &str, turn: &Turn) {
    match tool {
        Tool::Flux => flux(plane, folder, name, true, &turn.objects),
        Tool::FluxTwo => {
            flux(plane, folder, &format!("{name}-closing"), false, &turn.halves.0);
            flux(plane, folder, name, true, &turn.halves.1);
        }
        Tool::ArgoCd => {
            let mut command = Command::new(parts::find("gitopsengine").unwrap());
            command.arg(kubeconfig(plane)).arg(name);
            let answer = run(command, stream(&turn.objects).as_bytes());
            assert_eq!(answer.code, 0, "{}", answer.stderr);
        }
    }
}

fn flux(plane: &ControlPlane, folder: &Folder, kustomization: &str, prune: bool, objects: &[Object]) {
    let mut command = Command::new(parts::find("fluxssa").unwrap());
    command.arg("apply").arg(kubeconfig(plane)).arg(kustomization);
    command
        .arg(prune.to_string())
        .arg(folder.path().join(format!("{kustomization}.json")));
    let answer = run(command, stream(objects).as_bytes());
    assert_eq!(answer.code, 0, "{}", answer.stderr);
}

fn kubeconfig(plane: &ControlPlane) -> PathBuf {
    plane.folder().join("kubeconfig")
}

/// What must be in the cluster in the end: the new set, and what a prune leaves.
fn left(tool: Tool, before: &[Object], after: &[Object]) -> Vec<Object> {
    let closing = Closing::of(before);
    let stays = |object: &&Object| match tool {
        Tool::Flux => stays_with_flux(object),
        Tool::FluxTwo => stays_with_flux(object) || closing.holds(object),
        Tool::ArgoCd => stays_with_argo(object),
    };
    let gone = |object: &&Object| !after.iter().any(|other| other.id.same_object(&object.id));
    let stale = before.iter().filter(gone).filter(stays);
    after.iter().chain(stale).cloned().collect()
}

/// Where the order of writes is not that of the steps.
fn differences(steps: &[Step], change: &Change<'_>, writes: &[Write]) -> Vec<String> {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for write in writes {
        let what = match write.verb {
            Verb::Apply => "apply",
            Verb::Delete => "delete",
            Verb::Gone => continue,
        };
        let entry = (what, write.object.id.reference());
        // Some are written twice: Argo CD's RBAC, for one.
        if !seen.contains(&entry) {
            seen.push(entry);
        }
    }
    let mut rest = seen.as_slice();
    for (number, step) in steps.iter().enumerate() {
        let mut expected: Vec<(&str, String)> = step
            .ids(change)
            .iter()
            .map(|id| (step.verb(), id.reference()))
            .collect();
        let (next, behind) = rest.split_at(expected.len().min(rest.len()));
        let mut next = next.to_vec();
        next.sort();
        expected.sort();
        if next != expected {
            return vec![format!(
                "step {number} is {expected:?}, and what was seen is {next:?}, then {:?}",
                behind.iter().take(5).collect::<Vec<_>>()
            )];
        }
        rest = behind;
    }
    if rest.is_empty() {
        Vec::new()
    } else {
        vec![format!("nothing says that these are written: {rest:?}")]
    }
}

/// What the judge says of every state that the watch reported.
fn states(writes: &[Write], recorder: &Recorder) -> Vec<String> {
    let mut state = recorder.before.clone();
    // Old versions of workloads, whose pods end when they like.
    let mut pods: Vec<Object> = Vec::new();
    let mut said = Vec::new();
    for write in writes {
        let key = write.object.id.reference();
        let old = match write.verb {
            Verb::Apply | Verb::Delete => state.insert(key, write.object.clone()),
            Verb::Gone => state.remove(&key),
        };
        if judge::has_pods(&write.object) {
            pods.extend(old);
        }
        let live: Vec<Object> = state.values().cloned().collect();
        said.extend(judge::judge(&live));
        // What has gone still runs; what has changed still runs as it was.
        for pod in &pods {
            let mut as_it_was = live.clone();
            as_it_was.retain(|object| !object.id.same_object(&pod.id));
            as_it_was.push(pod.clone());
            said.extend(judge::judge(&as_it_was));
        }
    }
    said
}

/// Makes room for the next story; Namespaces stay, for nobody is there to empty them.
fn clean(plane: &ControlPlane, all: &[&Object]) {
    let mut objects: Vec<Value> = Vec::new();
    let mut seen = BTreeSet::new();
    for object in all {
        if object.id.kind != "Namespace" && seen.insert(object.id.reference()) {
            objects.push(object.value.clone());
        }
    }
    let all = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let delete = ["delete", "--wait=false", "--ignore-not-found", "-f", "-"];
    plane.output(&delete, all.to_string().as_bytes());
}
