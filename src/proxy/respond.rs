//! What a refusal looks like on the wire: the one table. Pure.
//!
//! Statuses and bodies are kube-rbac-proxy's where it has one (Go's `http.Error` and `net/http`'s own answers). gRPC requests get
//! the same: clients of gRPC read HTTP statuses (grpc `doc/http-grpc-status-mapping.md`).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response, StatusCode};

use super::attributes::Attributes;
use super::options::Compatibility;
use super::refusal::{Part, Refusal};

/// When to come again, in seconds: reviews that fail are tried again after half a second.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The answer to a request that is refused.
pub fn response(refusal: &Refusal, compatibility: Compatibility, method: &Method) -> Response<Bytes> {
    let is_stock = compatibility != Compatibility::None;
    match refusal {
        Refusal::Malformed(_) => bare(StatusCode::BAD_REQUEST, "400 Bad Request"),
        Refusal::TooLarge(Part::Target) => bare(StatusCode::URI_TOO_LONG, "414 URI Too Long"),
        Refusal::TooLarge(Part::Headers) => bare(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "431 Request Header Fields Too Large",
        ),
        Refusal::TooSlow => bare(StatusCode::REQUEST_TIMEOUT, "408 Request Timeout"),
        Refusal::NotServed | Refusal::NotAllowedPath => error(StatusCode::NOT_FOUND, "404 page not found\n"),
        Refusal::Expectation => empty(StatusCode::EXPECTATION_FAILED),
        Refusal::MovedTo(to) => moved(to, method),
        Refusal::Unauthenticated(_) => error(StatusCode::UNAUTHORIZED, "Unauthorized\n"),
        Refusal::AuthenticationUnavailable if is_stock => error(StatusCode::UNAUTHORIZED, "Unauthorized\n"),
        Refusal::MissingValue => error(
            StatusCode::BAD_REQUEST,
            "Bad Request. The request or configuration is malformed.\n",
        ),
        Refusal::MethodNotPermitted => error(
            StatusCode::FORBIDDEN,
            "HTTP method is not permitted for this endpoint\n",
        ),
        Refusal::Forbidden { user, attributes } => {
            let body = format!("Forbidden ({})\n", asked(user, attributes));
            error(StatusCode::FORBIDDEN, body)
        }
        Refusal::Unspeakable => error(StatusCode::FORBIDDEN, "Forbidden\n"),
        Refusal::AuthorizationUnavailable { user, attributes } => match compatibility {
            Compatibility::None => later(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable\n"),
            Compatibility::KubeRbacProxy => {
                let body = format!("Authorization error ({})\n", asked(user, attributes));
                error(StatusCode::INTERNAL_SERVER_ERROR, body)
            }
            Compatibility::OdhKubeRbacProxy => {
                error(StatusCode::INTERNAL_SERVER_ERROR, "error during authorization\n")
            }
        },
        Refusal::TooManyQuestions => later(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n"),
        Refusal::BadGateway(_) | Refusal::UpstreamTimeout => empty(StatusCode::BAD_GATEWAY),
        Refusal::AuthenticationUnavailable | Refusal::GoingAway => {
            later(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable\n")
        }
    }
}

/// Whether the connection ends with the answer (HTTP/1.1).
pub fn ends_connection(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Malformed(_)
            | Refusal::TooLarge(_)
            | Refusal::TooSlow
            | Refusal::Expectation
            | Refusal::GoingAway
    )
}

/// Why, in a word or a sentence that holds nothing of the request: for the log.
pub fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed(reason) | Refusal::Unauthenticated(reason) | Refusal::BadGateway(reason) => reason,
        Refusal::TooLarge(Part::Target) => "target too long",
        Refusal::TooLarge(Part::Headers) => "headers too large",
        Refusal::TooSlow => "too slow",
        Refusal::NotServed => "not served",
        Refusal::NotAllowedPath => "not one of --allow-paths",
        Refusal::Expectation => "unknown expectation",
        Refusal::MovedTo(_) => "moved to the clean path",
        Refusal::AuthenticationUnavailable => "authentication unavailable",
        Refusal::MissingValue => "a value that a rule needs is missing",
        Refusal::MethodNotPermitted => "method not permitted for this endpoint",
        Refusal::Forbidden { .. } => "forbidden",
        Refusal::Unspeakable => "a name that no header can hold",
        Refusal::AuthorizationUnavailable { .. } => "authorization unavailable",
        Refusal::TooManyQuestions => "too many questions",
        Refusal::UpstreamTimeout => "the upstream did not answer in time",
        Refusal::GoingAway => "going away",
    }
}

/// Go's text for it: the object's name and namespace are not in it.
fn asked(user: &str, attributes: &Attributes) -> String {
    let (resource, subresource) = match attributes {
        Attributes::Resource(resource) => (resource.resource.as_str(), resource.subresource.as_str()),
        Attributes::NonResource { .. } => ("", ""),
    };
    let verb = attributes.verb();
    format!("user={user}, verb={verb}, resource={resource}, subresource={subresource}")
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn bare(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    response
}

/// As Go's `http.Error`.
fn error(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    with(bare(status, body), X_CONTENT_TYPE_OPTIONS, NOSNIFF)
}

fn later(status: StatusCode, body: &'static str) -> Response<Bytes> {
    with(error(status, body), RETRY_AFTER, RETRY_SECONDS)
}

fn with(mut response: Response<Bytes>, name: HeaderName, value: HeaderValue) -> Response<Bytes> {
    response.headers_mut().insert(name, value);
    response
}

/// As Go's `http.Redirect`.
fn moved(to: &str, method: &Method) -> Response<Bytes> {
    let Ok(location) = HeaderValue::from_bytes(to.as_bytes()) else {
        return bare(StatusCode::BAD_REQUEST, "400 Bad Request");
    };
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    if method == Method::GET || method == Method::HEAD {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response = with(response, CONTENT_TYPE, html);
    }
    if method == Method::GET {
        let text = format!("<a href=\"{}\">Temporary Redirect</a>.\n\n", escaped(to));
        *response.body_mut() = text.into();
    }
    with(response, LOCATION, location)
}

/// As Go's `html.EscapeString`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&#39;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
