//! Envoy Gateway: `SecurityPolicies` of the Gateway, of its listeners, and of routes, which replace the Gateway's.

use serde_json::Value;

use super::{Asked, Reading, What, known};
use crate::access::answer::{Hop, LoginState};
use crate::access::fields;
use crate::access::rights::selects;
use crate::access::tls::{GATEWAY_GROUP, is_istio};
use crate::access::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;

const GROUP: &str = "gateway.envoyproxy.io";
/// Fields of a policy that have somebody say who they are.
const ASKS: [&str; 5] = ["extAuth", "oidc", "jwt", "basicAuth", "apiKeyAuth"];

/// How a policy asks.
struct Way {
    by: Hop,
    open: Option<Hop>,
    asked: Option<Asked>,
}

pub(super) fn read(world: &World<'_>, gateway: &ObjectId, reading: &mut Reading) {
    if is_istio(world, gateway) == Some(true) {
        return;
    }
    let policies = world.all(GROUP, "SecurityPolicy");
    let of_gateway: Vec<(&Object, Option<&str>)> = policies
        .iter()
        .filter(|policy| policy.id.namespace == gateway.namespace)
        .flat_map(|policy| {
            let sections = targets(world, policy, "Gateway");
            sections
                .into_iter()
                .filter(|(name, _)| *name == gateway.name)
                .map(|(_, section)| (*policy, section))
        })
        .collect();
    whole(world, gateway, &of_gateway, reading);
    for policy in &policies {
        for kind in ["HTTPRoute", "GRPCRoute"] {
            for (name, section) in targets(world, policy, kind) {
                route(world, policy, (kind, name, section), reading);
            }
        }
    }
    patched(world, gateway, reading);
    extended(world, gateway, reading);
}

/// The Gateway's own policies: every listener must be asked at.
fn whole(world: &World<'_>, gateway: &ObjectId, policies: &[(&Object, Option<&str>)], reading: &mut Reading) {
    if policies.is_empty() {
        return;
    }
    let mut of_all = policies.iter().filter(|(_, section)| section.is_none());
    let first = of_all.next();
    if let (Some((policy, _)), Some((other, _))) = (first, of_all.next()) {
        let at = fields::hop(policy, "spec.targetRefs", "is for the same Gateway");
        reading.fault(at, What::Contradicted(other.id.clone()));
    }
    let listeners = world
        .of_id(gateway)
        .map(|object| fields::list(&object.value, &["spec", "listeners"]))
        .unwrap_or_default();
    let names: Vec<&str> = listeners
        .iter()
        .map(|listener| fields::text(listener, &["name"]))
        .collect();
    let at_all = policies.iter().filter(|(_, section)| section.is_none());
    let all_ask = first.is_some() && at_all.clone().all(|(policy, _)| way(policy).is_some());
    let asks_at = |listener: &str| {
        let own: Vec<&Object> = policies
            .iter()
            .filter(|(_, section)| *section == Some(listener))
            .map(|(policy, _)| *policy)
            .collect();
        if own.is_empty() {
            all_ask
        } else {
            own.iter().all(|policy| way(policy).is_some())
        }
    };
    let asked = if names.is_empty() {
        all_ask && policies.iter().all(|(policy, _)| way(policy).is_some())
    } else {
        names.iter().all(|name| asks_at(name))
    };
    let ways: Vec<Way> = policies.iter().filter_map(|(policy, _)| way(policy)).collect();
    let Some(found) = ways.first() else {
        return;
    };
    if !asked {
        let at = fields::hop(policies[0].0, "spec.targetRefs", "is not for every listener");
        reading.fault(at, What::InPart);
        reading.off = true;
    }
    for open in ways.iter().filter_map(|way| way.open.clone()) {
        reading.fault(open, What::FailsOpen);
        reading.off = true;
    }
    reading.asked = Some((found.by.clone(), found.asked.clone()));
}

/// A policy of a route: what it does not ask, nobody does, unless it says that it is merged with the Gateway's.
fn route(
    world: &World<'_>,
    policy: &Object,
    (kind, name, section): (&str, &str, Option<&str>),
    reading: &mut Reading,
) {
    let namespace = policy.id.namespace.as_str();
    let merged = !fields::text(&policy.value, &["spec", "mergeType"]).is_empty();
    let way = way(policy);
    if way.is_none() && merged {
        return;
    }
    let (state, hop) = match way {
        Some(Way { open: None, by, .. }) => (LoginState::Asked, by),
        Some(Way { open: Some(open), .. }) => {
            reading.fault(open.clone(), What::FailsOpen);
            (LoginState::Skipped, open)
        }
        None => (
            LoginState::Skipped,
            fields::hop(policy, "spec", "replaces the Gateway's policy, and asks nothing"),
        ),
    };
    let rule = match section {
        None => None,
        Some(section) => {
            let rules = world
                .get(GATEWAY_GROUP, kind, namespace, name)
                .map(|route| fields::list(&route.value, &["spec", "rules"]))
                .unwrap_or_default();
            match rules
                .iter()
                .position(|rule| fields::text(rule, &["name"]) == section)
            {
                Some(index) => Some(index),
                None => return,
            }
        }
    };
    let key = (kind.to_owned(), namespace.to_owned(), name.to_owned(), rule);
    // Of two for one route, the one that asks less is taken for the one that counts.
    let known = reading.routes.get(&key).map(|(state, _)| *state);
    if known != Some(LoginState::Skipped) {
        reading.routes.insert(key, (state, hop));
    }
}

/// The objects of a kind that a policy is for: names and sections.
fn targets<'a>(world: &World<'a>, policy: &'a Object, kind: &str) -> Vec<(&'a str, Option<&'a str>)> {
    let spec = &policy.value["spec"];
    let mut found = Vec::new();
    for target in fields::list(spec, &["targetRefs"])
        .iter()
        .chain(spec.get("targetRef"))
    {
        if fields::text(target, &["kind"]) == kind && fields::text(target, &["group"]) == GATEWAY_GROUP {
            let section = fields::text(target, &["sectionName"]);
            found.push((
                fields::text(target, &["name"]),
                Some(section).filter(|text| !text.is_empty()),
            ));
        }
    }
    for selector in fields::list(spec, &["targetSelectors"]) {
        if fields::text(selector, &["kind"]) != kind {
            continue;
        }
        for object in world.within(GATEWAY_GROUP, kind, &policy.id.namespace) {
            if selects(selector, object) {
                found.push((object.id.name.as_str(), None));
            }
        }
    }
    found
}

/// How a policy asks; none where it does not.
fn way(policy: &Object) -> Option<Way> {
    let spec = &policy.value["spec"];
    let optional = fields::is_true(spec, &["jwt", "optional"]);
    let field = ASKS.iter().find(|field| {
        spec.get(**field).is_some_and(|value| !value.is_null()) && !(**field == "jwt" && optional)
    })?;
    let open = fields::is_true(spec, &["extAuth", "failOpen"]) && *field == "extAuth";
    Some(Way {
        by: fields::hop(
            policy,
            format!("spec.{field}"),
            "asks before the gateway forwards",
        ),
        open: open.then(|| fields::hop(policy, "spec.extAuth.failOpen", "true")),
        asked: asked(&spec["extAuth"], &policy.id.namespace),
    })
}

/// Whom a policy asks.
fn asked(check: &Value, namespace: &str) -> Option<Asked> {
    let service = check.get("http").or_else(|| check.get("grpc"))?;
    let backend = fields::list(service, &["backendRefs"])
        .first()
        .or_else(|| service.get("backendRef"))?;
    if !["", "Service"].contains(&fields::text(backend, &["kind"])) {
        return None;
    }
    let own = fields::text(backend, &["namespace"]);
    Some(Asked {
        namespace: if own.is_empty() { namespace } else { own }.to_owned(),
        name: fields::text(backend, &["name"]).to_owned(),
        port: fields::port(backend, &["port"]),
    })
}

/// Patches of what Envoy is told: those that let through are seen, those that are not known are said.
fn patched(world: &World<'_>, gateway: &ObjectId, reading: &mut Reading) {
    for policy in world.within(GROUP, "EnvoyPatchPolicy", &gateway.namespace) {
        let patches = fields::list(&policy.value, &["spec", "jsonPatches"]);
        for (index, patch) in patches.iter().enumerate() {
            let operation = &patch["operation"];
            let path = fields::text(operation, &["path"]);
            let at = || fields::hop(policy, format!("spec.jsonPatches[{index}]"), path);
            let whole = operation.to_string();
            let opens = whole.contains("failure_mode_allow") || whole.contains("failureModeAllow");
            let is_false = operation.get("value") == Some(&Value::Bool(false));
            let removes = ["remove", "move"].contains(&fields::text(operation, &["op"]))
                && ["http_filters", "ext_authz"]
                    .iter()
                    .any(|word| whole.contains(word));
            if removes && reading.asked.is_some() {
                reading.fault(at(), What::Off);
                reading.off = true;
            } else if opens && !is_false {
                reading.fault(at(), What::FailsOpen);
                reading.off = reading.asked.is_some();
            } else if !opens && !known::is_operation(operation) {
                reading.fault(at(), What::Foreign);
            }
        }
    }
}

/// Scripts, modules and processors that run in the gateway.
fn extended(world: &World<'_>, gateway: &ObjectId, reading: &mut Reading) {
    for policy in world.all(GROUP, "EnvoyExtensionPolicy") {
        let own = policy.id.namespace == gateway.namespace
            && targets(world, policy, "Gateway")
                .iter()
                .any(|(name, _)| *name == gateway.name);
        let of_route = || {
            ["HTTPRoute", "GRPCRoute"].iter().any(|kind| {
                let routes = targets(world, policy, kind).into_iter();
                routes
                    .filter_map(|(name, _)| world.get(GATEWAY_GROUP, kind, &policy.id.namespace, name))
                    .any(|route| is_attached(route, gateway))
            })
        };
        if !own && !of_route() {
            continue;
        }
        let spec = policy.value["spec"].as_object();
        let alone = spec.is_some_and(|spec| {
            let known = ["lua", "targetRef", "targetRefs", "targetSelectors"];
            spec.keys().all(|key| known.contains(&key.as_str()))
        });
        let scripts = fields::list(&policy.value, &["spec", "lua"]).iter();
        let known = alone
            && scripts
                .map(|script| fields::text(script, &["inline"]))
                .all(known::is_script);
        if !known {
            let at = fields::hop(policy, "spec", "runs in the gateway");
            reading.fault(at, What::Foreign);
        }
    }
}

/// Whether a route names a gateway.
fn is_attached(route: &Object, gateway: &ObjectId) -> bool {
    fields::list(&route.value, &["spec", "parentRefs"])
        .iter()
        .any(|parent| {
            let own = fields::text(parent, &["namespace"]);
            let namespace = if own.is_empty() {
                route.id.namespace.as_str()
            } else {
                own
            };
            fields::text(parent, &["name"]) == gateway.name && namespace == gateway.namespace
        })
}
