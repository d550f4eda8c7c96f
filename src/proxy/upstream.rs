//! Connections to what is guarded.
