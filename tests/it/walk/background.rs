//! Programs that run beside a test and end with it, however it ends.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs what it is given, its output to the file named first, until its own standard input ends, which it does however the
/// test process ends; then kills it.
const KEEPER: &str = r#"
log=$1
shift
"$@" >"$log" 2>&1 </dev/null &
program=$!
trap 'kill -KILL "$program" 2>/dev/null; wait' EXIT
trap 'exit 0' HUP INT TERM
read -r line
"#;

/// How long a program may take to be ready; on an idle machine each takes a second.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program that runs.
pub(crate) struct Background {
    keeper: Child,
    log: PathBuf,
}

// === impl Background ===

impl Background {
    /// Starts a program; what it prints goes to the file `log`. Its environment is that of the tests and what is added.
    pub(crate) fn start(program: &[&str], environment: &[(&str, &str)], log: &Path) -> Self {
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(log)
            .args(program)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A key that interrupts the tests ends its input, and nothing else.
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            keeper,
            log: log.to_owned(),
        }
    }

    /// What it has printed.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends the program a signal (`TERM`), by kill.
    #[cfg(feature = "proxy")]
    pub(crate) fn signal(&self, name: &str) {
        let keeper = self.keeper.id();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap();
        let program = children.split_whitespace().next().expect("the program runs");
        let sent = Command::new("kill")
            .args([&format!("-{name}"), program])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until something is so.
    pub(crate) fn wait<T>(&self, until: impl Fn() -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = until() {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "not ready:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
