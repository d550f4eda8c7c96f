//! The output judged before anybody sees it: `verify` on what is about to be written.
//!
//! Where our own objects, guarded Notebooks among them, leave a port or a guard open, nothing is written. What the user's own
//! objects in the input open, or Platform asks for by name (hops that nobody verifies, groups that are everybody), is said as a
//! warning with the way.

use std::collections::{BTreeMap, BTreeSet};

use super::ray::kind_of;
use super::{Batch, Outcome, items, place};
use crate::access::answer::Hop;
use crate::access::study;
use crate::access::workloads::runs_user_code;
use crate::cluster::manifests::{Manifests, stays_behind};
use crate::cluster::object::Object;
use crate::input::platform::Operator;
use crate::input::ray::{GROUP as RAY, Kind};
use crate::krm::results::{Finding, Severity};
use crate::krm::source::Source;
use crate::krm::stream::frame;
use crate::krm::write::{self, Change};
use crate::model::keys;
use crate::plan::api_server::deployment_id;
use crate::plan::{self, Plan};
use crate::verify;
use crate::verify::judgement::{Judgement, Rule};

/// Kinds of the user's own objects that have a part in who reaches what. Others are passed over unread: people put functions
/// in front of whole repositories.
const READ: [(&str, &str); 27] = [
    ("", "Namespace"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("kubeflow.org", "Notebook"),
    (RAY, Kind::RayCluster.word()),
    (RAY, Kind::RayJob.word()),
    (RAY, Kind::RayService.word()),
    ("networking.k8s.io", "NetworkPolicy"),
    ("networking.k8s.io", "Ingress"),
    ("route.openshift.io", "Route"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gateway.networking.k8s.io", "TCPRoute"),
    ("gateway.networking.k8s.io", "ReferenceGrant"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"),
    ("gateway.envoyproxy.io", "SecurityPolicy"),
    ("gateway.envoyproxy.io", "EnvoyExtensionPolicy"),
    ("gateway.envoyproxy.io", "ClientTrafficPolicy"),
    ("networking.istio.io", "EnvoyFilter"),
    ("networking.istio.io", "DestinationRule"),
    ("security.istio.io", "AuthorizationPolicy"),
];

/// Where the objects stand in the input, by what an API server tells them apart by; none for those that are added.
type Places<'o> = BTreeMap<(&'o str, &'o str, &'o str, &'o str), Option<(usize, usize)>>;

/// Judges an outcome.
pub(super) fn check(batch: &Batch, outcome: &Outcome, plan: &Plan) -> Vec<Finding> {
    let guards_nothing = plan.guards.is_empty() && plan.rays.is_empty() && plan.api_servers.is_empty();
    if guards_nothing && plan.gateway().is_none() {
        return Vec::new();
    }
    let mut ours: BTreeSet<String> = outcome.added.iter().map(|object| object.id.reference()).collect();
    let generated = outcome.added.iter().map(|object| Object {
        id: object.id.clone(),
        value: object.value.clone(),
        place: None,
    });
    let mut objects: Vec<Object> = generated.collect();
    for (at, framed, item) in items(batch) {
        let change = outcome
            .changes
            .get(at.0)
            .and_then(|changes| changes.get(at.1))
            .unwrap_or(&Change::Keep);
        let id = &item.head.id;
        let read = READ.contains(&(id.group.as_str(), id.kind.as_str()))
            || item.head.annotations.contains_key(keys::ADDED);
        let generated = item.head.annotations.contains_key(keys::SOURCE);
        if *change == Change::Remove || stays_behind(item) || !(read || generated || *change != Change::Keep)
        {
            continue;
        }
        if generated {
            ours.insert(id.reference());
        }
        if *change == Change::Keep {
            if let Ok(value) = item.piece(&framed.source).value() {
                let id = id.clone();
                objects.push(Object {
                    id,
                    value,
                    place: Some(at),
                });
            }
            continue;
        }
        let text = write::document(&framed.source, &framed.stream, item, change);
        let source = Source {
            name: framed.source.name.clone(),
            text,
        };
        if let Ok(stream) = frame(&source) {
            let read = Manifests::read(vec![(source, stream)]).objects.into_iter();
            objects.extend(read.map(|object| Object {
                place: Some(at),
                ..object
            }));
        }
    }
    for (namespace, name) in plan.api_servers.keys() {
        ours.insert(deployment_id(namespace, name).reference());
    }
    for (namespace, name) in plan.guards.keys() {
        ours.insert(plan::notebook_id(namespace, name).reference());
    }
    ours.extend(plan.rays.values().map(|guard| guard.id().reference()));
    let exposed: BTreeSet<String> = plan
        .exposed
        .keys()
        .map(|(namespace, name)| plan::notebook_id(namespace, name).reference())
        .collect();
    let mut places = BTreeMap::new();
    for object in &objects {
        places.entry(object.id.key()).or_insert(object.place);
    }
    let study = study::of(&objects);
    let mut said = BTreeSet::new();
    verify::judge(&study)
        .into_iter()
        .filter(|judgement| judgement.rule.severity() == Severity::Error)
        .filter(|judgement| !touches(judgement, &exposed) && !left_open(judgement, plan))
        // Several ways to one field are one thing to do.
        .filter(|judgement| {
            said.insert((
                judgement.rule,
                judgement.at.object.reference(),
                judgement.at.field.clone(),
            ))
        })
        .map(|judgement| finding(batch, &places, &judgement, &ours))
        .collect()
}

/// Notebooks and Ray clusters in namespaces without a single guarded one are left as they are: nothing is promised of them.
fn left_open(judgement: &Judgement, plan: &Plan) -> bool {
    let workload = judgement.way.last().unwrap_or(&judgement.at);
    let id = &workload.object;
    if let Some(kind) = kind_of(id) {
        let guarded = (kind, id.namespace.clone(), id.name.clone());
        // What Open Data Hub's operator puts around RayClusters is not in the output either.
        let beside = plan.platform.ray.operator == Operator::OpenDataHub;
        return beside || (!plan.rays.contains_key(&guarded) && !plan.ray_closed.contains(&id.namespace));
    }
    let guarded = plan.guards.contains_key(&(id.namespace.clone(), id.name.clone()));
    // What Open Data Hub's controller puts around Notebooks is not in the output.
    let beside = plan.platform.notebook_controller == Operator::OpenDataHub;
    runs_user_code(id) && (beside || (!guarded && !plan.closed.contains(&id.namespace)))
}

/// Whether our own objects alone can never mean it so.
fn is_fault(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::OpenPort | Rule::UnguardedRoute | Rule::GuardBypass | Rule::WrongReview
    )
}

fn steps(judgement: &Judgement) -> impl Iterator<Item = &Hop> {
    std::iter::once(&judgement.at).chain(&judgement.way)
}

fn touches(judgement: &Judgement, ids: &BTreeSet<String>) -> bool {
    steps(judgement).any(|hop| ids.contains(&hop.object.reference()))
}

fn finding(batch: &Batch, places: &Places<'_>, judgement: &Judgement, ours: &BTreeSet<String>) -> Finding {
    let own = steps(judgement).all(|hop| ours.contains(&hop.object.reference()));
    let mut way: Vec<String> = judgement.way.iter().map(|hop| hop.object.to_string()).collect();
    way.dedup();
    let way = if way.is_empty() {
        String::new()
    } else {
        format!(" (by way of {})", way.join(", "))
    };
    let message = format!(
        "{}: {}{way}; {}",
        judgement.rule.id(),
        judgement.message,
        judgement.advice
    );
    let finding = if own && is_fault(judgement.rule) {
        Finding::error(format!(
            "what would be written leaves a way around a guard, so nothing is written: {message}"
        ))
    } else {
        Finding::warning(message)
    };
    let finding = finding.about(&judgement.at.object).at(judgement.at.field.clone());
    let at = places.get(&judgement.at.object.key()).copied().flatten();
    let found = at.and_then(|(source, item)| {
        let framed = batch.framed.get(source)?;
        Some((framed, framed.stream.items.get(item)?))
    });
    match found {
        Some((framed, item)) => place(framed, item, finding, None),
        None => finding,
    }
}
