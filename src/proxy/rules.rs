//! The configuration file, compiled: from a request to the questions that a review asks. Pure.
