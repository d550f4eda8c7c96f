//! kube-rbac-proxy and its forks, ours among them.

use super::config::{self, Verbs};
use super::fault::{Fault, What};
use super::files::{self, Content, File};
use super::{Address, Asks, Candidate, Listener, Seen, Upstream};
use crate::access::answer::{Admitted, Hop, Program, Review, Subject};
use crate::access::arguments::{Arguments, Flag};
use crate::access::fields;
use crate::access::workloads::ray_resource;
use crate::access::world::World;
use crate::krm::object_id::ObjectId;
use crate::krm::yaml::Piece;
use crate::model::programs::image_honours_verb;

/// Flags that take no value from the next word; the last three are ours.
const SWITCHES: &[&str] = &[
    "auth-header-fields-enabled",
    "http2-disable",
    "upstream-force-h2c",
    "logtostderr",
    "alsologtostderr",
    "add-dir-header",
    "one-output",
    "skip-headers",
    "skip-log-headers",
    "version",
    "help",
    "check-config",
    "strict-config",
    OIDC_TOO,
];
const SECURE: &str = "secure-listen-address";
const INSECURE: &str = "insecure-listen-address";
const UPSTREAM: &str = "upstream";
const CONFIG: &str = "config-file";
const IGNORED: &str = "ignore-paths";
/// Flags that change who says who callers are, or what they may.
const VOUCHERS: [&str; 3] = ["oidc-issuer", "kubeconfig", CLIENT_CA];
/// Ours: tokens of other issuers than that of `oidc-issuer` are reviewed.
const OIDC_TOO: &str = "oidc-and-token-review";
/// Ours: whose faults are kept.
const COMPATIBILITY: &str = "compatibility";
/// The word that our program's flags stand behind.
const SUBCOMMAND: &str = "proxy";
/// The flag for who signs client certificates.
const CLIENT_CA: &str = "client-ca-file";
/// Variables by which the API server is found.
const API_SERVER: [&str; 2] = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
const HEALTH: &str = "proxy-endpoints-port";

pub(super) fn read(world: &World<'_>, candidate: &Candidate<'_>, faults: &mut Vec<Fault>) -> Option<Seen> {
    let arguments = &candidate.arguments;
    let last = |name: &str| {
        arguments
            .last(name, SWITCHES)
            .filter(|flag| flag.value.as_deref() != Some(""))
    };
    let listeners: Vec<Listener> = [(SECURE, true), (INSECURE, false)]
        .into_iter()
        .filter_map(|(name, tls)| {
            last(name).map(|flag| Listener {
                address: flag.value.as_deref().and_then(Address::parse),
                flag,
                name,
                tls,
            })
        })
        .collect();
    if listeners.is_empty() {
        if let Some(place) = arguments.within_script(SECURE) {
            let at = candidate.pod.hop(place, "a script");
            let what = What::Unread("a script starts what looks like a guard".to_owned());
            faults.push(candidate.fault(at, what));
        }
        return None;
    }
    for listener in listeners.iter().filter(|listener| listener.address.is_none()) {
        let what = What::Unread("where it listens cannot be read".to_owned());
        faults.push(candidate.fault_of(&listener.flag, listener.name, what));
    }
    let upstream = last(UPSTREAM)?;
    let program = program(candidate);
    let mut seen = Seen {
        program,
        listeners,
        health: health(arguments),
        review: None,
        reviews: Vec::new(),
        by: vec![Arguments::hop(candidate.pod, &upstream, UPSTREAM)],
        asks: match last("oidc-issuer") {
            Some(_) if !is_on(arguments, OIDC_TOO) => Asks::AccessAlone,
            None if last("kubeconfig").is_some() => Asks::Nothing,
            _ => Asks::TokensAndAccess,
        },
        certificate: last("tls-cert-file"),
        passing: Vec::new(),
        known: true,
        upstreams: vec![Upstream {
            address: upstream.value.as_deref().and_then(Address::of_url),
            flag: Some(upstream),
        }],
    };
    ignored(candidate, faults);
    vouchers(world, candidate, faults);
    match last(CONFIG) {
        Some(flag) => configured(world, candidate, &flag, &mut seen, faults),
        None => faults.push(candidate.fault_here(What::AsksByPath)),
    }
    Some(seen)
}

/// Whether a switch is on, as far as the manifests say.
fn is_on(arguments: &Arguments, name: &str) -> bool {
    let flag = arguments.last(name, SWITCHES);
    flag.is_some_and(|flag| {
        !matches!(
            flag.value.as_deref(),
            Some("false" | "False" | "FALSE" | "f" | "F" | "0")
        )
    })
}

/// Ours by its name, or by the word that its flags stand behind, with which no other starts; the rest are one another's forks.
fn program(candidate: &Candidate<'_>) -> Program {
    let base = |text: &str| {
        let text = text.split(['@', ':']).next().unwrap_or_default().to_owned();
        text.rsplit('/')
            .next()
            .unwrap_or_default()
            .starts_with("gatewright")
    };
    let command = fields::texts(candidate.value, &["command"]);
    let arguments = fields::texts(candidate.value, &["args"]);
    let mut behind_the_program = command.iter().skip(1).chain(&arguments);
    let ours = behind_the_program.next().is_some_and(|word| *word == SUBCOMMAND);
    if ours || base(candidate.image) || command.first().is_some_and(|word| base(word)) {
        Program::Gatewright
    } else {
        Program::KubeRbacProxy
    }
}

fn health(arguments: &Arguments) -> std::collections::BTreeSet<u16> {
    let port = arguments.last(HEALTH, SWITCHES).and_then(|flag| flag.value);
    port.and_then(|port| port.parse().ok())
        .filter(|port| *port != 0)
        .into_iter()
        .collect()
}

/// Settings by which others than the cluster's API server say who callers are.
fn vouchers(world: &World<'_>, candidate: &Candidate<'_>, faults: &mut Vec<Fault>) {
    for name in VOUCHERS {
        let flag = candidate.arguments.last(name, SWITCHES);
        if let Some(flag) = flag.filter(|flag| flag.value.as_deref() != Some("")) {
            if let Some(authority) = own_authority(world, candidate, &flag).filter(|_| name == CLIENT_CA) {
                let what = What::Unread(format!(
                    "it takes the names in client certificates of Certificate {authority} for its callers': who may have one made \
                     in the namespace, or read its Secret, passes for anybody"
                ));
                faults.push(candidate.fault_of(&flag, name, what));
                continue;
            }
            faults.push(candidate.fault_of(&flag, name, What::OtherVoucher(format!("--{name}"))));
        }
    }
    for name in API_SERVER {
        if candidate.arguments.variable(name).is_some() {
            let at = candidate.pod.hop(&format!("{}.env", candidate.place), name);
            faults.push(candidate.fault(at, What::OtherVoucher(format!("the variable {name}"))));
        }
    }
}

/// The Certificate of an authority in the pod's own namespace that a flag names the file of: whom it vouches for is then for
/// cert-manager's objects there to say.
fn own_authority<'a>(world: &World<'a>, candidate: &Candidate<'_>, flag: &Flag) -> Option<&'a str> {
    let holds = |_: &str, _: &str, _: &str| Some(true);
    let path = flag.value.as_deref()?;
    let File::Key {
        kind: "Secret", name, ..
    } = files::resolve(candidate.pod, candidate.value, path, &holds)
    else {
        return None;
    };
    let here = world.within("cert-manager.io", "Certificate", candidate.pod.namespace());
    let authority = here.into_iter().find(|made| {
        fields::is_true(&made.value, &["spec", "isCA"])
            && fields::text(&made.value, &["spec", "secretName"]) == name
    })?;
    Some(authority.id.name.as_str())
}

/// Paths that are forwarded unasked.
fn ignored(candidate: &Candidate<'_>, faults: &mut Vec<Fault>) {
    for flag in candidate.arguments.all(IGNORED, SWITCHES) {
        let paths = flag.value.as_deref().map(|value| {
            let paths = value.split(',').map(|path| path.trim_matches('"').to_owned());
            paths.filter(|path| !path.is_empty()).collect::<Vec<_>>()
        });
        if paths.as_ref().is_none_or(|paths| !paths.is_empty()) {
            faults.push(candidate.fault_of(&flag, IGNORED, What::SkipsPaths(paths)));
        }
    }
}

/// Finds and reads the configuration. What cannot be found or read asks nothing that anybody could rely on.
fn configured(
    world: &World<'_>,
    candidate: &Candidate<'_>,
    flag: &Flag,
    seen: &mut Seen,
    faults: &mut Vec<Fault>,
) {
    let here = Arguments::hop(candidate.pod, flag, CONFIG);
    let Some(path) = &flag.value else {
        let what = What::Unread("where its configuration is is not in the manifests".to_owned());
        faults.push(candidate.fault(here, what));
        seen.known = false;
        return;
    };
    seen.by.push(here.clone());
    let namespace = candidate.pod.namespace();
    let holds = |kind: &str, name: &str, key: &str| match files::content(world, kind, (namespace, name), key)
    {
        Content::Text(..) => Some(true),
        Content::NoKey => Some(false),
        Content::Unknown => None,
    };
    let (kind, name, key, volume) = match files::resolve(candidate.pod, candidate.value, path, &holds) {
        File::Key {
            kind,
            name,
            key,
            volume,
        } => (kind, name, key, volume),
        File::Nowhere(at) => {
            let what = What::ConfigMissing(format!("there is no file {path} in its volumes"));
            faults.push(candidate.fault(at, what));
            return;
        }
        File::Elsewhere => {
            let what =
                What::Unread("its configuration is not in an object, or in which is not known".to_owned());
            faults.push(candidate.fault(here, what));
            seen.known = false;
            return;
        }
    };
    let object = world.get("", kind, namespace, name);
    let (object, text, field) = match (object, files::content(world, kind, (namespace, name), &key)) {
        (Some(object), Content::Text(text, field)) => (object, text, field),
        (Some(object), Content::NoKey) => {
            let what = What::ConfigMissing(format!("{kind} {name} has no key {key}"));
            let at = fields::hop(object, "data", format!("has no text under {key}"));
            faults.push(candidate.fault(at, what));
            return;
        }
        // Without it the pod does not start, and one that runs has read it: nothing is open. That it is not there is said.
        (None, _) if kind == "ConfigMap" && !files::is_optional(candidate.pod, name) => {
            let what = What::ConfigMissing(format!("ConfigMap {name} is not in the manifests"));
            faults.push(candidate.fault(volume, what));
            return;
        }
        _ => {
            let what = What::Unread(format!(
                "its configuration is in {kind} {name}, whose content is not known"
            ));
            faults.push(candidate.fault(volume, what));
            seen.known = false;
            return;
        }
    };
    let place = format!("{field}[{key}]");
    seen.by
        .push(fields::hop(object, place.clone(), "its configuration"));
    let file = match Piece::new(&text, 0..text.len(), 0).value() {
        Ok(file) => file,
        Err(error) => {
            // Of several documents the program reads the first, of a key that is there twice the last.
            let at = fields::hop(object, place, "its configuration");
            faults.push(candidate.fault(at, What::ConfigBroken(error.message)));
            seen.known = false;
            return;
        }
    };
    let inside = |field: &str, says: String| {
        let dot = if field.is_empty() { "" } else { ": " };
        fields::hop(object, format!("{place}{dot}{field}"), says)
    };
    take(
        candidate,
        config::read(&file, verbs(candidate)),
        &inside,
        seen,
        faults,
    );
}

fn take(
    candidate: &Candidate<'_>,
    read: config::Config,
    inside: &dyn Fn(&str, String) -> Hop,
    seen: &mut Seen,
    faults: &mut Vec<Fault>,
) {
    let workload = &candidate.pod.workload;
    // A word that is read as another explains what follows from it.
    let misread: Vec<(String, What)> = read
        .faults
        .iter()
        .filter_map(|(field, what)| Some((field.clone(), misread(workload, what)?)))
        .collect();
    let misreads = |field: &str, word: &str| misread.iter().any(|(at, _)| *at == format!("{field}.{word}"));
    let others = read.faults.into_iter().filter(|(field, what)| match what {
        What::ReadAs { .. } => false,
        What::AllNames { .. } => !misreads(field, "name"),
        What::AllNamespaces { .. } => !misreads(field, "namespace"),
        _ => true,
    });
    for (field, what) in others.chain(misread.iter().cloned()) {
        let at = inside(&field, "its configuration".to_owned());
        faults.push(candidate.fault(at, what));
    }
    let mut held = |field: &str, review: &Review| {
        let explained = misreads(field, "name") || misreads(field, "namespace");
        if let Some(what) = config::fitting(review, workload).filter(|_| !explained) {
            let at = inside(field, describe(review));
            faults.push(candidate.fault(at, what));
        }
    };
    if let Some(review) = &read.review {
        held("authorization.resourceAttributes", review);
        seen.by
            .push(inside("authorization.resourceAttributes", describe(review)));
    }
    for (field, review) in &read.further {
        held(field, review);
    }
    seen.review = read.review;
    seen.reviews = read.further.into_iter().map(|(_, review)| review).collect();
    for (field, user, verbs) in read.users {
        seen.passing.push(Admitted {
            subject: Subject {
                kind: "User".to_owned(),
                namespace: String::new(),
                name: user.clone(),
            },
            verbs,
            by: vec![inside(&field, format!("lets User {user} through unasked"))],
        });
    }
}

/// A word that is no text where text is wanted, if the program makes something else of it than was meant.
fn misread(workload: &ObjectId, what: &What) -> Option<What> {
    let What::ReadAs { field, read, .. } = what else {
        return None;
    };
    let known = workload.kind == "Notebook" || ray_resource(&workload.kind).is_some();
    let meant = match field.as_str() {
        "name" if known => workload.name.as_str(),
        "namespace" if known => workload.namespace.as_str(),
        _ => "",
    };
    // A number as a text is the same text.
    let same = read == meant || (meant.is_empty() && read.bytes().all(|byte| byte.is_ascii_digit()));
    (!same).then(|| What::ReadAs {
        field: field.clone(),
        read: read.clone(),
        meant: meant.to_owned(),
    })
}

/// Which verbs this program asks for, as far as its image says which fork it is.
fn verbs(candidate: &Candidate<'_>) -> Verbs {
    if program(candidate) == Program::Gatewright {
        let compatibility = candidate.arguments.last(COMPATIBILITY, SWITCHES);
        return match compatibility.map(|flag| flag.value) {
            Some(None) => Verbs::Either,
            Some(Some(kept)) if kept == "kube-rbac-proxy" => Verbs::OfMethods,
            _ => Verbs::Configured,
        };
    }
    match image_honours_verb(candidate.image) {
        Some(true) => Verbs::Configured,
        Some(false) => Verbs::OfMethods,
        None => Verbs::Either,
    }
}

/// A question in a few words.
pub(super) fn describe(review: &Review) -> String {
    format!("asks {}", super::in_words(review))
}
