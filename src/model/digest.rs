//! Hashes: of names that must be told apart, and of content whose change must be seen.

use sha2::{Digest, Sha256};

/// SHA-256 of some text, as 64 lower-case hexadecimal digits.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
