//! Grants and listeners that let in more than is needed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::judgement::{Judgement, Rule};
use crate::access::answer::{Entry, Hop};
use crate::access::gateways::{GROUP, Listener, Takes};
use crate::access::labels::{self, Selected};
use crate::access::study::Study;
use crate::access::workloads;
use crate::access::{read, routes};
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys;

/// Judges `ReferenceGrant`s and the listeners of gateways that lead to workloads or ask for logins.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let used = used(study);
    for grant in study.world.all(GROUP, "ReferenceGrant") {
        too_wide(grant, judgements);
        unused(grant, &used, judgements);
    }
    let users = user_namespaces(study);
    for gateway in &study.access.gateways {
        let Some(object) = study
            .world
            .of_id(&gateway.id)
            .filter(|_| matters(study, &gateway.id))
        else {
            continue;
        };
        for listener in Listener::all(object) {
            foreign_routes(study, &listener, object, &users, judgements);
        }
    }
    for (set, gateway) in routes::listener_sets(&study.world) {
        if matters(study, &gateway) {
            for listener in Listener::all(set) {
                foreign_routes(study, &listener, set, &users, judgements);
            }
        }
    }
}

/// Whether anything that is judged here depends on a gateway.
fn matters(study: &Study<'_>, gateway: &ObjectId) -> bool {
    let login = study
        .logins
        .get(gateway)
        .is_some_and(|login| login.login.is_some());
    let mut paths = study.access.workloads.iter().flat_map(|workload| &workload.paths);
    login || paths.any(|path| path.entry == Entry::Gateway && path.via.as_ref() == Some(gateway))
}

fn user_namespaces<'s>(study: &'s Study<'_>) -> BTreeSet<&'s str> {
    let users = study
        .access
        .workloads
        .iter()
        .filter(|workload| workloads::runs_user_code(&workload.id));
    users.map(|workload| workload.id.namespace.as_str()).collect()
}

fn too_wide(grant: &Object, judgements: &mut Vec<Judgement>) {
    for (index, to) in read::list(&grant.value, "/spec/to").iter().enumerate() {
        if read::text(to, "/kind") != Some("Service") || read::text(to, "/name").is_some() {
            continue;
        }
        let from = read::list(&grant.value, "/spec/from").iter();
        let from: Vec<String> = from
            .map(|from| {
                let kind = read::text(from, "/kind").unwrap_or("?");
                format!(
                    "{kind}s of namespace {}",
                    read::text(from, "/namespace").unwrap_or("?")
                )
            })
            .collect();
        let hop = Hop {
            object: grant.id.clone(),
            field: format!("spec.to[{index}]"),
            says: "names no Service: it means all of them".to_owned(),
        };
        judgements.push(Judgement {
            rule: Rule::TooWide,
            at: hop.clone(),
            message: format!(
                "{} may lead to every Service of namespace {}, unguarded ones too",
                from.join(" and "),
                grant.id.namespace
            ),
            way: vec![hop],
            advice: "name the guard's Service in `to`".to_owned(),
        });
    }
}

/// The kind and namespace of a route, and the namespace of a Service that it leads to.
type Leads<'r> = (&'r str, &'r str, &'r str);

/// From where to where routes lead.
fn used<'s>(study: &'s Study<'_>) -> BTreeSet<Leads<'s>> {
    let mut used = BTreeSet::new();
    for kind in routes::KINDS {
        for route in study.world.all(GROUP, kind) {
            let own = route.id.namespace.as_str();
            for rule in read::list(&route.value, "/spec/rules") {
                for backend in read::list(rule, "/backendRefs") {
                    used.insert((kind, own, read::text(backend, "/namespace").unwrap_or(own)));
                }
            }
        }
    }
    used
}

/// Where a grant is used at all, whom else it lets in.
fn unused(grant: &Object, used: &BTreeSet<Leads<'_>>, judgements: &mut Vec<Judgement>) {
    let own = grant.id.namespace.as_str();
    let is_used = |from: &Value| {
        let (kind, namespace) = (read::text(from, "/kind"), read::text(from, "/namespace"));
        used.contains(&(kind.unwrap_or_default(), namespace.unwrap_or_default(), own))
    };
    let from = read::list(&grant.value, "/spec/from");
    if !from.iter().any(is_used) {
        return;
    }
    for (index, from) in from.iter().enumerate().filter(|(_, from)| !is_used(from)) {
        let hop = Hop {
            object: grant.id.clone(),
            field: format!("spec.from[{index}]"),
            says: "nothing of the manifests needs it".to_owned(),
        };
        judgements.push(Judgement {
            rule: Rule::TooWide,
            message: format!(
                "{}s of namespace {} may lead to Services of namespace {own}, and none does",
                read::text(from, "/kind").unwrap_or("?"),
                read::text(from, "/namespace").unwrap_or("?")
            ),
            way: vec![hop.clone()],
            at: hop,
            advice: "take it out of `from`".to_owned(),
        });
    }
}

fn foreign_routes(
    study: &Study<'_>,
    listener: &Listener<'_>,
    gateway: &Object,
    users: &BTreeSet<&str>,
    judgements: &mut Vec<Judgement>,
) {
    let mut say = |rule: Rule, who: String| {
        let mut at = listener.hop();
        at.field.push_str(".allowedRoutes");
        judgements.push(Judgement {
            rule,
            message: format!(
                "{who} may take addresses of {} by a route of their own, and with them the tokens of those who open them",
                gateway.id
            ),
            way: vec![at.clone()],
            at,
            advice: "take routes from the platform's own namespaces alone, by their names".to_owned(),
        });
    };
    match listener.takes() {
        Takes::All => say(Rule::ForeignRoutes, "people of every namespace".to_owned()),
        Takes::Unclear => say(
            Rule::ForeignRoutes,
            "people of namespaces that cannot be read from it".to_owned(),
        ),
        Takes::Same => {
            if users.contains(gateway.id.namespace.as_str()) {
                say(
                    Rule::ForeignRoutes,
                    format!("users of namespace {}", gateway.id.namespace),
                );
            }
        }
        Takes::Selected(selector) => {
            let around = &study.around;
            if around.any_namespace_selected(&selector) {
                say(Rule::ForeignRoutes, "people of every namespace".to_owned());
                return;
            }
            let pinned = labels::pinned(&selector, keys::NAMESPACE_NAME).is_some();
            let mut theirs = users.iter().filter(|namespace| {
                let selected = around.namespace_selected(&selector, namespace);
                selected == Selected::Yes || (pinned && selected.possible())
            });
            if let Some(namespace) = theirs.next() {
                say(Rule::ForeignRoutes, format!("users of namespace {namespace}"));
            } else if !pinned && labels::satisfiable(&selector, &std::collections::BTreeMap::new()) {
                let who = format!("people of namespaces with {}", labels::words(&selector));
                say(Rule::TooWide, who);
            }
        }
    }
}
