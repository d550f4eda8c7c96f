//! The target cluster's facts with every default filled in.
//!
//! Takes a Platform's `spec`; gives values to use, or findings. Holds what this version acts on; fields that later kinds
//! of document need are read (and checked) but not kept here yet.

mod facts;
mod ray;
mod ray_routes;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use ray::{ApiServer, Client, Egress, Ray};
pub use ray_routes::check_gateway as check_ray_gateway;

use super::backend_tls::{self, BackendTls};
use super::defaults::{self, Default as FieldDefault};
use super::gateway::Facts;
use super::image;
use super::keys;
use super::names::{is_dns_label, is_label_key, is_label_value, near_label};
use super::quantity::Quantity;
use crate::input::platform::{
    AccessGraphs, Flavor, GROUP, GatewayImplementation, KIND, OnMissingOidc, Operator, PlatformSpec,
    ResourcesSpec, SidecarProgram, SubjectsSpec, TlsSource, VERSION,
};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;

/// The target cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Name of the document; marks what is written for the platform itself.
    pub name: String,
    /// What the cluster is.
    pub flavor: Flavor,
    /// What a gateway that the input defines is made with.
    pub facts: Facts,
    /// Namespace for Notebooks that name none.
    pub default_namespace: Option<String>,
    /// The gateway that routes attach to.
    pub gateway: Gateway,
    /// Who issues the guards' certificates.
    pub tls: Tls,
    /// How the gateway verifies them.
    pub backend_tls: BackendTls,
    /// The guard.
    pub sidecar: Sidecar,
    /// The namespace of the platform's own applications.
    pub applications_namespace: String,
    /// Who is the author of the graph around Notebooks: we alone, or Open Data Hub's controller beside us.
    pub notebook_controller: Operator,
    /// Where `HTTPRoutes` of Notebooks go.
    pub route_namespace: String,
    /// Whether `/notebooks/NAME` is answered too.
    pub short_paths: bool,
    /// Whether a Notebook that says so itself gets a route without a guard.
    pub allow_unauthenticated: bool,
    /// Whether `AccessGraphs` are written.
    pub access_graphs: bool,
    /// Who may open every Notebook.
    pub notebook_users: Subjects,
    /// The pods that ask Notebooks whether they are idle.
    pub culler: Pods,
    /// How RayClusters are treated.
    pub ray: Ray,
    /// How the KubeRay API server is treated.
    pub api_server: ApiServer,
}

/// A gateway and its pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The pods that traffic comes from.
    pub pods: Pods,
}

/// Pods, by namespace and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pods {
    /// Their namespace.
    pub namespace: String,
    /// Their labels.
    pub labels: BTreeMap<String, String>,
}

// === impl Pods ===

impl Pods {
    /// The first label by which pods of a namespace with these labels pass for some of these; none where they do not.
    pub fn fits(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Option<(&str, &str)> {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        let (key, value) = self.labels.iter().next()?;
        (self.namespace == namespace && self.labels.iter().all(has)).then_some((key, value))
    }
}

/// Who issues the guards' certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// OpenShift's service CA.
    ServiceCa,
    /// cert-manager.
    CertManager {
        /// Name of the issuer.
        name: String,
        /// Kind of the issuer.
        kind: String,
        /// Group of the issuer.
        group: String,
    },
    /// Somebody else.
    Provided,
}

/// The guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// Its image.
    pub image: String,
    /// Whether that may be named by tag.
    pub allow_tags: bool,
    /// What the image holds.
    pub program: SidecarProgram,
    /// Its resources.
    pub resources: Resources,
}

/// Requests and limits of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// By resource name.
    pub requests: BTreeMap<String, String>,
    /// By resource name.
    pub limits: BTreeMap<String, String>,
}

/// People and groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects {
    /// User names.
    pub users: Vec<String>,
    /// Group names.
    pub groups: Vec<String>,
}

/// What the process's environment says. Read at the edge, passed inward.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Value of `RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE`.
    pub sidecar_image: Option<String>,
}

/// Fills in the defaults and checks what the schema cannot.
///
/// # Errors
/// All errors at once; with them, warnings and notes.
pub fn resolve(
    name: &str,
    spec: PlatformSpec,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> Option<Platform> {
    let mut resolver = Resolver {
        flavor: spec.flavor?,
        findings,
    };
    let gateway = spec.gateway.unwrap_or_default();
    let images = spec.images.unwrap_or_default();
    let notebooks = spec.notebooks.unwrap_or_default();
    let tls = spec.tls.unwrap_or_default();
    let applications = resolver.namespace(spec.applications_namespace, &defaults::APPLICATIONS_NAMESPACE);
    let route_namespace = match notebooks.route_namespace.clone() {
        Some(given) => resolver.namespace(Some(given), &defaults::ROUTE_NAMESPACE),
        None => applications.clone(),
    };
    let gateway_name = resolver.text(gateway.name.clone(), &defaults::GATEWAY_NAME);
    resolver.label_value(&gateway_name, "spec.gateway.name");
    let gateway_namespace = resolver.namespace(gateway.namespace.clone(), &defaults::GATEWAY_NAMESPACE);
    let implementation = resolver.choice(gateway.implementation, &defaults::GATEWAY_IMPLEMENTATION)?;
    let sidecar = spec.sidecar.unwrap_or_default();
    let allow_tags = spec
        .allow_tags
        .unwrap_or(defaults::ALLOW_TAGS.on(resolver.flavor) == "true");
    let controller = resolver.choice::<Operator>(notebooks.controller, &defaults::NOTEBOOK_CONTROLLER)?;
    let program = resolver.program(sidecar.program, controller)?;
    let image = resolver.image(sidecar.image, program, environment, allow_tags);
    if controller == Operator::None {
        super::programs::check_image(program, &image, resolver.findings);
    }
    let gateway_api = resolver.text(gateway.gateway_api.clone(), &defaults::GATEWAY_API);
    let issuer = resolver.tls(&tls)?;
    let login_image = resolver.login_image(images.kube_auth_proxy, allow_tags);
    let facts = Facts {
        gateway_api: backend_tls::parse(&gateway_api)?,
        domain: resolver.domain(spec.domain),
        auth_mode: spec.auth_mode,
        on_missing_oidc: resolver
            .choice::<OnMissingOidc>(spec.on_missing_oidc, &defaults::ON_MISSING_OIDC)?,
        issuer: tls.issuer_ref.clone().unwrap_or_default(),
        login_image,
        oidc: resolver.oidc(spec.oidc.unwrap_or_default()),
        token_audiences: resolver.token_audiences(spec.login.unwrap_or_default().token_audiences),
        secrets: resolver.secrets(spec.secrets.unwrap_or_default())?,
        ..resolver.facts(gateway, implementation)?
    };
    let pods = gateway_pods(
        implementation,
        &gateway_name,
        &gateway_namespace,
        facts.pod_namespace.as_deref(),
    );
    let target = backend_tls::Target {
        implementation,
        gateway_api: &gateway_api,
        namespace: &pods.namespace,
    };
    let backend_tls = backend_tls::choose(&target, &issuer, &tls, resolver.findings);
    if controller == Operator::OpenDataHub {
        resolver.beside_the_controller(&issuer);
    }
    let resources = resolver.resources(sidecar.resources.unwrap_or_default());
    let platform = Platform {
        name: name.to_owned(),
        flavor: resolver.flavor,
        facts,
        default_namespace: spec
            .default_namespace
            .map(|given| resolver.checked(given, "spec.defaultNamespace")),
        gateway: Gateway {
            pods,
            name: gateway_name,
            namespace: gateway_namespace,
        },
        tls: issuer,
        backend_tls,
        sidecar: Sidecar {
            image,
            allow_tags,
            program,
            resources,
        },
        notebook_controller: controller,
        route_namespace,
        short_paths: notebooks.short_paths.unwrap_or_default(),
        allow_unauthenticated: spec.allow_unauthenticated.unwrap_or_default(),
        access_graphs: resolver.choice(spec.access_graphs, &defaults::ACCESS_GRAPHS)? == AccessGraphs::Emit,
        notebook_users: resolver.subjects(notebooks.users.unwrap_or_default(), "spec.notebooks.users"),
        culler: resolver.culler(notebooks.culler.unwrap_or_default(), &applications),
        ray: resolver.ray(spec.ray_clusters.unwrap_or_default(), &applications)?,
        api_server: resolver.api_server(spec.kube_ray_api_server.unwrap_or_default(), allow_tags)?,
        applications_namespace: applications,
    };
    ray_routes::check(&platform, findings);
    Some(platform)
}

// === impl Platform ===

impl Platform {
    /// Which document it is.
    pub fn id(&self) -> ObjectId {
        ObjectId::new(&format!("{GROUP}/{VERSION}"), KIND, "", &self.name)
    }
}

/// The namespace in which Envoy Gateway runs its proxies unless told otherwise.
const ENVOY_GATEWAY_NAMESPACE: &str = "envoy-gateway-system";

/// The pods behind a Gateway.
pub fn gateway_pods(
    implementation: GatewayImplementation,
    name: &str,
    namespace: &str,
    pod_namespace: Option<&str>,
) -> Pods {
    let (own, labels) = match implementation {
        GatewayImplementation::Istio => (
            namespace,
            BTreeMap::from([(keys::GATEWAY_NAME.to_owned(), name.to_owned())]),
        ),
        GatewayImplementation::EnvoyGateway => (
            ENVOY_GATEWAY_NAMESPACE,
            BTreeMap::from([
                (keys::ENVOY_GATEWAY_NAME.to_owned(), name.to_owned()),
                (keys::ENVOY_GATEWAY_NAMESPACE.to_owned(), namespace.to_owned()),
            ]),
        ),
    };
    Pods {
        namespace: pod_namespace.unwrap_or(own).to_owned(),
        labels,
    }
}

struct Resolver<'a> {
    flavor: Flavor,
    findings: &'a mut Vec<Finding>,
}

// === impl Resolver ===

impl Resolver<'_> {
    /// The guard's program. Open Data Hub's controller names a verb in its configuration, and has an image that honours it.
    fn program(&mut self, given: Option<SidecarProgram>, controller: Operator) -> Option<SidecarProgram> {
        let program = match (given, controller) {
            (None, Operator::OpenDataHub) => SidecarProgram::OdhKubeRbacProxy,
            (given, _) => self.choice(given, &defaults::SIDECAR_PROGRAM)?,
        };
        if controller == Operator::OpenDataHub && program == SidecarProgram::KubeRbacProxy {
            let message = "Open Data Hub's controller writes a configuration whose verb this program ignores: it would ask for \
                           `create` on the Notebook to run a cell, which nobody is given";
            let finding = Finding::error(message)
                .at("spec.sidecar.program")
                .found("kube-rbac-proxy");
            self.findings.push(finding.propose("odh-kube-rbac-proxy"));
        }
        if controller == Operator::OpenDataHub && program == SidecarProgram::Gatewright {
            let message = "the guard's arguments are those of Open Data Hub's controller, which does not put the word `proxy` in front \
                           of them: no guard would start";
            let finding = Finding::error(message)
                .at("spec.sidecar.program")
                .found("gatewright");
            self.findings.push(finding.propose("odh-kube-rbac-proxy"));
        }
        Some(program)
    }

    /// The controller asks OpenShift's service CA for the guards' certificates, and nobody else.
    fn beside_the_controller(&mut self, issuer: &Tls) {
        if self.flavor == Flavor::OpenShift && *issuer != Tls::ServiceCa {
            let message = "beside Open Data Hub's controller the guards' certificates are the service CA's, and the gateway \
                           would trust another authority: no request would reach a Notebook";
            let finding = Finding::error(message).at("spec.tls.source");
            self.findings.push(finding.propose("ServiceCA"));
        }
    }

    /// What goes into a selector: an API server refuses the whole policy for a wrong one, and nothing is closed.
    fn label_value(&mut self, text: &str, path: &str) {
        if !is_label_value(text) {
            let message = "must fit into a label: letters, digits, dashes, dots and underscores, 63 at most";
            self.findings.push(Finding::error(message).at(path).found(text));
        }
    }

    fn labels(&mut self, labels: BTreeMap<String, String>, path: &str) -> BTreeMap<String, String> {
        for (key, value) in &labels {
            let path = format!("{path}[{key:?}]");
            if !is_label_key(key) {
                let message = "is no label key: an optional DNS name and a slash, then letters, digits, dashes, dots and \
                               underscores, 63 at most";
                self.findings
                    .push(Finding::error(message).at(&path).found(key.clone()));
            }
            self.label_value(value, &path);
        }
        labels
    }

    fn text(&self, given: Option<String>, default: &FieldDefault) -> String {
        given
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| default.on(self.flavor).to_owned())
    }

    fn namespace(&mut self, given: Option<String>, default: &FieldDefault) -> String {
        let text = self.text(given, default);
        self.checked(text, &format!("spec.{}", default.path))
    }

    fn checked(&mut self, text: String, path: &str) -> String {
        if !is_dns_label(&text) {
            let finding =
                Finding::error("must be the name of a namespace: lower-case letters, digits and dashes");
            let finding = finding.at(path).found(text.clone());
            self.findings
                .push(match near_label(&text, super::names::LABEL_MAX) {
                    Some(near) => finding.propose(near),
                    None => finding,
                });
        }
        text
    }

    /// A choice, or its default. The table holds defaults as text; each is a spelling that the type reads (tested).
    fn choice<T: DeserializeOwned>(&mut self, given: Option<T>, default: &FieldDefault) -> Option<T> {
        given.or_else(|| serde_json::from_value(Value::from(default.on(self.flavor))).ok())
    }

    /// The guard's image. Variable and default are of kube-rbac-proxy.
    fn image(
        &mut self,
        given: Option<String>,
        program: SidecarProgram,
        environment: &Environment,
        allow_tags: bool,
    ) -> String {
        let path = "spec.sidecar.image";
        let image = if let Some(image) = given.filter(|image| !image.is_empty()) {
            image
        } else if program == SidecarProgram::Gatewright {
            let message = "no image of the program gatewright is published: build one (krm-functions/gatewright/Containerfile.guard), \
                           push it to a registry of your own, and name it here by digest";
            self.findings.push(Finding::error(message).at(path));
            return String::new();
        } else if let Some(image) = environment
            .sidecar_image
            .clone()
            .filter(|image| !image.is_empty())
        {
            let variable = defaults::SIDECAR_IMAGE_VARIABLE;
            self.findings.push(
                Finding::info(format!("taken from the environment variable {variable}"))
                    .at(path)
                    .found(image.clone()),
            );
            image
        } else {
            defaults::SIDECAR_IMAGE.on(self.flavor).to_owned()
        };
        image::check(&image, allow_tags, path, self.findings);
        image
    }

    fn tls(&mut self, tls: &crate::input::platform::TlsSpec) -> Option<Tls> {
        let issuer = tls.issuer_ref.clone().unwrap_or_default();
        Some(match self.choice(tls.source, &defaults::TLS_SOURCE)? {
            TlsSource::ServiceCa if self.flavor == Flavor::Kubernetes => {
                let message = "only OpenShift has a service CA; the guards' pods would wait for their certificates for ever";
                self.findings.push(
                    Finding::error(message)
                        .at("spec.tls.source")
                        .found("ServiceCA")
                        .propose("CertManager"),
                );
                Tls::ServiceCa
            }
            TlsSource::ServiceCa => Tls::ServiceCa,
            TlsSource::CertManager => Tls::CertManager {
                name: self.text(issuer.name, &defaults::ISSUER_NAME),
                kind: self.text(issuer.kind, &defaults::ISSUER_KIND),
                group: self.text(issuer.group, &defaults::ISSUER_GROUP),
            },
            TlsSource::Provided => Tls::Provided,
        })
    }

    fn resources(&mut self, given: ResourcesSpec) -> Resources {
        let (requests, limits) = (
            given.requests.unwrap_or_default(),
            given.limits.unwrap_or_default(),
        );
        let cpu = [requests.cpu, limits.cpu];
        let memory = [requests.memory, limits.memory];
        let mut resources = Resources {
            requests: BTreeMap::new(),
            limits: BTreeMap::new(),
        };
        let rows = [
            ("cpu", cpu, &defaults::SIDECAR_CPU),
            ("memory", memory, &defaults::SIDECAR_MEMORY),
        ];
        for (resource, [request, limit], defaults) in rows {
            resources
                .requests
                .insert(resource.into(), self.text(request, &defaults[0]));
            resources
                .limits
                .insert(resource.into(), self.text(limit, &defaults[1]));
        }
        let path = |side: &str, resource: &str| format!("spec.sidecar.resources.{side}.{resource}");
        check_resources(&resources, path, self.findings);
        resources
    }

    fn subjects(&mut self, given: SubjectsSpec, path: &str) -> Subjects {
        for (side, names) in [("users", &given.users), ("groups", &given.groups)] {
            for (index, name) in names.iter().enumerate() {
                if name.trim().is_empty() {
                    let path = format!("{path}.{side}[{index}]");
                    self.findings.push(Finding::error("is empty").at(path));
                } else if super::notebook::NOBODY.contains(&name.as_str()) {
                    let message = "nobody who has not logged in may open a Notebook";
                    let path = format!("{path}.{side}[{index}]");
                    self.findings
                        .push(Finding::error(message).at(path).found(name.clone()));
                }
            }
        }
        for (index, name) in given.groups.iter().enumerate() {
            if EVERYBODY
                .iter()
                .any(|group| name == group || name.starts_with(&format!("{group}:")))
            {
                let message = "lets everybody of this group open every Notebook: that is everybody who can log in, or every \
                               workload";
                self.findings.push(
                    Finding::warning(message)
                        .at(format!("{path}.groups[{index}]"))
                        .found(name.clone()),
                );
            }
        }
        Subjects {
            users: given.users,
            groups: given.groups,
        }
    }
}

/// Groups that hold everybody of a kind.
pub const EVERYBODY: [&str; 2] = ["system:authenticated", "system:serviceaccounts"];

/// Checks amounts: quantities, not negative, requests within limits. `path` names the field of a side and a resource.
pub fn check_resources(
    resources: &Resources,
    path: impl Fn(&str, &str) -> String,
    findings: &mut Vec<Finding>,
) {
    let sides = [("requests", &resources.requests), ("limits", &resources.limits)];
    let mut sound = true;
    for (side, amounts) in sides {
        for (resource, amount) in amounts {
            let message = match Quantity::parse(amount) {
                None => "must be a Kubernetes quantity, for example 100m or 64Mi",
                Some(quantity) if quantity.is_negative() => "cannot be negative",
                Some(_) => continue,
            };
            sound = false;
            findings.push(
                Finding::error(message)
                    .at(path(side, resource))
                    .found(amount.clone()),
            );
        }
    }
    for (resource, request) in resources.requests.iter().filter(|_| sound) {
        if let Some(limit) = resources.limits.get(resource)
            && Quantity::parse(request) > Quantity::parse(limit)
        {
            let message = format!(
                "the {resource} request {request} is more than the limit {limit}; lower it, or raise the limit too"
            );
            findings.push(
                Finding::error(message)
                    .at(path("requests", resource))
                    .found(request.clone())
                    .propose(limit.clone()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(spec: Value) -> (Option<Platform>, Vec<String>) {
        let mut findings = Vec::new();
        let spec = serde_json::from_value(spec).unwrap();
        let platform = resolve("platform", spec, &Environment::default(), &mut findings);
        (platform, findings.iter().map(Finding::to_line).collect())
    }

    #[test]
    fn the_smallest_platform_resolves_without_a_word_on_both_flavors() {
        for flavor in ["OpenShift", "Kubernetes"] {
            let (platform, lines) = resolved(json!({ "flavor": flavor }));
            assert_eq!(lines, [""; 0]);
            assert_eq!(platform.unwrap().gateway.name, "data-science-gateway");
        }
    }

    #[test]
    fn every_default_in_the_table_is_accepted_by_the_schema() {
        let schema = crate::input::schema::platform_spec(&[]);
        for default in defaults::TABLE {
            for text in [default.openshift, default.kubernetes] {
                let value = crate::input::check::scalar_at(&schema, default.path, text).unwrap();
                let mut document = value;
                for name in default.path.rsplit('.') {
                    document = json!({ name: document });
                }
                document["flavor"] = json!("OpenShift");
                assert_eq!(crate::input::check::check(&document, &schema, "spec"), []);
                serde_json::from_value::<PlatformSpec>(document).unwrap();
            }
        }
    }

    #[test]
    fn what_cannot_work_is_an_error_with_a_way_out() {
        let (_, lines) = resolved(json!({
            "flavor": "Kubernetes", "tls": {"source": "ServiceCA"}, "sidecar": {"image": "x:latest", "resources": {"requests": {"cpu": "2"}}},
            "applicationsNamespace": "A_b", "notebooks": {"users": {"groups": ["system:unauthenticated"]}, "culler": {"labels": {}}}
        }));
        for word in [
            "only OpenShift has",
            "by digest",
            "more than the limit",
            "write \"a-b\"",
            "has not logged in",
            "empty selector",
        ] {
            assert!(lines.iter().any(|line| line.contains(word)), "{word}: {lines:#?}");
        }
    }

    #[test]
    fn the_environment_names_the_image_only_where_platform_does_not() {
        let digest = format!("example/proxy@sha256:{}", "1".repeat(64));
        let environment = Environment {
            sidecar_image: Some(digest.clone()),
        };
        let mut findings = Vec::new();
        let spec = serde_json::from_value(json!({"flavor": "OpenShift"})).unwrap();
        let platform = resolve("p", spec, &environment, &mut findings).unwrap();
        assert_eq!(platform.sidecar.image, digest);
        assert!(findings[0].to_line().starts_with("info: "));
        let own = format!("example/own@sha256:{}", "2".repeat(64));
        let spec = serde_json::from_value(json!({"flavor": "OpenShift", "sidecar": {"image": own}})).unwrap();
        assert_eq!(
            resolve("p", spec, &environment, &mut Vec::new())
                .unwrap()
                .sidecar
                .image,
            own
        );
    }
}
