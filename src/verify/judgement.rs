//! One thing that is wrong, or cannot be known, with the way that proves it.

use crate::access::answer::Hop;
use crate::krm::results::Severity;

/// What was judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judgement {
    /// Which rule.
    pub rule: Rule,
    /// The object to change, and its field.
    pub at: Hop,
    /// One sentence: what is open, to whom.
    pub message: String,
    /// The way that proves it, from where it begins to where it ends; empty where the object alone shows it.
    pub way: Vec<Hop>,
    /// What to do about it.
    pub advice: String,
}

/// The rules, in the order of a report. Their ids are stable; SARIF and JSON carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A port that asks nobody who they are is within reach of others in the cluster (I5).
    OpenPort,
    /// A route, Ingress or Service leads from outside to a port that asks nobody (I1, I5).
    UnguardedRoute,
    /// The gateway's login is switched off, or lets everybody through when it is down (I1).
    SkippedLogin,
    /// A guard lets requests through unasked, by its own configuration (I5).
    GuardBypass,
    /// A guard asks about another object than the one it guards (I5).
    WrongReview,
    /// A guard lets through everybody, or everybody who can log in (I5).
    Everybody,
    /// A hop with a token in it that is plain, or whose certificate nobody checks (I1).
    UnverifiedHop,
    /// A credential that grants rights is readable from the guarded container (I6).
    ReadableCredential,
    /// Whoever may write routes in a namespace of users, or in any, takes addresses of the gateway.
    ForeignRoutes,
    /// During an apply or a prune there is a moment at which something is open.
    OrderWindow,
    /// An object cannot be read; what it does is not known.
    Unreadable,
    /// During an apply or a prune there is a moment at which a hop is not verified, or the gateway asks for no login, while the
    /// guard asks.
    UnverifiedMoment,
    /// A guard may not ask: its account lacks the right to review tokens or access, so that it refuses everybody.
    GuardCannotAsk,
    /// A guard does not fit what it guards: nothing listens where it forwards, or its configuration is not there.
    GuardUnfit,
    /// A reference that leads nowhere.
    DanglingReference,
    /// A grant, policy or role that lets in more than is needed.
    TooWide,
    /// A way that something stops: what is meant to be reached is not.
    Blocked,
    /// Two objects claim the same thing, and which one wins is not for git to say.
    Collision,
    /// What the manifests do not say.
    Unknown,
}

// === impl Rule ===

impl Rule {
    /// Every rule, in the order of a report.
    pub const ALL: [Self; 19] = [
        Self::OpenPort,
        Self::UnguardedRoute,
        Self::SkippedLogin,
        Self::GuardBypass,
        Self::WrongReview,
        Self::Everybody,
        Self::UnverifiedHop,
        Self::ReadableCredential,
        Self::ForeignRoutes,
        Self::OrderWindow,
        Self::Unreadable,
        Self::UnverifiedMoment,
        Self::GuardCannotAsk,
        Self::GuardUnfit,
        Self::DanglingReference,
        Self::TooWide,
        Self::Blocked,
        Self::Collision,
        Self::Unknown,
    ];

    /// The id.
    pub fn id(self) -> &'static str {
        match self {
            Self::OpenPort => "open-port",
            Self::UnguardedRoute => "unguarded-route",
            Self::SkippedLogin => "skipped-login",
            Self::GuardBypass => "guard-bypass",
            Self::WrongReview => "wrong-review",
            Self::Everybody => "everybody",
            Self::UnverifiedHop => "unverified-hop",
            Self::ReadableCredential => "readable-credential",
            Self::ForeignRoutes => "foreign-routes",
            Self::OrderWindow => "order-window",
            Self::UnverifiedMoment => "unverified-moment",
            Self::Unreadable => "unreadable",
            Self::GuardCannotAsk => "guard-cannot-ask",
            Self::GuardUnfit => "guard-unfit",
            Self::DanglingReference => "dangling-reference",
            Self::TooWide => "too-wide",
            Self::Blocked => "blocked",
            Self::Collision => "collision",
            Self::Unknown => "unknown",
        }
    }

    /// Errors are exposures and make `verify` exit with 1; warnings break or widen something; information is what is not known.
    pub fn severity(self) -> Severity {
        match self {
            Self::OpenPort
            | Self::UnguardedRoute
            | Self::SkippedLogin
            | Self::GuardBypass
            | Self::WrongReview
            | Self::Everybody
            | Self::UnverifiedHop
            | Self::ReadableCredential
            | Self::ForeignRoutes
            | Self::OrderWindow
            | Self::Unreadable => Severity::Error,
            Self::UnverifiedMoment
            | Self::GuardCannotAsk
            | Self::GuardUnfit
            | Self::DanglingReference
            | Self::TooWide
            | Self::Blocked
            | Self::Collision => Severity::Warning,
            Self::Unknown => Severity::Info,
        }
    }

    /// The rule in one sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::OpenPort => {
                "A port that asks nobody who they are is within reach of others in the cluster."
            }
            Self::UnguardedRoute => {
                "A route, Ingress or Service leads from outside to a port that asks nobody."
            }
            Self::SkippedLogin => {
                "The gateway's login is missing, switched off, or lets everybody through when it is down."
            }
            Self::GuardBypass => "A guard lets requests through unasked, by its own configuration.",
            Self::WrongReview => "A guard asks about another object than the one it guards.",
            Self::Everybody => "A guard lets through everybody, or everybody who can log in.",
            Self::UnverifiedHop => "A hop with a token in it is plain, or nobody checks its certificate.",
            Self::ReadableCredential => {
                "A credential that grants rights is readable from the guarded container."
            }
            Self::ForeignRoutes => {
                "People who may write routes in their own namespaces take addresses of the gateway."
            }
            Self::OrderWindow => "During an apply or a prune there is a moment at which something is open.",
            Self::UnverifiedMoment => {
                "During an apply or a prune there is a moment at which a hop is not verified, or no login asked for, while the guard asks."
            }
            Self::Unreadable => "An object cannot be read, so what it does is not known.",
            Self::GuardCannotAsk => {
                "A guard's account may not review tokens or access: it refuses everybody."
            }
            Self::GuardUnfit => "A guard does not fit what it guards.",
            Self::DanglingReference => "A reference leads nowhere.",
            Self::TooWide => "A grant, policy or role lets in more than is needed.",
            Self::Blocked => "Something stops a way that is meant to work.",
            Self::Collision => "Two objects claim the same thing.",
            Self::Unknown => "What the manifests do not say.",
        }
    }
}
