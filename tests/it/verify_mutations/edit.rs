//! Changes of manifests, as words: which object, which field, what becomes of it.

use serde_json::Value;

use crate::recorded::difference::value;

/// One change. Objects are named as `Kind name`, with `*` in the name; fields as in [`field`]; values in YAML's flow style.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// The object goes.
    Drop(&'static str),
    /// An object comes.
    Add(&'static str),
    /// A field gets a value, whether it was there or not.
    Set(&'static str, &'static str, &'static str),
    /// A field goes.
    Cut(&'static str, &'static str),
    /// A list gets one item more.
    Push(&'static str, &'static str, &'static str),
    /// In a text, one piece is put in another's place.
    Replace(&'static str, &'static str, &'static str, &'static str),
}

/// Objects that can be changed, and what stands for the words in braces.
#[derive(Clone)]
pub(crate) struct Manifests {
    pub(crate) objects: Vec<Value>,
    /// The namespace of the gateway.
    pub(crate) gateway_namespace: &'static str,
    /// The gateway.
    pub(crate) gateway: &'static str,
}

/// Whether a text fits a pattern with `*`.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| fits(rest, &text[at..]))
        }),
    }
}

// === impl Manifests ===

impl Manifests {
    /// The same with all changes made; `None` where an object or a field that is to change is not there.
    pub(crate) fn changed(&self, changes: &[Change]) -> Option<Self> {
        let mut manifests = self.clone();
        for change in changes {
            manifests.change(change)?;
        }
        Some(manifests)
    }

    fn change(&mut self, change: &Change) -> Option<()> {
        match *change {
            Change::Drop(object) => {
                let index = self.index(object)?;
                self.objects.remove(index);
            }
            Change::Add(object) => {
                let object = self.value(object);
                self.objects.push(object);
            }
            Change::Set(object, path, to) => {
                let to = self.value(to);
                let (path, last) = path.rsplit_once('/')?;
                let field = field(self.object(object)?, path)?;
                match field {
                    Value::Object(fields) => {
                        fields.insert(last.replace("~1", "/"), to);
                    }
                    Value::Array(items) => {
                        let at = position(items, last)?;
                        *items.get_mut(at)? = to;
                    }
                    _ => return None,
                }
            }
            Change::Cut(object, path) => {
                let (path, last) = path.rsplit_once('/')?;
                match field(self.object(object)?, path)? {
                    Value::Object(fields) => {
                        fields.remove(&last.replace("~1", "/"))?;
                    }
                    Value::Array(items) => {
                        let at = position(items, last)?;
                        items.remove(at);
                    }
                    _ => return None,
                }
            }
            Change::Push(object, path, item) => {
                let item = self.value(item);
                field(self.object(object)?, path)?.as_array_mut()?.push(item);
            }
            Change::Replace(object, path, from, to) => {
                let (from, to) = (self.text(from), self.text(to));
                let field = field(self.object(object)?, path)?;
                let changed = field.as_str()?.replace(&from, &to);
                assert!(
                    field.as_str() != Some(&changed),
                    "{object} {path}: no `{from}` there"
                );
                *field = Value::String(changed);
            }
        }
        Some(())
    }

    fn text(&self, text: &str) -> String {
        text.replace("{gateway-namespace}", self.gateway_namespace)
            .replace("{gateway}", self.gateway)
    }

    fn value(&self, text: &str) -> Value {
        value(&self.text(text))
    }

    fn index(&self, object: &str) -> Option<usize> {
        let (kind, name) = object.split_once(' ').expect("Kind name");
        let name = self.text(name);
        self.objects.iter().position(|object| {
            object["kind"] == kind && fits(&name, object["metadata"]["name"].as_str().unwrap_or_default())
        })
    }

    fn object(&mut self, object: &str) -> Option<&mut Value> {
        let index = self.index(object)?;
        self.objects.get_mut(index)
    }
}

/// A field by its path: names with slashes before them, `~1` for a slash in a name. Items of lists by their index, or as
/// `[a.b=text]` by what they have in a field, or as `[^text]` by how they begin.
fn field<'a>(object: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('/')
        .skip(1)
        .try_fold(object, |value, segment| match value {
            Value::Array(items) => {
                let at = position(items, segment)?;
                items.get_mut(at)
            }
            value => value.get_mut(segment.replace("~1", "/")),
        })
}

fn position(items: &[Value], segment: &str) -> Option<usize> {
    let Some(selector) = segment
        .strip_prefix('[')
        .and_then(|segment| segment.strip_suffix(']'))
    else {
        return segment.parse().ok();
    };
    if let Some(start) = selector.strip_prefix('^') {
        return items
            .iter()
            .position(|item| item.as_str().is_some_and(|item| item.starts_with(start)));
    }
    let (names, wanted) = selector.split_once('=')?;
    items.iter().position(|item| {
        let found = names.split('.').try_fold(item, |value, name| value.get(name));
        found.and_then(Value::as_str) == Some(wanted)
    })
}
