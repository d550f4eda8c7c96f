//! Istio: `EnvoyFilters` that put a check into a gateway, and `AuthorizationPolicies` of action CUSTOM.

use serde_json::Value;

use super::{Asked, Reading, What, known};
use crate::access::answer::{Hop, LoginState};
use crate::access::fields;
use crate::access::tls::{GATEWAY_GROUP, MESH_ROOT, is_istio, selects_gateway};
use crate::access::world::World;
use crate::cluster::object::Object;
use crate::krm::object_id::ObjectId;
use crate::model::keys::MANAGER;

const NETWORKING: &str = "networking.istio.io";
const ROUTER: &str = "envoy.filters.http.router";
const CHECK: &str = "envoy.filters.http.ext_authz";
/// Ends of the types of filters that let nobody through unasked.
const CHECKS: [&str; 2] = [".ext_authz.v3.ExtAuthz", ".oauth2.v3.OAuth2"];

/// One patch of a filter that is in force on the gateway.
struct Patch<'a> {
    object: &'a Object,
    place: String,
    applies_to: &'a str,
    operation: &'a str,
    matches: &'a Value,
    value: &'a Value,
    /// Whether it is certain that the object selects the gateway.
    certain: bool,
}

// === impl Patch ===

impl Patch<'_> {
    fn hop(&self, field: &str, says: &str) -> Hop {
        fields::hop(self.object, format!("{}{field}", self.place), says)
    }

    /// The filter among others that it is about.
    fn sub_filter(&self) -> &str {
        fields::text(
            self.matches,
            &["listener", "filterChain", "filter", "subFilter", "name"],
        )
    }

    fn is_check(&self) -> bool {
        kind_of(self.value).is_some_and(|kind| CHECKS.iter().any(|end| kind.ends_with(end)))
    }

    /// Whether it holds for every listener of the gateway: nothing narrows it, or a port that all of them have.
    fn is_everywhere(&self, world: &World<'_>, gateway: &ObjectId) -> bool {
        let narrowed = [
            ["proxy"].as_slice(),
            &["listener", "name"],
            &["listener", "filterChain", "name"],
            &["listener", "filterChain", "sni"],
            &["listener", "filterChain", "transportProtocol"],
            &["listener", "filterChain", "applicationProtocols"],
            &["listener", "filterChain", "destinationPort"],
            &["listener", "listenerFilter"],
        ]
        .iter()
        .any(|path| fields::at(self.matches, path).is_some());
        let port = fields::port(self.matches, &["listener", "portNumber"]);
        let ports = || {
            let listeners = world
                .of_id(gateway)
                .map(|gateway| fields::list(&gateway.value, &["spec", "listeners"]))
                .unwrap_or_default();
            !listeners.is_empty()
                && listeners
                    .iter()
                    .all(|listener| fields::port(listener, &["port"]) == port)
        };
        !narrowed && (fields::at(self.matches, &["listener", "portNumber"]).is_none() || ports())
    }
}

pub(super) fn read(world: &World<'_>, gateway: &ObjectId, reading: &mut Reading) {
    if is_istio(world, gateway) == Some(false) {
        return;
    }
    let filters = in_force(world, gateway, "EnvoyFilter", NETWORKING);
    let patches: Vec<Patch<'_>> = filters
        .iter()
        .flat_map(|(object, certain)| patches(object, *certain))
        .collect();
    let names = inserted(world, gateway, &patches, reading);
    if !names.is_empty() {
        undone(&patches, &names, reading);
        exceptions(&patches, &names, reading);
    }
    let asking: Vec<&ObjectId> = patches
        .iter()
        .filter(|patch| patch.is_check())
        .map(|patch| &patch.object.id)
        .collect();
    for (object, _) in &filters {
        let known = patches
            .iter()
            .filter(|patch| patch.object.id == object.id)
            .all(is_known);
        if !known || (!asking.contains(&&object.id) && !says_ours(object)) {
            let at = fields::hop(object, "spec.configPatches", "changes what the gateway does");
            reading.fault(at, What::Foreign);
        }
    }
    for (object, _) in in_force(world, gateway, "WasmPlugin", "extensions.istio.io") {
        let at = fields::hop(object, "spec", "runs in the gateway");
        reading.fault(at, What::Foreign);
    }
    custom(world, gateway, reading);
}

/// The objects of a kind that are for the gateway, each with whether that is certain: in its namespace or the mesh's own,
/// by labels of its pods or by its name.
fn in_force<'a>(world: &World<'a>, gateway: &ObjectId, kind: &str, group: &str) -> Vec<(&'a Object, bool)> {
    let mut found = Vec::new();
    for namespace in [gateway.namespace.as_str(), MESH_ROOT] {
        if namespace == MESH_ROOT && gateway.namespace == MESH_ROOT && !found.is_empty() {
            break;
        }
        for object in world.within(group, kind, namespace) {
            let spec = &object.value["spec"];
            let targets: Vec<&Value> = fields::list(spec, &["targetRefs"])
                .iter()
                .chain(spec.get("targetRef"))
                .collect();
            let labels = fields::at(spec, &["workloadSelector", "labels"])
                .or_else(|| fields::at(spec, &["selector", "matchLabels"]));
            let selected = if targets.is_empty() {
                labels.map_or(Some(true), |labels| selects_gateway(world, gateway, labels))
            } else {
                let named = targets
                    .iter()
                    .any(|target| targets_gateway(target, gateway, namespace));
                Some(named)
            };
            if selected != Some(false) {
                found.push((object, selected == Some(true)));
            }
        }
    }
    found
}

fn targets_gateway(target: &Value, gateway: &ObjectId, namespace: &str) -> bool {
    let is = |key: &str, text: &str| fields::text(target, &[key]) == text;
    let of_class = is("kind", "GatewayClass");
    let itself = is("kind", "Gateway")
        && is("group", GATEWAY_GROUP)
        && is("name", &gateway.name)
        && namespace == gateway.namespace;
    itself || of_class
}

fn patches(object: &Object, certain: bool) -> Vec<Patch<'_>> {
    let all = fields::list(&object.value, &["spec", "configPatches"])
        .iter()
        .enumerate();
    all.filter(|(_, patch)| ["", "ANY", "GATEWAY"].contains(&fields::text(patch, &["match", "context"])))
        .map(|(index, patch)| Patch {
            object,
            place: format!("spec.configPatches[{index}]"),
            applies_to: fields::text(patch, &["applyTo"]),
            operation: fields::text(patch, &["patch", "operation"]),
            matches: &patch["match"],
            value: &patch["patch"]["value"],
            certain,
        })
        .collect()
}

/// Takes the checks that are put in; gives the names of their filters.
fn inserted(
    world: &World<'_>,
    gateway: &ObjectId,
    patches: &[Patch<'_>],
    reading: &mut Reading,
) -> Vec<String> {
    let mut names = Vec::new();
    for patch in patches {
        let puts = ["INSERT_BEFORE", "INSERT_FIRST", "ADD", "REPLACE"].contains(&patch.operation);
        if patch.applies_to != "HTTP_FILTER" || !patch.is_check() || !puts {
            continue;
        }
        // Before another filter that may not be there, it may not be either.
        let placed = patch.operation == "INSERT_FIRST" || ["", ROUTER].contains(&patch.sub_filter());
        if !patch.certain || !placed || !patch.is_everywhere(world, gateway) {
            reading.fault(patch.hop(".match", "is not for all of the gateway"), What::InPart);
            continue;
        }
        names.push(fields::text(patch.value, &["name"]).to_owned());
        let by = patch.hop(".patch.value", "asks the login service");
        let config = config_of(patch.value);
        opened(patch, config, reading);
        if reading.asked.is_none() {
            reading.asked = Some((by, asked(config)));
        }
    }
    names
}

/// Settings by which a check lets through whom it has not asked about.
fn opened(patch: &Patch<'_>, config: &Value, reading: &mut Reading) {
    if either(config, "failure_mode_allow", "failureModeAllow") == Some(&Value::Bool(true)) {
        let at = patch.hop(".patch.value.typed_config.failure_mode_allow", "true");
        reading.fault(at, What::FailsOpen);
        reading.off = true;
    }
    let part = either(config, "filter_enabled", "filterEnabled").is_some_and(|enabled| !is_always(enabled))
        || either(config, "filter_enabled_metadata", "filterEnabledMetadata").is_some();
    let off = fields::is_true(patch.value, &["disabled"]);
    if part || off {
        let what = if off { What::Off } else { What::InPart };
        reading.fault(
            patch.hop(".patch.value", "does not ask about every request"),
            what,
        );
        reading.off = true;
    }
}

/// Whether a share of requests is all of them.
fn is_always(enabled: &Value) -> bool {
    let Some(share) = either(enabled, "default_value", "defaultValue") else {
        return false;
    };
    let whole = match fields::text(share, &["denominator"]) {
        "TEN_THOUSAND" => 10_000,
        "MILLION" => 1_000_000,
        _ => 100,
    };
    share.get("numerator").and_then(Value::as_u64).unwrap_or_default() >= whole
}

/// Whom a check asks.
fn asked(config: &Value) -> Option<Asked> {
    let http = either(config, "http_service", "httpService");
    let server = http.and_then(|http| either(http, "server_uri", "serverUri"));
    let grpc = either(config, "grpc_service", "grpcService")
        .and_then(|grpc| either(grpc, "envoy_grpc", "envoyGrpc"));
    let cluster = server
        .map(|server| fields::text(server, &["cluster"]))
        .or_else(|| {
            grpc.map(|grpc| {
                either(grpc, "cluster_name", "clusterName")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            })
        })?;
    let parts: Vec<&str> = cluster.split('|').collect();
    if let ["outbound", port, _, host] = parts.as_slice() {
        return Asked::of_host(host, port.parse().ok());
    }
    let uri = server.map(|server| fields::text(server, &["uri"]))?;
    let authority = uri.split_once("://")?.1.split('/').next()?;
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    Asked::of_host(host, port.parse().ok())
}

/// Patches that take a check out again, or change it.
fn undone(patches: &[Patch<'_>], names: &[String], reading: &mut Reading) {
    for patch in patches {
        let whole = patch.applies_to == "NETWORK_FILTER" && ["REMOVE", "REPLACE"].contains(&patch.operation);
        let about = patch.sub_filter();
        let of_check =
            patch.applies_to == "HTTP_FILTER" && (about.is_empty() || names.iter().any(|name| name == about));
        let removed =
            of_check && (patch.operation == "REMOVE" || (patch.operation == "REPLACE" && !patch.is_check()));
        if whole || removed {
            reading.fault(patch.hop(".patch.operation", patch.operation), What::Off);
            reading.off = true;
        }
        if of_check && patch.operation == "MERGE" && !about.is_empty() {
            opened(patch, config_of(patch.value), reading);
        }
    }
}

/// Patches of routes that switch a check off.
fn exceptions(patches: &[Patch<'_>], names: &[String], reading: &mut Reading) {
    for patch in patches {
        let Some(of_filters) = either(patch.value, "typed_per_filter_config", "typedPerFilterConfig") else {
            continue;
        };
        let off = of_filters
            .as_object()
            .into_iter()
            .flatten()
            .any(|(name, config)| (name == CHECK || names.contains(name)) && is_off(config));
        if !off {
            continue;
        }
        let hop = patch.hop(".patch.value", "switches the login off");
        let route = fields::text(patch.matches, &["routeConfiguration", "vhost", "route", "name"]);
        match (patch.applies_to, route_of(route)) {
            ("HTTP_ROUTE", Some((namespace, name, rule))) => {
                for kind in ["HTTPRoute", "GRPCRoute"] {
                    let key = (kind.to_owned(), namespace.to_owned(), name.to_owned(), Some(rule));
                    reading.routes.insert(key, (LoginState::Skipped, hop.clone()));
                }
            }
            // A name that no rule of a route has.
            ("HTTP_ROUTE", None) if !route.is_empty() => reading.fault(hop, What::Foreign),
            _ => {
                reading.fault(hop, What::Off);
                reading.off = true;
            }
        }
    }
}

/// Whether a filter is told that it has nothing to do.
fn is_off(config: &Value) -> bool {
    let inner = config.get("config").unwrap_or(config);
    let inner = inner.get("value").unwrap_or(inner);
    fields::is_true(config, &["disabled"]) || fields::is_true(inner, &["disabled"])
}

/// `namespace.name.rule`; names may hold dots.
fn route_of(name: &str) -> Option<(&str, &str, usize)> {
    let (namespace, rest) = name.split_once('.')?;
    let (name, rule) = rest.rsplit_once('.')?;
    Some((namespace, name, rule.parse().ok()?))
}

/// The type of a filter's configuration.
fn kind_of(value: &Value) -> Option<&str> {
    let config = either(value, "typed_config", "typedConfig")?;
    either(config, "type_url", "typeUrl")
        .or_else(|| config.get("@type"))
        .and_then(Value::as_str)
}

/// The configuration of a filter, out of the wrapper that holds it, if one does.
fn config_of(value: &Value) -> &Value {
    let config = either(value, "typed_config", "typedConfig").unwrap_or(value);
    match either(config, "type_url", "typeUrl") {
        Some(_) => config.get("value").unwrap_or(config),
        None => config,
    }
}

/// Protobuf's two spellings of a field.
fn either<'v>(value: &'v Value, snake: &str, camel: &str) -> Option<&'v Value> {
    value.get(snake).or_else(|| value.get(camel))
}

/// Whether it says that it is ours, which proves nothing.
fn says_ours(object: &Object) -> bool {
    fields::text(
        &object.value,
        &["metadata", "labels", "app.kubernetes.io/managed-by"],
    ) == MANAGER
}

/// Whether a patch is known to let nobody through, or is told of elsewhere.
fn is_known(patch: &Patch<'_>) -> bool {
    let per_route = || {
        let entries = patch.value.as_object();
        entries.is_some_and(|entries| {
            entries
                .keys()
                .all(|key| ["typed_per_filter_config", "typedPerFilterConfig"].contains(&key.as_str()))
        })
    };
    match (patch.applies_to, patch.operation) {
        ("HTTP_FILTER", "INSERT_BEFORE" | "INSERT_FIRST" | "ADD") => {
            patch.is_check() || known::is_filter(patch.value)
        }
        ("HTTP_FILTER" | "NETWORK_FILTER", "REMOVE" | "REPLACE") => true,
        ("HTTP_FILTER", "MERGE") => patch.sub_filter() == CHECK,
        ("NETWORK_FILTER", "MERGE") => known::is_setting(patch.value),
        ("HTTP_ROUTE" | "VIRTUAL_HOST" | "ROUTE_CONFIGURATION", "MERGE") => per_route(),
        _ => false,
    }
}

/// `AuthorizationPolicies` that have the mesh's provider ask.
fn custom(world: &World<'_>, gateway: &ObjectId, reading: &mut Reading) {
    for (policy, certain) in in_force(world, gateway, "AuthorizationPolicy", "security.istio.io") {
        let spec = &policy.value["spec"];
        if fields::text(spec, &["action"]) != "CUSTOM" {
            continue;
        }
        let rules = fields::list(spec, &["rules"]);
        let whole = rules.iter().any(|rule| {
            let narrowed = ["from", "to", "when"]
                .iter()
                .any(|key| !fields::list(rule, &[key]).is_empty());
            !narrowed
        });
        let hop = fields::hop(policy, "spec.action", "CUSTOM: asks the mesh's provider");
        if !certain || !whole {
            let at = fields::hop(policy, "spec.rules", "is not for every request");
            reading.fault(at, What::InPart);
            continue;
        }
        let provider = fields::text(spec, &["provider", "name"]);
        reading.fault(hop.clone(), What::Elsewhere(provider.to_owned()));
        if reading.asked.is_none() {
            reading.asked = Some((hop, None));
        }
    }
}
