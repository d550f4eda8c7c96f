//! Envoy Gateway: what its policies cannot say of the check and its surroundings, as patches of what it tells Envoy.
//!
//! Sources: envoyproxy/gateway `api/v1alpha1/envoypatchpolicy_types.go`, `internal/xds/translator/{jsonpatch,listener}.go` for
//! what a patch does and for the names. It is in force only where Envoy Gateway is told so; elsewhere it is refused by a
//! status, and changes nothing. So nothing here is what keeps people out, and each patch is safe without the others: one that
//! finds nothing is left out by itself.

use serde::Serialize;

use super::Object;
use super::envoy::{
    self, AuthorizationRequest, CONNECTION_MANAGER, EXT_AUTHZ, Extension, HeaderMutation, KEEPS_ROUTE, LUA,
    LocalReplyConfig, MAX_REQUEST_HEADERS_KB, OWN_PATH, PATTERNS, Patterns, Status,
};
use super::envoy_gateway::{TIMEOUT, TargetRef, policy};
use super::gateway::LISTENER;
use crate::model::gateway::Gateway;
use crate::plan::class::Class;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PatchSpec {
    target_ref: TargetRef,
    #[serde(rename = "type")]
    kind: &'static str,
    json_patches: Vec<Patch>,
}

#[derive(Serialize)]
struct Patch {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    operation: Operation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    op: &'static str,
    json_path: String,
    path: &'static str,
    value: Content,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Number(u32),
    Switch(bool),
    Word(&'static str),
    Duration(String),
    Early(Extension<HeaderMutation>),
    Replies(LocalReplyConfig),
    Asked(AuthorizationRequest),
    Names(Patterns),
    Status(Status),
}

/// The patches. An `add` of a field that is there replaces it, and Envoy Gateway makes what leads there.
pub(super) fn object(gateway: &Gateway) -> Object {
    let (namespace, policy_name) = (&gateway.namespace, &gateway.filter);
    let manager = settings("filters", CONNECTION_MANAGER);
    let check = settings(
        "http_filters",
        &format!("{EXT_AUTHZ}/securitypolicy/{namespace}/{policy_name}"),
    );
    let script = settings(
        "http_filters",
        &format!("{LUA}/envoyextensionpolicy/{namespace}/{policy_name}/lua/0"),
    );
    let patches = of_connections(gateway)
        .into_iter()
        .map(|change| (&manager, change))
        .chain(of_check(gateway).into_iter().map(|change| (&check, change)))
        .chain(of_script(gateway).map(|change| (&script, change)));
    let spec = PatchSpec {
        target_ref: TargetRef::gateway(gateway),
        kind: "JSONPatch",
        json_patches: patches
            .map(|(json_path, (path, value))| Patch {
                kind: "type.googleapis.com/envoy.config.listener.v3.Listener",
                // Listeners with one port are one for Envoy, and have the name of the first.
                name: format!("{namespace}/{}/{LISTENER}", gateway.name),
                operation: Operation {
                    op: "add",
                    json_path: json_path.clone(),
                    path,
                    value,
                },
            })
            .collect(),
    };
    policy(gateway, "EnvoyPatchPolicy", policy_name, Class::Enforce, spec)
}

/// Where the settings of a filter are.
fn settings(list: &str, name: &str) -> String {
    format!("$..{list}[?(@.name == '{name}')].typed_config")
}

/// What the `ClientTrafficPolicy` says is said here again: of two such policies the older one is in force.
fn of_connections(gateway: &Gateway) -> Vec<(&'static str, Content)> {
    vec![
        ("/max_request_headers_kb", Content::Number(MAX_REQUEST_HEADERS_KB)),
        (
            "/common_http_protocol_options/headers_with_underscores_action",
            Content::Word(envoy::UNDERSCORES),
        ),
        (
            // Before what the ClientTrafficPolicy sets.
            "/early_header_mutation_extensions/0",
            Content::Early(envoy::forged_identity(gateway.envoy())),
        ),
        ("/local_reply_config", Content::Replies(envoy::local_replies())),
    ]
}

fn of_check(gateway: &Gateway) -> Vec<(&'static str, Content)> {
    let mut changes = vec![
        ("/validate_mutations", Content::Switch(true)),
        (
            "/http_service/authorization_response/allowed_client_headers_on_success",
            Content::Names(envoy::client_on_success()),
        ),
    ];
    if gateway.envoy() >= PATTERNS {
        let asked = envoy::asked_about();
        changes.push(("/http_service/authorization_request", Content::Asked(asked)));
    }
    if gateway.envoy() < OWN_PATH {
        changes.push(("/status_on_error", Content::Status(envoy::DOWN)));
    }
    if gateway.version < TIMEOUT {
        let timeout = gateway.login.timeout.to_proto();
        changes.push(("/http_service/server_uri/timeout", Content::Duration(timeout)));
    }
    changes
}

/// Chosen anew, a route could be another than was checked.
fn of_script(gateway: &Gateway) -> Option<(&'static str, Content)> {
    (gateway.envoy() >= KEEPS_ROUTE).then_some(("/clear_route_cache", Content::Switch(false)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::envoy_filter::tests::gateway;
    use super::*;
    use crate::input::platform::GatewayImplementation::EnvoyGateway;

    fn operations(minor: u32) -> Vec<Value> {
        let object = object(&gateway(EnvoyGateway, (1, minor), None));
        assert_eq!(object.class, Class::Enforce);
        let spec = &object.value["spec"];
        assert_eq!(spec["targetRef"]["name"], "data-science-gateway");
        let patches = spec["jsonPatches"].as_array().unwrap().iter();
        patches
            .map(|patch| {
                assert_eq!(patch["name"], "ingress/data-science-gateway/https");
                patch["operation"].clone()
            })
            .collect()
    }

    fn value(minor: u32, path: &str) -> Option<Value> {
        let found = operations(minor)
            .into_iter()
            .find(|operation| operation["path"] == path);
        found.map(|operation| operation["value"].clone())
    }

    /// An Envoy that does not know a field refuses all that it is told.
    #[test]
    fn each_version_gets_the_fields_it_has() {
        let asked = "/http_service/authorization_request";
        let timeout = "/http_service/server_uri/timeout";
        // Envoy Gateway; asked with CEL, status_on_error and timeout here instead of in a policy
        for (minor, cel, status, own_timeout) in [
            (5, false, true, true),
            (6, true, true, false),
            (7, true, true, false),
            (8, true, false, false),
            (9, true, false, false),
        ] {
            assert_eq!(value(minor, asked).is_some(), cel, "1.{minor}");
            assert_eq!(value(minor, "/status_on_error").is_some(), status, "1.{minor}");
            assert_eq!(value(minor, timeout).is_some(), own_timeout, "1.{minor}");
            let early = value(minor, "/early_header_mutation_extensions/0").unwrap();
            let first = &early["typed_config"]["mutations"][0];
            assert_eq!(first.get("remove_on_match").is_some(), cel, "1.{minor}");
            assert_eq!(value(minor, "/clear_route_cache"), Some(json!(false)));
            assert_eq!(value(minor, "/validate_mutations"), Some(json!(true)));
        }
        assert_eq!(value(5, timeout), Some(json!("7.5s")));
        assert_eq!(
            value(5, "/status_on_error"),
            Some(json!({"code": "ServiceUnavailable"}))
        );
    }

    #[test]
    fn only_the_login_s_own_filters_are_changed() {
        let mut places: Vec<String> = operations(9)
            .iter()
            .map(|operation| {
                assert_eq!(operation["op"], "add");
                operation["jsonPath"].as_str().unwrap().to_owned()
            })
            .collect();
        places.dedup();
        let policy = "ingress/data-science-authn-filter";
        assert_eq!(
            places,
            [
                "$..filters[?(@.name == 'envoy.filters.network.http_connection_manager')].typed_config"
                    .to_owned(),
                format!("$..http_filters[?(@.name == '{EXT_AUTHZ}/securitypolicy/{policy}')].typed_config"),
                format!(
                    "$..http_filters[?(@.name == '{LUA}/envoyextensionpolicy/{policy}/lua/0')].typed_config"
                ),
            ]
        );
    }
}
