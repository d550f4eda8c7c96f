//! An upstream in clear text that writes down every byte of every request, and answers 200.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long an answer to what holds `/slow` takes.
pub(super) const SLOW: Duration = Duration::from_secs(2);

/// A server that runs as long as the tests do.
pub(super) struct Recorder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&kept);
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while matches!(serve(&mut reader, &seen), Ok(true)) {}
                });
            }
        });
        Self { address, seen }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything since the last time: each request as it came, head and body, and what came on switched connections.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// What of it holds a word.
    pub(super) fn of(&self, word: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|text| text.contains(word)).cloned().collect()
    }

    /// Whether any of it does.
    pub(super) fn has(&self, word: &str) -> bool {
        !self.of(word).is_empty()
    }
}

/// One request, and its answer. Whether another may follow.
fn serve(stream: &mut BufReader<TcpStream>, seen: &Mutex<Vec<String>>) -> io::Result<bool> {
    let mut all = Vec::new();
    let mut length = 0;
    let (mut is_chunked, mut is_upgrade) = (false, false);
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Ok(false);
        }
        all.extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line).to_lowercase();
        let text = text.trim_end();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        is_chunked |= text.starts_with("transfer-encoding:");
        is_upgrade |= text.starts_with("upgrade:");
        if text.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    all.extend(body);
    let mut is_open = is_chunked;
    while is_open {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line)?;
        all.extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        let size = usize::from_str_radix(&text, 16).unwrap_or(0);
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        all.extend(chunk);
        is_open = size > 0;
    }
    let request = String::from_utf8_lossy(&all).into_owned();
    let slow = request.contains("/slow");
    let is_refused = request.contains("/refuse-upgrade");
    seen.lock().unwrap().push(request);
    if is_upgrade && !is_refused {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes())?;
        let mut bytes = [0; 1024];
        loop {
            let count = stream.read(&mut bytes)?;
            if count == 0 {
                return Ok(false);
            }
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            seen.lock().unwrap().push(text);
            stream.get_mut().write_all(&bytes[..count])?;
        }
    }
    if slow {
        thread::sleep(SLOW);
    }
    let answer = "HTTP/1.1 200 OK\r\nX-Upstream: seen\r\nContent-Length: 2\r\n\r\nok";
    stream.get_mut().write_all(answer.as_bytes())?;
    Ok(true)
}
