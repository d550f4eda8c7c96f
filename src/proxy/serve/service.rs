//! One request: decided, forwarded, answered, counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderValue, SEC_WEBSOCKET_PROTOCOL,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, timeout};

use super::{App, Place};
use crate::proxy::audit::Line;
use crate::proxy::connection::Shared;
use crate::proxy::credential::Shown;
use crate::proxy::drain::Watch;
use crate::proxy::forward::{Body, Outgoing, upgrade};
use crate::proxy::framing::Facts;
use crate::proxy::gate::{Asked, Verdict};
use crate::proxy::headers::{self, Names};
use crate::proxy::metrics::Event;
use crate::proxy::refusal::Refusal;
use crate::proxy::respond;
use crate::proxy::target::Target;
use crate::proxy::user::User;

/// How much of a body is read and dropped so that the connection of a refused request can stay (Go's `net/http`), and how long.
const DROPPED_BYTES: u64 = 256 * 1024;
const DROPPED_WITHIN: Duration = Duration::from_secs(1);

/// Who sends the requests of a connection.
pub(super) struct Client {
    pub(super) app: Arc<App>,
    pub(super) names: Arc<Names>,
    pub(super) drain: Watch,
    pub(super) peer: IpAddr,
    /// The same, as a header's value.
    pub(super) address: HeaderValue,
    pub(super) certificates: Option<Arc<[rustls::pki_types::CertificateDer<'static>]>>,
    pub(super) shared: Arc<Shared>,
    pub(super) is_http2: bool,
    pub(super) _place: Place,
}

/// What the log says of a request beside its answer.
struct Told {
    user: Option<Arc<User>>,
    decision: &'static str,
}

/// A request that is answered by us.
struct Refused {
    refusal: Refusal,
    /// Whether a part of its body was not read, so that nothing can follow it.
    is_unread: bool,
}

/// The wish for another protocol.
struct Wish {
    client: OnUpgrade,
    protocols: Vec<HeaderValue>,
}

/// Answers a request.
pub(super) async fn answer(client: Arc<Client>, request: Request<Incoming>) -> Response<Body> {
    let started = Instant::now();
    let app = &client.app;
    let answering = client.shared.answering(&app.metrics);
    let mut told = Told {
        user: None,
        decision: "allowed",
    };
    let method = request.method().clone();
    let facts = client.facts(&request);
    let (target, asks_upgrade) = (facts.target.clone(), facts.asks_upgrade);
    // Of a head that was not read on nothing is claimed.
    let is_read = facts.refusal.is_none();
    let mut ends = false;
    let (mut response, refusal) = match serve(&client, request, facts, &mut told).await {
        Ok(response) => (response, None),
        Err(Refused { refusal, is_unread }) => {
            told.decision = respond::reason(&refusal);
            ends = is_unread || respond::ends_connection(&refusal);
            let response = respond::response(&refusal, app.options.compatibility, &method);
            (response.map(Body::whole), Some(refusal))
        }
    };
    if asks_upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        ends |= !client.shared.stays();
    }
    if ends && !client.is_http2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    let user = match &refusal {
        Some(Refusal::Forbidden { user, .. } | Refusal::AuthorizationUnavailable { user, .. }) => {
            Some(user.as_str())
        }
        _ => told.user.as_ref().map(|user| user.name.as_str()),
    };
    let (status, took) = (response.status().as_u16(), started.elapsed());
    app.metrics.request(status, took);
    app.audit.request(&Line {
        method: if is_read { method.as_str() } else { "" },
        path: if is_read { target.path() } else { "" },
        peer: client.peer,
        user,
        status,
        decision: told.decision,
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    });
    response.map(|body| body.answering(answering))
}

async fn serve(
    client: &Arc<Client>,
    mut request: Request<Incoming>,
    facts: Facts,
    told: &mut Told,
) -> Result<Response<Body>, Refused> {
    let on_client = facts.asks_upgrade.then(|| hyper::upgrade::on(&mut request));
    let (mut parts, incoming) = request.into_parts();
    let verdict = match client.decide(&mut parts, &facts).await {
        Ok(verdict) => verdict,
        Err(refusal) => {
            let is_unread = !client.is_http2 && !is_dropped(&parts.headers, incoming).await;
            return Err(Refused { refusal, is_unread });
        }
    };
    let wish = on_client.map(|on_client| Wish {
        client: on_client,
        protocols: parts.headers.get_all(UPGRADE).iter().cloned().collect(),
    });
    if let Err(refusal) = client.prepare(&mut parts, &incoming, &verdict, wish.as_ref()) {
        let is_unread = !client.is_http2 && !is_dropped(&parts.headers, incoming).await;
        return Err(Refused { refusal, is_unread });
    }
    match verdict {
        Verdict::Ignored => told.decision = "ignored-path",
        Verdict::Known { user, .. } => told.user = Some(user),
    }
    let outgoing = Outgoing::new(incoming, Arc::clone(&client.names));
    let fault = outgoing.fault();
    let mut request = Request::new(outgoing);
    *request.method_mut() = parts.method;
    *request.headers_mut() = parts.headers;
    let refused = |refusal| {
        let refusal = fault.refusal().unwrap_or(refusal);
        Refused {
            refusal,
            is_unread: fault.is_unread(),
        }
    };
    let sent = client
        .app
        .upstream
        .send(request, facts.target, &client.app.metrics)
        .await;
    let (response, lease) = sent.map_err(refused)?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return client.switch(response, wish).map_err(refused);
    }
    let (mut parts, incoming) = response.into_parts();
    headers::clean_answer(&mut parts.headers);
    parts.headers.remove(TRANSFER_ENCODING);
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, Body::passing(incoming, lease)))
}

// === impl Client ===

impl Client {
    /// What is known of a request that hyper has read.
    fn facts(&self, request: &Request<Incoming>) -> Facts {
        let target = request.uri().path_and_query();
        if self.is_http2 {
            return match target {
                Some(target) => Facts {
                    target: target.clone(),
                    asks_upgrade: false,
                    refusal: None,
                },
                None => Facts::refused(Refusal::NotServed),
            };
        }
        match self.shared.next() {
            // Nothing is forwarded of which hyper has read anything else than was checked.
            Some(facts) if facts.refusal.is_none() && target != Some(&facts.target) => {
                Facts::refused(Refusal::Malformed("the target was read in two ways"))
            }
            Some(facts) => facts,
            None => Facts::refused(Refusal::Malformed("a request that was not checked")),
        }
    }

    async fn decide(&self, parts: &mut http::request::Parts, facts: &Facts) -> Result<Verdict, Refusal> {
        if let Some(refusal) = &facts.refusal {
            return Err(refusal.clone());
        }
        if self.is_http2 {
            host_of_http2(parts)?;
        }
        if parts.method == Method::CONNECT {
            return Err(Refusal::NotServed);
        }
        let is_other = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        if parts.headers.get_all(EXPECT).iter().any(is_other) {
            return Err(Refusal::Expectation);
        }
        let target = Target::parse(facts.target.as_str(), self.app.gate.compares_paths())?;
        let asked = Asked {
            method: &parts.method,
            target: &target,
            headers: &parts.headers,
            peer: self.peer,
            certificate: self.certificates.as_deref(),
            is_upgrade: facts.asks_upgrade,
        };
        self.app.gate.decide(&asked).await
    }

    /// The headers as the upstream gets them. Identity comes last: nothing a client sends changes it.
    fn prepare(
        &self,
        parts: &mut http::request::Parts,
        incoming: &Incoming,
        verdict: &Verdict,
        wish: Option<&Wish>,
    ) -> Result<(), Refusal> {
        let headers = &mut parts.headers;
        headers::clean(headers, &self.names);
        headers::forwarded_for(headers, &self.address);
        if self.is_http2 {
            headers::join_cookies(headers);
            // Nothing is left to expect: the upstream gets the body as it comes.
            headers.remove(EXPECT);
        }
        frame(headers, &parts.method, incoming, self.app.upstream.is_http1());
        if let Some(wish) = wish {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            for protocol in &wish.protocols {
                headers.append(UPGRADE, protocol.clone());
            }
        }
        let Verdict::Known { user, shown } = verdict else {
            return Ok(());
        };
        match shown {
            Some(Shown::Bearer) => {
                headers.remove(AUTHORIZATION);
            }
            Some(Shown::Subprotocol { others }) => {
                headers.insert(SEC_WEBSOCKET_PROTOCOL, others.clone());
            }
            None => {}
        }
        headers::identify(headers, user, &self.names)
    }

    /// The upstream speaks another protocol from here on: so does the client, if that is one it has asked for.
    fn switch(
        self: &Arc<Self>,
        mut response: Response<Incoming>,
        wish: Option<Wish>,
    ) -> Result<Response<Body>, Refusal> {
        let Some(wish) = wish.filter(|wish| upgrade::is_asked_for(&wish.protocols, response.headers()))
        else {
            return Err(Refusal::BadGateway(
                "the upstream switched to a protocol that was not asked for",
            ));
        };
        self.app.metrics.count(Event::Upgraded);
        let protocol = response.headers().get(UPGRADE).cloned();
        let on_upstream = hyper::upgrade::on(&mut response);
        let client = Arc::clone(self);
        tokio::spawn(async move {
            upgrade::join(wish.client, on_upstream, &client.shared, &client.drain).await;
        });
        let (mut parts, _) = response.into_parts();
        headers::clean_answer(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Some(protocol) = protocol {
            parts.headers.insert(UPGRADE, protocol);
        }
        Ok(Response::from_parts(parts, Body::whole(bytes::Bytes::new())))
    }
}

/// Whose the request is, in HTTP/2: one name, in `Host` (RFC 9113, sections 8.2.2 and 8.3.1).
fn host_of_http2(parts: &mut http::request::Parts) -> Result<(), Refusal> {
    if headers::is_of_http1(&parts.headers) {
        return Err(Refusal::Malformed("a field that HTTP/2 does not know"));
    }
    if parts.extensions.get::<hyper::ext::Protocol>().is_some() {
        return Err(Refusal::NotServed);
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    let Some(authority) = parts.uri.authority() else {
        return match (host, second) {
            (Some(_), None) => Ok(()),
            _ => Err(Refusal::Malformed("no authority, or more than one host")),
        };
    };
    let is_other = |host: &HeaderValue| {
        !host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes())
    };
    if second.is_some() || host.is_some_and(is_other) || authority.as_str().contains('@') {
        return Err(Refusal::Malformed("an authority that is not the host"));
    }
    let host = HeaderValue::from_str(authority.as_str())
        .map_err(|_| Refusal::Malformed("an authority that is no host"))?;
    parts.headers.insert(HOST, host);
    Ok(())
}

/// How the body is told apart from what follows it. The strict reading has left one way or none.
fn frame(headers: &mut HeaderMap, method: &Method, incoming: &Incoming, is_http1: bool) {
    if !is_http1 {
        headers.remove(TRANSFER_ENCODING);
        return;
    }
    let is_told = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if is_told {
        return;
    }
    if !incoming.is_end_stream() {
        // Of a GET hyper would leave the body out.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    } else if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

/// Whether what a refused request still sends could be read to its end. Nobody is asked to send it.
async fn is_dropped(headers: &HeaderMap, mut incoming: Incoming) -> bool {
    if incoming.is_end_stream() {
        return true;
    }
    if headers.contains_key(EXPECT) || incoming.size_hint().lower() > DROPPED_BYTES {
        return false;
    }
    let dropping = async {
        let mut left = DROPPED_BYTES;
        while let Some(frame) = incoming.frame().await {
            let Ok(frame) = frame else {
                return false;
            };
            let length = frame.data_ref().map_or(0, bytes::Bytes::len);
            match left.checked_sub(u64::try_from(length).unwrap_or(u64::MAX)) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    };
    timeout(DROPPED_WITHIN, dropping).await.unwrap_or(false)
}
