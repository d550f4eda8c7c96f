//! The gateway that the input defines: its names, host, certificate, and what its documents contradict.
//!
//! Takes the documents as they were read and the Platform's facts; gives one [`Gateway`] with its [`Login`]. Every finding
//! says which document it is about.

mod checks;

use std::collections::BTreeSet;

pub use checks::notes;
use checks::{check_document, covered, network_policies, secrets_apart, service_name};

use super::auth_mode::{self, Place};
use super::certificate::{self, Certificate};
use super::claims::{self, Claims};
use super::duration::Duration;
use super::host;
use super::login::{self, Login};
use super::names::{is_dns_label, is_dns_name};
use super::platform::{Platform, Pods, gateway_pods};
use super::tls_profile::{self, TlsProfile};
use super::{defaults, groups, ingress_mode};
use crate::input::auth::AuthSpec;
use crate::input::cluster::{Authentication, Ingress, TlsSecurityProfile};
use crate::input::gateway::{self as document, GatewayConfigSpec, GatewaySpec};
use crate::input::platform::{
    AuthMode, Flavor, GatewayImplementation, IngressMode, IssuerRef, OidcSpec, OnMissingOidc, Operator,
};
use crate::krm::object_id::ObjectId;
use crate::krm::results::{self, Finding};

/// The first label of the host, where nothing says it (opendatahub-operator `gateway_support.go`).
const SUBDOMAIN: &str = "rh-ai";
/// The first label of the host that Open Data Hub had before; and the name of its gateway.
const LEGACY: &str = "data-science-gateway";
/// Longest names of objects.
const ISTIO_REVISION: &str = "openshift-gateway";

/// A document and which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// Which.
    pub id: ObjectId,
    /// Whether it is marked as input for tools, which goes to no cluster.
    pub is_local: bool,
    /// What it says.
    pub spec: T,
}

/// A gateway's document, of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// The design document's.
    Gateway(GatewaySpec),
    /// Open Data Hub's.
    Config(Box<GatewayConfigSpec>),
}

/// The documents that define gateway and login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Documents {
    /// Gateway or `GatewayConfig`.
    pub gateway: Option<Read<Spec>>,
    /// Auth.
    pub auth: Option<Read<AuthSpec>>,
    /// The cluster's `Authentication`.
    pub authentication: Option<Read<Authentication>>,
    /// The cluster's `Ingress`.
    pub ingress: Option<Read<Ingress>>,
    /// The cluster's `APIServer`.
    pub api_server: Option<Read<TlsSecurityProfile>>,
    /// Names of the Namespaces.
    pub namespaces: BTreeSet<String>,
}

/// What Platform says of a gateway that the input defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Whether Open Data Hub's gateway controller runs too.
    pub operator: Operator,
    /// A name of the Gateway's own, instead of its kind's.
    pub name: Option<String>,
    /// A class of the Gateway's own, instead of its kind's.
    pub class_name: Option<String>,
    /// The controller of that class.
    pub controller_name: String,
    /// What runs behind it.
    pub implementation: GatewayImplementation,
    /// Where its pods run, if elsewhere.
    pub pod_namespace: Option<String>,
    /// How traffic comes in.
    pub ingress_mode: Option<IngressMode>,
    /// Version of the Gateway API.
    pub gateway_api: (u32, u32),
    /// Version of the implementation.
    pub version: (u32, u32),
    /// The cluster's ingress domain.
    pub domain: Option<String>,
    /// How people log in.
    pub auth_mode: Option<AuthMode>,
    /// What happens without the OIDC configuration.
    pub on_missing_oidc: OnMissingOidc,
    /// How the API server reads groups, as far as Platform says it.
    pub oidc: OidcSpec,
    /// The audiences that Kubernetes tokens must be for.
    pub token_audiences: Vec<String>,
    /// Issuer of certificates.
    pub issuer: IssuerRef,
    /// The login service's image.
    pub login_image: String,
    /// Where secrets come from.
    pub secrets: login::Secrets,
}

/// What the input defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// How people log in.
    pub mode: AuthMode,
    /// Whether they can.
    pub state: State,
    /// The gateway.
    pub gateway: Option<Gateway>,
    /// The people.
    pub groups: Option<Groups>,
}

/// The groups of an Auth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The document.
    pub source: ObjectId,
    /// Those who administer the platform.
    pub admins: Vec<String>,
    /// Those who may log in, as they are written.
    pub allowed: Vec<String>,
    /// The namespaces that are among the documents: some of them call for more roles.
    pub namespaces: BTreeSet<String>,
}

/// Whether people can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// They can.
    Open,
    /// They cannot: these fields of the OIDC configuration are missing.
    AwaitingOidcConfiguration(Vec<&'static str>),
    /// They cannot: there is no login in this mode.
    AuthModeUnsupported,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The document that defines it.
    pub source: ObjectId,
    /// Its name.
    pub name: String,
    /// Its namespace; the login service's too.
    pub namespace: String,
    /// Its class.
    pub class: String,
    /// The controller of that class, where the class is ours to write.
    pub controller: Option<String>,
    /// Value of the label by which one of several Istios knows what is its own.
    pub revision: Option<&'static str>,
    /// What runs behind it.
    pub implementation: GatewayImplementation,
    /// Version of that.
    pub version: (u32, u32),
    /// Version of the Gateway API.
    pub gateway_api: (u32, u32),
    /// Whether Open Data Hub's gateway controller runs too.
    pub beside_operator: bool,
    /// What the cluster is.
    pub flavor: Flavor,
    /// How traffic comes in.
    pub ingress: IngressMode,
    /// Its host.
    pub host: String,
    /// The host that it had in earlier releases, from which people are sent on.
    pub legacy_host: Option<String>,
    /// Its certificate.
    pub certificate: Certificate,
    /// The namespaces whose routes may attach.
    pub namespaces: Vec<String>,
    /// Its pods.
    pub pods: Pods,
    /// Whether NetworkPolicies are written into its namespace.
    pub network_policies: bool,
    /// How long the router waits for an answer.
    pub server_timeout: Option<String>,
    /// The OAuth client of OpenShift mode.
    pub oauth_client: String,
    /// The filter, or the policies, by which the gateway asks the login service.
    pub filter: String,
    /// The login service.
    pub login: Login,
}

// === impl Access ===

impl Access {
    /// The documents that objects are made for.
    pub fn sources(&self) -> impl Iterator<Item = &ObjectId> {
        let gateway = self.gateway.iter().map(|gateway| &gateway.source);
        gateway.chain(self.groups.iter().map(|groups| &groups.source))
    }

    /// Whether a document is one of them.
    pub fn is_of(&self, source: &ObjectId) -> bool {
        self.sources().any(|own| own == source)
    }
}

// === impl State ===

impl State {
    /// The word for it in an AccessGraph.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::AwaitingOidcConfiguration(_) => "AwaitingOIDCConfiguration",
            Self::AuthModeUnsupported => "AuthModeUnsupported",
        }
    }
}

// === impl Gateway ===

impl Gateway {
    /// The Service that Istio's controller makes for it (`<gateway>-<class>`).
    pub fn service(&self) -> String {
        format!("{}-{}", self.name, self.class)
    }

    /// The object with its own settings for the controller.
    pub fn parameters(&self) -> String {
        format!("{}-config", self.name)
    }

    /// The minor version of Envoy 1 within: Istio's releases are eight behind Envoy's (login-chain's table), Envoy Gateway's
    /// thirty (its `api/v1alpha1/shared_types.go`, `DefaultEnvoyProxyImage`: 1.5 has 1.35, 1.9 has 1.39).
    pub fn envoy(&self) -> u32 {
        let behind = match self.implementation {
            GatewayImplementation::Istio => 8,
            GatewayImplementation::EnvoyGateway => 30,
        };
        self.version.1 + behind
    }
}

/// What the documents mean, all together. `None` where there is none of them, and where errors leave no meaning.
///
/// # Errors
/// Everything that is missing, wrong or contradicted, each about its document.
pub fn resolve(documents: &Documents, platform: &Platform, findings: &mut Vec<Finding>) -> Option<Access> {
    let defining = documents
        .gateway
        .as_ref()
        .map(|read| &read.id)
        .or(documents.auth.as_ref().map(|read| &read.id))?;
    let facts = &platform.facts;
    let auth = documents.auth.as_ref();
    let known = auth_mode::Known {
        platform: facts.auth_mode,
        provider: auth.and_then(|read| read.spec.provider),
        copy: documents.authentication.as_ref().map(|read| &*read.spec.kind),
    };
    let mode = match auth_mode::resolve(known, platform.flavor) {
        Ok(mode) => Some(mode),
        Err(problem) => {
            let about = match problem.place {
                Place::Provider => auth.map_or(defining, |read| &read.id),
                Place::Copy => documents
                    .authentication
                    .as_ref()
                    .map_or(defining, |read| &read.id),
                Place::Platform | Place::Nowhere => &platform.id(),
            };
            findings.push(problem.finding().about(about));
            None
        }
    };
    let claims = claims::resolve(mode, documents.authentication.as_ref(), platform, findings);
    let groups = auth.map(|read| Groups {
        namespaces: documents.namespaces.clone(),
        ..groups::check(read, &claims, findings)
    });
    if let Some(read) = auth
        && documents.gateway.is_none()
        && (read.spec.oidc.is_some() || read.spec.provider.is_some())
    {
        let message = "no Gateway or GatewayConfig is in the input, so no login service is written: only the roles of these groups";
        findings.push(Finding::warning(message).about(&read.id).at("spec"));
    }
    if let Some(read) = auth.filter(|read| !read.is_local)
        && (read.spec.oidc.is_some() || read.spec.provider.is_some())
    {
        let message = "goes to the cluster with fields that Open Data Hub's own CRD does not have: keep it from the cluster with the \
                       annotation config.kubernetes.io/local-config: \"true\", or say them in the Platform and a GatewayConfig";
        findings.push(Finding::warning(message).about(&read.id).at("spec"));
    }
    let before = findings.len();
    let gateway = documents.gateway.as_ref().and_then(|read| {
        resolve_gateway(
            read,
            documents,
            platform,
            mode,
            &claims,
            groups.as_ref(),
            findings,
        )
    });
    let mode = mode?;
    let state = match (&gateway, mode) {
        (_, AuthMode::None) => State::AuthModeUnsupported,
        (Some(gateway), AuthMode::Oidc) if !gateway.login.missing.is_empty() => {
            State::AwaitingOidcConfiguration(gateway.login.missing.clone())
        }
        (None, AuthMode::Oidc) => match auth.map(|read| (read, login::missing_of_auth(&read.spec))) {
            Some((read, missing)) if !missing.is_empty() => {
                let finding = login::incomplete(platform, &missing, read.spec.oidc.is_some());
                findings.push(finding.about(&read.id).at(missing[0]));
                State::AwaitingOidcConfiguration(missing)
            }
            _ => State::Open,
        },
        _ => State::Open,
    };
    if documents.gateway.is_some() && gateway.is_none() || results::has_errors(&findings[before..]) {
        return None;
    }
    Some(Access {
        mode,
        state,
        gateway,
        groups,
    })
}

fn resolve_gateway(
    read: &Read<Spec>,
    documents: &Documents,
    platform: &Platform,
    mode: Option<AuthMode>,
    claims: &Claims,
    groups: Option<&Groups>,
    findings: &mut Vec<Finding>,
) -> Option<Gateway> {
    let facts = &platform.facts;
    let mut own = Vec::new();
    let beside_operator = facts.operator == Operator::OpenDataHub;
    check_document(read, facts, &mut own);
    checks::version(platform, &mut own);
    let names = Names::new(read, facts, &mut own);
    let namespace = platform.gateway.namespace.clone();
    let ingress = ingress(read, platform, &mut own);
    let host = resolve_host(read, documents, &names, platform, &mut own);
    let login = login::resolve(
        &login::Around {
            read,
            documents,
            platform,
            mode,
            claims,
            groups,
            host: host.as_ref().map_or("", |host| &host.name),
        },
        &mut own,
    );
    let (Some(ingress), Some(host)) = (ingress, host) else {
        findings.extend(own.into_iter().map(|finding| about(finding, &read.id)));
        return None;
    };
    let certificate = certificate::resolve(
        &certificate::Known {
            given: certificate_of(&read.spec),
            mode: ingress,
            flavor: platform.flavor,
            gateway: &names.gateway,
            namespace: &namespace,
            secret: &format!("{}-tls", read.id.name),
            issuer: &facts.issuer,
        },
        &mut own,
    );
    let legacy_host = legacy_host(read, &host, ingress, platform);
    covered(&certificate, &host, legacy_host.as_ref(), &mut own);
    service_name(&names, facts, &mut own);
    secrets_apart(&certificate, &login, &mut own);
    let mut namespaces = vec![namespace.clone()];
    let of_routes = [&platform.route_namespace, &platform.ray.route_namespace];
    for other in std::iter::once(&platform.applications_namespace).chain(of_routes) {
        if !namespaces.contains(other) {
            namespaces.push(other.clone());
        }
    }
    let config = config_of(&read.spec);
    let network_policies = network_policies(config, &mut own);
    let server_timeout = server_timeout(config, &mut own);
    findings.extend(own.into_iter().map(|finding| about(finding, &read.id)));
    let pods = gateway_pods(
        facts.implementation,
        &names.gateway,
        &namespace,
        facts.pod_namespace.as_deref(),
    );
    let openshift_istio = facts.implementation == GatewayImplementation::Istio
        && names.controller.as_deref() == Some(defaults::GATEWAY_CONTROLLER.openshift);
    Some(Gateway {
        source: read.id.clone(),
        revision: openshift_istio.then_some(ISTIO_REVISION),
        pods,
        namespace,
        controller: names.controller,
        implementation: facts.implementation,
        version: facts.version,
        gateway_api: facts.gateway_api,
        beside_operator,
        flavor: platform.flavor,
        ingress,
        host: host.name,
        legacy_host,
        certificate,
        namespaces,
        network_policies,
        server_timeout,
        oauth_client: names.oauth_client,
        filter: names.filter,
        login,
        name: names.gateway,
        class: names.class,
    })
}

/// How long the router waits, in its own words: it ignores what it cannot read.
fn server_timeout(config: Option<&GatewayConfigSpec>, findings: &mut Vec<Finding>) -> Option<String> {
    let given = config.and_then(|spec| spec.ocp_route.as_ref()?.server_timeout.as_ref());
    let none = Duration::seconds(0);
    let timeout = login::duration(given, "spec.ocpRoute.serverTimeout", none, findings);
    (!timeout.is_zero()).then(|| timeout.to_router())
}

/// A finding of a document's own fields; one that is about another document already stays so.
fn about(finding: Finding, id: &ObjectId) -> Finding {
    if finding.object.is_some() {
        finding
    } else {
        finding.about(id)
    }
}

/// The names by kind: the design document's, or Open Data Hub's.
struct Names {
    gateway: String,
    class: String,
    controller: Option<String>,
    filter: String,
    oauth_client: String,
}

// === impl Names ===

impl Names {
    fn new(read: &Read<Spec>, facts: &Facts, findings: &mut Vec<Finding>) -> Self {
        let (kind_gateway, given_class) = match &read.spec {
            Spec::Gateway(spec) => ("odh-gateway", spec.gateway_class_name.clone()),
            Spec::Config(_) => (LEGACY, None),
        };
        let given_class = given_class.filter(|class| !class.is_empty());
        if let Some(wrong) = given_class.as_ref().filter(|name| !is_dns_name(name)) {
            let finding =
                Finding::error("is no name of a GatewayClass: lower-case letters, digits, dashes and dots");
            findings.push(finding.at("spec.gatewayClassName").found(wrong.clone()));
        }
        let gateway = facts.name.clone().unwrap_or_else(|| kind_gateway.to_owned());
        let own_class = facts
            .class_name
            .clone()
            .unwrap_or_else(|| format!("{kind_gateway}-class"));
        let stem = if gateway == LEGACY {
            "data-science"
        } else {
            &gateway
        };
        Self {
            filter: format!("{stem}-authn-filter"),
            oauth_client: stem.to_owned(),
            controller: given_class.is_none().then(|| facts.controller_name.clone()),
            class: given_class.unwrap_or(own_class),
            gateway,
        }
    }
}

fn ingress(read: &Read<Spec>, platform: &Platform, findings: &mut Vec<Finding>) -> Option<IngressMode> {
    let facts = &platform.facts;
    let given = match &read.spec {
        Spec::Gateway(spec) => document::mode(spec.ingress_mode.as_ref()),
        Spec::Config(spec) => document::mode(spec.ingress_mode.as_ref()),
    };
    match ingress_mode::resolve(given, facts.ingress_mode, platform.flavor, facts.implementation) {
        Ok(mode) => Some(mode),
        Err(problem) => {
            let finding = Finding::error(problem.message())
                .found("OcpRoute")
                .propose("LoadBalancer");
            findings.push(match given {
                Some(_) => at(finding, "spec.ingressMode"),
                None => at(finding, "spec.gateway.ingressMode").about(&platform.id()),
            });
            None
        }
    }
}

/// The same finding at another field.
fn at(mut finding: Finding, path: &str) -> Finding {
    path.clone_into(&mut finding.field.get_or_insert_default().path);
    finding
}

fn resolve_host(
    read: &Read<Spec>,
    documents: &Documents,
    names: &Names,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) -> Option<host::Host> {
    let (hostname, subdomain, domain) = match &read.spec {
        Spec::Gateway(spec) => (
            spec.hostname.as_deref(),
            names.gateway.as_str(),
            spec.domain.as_deref(),
        ),
        Spec::Config(spec) => {
            let given = spec.subdomain.as_deref().filter(|label| !label.is_empty());
            if let Some(wrong) = given.filter(|label| !is_dns_label(label)) {
                let message = "must be the first label of the host: lower-case letters, digits and dashes, 63 characters at most";
                findings.push(Finding::error(message).at("spec.subdomain").found(wrong));
                return None;
            }
            (None, given.unwrap_or(SUBDOMAIN), spec.domain.as_deref())
        }
    };
    let known = host::Known {
        hostname,
        subdomain,
        domain,
        platform: platform.facts.domain.as_deref(),
        copy: documents.ingress.as_ref().map(|read| &read.spec),
    };
    match host::resolve(known) {
        Ok(host) => Some(host),
        Err(problem) => {
            let field = if hostname.is_some() {
                "spec.hostname"
            } else {
                "spec.domain"
            };
            let mut finding = Finding::error(problem.message()).at(field);
            if let Some(found) = hostname.or(domain) {
                finding = finding.found(found);
                let name = found.trim_start_matches("*.");
                if problem == host::Problem::Wildcard && is_dns_name(name) {
                    finding = finding.propose(name);
                }
            }
            findings.push(finding);
            None
        }
    }
}

/// The host of earlier releases. Beside the operator that one leads people on from there, where a Route can.
fn legacy_host(
    read: &Read<Spec>,
    host: &host::Host,
    ingress: IngressMode,
    platform: &Platform,
) -> Option<String> {
    let theirs = platform.facts.operator == Operator::OpenDataHub && ingress == IngressMode::OcpRoute;
    if config_of(&read.spec).is_none() || platform.flavor != Flavor::OpenShift || theirs {
        return None;
    }
    let legacy = format!("{LEGACY}.{}", host.domain.as_ref()?);
    (legacy != host.name).then_some(legacy)
}

fn certificate_of(spec: &Spec) -> Option<&document::CertificateSpec> {
    match spec {
        Spec::Gateway(spec) => spec.certificate.as_ref(),
        Spec::Config(spec) => spec.certificate.as_ref(),
    }
}

/// Open Data Hub's own settings.
pub(super) fn config_of(spec: &Spec) -> Option<&GatewayConfigSpec> {
    match spec {
        Spec::Gateway(_) => None,
        Spec::Config(spec) => Some(spec),
    }
}

/// The TLS profile of what we run.
pub(super) fn profile(documents: &Documents) -> TlsProfile {
    tls_profile::resolve(documents.api_server.as_ref().map(|read| &read.spec))
}
