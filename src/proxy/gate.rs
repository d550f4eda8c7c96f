//! The order of the checks, in one place.
