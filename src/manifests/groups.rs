//! What the groups of an Auth may do in the cluster.
//!
//! The rules are those of opendatahub-operator `internal/controller/services/auth/resources`, without these: a rule for an
//! API group that does not exist; rules on `auths`, which are cluster-scoped, in a Role; and the right to change the list
//! of administrators, which is in git. On clusters without OpenShift its API groups are left out.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject};

use super::rbac::{GROUP, role_ref};
use super::{Object, meta};
use crate::input::auth::GROUP as SERVICES;
use crate::input::platform::Flavor;
use crate::model::gateway::Groups;
use crate::model::platform::Platform;
use crate::plan::class::Class;

/// API group, resources, verbs, and names where it is about some alone.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const READ: &[&str] = &["get", "list", "watch"];
const CHANGE: &[&str] = &["get", "list", "watch", "update", "patch"];
const ALL: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

/// In the applications namespace, for administrators.
const ADMIN: [Rule; 14] = [
    ("infrastructure.opendatahub.io", &["hardwareprofiles"], ALL, &[]),
    ("route.openshift.io", &["routes"], READ, &[]),
    ("batch", &["cronjobs"], &["get", "update", "watch"], &[]),
    ("image.openshift.io", &["imagestreams"], ALL, &[]),
    ("build.openshift.io", &["builds", "buildconfigs"], READ, &[]),
    ("apps", &["deployments"], &["patch", "update"], &[]),
    (
        "opendatahub.io",
        &["odhdashboardconfigs"],
        &["get", "list", "watch", "create", "update", "patch"],
        &[],
    ),
    (
        "dashboard.opendatahub.io",
        &["odhapplications", "odhdocuments"],
        READ,
        &[],
    ),
    ("console.openshift.io", &["odhquickstarts"], READ, &[]),
    ("template.openshift.io", &["templates"], ALL, &[]),
    ("serving.kserve.io", &["servingruntimes"], &["create"], &[]),
    ("serving.kserve.io", &["llminferenceserviceconfigs"], ALL, &[]),
    ("nim.opendatahub.io", &["accounts"], ALL, &[]),
    ("", &["configmaps"], CHANGE, &["tier-to-group-mapping"]),
];

/// In the whole cluster, for administrators.
const ADMIN_CLUSTER: [Rule; 9] = [
    (SERVICES, &["auths"], READ, &[]),
    (SERVICES, &["auths/status"], &["get"], &[]),
    (
        "datasciencecluster.opendatahub.io",
        &["datascienceclusters"],
        CHANGE,
        &[],
    ),
    ("modelregistry.opendatahub.io", &["modelregistries"], ALL, &[]),
    ("feast.dev", &["featurestores"], ALL, &[]),
    ("storage.k8s.io", &["storageclasses"], CHANGE, &[]),
    ("user.openshift.io", &["groups", "users"], READ, &[]),
    ("maas.opendatahub.io", &["maasmodelrefs"], READ, &[]),
    ("loki.grafana.com", &["application"], &["get"], &["logs"]),
];

/// In the whole cluster, for everybody who may log in.
const ALLOWED_CLUSTER: [Rule; 2] = [
    (SERVICES, &["auths"], READ, &[]),
    (SERVICES, &["auths/status"], &["get"], &[]),
];

/// In namespaces of other components, for administrators, where the input has these namespaces: the namespace, the word in
/// the Role's name, and the rule.
const COMPONENTS: [(&str, &str, Rule); 2] = [
    (
        "models-as-a-service",
        "maas",
        (
            "maas.opendatahub.io",
            &["maassubscriptions", "maasauthpolicies"],
            ALL,
            &[],
        ),
    ),
    (
        "kuadrant-system",
        "kuadrant",
        ("metrics.k8s.io", &["pods"], &["get", "create"], &[]),
    ),
];

/// The roles and their bindings.
pub fn objects(platform: &Platform, beside_operator: bool, groups: &Groups) -> Vec<Object> {
    let make = Make {
        beside_operator,
        groups,
        flavor: platform.flavor,
    };
    let mut objects = Vec::new();
    objects.extend(make.in_cluster("data-science-admingroupcluster", &groups.admins, &ADMIN_CLUSTER));
    objects.extend(make.in_cluster(
        "data-science-allowedgroupcluster",
        &groups.allowed,
        &ALLOWED_CLUSTER,
    ));
    objects.extend(make.in_namespace(
        "data-science-admingroup",
        &platform.applications_namespace,
        &ADMIN,
    ));
    for (namespace, word, rule) in &COMPONENTS {
        if groups.namespaces.contains(*namespace) {
            let stem = format!("data-science-admingroup-{word}");
            objects.extend(make.in_namespace(&stem, namespace, &[*rule]));
        }
    }
    objects
}

struct Make<'a> {
    beside_operator: bool,
    groups: &'a Groups,
    flavor: Flavor,
}

// === impl Make ===

impl Make<'_> {
    fn in_cluster(&self, stem: &str, names: &[String], rules: &[Rule]) -> [Object; 2] {
        let metadata = |name: &str| meta::of_groups(self.groups, self.beside_operator, name, None);
        let role_name = format!("{stem}-role");
        let role = ClusterRole {
            metadata: metadata(&role_name),
            rules: Some(self.rules(rules)),
            aggregation_rule: None,
        };
        let binding = ClusterRoleBinding {
            metadata: metadata(&format!("{stem}-rolebinding")),
            role_ref: role_ref("ClusterRole", &role_name),
            subjects: subjects(names),
        };
        [
            Object::new(Class::Support, &role),
            Object::new(Class::Support, &binding),
        ]
    }

    fn in_namespace(&self, stem: &str, namespace: &str, rules: &[Rule]) -> [Object; 2] {
        let metadata = |name: &str| meta::of_groups(self.groups, self.beside_operator, name, Some(namespace));
        let role_name = format!("{stem}-role");
        let role = Role {
            metadata: metadata(&role_name),
            rules: Some(self.rules(rules)),
        };
        let binding = RoleBinding {
            metadata: metadata(&format!("{stem}-rolebinding")),
            role_ref: role_ref("Role", &role_name),
            subjects: subjects(&self.groups.admins),
        };
        [
            Object::new(Class::Support, &role),
            Object::new(Class::Support, &binding),
        ]
    }

    fn rules(&self, rules: &[Rule]) -> Vec<PolicyRule> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let there =
            |(group, ..): &&Rule| self.flavor == Flavor::OpenShift || !group.ends_with(".openshift.io");
        let rule = |(group, resources, verbs, names): &Rule| PolicyRule {
            api_groups: Some(vec![(*group).to_owned()]),
            resources: Some(texts(resources)),
            verbs: texts(verbs),
            resource_names: Some(texts(names)).filter(|names| !names.is_empty()),
            non_resource_urls: None,
        };
        rules.iter().filter(there).map(rule).collect()
    }
}

fn subjects(names: &[String]) -> Option<Vec<Subject>> {
    let subject = |name: &String| Subject {
        kind: "Group".into(),
        name: name.clone(),
        api_group: Some(GROUP.into()),
        namespace: None,
    };
    (!names.is_empty()).then(|| names.iter().map(subject).collect())
}
