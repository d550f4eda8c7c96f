//! Whether manifests leave a way around a guard: judgements with the way that proves them.
//!
//! Pure. Takes what `access` answers and the objects behind it; gives `judgement::Judgement`s.

pub mod beside_ray;
pub mod bindings;
pub mod everybody;
pub mod foreign;
pub mod guards;
pub mod judgement;
pub mod lent;
pub mod login;
pub mod login_service;
pub mod reach;
pub mod references;
pub mod report;
pub mod tls;
pub mod unfollowed;

use crate::access::study::{self, Study};
use crate::cluster::object::Object;
use judgement::{Judgement, Rule};

use crate::access::answer::Hop;

/// Judges objects.
pub fn of<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<Judgement> {
    judge(&study::of(objects))
}

/// Judges what was studied: the worst first, each once.
pub fn judge(study: &Study<'_>) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    reach::judge(study, &mut judgements);
    beside_ray::judge(study, &mut judgements);
    references::judge(study, &mut judgements);
    foreign::judge(study, &mut judgements);
    unfollowed::judge(study, &mut judgements);
    lent::judge(study, &mut judgements);
    bindings::judge(study, &mut judgements);
    everybody::judge(study, &mut judgements);
    login_service::judge(study, &mut judgements);
    for workload in &study.access.workloads {
        judgements.extend(tls::judge(workload));
    }
    for (workload, fault) in &study.faults {
        judgements.extend(guards::judge(workload, std::slice::from_ref(fault)));
    }
    for (gateway, login) in &study.logins {
        judgements.extend(login::judge(gateway, &login.faults));
    }
    judgements.extend(tls::of_faults(&study.tls_faults));
    judgements.extend(guards::unknown_roles(&study.unknown_rights));
    for id in &study.unreadable {
        judgements.push(Judgement {
            rule: Rule::Unreadable,
            at: Hop {
                object: id.clone(),
                field: "spec".to_owned(),
                says: "does not fit its schema".to_owned(),
            },
            message: format!(
                "{id} does not fit its schema: an API server refuses it, and what it should close stays open"
            ),
            way: Vec::new(),
            advice: "correct it; `kubectl apply --dry-run=server` names the field".to_owned(),
        });
    }
    judgements.sort();
    judgements.dedup();
    judgements
}
