//! An application that writes down, byte by byte, what it gets.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::authority::Signed;

/// A key of a WebSocket's client and its answer: RFC 6455, section 1.3.
pub(crate) const SOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const SOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// Between two events.
pub(crate) const BETWEEN_EVENTS: Duration = Duration::from_millis(500);
/// Name of the header that says which server answered.
pub(crate) const ANSWERED: &str = "x-answered-by";
/// What it sets as a cookie on `/set-cookie`, in that order.
pub(crate) const OWN_COOKIES: [&str; 2] = ["app=1; Path=/", "_oauth2_proxy_ui=2; Path=/"];

/// A server that runs as long as the tests do.
pub(crate) struct Upstream {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

// === impl Upstream ===

impl Upstream {
    /// Starts one that calls itself `name`.
    pub(crate) fn start(name: &'static str, signed: &Signed) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let config = Arc::new(config(signed));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).unwrap();
                    let mut stream = StreamOwned::new(connection, stream);
                    while matches!(answer(name, &mut stream, &seen), Ok(true)) {}
                });
            }
        });
        Self { address, heads }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all requests so far, as they came.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn config(signed: &Signed) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap()
}

/// Reads one request and answers it. Whether another may follow.
fn answer(name: &str, stream: &mut Tls, seen: &Mutex<Vec<String>>) -> io::Result<bool> {
    let Some(head) = head(stream)? else {
        return Ok(false);
    };
    let header = |wanted: &str| {
        head.lines().skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    if header("transfer-encoding").is_some() {
        body = chunks(stream)?;
    }
    seen.lock().unwrap().push(head.clone());
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = target.split('?').next().unwrap_or("");
    if header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        let accept = accept(&header("sec-websocket-key").unwrap_or_default());
        write!(
            stream,
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        )?;
        stream.flush()?;
        echo(stream)?;
        return Ok(false);
    }
    if path == "/events" {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )?;
        for number in 0..3 {
            let event = format!("data: {number}\n\n");
            write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
            stream.flush()?;
            thread::sleep(BETWEEN_EVENTS);
        }
        write!(stream, "0\r\n\r\n")?;
    } else {
        let body = json!({ "head": head, "body": String::from_utf8_lossy(&body) }).to_string();
        let cookies = if path == "/set-cookie" {
            OWN_COOKIES
                .map(|cookie| format!("set-cookie: {cookie}\r\n"))
                .concat()
        } else {
            String::new()
        };
        let shown = if method == "HEAD" { "" } else { &body };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{ANSWERED}: {name}\r\n{cookies}\
             content-length: {}\r\n\r\n{shown}",
            body.len()
        )?;
    }
    stream.flush()?;
    Ok(true)
}

/// What a server answers to a WebSocket's key: RFC 6455, section 4.2.2.
fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::new();
    for bytes in digest.as_ref().chunks(3) {
        let sum = (0..3).fold(0, |sum, at| {
            sum << 8 | u32::from(bytes.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let letter = letters[(sum >> (18 - 6 * at)) as usize & 63];
            base64.push(if at > bytes.len() { '=' } else { char::from(letter) });
        }
    }
    base64
}

#[test]
fn a_socket_is_accepted_as_the_rfc_has_it() {
    assert_eq!(accept(SOCKET_KEY), SOCKET_ACCEPT);
}

/// A body in chunks as it comes, with their sizes and what follows the last.
fn chunks(stream: &mut Tls) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let line = line(stream)?;
        let size =
            usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).map_err(io::Error::other)?;
        all.extend(line);
        if size == 0 {
            break;
        }
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        all.extend(chunk);
    }
    loop {
        let line = line(stream)?;
        all.extend(&line);
        if line == b"\r\n" {
            return Ok(all);
        }
    }
}

fn line(stream: &mut Tls) -> io::Result<Vec<u8>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\r\n") {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(line)
}

/// Sends back every frame that comes, up to and with the one that closes. Browsers mask what they send; servers must not.
fn echo(stream: &mut Tls) -> io::Result<()> {
    loop {
        let mut start = [0; 2];
        stream.read_exact(&mut start)?;
        let [kind, short] = start;
        let (mut frame, more) = (vec![kind, short & 0x7f], [0, 2, 8]);
        let more = more[usize::from(short & 0x7f).saturating_sub(125)];
        frame.resize(2 + more, 0);
        stream.read_exact(&mut frame[2..])?;
        let length = match more {
            0 => usize::from(frame[1]),
            _ => frame[2..]
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        let mut mask = [0; 4];
        if short & 0x80 != 0 {
            stream.read_exact(&mut mask)?;
        }
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        frame.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        stream.write_all(&frame)?;
        stream.flush()?;
        if kind & 0x0f == 8 {
            return Ok(());
        }
    }
}

/// The head of a request, up to the empty line; nothing where the connection ended.
fn head(stream: &mut Tls) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}
