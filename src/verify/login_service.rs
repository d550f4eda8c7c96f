//! The login services that gateways ask: whom they believe, and who else reaches them.

use std::collections::BTreeSet;

use super::judgement::{Judgement, Rule};
use crate::access::answer::{Caller, Who};
use crate::access::arguments::Arguments;
use crate::access::pod::Pod;
use crate::access::policies::{self, Policies};
use crate::access::services::Service;
use crate::access::study::Study;
use crate::access::workloads::{self, Workloads};
use crate::access::world::World;
use crate::krm::object_id::ObjectId;

/// The flag of oauth2-proxy and its forks by which the identity provider's certificate is not checked.
const BLIND: &str = "ssl-insecure-skip-verify";
const POLICY: &str = "NetworkPolicy";
const NETWORKING: &str = "networking.k8s.io";
/// What a login service can be.
const PROGRAMS: [(&str, &str); 4] = [
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("", "Pod"),
];

/// Judges the login service of each gateway, as far as it is in the manifests.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let logins = study.logins.values().filter_map(|login| login.login.as_ref());
    let services: BTreeSet<&ObjectId> = logins.filter_map(|login| login.service.as_ref()).collect();
    for service in services {
        of(study, service, judgements);
    }
}

fn of(study: &Study<'_>, service: &ObjectId, judgements: &mut Vec<Judgement>) {
    let namespace = service.namespace.as_str();
    let own = |(group, kind): (&'static str, &'static str)| study.world.within(group, kind, namespace);
    // Its namespace alone: the pods of a whole cluster need not be gone through again.
    let near = World::new(PROGRAMS.into_iter().chain([("", "Service")]).flat_map(own));
    let workloads = Workloads::find(&near);
    let Some(found) = Service::find(&near, namespace, &service.name) else {
        return;
    };
    let policies = Policies::new(study.world.within(NETWORKING, POLICY, namespace));
    for pod in found.all_pods(&workloads) {
        blind(service, pod, judgements);
        let ports = workloads::answering(pod);
        for caller in policies::callers(&policies, &study.around, pod, &ports) {
            judgements.extend(reached(service, &caller));
        }
    }
}

fn blind(service: &ObjectId, pod: &Pod<'_>, judgements: &mut Vec<Judgement>) {
    for (place, container) in pod.containers() {
        let arguments = Arguments::new(pod, &place, container);
        let Some(flag) = arguments.last(BLIND, &[BLIND]) else {
            continue;
        };
        if flag.value.as_deref() == Some("false") {
            continue;
        }
        let at = Arguments::hop(pod, &flag, BLIND);
        judgements.push(Judgement {
            rule: Rule::UnverifiedHop,
            message: format!(
                "the login service {service} does not check the certificate of the identity provider: whoever gets in between \
                 says who people are"
            ),
            way: vec![at.clone()],
            at,
            advice: "remove the flag, and give it the provider's authority".to_owned(),
        });
    }
}

/// A login service asks everybody, so nothing is open; but a policy that was written for it should mean something.
fn reached(service: &ObjectId, caller: &Caller) -> Option<Judgement> {
    let who = match &caller.who {
        Who::Everybody => "everybody",
        Who::SameNamespace => "every pod of its namespace",
        Who::OtherNamespaces(text) => text,
        _ => return None,
    };
    let at = caller.by.first().filter(|by| by.object.kind == POLICY)?.clone();
    let ports = super::reach::ports(&caller.ports);
    Some(Judgement {
        rule: Rule::TooWide,
        message: format!("{who} may reach the login service {service} on {ports}"),
        way: caller.by.clone(),
        at,
        advice: "let in the gateway's pods alone".to_owned(),
    })
}
