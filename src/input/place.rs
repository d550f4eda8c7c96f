//! A value with the path to it, and a reader that names every wrong type.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::krm::results::Finding;
use crate::krm::tree::push_key;

/// A value and the path to it.
pub(super) struct Place<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

/// Collects what is wrong.
pub(super) struct Reader {
    pub(super) findings: Vec<Finding>,
}

// === impl Place ===

impl<'a> Place<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
        }
    }

    pub(super) fn field(&self, name: &str) -> Self {
        let mut path = self.path.clone();
        push_key(&mut path, name);
        Self {
            value: self.value.get(name).unwrap_or(&Value::Null),
            path,
        }
    }

    /// The text here; empty for anything else, which is left to the API server to refuse.
    pub(super) fn lenient(&self) -> String {
        self.value.as_str().unwrap_or_default().to_owned()
    }

    /// The list here, item by item; empty for anything else.
    pub(super) fn items<T>(&self, read: impl FnMut(&Value) -> T) -> Vec<T> {
        self.value.as_array().into_iter().flatten().map(read).collect()
    }
}

// === impl Reader ===

impl Reader {
    pub(super) fn text(&mut self, place: &Place<'_>) -> String {
        match place.value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => {
                let finding = Finding::error("must be text; quote it")
                    .at(&place.path)
                    .found(other.clone());
                self.findings.push(if other.is_boolean() || other.is_number() {
                    finding.propose(other.to_string())
                } else {
                    finding
                });
                String::new()
            }
        }
    }

    pub(super) fn mapping(&mut self, place: &Place<'_>) {
        if !place.value.is_null() && !place.value.is_object() {
            let finding = Finding::error("must be a mapping").at(&place.path);
            self.findings.push(finding.found(place.value.clone()));
        }
    }

    pub(super) fn flag(&mut self, place: &Place<'_>) -> Option<bool> {
        match place.value {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            other => {
                self.findings.push(
                    Finding::error("must be true or false")
                        .at(&place.path)
                        .found(other.clone()),
                );
                None
            }
        }
    }

    pub(super) fn number(&mut self, place: &Place<'_>) -> u16 {
        let number = place.value.as_u64().and_then(|number| u16::try_from(number).ok());
        number.filter(|number| *number > 0).unwrap_or_else(|| {
            let finding = Finding::error("must be a port number from 1 to 65535").at(&place.path);
            self.findings.push(finding.found(place.value.clone()));
            0
        })
    }

    pub(super) fn texts(&mut self, place: &Place<'_>) -> BTreeMap<String, String> {
        match place.value {
            Value::Null => BTreeMap::new(),
            Value::Object(fields) => fields
                .keys()
                .map(|key| (key.clone(), self.text(&place.field(key))))
                .collect(),
            other => {
                self.findings.push(
                    Finding::error("must be a mapping")
                        .at(&place.path)
                        .found(other.clone()),
                );
                BTreeMap::new()
            }
        }
    }

    pub(super) fn list<T>(
        &mut self,
        place: &Place<'_>,
        mut read: impl FnMut(&mut Self, &Place<'_>) -> T,
    ) -> Vec<T> {
        match place.value {
            Value::Null => Vec::new(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    read(
                        self,
                        &Place {
                            value,
                            path: format!("{}[{index}]", place.path),
                        },
                    )
                })
                .collect(),
            other => {
                self.findings.push(
                    Finding::error("must be a list")
                        .at(&place.path)
                        .found(other.clone()),
                );
                Vec::new()
            }
        }
    }
}
