//! Logins of gateways: from facts to judgements.

use super::judgement::{Judgement, Rule};
use crate::access::login::{Fault, What};
use crate::krm::object_id::ObjectId;

/// What is wrong with a Gateway's login.
pub fn judge(gateway: &ObjectId, faults: &[Fault]) -> Vec<Judgement> {
    let mut judged: Vec<Judgement> = faults.iter().map(|fault| of(gateway, fault)).collect();
    judged.sort();
    judged.dedup();
    judged
}

fn of(gateway: &ObjectId, fault: &Fault) -> Judgement {
    let (rule, message, advice) = say(gateway, fault);
    Judgement {
        rule,
        at: fault.at.clone(),
        message,
        way: fault.way.clone(),
        advice: advice.to_owned(),
    }
}

fn say(gateway: &ObjectId, fault: &Fault) -> (Rule, String, &'static str) {
    let object = &fault.at.object;
    match &fault.what {
        What::FailsOpen => (
            Rule::SkippedLogin,
            format!(
                "while the login service does not answer, {gateway} lets everybody through without a login"
            ),
            "Have it refuse instead: failure_mode_allow or failOpen must be false.",
        ),
        What::Off => (
            Rule::SkippedLogin,
            format!("{object} switches the login of {gateway} off for every request"),
            "Remove this, or limit it to the routes of the login service.",
        ),
        What::OffFor { route, rule, leads } => (
            Rule::SkippedLogin,
            format!(
                "{object} switches the login off for rule {rule} of {route}, so anybody reaches {} through {gateway} without \
                 a login",
                leads.join(" and ")
            ),
            "Only routes to the login service itself may be let through: remove this, or change the route.",
        ),
        What::InPart => (
            Rule::SkippedLogin,
            format!(
                "{object} has {gateway} ask for a login on some listeners or for some requests alone, or perhaps not at all; \
                 the others are taken not to be asked"
            ),
            "Let it hold for the whole gateway: select its pods by label, before the router, without further conditions.",
        ),
        What::NoService(service) => (
            Rule::DanglingReference,
            format!("{gateway} asks {service}, which is not there or has no such port: nobody gets through"),
            "Correct the address, or add the Service.",
        ),
        What::Contradicted(other) => (
            Rule::Collision,
            format!(
                "{object} and {other} both say what {gateway} asks; the older one counts, which git does not show"
            ),
            "Keep one of them.",
        ),
        What::Foreign => (
            Rule::Unknown,
            format!("{object} changes what {gateway} does with requests, in a way that is not read here"),
            "Check by hand that it does not let requests through, or change who they are from.",
        ),
        What::Elsewhere(provider) => (
            Rule::Unknown,
            format!(
                "{gateway} asks the mesh's provider {provider}: whom that is, and whether it lets everybody through when it is \
                 down, is in the mesh's configuration"
            ),
            "Check failOpen of that extension provider.",
        ),
        What::GroupsUnknown => (
            Rule::Unknown,
            format!("whom the login service of {gateway} lets in is not in the manifests"),
            "Add its Deployment to what is verified.",
        ),
    }
}
