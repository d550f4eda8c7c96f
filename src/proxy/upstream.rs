//! The upstream: its address, its connections, and how long its answer may take to begin.
//!
//! There is one upstream, so its connections are a stack: the one used last is used next, since its upstream is least likely to
//! have given it up. (kube-rbac-proxy keeps two of them and opens the others anew for nearly every request.)

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri, Version};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::forward::Outgoing;
use super::metrics::{Event, Metrics};
use super::options;
use super::refusal::Refusal;
use super::tls::UpstreamTls;

/// Until a connection is there, TLS included (Go's `net.Dialer` in `http.DefaultTransport`).
const CONNECT: Duration = Duration::from_secs(30);
/// How long a connection may wait for its next request (Go's `http.DefaultTransport`).
const IDLE: Duration = Duration::from_secs(90);
/// A connection that waited as long may have been given up by the upstream at the moment it is used.
const DOUBTFUL: Duration = Duration::from_secs(1);
/// Connections that wait.
const WAITING: usize = 256;
/// Headers of an answer.
const HEADERS: usize = 1100;

type Http1 = http1::SendRequest<Outgoing>;
type Http2 = http2::SendRequest<Outgoing>;

/// The upstream.
pub struct Upstream {
    authority: Authority,
    /// What it is called where the client has named no host.
    host: HeaderValue,
    address: (String, u16),
    path_prefix: String,
    timeout: Option<Duration>,
    tls: Option<(Arc<UpstreamTls>, ServerName<'static>)>,
    waiting: Arc<Waiting>,
    /// The one connection of HTTP/2; none where HTTP/1.1 is spoken.
    http2: Option<tokio::sync::Mutex<Option<Http2>>>,
}

/// Connections that wait for a request, the one used last at the end.
#[derive(Default)]
struct Waiting(Mutex<Vec<(Instant, Http1)>>);

/// The connection that an answer comes on. Kept until the body is read.
pub struct Lease {
    connection: Http1,
    waiting: Arc<Waiting>,
}

// === impl Upstream ===

impl Upstream {
    /// An upstream; nothing is connected.
    ///
    /// # Errors
    /// The authority is none.
    pub fn new(options: &options::Upstream, tls: Option<Arc<UpstreamTls>>) -> Result<Self, String> {
        let wrong = || format!("--upstream: {:?} is no host with a port", options.authority);
        let authority: Authority = options.authority.parse().map_err(|_| wrong())?;
        let name = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if options.tls { 443 } else { 80 });
        let tls = match tls {
            Some(tls) => Some((tls, ServerName::try_from(name.clone()).map_err(|_| wrong())?)),
            None => None,
        };
        Ok(Self {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            authority,
            address: (name, port),
            path_prefix: options.path_prefix.clone(),
            timeout: options.timeout,
            tls,
            waiting: Arc::default(),
            http2: options.force_h2c.then(tokio::sync::Mutex::default),
        })
    }

    /// Whether it is spoken to in HTTP/1.1.
    pub fn is_http1(&self) -> bool {
        self.http2.is_none()
    }

    /// Sends a request for this target, byte for byte but for the prefix. Answers when the answer's head is there.
    ///
    /// # Errors
    /// It cannot be reached, does not answer in time, or what it answers cannot be passed on.
    pub async fn send(
        &self,
        mut request: Request<Outgoing>,
        target: PathAndQuery,
        metrics: &Metrics,
    ) -> Result<(Response<Incoming>, Option<Lease>), Refusal> {
        self.address(&mut request, target)?;
        let answer = async {
            match &self.http2 {
                Some(connection) => {
                    let mut connection = self.http2(connection, metrics).await?;
                    let sent = connection.send_request(request).await;
                    Ok((sent.map_err(|_| NO_ANSWER)?, None))
                }
                None => self.send_http1(request, metrics).await,
            }
        };
        let (response, lease) = match self.timeout {
            Some(limit) => timeout(limit, answer)
                .await
                .map_err(|_| Refusal::UpstreamTimeout)??,
            None => answer.await?,
        };
        is_sound(&response)?;
        Ok((response, lease))
    }

    /// Writes where it goes: the path, and the host that the client named or else the upstream's own.
    fn address(&self, request: &mut Request<Outgoing>, target: PathAndQuery) -> Result<(), Refusal> {
        let target = if self.path_prefix.is_empty() {
            target
        } else {
            let joined = format!("{}{target}", self.path_prefix);
            PathAndQuery::from_maybe_shared(bytes::Bytes::from(joined)).map_err(|_| TOO_LONG)?
        };
        let is_named = request.headers().get(HOST).is_some_and(|host| !host.is_empty());
        if self.is_http1() {
            if !is_named {
                request.headers_mut().insert(HOST, self.host.clone());
            }
            *request.uri_mut() = Uri::from(target);
            *request.version_mut() = Version::HTTP_11;
            return Ok(());
        }
        let authority = match request.headers_mut().remove(HOST) {
            Some(host) if is_named => Authority::try_from(host.as_bytes()).map_err(|_| NO_HOST)?,
            _ => self.authority.clone(),
        };
        let scheme = if self.tls.is_some() {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        };
        let mut parts = http::uri::Parts::default();
        (parts.scheme, parts.authority, parts.path_and_query) = (Some(scheme), Some(authority), Some(target));
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| NO_HOST)?;
        *request.version_mut() = Version::HTTP_2;
        Ok(())
    }

    async fn send_http1(
        &self,
        mut request: Request<Outgoing>,
        metrics: &Metrics,
    ) -> Result<(Response<Incoming>, Option<Lease>), Refusal> {
        loop {
            let waited = self.waiting.take();
            let is_doubtful = waited
                .as_ref()
                .is_some_and(|(since, _)| since.elapsed() > DOUBTFUL);
            let is_new = waited.is_none();
            let mut connection = match waited {
                Some((_, connection)) => connection,
                None => self.connect_http1(metrics).await?,
            };
            // Where the upstream hangs up while the request is on its way, it may be sent again if that changes nothing.
            let copy = (is_doubtful && is_repeatable(&request)).then(|| copied(&request));
            match connection.try_send_request(request).await {
                Ok(response) => {
                    let waiting = Arc::clone(&self.waiting);
                    return Ok((response, Some(Lease { connection, waiting })));
                }
                Err(mut error) => match error.take_message().or(copy) {
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(NO_ANSWER),
                },
            }
        }
    }

    async fn connect_http1(&self, metrics: &Metrics) -> Result<Http1, Refusal> {
        let config = self.tls.as_ref().map(|(tls, _)| tls.http1());
        metrics.count(Event::UpstreamConnected);
        let spoken = match self.connect(config).await.map_err(|_| UNREACHABLE)? {
            Stream::Clear(stream) => speak_http1(stream).await,
            Stream::Tls(stream) => speak_http1(*stream).await,
        };
        let mut connection = spoken.map_err(|_| UNREACHABLE)?;
        connection.ready().await.map_err(|_| UNREACHABLE)?;
        Ok(connection)
    }

    async fn http2(
        &self,
        known: &tokio::sync::Mutex<Option<Http2>>,
        metrics: &Metrics,
    ) -> Result<Http2, Refusal> {
        let mut known = known.lock().await;
        if let Some(connection) = known.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        let config = self.tls.as_ref().map(|(tls, _)| tls.http2());
        metrics.count(Event::UpstreamConnected);
        let spoken = match self.connect(config).await.map_err(|_| UNREACHABLE)? {
            Stream::Clear(stream) => speak_http2(stream).await,
            Stream::Tls(stream) => speak_http2(*stream).await,
        };
        let connection = spoken.map_err(|_| UNREACHABLE)?;
        *known = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self, config: Option<Arc<ClientConfig>>) -> io::Result<Stream> {
        let (host, port) = &self.address;
        let connecting = async {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            match (config, &self.tls) {
                (Some(config), Some((_, name))) => {
                    let connector = TlsConnector::from(config);
                    let stream = connector.connect(name.clone(), stream).await?;
                    Ok(Stream::Tls(Box::new(stream)))
                }
                _ => Ok(Stream::Clear(stream)),
            }
        };
        timeout(CONNECT, connecting).await?
    }
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

const UNREACHABLE: Refusal = Refusal::BadGateway("the upstream cannot be reached");
const NO_ANSWER: Refusal =
    Refusal::BadGateway("the upstream ended without an answer, or with one that cannot be read");
const TOO_LONG: Refusal = Refusal::Malformed("the target is too long behind the upstream's path");
const NO_HOST: Refusal = Refusal::Malformed("the host is none that HTTP/2 can name");

async fn speak_http1<S>(stream: S) -> hyper::Result<Http1>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_headers(HEADERS)
        .handshake(TokioIo::new(stream))
        .await?;
    // What ends it is seen by whoever waits for an answer on it.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

async fn speak_http2<S>(stream: S) -> hyper::Result<Http2>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Whether sending it twice is the same as once, and possible.
fn is_repeatable(request: &Request<Outgoing>) -> bool {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    is_safe && request.body().is_end_stream()
}

fn copied(request: &Request<Outgoing>) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Whether an answer has one reading: hyper accepts a length beside a transfer coding.
fn is_sound(response: &Response<Incoming>) -> Result<(), Refusal> {
    let headers = response.headers();
    let codings = headers.get_all(TRANSFER_ENCODING);
    let mut codings = codings.iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => {
            coding.as_bytes().eq_ignore_ascii_case(b"chunked") && !headers.contains_key(CONTENT_LENGTH)
        }
        (Some(_), Some(_)) => false,
    };
    // hyper does not look at the lengths of answers without a body, such as those to HEAD.
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next();
    if is_plain && lengths.all(|length| Some(length) == first) {
        Ok(())
    } else {
        Err(Refusal::BadGateway("the upstream's answer has two lengths"))
    }
}

// === impl Waiting ===

impl Waiting {
    fn take(&self) -> Option<(Instant, Http1)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((since, connection)) = waiting.pop() {
            if since.elapsed() > IDLE {
                // Those below have waited longer.
                waiting.clear();
            } else if connection.is_ready() {
                return Some((since, connection));
            }
        }
        None
    }

    fn put(&self, connection: Http1) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push((Instant::now(), connection));
        }
    }
}

// === impl Lease ===

impl Lease {
    /// The answer is read: the connection may be used again, as soon as it is ready.
    pub fn give_back(self) {
        let Self {
            mut connection,
            waiting,
        } = self;
        if connection.is_ready() {
            waiting.put(connection);
        } else if !connection.is_closed()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The rest of the request's body, which the upstream did not wait for.
            runtime.spawn(async move {
                if let Ok(Ok(())) = timeout(IDLE, connection.ready()).await {
                    waiting.put(connection);
                }
            });
        }
    }
}
