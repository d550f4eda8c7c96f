//! Whether the options fit together: errors name flag and fix. Pure.
