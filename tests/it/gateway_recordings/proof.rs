//! That what is rendered for a case holds together.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::recorded::difference::text;
use crate::recorded::{Case, Shown, Step, ensure};

/// Whether a case is what `cases.tsv` says, beside its findings.
pub(super) fn of_case(case: &Case, steps: &[Step]) -> Shown {
    let says = !case.ours.starts_with("works");
    ensure(says || !["silent", "exposed"].contains(&&*case.effect), || {
        "taken without a word here too".to_owned()
    })?;
    let refused = case.effect == "refused" && case.ours != "error";
    ensure(!refused || !case.why.is_empty(), || {
        "that it is not refused here needs a reason".to_owned()
    })?;
    for step in steps {
        if let Some(rendered) = &step.answer.rendered {
            whole(rendered)?;
        }
    }
    match case.ours.strip_prefix("works").map(str::trim) {
        None | Some("") => Ok(()),
        Some(what) => Err(format!("no such proof: {what}")),
    }
}

/// Nothing secret is written; whatever lets people in leads to a login service that is there, and may do what it must.
fn whole(rendered: &[Value]) -> Shown {
    let source = "/metadata/annotations/gatewright.dev~1source";
    let made: Vec<&Value> = rendered
        .iter()
        .filter(|object| !text(object, source).is_empty())
        .collect();
    let names: BTreeSet<(&str, &str)> = made
        .iter()
        .map(|object| (text(object, "/kind"), text(object, "/metadata/name")))
        .collect();
    ensure(!names.iter().any(|(kind, _)| *kind == "Secret"), || {
        "a Secret is written".to_owned()
    })?;
    let find = |kind: &str, name: &str| {
        made.iter()
            .find(|object| object["kind"] == kind && text(object, "/metadata/name") == name)
    };
    let route = names
        .iter()
        .any(|(kind, _)| ["HTTPRoute", "Route"].contains(kind));
    let service = find("Service", "kube-auth-proxy");
    let deployment = find("Deployment", "kube-auth-proxy");
    ensure(!route || deployment.is_some(), || {
        "a route without a login service".to_owned()
    })?;
    let Some(deployment) = deployment else {
        return Ok(());
    };
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let selector = service.map(|service| &service["spec"]["selector"]);
    ensure(selector == Some(labels), || {
        format!("the Service selects {selector:?}, the pods have {labels}")
    })?;
    let account = text(deployment, "/spec/template/spec/serviceAccountName");
    ensure(names.contains(&("ServiceAccount", account)), || {
        format!("no ServiceAccount {account}")
    })?;
    let asks =
        text(deployment, "/spec/template/spec/containers/0/args/7") == "--enable-k8s-token-validation=true";
    let bound = made
        .iter()
        .any(|object| object["kind"] == "ClusterRoleBinding" && object["subjects"][0]["name"] == account);
    ensure(bound == asks, || {
        format!("{account} asks the API server, or may ask it: {asks}, {bound}")
    })?;
    ensure(
        names.contains(&("EnvoyFilter", "data-science-authn-filter")),
        || "nothing at the gateway asks the login service".to_owned(),
    )
}
