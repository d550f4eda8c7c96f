//! From step to step: the states that an apply or a prune goes through.
//!
//! A state is both sets and, for each object, which of its versions is there. Nothing is copied from one state to the next.

use std::collections::BTreeSet;

use super::change::Change;
use super::step::Step;
use crate::cluster::object::Object;

/// Which version of an object is in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// None.
    Absent,
    /// The one of the old set.
    Old,
    /// The one of the new set.
    New,
}

/// What is in the cluster at a moment.
#[derive(Debug, Clone)]
pub struct State<'a> {
    change: &'a Change<'a>,
    /// By the object's number.
    versions: Vec<Version>,
    /// Workloads that were changed or deleted: pods of their old version still run.
    lingering: BTreeSet<usize>,
}

/// A step that is done, wholly or in part.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'w, 'a> {
    /// What is in the cluster.
    pub state: &'w State<'a>,
    /// The number of the step, from 0.
    pub number: usize,
    /// The step; `None` at the end of all, when the last old pod has ended too.
    pub step: Option<&'w Step>,
    /// Which of the step's objects are done, by their numbers in the change.
    pub done: &'w [usize],
}

/// Goes through all states between two sets.
#[derive(Debug)]
pub struct Walk<'a> {
    state: State<'a>,
    steps: Vec<Step>,
    /// The step that is being done.
    at: usize,
    /// Parts of it that are still to be looked at, the last one first; all of it is the last of them.
    parts: Vec<Vec<usize>>,
    done: Vec<usize>,
    /// What stood before the step.
    before: Vec<(usize, Version, bool)>,
    ended: bool,
}

/// Kinds whose pods outlive a change or a deletion for their grace period.
const WORKLOADS: [(&str, &str); 12] = [
    ("", "Pod"),
    ("", "ReplicationController"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("kubeflow.org", "Notebook"),
    ("ray.io", "RayCluster"),
    ("ray.io", "RayJob"),
    ("ray.io", "RayService"),
];
/// Kinds that take away what would be possible without them. All others add.
const CLOSING: [(&str, &str); 12] = [
    ("gateway.envoyproxy.io", "BackendTrafficPolicy"),
    ("gateway.envoyproxy.io", "ClientTrafficPolicy"),
    ("gateway.envoyproxy.io", "EnvoyExtensionPolicy"),
    ("gateway.envoyproxy.io", "EnvoyPatchPolicy"),
    ("gateway.envoyproxy.io", "SecurityPolicy"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.istio.io", "EnvoyFilter"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "PeerAuthentication"),
    ("security.istio.io", "RequestAuthentication"),
];
/// Up to so many objects that are done together, every part of them is a state.
const EVERY_PART: usize = 4;
/// Up to so many, there is a state for each one that is done first and each that is done last.
const EACH: usize = 64;

// === impl State ===

impl<'a> State<'a> {
    /// The old set, all of it and nothing else.
    pub fn before(change: &'a Change<'a>) -> Self {
        let version = |pair: super::change::Pair<'_>| {
            if pair.old.is_some() {
                Version::Old
            } else {
                Version::Absent
            }
        };
        Self {
            change,
            versions: change.pairs().map(|(_, _, pair)| version(pair)).collect(),
            lingering: BTreeSet::new(),
        }
    }

    /// Which version of an object is there, by its number.
    pub fn version(&self, index: usize) -> Version {
        self.versions.get(index).copied().unwrap_or(Version::Absent)
    }

    /// Whether an object counts as there, by its number.
    pub fn counts(&self, index: usize) -> bool {
        self.version(index) != Version::Absent || self.lingering.contains(&index)
    }

    /// What counts as there: what is there, and each deleted workload whose pods may still run.
    pub fn objects(&self) -> impl Iterator<Item = &'a Object> + '_ {
        self.pick(|_| false)
    }

    /// The same with changed workloads as they were, for pods of the old version may still run; nothing if there is none. The
    /// judge looks at both.
    pub fn objects_as_old_pods_see_them(&self) -> Option<impl Iterator<Item = &'a Object> + '_> {
        self.lingering
            .iter()
            .any(|index| self.version(*index) == Version::New)
            .then(|| self.pick(|index| self.lingering.contains(&index)))
    }

    /// Workloads of which pods of the old version may still run, in that version.
    pub fn lingering(&self) -> impl Iterator<Item = &'a Object> + '_ {
        self.lingering
            .iter()
            .filter_map(|index| self.change.pair(*index)?.old)
    }

    fn pick(&self, as_before: impl Fn(usize) -> bool) -> impl Iterator<Item = &'a Object> {
        self.change
            .pairs()
            .filter_map(move |(index, _, pair)| match self.version(index) {
                _ if as_before(index) => pair.old,
                Version::New => pair.new,
                Version::Old => pair.old,
                Version::Absent => pair.old.filter(|_| self.lingering.contains(&index)),
            })
    }

    fn put(&mut self, index: usize, version: Version) {
        let Some(pair) = self.change.pair(index) else {
            return;
        };
        if let Some(slot) = self.versions.get_mut(index) {
            *slot = version;
        }
        if let Some(old) = pair.old
            && version != Version::Old
            && is_of(&WORKLOADS, old)
            && pods_differ(old, pair.new.filter(|_| version == Version::New))
        {
            self.lingering.insert(index);
        }
    }
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Begins with the old set. That one itself is not among the states: whoever wants it judged has it.
    pub fn new(change: &'a Change<'a>, steps: Vec<Step>) -> Self {
        let mut walk = Self {
            state: State::before(change),
            steps,
            at: 0,
            parts: Vec::new(),
            done: Vec::new(),
            before: Vec::new(),
            ended: false,
        };
        walk.begin();
        walk
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The next state; nothing after the last one.
    ///
    /// A step of one object is one state. Of a step of a few every part that may be done is one; of a step of many, each that
    /// is done first or last, what opens before what closes, the reverse, and all of them.
    pub fn next_state(&mut self) -> Option<Moment<'_, 'a>> {
        while self.parts.is_empty() && self.at < self.steps.len() {
            self.at += 1;
            self.begin();
        }
        if let Some(part) = self.parts.pop() {
            self.put_back();
            let version = match self.steps.get(self.at) {
                Some(Step::Apply(_)) => Version::New,
                _ => Version::Absent,
            };
            for index in &part {
                let lingered = self.state.lingering.contains(index);
                self.before.push((*index, self.state.version(*index), lingered));
                self.state.put(*index, version);
            }
            self.done = part;
            return Some(Moment {
                state: &self.state,
                number: self.at,
                step: self.steps.get(self.at),
                done: &self.done,
            });
        }
        if self.ended {
            return None;
        }
        self.ended = true;
        self.done.clear();
        self.state.lingering.clear();
        Some(Moment {
            state: &self.state,
            number: self.at,
            step: None,
            done: &self.done,
        })
    }

    /// What the part before did, undone; all of a step stays.
    fn put_back(&mut self) {
        for (index, version, lingered) in self.before.drain(..) {
            if let Some(slot) = self.state.versions.get_mut(index) {
                *slot = version;
            }
            if !lingered {
                self.state.lingering.remove(&index);
            }
        }
    }

    fn begin(&mut self) {
        self.before.clear();
        let Some(step) = self.steps.get(self.at) else {
            return;
        };
        let mut parts = parts(step, self.state.change);
        parts.reverse();
        self.parts = parts;
    }
}

/// What is in the cluster when all steps are done and the last old pod has ended.
pub fn end<'a>(change: &Change<'a>, steps: &[Step]) -> Vec<&'a Object> {
    let mut live: Vec<Option<&'a Object>> = change.pairs().map(|(_, _, pair)| pair.old).collect();
    for step in steps {
        for index in step.objects() {
            if let (Some(slot), Some(pair)) = (live.get_mut(*index), change.pair(*index)) {
                *slot = match step {
                    Step::Apply(_) => pair.new,
                    Step::Delete(_) => None,
                };
            }
        }
    }
    live.into_iter().flatten().collect()
}

/// Parts of a step that may be done while the rest is not; all of it is the last.
fn parts(step: &Step, change: &Change<'_>) -> Vec<Vec<usize>> {
    let all = step.objects();
    let mut parts: BTreeSet<Vec<usize>> = BTreeSet::new();
    if all.len() <= EVERY_PART {
        for mask in 1_usize..(1 << all.len()) {
            let chosen = all.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
            parts.insert(chosen.map(|(_, index)| *index).collect());
        }
    } else {
        let closes = |index: &usize| {
            change
                .pair(*index)
                .and_then(|pair| pair.new.or(pair.old))
                .is_some_and(|object| is_of(&CLOSING, object))
        };
        let (closing, opening): (Vec<usize>, Vec<usize>) = all.iter().partition(|index| closes(index));
        parts.extend([closing, opening].into_iter().filter(|part| !part.is_empty()));
        if all.len() <= EACH {
            for index in all {
                parts.insert(vec![*index]);
                parts.insert(all.iter().copied().filter(|other| other != index).collect());
            }
        }
    }
    let mut parts: Vec<Vec<usize>> = parts.into_iter().filter(|part| part.len() < all.len()).collect();
    parts.sort_by_key(Vec::len);
    parts.push(all.to_vec());
    parts
}

fn is_of(kinds: &[(&str, &str)], object: &Object) -> bool {
    kinds.contains(&(object.id.group.as_str(), object.id.kind.as_str()))
}

/// Whether pods of the old version are other pods than those of the new one: what is annotated on a workload is not on them.
fn pods_differ(old: &Object, new: Option<&Object>) -> bool {
    new.is_none_or(|new| {
        let labels = |object: &Object| {
            object
                .value
                .get("metadata")
                .and_then(|meta| meta.get("labels"))
                .cloned()
        };
        old.value.get("spec") != new.value.get("spec") || labels(old) != labels(new)
    })
}

#[cfg(test)]
mod tests;
