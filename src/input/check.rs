//! A value against the schema of one of our own documents: everything that is wrong with it, at once.
//!
//! Takes a value and a schema made by `schema`; gives findings with field path, what stands there and what could. Knows
//! the few words of JSON Schema that those schemas use.

use serde_json::{Map, Value};

use crate::krm::results::Finding;
use crate::krm::tree::push_key;

/// The findings for a document's value under `path`.
pub fn check(value: &Value, schema: &Value, path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    visit(value, schema, path, &mut findings);
    findings
}

/// The same value with words where YAML reads something else: `Off` without quotes is the boolean `false` to every reader that
/// kubectl and kustomize have, and means the word wherever the schema has one of that spelling.
pub fn as_words(value: Value, schema: &Value) -> Value {
    match value {
        Value::Bool(false) if has_word(schema, OFF) => Value::from(OFF),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let property = &schema["properties"][&name];
                (name, as_words(value, property))
            })
            .collect(),
        other => other,
    }
}

/// The word that YAML 1.1 takes for `false`.
const OFF: &str = "Off";

fn has_word(schema: &Value, word: &str) -> bool {
    let choices = schema["enum"].as_array().into_iter().flatten();
    schema["type"] == "string" && choices.into_iter().any(|choice| choice == word)
}

/// The nearest of some names to one that is not among them, if any is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// A one-word value of the type that the schema has at a dotted path: how `key=value` arguments become fields.
///
/// # Errors
/// A message for a path that is not in the schema, or names more than a scalar, or text that is not of its type.
pub fn scalar_at(schema: &Value, path: &str, text: &str) -> Result<Value, String> {
    let field = path
        .split('.')
        .try_fold(schema, |at, name| at.get("properties")?.get(name));
    match field.and_then(|field| field["type"].as_str()) {
        Some("string") => Ok(Value::from(text)),
        Some("boolean") => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(format!("`{path}` takes true or false")),
        },
        Some(_) => Err(format!(
            "`{path}` is not a single value; give it in a Platform document"
        )),
        None => Err(
            match nearest(path, paths(schema, "").iter().map(String::as_str)) {
                Some(near) => format!("no field `{path}`; did you mean `{near}`?"),
                None => format!("no field `{path}`"),
            },
        ),
    }
}

fn visit(value: &Value, schema: &Value, path: &str, findings: &mut Vec<Finding>) {
    let wanted = schema["type"].as_str().unwrap_or_default();
    let fits = match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => true,
    };
    if !fits {
        // A field without a value is a field that was not set.
        if !value.is_null() {
            findings.push(wrong_type(value, wanted, schema, path));
        } else if path.is_empty() || path == "spec" {
            findings.push(Finding::error("is empty").at(path));
        }
        return;
    }
    match value {
        Value::Object(fields) => object(fields, schema, path, findings),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &schema["items"], &format!("{path}[{index}]"), findings);
            }
        }
        Value::String(text) => string(text, schema, path, findings),
        _ => {}
    }
}

fn object(fields: &Map<String, Value>, schema: &Value, path: &str, findings: &mut Vec<Finding>) {
    let known = schema["properties"].as_object();
    let mut meant: Vec<String> = Vec::new();
    for (name, value) in fields {
        let mut inner = path.to_owned();
        push_key(&mut inner, name);
        if let Some(property) = known.and_then(|known| known.get(name)) {
            visit(value, property, &inner, findings);
        } else if schema["additionalProperties"] == Value::Bool(false) {
            let names = known.into_iter().flat_map(Map::keys).map(String::as_str);
            let finding = if let Some(near) = nearest(name, names.clone()) {
                meant.push(near.to_owned());
                Finding::error(format!("no such field; did you mean `{near}`?")).at(inner)
            } else {
                let names = names.collect::<Vec<_>>().join(", ");
                Finding::error(format!("no such field; the fields here are {names}")).at(inner)
            };
            findings.push(finding);
        } else if schema["additionalProperties"].is_object() {
            visit(value, &schema["additionalProperties"], &inner, findings);
        }
    }
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if fields.get(name).is_none_or(Value::is_null) && !meant.iter().any(|meant| meant == name) {
            let mut inner = path.to_owned();
            push_key(&mut inner, name);
            let choices = known
                .and_then(|known| known.get(name))
                .and_then(|property| property["enum"].as_array());
            let message = match choices {
                Some(choices) => format!("is missing; {}", one_of(choices)),
                None => "is missing".to_owned(),
            };
            findings.push(Finding::error(message).at(inner));
        }
    }
}

fn string(text: &str, schema: &Value, path: &str, findings: &mut Vec<Finding>) {
    if let Some(choices) = schema["enum"].as_array()
        && !choices.iter().any(|choice| choice == text)
    {
        let finding = Finding::error(one_of(choices)).at(path).found(text);
        findings.push(match nearest(text, choices.iter().filter_map(Value::as_str)) {
            Some(near) => finding.propose(near),
            None => finding,
        });
    }
    // The one pattern our schemas use.
    if schema["pattern"].is_string() && !is_version(text) {
        findings.push(
            Finding::error("must be a version of two numbers, for example 1.2")
                .at(path)
                .found(text),
        );
    }
}

fn is_version(text: &str) -> bool {
    text.split_once('.').is_some_and(|(major, minor)| {
        [major, minor]
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn wrong_type(value: &Value, wanted: &str, schema: &Value, path: &str) -> Finding {
    let finding = Finding::error(format!("must be {}", article(wanted)))
        .at(path)
        .found(value.clone());
    match (wanted, value, schema["enum"].as_array()) {
        ("boolean", Value::String(text), _) if text == "true" || text == "false" => {
            finding.propose(text == "true")
        }
        ("string", Value::Number(number), _) => finding.propose(number.to_string()),
        ("string", Value::Bool(_), Some(choices)) => Finding {
            message: one_of(choices),
            ..finding
        },
        _ => finding,
    }
}

fn one_of(choices: &[Value]) -> String {
    let words: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    format!("must be one of {}", words.join(", "))
}

fn article(kind: &str) -> String {
    match kind {
        "object" => "a mapping".into(),
        "array" => "a list".into(),
        "boolean" => "true or false, without quotes".into(),
        "string" => "text; quote it".into(),
        other => format!("of type {other}"),
    }
}

fn paths(schema: &Value, prefix: &str) -> Vec<String> {
    let properties = schema["properties"].as_object();
    let each = properties.into_iter().flatten().flat_map(|(name, property)| {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let inner = paths(property, &path);
        if inner.is_empty() { vec![path] } else { inner }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::input::schema::platform_spec;

    fn lines(value: &Value) -> Vec<String> {
        check(value, &platform_spec(&[]), "spec")
            .iter()
            .map(Finding::to_line)
            .collect()
    }

    #[test]
    fn a_word_that_yaml_reads_as_a_boolean_is_a_word_where_one_is_meant() {
        let schema = json!({"properties": {"mode": {"type": "string", "enum": ["Off", "On"]}, "flag": {"type": "boolean"}}});
        let read = as_words(json!({"mode": false, "flag": false, "other": false}), &schema);
        assert_eq!(read, json!({"mode": "Off", "flag": false, "other": false}));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let lines = lines(&json!({
            "flavour": "OpenShift", "tls": {"source": "serviceca", "skipVerify": "true"},
            "gateway": {"gatewayApi": 1.2, "version": "new"}, "allowTags": 3, "notebooks": []
        }));
        assert_eq!(
            lines,
            [
                "error: spec.flavour: no such field; did you mean `flavor`?",
                "error: spec.tls.source: must be one of ServiceCA, CertManager, Provided (found \"serviceca\"; write \"ServiceCA\")",
                "error: spec.tls.skipVerify: must be true or false, without quotes (found \"true\"; write true)",
                "error: spec.gateway.gatewayApi: must be text; quote it (found 1.2; write \"1.2\")",
                "error: spec.gateway.version: must be a version of two numbers, for example 1.2 (found \"new\")",
                "error: spec.allowTags: must be true or false, without quotes (found 3)",
                "error: spec.notebooks: must be a mapping (found [])",
            ]
        );
    }

    #[test]
    fn a_right_document_has_no_findings() {
        assert_eq!(
            lines(
                &json!({"flavor": "Kubernetes", "notebooks": {"culler": {"labels": {"app": "x"}}, "users": {"groups": ["a"]}}})
            ),
            [""; 0]
        );
    }

    #[test]
    fn arguments_become_typed_fields() {
        let schema = platform_spec(&[]);
        assert_eq!(scalar_at(&schema, "sidecar.image", "x"), Ok(json!("x")));
        assert_eq!(scalar_at(&schema, "allowTags", "true"), Ok(json!(true)));
        assert!(
            scalar_at(&schema, "gateway.nmae", "x")
                .unwrap_err()
                .contains("gateway.name")
        );
        assert!(
            scalar_at(&schema, "gateway", "x")
                .unwrap_err()
                .contains("not a single value")
        );
    }
}
