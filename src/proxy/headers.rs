//! Headers on their way: hop-by-hop ones off, identity off and set last. Pure.
