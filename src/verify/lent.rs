//! Routes that lend an identity: they write the headers by which a guard knows people.

use serde_json::Value;

use super::judgement::{Judgement, Rule};
use super::reach::name;
use crate::access::answer::{Hop, Workload};
use crate::access::read;
use crate::access::study::Study;

/// Headers that say who somebody is, in small letters.
const HEADERS: [&str; 6] = [
    "authorization",
    "cookie",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
];
/// How others of them begin.
const BEGINNINGS: [&str; 5] = [
    "impersonate-",
    "x-auth-request-",
    "x-forwarded-access-token",
    "x-remote-",
    "x-forwarded-token",
];

/// Judges the routes on the ways to guarded workloads.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    for workload in &study.access.workloads {
        for path in workload.paths.iter().filter(|path| path.guard.is_some()) {
            for hop in &path.hops {
                lent(study, workload, hop, judgements);
            }
        }
    }
}

fn lent(study: &Study<'_>, workload: &Workload, hop: &Hop, judgements: &mut Vec<Judgement>) {
    let kind = hop.object.kind.as_str();
    if !matches!(kind, "HTTPRoute" | "GRPCRoute" | "VirtualService") {
        return;
    }
    let Some(route) = study.world.of_id(&hop.object) else {
        return;
    };
    // The rule, and all on the way to what it forwards to, as in spec.rules[0].backendRefs[1].
    let mut pointer = String::new();
    for (depth, step) in hop.field.split('.').enumerate() {
        pointer.push('/');
        pointer.push_str(&step.replace('[', "/").replace(']', ""));
        let Some(at) = route.value.pointer(&pointer).filter(|_| depth > 0) else {
            continue;
        };
        for header in headers(at) {
            let at = Hop {
                object: hop.object.clone(),
                field: hop.field.split('.').take(depth + 1).collect::<Vec<_>>().join("."),
                says: format!("writes the header {header}"),
            };
            judgements.push(Judgement {
                rule: Rule::GuardBypass,
                message: format!(
                    "{} writes the header {header} on the way to the guard of {}: it lends everybody who comes by it this identity",
                    hop.object,
                    name(workload)
                ),
                way: vec![at.clone(), hop.clone()],
                at,
                advice: "let the gateway's login write who somebody is; a route has to take such headers away at most".to_owned(),
            });
        }
    }
}

/// The headers of identity that a rule or a backend sets or adds.
fn headers(of: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for filter in read::list(of, "/filters") {
        for list in ["/requestHeaderModifier/set", "/requestHeaderModifier/add"] {
            let names = read::list(filter, list).iter();
            found.extend(names.filter_map(|header| read::text(header, "/name")));
        }
    }
    for list in ["/headers/request/set", "/headers/request/add"] {
        let names = of.pointer(list).and_then(Value::as_object);
        found.extend(
            names
                .into_iter()
                .flat_map(|names| names.keys().map(String::as_str)),
        );
    }
    let mut found: Vec<String> = found
        .into_iter()
        .map(str::to_ascii_lowercase)
        .filter(|name| {
            HEADERS.contains(&name.as_str()) || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}
