//! Where the values of templates come from: a parameter of the query, a header.

use http::{HeaderMap, HeaderName};

use crate::config::kube_rbac_proxy::Rewrites;
use crate::proxy::refusal::Refusal;
use crate::proxy::target::{Target, unescape};
use crate::proxy::template::Variable;

use super::Fault;

/// Where values come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    query: Option<String>,
    header: Option<HeaderName>,
}

/// The values of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    /// Of the query's parameter, in order.
    pub query: Vec<String>,
    /// Of the header's lines, in order.
    pub header: Vec<&'a str>,
}

// === impl Sources ===

impl Sources {
    /// From the file; `field` is where that says so.
    pub fn new(rewrites: &Rewrites, field: &str, faults: &mut Vec<Fault>) -> Self {
        let mut sources = Self::default();
        if let Some(parameter) = &rewrites.by_query_parameter {
            if parameter.name.trim().is_empty() {
                let fix = "is empty; name a parameter of the query, or leave byQueryParameter out";
                faults.push(Fault::new(format!("{field}.byQueryParameter.name"), fix));
            }
            sources.query = Some(parameter.name.clone());
        }
        if let Some(header) = &rewrites.by_http_header {
            match HeaderName::from_bytes(header.name.as_bytes()) {
                Ok(name) => sources.header = Some(name),
                Err(_) => faults.push(Fault::new(
                    format!("{field}.byHttpHeader.name"),
                    format!(
                        "{:?} is no header's name; name one, or leave byHttpHeader out",
                        header.name
                    ),
                )),
            }
        }
        sources
    }

    /// Which values templates of an endpoint may name; of the whole file, `.Value` alone.
    pub fn variables(&self) -> Vec<Variable> {
        let mut known = Vec::new();
        if self.query.is_some() || self.header.is_some() {
            known.push(Variable::Value);
        }
        if self.header.is_some() {
            known.push(Variable::FromHeader);
        }
        if self.query.is_some() {
            known.push(Variable::FromQueryString);
        }
        known
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.query.is_none() && self.header.is_none()
    }

    /// Whether values come from a header.
    pub fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Whether values come from the query.
    pub fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// The values of a request.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for a value that is no UTF-8, [`Refusal::MissingValue`] where the upstream could read another value
    /// out of what is not read here.
    pub fn find<'a>(&self, target: &Target, headers: &'a HeaderMap) -> Result<Found<'a>, Refusal> {
        let mut found = Found::default();
        if let (Some(name), Some(query)) = (&self.query, target.query()) {
            found.query = query_values(query, name)?;
        }
        if let Some(name) = &self.header {
            let is_twin = |other: &HeaderName| {
                other != name && other.as_str().replace('_', "-") == name.as_str().replace('_', "-")
            };
            // Upstreams of the CGI family take `X_Tenant` for `X-Tenant`.
            if headers.keys().any(is_twin) {
                return Err(Refusal::MissingValue);
            }
            for value in headers.get_all(name) {
                let value = std::str::from_utf8(value.as_bytes())
                    .map_err(|_| Refusal::Malformed("a header that rules need is no UTF-8"))?;
                found.header.push(value.trim_matches([' ', '\t']));
            }
        }
        Ok(found)
    }
}

/// The values of a parameter, as Go's `url.ParseQuery` reads them: pairs end at `&`; one with a `;` or a bad escape counts for
/// nothing. Where such a pair names the parameter the request is refused: another reader would take its value.
fn query_values(query: &str, name: &str) -> Result<Vec<String>, Refusal> {
    let mut values = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if pair.contains(';') {
            if pair.split(';').any(|part| names(part, name)) {
                return Err(Refusal::MissingValue);
            }
            continue;
        }
        match (form_decoded(key), form_decoded(value)) {
            (Some(key), Some(value)) if key == name.as_bytes() => {
                let value = String::from_utf8(value)
                    .map_err(|_| Refusal::Malformed("a parameter that rules need is no UTF-8"))?;
                values.push(value);
            }
            (Some(key), None) if key == name.as_bytes() => return Err(Refusal::MissingValue),
            _ => {}
        }
    }
    Ok(values)
}

fn names(part: &str, name: &str) -> bool {
    let key = part.split_once('=').map_or(part, |(key, _)| key);
    form_decoded(key).is_some_and(|key| key == name.as_bytes())
}

/// Escapes decoded, `+` read as a blank.
fn form_decoded(text: &str) -> Option<Vec<u8>> {
    unescape(&text.replace('+', " "))
}
