//! What a request shows of who sends it: pure, from its headers.

use std::fmt;

/// A token. Nothing writes it by accident: `Debug` prints no more than that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

// === impl Token ===

impl Token {
    /// The token, as it was shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text, for whoever is asked about it and for nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}
