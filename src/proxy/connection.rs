//! A client's connection, with the framing checked before hyper reads it.
