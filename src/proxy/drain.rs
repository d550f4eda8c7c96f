//! How the program ends: not ready first, then no new connections, then a deadline.
