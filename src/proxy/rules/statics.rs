//! Static rules: who may do what without the API server being asked.

use crate::config::kube_rbac_proxy::StaticRule;
use crate::proxy::attributes::{Attributes, Resource};
use crate::proxy::options::Compatibility;
use crate::proxy::user::User;

use super::Fault;

/// What is wrong with the rules.
pub fn check(rules: &[StaticRule], compatibility: Compatibility, faults: &mut Vec<Fault>) {
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("authorization.static[{index}]");
        if rule.resource_request && !rule.path.is_empty() {
            let fix = format!(
                "{:?} in a rule about a resource; leave path out, or resourceRequest",
                rule.path
            );
            faults.push(Fault::new(format!("{field}.path"), fix));
        }
        if !rule.resource_request && rule.path.is_empty() {
            let fix = "says neither `resourceRequest: true` nor a `path`; a rule is about one of them";
            faults.push(Fault::new(field.clone(), fix));
        }
        let names_nobody = rule.user.name.is_empty() && rule.user.member_of.is_empty();
        if !rule.user.groups.is_empty() && names_nobody {
            let fix = "groups are looked at by no program that reads this file: the rule would grant everybody. Name a user, or \
                       write `memberOf`, which gatewright's own mode reads";
            faults.push(Fault::new(format!("{field}.user.groups"), fix));
        }
        if !rule.user.member_of.is_empty() && compatibility != Compatibility::None {
            let fix = "is gatewright's own and means nothing to the program that is stood in for; name a user, or leave \
                       --compatibility out";
            faults.push(Fault::new(format!("{field}.user.memberOf"), fix));
        }
    }
}

/// What is worth knowing of the rules.
pub fn warnings(rules: &[StaticRule]) -> impl Iterator<Item = String> + '_ {
    rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| !rule.user.groups.is_empty())
        .map(|(index, rule)| {
            format!(
                "authorization.static[{index}].user.groups: groups are not looked at; the rule grants {} in whatever groups",
                rule.user.name
            )
        })
}

/// Whether one of the rules grants it. What a rule leaves empty stands for anything.
pub fn grant(rules: &[StaticRule], user: &User, attributes: &Attributes) -> bool {
    let nothing = Resource::default();
    let (resource, path) = match attributes {
        Attributes::Resource(resource) => (resource, ""),
        Attributes::NonResource { path, .. } => (&nothing, path.as_str()),
    };
    let is_resource = matches!(attributes, Attributes::Resource(_));
    let fits = |written: &str, asked: &str| written.is_empty() || written == asked;
    rules.iter().any(|rule| {
        let is_member = rule.user.member_of.is_empty()
            || rule
                .user
                .member_of
                .iter()
                .any(|group| user.groups.contains(group));
        is_member
            && rule.resource_request == is_resource
            && fits(&rule.user.name, &user.name)
            && fits(&rule.verb, attributes.verb())
            && fits(&rule.namespace, &resource.namespace)
            && fits(&rule.api_group, &resource.group)
            && fits(&rule.resource, &resource.resource)
            && fits(&rule.subresource, &resource.subresource)
            && fits(&rule.name, &resource.name)
            && fits(&rule.path, path)
    })
}
