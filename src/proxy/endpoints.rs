//! The second port: health, readiness, metrics.
