//! One connection, from the accepted socket to its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use http::header::HeaderValue;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::service::{Client, answer};
use super::{Listener, Place};
use crate::proxy::connection::Checked;
use crate::proxy::metrics::Event;
use crate::proxy::tls::{ALPN_H2, ServerTls};

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What clear text begins with that came to the TLS port by mistake (Go's `net/http` looks for the same).
const CLEAR: [&[u8]; 5] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];
/// Go's answer to that.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

type Certificates = Arc<[rustls::pki_types::CertificateDer<'static>]>;

// === impl Listener ===

impl Listener {
    /// Serves what was accepted until either side ends it.
    pub(super) async fn connected(self: Arc<Self>, stream: TcpStream, peer: IpAddr, place: Place) {
        // Without it small answers wait for the client's acknowledgement of the one before.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let limits = &self.app.options.limits;
        let Some(tls) = &self.tls else {
            // What was not begun to be read in time is nobody's request yet: no answer.
            let began = timeout(
                limits.head_timeout,
                beginning(stream, !self.app.options.http2.disabled),
            );
            if let Ok(Some((stream, read, is_http2))) = began.await {
                let client = self.client(peer, None, place);
                if is_http2 {
                    let stream = Checked::unchecked(stream, read, limits);
                    self.http2(stream, client).await;
                } else {
                    self.http1(stream, read, client).await;
                }
            }
            return;
        };
        let handshake = timeout(limits.handshake_timeout, handshake(tls, stream));
        let Ok(Some(stream)) = handshake.await else {
            self.app.metrics.count(Event::HandshakeFailed);
            return;
        };
        let session = stream.get_ref().1;
        let is_http2 = session.alpn_protocol() == Some(ALPN_H2);
        let client = self.client(peer, session.peer_certificates().map(Arc::from), place);
        if is_http2 {
            self.http2(stream, client).await;
        } else {
            self.http1(stream, BytesMut::new(), client).await;
        }
    }

    fn client(&self, peer: IpAddr, certificates: Option<Certificates>, place: Place) -> Client {
        // An address has no character that a header has not.
        let address = HeaderValue::from_str(&peer.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
        Client {
            app: Arc::clone(&self.app),
            names: Arc::clone(&self.names),
            drain: self.drain.clone(),
            peer,
            address,
            certificates,
            shared: Arc::default(),
            is_http2: false,
            _place: place,
        }
    }

    async fn http1<S>(&self, stream: S, read: BytesMut, client: Client)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let checked = Checked::new(stream, read, &self.app.options.limits);
        let client = Arc::new(Client {
            shared: checked.shared(),
            ..client
        });
        let service = service_fn(|request| {
            let client = Arc::clone(&client);
            async move { Ok::<_, Infallible>(answer(client, request).await) }
        });
        let mut connection = pin!(
            self.http1
                .serve_connection(TokioIo::new(checked), service)
                .with_upgrades()
        );
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.drain.signaled() => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = self.drain.deadline() => {}
        }
    }

    async fn http2<S>(&self, stream: S, client: Client)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let client = Arc::new(Client {
            is_http2: true,
            ..client
        });
        let service = service_fn(|request| {
            let client = Arc::clone(&client);
            async move { Ok::<_, Infallible>(answer(client, request).await) }
        });
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.drain.signaled() => {}
            () = idle(&client, self.app.options.limits.keep_alive_timeout) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = self.drain.deadline() => {}
        }
    }
}

/// Resolves when no request was under way for at least so long, and at most twice as long.
async fn idle(client: &Client, limit: std::time::Duration) {
    let mut before = client.shared.answered();
    loop {
        tokio::time::sleep(limit).await;
        let now = client.shared.answered();
        if now == before && !client.shared.is_answering() {
            return;
        }
        before = now;
    }
}

/// Reads until it is known which HTTP is spoken in clear text. None where it ends before.
async fn beginning(mut stream: TcpStream, takes_http2: bool) -> Option<(TcpStream, BytesMut, bool)> {
    let mut read = BytesMut::new();
    if !takes_http2 {
        return Some((stream, read, false));
    }
    loop {
        read.reserve(1024);
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        if read.starts_with(PREFACE) {
            return Some((stream, read, true));
        }
        if !PREFACE.starts_with(&read) {
            return Some((stream, read, false));
        }
    }
}

async fn handshake(tls: &ServerTls, stream: TcpStream) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0; 5];
    let count = stream.peek(&mut first).await.ok()?;
    if CLEAR.contains(&&first[..count]) {
        let mut stream = stream;
        stream.write_all(NOT_TLS).await.ok()?;
        stream.shutdown().await.ok()?;
        // Unread bytes would reset the connection, and the answer with it.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await.ok()? > 0 {}
        return None;
    }
    TlsAcceptor::from(tls.config()).accept(stream).await.ok()
}
