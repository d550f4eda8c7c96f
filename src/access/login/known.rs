//! Changes of a gateway that are known to let nobody through: our own, and the operator's. Labels prove nothing.

use serde_json::Value;

use crate::access::fields;
use crate::model::digest::sha256;

/// Filters that are put in beside the check: by their names and the ends of their types.
const LUA: [&str; 2] = ["envoy.filters.http.lua", "envoy.filters.http.lua.before-login"];
const NAMED: &str = "envoy.filters.http.rbac.after-login";
const NAMED_TYPE: &str = ".rbac.v3.RBAC";
/// Lines of scripts that hold the cookie's name.
const COOKIE: [&str; 2] = ["local SESSION = ", "local cookie_pattern = "];
/// The scripts, as digests without those lines: ours of Istio and Envoy Gateway, ours of before, the operator's.
const SCRIPTS: &[&str] = &[
    "a2704fa6ac620223f0f9b37069965a23205cf9a730b40038573efd43448ca347",
    "ec582d2cd8530801fe345834e3f5467150248b4fd91dbc598e4aedc3f6f4c82b",
    "90055acdaecbc32427fcea00ce52a43e14b18347478c5f1523be495383cbe263",
    "3d05e21aafd791e7f14d5179e8e1cd68fe9b8358fb37113a2541b0353c89df6f",
    "dddf5908cf51f92bc6b01d8cf76d169c6f4f71c7f7bcc892f86593febb5bad77",
    "e82f5f79a2f1097ba9e64642eb64f5ae3b9eca154e23c3e69271170e4b9421e4",
];
/// Settings of the connection manager that we change; none of them decides who is let through.
const SETTINGS: [&str; 5] = [
    "@type",
    "common_http_protocol_options",
    EARLY,
    "local_reply_config",
    "max_request_headers_kb",
];
const EARLY: &str = "early_header_mutation_extensions";
/// What our patches of Envoy Gateway's listeners add.
const ADDED: [&str; 8] = [
    "/max_request_headers_kb",
    "/common_http_protocol_options/headers_with_underscores_action",
    "/early_header_mutation_extensions/0",
    "/local_reply_config",
    "/validate_mutations",
    "/http_service/authorization_response/allowed_client_headers_on_success",
    REQUEST,
    "/clear_route_cache",
];
const REQUEST: &str = "/http_service/authorization_request";
/// Headers that the check may be told.
const TOLD: [&str; 2] = ["x-auth-request-redirect", "accept"];

/// Whether a script is one that is known.
pub(super) fn is_script(text: &str) -> bool {
    let lines = text
        .lines()
        .filter(|line| !COOKIE.iter().any(|cookie| line.trim_start().starts_with(cookie)));
    let rest: Vec<&str> = lines.collect();
    SCRIPTS.contains(&sha256(rest.join("\n").trim_end_matches('\n')).as_str())
}

/// Whether a filter that is put in beside the check is known.
pub(super) fn is_filter(value: &Value) -> bool {
    let name = fields::text(value, &["name"]);
    let config = &value["typed_config"];
    if name == NAMED {
        return fields::text(config, &["@type"]).ends_with(NAMED_TYPE);
    }
    let script = [
        ["default_source_code", "inline_string"].as_slice(),
        &["inline_code"],
    ]
    .iter()
    .map(|path| fields::text(config, path))
    .find(|text| !text.is_empty());
    let others = ["source_codes", "sourceCodes"]
        .iter()
        .any(|key| config.get(key).is_some());
    LUA.contains(&name) && !others && script.is_some_and(is_script)
}

/// Whether settings of the connection manager are known.
pub(super) fn is_setting(value: &Value) -> bool {
    let config = value.get("typed_config").and_then(Value::as_object);
    config.is_some_and(|config| {
        config.keys().all(|key| SETTINGS.contains(&key.as_str())) && config.get(EARLY).is_none_or(removes)
    })
}

/// Whether a change of headers takes away alone.
fn removes(value: &Value) -> bool {
    let text = value.to_string();
    !["\"append\"", "header_to_add", "headerToAdd"]
        .iter()
        .any(|word| text.contains(word))
}

/// Whether an operation on what Envoy Gateway tells Envoy is known.
pub(super) fn is_operation(operation: &Value) -> bool {
    let path = fields::text(operation, &["path"]);
    let value = &operation["value"];
    let tells = || {
        let told = value
            .as_object()
            .into_iter()
            .flatten()
            .all(|(key, _)| key == "headers_to_add");
        told && fields::list(value, &["headers_to_add"])
            .iter()
            .all(|header| TOLD.contains(&fields::text(header, &["key"])))
    };
    fields::text(operation, &["op"]) == "add"
        && ADDED.contains(&path)
        && removes_or(path, value)
        && (path != REQUEST || tells())
}

fn removes_or(path: &str, value: &Value) -> bool {
    !path.contains(EARLY) || removes(value)
}
