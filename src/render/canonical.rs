//! A Notebook's pod in the spelling in which an API server's typed clients write it back: what Open Data Hub's webhook then
//! leaves alone. Nothing changes its meaning.

use serde_json::{Value, json};

use crate::krm::edit::{EditError, Editor};
use crate::krm::tree::Step::{self, Index, Key};
use crate::model::quantity::Quantity;

/// Writes out `resources` of each container and `protocol` of each port, and amounts in their one spelling. Changes
/// `meant` alike.
pub(super) fn write_out(editor: &mut Editor<'_>, meant: &mut Value) -> Result<(), EditError> {
    let pod = meant["spec"]["template"]["spec"].clone();
    let at = [Key("spec"), Key("template"), Key("spec")];
    for list in ["initContainers", "containers"] {
        for (index, container) in each(&pod[list]) {
            let path = [&at[..], &[Key(list), Index(index)]].concat();
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
        &[&at[..], &[Key("overhead")]].concat(),
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
            let path = [&at[..], &[Key("volumes"), Index(index)], &claim[..], &[Key(side)]].concat();
            amounts(editor, meant, &path, &resources[side])?;
        }
        let path = [&at[..], &[Key("volumes"), Index(index), Key("emptyDir")]].concat();
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
