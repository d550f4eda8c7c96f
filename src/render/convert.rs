//! A Notebook of Open Data Hub 2 made one that can be guarded, in place, before it gets its guard.
//!
//! Takes what `model::legacy` says must go, and takes it out of the item's text. What comes out is a text of its own, which
//! `patch` then edits; both edits leave as one. As there, what is written is read back and compared with what was meant.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::Accounts;
use super::patch::{drop_field, remove};
use super::{Batch, Found, Framed, Meaning, generated, items, place};
use crate::input::notebook::{self as document, Notebook, POD_SPEC};
use crate::input::platform::Operator;
use crate::krm::edit::{Before, EditError, Editor};
use crate::krm::results::Finding;
use crate::krm::source::Source;
use crate::krm::splice::{self, Splice};
use crate::krm::stream::Item;
use crate::krm::tree::Step::{self, Index, Key};
use crate::krm::yaml::Piece;
use crate::model::arguments;
use crate::model::keys;
use crate::model::legacy::{self, Context, Conversion, Cut};
use crate::model::notebook::port;
use crate::model::platform::Platform;
use crate::model::programs::honours_verb;

const POD: [Step<'_>; 3] = [Key("spec"), Key("template"), Key("spec")];
const METADATA: [Step<'_>; 1] = [Key("metadata")];
const ANNOTATIONS: [Step<'_>; 2] = [Key("metadata"), Key("annotations")];

/// A Notebook as it is without what Open Data Hub 2 put into it.
pub(super) struct Converted {
    /// What went.
    conversion: Conversion,
    /// The Notebook as it came.
    before: Notebook,
    /// The item's new text, behind what stands before the item on its first line.
    pub(super) source: Source,
    /// The item in that.
    pub(super) item: Item,
    /// Its value.
    pub(super) value: Value,
    /// Its fields.
    pub(super) document: Notebook,
}

/// Converts a Notebook; `None` for one that is not of Open Data Hub 2, or not switched on.
///
/// # Errors
/// A document written in a way that cannot be edited in place.
pub(super) fn convert(
    framed: &Framed,
    item: &Item,
    value: &Value,
    before: &Notebook,
) -> Result<Option<Converted>, Vec<Finding>> {
    let Some(conversion) = legacy::conversion(before) else {
        return Ok(None);
    };
    let cannot = |message: String| vec![Finding::error(message).at(POD_SPEC)];
    if conversion.containers.len() == before.pod.containers.len() {
        let message = "holds no container that could be guarded beside Open Data Hub 2's proxy";
        return Err(vec![Finding::error(message).at(format!("{POD_SPEC}.containers"))]);
    }
    let source = &framed.source;
    let mut editor = Editor::new(source, item).map_err(|error| cannot(error.message))?;
    edit(&mut editor, &conversion, value).map_err(|error| {
        cannot(format!(
            "what Open Data Hub 2 added cannot be taken out in place: {error}"
        ))
    })?;
    let edited = editor.edited();
    let value = meant(&conversion, value);
    if Piece::new(&edited, 0..edited.len(), item.column).value().as_ref() != Ok(&value) {
        let message = "what Open Data Hub 2 added cannot be taken out in place as it is written; write it without anchors \
                       and merge keys, in block style";
        return Err(cannot(message.to_owned()));
    }
    let document = document::read(&value)?;
    // In block style the columns must stay, and what stands before the first field.
    let line = source.text[..item.range.start].rfind('\n').map_or(0, |at| at + 1);
    let lead = if item.flow {
        ""
    } else {
        &source.text[line..item.range.start]
    };
    let text = format!("{lead}{edited}");
    Ok(Some(Converted {
        conversion,
        before: before.clone(),
        item: Item {
            range: lead.len()..text.len(),
            ..item.clone()
        },
        source: Source {
            name: source.name.clone(),
            text,
        },
        value,
        document,
    }))
}

/// Takes out what must go.
fn edit(editor: &mut Editor<'_>, conversion: &Conversion, value: &Value) -> Result<(), EditError> {
    if conversion.rename {
        editor.rename(&ANNOTATIONS, keys::INJECT_OAUTH, keys::INJECT_AUTH)?;
    }
    if !conversion.annotations.is_empty() {
        editor.unset(&ANNOTATIONS, &conversion.annotations)?;
    }
    let pod = &value["spec"]["template"]["spec"];
    let lists = [
        (
            METADATA.as_slice(),
            "finalizers",
            &value["metadata"],
            &conversion.finalizers,
        ),
        (POD.as_slice(), "volumes", pod, &conversion.volumes),
    ];
    for (path, key, holder, gone) in lists {
        pull(editor, path, key, &holder[key], gone)?;
    }
    if !conversion.containers.is_empty() {
        editor.pull(&POD, "containers", &conversion.containers, &Before::Present)?;
    }
    for (texts, whole) in by_list(&conversion.cuts) {
        let first = texts[0];
        let mut path = POD.to_vec();
        path.extend([Key(first.list), Index(first.container)]);
        let list = &pod[first.list][first.container][first.field];
        pull(editor, &path, first.field, list, &whole)?;
        if whole.len() == list.as_array().map_or(0, Vec::len) {
            continue;
        }
        for cut in texts.iter().filter(|cut| !cut.parts.is_empty()) {
            let mut path = path.clone();
            path.extend([Key(cut.field), Index(cut.index)]);
            if cut.field == "env" {
                path.push(Key("value"));
            }
            editor.cut(&path, &cut.parts)?;
        }
    }
    Ok(())
}

/// Takes items out of a list, and the list with the last of them.
fn pull(
    editor: &mut Editor<'_>,
    path: &[Step<'_>],
    key: &str,
    list: &Value,
    gone: &[usize],
) -> Result<(), EditError> {
    if gone.is_empty() {
        return Ok(());
    }
    let all = list.as_array().is_some_and(|items| items.len() == gone.len());
    let before = if all { Before::Absent } else { Before::Present };
    editor.pull(path, key, gone, &before)
}

/// The texts of each list, with those of its items that go whole.
fn by_list(cuts: &[Cut]) -> Vec<(Vec<&Cut>, Vec<usize>)> {
    let mut lists: BTreeMap<_, (Vec<&Cut>, Vec<usize>)> = BTreeMap::new();
    for cut in cuts {
        let (texts, whole) = lists.entry((cut.list, cut.container, cut.field)).or_default();
        texts.push(cut);
        if cut.parts.is_empty() {
            whole.push(cut.index);
        }
    }
    lists.into_values().collect()
}

/// The value that the edits are to give.
fn meant(conversion: &Conversion, value: &Value) -> Value {
    let mut value = value.clone();
    let metadata = &mut value["metadata"];
    for key in &conversion.annotations {
        drop_field(&mut metadata["annotations"], key);
    }
    if conversion.rename {
        drop_field(&mut metadata["annotations"], keys::INJECT_OAUTH);
        metadata["annotations"][keys::INJECT_AUTH] = json!("true");
    }
    remove_or_drop(metadata, "finalizers", &conversion.finalizers);
    let pod = &mut value["spec"]["template"]["spec"];
    // Texts first: they are found by the positions of before.
    for (texts, whole) in by_list(&conversion.cuts) {
        let first = texts[0];
        let container = &mut pod[first.list][first.container];
        for cut in texts.iter().filter(|cut| !cut.parts.is_empty()) {
            let place = &mut container[cut.field][cut.index];
            let place = if cut.field == "env" {
                &mut place["value"]
            } else {
                place
            };
            *place = json!(arguments::without(place.as_str().unwrap_or_default(), &cut.parts));
        }
        remove_or_drop(container, first.field, &whole);
    }
    remove_or_drop(pod, "volumes", &conversion.volumes);
    remove(&mut pod["containers"], &conversion.containers);
    value
}

fn remove_or_drop(holder: &mut Value, key: &str, gone: &[usize]) {
    if gone.is_empty() {
        return;
    }
    remove(&mut holder[key], gone);
    if holder[key].as_array().is_some_and(Vec::is_empty) {
        drop_field(holder, key);
    }
}

// === impl Converted ===

impl Converted {
    /// Whether `serviceAccountName` is the old controller's, and the ServiceAccount of that name ours to make. One that is
    /// among the documents is somebody's.
    pub(super) fn has_their_account(&self, accounts: &Accounts<'_>, namespace: &str) -> bool {
        let is_kept = |namespace| accounts.contains(namespace, &self.before.name);
        let bare = self.before.namespace.is_empty() && is_kept("");
        self.conversion.account && !bare && !is_kept(namespace)
    }

    /// A path in the converted Notebook as one in the Notebook as it came.
    pub(super) fn path_before(&self, path: &str) -> String {
        let pod = |list: &str| format!("{POD_SPEC}.{list}[");
        for (lead, gone) in [
            (pod("containers"), &self.conversion.containers),
            (pod("volumes"), &self.conversion.volumes),
            ("metadata.finalizers[".to_owned(), &self.conversion.finalizers),
        ] {
            let Some((index, rest)) = path.strip_prefix(&lead).and_then(|rest| rest.split_once(']')) else {
                continue;
            };
            let Ok(mut index) = index.parse::<usize>() else {
                continue;
            };
            for gone in gone {
                if *gone <= index {
                    index += 1;
                }
            }
            return format!("{lead}{index}]{rest}");
        }
        path.to_owned()
    }

    /// The edit that makes the item what it is now, `splices` of it included.
    pub(super) fn edit(&self, item: &Item, splices: &[Splice]) -> Splice {
        let text = splice::apply(&self.source.text, self.item.range.clone(), splices);
        Splice::replace(item.range.clone(), text)
    }

    fn context<'a>(&'a self, namespace: &'a str, port: u16, platform: &Platform) -> Context<'a> {
        Context {
            document: &self.before,
            namespace,
            port,
            beside: platform.notebook_controller == Operator::OpenDataHub,
        }
    }
}

/// Says what people are to know of the converted Notebooks.
pub(super) fn report(
    batch: &Batch,
    found: &[Found<'_>],
    meant: &[Option<(String, Meaning)>],
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    let by_role = honours_verb(platform.sidecar.program);
    let mut converts = Vec::new();
    for (notebook, meaning) in found.iter().zip(meant) {
        let (Some(converted), Some((namespace, _))) = (&notebook.converted, meaning) else {
            continue;
        };
        let context = converted.context(namespace, port(&notebook.document), platform);
        let said = legacy::findings(&converted.conversion, context)
            .into_iter()
            .chain([legacy::who(&converted.before, platform, by_role)]);
        findings
            .extend(said.map(|finding| place(notebook.framed, notebook.item, finding, Some(&notebook.tree))));
        converts.push((namespace.as_str(), converted));
    }
    if !converts.is_empty() {
        leftovers(batch, &converts, platform, findings);
    }
}

/// Names every document that Open Data Hub 2's controller made for one of the converted Notebooks.
fn leftovers(
    batch: &Batch,
    converted: &[(&str, &Converted)],
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    let mut known: BTreeMap<(String, String, String, String), String> = BTreeMap::new();
    let mut services: BTreeMap<(String, String), String> = BTreeMap::new();
    for (namespace, converted) in converted {
        let notebook = format!("{namespace}/{}", converted.before.name);
        for id in legacy::objects(&converted.conversion, converted.context(namespace, 0, platform)) {
            known.insert((id.group, id.kind, id.namespace, id.name), notebook.clone());
        }
        let service = format!("{}-tls", converted.before.name);
        services.insert(((*namespace).to_owned(), service), notebook);
    }
    for (_, framed, item) in items(batch) {
        let id = &item.head.id;
        let namespace = match &platform.default_namespace {
            Some(default) if id.namespace.is_empty() && id.kind != "OAuthClient" => default,
            _ => &id.namespace,
        };
        let key = (
            id.group.clone(),
            id.kind.clone(),
            namespace.clone(),
            id.name.clone(),
        );
        let notebook = known.get(&key).or_else(|| {
            // A Route's name may be generated; it is known by where it leads.
            let is_route = id.group == "route.openshift.io" && id.kind == "Route";
            let value = is_route
                .then(|| item.piece(&framed.source).value().ok())
                .flatten()?;
            let service = value["spec"]["to"]["name"].as_str()?.to_owned();
            services.get(&(namespace.clone(), service))
        });
        if let Some(notebook) = notebook.filter(|_| !generated::is_ours(item)) {
            let message =
                format!("was Open Data Hub 2's for Notebook {notebook}, which is converted: remove it");
            findings.push(place(framed, item, Finding::warning(message), None));
        }
    }
}
