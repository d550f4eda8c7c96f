//! What a request is about: the questions that the configuration file makes of it. Pure.
//!
//! In this order:
//!
//! 1. [`endpoints`]: the first whose path matches decides alone (Open Data Hub's fork; kube-rbac-proxy itself refuses here what
//!    it would read over). Where there are endpoints and none matches, `resourceAttributes` are asked about, as the fork does;
//!    without them nothing is, and the request is refused. The fork asks about the path then, and so do we in its mode alone.
//! 2. `resourceAttributes`, filled with each value that `rewrites` find: all questions must be answered with yes.
//! 3. Without `resourceAttributes`, the request's path as one of the API server's own.
//!
//! A question that a static rule answers ([`statics`]) is not asked.

use http::HeaderMap;

use crate::config::kube_rbac_proxy::{Authorization, ConfigFile, ResourceAttributes, StaticRule};

use super::attributes::{Attributes, Resource};
use super::options::Compatibility;
use super::refusal::Refusal;
use super::target::Target;
use super::template::{Template, Values, Variable};
use super::user::User;

use endpoints::Fit;
use sources::Sources;

pub mod endpoints;
pub mod file;
pub mod sources;
pub mod statics;
pub mod verbs;

/// The most values of one request that are asked about. Each may cost a question to the API server; whoever has more to ask sends
/// more requests.
pub const MAX_VALUES: usize = 100;

/// Who may GET `/metrics` without being asked about, by Open Data Hub's fork (`pkg/hardcodedauthorizer/metrics.go`).
const PROMETHEUS: &str = "system:serviceaccount:openshift-monitoring:prometheus-k8s";

/// Something wrong in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {text}")]
pub struct Fault {
    /// Where, as `authorization.endpoints[0].path`.
    pub field: String,
    /// What stands there, and the fix.
    pub text: String,
}

/// What requests are about.
#[derive(Debug, Clone)]
pub struct Rules {
    endpoints: Vec<endpoints::Rule>,
    ordinary: Ordinary,
    statics: Vec<StaticRule>,
    compatibility: Compatibility,
    warnings: Vec<String>,
}

/// What a request is about that no endpoint is for.
#[derive(Debug, Clone)]
enum Ordinary {
    /// Its path.
    Path,
    /// A resource.
    Resource(Box<Described>),
    /// Nothing that may be asked about.
    Nothing,
}

#[derive(Debug, Clone)]
struct Described {
    /// None: what is described holds for every request.
    sources: Option<Sources>,
    filled: Filled,
    verb: Option<String>,
}

/// Attributes as templates.
#[derive(Debug, Clone)]
struct Filled {
    namespace: Template,
    group: Template,
    version: Template,
    resource: Template,
    subresource: Template,
    name: Template,
}

// === impl Fault ===

impl Fault {
    /// A fault at a field.
    pub fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            text: text.into(),
        }
    }
}

// === impl Rules ===

impl Rules {
    /// The rules of a file; without one, requests are about their paths.
    ///
    /// # Errors
    /// All faults, each with its field.
    pub fn new(file: Option<&ConfigFile>, compatibility: Compatibility) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let nothing = Authorization::default();
        let authorization = file.map_or(&nothing, |file| &file.authorization);
        let rules = Self::read(authorization, compatibility, &mut faults);
        if faults.is_empty() {
            Ok(rules)
        } else {
            Err(faults.iter().map(ToString::to_string).collect())
        }
    }

    fn read(authorization: &Authorization, compatibility: Compatibility, faults: &mut Vec<Fault>) -> Self {
        let described = authorization.resource_attributes.as_ref();
        if compatibility == Compatibility::KubeRbacProxy && !authorization.endpoints.is_empty() {
            let fix = "kube-rbac-proxy reads over endpoints and would ask about something else; leave them out, or choose Open Data \
                       Hub's --compatibility, or none";
            faults.push(Fault::new("authorization.endpoints", fix));
        }
        let endpoints = authorization
            .endpoints
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                endpoints::Rule::new(endpoint, &format!("authorization.endpoints[{index}]"), faults)
            })
            .collect::<Vec<_>>();
        statics::check(&authorization.static_rules, compatibility, faults);
        let rewrites = authorization.rewrites.as_ref();
        let sources = rewrites.map(|rewrites| Sources::new(rewrites, "authorization.rewrites", faults));
        let ordinary = match described {
            Some(attributes) => Ordinary::Resource(Box::new(Described::new(
                attributes,
                sources,
                compatibility,
                faults,
            ))),
            None if endpoints.is_empty() || compatibility == Compatibility::OdhKubeRbacProxy => {
                Ordinary::Path
            }
            None => Ordinary::Nothing,
        };
        let mut rules = Self {
            endpoints,
            ordinary,
            statics: authorization.static_rules.clone(),
            compatibility,
            warnings: Vec::new(),
        };
        rules.warn(authorization);
        rules
    }

    fn warn(&mut self, authorization: &Authorization) {
        let mut warnings = Vec::new();
        if matches!(self.ordinary, Ordinary::Path) {
            warnings.push(
                "authorization.resourceAttributes: there are none, so requests are asked about as paths of the API server's own, and \
                 the cluster's role system:discovery lets everybody who is known GET /api, /api/*, /apis, /apis/*, /healthz, /livez, \
                 /openapi, /openapi/*, /readyz, /version and /version/; name a resource that callers must have a right on"
                    .to_owned(),
            );
            if authorization.rewrites.is_some() {
                warnings.push(
                    "authorization.rewrites: they fill resourceAttributes, and there are none; they do nothing"
                        .to_owned(),
                );
            }
        }
        if let Ordinary::Resource(described) = &self.ordinary {
            if described.sources.as_ref().is_some_and(Sources::is_empty) {
                warnings.push(
                    "authorization.rewrites: names no byQueryParameter and no byHttpHeader; every request is answered with 400"
                        .to_owned(),
                );
            }
            let verb = authorization
                .resource_attributes
                .as_ref()
                .and_then(|attributes| attributes.verb.as_deref());
            if let (Some(verb), Compatibility::KubeRbacProxy) = (verb, self.compatibility) {
                warnings.push(format!(
                    "authorization.resourceAttributes.verb: kube-rbac-proxy does not look at it; what is asked for is the verb of the \
                     method, not {verb:?}"
                ));
            }
        }
        for (index, rule) in self.endpoints.iter().enumerate() {
            for (mapping, method) in rule.without_verb() {
                warnings.push(format!(
                    "authorization.endpoints[{index}].mappings[{mapping}].methods: {method:?} stands for no verb; write \
                     resourceAttributes.verb beside it, or its requests are refused"
                ));
            }
        }
        warnings.extend(statics::warnings(&self.statics));
        self.warnings = warnings;
    }

    /// What must be allowed for a request to pass; at least one question.
    ///
    /// # Errors
    /// A value that is missing or written in two ways, a method that an endpoint does not list, a request that no rule is for.
    pub fn questions(
        &self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
        user: &User,
    ) -> Result<Vec<Attributes>, Refusal> {
        if let Some(questions) = self.of_endpoint(method, target, headers, user) {
            return questions;
        }
        match &self.ordinary {
            Ordinary::Path => Ok(vec![of_path(method, target)]),
            Ordinary::Resource(described) => described.questions(method, target, headers),
            Ordinary::Nothing => Err(forbidden(user, of_path(method, target))),
        }
    }

    fn of_endpoint(
        &self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
        user: &User,
    ) -> Option<Result<Vec<Attributes>, Refusal>> {
        let fits = || self.endpoints.iter().map(|rule| (rule, rule.fit(target.path())));
        if let Some((rule, _)) = fits().find(|(_, fit)| *fit == Fit::Same) {
            let questions = rule.questions(method, target, headers).and_then(|questions| {
                match questions.iter().find(|question| question.verb().is_empty()) {
                    // The fork asks, and a role with `*` grants it.
                    Some(question) if self.compatibility != Compatibility::OdhKubeRbacProxy => {
                        Err(forbidden(user, question.clone()))
                    }
                    _ => Ok(questions),
                }
            });
            return Some(questions);
        }
        fits()
            .any(|(_, fit)| fit == Fit::ButForSlash)
            .then(|| Err(forbidden(user, of_path(method, target))))
    }

    /// Whether a static rule allows it without a question, or, as in the fork, OpenShift's Prometheus reads `/metrics`.
    pub fn grants(&self, user: &User, attributes: &Attributes) -> bool {
        let is_scrape = || {
            let metrics = Attributes::NonResource {
                path: "/metrics".to_owned(),
                verb: "get".to_owned(),
            };
            user.name == PROMETHEUS && *attributes == metrics
        };
        statics::grant(&self.statics, user, attributes)
            || (self.compatibility == Compatibility::OdhKubeRbacProxy && is_scrape())
    }

    /// The field whose rule is for requests of this path; none where they are about themselves.
    pub fn field(&self, target: &Target) -> Option<String> {
        let fits = |wanted: Fit| {
            self.endpoints
                .iter()
                .position(|rule| rule.fit(target.path()) == wanted)
                .map(|index| format!("authorization.endpoints[{index}]"))
        };
        let ordinary = match self.ordinary {
            Ordinary::Resource(_) => Some("authorization.resourceAttributes".to_owned()),
            Ordinary::Path | Ordinary::Nothing => None,
        };
        fits(Fit::Same).or_else(|| fits(Fit::ButForSlash)).or(ordinary)
    }

    /// What grants it without a question, as [`Self::grants`] has it: a field of the file, or the name of who may.
    pub fn granted_by(&self, user: &User, attributes: &Attributes) -> Option<String> {
        let is_granted = |rule: &StaticRule| statics::grant(std::slice::from_ref(rule), user, attributes);
        match self.statics.iter().position(is_granted) {
            Some(index) => Some(format!("authorization.static[{index}]")),
            None => self.grants(user, attributes).then(|| PROMETHEUS.to_owned()),
        }
    }

    /// Whether paths are compared by their segments.
    pub fn compares_paths(&self) -> bool {
        !self.endpoints.is_empty()
    }

    /// What is worth knowing at start.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}

// === impl Described ===

impl Described {
    fn new(
        attributes: &ResourceAttributes,
        sources: Option<Sources>,
        compatibility: Compatibility,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let field = "authorization.resourceAttributes";
        // `rewrites: {}` refuses every request, whatever stands in the templates.
        let known: &[Variable] = if sources.is_some() {
            &[Variable::Value]
        } else {
            &[]
        };
        let filled = Filled::new(attributes, known, field, faults);
        let verb = attributes.verb.as_deref().filter(|verb| !verb.is_empty());
        if verb.is_some_and(|verb| verb.contains("{{")) && compatibility != Compatibility::KubeRbacProxy {
            faults.push(Fault::new(
                format!("{field}.verb"),
                "is no template here; write a verb",
            ));
        }
        Self {
            sources,
            filled,
            verb: verb
                .filter(|_| compatibility != Compatibility::KubeRbacProxy)
                .map(str::to_owned),
        }
    }

    fn questions(
        &self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Vec<Attributes>, Refusal> {
        let verb = self.verb.as_deref().unwrap_or_else(|| verbs::of_method(method));
        let about = |value: &str| {
            let values = Values {
                query: value,
                ..Values::default()
            };
            Attributes::Resource(Resource {
                verb: verb.to_owned(),
                ..self.filled.with(values)
            })
        };
        let Some(sources) = &self.sources else {
            return Ok(vec![about("")]);
        };
        let found = sources.find(target, headers)?;
        let count = found.query.len() + found.header.len();
        if count == 0 {
            return Err(Refusal::MissingValue);
        }
        if count > MAX_VALUES {
            return Err(Refusal::Malformed(
                "more values than are asked about for one request",
            ));
        }
        let in_query = found.query.iter().map(String::as_str);
        Ok(in_query.chain(found.header).map(about).collect())
    }
}

// === impl Filled ===

impl Filled {
    fn new(
        attributes: &ResourceAttributes,
        known: &[Variable],
        field: &str,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut of = |text: &str, key: &str| template(text, known, &format!("{field}.{key}"), faults);
        Self {
            namespace: of(&attributes.namespace, "namespace"),
            group: of(&attributes.api_group, "apiGroup"),
            version: of(&attributes.api_version, "apiVersion"),
            resource: of(&attributes.resource, "resource"),
            subresource: of(
                attributes.subresource.as_deref().unwrap_or_default(),
                "subresource",
            ),
            name: of(&attributes.name, "name"),
        }
    }

    fn with(&self, values: Values<'_>) -> Resource {
        Resource {
            namespace: self.namespace.fill(values),
            verb: String::new(),
            group: self.group.fill(values),
            version: self.version.fill(values),
            resource: self.resource.fill(values),
            subresource: self.subresource.fill(values),
            name: self.name.fill(values),
        }
    }
}

/// A template; where it is malformed, an empty one and a fault.
fn template(text: &str, known: &[Variable], field: &str, faults: &mut Vec<Fault>) -> Template {
    Template::new(text, known).unwrap_or_else(|wrong| {
        faults.push(Fault::new(field, wrong));
        Template::default()
    })
}

fn of_path(method: &str, target: &Target) -> Attributes {
    Attributes::NonResource {
        path: target.path().to_owned(),
        verb: verbs::of_method(method).to_owned(),
    }
}

fn forbidden(user: &User, attributes: Attributes) -> Refusal {
    Refusal::Forbidden {
        user: user.name.clone(),
        attributes,
    }
}

#[cfg(test)]
mod tests;
