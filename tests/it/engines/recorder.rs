//! Everything that is written to the cluster, in the order of the store's revisions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gatewright::cluster::object::Object;
use gatewright::krm::object_id::ObjectId;
use gatewright::order::change::Change;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::parts;

/// An engine is done when it ends; its last writes may take a moment to be reported.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the engines put on an object to know it again, which is no change of it.
const OWNERS: [(&str, &str); 3] = [
    ("labels", "kustomize.toolkit.fluxcd.io/name"),
    ("labels", "kustomize.toolkit.fluxcd.io/namespace"),
    ("annotations", "argocd.argoproj.io/tracking-id"),
];

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It was made or changed.
    Apply,
    /// Its deletion was asked for; it is still there where something holds it.
    Delete,
    /// It is not there any more, after it was asked to go and held for a while.
    Gone,
}

/// One write.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) verb: Verb,
    /// The object as it was then.
    pub(crate) object: Object,
}

/// The watch.
pub(crate) struct Recorder {
    child: Child,
    /// What came, by revision: the type, and the object.
    lines: Arc<Mutex<Vec<(u64, String, Object)>>>,
    taken: usize,
    /// What was there before the writes that were given last, by reference.
    pub(crate) before: BTreeMap<String, Object>,
    now: BTreeMap<String, Object>,
}

// === impl Recorder ===

impl Recorder {
    /// Begins; what is there is known, and nothing after that is missed.
    pub(crate) fn start(plane: &ControlPlane) -> Self {
        let mut child = Command::new(parts::find("fluxssa").unwrap())
            .arg("watch")
            .arg(plane.folder().join("kubeconfig"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut now = BTreeMap::new();
        loop {
            let line = output.next().expect("the watch ended").unwrap();
            if line == "READY" {
                break;
            }
            let (_, _, object) = parsed(&line);
            now.insert(object.id.reference(), object);
        }
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.map_while(Result::ok) {
                to.lock().unwrap().push(parsed(&line));
            }
        });
        Self {
            child,
            lines,
            taken: 0,
            before: now.clone(),
            now,
        }
    }

    /// Whether an object is there before anything is written.
    pub(crate) fn knows(&self, object: &Object) -> bool {
        self.now.contains_key(&object.id.reference())
    }

    /// What was written since the last time, once of the objects of a change those are there that should be.
    pub(crate) fn until(&mut self, there: &[Object], change: &Change<'_>) -> Vec<Write> {
        let wanted: BTreeSet<String> = there.iter().map(|object| object.id.reference()).collect();
        let of_change: BTreeSet<String> = change.pairs().map(|(_, id, _)| id.reference()).collect();
        let since = Instant::now();
        loop {
            let lines = self.lines.lock().unwrap()[self.taken..].to_vec();
            let taken = lines.len();
            let (writes, now) = read(&self.now, lines);
            let found: BTreeSet<String> = now
                .keys()
                .filter(|key| of_change.contains(*key))
                .cloned()
                .collect();
            // Twice the same, for a write that changes an object is not seen in what is there.
            std::thread::sleep(Duration::from_millis(300));
            let quiet = self.lines.lock().unwrap().len() == self.taken + taken;
            if found == wanted && quiet {
                self.taken += taken;
                self.before = std::mem::replace(&mut self.now, now);
                return writes;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "there: {:?}, missing: {:?}",
                found.difference(&wanted).collect::<Vec<_>>(),
                wanted.difference(&found).collect::<Vec<_>>()
            );
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Writes in the order of revisions, and what is there after them. What changed nothing but a status or a version is none.
fn read(
    before: &BTreeMap<String, Object>,
    mut lines: Vec<(u64, String, Object)>,
) -> (Vec<Write>, BTreeMap<String, Object>) {
    lines.sort_by_key(|(revision, _, _)| *revision);
    let mut now = before.clone();
    let mut writes = Vec::new();
    for (_, event, object) in lines {
        let key = object.id.reference();
        let known = now.get(&key);
        let ending = |object: &Object| object.value.pointer("/metadata/deletionTimestamp").is_some();
        let was_ending = known.is_some_and(ending);
        let verb = match event.as_str() {
            "DELETED" if was_ending => Verb::Gone,
            "DELETED" => Verb::Delete,
            _ if ending(&object) && !was_ending => Verb::Delete,
            _ => Verb::Apply,
        };
        let unchanged = known.is_some_and(|known| matters(known) == matters(&object));
        if event == "DELETED" {
            now.remove(&key);
        } else {
            now.insert(key, object.clone());
        }
        match verb {
            Verb::Apply if unchanged || was_ending => {}
            Verb::Apply | Verb::Gone => writes.push(Write { verb, object }),
            Verb::Delete => {
                writes.push(Write {
                    verb,
                    object: object.clone(),
                });
                if event == "DELETED" {
                    let verb = Verb::Gone;
                    writes.push(Write { verb, object });
                }
            }
        }
    }
    (writes, now)
}

/// An object without what the server counts.
fn matters(object: &Object) -> Value {
    let mut value = object.value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    if let Some(meta) = value["metadata"].as_object_mut() {
        meta.remove("resourceVersion");
        meta.remove("generation");
        // Whose it is.
        for (field, key) in OWNERS {
            if let Some(all) = meta.get_mut(field).and_then(Value::as_object_mut) {
                all.remove(key);
                if all.is_empty() {
                    meta.remove(field);
                }
            }
        }
    }
    value
}

fn parsed(line: &str) -> (u64, String, Object) {
    let mut line: Value = serde_json::from_str(line).unwrap();
    let value = std::mem::replace(&mut line["object"], json!(null));
    let revision = text(&value["metadata"]["resourceVersion"]).parse().unwrap();
    (revision, text(&line["type"]).to_owned(), object(value))
}

/// An object from its value.
pub(crate) fn object(value: Value) -> Object {
    let meta = &value["metadata"];
    Object {
        id: ObjectId::new(
            text(&value["apiVersion"]),
            text(&value["kind"]),
            text(&meta["namespace"]),
            text(&meta["name"]),
        ),
        value,
        place: None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
