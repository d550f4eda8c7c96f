//! The guards of a pod: which of its containers ask before they forward, what they ask, and what is wrong with them.
//!
//! A guard is known by its arguments; names and images are hints at most. What cannot be read is never counted as a guard.

use std::collections::BTreeSet;

use serde_json::Value;

use self::fault::{Fault, What};
use super::answer::{Admitted, Guard, Hop, Program, Review};
use super::arguments::{Arguments, Flag};
use super::fields;
use super::pod::Pod;
use super::rights::{self, Rights};
use super::world::World;

pub mod fault;

mod config;
pub mod credentials;
mod files;
mod fits;
mod oauth_proxy;
mod rbac_proxy;
mod security_proxy;
mod started;

/// What guards are held against: all objects, indexed once for all pods.
#[derive(Debug)]
pub struct Guards<'a> {
    world: &'a World<'a>,
    rights: Rights<'a>,
    made: BTreeSet<(String, String)>,
}

/// The guards of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// One for each container and each of its ports that others can reach.
    pub guards: Vec<Guard>,
    /// Ports on which guards answer whether they are well, and nothing else.
    pub health: BTreeSet<u16>,
    /// Ports of guards behind which nothing of this pod is: they listen on loopback, or forward to another host.
    pub quiet: BTreeSet<u16>,
    /// Ports of containers that look like guards, of which it is not known whether they ask: where they listen and forward.
    pub open: BTreeSet<u16>,
    /// What is wrong with them.
    pub faults: Vec<Fault>,
}

/// A container that may be a guard.
struct Candidate<'p> {
    pod: &'p Pod<'p>,
    place: String,
    value: &'p Value,
    name: &'p str,
    image: &'p str,
    arguments: Arguments,
}

/// What a program says of itself, before it is held against the pod.
struct Seen {
    program: Program,
    listeners: Vec<Listener>,
    upstreams: Vec<Upstream>,
    health: BTreeSet<u16>,
    review: Option<Review>,
    /// Further questions that let through by themselves.
    reviews: Vec<Review>,
    by: Vec<Hop>,
    asks: Asks,
    certificate: Option<Flag>,
    /// Subjects that pass without a review: those of static rules.
    passing: Vec<Admitted>,
    /// Whether it is known what it asks. What is not known is no guard.
    known: bool,
}

/// What its account must be able to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    TokensAndAccess,
    AccessAlone,
}

struct Listener {
    flag: Flag,
    name: &'static str,
    address: Option<Address>,
    tls: bool,
}

struct Upstream {
    flag: Option<Flag>,
    address: Option<Address>,
}

#[derive(Clone, PartialEq, Eq)]
struct Address {
    /// Empty: all.
    host: String,
    port: u16,
}

// === impl Candidate ===

impl Candidate<'_> {
    fn fault(&self, at: Hop, what: What) -> Fault {
        let here = self.pod.hop(&self.place, format!("container {}", self.name));
        Fault {
            container: self.name.to_owned(),
            at,
            what,
            way: vec![here],
        }
    }

    /// A fault of one flag.
    fn fault_of(&self, flag: &Flag, name: &str, what: What) -> Fault {
        self.fault(Arguments::hop(self.pod, flag, name), what)
    }

    /// A fault of the container as a whole.
    fn fault_here(&self, what: What) -> Fault {
        self.fault(
            self.pod.hop(&self.place, format!("container {}", self.name)),
            what,
        )
    }
}

// === impl Seen ===

impl Seen {
    /// Where it answers, and where it forwards within the pod.
    fn ports(&self) -> impl Iterator<Item = u16> {
        let listens = self
            .listeners
            .iter()
            .filter_map(|listener| listener.address.as_ref());
        let forwards = self
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.address.as_ref());
        listens
            .filter(|address| !address.is_loopback())
            .chain(forwards.filter(|address| address.is_own()))
            .map(|address| address.port)
    }
}

// === impl Address ===

impl Address {
    /// Of `host:port`.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }

    /// Of a URL, with the scheme's port where none is written.
    fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let port = match scheme.to_ascii_lowercase().as_str() {
            "http" | "h2c" => 80,
            "https" => 443,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let bracketed = authority.ends_with(']') || !authority.contains(':');
        if bracketed {
            let host = authority.trim_start_matches('[').trim_end_matches(']');
            return Some(Self {
                host: host.to_owned(),
                port,
            });
        }
        Self::parse(authority)
    }

    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.starts_with("127.") || self.host == "::1"
    }

    /// Whether it is an address of the pod itself.
    fn is_own(&self) -> bool {
        self.is_loopback() || ["", "0.0.0.0", "::"].contains(&self.host.as_str())
    }
}

// === impl Guards ===

impl<'a> Guards<'a> {
    /// Reads what guards depend on.
    pub fn new(world: &'a World<'a>) -> Self {
        Self {
            world,
            rights: Rights::new(world),
            made: files::made(world),
        }
    }

    /// Who may do what, as the guards are told.
    pub fn rights(&self) -> &Rights<'a> {
        &self.rights
    }

    /// The guards of a pod.
    pub fn find(&self, pod: &Pod<'_>) -> Found {
        let mut found = Found::default();
        let mut containers = BTreeSet::new();
        let mut asking = Vec::new();
        for (place, value) in pod.containers() {
            let candidate = Candidate {
                pod,
                arguments: Arguments::new(pod, &place, value),
                place,
                value,
                name: fields::text(value, &["name"]),
                image: fields::text(value, &["image"]),
            };
            let Some(seen) = self.read(&candidate, &mut found.faults) else {
                continue;
            };
            if !seen.known {
                found.open.extend(seen.ports());
                continue;
            }
            let asks = seen.asks;
            if self.take(&candidate, &seen, &mut found) {
                containers.insert(candidate.name.to_owned());
                asking.push((candidate, asks));
            }
        }
        if !containers.is_empty() {
            fits::check(pod, &mut found);
            for (candidate, asks) in &asking {
                let beside = (&containers, found.guards.as_slice());
                credentials::check(self, candidate, *asks, beside, &mut found.faults);
            }
        }
        found.faults.sort();
        found.faults.dedup();
        found
    }

    fn read(&self, candidate: &Candidate<'_>, faults: &mut Vec<Fault>) -> Option<Seen> {
        let mut own = Vec::new();
        let mut seen = rbac_proxy::read(self.world, candidate, &mut own)
            .or_else(|| oauth_proxy::read(candidate, &mut own))
            .or_else(|| security_proxy::read(candidate, &mut own));
        match &mut seen {
            Some(seen) if !started::is_itself(candidate, seen.program) => {
                seen.known = false;
                let what =
                    What::Unread("its command starts another program than its arguments are for".to_owned());
                let at = candidate.pod.hop(
                    &format!("{}.command", candidate.place),
                    "replaces the image's program",
                );
                faults.push(candidate.fault(at, what));
            }
            _ => faults.append(&mut own),
        }
        seen
    }

    /// Takes a program in as a guard of each of its listeners. Whether it is one of this pod.
    fn take(&self, candidate: &Candidate<'_>, seen: &Seen, found: &mut Found) -> bool {
        found.health.extend(&seen.health);
        let open: Vec<(&Listener, &Address)> = seen
            .listeners
            .iter()
            .filter_map(|listener| Some((listener, listener.address.as_ref()?)))
            .collect();
        let own: BTreeSet<u16> = seen
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.address.as_ref())
            .filter(|address| address.is_own())
            .map(|address| address.port)
            .collect();
        let unknown = seen.upstreams.iter().find(|upstream| upstream.address.is_none());
        if let Some(upstream) = unknown {
            let what = What::Unread("where it forwards is not in the manifests".to_owned());
            found.faults.push(match &upstream.flag {
                Some(flag) => candidate.fault_of(flag, "upstream", what),
                None => candidate.fault_here(what),
            });
        }
        if own.is_empty() {
            found.quiet.extend(open.iter().map(|(_, address)| address.port));
            return false;
        }
        let mut admitted = seen.passing.clone();
        for review in seen.review.iter().chain(&seen.reviews) {
            for one in self.rights.admitted(review) {
                if !admitted.iter().any(|known| known.subject == one.subject) {
                    admitted.push(one);
                }
            }
        }
        for one in &admitted {
            if is_everybody(&one.subject.kind, &one.subject.name) {
                let mut fault = candidate.fault_here(What::Everybody(one.subject.clone()));
                if let Some(at) = one.by.first() {
                    fault.at = at.clone();
                }
                fault.way.extend(seen.by.iter().chain(&one.by).cloned());
                found.faults.push(fault);
            }
        }
        // Whoever passes for want of a question is among them, and has been said already.
        admitted.extend(unasked(candidate, seen.program, &found.faults));
        admitted.sort();
        let mut reached = false;
        for (listener, address) in &open {
            if address.is_loopback() {
                found.quiet.insert(address.port);
                continue;
            }
            reached = true;
            if !listener.tls {
                let what = What::PlainListener(address.port);
                found
                    .faults
                    .push(candidate.fault_of(&listener.flag, listener.name, what));
            }
            let mut by = vec![
                candidate
                    .pod
                    .hop(&candidate.place, format!("container {}", candidate.name)),
                Arguments::hop(candidate.pod, &listener.flag, listener.name),
            ];
            by.extend(seen.by.iter().cloned());
            found.guards.push(Guard {
                container: candidate.name.to_owned(),
                program: seen.program,
                image: candidate.image.to_owned(),
                port: address.port,
                upstreams: own.clone(),
                review: seen.review.clone(),
                by,
                admitted: admitted.clone(),
            });
        }
        if !reached && !open.is_empty() {
            found.faults.push(candidate.fault_here(What::LoopbackOnly));
        }
        if open
            .iter()
            .any(|(listener, address)| listener.tls && !address.is_loopback())
        {
            files::certificate(
                &self.made,
                candidate,
                seen.certificate.as_ref(),
                &mut found.faults,
            );
        }
        reached || !open.is_empty()
    }
}

/// Those who pass a guard because it asks for no right at all.
fn unasked(candidate: &Candidate<'_>, program: Program, faults: &[Fault]) -> Option<Admitted> {
    let open = |what: &What| {
        matches!(
            what,
            What::StaticForEverybody | What::AsksNothing | What::AsksByPath | What::EveryLogin
        )
    };
    let fault = faults
        .iter()
        .find(|fault| fault.container == candidate.name && open(&fault.what))?;
    let name = match program {
        Program::OauthProxy => OPENSHIFT_EVERYBODY,
        Program::SecurityProxy => rights::UNAUTHENTICATED,
        Program::KubeRbacProxy | Program::Gatewright => rights::AUTHENTICATED,
    };
    Some(Admitted {
        subject: rights::group(name),
        verbs: BTreeSet::from(["*".to_owned()]),
        by: vec![fault.at.clone()],
    })
}

/// A question in words, as in `get notebooks.kubeflow.org churn in namespace sales`.
pub fn in_words(review: &Review) -> String {
    let verbs: Vec<&str> = review.verbs.iter().map(String::as_str).collect();
    let verbs = if verbs.contains(&"*") {
        "every verb of".to_owned()
    } else {
        verbs.join("|")
    };
    let mut what = review.resource.clone();
    if !review.subresource.is_empty() {
        what = format!("{what}/{}", review.subresource);
    }
    if !review.group.is_empty() {
        what = format!("{what}.{}", review.group);
    }
    let name = if review.name.is_empty() {
        "(any)"
    } else {
        &review.name
    };
    let place = if review.namespace.is_empty() {
        "all namespaces".to_owned()
    } else {
        format!("namespace {}", review.namespace)
    };
    format!("{verbs} {what} {name} in {place}")
}

/// Whether a subject is everybody of some kind.
pub fn is_everybody(kind: &str, name: &str) -> bool {
    use super::rights::{AUTHENTICATED, SERVICE_ACCOUNTS, UNAUTHENTICATED};
    kind == "Group"
        && (name.starts_with(SERVICE_ACCOUNTS)
            || [AUTHENTICATED, UNAUTHENTICATED].contains(&name)
            || OPENSHIFT_EVERYBODY == name)
        || (kind == "User" && name == ANONYMOUS)
}

/// OpenShift's group of everybody who logged in by its own login.
const OPENSHIFT_EVERYBODY: &str = "system:authenticated:oauth";
/// The user that nobody has to prove to be.
const ANONYMOUS: &str = "system:anonymous";

#[cfg(test)]
#[path = "guards/tests.rs"]
mod tests;
