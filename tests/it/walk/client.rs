//! A client that sends what it is told byte by byte, over TLS, and gives back what came, in its order and spelling.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
};

/// How long to wait for the next byte.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where to connect, and whom to expect there.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    name: String,
    config: Arc<ClientConfig>,
}

/// A connection.
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// What was received and not yet given away.
    buffer: Vec<u8>,
}

/// An answer. Of `head`, the body is empty.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// As received: order, spelling, repetitions.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

// === impl Target ===

impl Target {
    /// A server at an address; `name` is sent as SNI and must be in its certificate, which `authority` (PEM) has signed.
    /// Without an authority any certificate will do.
    pub(crate) fn new(address: SocketAddr, name: &str, authority: Option<&str>) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match authority {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    roots.add(certificate.unwrap()).unwrap();
                }
                builder.with_root_certificates(roots)
            }
            None => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(aws_lc_rs::default_provider()))),
        };
        Self {
            address,
            name: name.to_owned(),
            config: Arc::new(config.with_no_client_auth()),
        }
    }

    /// The address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects, and shakes hands at once so that a refused certificate is known here.
    pub(crate) fn connect(&self) -> std::io::Result<Connection> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from(self.name.clone()).unwrap();
        let mut session = ClientConnection::new(self.config.clone(), name).map_err(std::io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Connection {
            stream: StreamOwned::new(session, socket),
            buffer: Vec::new(),
        })
    }

    /// One request on a connection of its own, with exactly these headers, and its answer.
    pub(crate) fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut connection = self.connect()?;
        connection.send(&request(method, path, headers, body))?;
        connection.answer(method)
    }
}

/// The bytes of a request: nothing is added, not even a length.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

// === impl Connection ===

impl Connection {
    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// How long to wait for the next byte from now on.
    pub(crate) fn patience(&self, time: Duration) {
        self.stream.sock.set_read_timeout(Some(time)).unwrap();
    }

    /// A whole answer to a request of this method.
    pub(crate) fn answer(&mut self, method: &str) -> std::io::Result<Answer> {
        let mut answer = self.head()?;
        if method == "HEAD" || matches!(answer.status, 100..=199 | 204 | 304) {
            return Ok(answer);
        }
        if answer.chunked() {
            while let Some(chunk) = self.chunk()? {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            answer.body = self.take(length.parse().map_err(std::io::Error::other)?)?;
        } else {
            while self.fill()? {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        Ok(answer)
    }

    /// Status and headers; what follows is to be read with `chunk`, `take` or `bytes`.
    pub(crate) fn head(&mut self) -> std::io::Result<Answer> {
        let text = String::from_utf8_lossy(&self.until(b"\r\n\r\n")?).into_owned();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        match (status, lines.map(header).collect()) {
            (Some(status), Some(headers)) => Ok(Answer {
                status,
                headers,
                body: Vec::new(),
            }),
            _ => Err(std::io::Error::other(format!("not an answer: {text:?}"))),
        }
    }

    /// The next chunk of a chunked body, `None` after the last.
    pub(crate) fn chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let line = String::from_utf8_lossy(&self.until(b"\r\n")?).into_owned();
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(std::io::Error::other)?;
        let chunk = self.take(size)?;
        self.until(b"\r\n")?;
        Ok((size > 0).then_some(chunk))
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, count: usize) -> std::io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill()? {
                return Err(self.ended());
            }
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Whatever comes next; nothing once the other side has ended.
    pub(crate) fn bytes(&mut self) -> std::io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Everything up to an end, which is part of it.
    fn until(&mut self, end: &[u8]) -> std::io::Result<Vec<u8>> {
        loop {
            let found = self.buffer.windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                return Ok(self.buffer.drain(..at + end.len()).collect());
            }
            if !self.fill()? {
                return Err(self.ended());
            }
        }
    }

    /// Waits for more; false at the end. Some servers end without saying so in TLS.
    fn fill(&mut self) -> std::io::Result<bool> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(count > 0)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn ended(&self) -> std::io::Error {
        let rest = String::from_utf8_lossy(&self.buffer).into_owned();
        std::io::Error::new(ErrorKind::UnexpectedEof, format!("ended after {rest:?}"))
    }
}

// === impl Answer ===

impl Answer {
    /// The first header of a name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// All headers of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        let headers = self.headers.iter().filter(named);
        headers.map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn chunked(&self) -> bool {
        self.header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }
}

/// Believes every certificate, but not that somebody without its key has it.
#[derive(Debug)]
struct Anybody(CryptoProvider);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
