//! What Open Data Hub's operator puts around a RayCluster beside a guard of ours: it is in no manifest, and policies add up.
//!
//! Facts from runs of the real one: `fixtures/ray-operators/README.md`, sections 4 and 6.

use super::judgement::{Judgement, Rule};
use super::reach::name;
use crate::access::answer::{Hop, Workload};
use crate::access::guards::credentials::is_beside_operator;
use crate::access::read;
use crate::access::rights::{self, May, Rights};
use crate::access::study::Study;
use crate::access::world::World;
use crate::cluster::object::Object;
use crate::model::ray::{DASHBOARD_HOST_PARAM, Door, LOOPBACK};
use crate::model::{keys, ray_companion};

/// Where the operator's own proxy listens, for everybody.
const OPERATOR_PORT: u16 = 8443;

/// Judges every head that has our guard where it stands beside the operator's. Where the operator's policy is in the manifests,
/// they are what a cluster holds, and are judged as they are.
pub fn judge(study: &Study<'_>, judgements: &mut Vec<Judgement>) {
    let beside: Vec<(&Workload, &Object)> = study
        .access
        .workloads
        .iter()
        .filter_map(|workload| Some((workload, study.world.of_id(&workload.id)?)))
        .filter(|(workload, cluster)| is_beside_operator(cluster, &workload.part, &workload.guards))
        .filter(|(_, cluster)| !is_made(&study.world, cluster))
        .collect();
    if beside.is_empty() {
        return;
    }
    let rights = Rights::new(&study.world);
    for (workload, cluster) in beside {
        around(&rights, workload, on_loopback(cluster), judgements);
    }
}

/// Whether the dashboard answers inside the pod alone.
fn on_loopback(cluster: &Object) -> bool {
    let at = format!("/spec/headGroupSpec/rayStartParams/{DASHBOARD_HOST_PARAM}");
    read::text(&cluster.value, &at) == Some(LOOPBACK)
}

fn is_made(world: &World<'_>, cluster: &Object) -> bool {
    let policy = format!("{}-head", cluster.id.name);
    world
        .get(
            "networking.k8s.io",
            "NetworkPolicy",
            &cluster.id.namespace,
            &policy,
        )
        .is_some()
}

fn around(rights: &Rights<'_>, workload: &Workload, loopback: bool, judgements: &mut Vec<Judgement>) {
    let id = &workload.id;
    let at = |says: String| Hop {
        object: id.clone(),
        field: format!("metadata.annotations[{}]", keys::RAY_SECURE),
        says,
    };
    let way = || {
        vec![at(
            "has Open Data Hub's operator put its own objects around it".to_owned()
        )]
    };
    let behind = |door: Door| {
        let guard = workload
            .guards
            .iter()
            .find(|guard| guard.container == door.container());
        guard.and_then(|guard| guard.upstreams.first().copied())
    };
    if let Some(port) = behind(Door::Dashboard).filter(|_| !loopback) {
        judgements.push(Judgement {
            rule: Rule::OpenPort,
            message: format!(
                "every pod of its namespace may reach port {port} of {}, past its guard, and the gateway's pods by HTTPRoute {}-{}: \
                 Open Data Hub's operator opens both by NetworkPolicy {}-head",
                name(workload), id.namespace, id.name, id.name
            ),
            way: way(),
            at: at(format!("port {port} is not on loopback")),
            advice: "set rayStartParams dashboard-host to 127.0.0.1: policies add up, so none can take it back".to_owned(),
        });
    }
    if let Some(port) = behind(Door::Client) {
        judgements.push(Judgement {
            rule: Rule::TooWide,
            message: format!(
                "every pod of its namespace may reach port {port} of {}, past its guard: Open Data Hub's operator opens it by \
                 NetworkPolicy {}-head, and asks for a client certificate of the cluster's alone",
                name(workload), id.name
            ),
            way: way(),
            at: at(format!("port {port} stays open")),
            advice: "let only those into the namespace who may use the cluster".to_owned(),
        });
    }
    let account = ray_companion::account(&id.name);
    let reviews = rights::token_reviews();
    if let May::Yes(by) = rights.may(&rights::service_account(&id.namespace, &account), &reviews) {
        judgements.push(Judgement {
            rule: Rule::TooWide,
            message: format!(
                "the operator's own proxy on port {OPERATOR_PORT} of {} lets everybody through who may get Services in the whole \
                 cluster, with any method: its account may ask now, and before it refused everybody",
                name(workload)
            ),
            way: way().into_iter().chain(by).collect(),
            at: at(format!("port {OPERATOR_PORT} stays open")),
            advice: "see who may get Services in all namespaces: read-only auditors can write there".to_owned(),
        });
    }
}
