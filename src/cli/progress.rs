//! A line on the terminal when something takes longer than a second, and only then.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long people wait before they want to know why.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows a line while it lives, once patience has run out.
pub(super) struct Progress {
    done: Option<(Sender<()>, JoinHandle<()>)>,
}

// === impl Progress ===

impl Progress {
    /// Begins to wait. Does nothing where standard error is no terminal.
    pub(super) fn begin(what: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { done: None };
        }
        let (done, wait) = channel::<()>();
        let thread = std::thread::spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = write!(std::io::stderr(), "gatewright: {what} …");
                let _ = wait.recv();
                let _ = write!(std::io::stderr(), "\r\u{1b}[K");
            }
        });
        Self {
            done: Some((done, thread)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.done.take() {
            drop(done);
            let _ = thread.join();
        }
    }
}
