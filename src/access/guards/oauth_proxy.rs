//! OpenShift's oauth-proxy: a login of its own in front of one workload.
//!
//! Source: openshift/oauth-proxy `main.go`, `oauthproxy.go`, `providers/openshift/provider.go`. Who comes with a browser logs in to
//! the cluster, and passes if `--openshift-sar` lets them, whoever they are if there is none; who comes with a token of the
//! cluster is asked about by `--openshift-delegate-urls`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::config::{fitting, key};
use super::fault::{Fault, What};
use super::rbac_proxy::describe;
use super::{Address, Asks, Candidate, Listener, Seen, Upstream};
use crate::access::answer::{Admitted, Program, Review};
use crate::access::arguments::{Arguments, Flag};
use crate::access::rights;

/// Flags that take no value from the next word.
const SWITCHES: &[&str] = &[
    "pass-basic-auth",
    "pass-user-headers",
    "pass-access-token",
    "pass-user-bearer-token",
    "pass-host-header",
    "skip-provider-button",
    "skip-auth-preflight",
    "request-logging",
    "cookie-secure",
    "cookie-httponly",
    "set-xauthrequest",
    "proxy-websockets",
    "version",
];
const HTTPS: &str = "https-address";
const HTTP: &str = "http-address";
const UPSTREAM: &str = "upstream";
const SAR: &str = "openshift-sar";
const SAR_BY_HOST: &str = "openshift-sar-by-host";
const DELEGATE: &str = "openshift-delegate-urls";
/// Flags by which nobody else's program is started.
const MARKS: [&str; 4] = ["openshift-service-account", SAR, SAR_BY_HOST, DELEGATE];
/// Flags with expressions for paths that are let through; the third lets through all others.
const SKIPS: [&str; 3] = ["skip-auth-regex", "bypass-auth-for", "bypass-auth-except-for"];
/// Its own addresses, where no flag says others.
const DEFAULT_HTTPS: &str = ":8443";

pub(super) fn read(candidate: &Candidate<'_>, faults: &mut Vec<Fault>) -> Option<Seen> {
    let arguments = &candidate.arguments;
    let last = |name: &str| arguments.last(name, SWITCHES);
    let openshift = last("provider").is_some_and(|flag| flag.value.as_deref() == Some("openshift"));
    // kube-auth-proxy has a provider of that name too, but forwards to nothing.
    let marked = MARKS.iter().any(|name| arguments.has(name));
    let looks = openshift && candidate.image.contains("oauth-proxy");
    if !marked && !looks {
        if let Some(place) = arguments.within_script("--openshift-service-account") {
            let at = candidate.pod.hop(place, "a script");
            faults.push(candidate.fault(
                at,
                What::Unread("a script starts what looks like a guard".to_owned()),
            ));
        }
        return None;
    }
    let upstreams: Vec<Upstream> = arguments
        .all(UPSTREAM, SWITCHES)
        .into_iter()
        .map(|flag| Upstream {
            address: flag.value.as_deref().and_then(Address::of_url),
            flag: Some(flag),
        })
        .collect();
    let mut by: Vec<_> = upstreams
        .iter()
        .filter_map(|upstream| upstream.flag.as_ref())
        .map(|flag| Arguments::hop(candidate.pod, flag, UPSTREAM))
        .collect();
    if let Some(flag) = last("config") {
        let what = What::Unread("some of its settings are in a file".to_owned());
        faults.push(candidate.fault_of(&flag, "config", what));
    }
    skips(candidate, faults);
    let (asked, delegated) = (last(SAR), last(DELEGATE));
    let mut reviews = Vec::new();
    for (flag, name) in [
        (&asked, SAR),
        (&last(SAR_BY_HOST), SAR_BY_HOST),
        (&delegated, DELEGATE),
    ] {
        let Some(flag) = flag else { continue };
        let found = questions(candidate, flag, name, faults);
        by.push(Arguments::hop(candidate.pod, flag, name));
        reviews.extend(found);
    }
    let mut passing = Vec::new();
    let groups = arguments.all("openshift-group", SWITCHES);
    if asked.is_none() {
        if groups.is_empty() {
            faults.push(candidate.fault_here(What::EveryLogin));
        }
        for flag in groups {
            let name = flag.value.clone().unwrap_or_default();
            passing.push(Admitted {
                subject: rights::group(&name),
                verbs: BTreeSet::from(["*".to_owned()]),
                by: vec![Arguments::hop(candidate.pod, &flag, "openshift-group")],
            });
        }
    }
    let mut reviews = reviews.into_iter();
    Some(Seen {
        program: Program::OauthProxy,
        listeners: listeners(candidate, last(HTTPS), last(HTTP)),
        upstreams,
        health: BTreeSet::new(),
        review: reviews.next(),
        reviews: reviews.collect(),
        by,
        asks: if delegated.is_some() {
            Asks::TokensAndAccess
        } else {
            Asks::Nothing
        },
        certificate: last("tls-cert"),
        passing,
        known: true,
    })
}

fn listeners(candidate: &Candidate<'_>, https: Option<Flag>, http: Option<Flag>) -> Vec<Listener> {
    let https = https.unwrap_or_else(|| Flag {
        place: candidate.place.clone(),
        value: Some(DEFAULT_HTTPS.to_owned()),
    });
    // Without the flag it listens on loopback.
    let both = [(HTTPS, Some(https), true), (HTTP, http, false)];
    both.into_iter()
        .filter_map(|(name, flag, tls)| Some((name, flag?, tls)))
        .filter(|(_, flag, _)| flag.value.as_deref() != Some(""))
        .map(|(name, flag, tls)| Listener {
            address: flag
                .value
                .as_deref()
                .map(|value| value.split_once("://").map_or(value, |(_, rest)| rest))
                .and_then(Address::parse),
            flag,
            name,
            tls,
        })
        .collect()
}

fn skips(candidate: &Candidate<'_>, faults: &mut Vec<Fault>) {
    for name in SKIPS {
        for flag in candidate.arguments.all(name, SWITCHES) {
            let paths = flag.value.clone().map(|value| vec![value]);
            faults.push(candidate.fault_of(&flag, name, What::SkipsPaths(paths)));
        }
    }
    let preflight = candidate.arguments.last("skip-auth-preflight", SWITCHES);
    if let Some(flag) = preflight.filter(|flag| flag.value.as_deref() != Some("false")) {
        let paths = Some(vec!["(every OPTIONS request)".to_owned()]);
        faults.push(candidate.fault_of(&flag, "skip-auth-preflight", What::SkipsPaths(paths)));
    }
}

/// The questions of a flag's JSON: one, a list of them, or one for each path or host.
fn questions(candidate: &Candidate<'_>, flag: &Flag, name: &str, faults: &mut Vec<Fault>) -> Vec<Review> {
    let Some(text) = &flag.value else {
        let what = What::Unread(format!("the value of --{name} is not in the manifests"));
        faults.push(candidate.fault_of(flag, name, what));
        return Vec::new();
    };
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        let what = What::ConfigBroken(format!("the value of --{name} is no JSON"));
        faults.push(candidate.fault_of(flag, name, what));
        return Vec::new();
    };
    let mut found = Vec::new();
    let values: Vec<&Value> = match (&value, name) {
        (Value::Object(entries), DELEGATE | SAR_BY_HOST) => entries.values().collect(),
        (value, _) => vec![value],
    };
    for value in values {
        let each = value
            .as_array()
            .map_or_else(|| vec![value], |all| all.iter().collect());
        for one in each {
            let review = question(one, name == DELEGATE);
            let here = Arguments::hop(candidate.pod, flag, name);
            let dropped = dropped(one, name == DELEGATE);
            // Another object is another object, named or not.
            let other = fitting(&review, &candidate.pod.workload);
            if review.name.is_empty() && other.is_none() {
                let asked = review.clone();
                faults.push(candidate.fault(here.clone(), What::AllNames { asked, dropped }));
            }
            if review.namespace.is_empty() {
                let asked = review.clone();
                faults.push(candidate.fault(here.clone(), What::AllNamespaces { asked }));
            }
            if let Some(what) = other {
                let mut fault = candidate.fault(here, what);
                fault.at.says = describe(&review);
                faults.push(fault);
            }
            found.push(review);
        }
    }
    found
}

/// A question. `delegated` ones are spelled as Kubernetes spells them, the others as OpenShift does.
fn question(value: &Value, delegated: bool) -> Review {
    let text = |name: &str| {
        let value = key(value, name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (group, name) = keys(delegated);
    let verb = text("verb");
    Review {
        group: text(group),
        resource: text("resource"),
        subresource: if delegated {
            text("subresource")
        } else {
            String::new()
        },
        namespace: text("namespace"),
        name: text(name),
        verbs: BTreeSet::from([if verb.is_empty() { "get".to_owned() } else { verb }]),
    }
}

fn keys(delegated: bool) -> (&'static str, &'static str) {
    if delegated {
        ("group", "name")
    } else {
        ("resourceAPIGroup", "resourceName")
    }
}

/// The key that names an object in the other spelling.
fn dropped(value: &Value, delegated: bool) -> Option<String> {
    let (_, other) = keys(!delegated);
    key(value, other).map(|_| other.to_owned())
}
