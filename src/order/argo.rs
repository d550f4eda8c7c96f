//! Argo CD's order: waves, and within one what is stale first, then kind by kind.
//!
//! Before each wave it looks at what is live and makes its list anew: what is wanted has the wave that it names, and what is
//! stale has the waves of the stale, turned round. So what is stale goes from the highest wave to the lowest, and what has
//! gone makes room: the next is early, not at the place that the first list gave it. A wave begins when the one before is
//! healthy and what it deleted has gone. In a wave all that is stale is deleted at once; then kinds that it knows are
//! applied in their order, others by name alone, and neighbours of one kind at once. Source: argoproj/gitops-engine
//! `pkg/sync/sync_context.go`, `pkg/sync/sync_tasks.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::change::Change;
use super::protection::{argo_option, metadata, stays_with_argo};
use super::step::Step;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys::{ARGO_HOOK, SYNC_WAVE};

/// Kinds that come before those it does not know, in their order. Groups do not count.
const KINDS: [&str; 35] = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// What Argo CD does with one Application that prunes.
pub fn steps(change: &Change<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut done = BTreeSet::new();
    loop {
        let tasks = tasks(change, &done);
        let mut pending = tasks.iter().filter(|task| !done.contains(&task.key()));
        let Some(first) = pending.next() else {
            return steps;
        };
        let wave: Vec<&Task<'_>> = std::iter::once(first)
            .chain(pending.filter(|task| task.at() == first.at()))
            .collect();
        let stale = wave.iter().filter(|task| task.is_prune() && !task.stays());
        let stale: Vec<usize> = stale.map(|task| task.index).collect();
        if !stale.is_empty() {
            steps.push(Step::Delete(stale));
        }
        let wanted: Vec<&Task<'_>> = wave.iter().copied().filter(|task| !task.is_prune()).collect();
        for group in groups(&wanted) {
            let written = group.into_iter().filter(|task| task.is_written());
            let written: Vec<usize> = written.map(|task| task.index).collect();
            if !written.is_empty() {
                steps.push(Step::Apply(written));
            }
        }
        done.extend(wave.iter().map(|task| task.key()));
    }
}

/// Before, in or after the synchronization itself; hooks alone are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Before,
    Sync,
    After,
}

/// An object that is to be written or deleted.
#[derive(Debug, Clone)]
struct Task<'a> {
    index: usize,
    id: &'a ObjectId,
    live: Option<&'a Object>,
    wanted: Option<&'a Object>,
    phase: Phase,
    wave: i64,
    /// Where it was moved to: the place of the first that needs it.
    moved: Option<(usize, &'a str)>,
}

// === impl Task ===

impl<'a> Task<'a> {
    fn is_prune(&self) -> bool {
        self.wanted.is_none()
    }

    fn stays(&self) -> bool {
        self.live.is_some_and(stays_with_argo)
    }

    fn is_written(&self) -> bool {
        self.live.map(|live| &live.value) != self.wanted.map(|wanted| &wanted.value)
    }

    fn at(&self) -> (Phase, i64) {
        (self.phase, self.wave)
    }

    fn key(&self) -> (usize, Phase) {
        (self.index, self.phase)
    }

    /// What decides within a wave. Equal for objects of different kinds: which is first is not the same each time.
    fn place(&self) -> (usize, &'a str) {
        if let Some(place) = self.moved {
            return place;
        }
        let known = KINDS.iter().position(|kind| *kind == self.id.kind);
        (known.unwrap_or(KINDS.len()), &self.id.name)
    }
}

/// The list that it makes before a wave.
fn tasks<'a>(change: &Change<'a>, done: &BTreeSet<(usize, Phase)>) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    for (index, id, pair) in change.pairs() {
        let Some(object) = pair.new.or(pair.old) else {
            continue;
        };
        for phase in phases(object, pair.is_stale()) {
            tasks.push(Task {
                index,
                id,
                live: pair.old,
                wanted: pair.new,
                phase,
                wave: wave(object),
                moved: None,
            });
        }
    }
    // What has been deleted is not live any more, and takes part in nothing.
    tasks.retain(|task| !(task.is_prune() && !task.stays() && done.contains(&task.key())));
    turn_round(&mut tasks);
    tasks.sort_by(|left, right| {
        (left.at(), left.place(), left.id.key()).cmp(&(right.at(), right.place(), right.id.key()))
    });
    pull_forward(&mut tasks, namespace_of_itself, |task| {
        (!task.id.namespace.is_empty()).then(|| task.id.namespace.clone())
    });
    pull_forward(&mut tasks, kind_it_defines, |task| {
        Some(format!("{}/{}", task.id.group, task.id.kind))
    });
    tasks
}

/// When an object takes part. Hooks are never stale: they are not counted among what was applied.
fn phases(object: &Object, stale: bool) -> Vec<Phase> {
    let Some(hooks) = metadata(object, "annotations", ARGO_HOOK) else {
        return vec![Phase::Sync];
    };
    if stale {
        return Vec::new();
    }
    let phase = |hook: &str| match hook {
        "PreSync" => Some(Phase::Before),
        "Sync" => Some(Phase::Sync),
        "PostSync" => Some(Phase::After),
        _ => None,
    };
    let phases: BTreeSet<Phase> = hooks.split(',').filter_map(|hook| phase(hook.trim())).collect();
    phases.into_iter().collect()
}

fn wave(object: &Object) -> i64 {
    let named = metadata(object, "annotations", SYNC_WAVE);
    named.and_then(|wave| wave.parse().ok()).unwrap_or(0)
}

/// Gives the stale their waves in reverse; those that ask for it come after everything.
fn turn_round(tasks: &mut [Task<'_>]) {
    let stale = tasks.iter().filter(|task| task.is_prune());
    let waves: BTreeSet<i64> = stale.map(|task| task.wave).collect();
    let reversed: BTreeMap<i64, i64> = waves.iter().copied().zip(waves.iter().rev().copied()).collect();
    for task in tasks.iter_mut().filter(|task| task.is_prune()) {
        task.wave = reversed.get(&task.wave).copied().unwrap_or(task.wave);
    }
    let waves = tasks.iter().filter(|task| task.phase == Phase::Sync);
    let last = waves.map(|task| task.wave).max().unwrap_or(0).max(0) + 1;
    for task in tasks.iter_mut().filter(|task| task.is_prune()) {
        if task.live.is_some_and(|live| argo_option(live, "PruneLast=true")) {
            task.wave = last;
        }
    }
}

/// Moves what others depend on before the first of them, into its wave.
fn pull_forward(
    tasks: &mut Vec<Task<'_>>,
    is: impl Fn(&Task<'_>) -> Option<String>,
    needs: impl Fn(&Task<'_>) -> Option<String>,
) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for index in 0..tasks.len() {
        let Some(task) = tasks.get(index).filter(|task| !task.is_prune()) else {
            continue;
        };
        if let Some(key) = is(task) {
            let Some(to) = first.get(&key).copied() else {
                continue;
            };
            let Some(needing) = tasks.get(to) else { continue };
            let ((phase, wave), place) = (needing.at(), needing.place());
            let mut task = tasks.remove(index);
            task.phase = phase;
            task.wave = wave;
            task.moved = Some(place);
            tasks.insert(to, task);
            for at in first.values_mut().filter(|at| **at >= to) {
                *at += 1;
            }
        } else if let Some(key) = needs(task) {
            first.entry(key).or_insert(index);
        }
    }
}

fn namespace_of_itself(task: &Task<'_>) -> Option<String> {
    (task.id.group.is_empty() && task.id.kind == "Namespace").then(|| task.id.name.clone())
}

fn kind_it_defines(task: &Task<'_>) -> Option<String> {
    if task.id.kind != "CustomResourceDefinition" {
        return None;
    }
    let spec = task.wanted?.value.get("spec")?;
    let group = spec.get("group").and_then(Value::as_str)?;
    let kind = spec.get("names")?.get("kind").and_then(Value::as_str)?;
    Some(format!("{group}/{kind}"))
}

/// Neighbours of one kind are applied at once. Where kinds of equal names have no order, they count as one group, and so do
/// neighbours of their kinds, and what was moved in front of one of them.
fn groups<'t, 'a>(wanted: &[&'t Task<'a>]) -> Vec<Vec<&'t Task<'a>>> {
    let mut groups: Vec<Vec<&'t Task<'a>>> = Vec::new();
    let mut before: &[&Task<'a>] = &[];
    for tied in wanted.chunk_by(|left, right| left.place() == right.place()) {
        let moved = tied.iter().filter(|task| task.moved.is_some()).count();
        // One alone has its place, and so has what was moved in front of it.
        let size = if tied.len() - moved > 1 { tied.len() } else { 1 };
        for part in tied.chunks(size) {
            let joins = part
                .iter()
                .any(|one| before.iter().any(|other| one.id.kind == other.id.kind));
            match groups.last_mut() {
                Some(group) if joins => group.extend(part),
                _ => groups.push(part.to_vec()),
            }
            before = part;
        }
    }
    groups
}
