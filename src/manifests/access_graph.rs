//! The AccessGraph of each source document: the inventory that the reporter watches and a reviewer reads.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::{Object, meta};
pub use crate::config::access_graph::KIND;
use crate::config::access_graph::{AccessGraphSpec, Member, Source};
use crate::input::platform::{GROUP, KIND as PLATFORM, VERSION};
use crate::krm::object_id::ObjectId;
use crate::model::gateway::Access;
use crate::model::keys;
use crate::plan::Plan;
use crate::plan::class::Class;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessGraph {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: AccessGraphSpec,
}

/// One for each of `sources` that some of `objects` were made for, beside its source; of a source without a namespace, in
/// the applications namespace. What the Platform calls for has one in each namespace where something of it stands: two
/// renders that know nothing of each other then write the same.
///
/// How people log in, and whether they can, stands in the graphs of the documents that say so; in all, where nothing may
/// be exposed.
pub fn access_graphs(plan: &Plan, sources: &[ObjectId], objects: &[Object]) -> Vec<Object> {
    let mut members: BTreeMap<(&str, &str), Vec<Member>> = BTreeMap::new();
    let sources: BTreeMap<String, &ObjectId> = sources
        .iter()
        .map(|source| (source.reference(), source))
        .collect();
    for object in objects {
        let annotations = &object.value["metadata"]["annotations"];
        let source = annotations[keys::SOURCE]
            .as_str()
            .and_then(|reference| sources.get_key_value(reference));
        if let (Some((reference, source)), Some(hash)) = (source, annotations[keys::CONTENT_HASH].as_str()) {
            let home = match source.namespace.as_str() {
                "" if source.kind == PLATFORM => &object.id.namespace,
                "" => &plan.platform.applications_namespace,
                _ => &source.namespace,
            };
            let place = (reference.as_str(), home.as_str());
            members.entry(place).or_default().push(member(object, hash));
        }
    }
    let graphs = members
        .into_iter()
        .filter_map(|((reference, namespace), mut objects)| {
            let source = sources.get(reference)?;
            objects.sort_by(|left, right| key(left).cmp(&key(right)));
            let name = format!("{}-{}", source.kind.to_lowercase(), source.name);
            let is_of = |access: &Access| access.is_of(source);
            let login = plan.login();
            let login = login.filter(|_| !plan.serves() || plan.access.as_ref().is_some_and(is_of));
            let graph = AccessGraph {
                api_version: format!("{GROUP}/{VERSION}"),
                kind: KIND,
                metadata: meta::of_graph(source, &name, namespace),
                spec: AccessGraphSpec {
                    source: Source {
                        group: source.group.clone(),
                        kind: source.kind.clone(),
                        namespace: Some(source.namespace.clone()).filter(|namespace| !namespace.is_empty()),
                        name: source.name.clone(),
                    },
                    auth_mode: login.map(|(mode, _)| mode.word().to_owned()),
                    state: login.map(|(_, state)| state.word().to_owned()),
                    objects,
                },
            };
            Some(Object::new(Class::Support, &graph))
        });
    graphs.collect()
}

fn member(object: &Object, hash: &str) -> Member {
    let id = &object.id;
    Member {
        group: id.group.clone(),
        version: id.version.clone(),
        kind: id.kind.clone(),
        namespace: Some(id.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        name: id.name.clone(),
        class: object.class.word().to_owned(),
        hash: hash.to_owned(),
    }
}

fn key(member: &Member) -> (&str, &str, &Option<String>, &str) {
    (&member.group, &member.kind, &member.namespace, &member.name)
}
