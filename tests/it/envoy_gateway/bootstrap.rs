//! A static configuration of Envoy out of what Envoy Gateway would tell it piece by piece.

use serde_json::{Value, json};

/// Where things are in a test, in place of a cluster.
pub(crate) struct Places<'a> {
    /// The port on loopback to which a port of the gateway's pods is put.
    pub(crate) listen: &'a dyn Fn(u64) -> u16,
    /// Where on loopback a Service (`<name>.<namespace>.svc`) answers.
    pub(crate) answer: &'a dyn Fn(&str) -> u16,
}

/// Everything that Envoy would ask for is in it: routes, endpoints and secrets. The listener by which a cluster asks whether
/// it is ready is left out.
pub(crate) fn bootstrap(told: &Value, places: &Places<'_>) -> Value {
    let mut listeners: Vec<Value> = list(&told["listeners"])
        .filter(|listener| !text(&listener["name"]).starts_with("envoy-gateway-proxy-ready"))
        .cloned()
        .collect();
    for listener in &mut listeners {
        let port = listener["address"]["socket_address"]["port_value"]
            .as_u64()
            .unwrap();
        listener["address"] = loopback((places.listen)(port));
    }
    let mut clusters: Vec<Value> = list(&told["clusters"]).cloned().collect();
    for cluster in &mut clusters {
        let fields = cluster.as_object_mut().unwrap();
        fields.remove("eds_cluster_config");
        fields.insert("type".into(), "STATIC".into());
        let name = &fields["name"];
        let mut endpoints = named(told, "endpoints", "cluster_name", text(name)).clone();
        place(&mut endpoints, places);
        fields.insert("load_assignment".into(), endpoints);
    }
    let mut resources = json!({ "listeners": listeners, "clusters": clusters });
    fill_in(&mut resources, told);
    json!({
        "node": { "id": "test", "cluster": "test" },
        "static_resources": resources,
    })
}

fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

/// Endpoints say in their metadata which Service they are of.
fn place(endpoints: &mut Value, places: &Places<'_>) {
    for locality in endpoints["endpoints"].as_array_mut().unwrap() {
        let service = &locality["metadata"]["filter_metadata"]["envoy-gateway"]["resources"][0];
        assert_eq!(service["kind"], "Service", "{locality}");
        let host = format!("{}.{}.svc", text(&service["name"]), text(&service["namespace"]));
        for endpoint in locality["lb_endpoints"].as_array_mut().unwrap() {
            endpoint["endpoint"]["address"] = loopback((places.answer)(&host));
        }
    }
}

/// Puts in place of each reference what it refers to.
fn fill_in(value: &mut Value, told: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, told)),
        Value::Object(fields) => {
            if let Some(routes) = fields.remove("rds") {
                let name = text(&routes["route_config_name"]);
                fields.insert("route_config".into(), named(told, "routes", "name", name).clone());
            }
            if let Some(references) = fields.remove("tls_certificate_sds_secret_configs") {
                let certificate = |reference: &Value| {
                    let secret = named(told, "secrets", "name", text(&reference["name"]));
                    secret["tls_certificate"].clone()
                };
                fields.insert(
                    "tls_certificates".into(),
                    list(&references).map(certificate).collect(),
                );
            }
            if let Some(combined) = fields.remove("combined_validation_context") {
                let reference = &combined["validation_context_sds_secret_config"];
                let secret = named(told, "secrets", "name", text(&reference["name"]));
                let mut context = combined["default_validation_context"].clone();
                for (name, value) in secret["validation_context"].as_object().unwrap() {
                    context[name] = value.clone();
                }
                fields.insert("validation_context".into(), context);
            }
            fields.values_mut().for_each(|field| fill_in(field, told));
        }
        _ => {}
    }
}

fn named<'a>(told: &'a Value, kind: &str, key: &str, name: &str) -> &'a Value {
    list(&told[kind])
        .find(|item| item[key] == name)
        .unwrap_or_else(|| panic!("no {name} among the {kind}"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
