//! The one table of refusals: status, headers, body, and the form that gRPC clients read.
