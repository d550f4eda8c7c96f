//! TLS: versions and suites as Go names them, certificates that are read again.
