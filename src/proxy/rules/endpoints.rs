//! Endpoints: what requests to single paths are about. The first whose path matches decides alone.
//!
//! Paths are compared with the path that is forwarded, segment by segment; nothing is cleaned first. So that `/x/` does not pass by
//! a rule for `/x` to whatever is asked of the rest, a path that is an endpoint's but for a slash at its end is refused.

use http::HeaderMap;

use crate::config::kube_rbac_proxy::{Endpoint, EndpointResource, Mapping};
use crate::proxy::attributes::{Attributes, Resource};
use crate::proxy::refusal::Refusal;
use crate::proxy::target::Target;
use crate::proxy::template::{Template, Values, Variable};

use super::sources::Sources;
use super::{Fault, Filled, verbs};

/// An endpoint that is written correctly.
#[derive(Debug, Clone)]
pub struct Rule {
    segments: Vec<String>,
    mappings: Vec<Methods>,
}

#[derive(Debug, Clone)]
struct Methods {
    methods: Vec<String>,
    resources: Vec<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    sources: Sources,
    filled: Filled,
    verb: Template,
}

/// How a path stands to an endpoint's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is another.
    Other,
    /// It is the endpoint's but for a slash at its end.
    ButForSlash,
    /// It is the endpoint's.
    Same,
}

// === impl Rule ===

impl Rule {
    /// Reads an endpoint; `field` is where the file has it.
    pub fn new(endpoint: &Endpoint, field: &str, faults: &mut Vec<Fault>) -> Self {
        if endpoint.path.trim().is_empty() {
            faults.push(Fault::new(
                format!("{field}.path"),
                "is empty; write the path that requests have",
            ));
        } else if Target::parse(&endpoint.path, true).is_err() || endpoint.path.contains(['%', '?']) {
            let fix = format!(
                "{:?} is no path that a request can have; write it decoded, from its first slash, without query, empty or dot \
                 segments",
                endpoint.path
            );
            faults.push(Fault::new(format!("{field}.path"), fix));
        }
        if endpoint.mappings.is_empty() {
            let fix = "is empty; say which methods ask about what";
            faults.push(Fault::new(format!("{field}.mappings"), fix));
        }
        Self {
            segments: endpoint.path.split('/').map(str::to_owned).collect(),
            mappings: endpoint
                .mappings
                .iter()
                .enumerate()
                .map(|(index, mapping)| Methods::new(mapping, &format!("{field}.mappings[{index}]"), faults))
                .collect(),
        }
    }

    /// How a decoded path stands to the endpoint's. `*` is exactly one segment, and not an empty one.
    pub fn fit(&self, path: &str) -> Fit {
        if self.is_same(path) {
            return Fit::Same;
        }
        let twin = path
            .strip_suffix('/')
            .map_or_else(|| format!("{path}/"), str::to_owned);
        if self.is_same(&twin) {
            Fit::ButForSlash
        } else {
            Fit::Other
        }
    }

    fn is_same(&self, path: &str) -> bool {
        let mut written = path.split('/');
        let fits = |segment: &String| {
            written
                .next()
                .is_some_and(|written| segment == written || (segment == "*" && !written.is_empty()))
        };
        self.segments.iter().all(fits) && written.next().is_none()
    }

    /// What the endpoint asks about a request; the verb is empty where the method has none and none is written.
    ///
    /// # Errors
    /// [`Refusal::MethodNotPermitted`], or a value that is missing or there more than once.
    pub fn questions(
        &self,
        method: &str,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Vec<Attributes>, Refusal> {
        let is_listed = |mapping: &&Methods| {
            mapping
                .methods
                .iter()
                .any(|listed| listed.eq_ignore_ascii_case(method))
        };
        let mapping = self
            .mappings
            .iter()
            .find(is_listed)
            .ok_or(Refusal::MethodNotPermitted)?;
        mapping
            .resources
            .iter()
            .map(|asked| asked.question(method, target, headers))
            .collect()
    }

    /// The methods whose requests ask for no verb, with where the file has them.
    pub fn without_verb(&self) -> impl Iterator<Item = (usize, &str)> {
        self.mappings.iter().enumerate().flat_map(|(index, mapping)| {
            let has_no_verb = mapping.resources.iter().any(|asked| asked.verb.is_empty());
            mapping
                .methods
                .iter()
                .filter(move |method| {
                    has_no_verb && verbs::of_endpoint(&method.to_ascii_uppercase()).is_none()
                })
                .map(move |method| (index, method.as_str()))
        })
    }
}

// === impl Methods ===

impl Methods {
    fn new(mapping: &Mapping, field: &str, faults: &mut Vec<Fault>) -> Self {
        if mapping.methods.is_empty() {
            let fix = "is empty; list the methods that may be used";
            faults.push(Fault::new(format!("{field}.methods"), fix));
        }
        for (index, method) in mapping.methods.iter().enumerate() {
            if http::Method::from_bytes(method.as_bytes()).is_err() {
                let fix = format!("{method:?} is no method");
                faults.push(Fault::new(format!("{field}.methods[{index}]"), fix));
            }
        }
        if mapping.resources.is_empty() {
            let fix = "is empty; say what must be allowed";
            faults.push(Fault::new(format!("{field}.resources"), fix));
        }
        Self {
            methods: mapping.methods.clone(),
            resources: mapping
                .resources
                .iter()
                .enumerate()
                .map(|(index, resource)| Asked::new(resource, &format!("{field}.resources[{index}]"), faults))
                .collect(),
        }
    }
}

// === impl Asked ===

impl Asked {
    fn new(resource: &EndpointResource, field: &str, faults: &mut Vec<Fault>) -> Self {
        let sources = resource
            .rewrites
            .as_ref()
            .map(|rewrites| Sources::new(rewrites, &format!("{field}.rewrites"), faults))
            .unwrap_or_default();
        let mut known = sources.variables();
        known.push(Variable::FromMethod);
        let attributes = &resource.resource_attributes;
        let field = format!("{field}.resourceAttributes");
        let verb = attributes.verb.as_deref().unwrap_or_default();
        Self {
            verb: super::template(verb, &known, &format!("{field}.verb"), faults),
            filled: Filled::new(attributes, &known, &field, faults),
            sources,
        }
    }

    fn question(&self, method: &str, target: &Target, headers: &HeaderMap) -> Result<Attributes, Refusal> {
        let found = self.sources.find(target, headers)?;
        // One of several would be asked about and all be forwarded.
        if found.query.len() > 1 || found.header.len() > 1 {
            return Err(Refusal::Malformed(
                "a value that an endpoint's rule needs is there more than once",
            ));
        }
        let header = found.header.first().copied().unwrap_or_default();
        if (self.sources.has_header() && header.is_empty())
            || (self.sources.has_query() && found.query.is_empty())
        {
            return Err(Refusal::MissingValue);
        }
        let of_method = verbs::of_endpoint(method).unwrap_or_default();
        let values = Values {
            header,
            query: found.query.first().map(String::as_str).unwrap_or_default(),
            method: of_method,
        };
        let verb = match self.verb.fill(values) {
            verb if verb.is_empty() => of_method.to_owned(),
            verb => verb,
        };
        Ok(Attributes::Resource(Resource {
            verb,
            ..self.filled.with(values)
        }))
    }
}
