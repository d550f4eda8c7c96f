//! Finds the Platform: the functionConfig, or the one document of that kind in the input.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Batch, Framed, items, place, syntax};
use crate::input::platform::{GROUP, KIND, PlatformSpec, VERSION};
use crate::input::{check, schema};
use crate::krm::results::{self, Finding};
use crate::krm::stream::Item;
use crate::krm::tree::Node;
use crate::model::names::{LABEL_MAX, is_dns_label, near_label};
use crate::model::platform::{self, Environment, Platform};

/// What messages call a functionConfig that was handed over without the file it is from.
pub const FUNCTION_CONFIG: &str = "<functionConfig>";
/// The name of a Platform that was given as `key=value` arguments.
const ANONYMOUS: &str = "platform";

/// The Platform with its defaults, if there is one and it is right.
pub(super) fn find(
    batch: &Batch,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> Option<Platform> {
    let (framed, item) = choose(batch, findings)?;
    let id = &item.head.id;
    let known = id.group == GROUP || (id.group.is_empty() && id.kind == "ConfigMap");
    if !known && !items(batch).any(|(_, _, item)| super::is_acted_on(&item.head.id)) {
        return None;
    }
    let piece = item.piece(&framed.source);
    let (value, tree) = match piece.value().and_then(|value| Ok((value, piece.tree()?))) {
        Ok(read) => read,
        Err(error) => {
            findings.push(syntax(&framed.source, &error).about(id));
            return None;
        }
    };
    let mut found = Vec::new();
    let spec_schema = schema::platform_spec(&[]);
    let spec = if id.kind == "ConfigMap" && id.group.is_empty() {
        from_arguments(&value, &spec_schema, &mut found)
    } else if id.group == GROUP && id.kind == KIND {
        from_document(&value, &spec_schema, &mut found)
    } else {
        let message =
            format!("the functionConfig must be a {GROUP}/{VERSION} {KIND}, or a ConfigMap of its fields");
        found.push(
            Finding::error(message)
                .at("kind")
                .found(id.kind.clone())
                .propose(KIND),
        );
        None
    };
    let name = if id.kind == KIND {
        id.name.clone()
    } else {
        ANONYMOUS.to_owned()
    };
    check_name(&name, &mut found);
    let platform = spec.and_then(|spec| platform::resolve(&name, spec, environment, &mut found));
    let failed = results::has_errors(&found);
    findings.extend(
        found
            .into_iter()
            .map(|finding| locate(framed, item, finding, &tree)),
    );
    platform.filter(|_| !failed)
}

/// Platform's name is part of others' names.
fn check_name(name: &str, findings: &mut Vec<Finding>) {
    if name.is_empty() {
        findings.push(
            Finding::error("is missing")
                .at("metadata.name")
                .propose(ANONYMOUS),
        );
    } else if !is_dns_label(name) {
        let message = "must be lower-case letters, digits and dashes, 63 at most: the names of generated objects hold it";
        let finding = Finding::error(message).at("metadata.name").found(name);
        findings.push(match near_label(name, LABEL_MAX) {
            Some(near) => finding.propose(near),
            None => finding,
        });
    }
}

/// Places a finding. A functionConfig within a ResourceList is counted from its own first line: what it was written in is
/// not the stream.
fn locate(framed: &Framed, item: &Item, finding: Finding, tree: &Node) -> Finding {
    let mut finding = place(framed, item, finding, Some(tree));
    let wrapped = framed
        .stream
        .resource_list
        .as_ref()
        .and_then(|list| list.function_config.as_ref());
    if let (Some(file), true) = (&mut finding.file, wrapped == Some(item)) {
        FUNCTION_CONFIG.clone_into(&mut file.path);
        let first = framed.source.position(item.range.start);
        if let Some(at) = &mut file.position {
            at.line = at.line + 1 - first.line;
            at.column = (at.column + 1).saturating_sub(first.column).max(1);
        }
    }
    finding
}

/// A Platform to look at Notebooks with where the real one has errors: for findings alone.
pub(super) fn stand_in() -> Option<Platform> {
    let spec = json!({ "flavor": "OpenShift", "defaultNamespace": "default" });
    let spec = serde_json::from_value(spec).ok()?;
    platform::resolve(ANONYMOUS, spec, &Environment::default(), &mut Vec::new())
}

/// The functionConfig if there is one, else the only Platform among the items.
fn choose<'a>(batch: &'a Batch, findings: &mut Vec<Finding>) -> Option<(&'a Framed, &'a Item)> {
    let apart = batch
        .function_config
        .as_ref()
        .and_then(|framed| Some((framed, framed.stream.items.first()?)));
    let wrapped = || {
        batch.framed.iter().find_map(|framed| {
            Some((
                framed,
                framed.stream.resource_list.as_ref()?.function_config.as_ref()?,
            ))
        })
    };
    // kpt passes a ConfigMap without data where no functionConfig is given.
    let says_something = |(framed, item): &(&Framed, &Item)| {
        let is_config_map = item.head.id.kind == "ConfigMap" && item.head.id.group.is_empty();
        !is_config_map
            || item
                .piece(&framed.source)
                .value()
                .is_ok_and(|value| value["data"].as_object().is_some_and(|data| !data.is_empty()))
    };
    if let Some(given) = apart.or_else(wrapped).filter(says_something) {
        return Some(given);
    }
    let is_platform = |item: &Item| item.head.id.group == GROUP && item.head.id.kind == KIND;
    let mut all = items(batch)
        .filter(|(_, _, item)| is_platform(item))
        .map(|(_, framed, item)| (framed, item));
    let first = all.next()?;
    for (framed, item) in all {
        let message = "a second Platform; pass the one to use as functionConfig, or keep only one";
        findings.push(place(framed, item, Finding::error(message), None));
    }
    Some(first)
}

fn from_document(value: &Value, schema: &Value, findings: &mut Vec<Finding>) -> Option<PlatformSpec> {
    if value["apiVersion"] != json!(format!("{GROUP}/{VERSION}")) {
        let finding = Finding::error("unknown version of Platform")
            .at("apiVersion")
            .found(value["apiVersion"].clone());
        findings.push(finding.propose(format!("{GROUP}/{VERSION}")));
        return None;
    }
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        if !["apiVersion", "kind", "metadata", "spec"].contains(&name.as_str()) {
            let near = check::nearest(name, ["metadata", "spec"].into_iter()).unwrap_or("spec");
            let message = format!("no such field; did you mean `{near}`, or a field of spec?");
            findings.push(Finding::error(message).at(name.clone()));
        }
    }
    let spec = &value["spec"];
    typed(
        if spec.is_null() { json!({}) } else { spec.clone() },
        schema,
        findings,
    )
}

/// Fields given as `key=value`, with dots for nesting: what kpt makes a ConfigMap of.
fn from_arguments(value: &Value, schema: &Value, findings: &mut Vec<Finding>) -> Option<PlatformSpec> {
    let before = findings.len();
    let mut spec = Value::Object(Map::new());
    for (key, text) in value["data"].as_object().into_iter().flatten() {
        let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
        match check::scalar_at(schema, key, &text) {
            Ok(scalar) => {
                let mut at = &mut spec;
                for name in key.split('.') {
                    at = &mut at[name];
                }
                *at = scalar;
            }
            Err(message) => findings.push(Finding::error(message).at(format!("data[{key:?}]")).found(text)),
        }
    }
    if findings.len() > before {
        return None;
    }
    typed(spec, schema, findings)
}

/// A spec that fits its schema, as its type.
pub(super) fn typed<T: DeserializeOwned>(
    spec: Value,
    schema: &Value,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let spec = check::as_words(spec, schema);
    let wrong = check::check(&spec, schema, "spec");
    if !wrong.is_empty() {
        findings.extend(wrong);
        return None;
    }
    match serde_path_to_error::deserialize(without_nulls(spec)) {
        Ok(spec) => Some(spec),
        Err(error) => {
            let path = format!("spec.{}", error.path());
            findings.push(Finding::error(error.into_inner().to_string()).at(path));
            None
        }
    }
}

/// A field without a value is a field that was not set.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let set = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}
