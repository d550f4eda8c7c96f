//! How a workload stands on one side, in the words that a comparison uses.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Admission, Guarding, Login, Portrait, Reach, Scope, Somebody, Tls, Verbs, Way};
use crate::access::answer::{
    self, Caller, Entry, Guard, HopTls, LoginState, Path, Program, Review, Subject, Who, Workload,
};

/// All of a workload.
pub(super) fn of(workload: &Workload) -> Portrait {
    let guards: Vec<Guarding> = workload.guards.iter().map(guarding).collect();
    let is_guard = |name: &str| workload.guards.iter().any(|guard| guard.container == name);
    let images = workload.images.iter().filter(|(name, _)| !is_guard(name));
    Portrait {
        ways: workload
            .paths
            .iter()
            .filter(|path| is_open(path))
            .map(|path| way(path, workload))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        guards,
        admitted: admitted(workload),
        callers: callers(workload)
            .into_iter()
            .map(|((who, name), ports)| reach(who, name, ports, workload))
            .collect(),
        unguarded: workload.unguarded.clone(),
        images: images.cloned().collect(),
    }
}

/// Whether a way leads in today.
pub(super) fn is_open(path: &Path) -> bool {
    path.stopped.is_empty()
}

pub(super) fn way(path: &Path, workload: &Workload) -> Way {
    Way {
        entry: entry(path.entry).to_owned(),
        url: path.url.clone(),
        login: login(path.login),
        guard: guard_of(path, workload),
        tls: tls(&path.hop),
    }
}

/// The container of the guard at a way's end; empty: none.
pub(super) fn guard_of(path: &Path, workload: &Workload) -> String {
    let guard = path.guard.and_then(|index| workload.guards.get(index));
    guard.map(|guard| guard.container.clone()).unwrap_or_default()
}

pub(super) fn entry(entry: Entry) -> &'static str {
    match entry {
        Entry::Gateway => "Gateway",
        Entry::Ingress => "Ingress",
        Entry::Route => "Route",
        Entry::LoadBalancer => "LoadBalancer",
        Entry::NodePort => "NodePort",
        Entry::Host => "Host",
    }
}

pub(super) fn login(state: LoginState) -> Login {
    match state {
        LoginState::Asked => Login::Asked,
        LoginState::Skipped => Login::Skipped,
        LoginState::None => Login::None,
        LoginState::Unknown => Login::Unknown,
    }
}

pub(super) fn tls(hop: &HopTls) -> Tls {
    match hop {
        HopTls::Verified(_) => Tls::Verified,
        HopTls::Unverified(_) => Tls::Unverified,
        HopTls::Plain => Tls::Plain,
        HopTls::Passed => Tls::Passed,
        HopTls::Unknown => Tls::Unknown,
    }
}

pub(super) fn guarding(guard: &Guard) -> Guarding {
    Guarding {
        container: guard.container.clone(),
        program: program(guard.program).to_owned(),
        image: guard.image.clone(),
        review: guard.review.as_ref().map(review).unwrap_or_default(),
    }
}

pub(super) fn program(program: Program) -> &'static str {
    match program {
        Program::KubeRbacProxy => "kube-rbac-proxy",
        Program::OauthProxy => "oauth-proxy",
        Program::SecurityProxy => "KubeRay's security proxy",
        Program::Gatewright => "gatewright",
    }
}

/// What is asked about: `notebooks/access sales/churn (kubeflow.org)`, and the verb where it is one for every method.
pub(super) fn review(review: &Review) -> String {
    let mut text = review.resource.clone();
    if !review.subresource.is_empty() {
        text.push('/');
        text.push_str(&review.subresource);
    }
    match (review.namespace.as_str(), review.name.as_str()) {
        ("", "") => text.push_str(", whichever"),
        (namespace, "") => text.push_str(&format!(" of namespace {namespace}, whichever")),
        ("", name) => text.push_str(&format!(" {name}")),
        (namespace, name) => text.push_str(&format!(" {namespace}/{name}")),
    }
    if !review.group.is_empty() {
        text.push_str(&format!(" ({})", review.group));
    }
    if review.verbs.len() == 1 {
        let verb = review.verbs.iter().next().map_or("", String::as_str);
        text.push_str(&format!(" with verb {verb}"));
    }
    text
}

pub(super) fn somebody(subject: &Subject) -> Somebody {
    Somebody {
        kind: subject.kind.clone(),
        namespace: subject.namespace.clone(),
        name: subject.name.clone(),
    }
}

/// Verbs, and whether a guard asks about no other.
pub(super) fn verbs(verbs: BTreeSet<String>, guard: &Guard) -> Verbs {
    let asked = guard.review.as_ref().map(|review| &review.verbs);
    let all = asked.is_none_or(|asked| asked.is_subset(&verbs));
    let scope = guard.review.as_ref().and_then(|review| review.scope(&verbs));
    let scope = scope.and_then(|scope| match scope {
        answer::Scope::Look => Some(Scope::Look),
        answer::Scope::Write => Some(Scope::Write),
        answer::Scope::Both => None,
    });
    Verbs { verbs, all, scope }
}

/// Everybody whom some guard lets through, and how.
fn admitted(workload: &Workload) -> Vec<Admission> {
    let mut found: BTreeMap<Somebody, Verbs> = BTreeMap::new();
    for guard in &workload.guards {
        let mut here: BTreeMap<Somebody, BTreeSet<String>> = BTreeMap::new();
        for admitted in &guard.admitted {
            let verbs = here.entry(somebody(&admitted.subject)).or_default();
            verbs.extend(admitted.verbs.iter().cloned());
        }
        for (subject, names) in here {
            let verbs = verbs(names, guard);
            let known = found.entry(subject).or_insert_with(|| verbs.clone());
            known.all &= verbs.all;
            known.verbs.extend(verbs.verbs);
        }
    }
    let admission = |(subject, verbs)| Admission { subject, verbs };
    found.into_iter().map(admission).collect()
}

/// Who reaches which ports.
pub(super) type Callers = BTreeMap<(&'static str, String), BTreeSet<u16>>;

/// A caller that is everybody: whatever else is let in is let in by this too.
pub(super) const EVERYBODY: &str = "everybody, from anywhere";

/// Who reaches which of a workload's ports.
pub(super) fn callers(workload: &Workload) -> Callers {
    let mut callers = Callers::new();
    for caller in &workload.callers {
        let Some(who) = called(&caller.who) else { continue };
        // The labels of a gateway's pods, beside the gateway that they stand for.
        let stands_for = |other: &Caller| matches!(other.who, Who::Gateway(_)) && other.by == caller.by;
        if matches!(caller.who, Who::Named(_)) && workload.callers.iter().any(stands_for) {
            continue;
        }
        callers
            .entry(who)
            .or_default()
            .extend(caller.ports.iter().copied());
    }
    // An empty set of ports is nobody.
    callers.retain(|_, ports| !ports.is_empty());
    callers
}

/// What a caller is called: words and, perhaps, a name. The workload itself always reaches itself, and is left out.
pub(super) fn called(who: &Who) -> Option<(&'static str, String)> {
    let named = match who {
        Who::Everybody => (EVERYBODY, String::new()),
        Who::Gateway(id) | Who::Workload(id) => ("the pods of", id.to_string()),
        Who::SameNamespace => ("every pod of its own namespace", String::new()),
        Who::SameNamespaceLabelled(pods) => ("", format!("{pods}, of its own namespace")),
        Who::OtherNamespaces(pods) | Who::LabelledNamespaces(pods) | Who::Named(pods) => ("", pods.clone()),
        Who::WholeNamespace(name) => ("every pod of the namespace", name.clone()),
        Who::Addresses(addresses) => ("the addresses", addresses.clone()),
        Who::Itself => return None,
    };
    Some(named)
}

pub(super) fn reach(who: &str, name: String, ports: BTreeSet<u16>, workload: &Workload) -> Reach {
    let asks = |port: &u16| workload.guards.iter().any(|guard| guard.port == *port);
    Reach {
        who: who.to_owned(),
        name,
        guarded: ports.iter().all(asks),
        ports,
    }
}
