//! A comparison as JSON, and the schema of that.

use serde_json::Value;

use super::change::Diff;

/// The whole comparison. What comes of text alone cannot fail to be written.
pub fn json(diff: &Diff) -> String {
    let mut text = serde_json::to_string_pretty(diff).unwrap_or_default();
    text.push('\n');
    text
}

/// JSON Schema of it.
pub fn schema() -> Value {
    schemars::schema_for!(Diff).to_value()
}
