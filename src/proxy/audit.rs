//! One line of JSON for each request: who, what, why. Never a token.
