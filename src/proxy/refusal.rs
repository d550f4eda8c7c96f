//! Why a request is not forwarded. What the client sees of it is in `respond` alone.

use super::attributes::Attributes;

/// Why a request is not forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The request, or its connection, is written in a way that two readers could understand differently, or that no rule can
    /// be compared with: 400 and the connection ends. The reason goes into the log, not to the client.
    Malformed(&'static str),
    /// Longer than what is read: 431, or 414 for the target.
    TooLarge(Part),
    /// It did not come in time: 408.
    TooSlow,
    /// CONNECT, `OPTIONS *` and what else no upstream is asked: 404.
    NotServed,
    /// The path is not one of `--allow-paths`: 404.
    NotAllowedPath,
    /// Another expectation than `100-continue`: 417.
    Expectation,
    /// A literal `//`, `/./` or `/../` in the path: 307 to this one, query kept.
    MovedTo(String),
    /// Nobody is known by this request: 401.
    Unauthenticated(&'static str),
    /// Nobody could be asked who this is: 503 with `Retry-After`, 401 in compatibility mode.
    AuthenticationUnavailable,
    /// A value that a rule needs is missing, or the configuration fits no request: 400.
    MissingValue,
    /// An endpoint's rule does not list the method: 403.
    MethodNotPermitted,
    /// Somebody known, who may not. With what was asked: 403.
    Forbidden {
        /// Who.
        user: String,
        /// What.
        attributes: Attributes,
    },
    /// A user or group name that cannot be written into the identity headers without becoming another: 403.
    Unspeakable,
    /// Nobody could be asked whether they may: 503 with `Retry-After`, 500 in compatibility mode.
    AuthorizationUnavailable {
        /// Who.
        user: String,
        /// What.
        attributes: Attributes,
    },
    /// More questions than are asked for one who is not known yet: 429 with `Retry-After`.
    TooManyQuestions,
    /// The upstream cannot be reached, ends early or talks nonsense: 502.
    BadGateway(&'static str),
    /// The upstream's answer did not begin in time: 504? kube-rbac-proxy says 502 and so do we.
    UpstreamTimeout,
    /// The program is going away: 503, and the connection ends.
    GoingAway,
}

/// Which part of a request is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The target.
    Target,
    /// All headers, or one.
    Headers,
}
