//! How a workload stands, line by line, and what proves a verdict.

use super::change::{Admission, Portrait, Verdict, Way};
use super::names::{
    asked, caller, guarded, guarding, image, login, methods, place, ports, reference, somebody, tls,
};
use super::sentence::Sentence;
use super::words::at;

/// How a workload stands, or stood.
pub(super) fn stands(portrait: &Portrait, before: bool) -> Vec<Sentence> {
    let mut lines = Vec::new();
    let is = |now: &'static str, then: &'static str| if before { then } else { now };
    for way in &portrait.ways {
        lines.push(leads(way, before));
    }
    if portrait.ways.is_empty() {
        lines.push(Sentence::new(is(
            "no way leads to it from outside",
            "no way led to it from outside",
        )));
    }
    for guard in portrait.guards.iter().filter(|_| !before) {
        lines.push(Sentence::new("guard: ").with(guarding(guard)));
    }
    if portrait.guards.is_empty() {
        lines.push(Sentence::new(is("it has no guard", "it had no guard")));
    } else if portrait.admitted.is_empty() {
        lines.push(Sentence::new(is(
            "the guard lets nobody through, as far as these manifests say",
            "the guard let nobody through, as far as those manifests say",
        )));
    } else {
        let who = |admission: &Admission| somebody(&admission.subject).with(methods(&admission.verbs));
        let who = Sentence::default().list(portrait.admitted.iter().map(who));
        lines.push(Sentence::new(is("may open it: ", "could open it: ")).with(who));
    }
    if before {
        return lines;
    }
    for reach in &portrait.callers {
        let sentence = Sentence::new("in the cluster, ")
            .with(caller(reach))
            .and(" may connect to ");
        lines.push(sentence.with(ports(&reach.ports)).and(asked(reach)));
    }
    for (container, name) in &portrait.images {
        lines.push(
            Sentence::new("container ")
                .name(container)
                .and(" runs ")
                .name(image(name)),
        );
    }
    lines
}

pub(super) fn leads(way: &Way, before: bool) -> Sentence {
    let words = if before {
        "was reached from outside"
    } else {
        "is reached from outside"
    };
    let sentence = Sentence::new(words).with(at(&way.entry, &way.url));
    let sentence = sentence
        .and("; ")
        .and(login(way.login))
        .and("; ")
        .with(guarded(&way.guard));
    sentence.and(&format!("; last hop: {}", tls(way.tls)))
}

/// What proves a verdict, and what to do.
pub(super) fn proof(verdict: &Verdict) -> Vec<Sentence> {
    let mut lines = Vec::new();
    for (index, step) in verdict.way.iter().enumerate() {
        let mut line =
            Sentence::new(if index == 0 { "the way: " } else { "then " }).with(reference(&step.object));
        if !step.field.is_empty() {
            line = line.and(" ").name(&step.field);
        }
        if !step.says.is_empty() {
            line = line.and(": ").said(&step.says);
        }
        lines.push(line.with(place(&step.place)));
    }
    if !verdict.advice.is_empty() {
        lines.push(Sentence::new("to do: ").said(&verdict.advice));
    }
    lines
}
