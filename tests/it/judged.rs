//! Manifests as `verify` judges them, in this process.

use gatewright::access::answer::Hop;
use gatewright::cluster::object::Object;
use gatewright::krm::object_id::ObjectId;
use gatewright::krm::results::Severity;
use gatewright::verify;
use gatewright::verify::judgement::Judgement;
use serde_json::Value;

use crate::recorded::difference::text;

/// What is found in manifests: errors and warnings, and what is not known.
pub(crate) fn judgements(manifests: &[Value]) -> Vec<Judgement> {
    let objects: Vec<Object> = manifests.iter().map(object).collect();
    verify::of(&objects)
}

/// The same, without what is merely not known.
pub(crate) fn faults(manifests: &[Value]) -> Vec<Judgement> {
    let mut judgements = judgements(manifests);
    judgements.retain(|judgement| judgement.rule.severity() < Severity::Info);
    judgements
}

/// An object with its id.
pub(crate) fn object(value: &Value) -> Object {
    let id = ObjectId::new(
        text(value, "/apiVersion"),
        text(value, "/kind"),
        text(value, "/metadata/namespace"),
        text(value, "/metadata/name"),
    );
    Object {
        id,
        value: value.clone(),
        place: None,
    }
}

/// The objects that a judgement names: its place, and its way.
pub(crate) fn named(judgement: &Judgement) -> impl Iterator<Item = &ObjectId> {
    let hops = std::iter::once(&judgement.at).chain(&judgement.way);
    hops.map(|hop: &Hop| &hop.object)
}

/// A judgement in a line.
pub(crate) fn line(judgement: &Judgement) -> String {
    let at = &judgement.at;
    let object = format!("{} {}/{}", at.object.kind, at.object.namespace, at.object.name);
    format!(
        "{} {object} {}: {}",
        judgement.rule.id(),
        at.field,
        judgement.message
    )
}
