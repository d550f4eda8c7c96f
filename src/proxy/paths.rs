//! Which paths are served at all, and which without a question. Pure.
