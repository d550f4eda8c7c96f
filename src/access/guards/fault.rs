//! What is wrong with a guard, as facts. What they mean is for `verify` to say.

use crate::access::answer::{Hop, Review, Subject};

/// One thing that is wrong with a guard, or cannot be known about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The guard's container.
    pub container: String,
    /// The object to change, and its field.
    pub at: Hop,
    /// What.
    pub what: What,
    /// The way that proves it.
    pub way: Vec<Hop>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Paths for which nobody is asked. None: which is not known.
    SkipsPaths(Option<Vec<String>>),
    /// A static rule lets every authenticated user through.
    StaticForEverybody,
    /// Its configuration has no authorization: whoever has any valid token gets through.
    AsksNothing,
    /// Its configuration names no resource: it asks about the URL's path, of which clusters let everybody read some.
    AsksByPath,
    /// A login proxy that asks for no right: whoever can log in to the cluster gets through.
    EveryLogin,
    /// Somebody who gets through is everybody of some kind.
    Everybody(Subject),
    /// It asks about another object.
    OtherObject {
        /// What it asks.
        asked: Review,
        /// What it guards, in words.
        guarded: String,
    },
    /// It asks about all objects of a kind; the key that was meant to name one, where there is such.
    AllNames {
        /// What it asks.
        asked: Review,
        /// A key that its program does not know.
        dropped: Option<String>,
    },
    /// It asks about all namespaces.
    AllNamespaces {
        /// What it asks.
        asked: Review,
    },
    /// A word of its configuration is read as something else than it looks.
    ReadAs {
        /// The field.
        field: String,
        /// What the program reads; empty: nothing.
        read: String,
        /// What was meant.
        meant: String,
    },
    /// A setting by which another than the cluster's API server may say who callers are, or what they may.
    OtherVoucher(String),
    /// A key stands in its configuration in several spellings, which the program takes for one.
    KeyTwice(String),
    /// Who sends a request says what it is about.
    ClientNames(String),
    /// A listener without TLS, on a port.
    PlainListener(u16),
    /// Its configuration is not in the object that should hold it.
    ConfigMissing(String),
    /// Its configuration cannot be read.
    ConfigBroken(String),
    /// Nothing in the pod is known to listen where it forwards.
    NothingListens(u16),
    /// It listens on the pod's own loopback alone.
    LoopbackOnly,
    /// Another container of the pod takes the same port.
    PortTaken {
        /// The port.
        port: u16,
        /// The other container.
        other: String,
    },
    /// It has no certificate, and makes one that nobody can verify.
    NoCertificate,
    /// Its account may not ask this.
    CannotAsk {
        /// The account.
        account: Subject,
        /// Resources that it may not create.
        missing: Vec<String>,
    },
    /// It has no token to ask with.
    NoToken(Subject),
    /// The other containers of the pod can read a token of its account, which these bindings give rights to.
    SharedToken {
        /// The account.
        account: Subject,
        /// The container that can read it.
        reader: String,
        /// Whether its rights are those to review tokens and access, and no others.
        only_reviews: bool,
    },
    /// Another container of the pod can read a Secret of the guard.
    SharedSecret {
        /// The Secret.
        secret: String,
        /// The container that can read it.
        reader: String,
    },
    /// The containers of the pod see each other's processes, and with them their files.
    SharedProcesses,
    /// The token that opens it stands in the manifests.
    LiteralToken,
    /// It cannot be read: a script, or arguments that the manifests do not say.
    Unread(String),
}
