//! Fields of values that others wrote: absent and of another type are the same.

use serde_json::Value;

use super::answer::Hop;
use crate::cluster::object::Object;

/// What stands under a path of keys.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The text under a path; empty where there is none.
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list under a path.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The texts of a list under a path.
pub(super) fn texts<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a str> {
    list(value, path).iter().filter_map(Value::as_str).collect()
}

/// Whether `true` stands under a path.
pub(super) fn is_true(value: &Value, path: &[&str]) -> bool {
    at(value, path) == Some(&Value::Bool(true))
}

/// The port number under a path, written as a number.
pub(super) fn port(value: &Value, path: &[&str]) -> Option<u16> {
    at(value, path)
        .and_then(Value::as_u64)
        .and_then(|port| u16::try_from(port).ok())
}

/// A place in an object.
pub(super) fn hop(object: &Object, field: impl Into<String>, says: impl Into<String>) -> Hop {
    Hop {
        object: object.id.clone(),
        field: field.into(),
        says: says.into(),
    }
}
