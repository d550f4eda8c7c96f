//! Pods in the spelling in which an API server's typed clients write them back: what Open Data Hub's webhooks then leave alone.
//! Nothing changes their meaning.

use serde_json::{Value, json};

use crate::input::ray::{Cluster, Kind};
use crate::krm::edit::{EditError, Editor};
use crate::krm::tree::Step::{self, Index, Key};
use crate::model::quantity::Quantity;

/// A Notebook. Changes `meant` alike.
pub(super) fn of_notebook(editor: &mut Editor<'_>, meant: &mut Value) -> Result<(), EditError> {
    pod(editor, meant, &[Key("spec"), Key("template"), Key("spec")])
}

/// A Ray cluster, in whatever document (opendatahub-io/kuberay `ray-operator/apis/ray/v1/`; recorded). Changes `meant` alike.
pub(super) fn of_ray(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    kind: Kind,
    cluster: &Cluster,
) -> Result<(), EditError> {
    let cluster_at: Vec<Step<'_>> = kind.steps().iter().copied().map(Key).collect();
    let workers = cluster.workers.iter().flatten().enumerate();
    let workers = workers.map(|(index, _)| vec![Key("workerGroupSpecs"), Index(index)]);
    for group in std::iter::once(vec![Key("headGroupSpec")]).chain(workers) {
        let path = [&cluster_at[..], &group].concat();
        let mut fields = vec![("rayStartParams", json!({}))];
        if group.len() > 1 {
            fields.extend([("numOfHosts", json!(1)), ("scaleStrategy", json!({}))]);
        }
        missing(editor, meant, &path, &fields)?;
        let template = [&path[..], &[Key("template")]].concat();
        missing(editor, meant, &template, &[("metadata", json!({}))])?;
        pod(editor, meant, &[&template[..], &[Key("spec")]].concat())?;
    }
    Ok(())
}

/// Writes out fields that are not there.
fn missing(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    path: &[Step<'_>],
    fields: &[(&str, Value)],
) -> Result<(), EditError> {
    for (key, value) in fields {
        let there = place(meant, path).and_then(|place| place.get(*key));
        if there.is_none_or(Value::is_null) {
            set(editor, meant, path, key, value)?;
        }
    }
    Ok(())
}

/// Writes out `resources` of each container and `protocol` of each port, and amounts in their one spelling.
fn pod(editor: &mut Editor<'_>, meant: &mut Value, at: &[Step<'_>]) -> Result<(), EditError> {
    let pod = place(meant, at).cloned().unwrap_or_default();
    for list in ["initContainers", "containers"] {
        for (index, container) in each(&pod[list]) {
            let path = [at, &[Key(list), Index(index)]].concat();
            if container.get("resources").is_none_or(Value::is_null) {
                set(editor, meant, &path, "resources", &json!({}))?;
            }
            for side in ["requests", "limits"] {
                let path = [&path[..], &[Key("resources"), Key(side)]].concat();
                amounts(editor, meant, &path, &container["resources"][side])?;
            }
            for (index, variable) in each(&container["env"]) {
                let path = [&path[..], &[Key("env"), Index(index)]].concat();
                if variable["value"] == "" {
                    editor.unset(&path, &["value"])?;
                    drop_at(meant, &path, "value");
                }
                let field = &variable["valueFrom"]["resourceFieldRef"];
                let path = [&path[..], &[Key("valueFrom"), Key("resourceFieldRef")]].concat();
                if field.is_object() && field.get("divisor").is_none_or(Value::is_null) {
                    set(editor, meant, &path, "divisor", &json!("0"))?;
                }
            }
            for (index, port) in each(&container["ports"]) {
                if port.get("protocol").is_none_or(Value::is_null) {
                    let path = [&path[..], &[Key("ports"), Index(index)]].concat();
                    set(editor, meant, &path, "protocol", &json!("TCP"))?;
                }
            }
        }
    }
    amounts(
        editor,
        meant,
        &[at, &[Key("overhead")]].concat(),
        &pod["overhead"],
    )?;
    for (index, volume) in each(&pod["volumes"]) {
        let claim = [
            Key("ephemeral"),
            Key("volumeClaimTemplate"),
            Key("spec"),
            Key("resources"),
        ];
        let resources = &volume["ephemeral"]["volumeClaimTemplate"]["spec"]["resources"];
        for side in ["requests", "limits"] {
            let path = [at, &[Key("volumes"), Index(index)], &claim[..], &[Key(side)]].concat();
            amounts(editor, meant, &path, &resources[side])?;
        }
        let path = [at, &[Key("volumes"), Index(index), Key("emptyDir")]].concat();
        amount(
            editor,
            meant,
            &path,
            "sizeLimit",
            &volume["emptyDir"]["sizeLimit"],
        )?;
    }
    Ok(())
}

fn each(list: &Value) -> impl Iterator<Item = (usize, &Value)> {
    list.as_array().into_iter().flatten().enumerate()
}

fn amounts(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    path: &[Step<'_>],
    found: &Value,
) -> Result<(), EditError> {
    for (resource, value) in found.as_object().into_iter().flatten() {
        amount(editor, meant, path, resource, value)?;
    }
    Ok(())
}

fn amount(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    path: &[Step<'_>],
    key: &str,
    found: &Value,
) -> Result<(), EditError> {
    let text = match found {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Ok(()),
    };
    match Quantity::canonical(&text) {
        Some(canonical) if *found != json!(canonical) => set(editor, meant, path, key, &json!(canonical)),
        _ => Ok(()),
    }
}

fn set(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    path: &[Step<'_>],
    key: &str,
    value: &Value,
) -> Result<(), EditError> {
    editor.set(path, key, value)?;
    if let Some(place) = place(meant, path) {
        place[key] = value.clone();
    }
    Ok(())
}

fn drop_at(meant: &mut Value, path: &[Step<'_>], key: &str) {
    if let Some(Value::Object(fields)) = place(meant, path) {
        fields.shift_remove(key);
    }
}

fn place<'v>(value: &'v mut Value, path: &[Step<'_>]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |at, step| match step {
        Key(name) => at.get_mut(*name),
        Index(index) => at.get_mut(*index),
    })
}
