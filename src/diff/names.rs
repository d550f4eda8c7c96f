//! Names of objects, people, ports and settings, as sentences put them.

use std::collections::BTreeSet;

use super::change::{Guarding, Login, Reach, Reference, Somebody, Step, Target, Tls, Verbs, Verdict};
use super::sentence::{Sentence, numbers};

/// How the place of an object begins that stands in no file.
const MADE_FOR: &str = "made for ";
/// How many characters of a digest are shown.
const DIGEST: usize = 12;

pub(super) fn reference(object: &Reference) -> Sentence {
    Sentence::new(&format!("{} ", kind(&object.kind))).name(object.path())
}

/// A kind is written by somebody too, where it is no word.
pub(super) fn kind(kind: &str) -> &str {
    if kind.chars().all(|c| c.is_ascii_alphanumeric()) {
        kind
    } else {
        "object"
    }
}

pub(super) fn named(target: &Target) -> Sentence {
    let name = reference(&target.object);
    match target.part.as_str() {
        "" => name,
        part => name.and(&format!(" ({part})")),
    }
}

/// What all targets are together: the one, or how many of which kind.
pub(super) fn all(targets: &[Target]) -> Sentence {
    if let [target] = targets {
        return named(target);
    }
    let kinds: BTreeSet<&str> = targets.iter().map(|target| target.object.kind.as_str()).collect();
    let noun = match kinds.iter().collect::<Vec<_>>().as_slice() {
        [one] => format!("{}s", kind(one)),
        _ => "objects".to_owned(),
    };
    Sentence::new(&format!("{} {noun}", targets.len()))
}

pub(super) fn somebody(subject: &Somebody) -> Sentence {
    match (subject.kind.as_str(), subject.name.as_str()) {
        ("Group", "system:authenticated") => Sentence::new("everybody who has logged in (group ")
            .name(&subject.name)
            .and(")"),
        ("Group", "system:unauthenticated") => Sentence::new("whoever has not logged in (group ")
            .name(&subject.name)
            .and(")"),
        ("Group", "system:serviceaccounts") => Sentence::new("every ServiceAccount of the cluster (group ")
            .name(&subject.name)
            .and(")"),
        ("Group", name) => match name.strip_prefix("system:serviceaccounts:") {
            Some(namespace) => Sentence::new("every ServiceAccount of namespace ").name(namespace),
            None => Sentence::new("group ").name(name),
        },
        ("ServiceAccount", name) => {
            Sentence::new("ServiceAccount ").name(format!("{}/{name}", subject.namespace))
        }
        (_, name) => Sentence::new("user ").name(name),
    }
}

/// `(all methods)`, `(only get and list)`; nothing where verbs are not told apart.
pub(super) fn methods(verbs: &Verbs) -> Sentence {
    if verbs.verbs.is_empty() || (verbs.all && verbs.verbs.len() == 1) {
        Sentence::default()
    } else if verbs.all {
        Sentence::new(" (all methods)")
    } else {
        Sentence::new(" (only ").names(&verbs.verbs).and(")")
    }
}

/// ` (file:line)`; of what was just made, what it was made for.
pub(super) fn place(place: &str) -> Sentence {
    match (place, place.strip_prefix(MADE_FOR)) {
        ("", _) => Sentence::default(),
        (_, Some(source)) => Sentence::new(" (made for ").name(source).and(")"),
        _ => Sentence::new(" (").name(place).and(")"),
    }
}

/// Objects by which something is so: `RoleBinding a/b (file:3) and Role a/c`.
pub(super) fn by(steps: &[Step]) -> Sentence {
    let mut seen = BTreeSet::new();
    let distinct = steps.iter().filter(|step| seen.insert(&step.object));
    let parts = distinct.map(|step| reference(&step.object).with(place(&step.place)));
    Sentence::default().list(parts)
}

/// An image with its digest cut to what can be compared by eye.
pub(super) fn image(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, digest)) if digest.len() > DIGEST => {
            let short: String = digest.chars().take(DIGEST).collect();
            format!("{name}@sha256:{short}…")
        }
        _ => image.to_owned(),
    }
}

pub(super) fn login(login: Login) -> &'static str {
    match login {
        Login::Asked => "login: asked for by the gateway",
        Login::Unknown => "login: not known, for the gateway is not in these manifests",
        Login::Skipped => "login: switched off for this way",
        Login::None => "login: none",
    }
}

pub(super) fn tls(tls: Tls) -> &'static str {
    match tls {
        Tls::Verified => "TLS, certificate checked",
        Tls::Passed => "the caller's own TLS, passed on",
        Tls::Unknown => "not to be seen in these manifests",
        Tls::Unverified => "TLS, certificate not checked by anybody",
        Tls::Plain => "plain HTTP",
    }
}

pub(super) fn guarded(guard: &str) -> Sentence {
    if guard.is_empty() {
        Sentence::new("guard: none")
    } else {
        Sentence::new("guard: ").name(guard)
    }
}

pub(super) fn guarding(guard: &Guarding) -> Sentence {
    let mut sentence = Sentence::new(&guard.program);
    if guard.container != guard.program {
        sentence = sentence.and(" in container ").name(&guard.container);
    }
    let sentence = sentence.and(", image ").name(image(&guard.image));
    if guard.review.is_empty() {
        sentence.and("; it asks the API server about nobody")
    } else {
        sentence
            .and("; it asks the API server who may use ")
            .name(&guard.review)
    }
}

pub(super) fn ports(ports: &BTreeSet<u16>) -> Sentence {
    let noun = if ports.len() == 1 { "port " } else { "ports " };
    Sentence::new(noun).with(numbers(ports))
}

pub(super) fn caller(reach: &Reach) -> Sentence {
    let who = Sentence::new(&reach.who);
    match (reach.who.as_str(), reach.name.as_str()) {
        (_, "") => who,
        ("", name) => Sentence::default().said(name),
        (_, name) => who.and(" ").name(name),
    }
}

/// What a port means: whether whoever reaches it is asked.
pub(super) fn asked(reach: &Reach) -> &'static str {
    match (reach.guarded, reach.ports.len()) {
        (true, _) => ", where the guard asks who they are",
        (false, 1) => ", where no guard asks who they are",
        (false, _) => ", not all of which a guard listens on",
    }
}

pub(super) fn hosts(hosts: &BTreeSet<String>) -> Sentence {
    if hosts.contains("*") {
        Sentence::new("any host")
    } else {
        Sentence::default().names(hosts)
    }
}

pub(super) fn rule(verdict: &Verdict) -> Sentence {
    Sentence::default()
        .said(&verdict.message)
        .and(&format!(" [{}]", verdict.rule))
}
