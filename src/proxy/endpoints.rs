//! The second port (`--proxy-endpoints-port`): health, readiness, metrics.
//!
//! `/healthz` is kube-rbac-proxy's: `ok` to any method, also while the API server is away. `/livez` says that the program runs,
//! `/readyz` that it takes requests: not before its listeners are open and not once draining has begun. `/metrics` says what is
//! counted; it names no user and no path. Nobody is asked who they are: nothing here is about anybody.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::drain::Signal;
use super::metrics::{CONTENT_TYPE, Event, Metrics};
use super::tls::ServerTls;

/// Connections at a time: probes and one scraper.
const CONNECTIONS: usize = 64;
/// For a handshake, and for a request's head.
const TIMEOUT: Duration = Duration::from_secs(10);
/// For a connection as a whole.
const LIFETIME: Duration = Duration::from_mins(2);
/// Bytes that one connection keeps.
const BUFFER: usize = 16 * 1024;

/// What is said on the second port.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether the program takes requests.
    pub phase: Signal,
}

// === impl Endpoints ===

impl Endpoints {
    /// Serves the port for as long as the program runs: probes are answered while it drains.
    pub async fn listen(self, listener: TcpListener, tls: Arc<ServerTls>) {
        let permits = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors: it passes, and spinning would not help.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (endpoints, config) = (self.clone(), tls.config());
            tokio::spawn(async move {
                let _permit = permit;
                let accepted = tokio::time::timeout(TIMEOUT, TlsAcceptor::from(config).accept(stream)).await;
                let Ok(Ok(stream)) = accepted else {
                    endpoints.metrics.count(Event::HandshakeFailed);
                    return;
                };
                let service = service_fn(|request: Request<Incoming>| {
                    let answer = endpoints.answer(request.uri().path());
                    async move { Ok::<_, Infallible>(answer) }
                });
                let mut builder = auto::Builder::new(TokioExecutor::new());
                builder
                    .http1()
                    .timer(TokioTimer::new())
                    .header_read_timeout(TIMEOUT)
                    .max_buf_size(BUFFER);
                builder.http2().timer(TokioTimer::new()).max_concurrent_streams(8);
                // One that ends badly is the prober's affair; one that stays open takes a place from the next prober.
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                let _ = tokio::time::timeout(LIFETIME, connection).await;
            });
        }
    }

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/readyz" if self.phase.is_draining() => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            "/healthz" | "/livez" | "/readyz" => text(StatusCode::OK, "ok"),
            "/metrics" => {
                let mut response = Response::new(Full::from(self.metrics.text()));
                let kind = HeaderValue::from_static(CONTENT_TYPE);
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if status != StatusCode::OK {
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
    response
}
