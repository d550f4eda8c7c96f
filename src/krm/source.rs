//! A text that came in, with the name people know it by.
//!
//! Reads nothing itself: the edge (`cli`) hands over bytes. Gives line and column for byte offsets.

use std::ops::Range;

/// Texts larger than this are refused before they are read (bytes): far above any real tree of manifests,
/// far below what would exhaust a build machine.
pub const MAX_INPUT_BYTES: usize = 1 << 30;

/// The name of standard input in messages.
pub const STDIN: &str = "<stdin>";

/// One file or stream of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path as given, with slashes; [`STDIN`] for standard input.
    pub name: String,
    /// The whole text, valid UTF-8.
    pub text: String,
}

/// A place in a [`Source`], counted as editors count: from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

/// A text that cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong and, where it helps, what to do.
    pub message: String,
    /// Byte offset in the source's text.
    pub offset: usize,
}

impl SyntaxError {
    /// An error at a byte offset.
    pub fn new(offset: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset,
        }
    }
}

// === impl Source ===

impl Source {
    /// A source from bytes as they were read.
    ///
    /// # Errors
    /// The position of the first byte that is not UTF-8, or a text over [`MAX_INPUT_BYTES`].
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, (String, Position, String)> {
        let name = name.into();
        if bytes.len() > MAX_INPUT_BYTES {
            let message = format!(
                "{} bytes are more than the {MAX_INPUT_BYTES} that are read",
                bytes.len()
            );
            return Err((name, Position { line: 1, column: 1 }, message));
        }
        match String::from_utf8(bytes) {
            Ok(text) => match text.bytes().position(is_control) {
                None => Ok(Self { name, text }),
                Some(at) => {
                    let byte = text.as_bytes()[at];
                    let message =
                        format!("control character 0x{byte:02X}; YAML and JSON take it only escaped");
                    Err((name, position(&text, at), message))
                }
            },
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let head = String::from_utf8_lossy(&bytes[..valid]);
                let at = position(&head, head.len());
                let byte = bytes.get(valid).copied().unwrap_or_default();
                Err((
                    name,
                    at,
                    format!("byte 0x{byte:02X} is not UTF-8; save the file as UTF-8"),
                ))
            }
        }
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        position(&self.text, offset)
    }

    /// The text of a range; empty if the range is not one of this text.
    pub fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

/// C0 controls that no YAML or JSON text may hold.
fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

fn position(text: &str, offset: usize) -> Position {
    let offset = offset.min(text.len());
    let before = &text.as_bytes()[..offset];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source {
            name: STDIN.into(),
            text: "a\né: x\n".into(),
        };
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(4), Position { line: 2, column: 2 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn bad_utf8_names_the_byte_and_its_place() {
        let (name, at, message) = Source::from_bytes("f.yaml", b"a: b\nc: \xff\n".to_vec()).unwrap_err();
        assert_eq!((name.as_str(), at), ("f.yaml", Position { line: 2, column: 4 }));
        assert!(message.contains("0xFF"), "{message}");
    }
}
