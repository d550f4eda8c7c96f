//! The guard into a Notebook, and out of it again, in place.
//!
//! What was added is recorded in an annotation: a hash of it, so that an edit by another hand is seen, and what stood
//! there before, so that switching off gives back the file that was switched on. Every edit is read back and compared with
//! what was meant before it leaves.

use serde_json::{Map, Value, json};

use crate::input::notebook::POD_SPEC;
use crate::krm::edit::{Before, EditError, Editor};
use crate::krm::results::Finding;
use crate::krm::source::Source;
use crate::krm::splice::Splice;
use crate::krm::stream::Item;
use crate::krm::tree::Step::{self, Key};
use crate::krm::yaml::Piece;
use crate::manifests::sidecar::{Sidecar, controller_args};
use crate::model::keys::INJECTED;
use crate::model::notebook::{GUARD, GUARD_VOLUMES, Injected, ServiceAccount};
use crate::plan::guard::Guard;
use crate::plan::hash;

const POD: [Step<'_>; 4] = [Key("spec"), Key("template"), Key("spec"), Key("containers")];
const METADATA: [Step<'_>; 1] = [Key("metadata")];
const ANNOTATIONS: [Step<'_>; 2] = [Key("metadata"), Key("annotations")];
const ACCOUNT: &str = "serviceAccountName";
const IMAGE: &str = "image";

/// What a Notebook is to hold.
pub(super) struct Wanted<'a> {
    /// Its namespace, written into it where it names none.
    pub(super) namespace: &'a str,
    /// Whether its pod is to be in the spelling that typed clients write.
    pub(super) canonical: bool,
    /// Its guard, if it is to have one.
    pub(super) sidecar: Option<(&'a Guard, &'a Sidecar)>,
    /// The ServiceAccount that it names was put there by Open Data Hub 2 and is not given back.
    pub(super) theirs: bool,
}

/// The record in the annotation.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    hash: String,
    volumes: Before,
    account: Option<Before>,
    image: Option<Lock>,
}

/// An image that a lock put into a container.
#[derive(Debug, Clone, PartialEq)]
struct Lock {
    container: String,
    image: String,
    before: Before,
}

/// What an earlier run added to a Notebook, by its record.
///
/// # Errors
/// A record that cannot be read.
pub(super) fn injected(value: &Value) -> Result<Injected, Finding> {
    Ok(match Record::read(value)? {
        Some(record) => Injected {
            guard: true,
            service_account: record.account.is_some(),
        },
        None => Injected::default(),
    })
}

/// What Open Data Hub's controller put into a Notebook that was taken from a cluster: a guard with its flags and volumes.
pub(super) fn controllers_own(value: &Value) -> Injected {
    let pod = &value["spec"]["template"]["spec"];
    let guard = position(&pod["containers"], GUARD).map(|index| &pod["containers"][index]);
    let mounted = |name: &str| position(&pod["volumes"], name).is_some();
    let [config, tls, _] = GUARD_VOLUMES;
    Injected {
        guard: guard.is_some_and(|guard| guard["args"] == json!(controller_args()))
            && mounted(config)
            && mounted(tls),
        service_account: pod[ACCOUNT] == value["metadata"]["name"],
    }
}

/// The edits that make a Notebook hold what is wanted; none if it does.
///
/// # Errors
/// Somebody's edit inside what is ours; a document written in a way that cannot be edited in place.
pub(super) fn patch(
    source: &Source,
    item: &Item,
    value: &Value,
    wanted: &Wanted<'_>,
) -> Result<Option<Vec<Splice>>, Vec<Finding>> {
    let record = Record::read(value).map_err(|finding| vec![finding])?;
    let mut meant = value.clone();
    let mut editor = Editor::new(source, item).map_err(|error| vec![Finding::error(error.message)])?;
    if let Some(record) = &record {
        let differences = edits_by_hand(value, record, wanted.sidecar);
        if !differences.is_empty() {
            return Err(differences);
        }
    }
    let steps = |editor: &mut Editor<'_>, meant: &mut Value| -> Result<(), EditError> {
        if value["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            editor.set(&METADATA, "namespace", &json!(wanted.namespace))?;
            meant["metadata"]["namespace"] = json!(wanted.namespace);
        }
        if wanted.canonical {
            super::canonical::of_notebook(editor, meant)?;
        }
        match (&record, wanted.sidecar) {
            (None, None) => Ok(()),
            (None, Some((guard, sidecar))) => put_in(editor, meant, guard, sidecar, wanted.theirs),
            (Some(record), Some((guard, sidecar))) => exchange(editor, meant, record, guard, sidecar),
            (Some(record), None) => take_out(editor, meant, record),
        }
    };
    steps(&mut editor, &mut meant).map_err(|error| vec![Finding::error(error.to_string()).at(POD_SPEC)])?;
    if meant == *value {
        return Ok(None);
    }
    let edited = editor.edited();
    let read_back = Piece::new(&edited, 0..edited.len(), item.column).value();
    if read_back.as_ref() != Ok(&meant) {
        let message = "cannot be edited in place as it is written; write it without anchors and merge keys, in block style";
        return Err(vec![Finding::error(message).at(POD_SPEC)]);
    }
    Ok(Some(editor.splices()))
}

fn pod() -> &'static [Step<'static>] {
    &POD[..3]
}

fn put_in(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    guard: &Guard,
    sidecar: &Sidecar,
    theirs: bool,
) -> Result<(), EditError> {
    let image = lock_image(editor, meant, None, guard.notebook.image.as_ref())?;
    editor.push(pod(), "containers", std::slice::from_ref(&sidecar.container))?;
    let volumes = editor.push(pod(), "volumes", &sidecar.volumes)?;
    let before = &pod_spec(meant)[ACCOUNT];
    let account = match account_of(guard) {
        Some(name) if theirs && before == name => Some(Before::Absent),
        Some(name) => Some(editor.set(pod(), ACCOUNT, &json!(name))?),
        None => None,
    };
    let account = account.map(|before| if theirs { Before::Absent } else { before });
    let record = Record {
        hash: content_hash(guard, sidecar),
        volumes,
        account,
        image,
    };
    let text = record.to_text();
    editor.set(&ANNOTATIONS, INJECTED, &json!(text))?;

    let pod = pod_spec(meant);
    push(&mut pod["containers"], [sidecar.container.clone()]);
    push(&mut pod["volumes"], sidecar.volumes.clone());
    if let Some(name) = account_of(guard) {
        pod[ACCOUNT] = json!(name);
    }
    meant["metadata"]["annotations"][INJECTED] = json!(text);
    Ok(())
}

/// Gives a container the image that a lock has for it, or takes an earlier one off. An image that is not the one we wrote
/// is the user's: it is what stood before, and nothing is put back over it.
fn lock_image(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    lock: Option<&Lock>,
    wanted: Option<&(String, String)>,
) -> Result<Option<Lock>, EditError> {
    let containers = &mut pod_spec(meant)["containers"];
    let lock = lock.and_then(|lock| {
        let index = position(containers, &lock.container)?;
        (containers[index][IMAGE] == *lock.image).then(|| (index, lock.clone()))
    });
    let path = |index: usize| [&POD[..], &[Step::Index(index)]].concat();
    if let Some((index, lock)) = &lock
        && wanted.is_none_or(|(container, _)| *container != lock.container)
    {
        editor.restore(&path(*index), IMAGE, &lock.before)?;
        match &lock.before {
            Before::Text(text) => {
                containers[*index][IMAGE] = Piece::new(text, 0..text.len(), 0).value().unwrap_or_default();
            }
            Before::Absent | Before::Present => drop_field(&mut containers[*index], IMAGE),
        }
    }
    let Some((container, image)) = wanted else {
        return Ok(None);
    };
    let Some(index) = position(containers, container) else {
        return Ok(None);
    };
    let lock = lock
        .map(|(_, lock)| lock)
        .filter(|lock| lock.container == *container);
    if containers[index][IMAGE] == **image {
        return Ok(lock);
    }
    let now = editor.set(&path(index), IMAGE, &json!(image))?;
    containers[index][IMAGE] = json!(image);
    Ok(Some(Lock {
        container: container.clone(),
        image: image.clone(),
        before: lock.map_or(now, |lock| lock.before),
    }))
}

fn take_out(editor: &mut Editor<'_>, meant: &mut Value, record: &Record) -> Result<(), EditError> {
    lock_image(editor, meant, record.image.as_ref(), None)?;
    let pod_value = pod_spec(meant);
    let containers = positions(&pod_value["containers"], &[GUARD]);
    let volumes = positions(&pod_value["volumes"], &GUARD_VOLUMES);
    editor.pull(pod(), "containers", &containers, &Before::Present)?;
    editor.pull(pod(), "volumes", &volumes, &record.volumes)?;
    remove(&mut pod_value["containers"], &containers);
    let all = pod_value["volumes"]
        .as_array()
        .is_some_and(|items| items.len() == volumes.len());
    let only_ours_in_lines = record.volumes == Before::Present && all && !editor_flow(editor, "volumes");
    match &record.volumes {
        Before::Absent if all => drop_field(pod_value, "volumes"),
        Before::Text(_) if all => pod_value["volumes"] = Value::Null,
        _ if only_ours_in_lines => pod_value["volumes"] = Value::Null,
        _ => remove(&mut pod_value["volumes"], &volumes),
    }
    if let Some(before) = &record.account {
        editor.restore(pod(), ACCOUNT, before)?;
        match before {
            Before::Text(text) => {
                pod_value[ACCOUNT] = Piece::new(text, 0..text.len(), 0).value().unwrap_or_default();
            }
            Before::Absent | Before::Present => drop_field(pod_value, ACCOUNT),
        }
    }
    let annotations = &mut meant["metadata"]["annotations"];
    if annotations.as_object().is_some_and(|fields| fields.len() == 1) {
        editor.unset(&METADATA, &["annotations"])?;
        drop_field(&mut meant["metadata"], "annotations");
    } else {
        editor.unset(&ANNOTATIONS, &[INJECTED])?;
        drop_field(annotations, INJECTED);
    }
    Ok(())
}

/// Puts what is wanted now where what was wanted before stands.
fn exchange(
    editor: &mut Editor<'_>,
    meant: &mut Value,
    record: &Record,
    guard: &Guard,
    sidecar: &Sidecar,
) -> Result<(), EditError> {
    let before = pod_spec(meant).clone();
    let mut new = Record {
        hash: content_hash(guard, sidecar),
        image: lock_image(
            editor,
            meant,
            record.image.as_ref(),
            guard.notebook.image.as_ref(),
        )?,
        ..record.clone()
    };
    let pod_value = pod_spec(meant);
    let mut changed = new != *record || before != *pod_value;
    if let Some(name) = account_of(guard).filter(|name| pod_value[ACCOUNT] != **name) {
        // The Notebook was renamed, or the user named a ServiceAccount before and names none now.
        let before = editor.set(pod(), ACCOUNT, &json!(name))?;
        new.account = record.account.clone().or(Some(before));
        pod_value[ACCOUNT] = json!(name);
        changed = true;
    }
    if let Some(index) = position(&pod_value["containers"], GUARD)
        && pod_value["containers"][index] != sidecar.container
    {
        editor.replace_item(pod(), "containers", index, &sidecar.container)?;
        pod_value["containers"][index] = sidecar.container.clone();
        changed = true;
    }
    for volume in &sidecar.volumes {
        let name = volume["name"].as_str().unwrap_or_default();
        match position(&pod_value["volumes"], name) {
            Some(index) if pod_value["volumes"][index] == *volume => {}
            Some(index) => {
                editor.replace_item(pod(), "volumes", index, volume)?;
                pod_value["volumes"][index] = volume.clone();
                changed = true;
            }
            None => {
                editor.push(pod(), "volumes", std::slice::from_ref(volume))?;
                push(&mut pod_value["volumes"], [volume.clone()]);
                changed = true;
            }
        }
    }
    if changed {
        let text = new.to_text();
        editor.set(&ANNOTATIONS, INJECTED, &json!(text))?;
        meant["metadata"]["annotations"][INJECTED] = json!(text);
    }
    Ok(())
}

/// What differs from what we wrote, unless it is just what we would write now.
fn edits_by_hand(value: &Value, record: &Record, wanted: Option<(&Guard, &Sidecar)>) -> Vec<Finding> {
    let pod = &value["spec"]["template"]["spec"];
    let container = position(&pod["containers"], GUARD).map(|index| (index, &pod["containers"][index]));
    let volumes: Vec<&Value> = GUARD_VOLUMES
        .iter()
        .filter_map(|name| position(&pod["volumes"], name).map(|index| &pod["volumes"][index]))
        .collect();
    let account = if record.account.is_some() {
        pod[ACCOUNT].clone()
    } else {
        Value::Null
    };
    let found =
        json!({ "container": container.map(|(_, value)| value), "volumes": volumes, "account": account });
    if hash::of(&found) == record.hash {
        return Vec::new();
    }
    let way_out = "was changed by hand inside what is generated; put it back, or take container, volumes and the \
                   annotation gatewright.dev/notebook-injected out to have them generated again";
    let Some((guard, sidecar)) = wanted else {
        return vec![Finding::error(format!("the guard {way_out}")).at(format!("{POD_SPEC}.containers"))];
    };
    let should =
        json!({ "container": sidecar.container, "volumes": sidecar.volumes, "account": account_of(guard) });
    if found == should {
        return Vec::new();
    }
    let Some((index, _)) = container else {
        let message = format!("the guard's container {way_out}, or switch the Notebook off");
        return vec![Finding::error(message).at(format!("{POD_SPEC}.containers"))];
    };
    let mut differences = Vec::new();
    super::generated::differences(&found, &should, "", &mut differences);
    let translate = |path: &str| match path
        .split_once('.')
        .map_or((path, ""), |(head, rest)| (head, rest))
    {
        ("container", rest) => format!("{POD_SPEC}.containers[{index}].{rest}")
            .trim_end_matches('.')
            .to_owned(),
        ("account", _) => format!("{POD_SPEC}.{ACCOUNT}"),
        _ => format!("{POD_SPEC}.{path}"),
    };
    let finding = |(path, current, proposed): (String, Value, Value)| {
        Finding::error(way_out)
            .at(translate(&path))
            .found(current)
            .propose(proposed)
    };
    differences.into_iter().map(finding).collect()
}

fn account_of(guard: &Guard) -> Option<&str> {
    (guard.notebook.service_account == ServiceAccount::Ours).then_some(guard.service_account.as_str())
}

fn content_hash(guard: &Guard, sidecar: &Sidecar) -> String {
    hash::of(
        &json!({ "container": sidecar.container, "volumes": sidecar.volumes, "account": account_of(guard) }),
    )
}

// === impl Record ===

impl Record {
    fn read(value: &Value) -> Result<Option<Self>, Finding> {
        let annotation = &value["metadata"]["annotations"][INJECTED];
        let Some(text) = annotation.as_str() else {
            return Ok(None);
        };
        let before = |fields: &Map<String, Value>, key: &str| match fields.get(key) {
            None => Before::Present,
            Some(Value::String(text)) => Before::Text(text.clone()),
            Some(_) => Before::Absent,
        };
        let fields = serde_json::from_str::<Map<String, Value>>(text).ok();
        let record = fields.and_then(|fields| {
            Some(Self {
                hash: fields.get("hash")?.as_str()?.to_owned(),
                volumes: before(&fields, "volumes"),
                account: Some(before(&fields, ACCOUNT)).filter(|before| *before != Before::Present),
                image: match fields.get(IMAGE) {
                    Some(Value::Object(lock)) => Some(Lock {
                        container: lock.get("container")?.as_str()?.to_owned(),
                        image: lock.get("locked")?.as_str()?.to_owned(),
                        before: before(lock, "before"),
                    }),
                    _ => None,
                },
            })
        });
        record.map(Some).ok_or_else(|| {
            let message = "is our record of what was added and cannot be read; put it back, or take container, volumes and \
                           this annotation out to have them generated again";
            Finding::error(message).at(format!("metadata.annotations[{INJECTED:?}]")).found(text)
        })
    }

    fn to_text(&self) -> String {
        let mut fields = Map::new();
        fields.insert("hash".into(), json!(self.hash));
        for (key, before) in [("volumes", Some(&self.volumes)), (ACCOUNT, self.account.as_ref())] {
            match before {
                Some(Before::Absent) => fields.insert(key.into(), Value::Null),
                Some(Before::Text(text)) => fields.insert(key.into(), json!(text)),
                Some(Before::Present) | None => None,
            };
        }
        if let Some(lock) = &self.image {
            let before = match &lock.before {
                Before::Text(text) => json!(text),
                Before::Absent | Before::Present => Value::Null,
            };
            let lock = json!({ "container": lock.container, "locked": lock.image, "before": before });
            fields.insert(IMAGE.into(), lock);
        }
        Value::Object(fields).to_string()
    }
}

// --- values ---

fn pod_spec(value: &mut Value) -> &mut Value {
    &mut value["spec"]["template"]["spec"]
}

fn editor_flow(editor: &Editor<'_>, key: &str) -> bool {
    let list = editor.tree().at(pod()).and_then(|pod| pod.get(key));
    list.is_some_and(|list| matches!(list.kind, crate::krm::tree::NodeKind::Sequence { flow: true, .. }))
}

fn position(items: &Value, name: &str) -> Option<usize> {
    items.as_array()?.iter().position(|item| item["name"] == name)
}

pub(super) fn positions(items: &Value, names: &[&str]) -> Vec<usize> {
    let named = |item: &Value| item["name"].as_str().is_some_and(|name| names.contains(&name));
    let items = items.as_array().into_iter().flatten().enumerate();
    items
        .filter(|(_, item)| named(item))
        .map(|(index, _)| index)
        .collect()
}

fn push(list: &mut Value, items: impl IntoIterator<Item = Value>) {
    if !list.is_array() {
        *list = json!([]);
    }
    if let Value::Array(list) = list {
        list.extend(items);
    }
}

pub(super) fn remove(list: &mut Value, gone: &[usize]) {
    if let Value::Array(items) = list {
        let mut index = 0;
        items.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
    }
}

pub(super) fn drop_field(value: &mut Value, key: &str) {
    if let Value::Object(fields) = value {
        fields.shift_remove(key);
    }
}
