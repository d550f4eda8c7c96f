//! ID tokens that are verified here: discovery, keys, claims.
