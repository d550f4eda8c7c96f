//! What is generated from the code and committed is what the program prints, and has the shape its readers expect.
//! `make schemas` writes all of it.

use gatewright::krm::yaml::Piece;
use serde_json::{Value, json};

use crate::program::gatewright;

fn committed(path: &str) -> String {
    let whole = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}; run `make schemas`"))
}

fn printed(arguments: &[&str]) -> String {
    let answer = gatewright(arguments, b"");
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{arguments:?}");
    answer.stdout
}

fn yaml(text: &str) -> Value {
    Piece::new(text, 0..text.len(), 0).value().unwrap()
}

#[track_caller]
fn up_to_date(path: &str, committed: &str, arguments: &[&str]) {
    assert!(
        committed == printed(arguments),
        "{path} is not what `gatewright {}` prints; run `make schemas`",
        arguments.join(" ")
    );
}

#[test]
fn generated_files_are_up_to_date() {
    for (file, arguments) in [
        ("definition.yaml", &["schema", "function"][..]),
        ("platform.schema.json", &["schema", "platform"]),
        ("crds.yaml", &["crds"]),
        ("kustomize-names.yaml", &["schema", "kustomize-names"]),
        ("kustomize-openapi.json", &["schema", "kustomize-openapi"]),
    ] {
        let path = format!("krm-functions/gatewright/{file}");
        up_to_date(&path, &committed(&path), arguments);
    }
}

#[test]
fn the_table_of_defaults_in_the_readme_is_up_to_date() {
    let readme = committed("README.md");
    let parts: Vec<&str> = readme.split("<!-- defaults -->\n").collect();
    assert_eq!(parts.len(), 2, "README.md has one line `<!-- defaults -->`");
    let table = parts[1].split("<!-- /defaults -->\n").next().unwrap();
    assert!(
        table.len() < parts[1].len(),
        "README.md has no line `<!-- /defaults -->`"
    );
    up_to_date("README.md", table, &["schema", "defaults"]);
}

#[test]
fn every_default_of_the_table_is_in_the_schema() {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    let table = printed(&["schema", "defaults"]);
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert!(rows.len() > 20);
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let field = cells[1]
            .split('.')
            .try_fold(&schema["properties"]["spec"], |at, name| {
                at["properties"].get(name)
            });
        let field = field.unwrap_or_else(|| panic!("{row}: no such field in the schema"));
        let default = match field.get("default") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            // It depends on the flavor, or is of a field that anything may stand in.
            None => continue,
        };
        assert_eq!(default, cells[2], "{row}");
    }
}

#[test]
fn the_schema_is_one_that_editors_read() {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    assert_eq!(
        schema["$schema"],
        json!("https://json-schema.org/draft/2020-12/schema")
    );
    assert_eq!(schema["properties"]["spec"]["required"], json!(["flavor"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    every(&schema, "", &mut |path, fields| {
        assert!(
            !fields.contains_key("$ref"),
            "{path}: nothing to look up elsewhere"
        );
        if fields.contains_key("properties") && path != "/properties/metadata" {
            assert_eq!(
                fields.get("additionalProperties"),
                Some(&json!(false)),
                "{path}: a misspelled field is seen"
            );
        }
    });
}

#[test]
fn the_definition_is_a_krm_function_definition() {
    let text = printed(&["schema", "function"]);
    let definition = yaml(&text);
    assert_eq!(definition["apiVersion"], json!("config.kubernetes.io/v1alpha1"));
    assert_eq!(definition["kind"], json!("KRMFunctionDefinition"));
    let spec = &definition["spec"];
    let (group, kind) = (
        spec["group"].as_str().unwrap(),
        spec["names"]["kind"].as_str().unwrap(),
    );
    assert_eq!((group, kind), ("gatewright.dev", "Platform"));
    // The name is NAMES-PLURAL.GROUP, as a CRD's.
    assert!(
        definition["metadata"]["name"]
            .as_str()
            .unwrap()
            .ends_with(&format!(".{group}"))
    );
    for field in ["description", "publisher"] {
        assert!(
            spec[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}"
        );
    }
    let versions = spec["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 1);
    let version = &versions[0];
    assert_eq!(version["name"], json!("v1alpha1"));
    assert_eq!(version["idempotent"], json!(true));
    assert!(
        version["usage"]
            .as_str()
            .is_some_and(|text| text.contains("transformers"))
    );
    assert!(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["flavor"].is_object());
    assert!(version["runtime"]["exec"].is_object() || version["runtime"]["container"].is_object());
    structural(&version["schema"]["openAPIV3Schema"]);
}

#[test]
fn the_crds_are_ones_that_an_api_server_takes() {
    let printed = printed(&["crds"]);
    let crds: Vec<Value> = printed.split("---\n").map(yaml).collect();
    assert_eq!(crds.len(), 2);
    crds.iter().for_each(api_server_takes);
}

fn api_server_takes(crd: &Value) {
    assert_eq!(
        (&crd["apiVersion"], &crd["kind"]),
        (
            &json!("apiextensions.k8s.io/v1"),
            &json!("CustomResourceDefinition")
        )
    );
    let (spec, names) = (&crd["spec"], &crd["spec"]["names"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(
        text(&crd["metadata"]["name"]),
        format!("{}.{}", text(&names["plural"]), text(&spec["group"]))
    );
    assert_eq!(text(&names["listKind"]), format!("{}List", text(&names["kind"])));
    assert!(["Namespaced", "Cluster"].contains(&text(&spec["scope"]).as_str()));
    let versions = spec["versions"].as_array().unwrap();
    assert_eq!(
        versions
            .iter()
            .filter(|version| version["storage"] == json!(true))
            .count(),
        1,
        "one version is stored"
    );
    for version in versions {
        let schema = &version["schema"]["openAPIV3Schema"];
        assert_eq!(schema["type"], json!("object"));
        structural(schema);
    }
}

/// The rules of structural schemas that a generator of JSON Schema breaks most easily (kubernetes.io: "Specifying a
/// structural schema").
fn structural(schema: &Value) {
    every(schema, "", &mut |path, fields| {
        for word in [
            "$ref",
            "definitions",
            "$defs",
            "patternProperties",
            "const",
            "oneOf",
            "anyOf",
            "allOf",
            "$schema",
            "examples",
        ] {
            assert!(!fields.contains_key(word), "{path}: {word}");
        }
        assert!(
            !(fields.contains_key("properties") && fields.contains_key("additionalProperties")),
            "{path}: both kinds of properties"
        );
        assert_ne!(
            fields.get("additionalProperties"),
            Some(&json!(false)),
            "{path}: an API server refuses this"
        );
        assert_ne!(
            fields.get("uniqueItems"),
            Some(&json!(true)),
            "{path}: an API server refuses this"
        );
        match fields.get("type") {
            Some(Value::String(word)) => {
                assert!(
                    ["object", "array", "string", "integer", "number", "boolean"].contains(&word.as_str()),
                    "{path}: {word}"
                );
                assert!(
                    word != "array" || fields.contains_key("items"),
                    "{path}: an array of what?"
                );
            }
            Some(other) => panic!("{path}: type {other}: one type, and nullable beside it"),
            None => {
                let free = [
                    "x-kubernetes-int-or-string",
                    "x-kubernetes-preserve-unknown-fields",
                ];
                assert!(
                    free.iter().any(|word| fields.contains_key(*word)),
                    "{path}: no type"
                );
            }
        }
        if let Some(format) = fields.get("format").and_then(Value::as_str) {
            assert!(
                ["int32", "int64", "float", "double", "byte", "date", "date-time"].contains(&format),
                "{path}: format {format}"
            );
        }
        if let (Some(names), Some(required)) = (
            fields.get("properties"),
            fields.get("required").and_then(Value::as_array),
        ) {
            for name in required {
                assert!(
                    names.get(name.as_str().unwrap()).is_some(),
                    "{path}: {name} is required and not described"
                );
            }
        }
    });
}

/// Visits every schema within a schema.
fn every(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &serde_json::Map<String, Value>)) {
    let Some(fields) = schema.as_object() else { return };
    visit(path, fields);
    for (name, inner) in fields
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        every(inner, &format!("{path}/properties/{name}"), visit);
    }
    for name in ["items", "additionalProperties", "not"] {
        if let Some(inner) = fields.get(name) {
            every(inner, &format!("{path}/{name}"), visit);
        }
    }
}
