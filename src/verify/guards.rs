//! Guards: from facts to judgements.

use super::judgement::{Judgement, Rule};
use crate::access::answer::{Hop, Review, Subject};
use crate::access::guards::fault::{Fault, What};
use crate::access::guards::in_words;
use crate::access::rights::label;
use crate::krm::object_id::ObjectId;

/// What is wrong with the guards of a workload.
pub fn judge(workload: &ObjectId, faults: &[Fault]) -> Vec<Judgement> {
    let mut judged: Vec<Judgement> = faults.iter().map(|fault| of(workload, fault)).collect();
    judged.sort();
    judged.dedup();
    judged
}

/// Bindings whose role the manifests do not hold.
pub fn unknown_roles(bindings: &[Hop]) -> Vec<Judgement> {
    let judge = |at: &Hop| Judgement {
        rule: Rule::Unknown,
        at: at.clone(),
        message: format!(
            "{} binds a role that is not in the manifests, so whom it lets through a guard is not known",
            at.object
        ),
        way: Vec::new(),
        advice: "Add the role to what is verified.".to_owned(),
    };
    bindings.iter().map(judge).collect()
}

fn of(workload: &ObjectId, fault: &Fault) -> Judgement {
    let (rule, message, advice) = say(workload, fault);
    Judgement {
        rule,
        at: fault.at.clone(),
        message,
        way: fault.way.clone(),
        advice,
    }
}

fn say(workload: &ObjectId, fault: &Fault) -> (Rule, String, String) {
    let guard = format!("the guard {} of {workload}", fault.container);
    match &fault.what {
        What::SkipsPaths(_)
        | What::StaticForEverybody
        | What::AsksNothing
        | What::EveryLogin
        | What::Everybody(_) => open(&guard, &fault.what),
        What::AsksByPath
        | What::OtherObject { .. }
        | What::AllNames { .. }
        | What::AllNamespaces { .. }
        | What::ReadAs { .. }
        | What::KeyTwice(_)
        | What::ClientNames(_) => question(workload, &guard, &fault.what),
        What::CannotAsk { .. }
        | What::NoToken(_)
        | What::SharedToken { .. }
        | What::SharedSecret { .. }
        | What::SharedProcesses
        | What::LiteralToken => credentials(&guard, &fault.what),
        what => unfit(&guard, what),
    }
}

/// Whom it lets through without a question.
fn open(guard: &str, what: &What) -> (Rule, String, String) {
    match what {
        What::SkipsPaths(Some(paths)) => (
            Rule::GuardBypass,
            format!(
                "anybody who reaches {guard} gets through without a token to {}",
                paths.join(", ")
            ),
            "Remove the flag, or name paths that hold nothing worth guarding.".to_owned(),
        ),
        What::SkipsPaths(None) => (
            Rule::GuardBypass,
            format!("{guard} lets some paths through without a token, and which is not in the manifests"),
            "Remove the flag, or write the paths out.".to_owned(),
        ),
        What::StaticForEverybody => (
            Rule::GuardBypass,
            format!(
                "{guard} has a static rule without a user, which lets everybody through who has any valid token; the groups \
                 in such a rule are not compared"
            ),
            "Name a user in the rule, or remove it and grant a Role.".to_owned(),
        ),
        What::AsksNothing => (
            Rule::Everybody,
            format!("{guard} is configured to ask for no right: any valid token of the cluster gets through"),
            "Give its configuration authorization.resourceAttributes that name the workload.".to_owned(),
        ),
        What::EveryLogin => (
            Rule::Everybody,
            format!(
                "{guard} asks for no right after a login: everybody who can log in to the cluster gets through"
            ),
            "Add --openshift-sar with the workload's resource, name and namespace.".to_owned(),
        ),
        What::Everybody(subject) => (
            Rule::Everybody,
            format!("{} ({}) gets through {guard}", everybody(subject), label(subject)),
            "Bind the role to the people and groups that need it.".to_owned(),
        ),
        _ => (
            Rule::Unknown,
            format!("{guard} lets somebody through"),
            String::new(),
        ),
    }
}

fn everybody(subject: &Subject) -> &'static str {
    if subject.name.contains("unauthenticated") || subject.name.contains("anonymous") {
        "anybody, without a token,"
    } else if subject.name.contains("serviceaccounts") {
        "every pod that runs as some ServiceAccount"
    } else {
        "everybody who has any valid token"
    }
}

/// What it asks, held against what it guards.
fn question(workload: &ObjectId, guard: &str, what: &What) -> (Rule, String, String) {
    let name_it = format!("Have it ask about {} {} by name.", workload.kind, workload.name);
    let asks = |review: &Review| in_words(review);
    let (message, advice) = match what {
        What::AsksByPath => (
            format!(
                "{guard} asks about the URL's path instead of an object: clusters let everybody get /api, /apis, /version \
                 and /healthz, so everybody with a valid token gets through under these paths"
            ),
            format!("Configure authorization.resourceAttributes. {name_it}"),
        ),
        What::OtherObject { asked, guarded } => (
            format!(
                "{guard} asks about another object than it guards ({}, not {guarded}): who may do that gets through",
                asks(asked)
            ),
            name_it,
        ),
        What::AllNames { asked, dropped } => {
            let why = dropped.as_ref().map_or_else(String::new, |key| {
                format!("; its key {key} is none that the program knows, and is dropped")
            });
            (
                format!(
                    "{guard} asks about no object by name ({}): only who may do so to all of them gets through{why}",
                    asks(asked)
                ),
                name_it,
            )
        }
        What::AllNamespaces { asked } => (
            format!(
                "{guard} asks about no namespace ({}): only who has the right in the whole cluster gets through",
                asks(asked)
            ),
            format!("Name the namespace {}.", workload.namespace),
        ),
        What::ReadAs { field, read, meant } => (
            format!(
                "{guard} reads the {field} in its configuration as {}{}, for it is not quoted: it asks about another object",
                quoted(read),
                if meant.is_empty() {
                    String::new()
                } else {
                    format!(" instead of {}", quoted(meant))
                }
            ),
            "Write the value in quotes.".to_owned(),
        ),
        What::KeyTwice(key) => (
            format!(
                "the configuration of {guard} has the key {key} in several spellings, which the program takes for one: it may \
                 ask something else than it looks"
            ),
            "Keep one of them.".to_owned(),
        ),
        What::ClientNames(field) => (
            format!(
                "whoever sends a request to {guard} says in it which {field} is asked about, and so needs a right to any one \
                 of them alone"
            ),
            format!("Remove the rewrites. {name_it}"),
        ),
        _ => (format!("{guard} asks something else"), name_it),
    };
    (Rule::WrongReview, message, advice)
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        format!("\"{text}\"")
    }
}

/// What it asks with, and who else has it.
fn credentials(guard: &str, what: &What) -> (Rule, String, String) {
    match what {
        What::CannotAsk { account, missing } => (
            Rule::GuardCannotAsk,
            format!(
                "{guard} refuses everybody: nothing lets its {} create {}",
                label(account),
                missing.join(" and ")
            ),
            "Bind ClusterRole system:auth-delegator to the account.".to_owned(),
        ),
        What::NoToken(account) => (
            Rule::GuardCannotAsk,
            format!(
                "{guard} refuses everybody: no token of its {} is mounted into it",
                label(account)
            ),
            "Mount a projected serviceAccountToken into the guard's container.".to_owned(),
        ),
        What::SharedToken {
            account,
            reader,
            only_reviews,
        } => {
            let can = if *only_reviews {
                "review anybody's token and rights"
            } else {
                "do what its bindings allow"
            };
            (
                Rule::ReadableCredential,
                format!(
                    "the code in container {reader} can read the token of {}, which is there for {guard}, and {can}",
                    label(account)
                ),
                "Set automountServiceAccountToken: false, and mount a projected token into the guard's container alone."
                    .to_owned(),
            )
        }
        What::SharedSecret { secret, reader } => (
            Rule::ReadableCredential,
            format!(
                "the code in container {reader} can read Secret {secret}, by which {guard} proves who it is, and pass for it"
            ),
            "Mount the Secret into the guard's container alone.".to_owned(),
        ),
        What::SharedProcesses => (
            Rule::ReadableCredential,
            format!(
                "the pod's containers see each other's processes, so the workload's code can read the files and the memory \
                 of {guard}, its key and token included"
            ),
            "Remove shareProcessNamespace.".to_owned(),
        ),
        _ => (
            Rule::ReadableCredential,
            format!(
                "the token that opens {guard} stands in clear in the manifests, for everybody who reads them"
            ),
            "Take it from a Secret (valueFrom.secretKeyRef), and make a new one.".to_owned(),
        ),
    }
}

/// Whether it fits the pod.
fn unfit(guard: &str, what: &What) -> (Rule, String, String) {
    match what {
        What::PlainListener(port) => (
            Rule::UnverifiedHop,
            format!("{guard} listens on port {port} without TLS: tokens go there in clear"),
            "Listen with TLS alone, or on 127.0.0.1.".to_owned(),
        ),
        What::OtherVoucher(by) => (
            Rule::TooWide,
            format!(
                "{guard} is told by {by} who vouches for callers, or for what they may: others than the cluster's API server \
                 may do so"
            ),
            "Check by hand whom it lets through, or remove the setting.".to_owned(),
        ),
        What::ConfigMissing(why) => (
            Rule::GuardUnfit,
            format!("{guard} cannot start: {why}"),
            "Add what is missing, or change the reference.".to_owned(),
        ),
        What::ConfigBroken(why) => (
            Rule::GuardUnfit,
            format!("{guard} cannot start: its configuration cannot be read ({why})"),
            "Correct the text.".to_owned(),
        ),
        What::NothingListens(port) => (
            Rule::GuardUnfit,
            format!("{guard} forwards to port {port}, where nothing in the pod is known to listen"),
            "Forward to the port that the workload listens on.".to_owned(),
        ),
        What::LoopbackOnly => (
            Rule::GuardUnfit,
            format!("{guard} listens on the pod's own loopback alone, so nobody reaches it"),
            "Listen on 0.0.0.0.".to_owned(),
        ),
        What::PortTaken { port, other } => (
            Rule::GuardUnfit,
            format!(
                "{guard} and container {other} both take port {port}: one of them does not start, and which one answers is \
                 not certain"
            ),
            "Give one of them another port.".to_owned(),
        ),
        What::NoCertificate => (
            Rule::GuardUnfit,
            format!("{guard} is given no certificate and makes one itself, which nobody can verify"),
            "Mount one, and pass --tls-cert-file and --tls-private-key-file.".to_owned(),
        ),
        What::Unread(why) => (
            Rule::Unknown,
            format!("what {guard} does is not known in full: {why}"),
            "Write it out in the manifests, or check it by hand.".to_owned(),
        ),
        _ => (
            Rule::Unknown,
            format!("what {guard} does is not known"),
            String::new(),
        ),
    }
}

#[cfg(test)]
#[path = "guards/tests.rs"]
mod tests;
