//! Kubernetes' RBAC, as far as manifests hold it: who may do what, by which binding and which rule.
//!
//! Source of the semantics: kubernetes/kubernetes `plugin/pkg/auth/authorizer/rbac/rbac.go` and
//! `pkg/apis/rbac/v1/evaluation_helpers.go`. Indexed by what rules are about, so that each question costs what answers it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::{Admitted, Hop, Review, Subject};
use super::fields;
use super::world::World;
use crate::cluster::object::Object;

mod built_in;
mod given;

pub use given::Given;

/// API group of RBAC objects.
pub const GROUP: &str = "rbac.authorization.k8s.io";
/// Whoever has proven who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Whoever has not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// All `ServiceAccounts`; with a colon and a namespace behind it, all of that namespace.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// The name of a ServiceAccount as a user: this, namespace, colon, name.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
/// Kinds of subjects.
const KINDS: [&str; 3] = ["User", "Group", "ServiceAccount"];

/// All rights that manifests give, indexed.
#[derive(Debug)]
pub struct Rights<'a> {
    bindings: Vec<Binding<'a>>,
    /// Rules by what they are about.
    grants: BTreeMap<About, Vec<(usize, usize)>>,
    by_subject: BTreeMap<Subject, Vec<usize>>,
}

/// Group, resource with subresource, namespace of a binding (none: of the cluster), name of the object (none: all).
type About = (String, String, Option<String>, Option<String>);

#[derive(Debug)]
struct Binding<'a> {
    object: &'a Object,
    /// Of the `RoleBinding`; none for a ClusterRoleBinding.
    namespace: Option<&'a str>,
    subjects: Vec<(usize, Subject)>,
    /// None: the role is not in the manifests, nor known.
    rules: Option<Vec<Rule>>,
    /// `Kind name` of the role.
    role: String,
}

/// A rule, and where it stands.
#[derive(Debug, Clone)]
struct Rule {
    groups: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    verbs: BTreeSet<String>,
    by: Option<Hop>,
}

/// Whether a subject may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum May {
    /// It may: by this binding and role.
    Yes(Vec<Hop>),
    /// Nothing in the manifests lets it.
    No,
    /// A binding gives it a role that the manifests do not hold.
    Unknown(Vec<Hop>),
}

// === impl Rights ===

impl<'a> Rights<'a> {
    /// Reads every role and binding.
    pub fn new(world: &World<'a>) -> Self {
        let roles = roles(world);
        let mut rights = Self {
            bindings: Vec::new(),
            grants: BTreeMap::new(),
            by_subject: BTreeMap::new(),
        };
        for kind in ["ClusterRoleBinding", "RoleBinding"] {
            for object in world.all(GROUP, kind) {
                rights.bind(object, kind == "RoleBinding", &roles);
            }
        }
        rights
    }

    fn bind(&mut self, object: &'a Object, namespaced: bool, roles: &Roles) {
        let namespace = namespaced.then_some(object.id.namespace.as_str());
        let (kind, name) = (
            fields::text(&object.value, &["roleRef", "kind"]),
            fields::text(&object.value, &["roleRef", "name"]),
        );
        let key = match (kind, namespace) {
            ("Role", Some(namespace)) => Some((namespace.to_owned(), name.to_owned())),
            ("ClusterRole", _) => Some((String::new(), name.to_owned())),
            _ => None,
        };
        let rules = key
            .and_then(|key| roles.get(&key).cloned())
            .or_else(|| (kind == "ClusterRole").then(|| built_in::rules(name)).flatten());
        let at = self.bindings.len();
        for (index, rule) in rules.iter().flatten().enumerate() {
            for about in abouts(rule, namespace) {
                self.grants.entry(about).or_default().push((at, index));
            }
        }
        let subjects = subjects(object, namespace.unwrap_or_default());
        for (_, subject) in &subjects {
            self.by_subject.entry(subject.clone()).or_default().push(at);
        }
        self.bindings.push(Binding {
            object,
            namespace,
            subjects,
            rules,
            role: format!("{kind} {name}"),
        });
    }

    /// Whom an authorizer lets through that asks a review, with at least one of its verbs; in the order of the subjects.
    pub fn admitted(&self, review: &Review) -> Vec<Admitted> {
        let resource = combined(&review.resource, &review.subresource);
        let mut found: BTreeSet<(usize, usize)> = BTreeSet::new();
        for group in [review.group.as_str(), "*"] {
            for resource in spellings(&resource, &review.subresource) {
                for namespace in [None, Some(&review.namespace).filter(|name| !name.is_empty())] {
                    for name in [None, Some(&review.name)] {
                        let about = (
                            group.to_owned(),
                            resource.clone(),
                            namespace.cloned(),
                            name.cloned(),
                        );
                        found.extend(self.grants.get(&about).into_iter().flatten());
                    }
                }
            }
        }
        let mut all: BTreeMap<Subject, (BTreeSet<String>, Vec<Hop>)> = BTreeMap::new();
        for (binding, rule) in found {
            let binding = &self.bindings[binding];
            let Some(rule) = binding.rules.as_ref().and_then(|rules| rules.get(rule)) else {
                continue;
            };
            let verbs = granted(&rule.verbs, &review.verbs);
            if verbs.is_empty() {
                continue;
            }
            for (index, subject) in &binding.subjects {
                let (known, by) = all.entry(subject.clone()).or_default();
                known.extend(verbs.iter().cloned());
                for hop in binding.way(*index, subject, rule) {
                    if !by.contains(&hop) {
                        by.push(hop);
                    }
                }
            }
        }
        all.into_iter()
            .map(|(subject, (verbs, by))| Admitted { subject, verbs, by })
            .collect()
    }

    /// Whether a ServiceAccount, user or group may do all that a review asks, by itself or as one of the groups that
    /// everybody of its kind is in.
    pub fn may(&self, subject: &Subject, review: &Review) -> May {
        let mut missing = review.verbs.clone();
        let (mut ways, mut unknown) = (Vec::new(), Vec::new());
        for name in names_of(subject) {
            for binding in self.by_subject.get(&name).into_iter().flatten() {
                let binding = &self.bindings[*binding];
                if binding
                    .namespace
                    .is_some_and(|namespace| namespace != review.namespace)
                {
                    continue;
                }
                let index = binding.subjects.iter().find(|(_, of)| *of == name);
                let index = index.map_or(0, |(index, _)| *index);
                let Some(rules) = &binding.rules else {
                    unknown.push(binding.unknown());
                    continue;
                };
                for rule in rules.iter().filter(|rule| rule.is_about(review)) {
                    let verbs = granted(&rule.verbs, &missing);
                    if !verbs.is_empty() {
                        missing.retain(|verb| !verbs.contains(verb));
                        ways.extend(binding.way(index, &name, rule));
                    }
                }
            }
        }
        if missing.is_empty() {
            May::Yes(ways)
        } else if unknown.is_empty() {
            May::No
        } else {
            May::Unknown(unknown)
        }
    }

    /// The bindings that name a subject itself, whatever they give.
    pub fn held(&self, subject: &Subject) -> Vec<Hop> {
        let all = self.by_subject.get(subject).into_iter().flatten();
        all.map(|binding| {
            let binding = &self.bindings[*binding];
            fields::hop(binding.object, "roleRef", format!("gives {}", binding.role))
        })
        .collect()
    }

    /// Bindings whose role is neither in the manifests nor known: whom they let do what cannot be said.
    pub fn unknown(&self) -> Vec<Hop> {
        let bindings = self.bindings.iter().filter(|binding| binding.rules.is_none());
        bindings.map(Binding::unknown).collect()
    }
}

// === impl Binding ===

impl Binding<'_> {
    fn unknown(&self) -> Hop {
        fields::hop(
            self.object,
            "roleRef",
            format!("{} is not in the manifests", self.role),
        )
    }

    /// The way from a subject to a rule.
    fn way(&self, index: usize, subject: &Subject, rule: &Rule) -> Vec<Hop> {
        let mut way = vec![
            fields::hop(self.object, format!("subjects[{index}]"), label(subject)),
            fields::hop(self.object, "roleRef", format!("gives {}", self.role)),
        ];
        way.extend(rule.by.clone());
        way
    }
}

// === impl Rule ===

impl Rule {
    fn is_about(&self, review: &Review) -> bool {
        let resource = combined(&review.resource, &review.subresource);
        let spelled = spellings(&resource, &review.subresource);
        self.groups
            .iter()
            .any(|group| group == "*" || *group == review.group)
            && self.resources.iter().any(|resource| spelled.contains(resource))
            && (self.names.is_empty() || self.names.contains(&review.name))
    }
}

/// A subject in a few words.
pub fn label(subject: &Subject) -> String {
    if subject.namespace.is_empty() {
        format!("{} {}", subject.kind, subject.name)
    } else {
        format!("{} {}/{}", subject.kind, subject.namespace, subject.name)
    }
}

/// The question whether somebody may ask who callers are.
pub fn token_reviews() -> Review {
    Review {
        group: "authentication.k8s.io".to_owned(),
        resource: "tokenreviews".to_owned(),
        verbs: BTreeSet::from(["create".to_owned()]),
        ..Review::default()
    }
}

/// A ServiceAccount as a subject.
pub fn service_account(namespace: &str, name: &str) -> Subject {
    Subject {
        kind: KINDS[2].to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

/// A group as a subject.
pub fn group(name: &str) -> Subject {
    Subject {
        kind: KINDS[1].to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    }
}

/// The subjects of which a binding is good for this one: itself, and the groups that every one of its kind is in.
fn names_of(subject: &Subject) -> Vec<Subject> {
    let mut names = vec![subject.clone()];
    if subject.kind == KINDS[2] {
        names.push(group(SERVICE_ACCOUNTS));
        names.push(group(&format!("{SERVICE_ACCOUNTS}:{}", subject.namespace)));
    }
    if subject.kind != KINDS[1] {
        names.push(group(AUTHENTICATED));
    }
    names
}

/// The verbs of a question that a rule answers.
fn granted(rule: &BTreeSet<String>, asked: &BTreeSet<String>) -> BTreeSet<String> {
    if rule.contains("*") {
        asked.clone()
    } else {
        rule.intersection(asked).cloned().collect()
    }
}

/// Resource and subresource as rules write them.
fn combined(resource: &str, subresource: &str) -> String {
    if subresource.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource}/{subresource}")
    }
}

/// What a rule may write to be about a resource. `notebooks/*` is no wildcard, nor does `notebooks` hold its subresources.
fn spellings(resource: &str, subresource: &str) -> Vec<String> {
    let mut all = vec![resource.to_owned(), "*".to_owned()];
    if !subresource.is_empty() {
        all.push(format!("*/{subresource}"));
    }
    all
}

fn abouts(rule: &Rule, namespace: Option<&str>) -> Vec<About> {
    let names: Vec<Option<String>> = if rule.names.is_empty() {
        vec![None]
    } else {
        rule.names.iter().cloned().map(Some).collect()
    };
    let mut all = Vec::new();
    for group in &rule.groups {
        for resource in &rule.resources {
            for name in &names {
                all.push((
                    group.clone(),
                    resource.clone(),
                    namespace.map(str::to_owned),
                    name.clone(),
                ));
            }
        }
    }
    all
}

/// The subjects of a binding, with their positions. A user with a ServiceAccount's name is that.
fn subjects(object: &Object, namespace: &str) -> Vec<(usize, Subject)> {
    let subject = |(index, subject): (usize, &Value)| {
        let kind = fields::text(subject, &["kind"]);
        let name = fields::text(subject, &["name"]);
        let known = KINDS.contains(&kind) && !name.is_empty();
        let subject = match (
            kind,
            name.strip_prefix(SERVICE_ACCOUNT)
                .and_then(|rest| rest.split_once(':')),
        ) {
            ("User", Some((namespace, name))) => service_account(namespace, name),
            ("ServiceAccount", _) => {
                let own = fields::text(subject, &["namespace"]);
                service_account(if own.is_empty() { namespace } else { own }, name)
            }
            _ => Subject {
                kind: kind.to_owned(),
                namespace: String::new(),
                name: name.to_owned(),
            },
        };
        known.then_some((index, subject))
    };
    let all = fields::list(&object.value, &["subjects"]).iter().enumerate();
    all.filter_map(subject).collect()
}

/// Rules by namespace (empty: of the cluster) and name.
type Roles = BTreeMap<(String, String), Vec<Rule>>;

fn roles(world: &World<'_>) -> Roles {
    let mut roles: Roles = BTreeMap::new();
    for object in world.all(GROUP, "Role") {
        let key = (object.id.namespace.clone(), object.id.name.clone());
        roles.insert(key, rules(object));
    }
    let of_cluster = world.all(GROUP, "ClusterRole");
    for object in &of_cluster {
        roles.insert((String::new(), object.id.name.clone()), rules(object));
    }
    aggregate(&of_cluster, &mut roles);
    roles
}

/// Adds to roles that are put together by labels what the others bring. A role that is brought may itself be put together, so
/// it goes on until nothing is added.
fn aggregate(of_cluster: &[&Object], roles: &mut Roles) {
    let mut wants: Vec<(String, Vec<Value>)> = Vec::new();
    for object in of_cluster {
        let selectors = fields::list(&object.value, &["aggregationRule", "clusterRoleSelectors"]);
        if !selectors.is_empty() {
            wants.push((object.id.name.clone(), selectors.to_vec()));
        }
    }
    for (name, label) in built_in::AGGREGATED {
        let written = of_cluster.iter().any(|object| object.id.name == *name);
        let selector = serde_json::json!({"matchLabels": {*label: "true"}});
        let brought = of_cluster.iter().any(|object| selects(&selector, object));
        if !written && brought {
            let own = built_in::rules(name).unwrap_or_default();
            roles.insert((String::new(), (*name).to_owned()), own);
            wants.push(((*name).to_owned(), vec![selector]));
        }
    }
    let mut known: BTreeMap<String, BTreeSet<Hop>> = BTreeMap::new();
    for _ in 0..wants.len() {
        let mut changed = false;
        for (name, selectors) in &wants {
            let brought: Vec<Rule> = of_cluster
                .iter()
                .filter(|object| object.id.name != *name)
                .filter(|object| selectors.iter().any(|selector| selects(selector, object)))
                .filter_map(|object| roles.get(&(String::new(), object.id.name.clone())))
                .flatten()
                .cloned()
                .collect();
            let own = roles.entry((String::new(), name.clone())).or_default();
            let known = known
                .entry(name.clone())
                .or_insert_with(|| own.iter().filter_map(|rule| rule.by.clone()).collect());
            for rule in brought {
                if rule.by.clone().is_some_and(|by| known.insert(by)) {
                    own.push(rule);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// Whether a label selector selects an object.
pub(super) fn selects(selector: &Value, object: &Object) -> bool {
    let label = |key: &str| fields::at(&object.value, &["metadata", "labels", key]).and_then(Value::as_str);
    let equal = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .is_none_or(|labels| labels.iter().all(|(key, value)| label(key) == value.as_str()));
    let expressed = fields::list(selector, &["matchExpressions"]).iter().all(|term| {
        let found = label(fields::text(term, &["key"]));
        let values = fields::texts(term, &["values"]);
        match fields::text(term, &["operator"]) {
            "In" => found.is_some_and(|found| values.contains(&found)),
            "NotIn" => found.is_none_or(|found| !values.contains(&found)),
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            _ => false,
        }
    });
    equal && expressed
}

/// The rules of a role that are about resources.
fn rules(object: &Object) -> Vec<Rule> {
    let owned = |rule: &Value, key: &str| -> Vec<String> {
        fields::texts(rule, &[key])
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    let all = fields::list(&object.value, &["rules"]).iter().enumerate();
    all.map(|(index, rule)| {
        let (resources, names) = (owned(rule, "resources"), owned(rule, "resourceNames"));
        let verbs: BTreeSet<String> = owned(rule, "verbs").into_iter().collect();
        let listed: Vec<&str> = verbs.iter().map(String::as_str).collect();
        let says = format!("{} {}", listed.join(", "), resources.join(", "));
        let says = if names.is_empty() {
            says
        } else {
            format!("{says} {}", names.join(", "))
        };
        Rule {
            groups: owned(rule, "apiGroups"),
            resources,
            names,
            verbs,
            by: Some(fields::hop(object, format!("rules[{index}]"), says)),
        }
    })
    .collect()
}

#[cfg(test)]
#[path = "rights/tests.rs"]
mod tests;
