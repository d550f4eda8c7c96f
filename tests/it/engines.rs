//! Flux's and Argo CD's own engines apply and prune what we render, on a real API server under the real CRDs, and everything
//! that they write is watched.
//!
//! - The order of their writes and deletions is the one that `order` says: step by step, and within a step that has no order,
//!   as a set.
//! - Every state in between, as the watch reported it, goes to the judge (`engines/judge.rs`): nothing is open in any.
//!
//! The engines are driven by `tests/parts/fluxssa` and `tests/parts/gitopsengine`. No controller runs: there are no pods, and
//! a workload that is deleted or changed counts as running in its old version until the engine is done.

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
    tell(
        Tool::FluxTwo,
        "platform/kubernetes-istio",
        &story::on_kubernetes(),
    );
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

/// Has an engine go through a story, chapter by chapter, and looks at everything it writes.
fn tell(tool: Tool, example: &str, chapters: &[Chapter]) {
    let Some((plane, _turn)) = plane() else { return };
    let folder = Folder::new("engines");
    let rendered: Vec<Vec<Object>> = chapters
        .iter()
        .map(|chapter| story::rendered(example, chapter))
        .collect();
    plane.namespaces(story::foreign_namespaces(&rendered).iter().map(String::as_str));
    let mut recorder = Recorder::start(plane);
    let mut before: Vec<Object> = Vec::new();
    let mut wrong = Vec::new();
    for (chapter, after) in chapters.iter().zip(&rendered) {
        let change = Change::new(&before, after);
        let steps = tool.steps(&change);
        let halves = (tool == Tool::FluxTwo).then(|| story::laid_out(example, chapter, after));
        engine(tool, plane, &folder, &example.replace('/', "-"), after, halves);
        let left = left(tool, &before, after);
        let writes = recorder.until(&left, &change);
        let of = |what: String| format!("{}: {}: {what}", tool.name(), chapter.name);
        wrong.extend(differences(&steps, &change, &writes).into_iter().map(of));
        let found: BTreeSet<String> = states(&writes, &recorder).into_iter().collect();
        let expected: BTreeSet<String> = match tool {
            Tool::Flux => chapter.open_under_flux.iter().map(ToString::to_string).collect(),
            Tool::FluxTwo | Tool::ArgoCd => BTreeSet::new(),
        };
        wrong.extend(found.difference(&expected).cloned().map(of));
        wrong.extend(
            expected
                .difference(&found)
                .map(|what| of(format!("is not open: {what}"))),
        );
        before = left;
    }
    drop(recorder);
    clean(plane, &rendered);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the engine once, with everything that is to be there. The name of the Kustomization or Application is the story's own:
/// what another one left is not its to prune.
fn engine(
    tool: Tool,
    plane: &ControlPlane,
    folder: &Folder,
    name: &str,
    objects: &[Object],
    halves: Option<(Vec<Object>, Vec<Object>)>,
) {
    match tool {
        Tool::Flux => flux(plane, folder, name, true, objects),
        Tool::FluxTwo => {
            let (closing, rest) = halves.unwrap();
            flux(plane, folder, &format!("{name}-closing"), false, &closing);
            flux(plane, folder, name, true, &rest);
        }
        Tool::ArgoCd => {
            let mut command = Command::new(parts::find("gitopsengine").unwrap());
            command.arg(kubeconfig(plane)).arg(name);
            let answer = run(command, stream(objects).as_bytes());
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
fn clean(plane: &ControlPlane, rendered: &[Vec<Object>]) {
    let mut objects: Vec<Value> = Vec::new();
    let mut seen = BTreeSet::new();
    for object in rendered.iter().flatten() {
        if object.id.kind != "Namespace" && seen.insert(object.id.reference()) {
            objects.push(object.value.clone());
        }
    }
    let all = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let delete = ["delete", "--wait=false", "--ignore-not-found", "-f", "-"];
    plane.output(&delete, all.to_string().as_bytes());
}
