//! Who gets in with the emitted RBAC alone.
