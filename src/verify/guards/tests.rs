//! Sentences that a stranger reads.

use super::*;
use crate::access::guards::Guards;
use crate::access::tests::{file, pods};
use crate::access::world::World;
use crate::krm::results::Severity;

fn judged(path: &str) -> Vec<Judgement> {
    let objects = file(path);
    let world = World::new(&objects);
    let guards = Guards::new(&world);
    let all = pods(&objects);
    all.iter()
        .flat_map(|pod| judge(&pod.workload, &guards.find(pod).faults))
        .collect()
}

#[test]
fn the_real_controllers_faults_are_said() {
    for (case, expected) in [
        (
            "01-auth-on",
            "readable-credential: the code in container nb can read the token of ServiceAccount t-auth-on/nb, which is there \
             for the guard kube-rbac-proxy of Notebook t-auth-on/nb, and review anybody's token and rights",
        ),
        (
            "18-name-yes",
            "wrong-review: the guard kube-rbac-proxy of Notebook t-name-yes/yes reads the name in its configuration as \
             \"true\" instead of \"yes\", for it is not quoted: it asks about another object",
        ),
        (
            "46-port-8787",
            "guard-unfit: the guard kube-rbac-proxy of Notebook t-port/nb forwards to port 8888, where nothing in the pod is \
             known to listen",
        ),
    ] {
        let found = judged(&format!("fixtures/odh-notebook-controller/{case}/live-1.yaml"));
        let said: Vec<String> = found
            .iter()
            .map(|judgement| format!("{}: {}", judgement.rule.id(), judgement.message))
            .collect();
        assert!(said.iter().any(|line| line == expected), "{case}: {said:#?}");
        assert!(found.iter().all(|judgement| !judgement.advice.is_empty()));
    }
}

#[test]
fn our_own_output_is_silent() {
    for name in ["notebooks", "platform-openshift", "platform-kubernetes-istio"] {
        let found = judged(&format!("examples/.expected/{name}.yaml"));
        let loud: Vec<_> = found
            .iter()
            .filter(|judgement| judgement.rule.severity() != Severity::Info)
            .collect();
        assert_eq!(loud, Vec::<&Judgement>::new(), "{name}");
    }
}
