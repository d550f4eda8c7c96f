//! Changes as sentences: the same words for the terminal, for Markdown and for JSON's `sentence`.

use std::collections::BTreeSet;

use super::change::{Login, Reference, Scope, Step, Target, Verbs, What};
use super::names::{
    all, asked, by, caller, guarded, guarding, hosts, image, login, methods, named, place, ports, reference,
    rule, somebody, tls,
};
use super::sentence::Sentence;
use super::standing::{proof, stands};

/// What looking is.
const LOOKING: &str = " (GET alone)";
/// What writing is.
const WRITING: &str = " (every method but GET)";
/// How many targets a list names before it counts the rest.
pub(super) const NAMED: usize = 20;

/// A change in one sentence. With several targets it counts them; [`details`] names them.
pub(super) fn sentence(what: &What, targets: &[Target]) -> Sentence {
    let lead = lead(what, &all(targets), targets);
    match targets {
        [target] => lead.with(tail(what, target, true)),
        _ => lead,
    }
}

/// What stands below the sentence, a line each.
pub(super) fn details(what: &What, targets: &[Target]) -> Vec<Sentence> {
    let mut lines = Vec::new();
    if targets.len() > 1 {
        for target in targets.iter().take(NAMED) {
            let tail = tail(what, target, false);
            let line = named(target);
            lines.push(line.with(tail));
        }
        if targets.len() > NAMED {
            lines.push(Sentence::new(&format!(
                "and {} more (--format json names all)",
                targets.len() - NAMED
            )));
        }
    }
    match what {
        What::WorkloadAppears { portrait } | What::SwitchedOn { portrait } => {
            lines.extend(stands(portrait, false));
        }
        What::WorkloadGone { portrait } | What::SwitchedOff { portrait } => {
            lines.extend(stands(portrait, true));
        }
        What::VerdictAppears { verdict } | What::VerdictDiffers { to: verdict, .. } => {
            lines.extend(proof(verdict));
        }
        _ => {}
    }
    lines
}

fn lead(what: &What, it: &Sentence, targets: &[Target]) -> Sentence {
    let it = it.clone();
    let is = if targets.len() == 1 { " is" } else { " are" };
    match what {
        What::VerdictAppears { verdict } => rule(verdict),
        What::VerdictDiffers { from, to } => rule(to).and("; before: ").said(&from.message),
        What::VerdictGone { verdict } => Sentence::new("no longer so: ").with(rule(verdict)),
        What::GatewayLogin { asks: true } => it.and(" asks for a login now, and did not before"),
        What::GatewayLogin { asks: false } => it.and(" no longer asks for a login"),
        What::LoginEverybody { .. } | What::LoginGroups { .. } => logs_in(what, it),
        What::WayLogin { .. }
        | What::WayTls { .. }
        | What::WayGuard { .. }
        | What::WayThrough { .. }
        | What::WayFilters { .. } => way(what, it),
        What::WayOpens { .. } | What::WayCloses { .. } | What::WayMoves { .. } => route(what, it, targets),
        What::Gains { .. } | What::Loses { .. } => shifts(what, it),
        What::CallerGained { reach } => caller(reach)
            .and(" may now connect to ")
            .with(ports(&reach.ports))
            .and(" of ")
            .with(it)
            .and(asked(reach)),
        What::CallerLost { reach } => caller(reach)
            .and(" may no longer connect to ")
            .with(ports(&reach.ports))
            .and(" of ")
            .with(it),
        What::WorkloadAppears { .. } => it.and(is).and(" new"),
        What::SwitchedOn { .. } => it
            .and(is)
            .and(" switched on: there is a guard now, and people get in through that"),
        What::SwitchedOff { .. } => it
            .and(is)
            .and(" switched off but not removed: the guard and every way in from outside are gone"),
        What::WorkloadGone { .. } => it.and(is).and(" gone, and every access with that"),
        What::GatewayAppears { hosts: names, asks } => {
            let asks = if *asks {
                "and asks for a login"
            } else {
                "and is not known to ask for a login"
            };
            it.and(" is new: it answers for ")
                .with(hosts(names))
                .and(" ")
                .and(asks)
        }
        What::GatewayGone { hosts: names } => it.and(" is gone: it answered for ").with(hosts(names)),
        What::Hosts { gone, new } => moved(it, gone, new, targets.len() == 1),
        What::LoginService { from, to } => changes(it.and(" asks another login service"), from, to),
        What::Unguarded { .. }
        | What::GuardGone { .. }
        | What::GuardAppears { .. }
        | What::GuardAlters { .. } => guards(what, it),
        What::Image { .. } => runs(what, it),
    }
}

fn logs_in(what: &What, it: Sentence) -> Sentence {
    match what {
        What::LoginEverybody { may: true, groups } => {
            Sentence::new("everybody whom the identity provider knows may now log in at ")
                .with(it)
                .and("; before, only members of ")
                .names(groups)
        }
        What::LoginEverybody { groups, .. } => Sentence::new("only members of ")
            .names(groups)
            .and(" may still log in at ")
            .with(it)
            .and("; before, everybody whom the identity provider knows"),
        What::LoginGroups { may, groups } => {
            let noun = if groups.len() == 1 {
                "members of group "
            } else {
                "members of the groups "
            };
            let may = if *may {
                " may now log in at "
            } else {
                " may no longer log in at "
            };
            Sentence::new(noun).names(groups).and(may).with(it)
        }
        _ => it,
    }
}

fn way(what: &What, it: Sentence) -> Sentence {
    match what {
        What::WayLogin { to, .. } => {
            let before = match to {
                Login::Asked => "; it was not before",
                _ => "; before, it was otherwise",
            };
            let now = match to {
                Login::Asked => ": a login is asked for at the gateway now",
                Login::Unknown => {
                    ": whether a login is asked for is no longer to be seen, for the gateway is not in the manifests"
                }
                Login::Skipped => ": the gateway's login is now switched off for this way",
                Login::None => ": nothing is known to ask for a login any more",
            };
            Sentence::new("the way to ").with(it).and(now).and(match to {
                Login::Asked => before,
                _ => "",
            })
        }
        What::WayTls { from, to } => Sentence::new("the last hop to ").with(it).and(&format!(
            " is now {}; before, {}",
            tls(*to),
            tls(*from)
        )),
        What::WayGuard { from, to } if to.is_empty() => Sentence::new("the way to ")
            .with(it)
            .and(" no longer ends at a guard; before, at the one in container ")
            .name(from),
        What::WayGuard { from, to } if from.is_empty() => Sentence::new("the way to ")
            .with(it)
            .and(" ends at a guard now, the one in container ")
            .name(to),
        What::WayGuard { from, to } => changes(
            Sentence::new("the way to ")
                .with(it)
                .and(" ends at another guard"),
            from,
            to,
        ),
        What::WayFilters { from, to } => changes(
            Sentence::new("the routes to ")
                .with(it)
                .and(" do something else with requests"),
            from,
            to,
        ),
        What::WayThrough { from, to } => {
            let only = |these: &[Reference], others: &[Reference]| {
                let own = these.iter().filter(|object| !others.contains(object));
                Sentence::default().list(own.map(reference))
            };
            let (gone, new) = (only(from, to), only(to, from));
            let sentence = Sentence::new("the way to ").with(it);
            match (new.is_empty(), gone.is_empty()) {
                (true, true) => sentence.and(" goes through the same objects in another order"),
                (false, true) => sentence.and(" now goes through ").with(new).and(" too"),
                (true, false) => sentence.and(" no longer goes through ").with(gone),
                (false, false) => sentence
                    .and(" now goes through ")
                    .with(new)
                    .and(" instead of ")
                    .with(gone),
            }
        }
        _ => it,
    }
}

fn route(what: &What, it: Sentence, targets: &[Target]) -> Sentence {
    // Of one way its whole address is told, of several what they have in common.
    let told = |origin: &str| match targets {
        [target] if !target.url.is_empty() => target.url.clone(),
        _ => origin.to_owned(),
    };
    let a_way = |words: [&str; 2]| Sentence::new(if targets.len() == 1 { words[0] } else { words[1] });
    match what {
        What::WayOpens {
            entry,
            origin,
            login: state,
            guard,
        } => a_way(["a way from outside opens to ", "ways from outside open to "])
            .with(it)
            .with(at(entry, &told(origin)))
            .and(" (")
            .and(login(*state))
            .and("; ")
            .with(guarded(guard))
            .and(")"),
        What::WayCloses {
            entry,
            origin,
            stopped,
        } => {
            let sentence = a_way(["the way from outside to ", "the ways from outside to "])
                .with(it)
                .with(at(entry, &told(origin)))
                .with(a_way([" closes", " close"]));
            if stopped.is_empty() {
                sentence
            } else {
                sentence
                    .and("; it is still written down, but stopped: ")
                    .said(stopped)
            }
        }
        What::WayMoves {
            from_entry,
            from,
            to_entry,
            to,
        } => {
            let by = |entry: &str, other: &str| {
                if entry == other {
                    String::new()
                } else {
                    format!(" (by {entry})")
                }
            };
            a_way(["the way to ", "the ways to "])
                .with(it)
                .with(a_way([" moves from ", " move from "]))
                .with(address(from))
                .and(&by(from_entry, to_entry))
                .and(" to ")
                .with(address(to))
                .and(&by(to_entry, from_entry))
        }
        _ => it,
    }
}

/// A URL as people read it: without the star for what follows, and a host that may be any in words.
fn address(url: &str) -> Sentence {
    let url = url
        .strip_suffix('*')
        .filter(|_| !url.ends_with("://*"))
        .unwrap_or(url);
    let rest = url.split_once("://").and_then(|(_, rest)| rest.strip_prefix('*'));
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some("" | "/") => Sentence::new("any host"),
        Some(path) => Sentence::new("any host, path ").name(path),
        None => Sentence::default().name(url),
    }
}

/// Where a way begins, in a sentence.
pub(super) fn at(entry: &str, url: &str) -> Sentence {
    let by = match entry {
        "Host" => " on a port of its node".to_owned(),
        entry => format!(" by {entry}"),
    };
    let sentence = Sentence::new(&by);
    if url.is_empty() {
        sentence
    } else {
        sentence.and(" at ").with(address(url))
    }
}

/// Whether these are all verbs of writing, and not some of several.
fn verbs_of_all_writing(verbs: &Verbs) -> bool {
    verbs.verbs.contains("*")
}

fn shifts(what: &What, it: Sentence) -> Sentence {
    let (gains, subject, verbs, more, guard) = match what {
        What::Gains {
            subject,
            verbs,
            more,
            guard,
        } => (true, subject, verbs, *more, guard),
        What::Loses {
            subject,
            verbs,
            more,
            guard,
        } => (false, subject, verbs, *more, guard),
        _ => return it,
    };
    let who = somebody(subject);
    let sentence = match (gains, more, verbs.scope) {
        (true, false, Some(Scope::Look)) => who.and(" may now look at ").with(it).and(LOOKING),
        (true, false, Some(Scope::Write)) => who.and(" may now write to ").with(it).and(WRITING),
        (true, false, _) => who.and(" may now open ").with(it).with(methods(verbs)),
        (false, false, _) => who.and(" may no longer open ").with(it),
        (true, true, Some(Scope::Look)) => who.and(" may now also look at ").with(it).and(LOOKING),
        (true, true, Some(Scope::Write)) if verbs_of_all_writing(verbs) => who
            .and(" may now write to ")
            .with(it)
            .and(", and might only look before")
            .and(WRITING),
        (false, true, Some(Scope::Look)) => who
            .and(" may no longer look at ")
            .with(it)
            .and(", and may still write"),
        (false, true, Some(Scope::Write)) if verbs_of_all_writing(verbs) => who
            .and(" may no longer write to ")
            .with(it)
            .and(", and may still look"),
        (true, true, _) => who.and(" may now also ").names(&verbs.verbs).and(" at ").with(it),
        (false, true, _) => who
            .and(" may no longer ")
            .names(&verbs.verbs)
            .and(" at ")
            .with(it),
    };
    if guard.is_empty() {
        sentence
    } else {
        sentence.and(" through ").name(guard)
    }
}

fn guards(what: &What, it: Sentence) -> Sentence {
    match what {
        What::Unguarded {
            appear: true,
            ports: list,
        } => {
            let stands = if list.len() == 1 { " is" } else { " are" };
            ports(list)
                .and(" of ")
                .with(it)
                .and(stands)
                .and(" new, and no guard stands before it")
        }
        What::Unguarded { ports: list, .. } => ports(list)
            .and(" of ")
            .with(it)
            .and(", before which no guard stood, is gone or guarded"),
        What::GuardGone { guard } => Sentence::new("a guard of ")
            .with(it)
            .and(" is gone: ")
            .with(guarding(guard)),
        What::GuardAppears { guard } => it.and(" gets a guard: ").with(guarding(guard)),
        What::GuardAlters {
            container,
            property,
            from,
            to,
        } => {
            let sentence = Sentence::new("the guard of ")
                .with(it)
                .and(" (container ")
                .name(container)
                .and(")");
            match property.as_str() {
                "review" if to.is_empty() => sentence
                    .and(" no longer asks the API server who may pass; before, it asked for ")
                    .name(from),
                "review" => changes(sentence.and(" asks the API server another question"), from, to),
                "program" => changes(sentence.and(" is another program"), from, to),
                "container" => changes(sentence.and(" has another name"), from, to),
                "settings" if from.is_empty() && to.is_empty() => {
                    sentence.and(" is started with its settings in another order")
                }
                "settings" => changes(sentence.and(" is started with other settings"), from, to),
                "port" => changes(sentence.and(" listens on another port"), from, to),
                _ => changes(sentence.and(" forwards to other ports"), from, to),
            }
        }
        _ => it,
    }
}

fn runs(what: &What, it: Sentence) -> Sentence {
    let What::Image {
        container,
        guard,
        from,
        to,
    } = what
    else {
        return it;
    };
    let role = if *guard { "the guard" } else { "container" };
    let sentence = Sentence::new(role).and(" ").name(container).and(" of ").with(it);
    match (from.is_empty(), to.is_empty()) {
        (true, _) => sentence.and(" is new: it runs ").name(image(to)),
        (_, true) => sentence.and(" is gone: it ran ").name(image(from)),
        _ => {
            let (old, new) = (image(from), image(to));
            // Cut to the same, they are shown whole.
            let (old, new) = if old == new {
                (from.clone(), to.clone())
            } else {
                (old, new)
            };
            changes(sentence.and(" runs another image"), &old, &new)
        }
    }
}

fn moved(it: Sentence, gone: &BTreeSet<String>, new: &BTreeSet<String>, one: bool) -> Sentence {
    let answer = if one { " answers for " } else { " answer for " };
    match (gone.is_empty(), new.is_empty()) {
        (true, _) => it.and(" now").and(answer).with(hosts(new)),
        (_, true) => it.and(" no longer").and(answer).with(hosts(gone)),
        _ => it
            .and(answer)
            .with(hosts(new))
            .and(" instead of ")
            .with(hosts(gone)),
    }
}

fn changes(sentence: Sentence, from: &str, to: &str) -> Sentence {
    changes_by(sentence.and(":"), (from, ""), (to, ""))
}

fn changes_by(sentence: Sentence, from: (&str, &str), to: (&str, &str)) -> Sentence {
    let value = |sentence: Sentence, value: &str| {
        if value.is_empty() {
            sentence.and("nothing")
        } else {
            sentence.name(value)
        }
    };
    let sentence = value(sentence.and(" from "), from.0).and(from.1);
    value(sentence.and(" to "), to.0).and(to.1)
}

/// What is to be said of one target beside its name, with what joins it.
fn tail(what: &What, target: &Target, alone: bool) -> Sentence {
    let led = |words: &str, sentence: Sentence| {
        if sentence.is_empty() {
            sentence
        } else {
            Sentence::new(words).with(sentence)
        }
    };
    let url = |words: &str| {
        if target.url.is_empty() {
            Sentence::default()
        } else {
            Sentence::new(words).with(address(&target.url))
        }
    };
    let objects = || {
        let others = target.by.iter().filter(|step| step.object != target.object);
        by(&others.cloned().collect::<Vec<_>>())
    };
    let address = |words: &str| if alone { Sentence::default() } else { url(words) };
    let closes = |step: &Step| step.object.kind == "NetworkPolicy";
    match what {
        What::CallerGained { .. } if !target.by.iter().any(closes) => {
            Sentence::new(": no NetworkPolicy closes it")
        }
        What::CallerLost { .. } if !target.by.iter().any(closes) => {
            Sentence::new(": before, no NetworkPolicy closed it")
        }
        What::Loses { .. } | What::CallerLost { .. } | What::GatewayLogin { asks: false } => {
            led("; before, by ", objects())
        }
        What::Gains { .. }
        | What::WayTls { .. }
        | What::GatewayLogin { .. }
        | What::GatewayAppears { .. }
        | What::GuardAlters { .. }
        | What::CallerGained { .. } => led(", by ", objects()),
        What::WayOpens { .. } => address(": ").with(led(", through ", objects())),
        What::WayCloses { stopped, .. } if !stopped.is_empty() => address(": ").with(led(", by ", objects())),
        What::WayCloses { .. } => address(": ").with(led(", before through ", objects())),
        What::WayMoves { .. }
        | What::WayLogin { .. }
        | What::WayGuard { .. }
        | What::WayThrough { .. }
        | What::WayFilters { .. } => url(": "),
        What::VerdictAppears { .. }
        | What::VerdictDiffers { .. }
        | What::VerdictGone { .. }
        | What::WorkloadAppears { .. }
        | What::SwitchedOn { .. }
        | What::SwitchedOff { .. }
        | What::WorkloadGone { .. }
        | What::Image { .. } => target
            .by
            .first()
            .map(|step| place(&step.place))
            .unwrap_or_default(),
        _ => Sentence::default(),
    }
}
