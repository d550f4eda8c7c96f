//! JSON Schemas of our own documents, and what is made of them: the CRD and the KRMFunctionDefinition.
//!
//! Takes the types of `platform` and the table of defaults; gives JSON values. What is committed is generated from here
//! and checked for drift.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::platform::{GROUP, KIND, PlatformSpec, VERSION};

/// The schema of Platform's `spec`, without references, nulls or `oneOf`: what checks input, what a CRD may hold.
/// `defaults` are pairs of a field's path and its default as text.
pub fn platform_spec(defaults: &[(&str, String)]) -> Value {
    let mut schema = of::<PlatformSpec>();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("title");
        fields.insert("required".into(), json!(["flavor"]));
    }
    for (path, default) in defaults {
        let field = path
            .split('.')
            .try_fold(&mut schema, |at, name| at.get_mut("properties")?.get_mut(name));
        if let Some(Value::Object(field)) = field {
            let value = match field.get("type").and_then(Value::as_str) {
                Some("boolean") => json!(default == "true"),
                _ => json!(default),
            };
            field.insert("default".into(), value);
        }
    }
    schema
}

/// The schema of a type, in the same few words.
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    simplify(&mut schema);
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("title");
    }
    schema
}

/// The schema of a whole Platform document, for editors.
pub fn platform_document(defaults: &[(&str, String)]) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": KIND,
        "description": "The facts of the target cluster: functionConfig of gatewright.",
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": { "const": format!("{GROUP}/{VERSION}") },
            "kind": { "const": KIND },
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": { "name": { "type": "string" } }
            },
            "spec": platform_spec(defaults)
        }
    })
}

/// The `CustomResourceDefinition` of Platform, for clusters in which the document itself is kept.
pub fn platform_crd(defaults: &[(&str, String)]) -> Value {
    crd(KIND, "platforms", &open_api(defaults), None)
}

/// The `CustomResourceDefinition` of a kind of ours whose spec has this schema; with a status of its own if one is given.
pub fn crd_of(kind: &str, plural: &str, about: &str, spec: &Value, mut status: Value) -> Value {
    by_type(&mut status);
    let mut schema = document(about, spec);
    schema["properties"]["status"] = status;
    strip_closed(&mut schema);
    crd(kind, plural, &schema, Some(json!({ "status": {} })))
}

fn crd(kind: &str, plural: &str, schema: &Value, subresources: Option<Value>) -> Value {
    let mut version = json!({
        "name": VERSION,
        "served": true,
        "storage": true,
        "schema": { "openAPIV3Schema": schema }
    });
    if let Some(subresources) = subresources {
        version["subresources"] = subresources;
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{GROUP}") },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase()
            },
            "scope": "Namespaced",
            "versions": [version]
        }
    })
}

/// Conditions are told apart by their type, so that several writers do not overwrite each other's.
fn by_type(status: &mut Value) {
    if let Some(conditions) = status.pointer_mut("/properties/conditions") {
        conditions["x-kubernetes-list-type"] = json!("map");
        conditions["x-kubernetes-list-map-keys"] = json!(["type"]);
    }
}

/// The KRMFunctionDefinition of the generator. Source of the shape: kubernetes-sigs/kustomize
/// `kyaml/fn/framework/function_definition.go`.
pub fn function_definition(defaults: &[(&str, String)], usage: &str) -> Value {
    let example = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": { "name": "platform" },
        "spec": { "flavor": "OpenShift" }
    });
    json!({
        "apiVersion": "config.kubernetes.io/v1alpha1",
        "kind": "KRMFunctionDefinition",
        "metadata": { "name": format!("platforms.{GROUP}") },
        "spec": {
            "group": GROUP,
            "names": { "kind": KIND },
            "description": "Writes the access graph around Notebooks, and the gateway and login before them: guards, routes, policies, certificates.",
            "publisher": GROUP,
            "tags": ["mutator", "notebooks", "authentication", "gateway-api"],
            "versions": [{
                "name": VERSION,
                "schema": { "openAPIV3Schema": open_api(defaults) },
                "idempotent": true,
                "usage": usage,
                "examples": [example.to_string()],
                "license": "Apache-2.0",
                "runtime": { "exec": { "platforms": [{ "bin": "gatewright", "os": "linux", "arch": "amd64" }] } }
            }]
        }
    })
}

/// As an API server takes it: no `additionalProperties` beside `properties`.
fn open_api(defaults: &[(&str, String)]) -> Value {
    let mut spec = platform_spec(defaults);
    strip_closed(&mut spec);
    document(
        "The facts of the target cluster: functionConfig of gatewright.",
        &spec,
    )
}

fn document(about: &str, spec: &Value) -> Value {
    json!({
        "type": "object",
        "description": about,
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": spec
        }
    })
}

fn strip_closed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("additionalProperties") == Some(&Value::Bool(false)) {
                fields.remove("additionalProperties");
            }
            fields.values_mut().for_each(strip_closed);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_closed),
        _ => {}
    }
}

/// Takes out what the generator adds for Rust's `Option` and documented enum variants.
fn simplify(schema: &mut Value) {
    if let Value::Object(fields) = schema {
        if let Some(Value::Array(types)) = fields.get("type")
            && let Some(first) = types.iter().find(|name| *name != "null").cloned()
        {
            fields.insert("type".into(), first);
        }
        if let Some(Value::Array(options)) = fields.remove("anyOf")
            && let Some(Value::Object(only)) = options.into_iter().find(|option| option["type"] != "null")
        {
            let description = fields.get("description").cloned();
            fields.extend(only);
            if let Some(description) = description {
                fields.insert("description".into(), description);
            }
        }
        if let Some(Value::Array(options)) = fields.remove("oneOf") {
            fields.insert("type".into(), json!("string"));
            fields.insert(
                "enum".into(),
                options.iter().map(|option| option["const"].clone()).collect(),
            );
            let variants = options.iter().filter_map(|option| {
                Some(format!(
                    "{}: {}",
                    option["const"].as_str()?,
                    option["description"].as_str()?
                ))
            });
            let text = variants.collect::<Vec<_>>().join(" ");
            let own = fields
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let all = format!("{own} {text}").trim().to_owned();
            fields.insert("description".into(), Value::from(all));
        }
        if fields.get("default") == Some(&Value::Null) {
            fields.remove("default");
        }
        if fields.get("default").is_some_and(Value::is_object)
            || fields.get("default").is_some_and(Value::is_array)
        {
            fields.remove("default");
        }
        if let Some(Value::String(description)) = fields.get_mut("description") {
            *description = description.replace('\n', " ");
        }
        let Some(Value::Object(properties)) = fields.get_mut("properties").map(Value::take) else {
            fields.values_mut().for_each(simplify);
            return;
        };
        let properties: Map<String, Value> = properties
            .into_iter()
            .map(|(name, mut property)| {
                simplify(&mut property);
                (name, property)
            })
            .collect();
        fields.insert("properties".into(), Value::Object(properties));
    }
}
