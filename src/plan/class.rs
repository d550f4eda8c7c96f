//! The class of a generated object: what must be there for what else to be safe.

/// What an object is for. The order is the order of an apply: what closes first, what opens last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Keeps people out.
    Enforce,
    /// Needed by the others, opens nothing by itself.
    Support,
    /// Lets traffic in.
    Serve,
}

// === impl Class ===

impl Class {
    /// The word in the annotation.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Support => "support",
            Self::Serve => "serve",
        }
    }

    /// Argo CD's sync wave; the user's own objects are in wave 0.
    pub fn wave(self) -> &'static str {
        match self {
            Self::Enforce => "-20",
            Self::Support => "-10",
            Self::Serve => "10",
        }
    }
}
