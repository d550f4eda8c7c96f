//! Ports that ask nobody, and who reaches them: from inside the cluster and from outside.

use std::collections::{BTreeMap, BTreeSet};

use super::judgement::{Judgement, Rule};
use crate::access::answer::{Caller, Entry, Guard, Hop, HopTls, LoginState, Path, Who, Workload};
use crate::access::read;
use crate::access::study::Study;
use crate::access::workloads::RAY;
use crate::config::access_graph;
use crate::input::platform::GROUP;
use crate::krm::object_id::ObjectId;
use crate::model::api_server::is_api_server;
use crate::model::keys;

/// Judges every workload.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let mut ways: BTreeMap<(&ObjectId, &str), BTreeSet<&ObjectId>> = BTreeMap::new();
    for workload in &study.access.workloads {
        if let Some(graph) = left_to_operator(study, workload) {
            judgements.push(beside(workload, graph));
            // What the controller will put there is not here; what is here counts.
            let mut written = workload.clone();
            written.callers.retain(|caller| !closed_by_none(caller));
            from_inside(&written, judgements);
        } else {
            from_inside(workload, judgements);
        }
        for path in &workload.paths {
            from_outside(study, workload, path, judgements);
            if let (Some(gateway), Some(route)) = (&path.via, route_of(path)) {
                ways.entry((gateway, path.url.as_str()))
                    .or_default()
                    .insert(route);
            }
        }
    }
    for (id, part, caller) in &study.undeclared {
        undeclared(id, part, caller, judgements);
    }
    for other in &study.elsewhere {
        match &other.path.hop {
            HopTls::Unverified(by) => judgements.push(unverified(&other.owner, &other.path, by)),
            HopTls::Plain => {
                let login = to_login(study, &other.path);
                judgements.extend(login.map(|at| plain_login(&other.path, at)));
            }
            HopTls::Verified(_) | HopTls::Passed | HopTls::Unknown => {}
        }
        if let (Some(gateway), Some(route)) = (&other.path.via, route_of(&other.path)) {
            ways.entry((gateway, other.path.url.as_str()))
                .or_default()
                .insert(route);
        }
    }
    for ((gateway, url), routes) in ways {
        collided(gateway, url, &routes, judgements);
    }
    for loose in &study.loose {
        let rule = if loose.unknown {
            Rule::Unknown
        } else {
            Rule::DanglingReference
        };
        let from = loose.hops.last().cloned().unwrap_or_default();
        let message = format!(
            "{} leads on to {}, which {}",
            from.object, loose.end.object, loose.end.says
        );
        let mut way = loose.hops.clone();
        way.push(loose.end.clone());
        judgements.push(Judgement {
            rule,
            at: from,
            message,
            way,
            advice: if loose.unknown {
                "add what it leads to, to have it judged".to_owned()
            } else {
                "correct the reference, or remove it: whoever makes what it names gets the requests"
                    .to_owned()
            },
        });
    }
}

/// The `AccessGraph` of a switched-on Notebook for which nothing of a guard was generated: beside Open Data Hub's own notebook
/// controller, which puts the guard in, with its ConfigMap, Service and policies.
fn left_to_operator(study: &Study<'_>, workload: &Workload) -> Option<ObjectId> {
    if !workload.guards.is_empty() {
        return None;
    }
    let notebook = study.world.of_id(&workload.id)?;
    let switch = format!("/metadata/annotations/{}", keys::INJECT_AUTH.replace('/', "~1"));
    if read::text(&notebook.value, &switch) != Some("true") {
        return None;
    }
    let graphs = study
        .world
        .within(GROUP, access_graph::KIND, &workload.id.namespace);
    let graph = graphs.into_iter().find(|graph| {
        let source = |field: &str| read::text(&graph.value, &format!("/spec/source/{field}"));
        source("kind") == Some(&workload.id.kind) && source("name") == Some(&workload.id.name)
    })?;
    let generated = read::list(&graph.value, "/spec/objects");
    let guard = generated
        .iter()
        .any(|object| matches!(read::text(object, "/kind"), Some("Service" | "ConfigMap")));
    (!guard).then(|| graph.id.clone())
}

fn beside(workload: &Workload, graph: ObjectId) -> Judgement {
    Judgement {
        rule: Rule::Unknown,
        at: Hop {
            object: workload.id.clone(),
            field: "metadata.annotations".to_owned(),
            says: "is switched on".to_owned(),
        },
        message: format!(
            "{} is left to Open Data Hub's notebook controller: guard, Service and policies are of its making, and not in these \
             manifests",
            name(workload)
        ),
        way: vec![Hop {
            object: graph,
            field: "spec.objects".to_owned(),
            says: "lists no guard".to_owned(),
        }],
        advice: "judge what the cluster holds: kubectl get -A -o yaml … | gatewright verify -".to_owned(),
    }
}

/// A workload and its part, in words.
pub fn name(workload: &Workload) -> String {
    if workload.part.is_empty() {
        workload.id.to_string()
    } else {
        format!("{} ({})", workload.id, workload.part)
    }
}

/// Ports in words.
pub fn ports(ports: &BTreeSet<u16>) -> String {
    let all: Vec<String> = ports.iter().map(u16::to_string).collect();
    let word = if all.len() == 1 { "port" } else { "ports" };
    format!("{word} {}", all.join(", "))
}

fn from_inside(workload: &Workload, judgements: &mut Vec<Judgement>) {
    let everybody: BTreeSet<u16> = workload
        .callers
        .iter()
        .filter(|caller| matches!(caller.who, Who::Everybody | Who::OtherNamespaces(_)))
        .flat_map(|caller| caller.ports.iter().copied())
        .collect();
    for caller in &workload.callers {
        // Where every pod gets in, each one of them is no news.
        if matches!(caller.who, Who::Workload(_)) && caller.ports.is_subset(&everybody) {
            continue;
        }
        let open: BTreeSet<u16> = caller.ports.intersection(&workload.unguarded).copied().collect();
        if !open.is_empty() {
            match judged(&caller.who) {
                Some((Rule::Unknown, who)) => judgements.push(named(caller, &who, &open)),
                Some((rule, who)) => judgements.push(open_port(workload, caller, rule, &who, &open)),
                None => {}
            }
        } else if !caller.ports.is_empty() && is_too_wide(workload, &caller.who) {
            // The guard asks, so nothing is open; but nobody but the gateway has to reach it.
            let (_, who) = judged(&caller.who).unwrap_or((Rule::TooWide, String::new()));
            judgements.push(Judgement {
                rule: Rule::TooWide,
                at: caller.by.first().cloned().unwrap_or_default(),
                message: format!(
                    "{who} may reach the guard of {} on {}",
                    name(workload),
                    ports(&caller.ports)
                ),
                way: caller.by.clone(),
                advice: "let in the gateway's pods alone: a guard that nobody can reach cannot be attacked"
                    .to_owned(),
            });
        }
    }
}

/// Whether a guard need not be reached by so many. Jobs come to Ray's from all over the cluster, and to KubeRay's API server: what
/// submits them is any pod.
fn is_too_wide(workload: &Workload, who: &Who) -> bool {
    match who {
        Who::Everybody => true,
        Who::SameNamespace | Who::OtherNamespaces(_) => {
            let images = workload.images.iter().map(|(_, image)| image.as_str());
            workload.id.group != RAY && !is_api_server(&BTreeMap::new(), images)
        }
        _ => false,
    }
}

/// How bad it is that somebody reaches a port that asks nobody, and who that is in words; `None`: a caller who is meant.
fn judged(who: &Who) -> Option<(Rule, String)> {
    Some(match who {
        Who::Everybody => (
            Rule::OpenPort,
            "everybody, every pod of the cluster included,".to_owned(),
        ),
        Who::Gateway(id) => (Rule::OpenPort, format!("the pods of {id}")),
        Who::SameNamespace => (Rule::OpenPort, "every pod of its namespace".to_owned()),
        Who::Workload(id) => (Rule::OpenPort, format!("{id}, which runs somebody else's code,")),
        Who::OtherNamespaces(text) => (Rule::OpenPort, text.clone()),
        Who::WholeNamespace(namespace) => (Rule::TooWide, format!("every pod of namespace {namespace}")),
        Who::SameNamespaceLabelled(text) => {
            (Rule::TooWide, format!("whoever may make {text} in its namespace"))
        }
        Who::LabelledNamespaces(text) => (Rule::TooWide, text.clone()),
        Who::Addresses(block) => (Rule::TooWide, format!("addresses {block}")),
        Who::Named(text) => (Rule::Unknown, text.clone()),
        Who::Itself => return None,
    })
}

/// A policy that lets callers in to ports on which nothing is known to answer: whoever works in the pod may start what does.
fn undeclared(id: &ObjectId, part: &str, caller: &Caller, judgements: &mut Vec<Judgement>) {
    // What a gateway forwards is judged route by route.
    let told = judged(&caller.who)
        .filter(|(rule, _)| *rule != Rule::Unknown && !matches!(caller.who, Who::Gateway(_)));
    let Some((rule, who)) = told else { return };
    let part = if part.is_empty() {
        String::new()
    } else {
        format!(" ({part})")
    };
    let at = caller.by.first().cloned().unwrap_or_default();
    judgements.push(Judgement {
        rule: rule.max(Rule::TooWide),
        message: format!(
            "{who} may reach {} of {id}{part}, on which nothing is known to answer: whatever is started there asks nobody",
            ports(&caller.ports)
        ),
        way: caller.by.clone(),
        at,
        advice: "let in the guard's port alone".to_owned(),
    });
}

/// A caller that a policy means: whoever may make such pods is not for the manifests to say. Said once for each rule.
fn named(caller: &Caller, who: &str, open: &BTreeSet<u16>) -> Judgement {
    let at = caller.by.first().cloned().unwrap_or_default();
    Judgement {
        rule: Rule::Unknown,
        message: format!(
            "{who} reach {} of what {} selects, past any guard: who may make such pods there, the manifests do not say",
            ports(open),
            at.object
        ),
        way: caller.by.clone(),
        at,
        advice: "see that only those who are meant may make pods in that namespace".to_owned(),
    }
}

/// Whether it is the lack of a policy that lets a caller in.
fn closed_by_none(caller: &Caller) -> bool {
    caller.who == Who::Everybody
        && caller
            .by
            .first()
            .is_none_or(|hop| hop.object.kind != "NetworkPolicy")
}

fn open_port(workload: &Workload, caller: &Caller, rule: Rule, who: &str, open: &BTreeSet<u16>) -> Judgement {
    let at = caller.by.first().cloned().unwrap_or_default();
    let advice = if closed_by_none(caller) {
        "write a NetworkPolicy that selects its pods and lets in only the gateway's pods, on the guard's port"
    } else {
        "narrow this rule to the guard's port, or remove it: policies add up, so no other policy can take it back"
    };
    let asks = if workload.guards.is_empty() {
        "which has no guard"
    } else {
        "past its guard"
    };
    Judgement {
        rule,
        message: format!("{who} may reach {} of {}, {asks}", ports(open), name(workload)),
        way: caller.by.iter().cloned().chain([end(workload, open)]).collect(),
        at,
        advice: advice.to_owned(),
    }
}

fn end(workload: &Workload, open: &BTreeSet<u16>) -> Hop {
    Hop {
        object: workload.id.clone(),
        field: String::new(),
        says: format!("answers on {} and asks nobody", ports(open)),
    }
}

fn from_outside(study: &Study<'_>, workload: &Workload, path: &Path, judgements: &mut Vec<Judgement>) {
    let guard = path.guard.and_then(|index| workload.guards.get(index));
    let Some(guard) = guard else {
        judgements.push(unguarded(workload, path));
        return;
    };
    if let Some(stop) = path.stopped.first() {
        judgements.push(Judgement {
            rule: Rule::Blocked,
            at: stop.clone(),
            message: format!(
                "the way to {} by {} is stopped: {}",
                name(workload),
                path.url,
                stop.says
            ),
            way: path.hops.iter().chain(&path.stopped).cloned().collect(),
            advice: "mend it, or remove the route: it promises what does not work".to_owned(),
        });
    }
    login(study, workload, path, guard, judgements);
    if path.url.starts_with("http://") {
        judgements.push(Judgement {
            rule: Rule::UnverifiedHop,
            at: path.hops.first().cloned().unwrap_or_default(),
            message: format!(
                "{} is plain HTTP: cookies and tokens go over the network in the clear",
                path.url
            ),
            way: path.hops.clone(),
            advice: "serve it by HTTPS alone, and let the plain listener only redirect".to_owned(),
        });
    }
}

fn unguarded(workload: &Workload, path: &Path) -> Judgement {
    let who = match path.login {
        LoginState::Asked => "whoever can log in at the gateway",
        LoginState::Skipped | LoginState::None => "anybody",
        LoginState::Unknown => "anybody whom the gateway lets through, which is not in the manifests,",
    };
    let last = path
        .hops
        .get(1)
        .or(path.hops.first())
        .cloned()
        .unwrap_or_default();
    let stopped = match path.stopped.first() {
        Some(stop) => format!(
            " (what stops it today is no guard: {} {})",
            stop.object, stop.says
        ),
        None => String::new(),
    };
    if !workload.unguarded.contains(&path.port) && !workload.guards.is_empty() {
        return Judgement {
            rule: Rule::GuardUnfit,
            at: last,
            message: format!(
                "{} leads to port {} of {}, where nothing is known to answer{stopped}",
                path.url,
                path.port,
                name(workload)
            ),
            way: path.hops.iter().chain(&path.stopped).cloned().collect(),
            advice: "lead it to the guard's port".to_owned(),
        };
    }
    let entry = match path.entry {
        Entry::Gateway => format!("by {}", path.url),
        Entry::Ingress => format!("by {} (Ingress)", path.url),
        Entry::Route => format!("by {} (Route)", path.url),
        Entry::LoadBalancer => "by a load balancer".to_owned(),
        Entry::NodePort => "by a port of any node".to_owned(),
        Entry::Host => "by a port of its node".to_owned(),
    };
    Judgement {
        rule: Rule::UnguardedRoute,
        message: format!(
            "{who} reaches port {} of {} from outside, {entry}, and nothing there asks who it is{stopped}",
            path.port,
            name(workload)
        ),
        way: path.hops.iter().chain(&path.stopped).cloned().collect(),
        at: last,
        advice: if workload.guards.is_empty() {
            "put a guard into the pod and lead there, or remove this way".to_owned()
        } else {
            "lead it to the guard's port".to_owned()
        },
    }
}

fn login(
    study: &Study<'_>,
    workload: &Workload,
    path: &Path,
    guard: &Guard,
    judgements: &mut Vec<Judgement>,
) {
    let Some(gateway) = &path.via else { return };
    let expected = study
        .logins
        .get(gateway)
        .is_some_and(|login| login.login.is_some())
        || has_login_service(study, gateway);
    let message = match path.login {
        LoginState::Skipped => format!(
            "the login of {gateway} is switched off, or fails open, on the way to {}",
            name(workload)
        ),
        LoginState::None if expected => format!(
            "nothing asks for a login at {gateway} on the way to {}",
            name(workload)
        ),
        LoginState::None | LoginState::Asked | LoginState::Unknown => return,
    };
    judgements.push(Judgement {
        rule: Rule::SkippedLogin,
        at: path
            .hops
            .get(1)
            .or(path.hops.first())
            .cloned()
            .unwrap_or_default(),
        message: format!("{message}: container {} alone stands before it", guard.container),
        way: path.hops.clone(),
        advice: "let the gateway ask on every route but the login service's own".to_owned(),
    });
}

/// Whether a login service stands behind a gateway, by the paths that oauth2-proxy and its forks have.
fn has_login_service(study: &Study<'_>, gateway: &ObjectId) -> bool {
    study
        .elsewhere
        .iter()
        .any(|other| other.path.via.as_ref() == Some(gateway) && other.path.url.contains("/oauth2/"))
}

fn unverified(workload: &ObjectId, path: &Path, by: &Hop) -> Judgement {
    let mut way = path.hops.clone();
    way.push(by.clone());
    Judgement {
        rule: Rule::UnverifiedHop,
        at: by.clone(),
        message: format!(
            "the hop to {workload} on the way of {} is TLS whose certificate nobody checks ({}): whoever gets in between reads tokens",
            path.url, by.says
        ),
        way,
        advice: "verify it against a CA and the Service's name".to_owned(),
    }
}

/// The step in which a way comes to the login service that its own gateway asks.
fn to_login<'p>(study: &Study<'_>, path: &'p Path) -> Option<&'p Hop> {
    let gateway = study.logins.get(path.via.as_ref()?)?;
    let service = gateway.login.as_ref()?.service.as_ref()?;
    path.hops.iter().find(|hop| hop.object.same_object(service))
}

fn plain_login(path: &Path, at: &Hop) -> Judgement {
    Judgement {
        rule: Rule::UnverifiedHop,
        at: at.clone(),
        message: format!(
            "the hop to the login service, {}, has no TLS that anything checks: sessions and codes go over it",
            at.object
        ),
        way: path.hops.clone(),
        advice:
            "write a BackendTLSPolicy (or, with Istio, a DestinationRule) for its Service, with its CA and name"
                .to_owned(),
    }
}

fn route_of(path: &Path) -> Option<&ObjectId> {
    path.hops.get(1).map(|hop| &hop.object)
}

fn collided(gateway: &ObjectId, url: &str, routes: &BTreeSet<&ObjectId>, judgements: &mut Vec<Judgement>) {
    let Some(first) = routes.first().filter(|_| routes.len() > 1) else {
        return;
    };
    let names: Vec<String> = routes.iter().map(ToString::to_string).collect();
    judgements.push(Judgement {
        rule: Rule::Collision,
        at: Hop {
            object: (*first).clone(),
            field: "spec.rules".to_owned(),
            says: format!("also {url}"),
        },
        message: format!(
            "{} all take {url} of {gateway}: the one that is older in the cluster wins, which git does not say",
            names.join(" and ")
        ),
        way: Vec::new(),
        advice: "leave one of them".to_owned(),
    });
}
