//! Listeners and their connections: TLS, which HTTP is spoken, and the end of each.

mod connect;
mod service;

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::audit::Audit;
use super::drain::{Hold, Watch};
use super::gate::Gate;
use super::headers::Names;
use super::metrics::Metrics;
use super::options::Options;
use super::tls::ServerTls;
use super::upstream::Upstream;

/// Between two attempts to accept, where the system has no descriptor or memory left.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams that a client may open and reset before they are served (CVE-2023-44487); h2's own default.
const PENDING_RESETS: usize = 20;
/// How often a client of HTTP/2 that says nothing is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_mins(1);
const PONG: Duration = Duration::from_secs(20);
/// What HTTP/2 knows as the smallest and the largest frame (RFC 9113, section 6.5.2), and as the largest window (6.9.1).
const FRAME_BYTES: (u32, u32) = (16 * 1024, (1 << 24) - 1);
const WINDOW_BYTES: u32 = (1 << 31) - 1;
/// Beside the largest head, in hyper's own buffer.
const BUFFER_BYTES: usize = 64 * 1024;

/// What every request is served with.
pub struct App {
    /// Who may.
    pub gate: Gate,
    /// Where to.
    pub upstream: Upstream,
    /// What the program was told.
    pub options: Options,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is said of each request.
    pub audit: Audit,
}

/// What the connections of a listener have in common.
struct Listener {
    app: Arc<App>,
    names: Arc<Names>,
    tls: Option<Arc<ServerTls>>,
    drain: Watch,
    http1: hyper::server::conn::http1::Builder,
    http2: hyper::server::conn::http2::Builder<TokioExecutor>,
}

/// The place that a connection takes, whatever it has become; draining waits for it.
struct Place {
    metrics: Arc<Metrics>,
    _hold: Hold,
    _permit: OwnedSemaphorePermit,
}

/// Serves one listener until drained.
pub async fn listen(listener: TcpListener, tls: Option<Arc<ServerTls>>, app: Arc<App>, drain: Watch) {
    let names = match Names::new(&app.options.identity_headers) {
        Ok(names) => Arc::new(names),
        Err(reason) => {
            app.audit.say("error", &reason);
            return;
        }
    };
    let slots = Arc::new(Semaphore::new(app.options.limits.connections));
    let served = Arc::new(Listener::new(app, names, tls, drain));
    let accepting = async {
        loop {
            // A semaphore that nobody closes.
            let Ok(permit) = Arc::clone(&slots).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let place = served.place(permit);
                    tokio::spawn(Arc::clone(&served).connected(stream, peer.ip().to_canonical(), place));
                }
                // The client that hung up again is not the only reason.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = served.drain.signaled() => {}
    }
}

// === impl Listener ===

impl Listener {
    fn new(app: Arc<App>, names: Arc<Names>, tls: Option<Arc<ServerTls>>, drain: Watch) -> Self {
        let (limits, options) = (app.options.limits, app.options.http2);
        let mut http1 = hyper::server::conn::http1::Builder::new();
        http1
            .header_read_timeout(None)
            .max_headers(limits.headers)
            .max_buf_size(limits.head_bytes + BUFFER_BYTES)
            .title_case_headers(true);
        let connection = options.max_size.saturating_mul(options.max_concurrent_streams);
        let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(options.max_concurrent_streams)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_header_list_size(limits.http2_header_list_bytes)
            .max_frame_size(options.max_size.clamp(FRAME_BYTES.0, FRAME_BYTES.1))
            .initial_stream_window_size(options.max_size.min(WINDOW_BYTES))
            .initial_connection_window_size(connection.clamp(64 * 1024, WINDOW_BYTES))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG);
        Self {
            app,
            names,
            tls,
            drain,
            http1,
            http2,
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        let metrics = Arc::clone(&self.app.metrics);
        metrics.connection(1);
        Place {
            metrics,
            _hold: self.drain.hold(),
            _permit: permit,
        }
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.connection(-1);
    }
}

#[cfg(test)]
mod tests;
