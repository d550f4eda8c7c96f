//! One line of JSON for each request: who, what, why. Never a token.
//!
//! Lines go to standard error through one thread, so that no request waits for whoever reads them. Where that falls behind,
//! lines are dropped and their number is said: a log that stops may not stop the guard.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::mpsc;

/// Lines that may wait to be written.
const WAITING: usize = 4096;
/// Of a text that a client chose, at most so much is kept.
const TEXT_BYTES: usize = 1024;

/// How a request ended.
#[derive(Debug, Clone, Serialize)]
pub struct Line<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path, without the query: tokens are handed around in queries.
    pub path: &'a str,
    /// Who sent it: the address of the connection.
    pub peer: IpAddr,
    /// Who is calling; none where nobody is known or nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// Status.
    pub status: u16,
    /// `allowed`, `ignored-path`, or why not.
    pub decision: &'a str,
    /// Milliseconds until the answer's head.
    pub milliseconds: u64,
}

#[derive(Serialize)]
struct Written<'a> {
    time: f64,
    level: &'a str,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

#[derive(Serialize)]
struct Said<'a> {
    time: f64,
    level: &'a str,
    message: &'a str,
}

/// Where lines go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    lines: mpsc::Sender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
    verbosity: u8,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writer {
    thread: std::thread::JoinHandle<()>,
}

// === impl Writer ===

impl Writer {
    /// Waits until what waits is written. Every [`Audit`] must be gone.
    pub fn finish(self) {
        let _ = self.thread.join();
    }
}

// === impl Audit ===

impl Audit {
    /// Lines to standard error.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn new(verbosity: u8) -> std::io::Result<(Self, Writer)> {
        let (lines, mut received) = mpsc::channel::<Vec<u8>>(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .stack_size(256 * 1024)
            .spawn(move || {
                while let Some(line) = received.blocking_recv() {
                    let mut error = std::io::stderr().lock();
                    let lost = told.swap(0, Ordering::Relaxed);
                    if lost > 0 {
                        let message =
                            format!("{lost} lines were dropped: standard error is not read fast enough");
                        let _ = error.write_all(&said("warning", &message));
                    }
                    let _ = error.write_all(&line);
                }
            })?;
        let audit = Self {
            lines,
            dropped,
            verbosity,
        };
        Ok((audit, Writer { thread }))
    }

    /// Whether this is said at all: `-v`.
    pub fn says(&self, verbosity: u8) -> bool {
        self.verbosity >= verbosity
    }

    /// A request's line.
    pub fn request(&self, line: &Line<'_>) {
        let line = Line {
            path: cut(line.path),
            user: line.user.map(cut),
            method: cut(line.method),
            ..line.clone()
        };
        let level = if line.status < 500 { "info" } else { "warning" };
        let written = Written {
            time: now(),
            level,
            line: &line,
        };
        self.write(bytes(&written));
    }

    /// Something else that whoever runs the program should know.
    pub fn say(&self, level: &str, message: &str) {
        self.write(said(level, message));
    }

    fn write(&self, line: Vec<u8>) {
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn said(level: &str, message: &str) -> Vec<u8> {
    bytes(&Said {
        time: now(),
        level,
        message,
    })
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a log says when")]
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_json() {
        let line = Line {
            method: "GET",
            path: "/a\n\"b\"",
            peer: IpAddr::from([127, 0, 0, 1]),
            user: Some("dana\u{1b}[31m"),
            status: 200,
            decision: "allowed",
            milliseconds: 3,
        };
        let written = bytes(&Written {
            time: 1.5,
            level: "info",
            line: &line,
        });
        let text = String::from_utf8(written).unwrap();
        assert_eq!(
            text,
            "{\"time\":1.5,\"level\":\"info\",\"method\":\"GET\",\"path\":\"/a\\n\\\"b\\\"\",\"peer\":\"127.0.0.1\",\
             \"user\":\"dana\\u001b[31m\",\"status\":200,\"decision\":\"allowed\",\"milliseconds\":3}\n"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(TEXT_BYTES);
        assert_eq!(cut(&text).len(), TEXT_BYTES);
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&format!("a{text}")).len(), TEXT_BYTES - 1);
    }
}
