//! What a comparison found, as data: each change once, with every workload it happens to.
//!
//! These types are the JSON answer too; `gatewright schema diff` prints their schema.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::krm::object_id::ObjectId;

/// Says which shape the JSON has; a change that breaks readers changes it.
pub const FORMAT: &str = "gatewright.dev/diff/v1";

/// Everything that changes between two sides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Diff {
    /// Which shape this is: `gatewright.dev/diff/v1`.
    pub format: String,
    /// What was compared: the older side.
    pub base: String,
    /// What was compared: the newer side.
    pub head: String,
    /// Whether anything changes.
    pub changed: bool,
    /// What changes in access, worst first.
    pub access: Vec<Change>,
    /// The objects that change, by their ids.
    pub objects: Vec<ObjectChange>,
}

/// One change, and what it happens to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Which way it goes.
    pub effect: Effect,
    /// The change as an English sentence.
    pub sentence: String,
    /// What happens.
    #[serde(flatten)]
    pub what: What,
    /// The workloads (or gateways) that it happens to, in the order of their ids.
    pub targets: Vec<Target>,
}

/// Which way a change goes. In the order in which a reader should see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Something is open that must not be, and was not before.
    Exposes,
    /// Somebody or something is let in that was not, or is asked less.
    Opens,
    /// Something is broken, wider than needed or not known, and was not before.
    Warns,
    /// Something is done in another way; neither more open nor more closed by itself.
    Alters,
    /// Somebody or something is no longer let in, or is asked more.
    Closes,
    /// What was wrong no longer is.
    Repairs,
}

/// What a change happens to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Target {
    /// The workload or the gateway.
    pub object: Reference,
    /// `head` or `worker` of a RayCluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// The URL concerned.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The objects that make it so, on the side on which it is so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Step>,
}

/// An object by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct Reference {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for what has none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// An object on a way, or one that makes something so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct Step {
    /// The object.
    pub object: Reference,
    /// The field that leads on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What it says, in a few words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// `file:line`; `made for file:line` of what a render made for a document; empty where neither is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
}

/// Somebody, as Kubernetes' RBAC names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Somebody {
    /// User, Group or `ServiceAccount`.
    pub kind: String,
    /// Namespace of a `ServiceAccount`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// With which verbs somebody is let through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct Verbs {
    /// The verbs.
    pub verbs: BTreeSet<String>,
    /// Whether these are all that the guard asks about.
    pub all: bool,
    /// Where the guard asks by the request's method: whether they are for looking or for writing alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// Whether somebody looks or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Look: GET and HEAD.
    Look,
    /// Write: every other method.
    Write,
}

/// A rule of `verify`, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Verdict {
    /// The rule's id, as in `verify`.
    pub rule: String,
    /// What is open, broken or not known.
    pub message: String,
    /// The way that proves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub way: Vec<Step>,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// How a workload stands: all there is to say of one that is new or gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct Portrait {
    /// Its ways from outside that nothing stops.
    pub ways: Vec<Way>,
    /// Its guards.
    pub guards: Vec<Guarding>,
    /// Who is let through by a guard.
    pub admitted: Vec<Admission>,
    /// Who reaches which of its ports inside the cluster.
    pub callers: Vec<Reach>,
    /// The ports before which no guard stands.
    pub unguarded: BTreeSet<u16>,
    /// Images by container, guards' left out.
    pub images: Vec<(String, String)>,
}

/// A way from outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Way {
    /// Where it begins: Gateway, Ingress, Route, `LoadBalancer`, `NodePort`, Host.
    pub entry: String,
    /// The URL.
    pub url: String,
    /// Whether a login is asked for at the entry.
    pub login: Login,
    /// The guard's container at its end; empty: none.
    pub guard: String,
    /// Its last hop.
    pub tls: Tls,
}

/// A guard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Guarding {
    /// Its container.
    pub container: String,
    /// Its program.
    pub program: String,
    /// Its image.
    pub image: String,
    /// What it asks the API server about each request; empty: nothing.
    pub review: String,
}

/// Somebody who is let through, with which verbs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Admission {
    /// Who.
    pub subject: Somebody,
    /// How.
    #[serde(flatten)]
    pub verbs: Verbs,
}

/// Who reaches which ports inside the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Reach {
    /// Who, in words; empty where the name says all.
    pub who: String,
    /// The name in that, if there is one: of a gateway, a workload, labels, addresses.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Ports.
    pub ports: BTreeSet<u16>,
    /// Whether guards listen on all of these ports.
    pub guarded: bool,
}

/// Whether a login is asked for where a way begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// It is.
    Asked,
    /// The gateway is not in the manifests.
    Unknown,
    /// The gateway asks on other ways, not on this one.
    Skipped,
    /// Nothing is known to ask.
    None,
}

/// How the hop to a pod is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// TLS, and the certificate is checked.
    Verified,
    /// The caller's own TLS, passed on: the caller checks the certificate.
    Passed,
    /// Not in the manifests.
    Unknown,
    /// TLS, and nobody checks the certificate.
    Unverified,
    /// No TLS.
    Plain,
}

/// What happens. The order of the variants is the order within one effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "change", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum What {
    /// A rule of `verify` is broken that was not.
    VerdictAppears {
        /// What it says.
        verdict: Verdict,
    },
    /// A rule was and is broken, in another way.
    VerdictDiffers {
        /// What it said.
        from: Verdict,
        /// What it says.
        to: Verdict,
    },
    /// A rule is no longer broken.
    VerdictGone {
        /// What it said.
        verdict: Verdict,
    },
    /// Whether a gateway asks for a login.
    GatewayLogin {
        /// Whether it asks now.
        asks: bool,
    },
    /// Everybody whom the identity provider knows may log in (or no longer).
    LoginEverybody {
        /// Whether they may now.
        may: bool,
        /// The groups that were, or are now, needed.
        groups: BTreeSet<String>,
    },
    /// Members of groups may log in, or no longer.
    LoginGroups {
        /// Whether they may now.
        may: bool,
        /// The groups.
        groups: BTreeSet<String>,
    },
    /// Whether a login is asked for on a way changes.
    WayLogin {
        /// Before.
        from: Login,
        /// Now.
        to: Login,
    },
    /// The last hop's protection changes.
    WayTls {
        /// Before.
        from: Tls,
        /// Now.
        to: Tls,
    },
    /// A way ends at another guard, or at none.
    WayGuard {
        /// The guard's container before; empty: none.
        from: String,
        /// Now.
        to: String,
    },
    /// A guard is gone, others or ways remain.
    GuardGone {
        /// The guard.
        guard: Guarding,
    },
    /// Somebody is let in.
    Gains {
        /// Who.
        subject: Somebody,
        /// With which verbs that they had not.
        #[serde(flatten)]
        verbs: Verbs,
        /// Whether they had others before.
        more: bool,
        /// The guard's container, where only one of several lets them in.
        #[serde(skip_serializing_if = "String::is_empty")]
        guard: String,
    },
    /// Somebody is no longer let in.
    Loses {
        /// Who.
        subject: Somebody,
        /// With which verbs that they had.
        #[serde(flatten)]
        verbs: Verbs,
        /// Whether they keep others.
        more: bool,
        /// The guard's container, where only one of several no longer lets them in.
        #[serde(skip_serializing_if = "String::is_empty")]
        guard: String,
    },
    /// A way from outside opens.
    WayOpens {
        /// Where it begins.
        entry: String,
        /// `https://host`.
        origin: String,
        /// Whether a login is asked for.
        login: Login,
        /// The guard at its end; empty: none.
        guard: String,
    },
    /// A way from outside closes.
    WayCloses {
        /// Where it began.
        entry: String,
        /// `https://host`.
        origin: String,
        /// What stops it, where it is still written down.
        #[serde(skip_serializing_if = "String::is_empty")]
        stopped: String,
    },
    /// A way has another address.
    WayMoves {
        /// Where it began.
        from_entry: String,
        /// `https://host` where the rest stays, else the URL.
        from: String,
        /// Where it begins.
        to_entry: String,
        /// Likewise.
        to: String,
    },
    /// Something inside the cluster reaches ports.
    CallerGained {
        /// Who, and which ports that they did not.
        #[serde(flatten)]
        reach: Reach,
    },
    /// Something inside the cluster no longer reaches ports.
    CallerLost {
        /// Who, and which ports that they did.
        #[serde(flatten)]
        reach: Reach,
    },
    /// A workload is new.
    WorkloadAppears {
        /// How it stands.
        portrait: Box<Portrait>,
    },
    /// A workload gets its guard and its ways.
    SwitchedOn {
        /// How it stands.
        portrait: Box<Portrait>,
    },
    /// A workload loses its guard and every way from outside.
    SwitchedOff {
        /// How it stood.
        portrait: Box<Portrait>,
    },
    /// A workload is gone.
    WorkloadGone {
        /// How it stood.
        portrait: Box<Portrait>,
    },
    /// A gateway is new.
    GatewayAppears {
        /// Its hosts.
        hosts: BTreeSet<String>,
        /// Whether it asks for a login.
        asks: bool,
    },
    /// A gateway is gone.
    GatewayGone {
        /// Its hosts.
        hosts: BTreeSet<String>,
    },
    /// Ports before which no guard stands.
    Unguarded {
        /// Whether they are new.
        appear: bool,
        /// The ports.
        ports: BTreeSet<u16>,
    },
    /// A guard is new beside another.
    GuardAppears {
        /// The guard.
        guard: Guarding,
    },
    /// A guard works in another way.
    GuardAlters {
        /// Its container.
        container: String,
        /// What of it: program, container, port, upstreams, review, settings.
        property: String,
        /// Before; empty: nothing.
        from: String,
        /// Now.
        to: String,
    },
    /// A gateway answers for other hosts.
    Hosts {
        /// No longer.
        gone: BTreeSet<String>,
        /// Now.
        new: BTreeSet<String>,
    },
    /// Another login service.
    LoginService {
        /// Before.
        from: String,
        /// Now.
        to: String,
    },
    /// A way goes through other objects.
    WayThrough {
        /// Before: kinds and names.
        from: Vec<Reference>,
        /// Now.
        to: Vec<Reference>,
    },
    /// The routes of a way do something else with requests.
    WayFilters {
        /// Before; empty: nothing.
        from: String,
        /// Now.
        to: String,
    },
    /// A container runs another image.
    Image {
        /// The container.
        container: String,
        /// Whether it is a guard.
        guard: bool,
        /// Before; empty: the container is new.
        from: String,
        /// Now; empty: the container is gone.
        to: String,
    },
}

/// An object that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ObjectChange {
    /// Which one.
    pub object: Reference,
    /// What happens to it.
    pub change: Happens,
    /// Its place, as in `by`, on the side where it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Whether it is protected from pruning: removed from git, it stays in the cluster until somebody deletes it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The fields that change, where it is on both sides. Items of lists by their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Happens {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its fields change.
    Changed,
    /// Nothing but what is kept about other objects: an AccessGraph's list of hashes.
    Follows,
}

// === impl Reference ===

impl From<&ObjectId> for Reference {
    fn from(id: &ObjectId) -> Self {
        Self {
            group: id.group.clone(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
        }
    }
}

impl Reference {
    /// `namespace/name`, or the name.
    pub fn path(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}

// === impl Tls ===

impl Tls {
    /// Whether a token could be read or taken on the way: what nobody checks and what is plain.
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Unverified | Self::Plain)
    }
}

// === impl What ===

impl What {
    /// Which way it goes.
    pub fn effect(&self, severity_is_error: impl Fn(&str) -> bool) -> Effect {
        match self {
            Self::VerdictAppears { verdict } | Self::VerdictDiffers { to: verdict, .. } => {
                if severity_is_error(&verdict.rule) {
                    Effect::Exposes
                } else {
                    Effect::Warns
                }
            }
            Self::VerdictGone { .. } => Effect::Repairs,
            Self::GatewayLogin { asks: opened, .. } => opens(!*opened),
            Self::LoginEverybody { may, .. } | Self::LoginGroups { may, .. } => opens(*may),
            Self::WayLogin { from, to } => opens(to > from),
            Self::WayTls { from, to } => match (from.is_weak(), to.is_weak()) {
                (false, true) => Effect::Opens,
                (true, false) => Effect::Closes,
                _ => opens(to > from),
            },
            Self::WayGuard { from, to } => match (from.is_empty(), to.is_empty()) {
                (_, true) => Effect::Opens,
                (true, false) => Effect::Closes,
                (false, false) => Effect::Alters,
            },
            Self::Unguarded { appear, .. } => opens(*appear),
            Self::GuardAlters { property, to, .. } => {
                if property == "review" && to.is_empty() {
                    Effect::Opens
                } else {
                    Effect::Alters
                }
            }
            Self::GuardGone { .. }
            | Self::Gains { .. }
            | Self::WayOpens { .. }
            | Self::CallerGained { .. }
            | Self::WorkloadAppears { .. }
            | Self::SwitchedOn { .. }
            | Self::GatewayAppears { .. } => Effect::Opens,
            Self::Loses { .. }
            | Self::WayCloses { .. }
            | Self::CallerLost { .. }
            | Self::SwitchedOff { .. }
            | Self::WorkloadGone { .. }
            | Self::GatewayGone { .. }
            | Self::GuardAppears { .. } => Effect::Closes,
            Self::WayMoves { .. }
            | Self::Hosts { .. }
            | Self::LoginService { .. }
            | Self::WayThrough { .. }
            | Self::WayFilters { .. }
            | Self::Image { .. } => Effect::Alters,
        }
    }
}

fn opens(is: bool) -> Effect {
    if is { Effect::Opens } else { Effect::Closes }
}
