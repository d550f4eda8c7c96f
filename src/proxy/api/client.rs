//! One server's connections, and one request and its answer over them.
//!
//! Small on purpose: whoever reviews sends a few kilobytes and gets a few back. HTTP/2 is one connection for all; over
//! HTTP/1.1 idle connections are kept. Waiting is bounded by whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longer answers are nonsense: a user with a thousand groups has some hundred kilobytes.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Idle connections of HTTP/1.1.
const IDLE: usize = 32;
/// How often a connection of HTTP/2 is asked whether it lives, and how long it has to say so.
const ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whether it is asked by TLS.
    pub tls: bool,
    /// Its host, an address of IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name that its certificate must have, where that is not the host.
    pub server_name: Option<String>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers beside Host.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no connection, or none that is believed.
    NotReached(String),
    /// There was one and it broke before the answer was whole.
    Lost(String),
    /// It is longer than any that makes sense.
    TooLong,
}

/// A client of one server.
pub struct Client {
    origin: Origin,
    authority: String,
    tls: ArcSwapOption<ClientConfig>,
    shared: Mutex<Option<http2::SendRequest<Full<Bytes>>>>,
    idle: Mutex<Vec<http1::SendRequest<Full<Bytes>>>>,
    /// Held while a connection is opened that many may share, so that a burst opens one.
    opening: tokio::sync::Mutex<()>,
    speaks_http1: AtomicBool,
}

enum Connection {
    Shared(http2::SendRequest<Full<Bytes>>),
    Own(http1::SendRequest<Full<Bytes>>),
}

// === impl Origin ===

impl Origin {
    /// From a URL, with its path without a slash at the end. `https://HOST[:PORT][/PATH]`.
    pub fn from_url(url: &str) -> Result<(Self, String), String> {
        let with_scheme = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let uri: Uri = with_scheme.parse().map_err(|_| format!("{url:?} is no URL"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("{url:?} begins with neither https:// nor http://")),
        };
        let authority = uri.authority().ok_or_else(|| format!("{url:?} names no host"))?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(format!("{url:?} names no host alone"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path().trim_end_matches('/').to_owned();
        let origin = Self {
            tls,
            host,
            port,
            server_name: None,
        };
        Ok((origin, path))
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

// === impl Trouble ===

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotReached(why) => write!(formatter, "cannot be reached: {why}"),
            Self::Lost(why) => write!(formatter, "the connection broke: {why}"),
            Self::TooLong => formatter.write_str("the answer is too long"),
        }
    }
}

// === impl Client ===

impl Client {
    /// A client of a server; `tls` is used where the origin says so.
    pub fn new(origin: Origin, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            authority: origin.authority(),
            origin,
            tls: ArcSwapOption::from(tls),
            shared: Mutex::new(None),
            idle: Mutex::new(Vec::new()),
            opening: tokio::sync::Mutex::new(()),
            speaks_http1: AtomicBool::new(false),
        }
    }

    /// Other authorities, or another certificate of ours: what is open is not used again.
    pub fn retrust(&self, tls: Arc<ClientConfig>) {
        self.tls.store(Some(tls));
        self.forget();
    }

    /// Uses none of the open connections again: after a silence nobody knows whether they live.
    pub fn forget(&self) {
        lock(&self.shared).take();
        lock(&self.idle).clear();
    }

    /// Asks. A connection that was kept and turns out to be gone is replaced once: a review changes nothing, so it may be
    /// asked again.
    pub async fn ask(&self, ask: &Ask) -> Result<(StatusCode, Bytes), Trouble> {
        if let Some(connection) = self.kept() {
            match self.over(connection, ask).await {
                Err(Trouble::Lost(_)) => self.forget(),
                done => return done,
            }
        }
        let connection = self.connect().await?;
        self.over(connection, ask).await
    }

    fn kept(&self) -> Option<Connection> {
        let mut shared = lock(&self.shared);
        if let Some(sender) = shared.as_ref() {
            if !sender.is_closed() {
                return Some(Connection::Shared(sender.clone()));
            }
            shared.take();
        }
        drop(shared);
        let mut idle = lock(&self.idle);
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(Connection::Own(sender));
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Trouble> {
        if !self.origin.tls || self.speaks_http1.load(Ordering::Relaxed) {
            return self.open().await;
        }
        let _opening = self.opening.lock().await;
        match self.kept() {
            Some(connection) => Ok(connection),
            None => self.open().await,
        }
    }

    async fn open(&self) -> Result<Connection, Trouble> {
        let tcp = TcpStream::connect((self.origin.host.as_str(), self.origin.port))
            .await
            .map_err(|error| Trouble::NotReached(error.to_string()))?;
        // Without it a small request waits for the acknowledgement of the one before.
        drop(tcp.set_nodelay(true));
        if !self.origin.tls {
            return self.greet_http1(TokioIo::new(tcp)).await;
        }
        let Some(config) = self.tls.load_full() else {
            return Err(Trouble::NotReached("no TLS is configured".into()));
        };
        let name = self.origin.server_name.as_ref().unwrap_or(&self.origin.host);
        let name = ServerName::try_from(name.clone())
            .map_err(|_| Trouble::NotReached(format!("{name:?} is no name that a certificate can have")))?;
        let stream = TlsConnector::from(config)
            .connect(name, tcp)
            .await
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof => {
                    Trouble::Lost(error.to_string())
                }
                _ => Trouble::NotReached(error.to_string()),
            })?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            self.speaks_http1.store(true, Ordering::Relaxed);
            return self.greet_http1(TokioIo::new(stream)).await;
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(ALIVE.0)
            .keep_alive_timeout(ALIVE.1)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(lost)?;
        tokio::spawn(connection);
        *lock(&self.shared) = Some(sender.clone());
        Ok(Connection::Shared(sender))
    }

    async fn greet_http1<T>(&self, io: T) -> Result<Connection, Trouble>
    where
        T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(io).await.map_err(lost)?;
        tokio::spawn(connection);
        Ok(Connection::Own(sender))
    }

    async fn over(&self, connection: Connection, ask: &Ask) -> Result<(StatusCode, Bytes), Trouble> {
        match connection {
            Connection::Shared(mut sender) => {
                let scheme = if self.origin.tls { "https" } else { "http" };
                let uri = format!("{scheme}://{}{}", self.authority, ask.path);
                let request = request(ask, &uri)?;
                whole(sender.send_request(request).await.map_err(lost)?).await
            }
            Connection::Own(mut sender) => {
                let mut request = request(ask, &ask.path)?;
                let host = HeaderValue::from_str(&self.authority)
                    .map_err(|_| Trouble::NotReached(format!("{:?} is no host", self.authority)))?;
                request.headers_mut().insert(HOST, host);
                let answer = whole(sender.send_request(request).await.map_err(lost)?).await?;
                let mut idle = lock(&self.idle);
                if idle.len() < IDLE && !sender.is_closed() {
                    idle.push(sender);
                }
                Ok(answer)
            }
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Client({})", self.authority)
    }
}

fn request(ask: &Ask, uri: &str) -> Result<Request<Full<Bytes>>, Trouble> {
    let mut request = Request::new(Full::new(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = uri
        .parse()
        .map_err(|_| Trouble::NotReached(format!("{uri:?} is no address")))?;
    *request.headers_mut() = ask.headers.clone();
    Ok(request)
}

async fn whole(response: Response<Incoming>) -> Result<(StatusCode, Bytes), Trouble> {
    let status = response.status();
    match Limited::new(response.into_body(), ANSWER_BYTES).collect().await {
        Ok(body) => Ok((status, body.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Trouble::TooLong),
        Err(error) => Err(Trouble::Lost(error.to_string())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn lost(error: hyper::Error) -> Trouble {
    Trouble::Lost(error.to_string())
}

/// A panic elsewhere cannot leave a list of connections half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
