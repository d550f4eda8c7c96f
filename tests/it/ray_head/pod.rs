//! A pod with a real head of Ray in it: `pod.py` in namespaces of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::parts;
use crate::program::Folder;

/// The pod's own address.
pub(super) const ADDRESS: &str = "10.244.0.7";
/// Ray's own way to say that a head works.
const HEALTH: &str = "/api/gcs_healthz";
/// A head is there after ten seconds; this is for busy machines.
const PATIENCE: Duration = Duration::from_mins(4);

/// A pod.
pub(super) struct Pod {
    folder: Folder,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a program in the pod did.
#[derive(Debug)]
pub(super) struct Done {
    /// Exit status; none where it did not end in time.
    pub(super) code: Option<i64>,
    /// What it printed.
    pub(super) stdout: String,
    /// What it complained of.
    #[expect(dead_code, reason = "told where a test fails")]
    pub(super) stderr: String,
}

/// Whether this machine lets us make a pod: it may forbid namespaces.
pub(super) fn possible() -> bool {
    let mut command = unshare();
    command.arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    let possible = command.status().is_ok_and(|status| status.success());
    if !possible {
        parts::say(
            "SKIPPED: unshare makes no namespaces here, and a head of Ray is not started outside of one",
        );
    }
    possible
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--net",
        "--pid",
        "--mount-proc",
        "--fork",
        "--kill-child",
    ]);
    command
}

/// The Python that Ray was installed for.
fn python() -> PathBuf {
    let script = std::fs::read_to_string(parts::ray().join("bin/ray")).unwrap();
    PathBuf::from(script.lines().next().unwrap().trim_start_matches("#!"))
}

/// A file beside this one.
pub(super) fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/ray_head")
        .join(name);
    path.to_str().unwrap().to_owned()
}

// === impl Pod ===

impl Pod {
    /// An empty one.
    pub(super) fn start() -> Self {
        // A short name: Ray's sockets are in it, and a socket's path has an end.
        let folder = Folder::new("ray");
        let mut command = unshare();
        command.arg(python()).args([&script("pod.py"), ADDRESS]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            folder,
            child,
            requests,
            answers,
        }
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests.as_mut().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the pod is gone, at {request}");
        serde_json::from_str(&line).unwrap()
    }

    /// What every process gets: the image's share of the environment, and a home of its own.
    fn environment(&self, home: &str, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let ray = parts::ray();
        let home = self.folder.path().join(home);
        std::fs::create_dir_all(&home).unwrap();
        let path = format!(
            "{}:{}:/usr/bin:/bin",
            python().parent().unwrap().display(),
            ray.join("bin").display()
        );
        let mut all = BTreeMap::from([
            ("PATH".to_owned(), path),
            ("PYTHONPATH".to_owned(), ray.display().to_string()),
            ("HOME".to_owned(), home.display().to_string()),
            ("RAY_TMPDIR".to_owned(), self.folder.path().display().to_string()),
            ("RAY_USAGE_STATS_ENABLED".to_owned(), "0".to_owned()),
            // Each client gets a server of its own, which takes its time on a busy machine.
            (
                "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S".to_owned(),
                "200".to_owned(),
            ),
        ]);
        all.extend(own.clone());
        all
    }

    /// Puts a token where Ray looks for one of its user.
    pub(super) fn token_at_home(&self, token: &str) {
        let folder = self.folder.path().join("ray/.ray");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("auth_token"), token).unwrap();
    }

    /// Runs a head, and waits until it works.
    pub(super) fn head(&mut self, command: &str, environment: &BTreeMap<String, String>) {
        let environment = self.environment("ray", environment);
        let log = self.folder.path().join("head.log");
        self.ask(&json!({ "start": ["/bin/bash", "-c", "--", command], "env": environment, "log": log }));
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let healthy = self.get("127.0.0.1", 8265, HEALTH, &[]) == Ok(200);
            if healthy && !self.listening(10001).is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!(
            "no head after {PATIENCE:?}\n{}",
            std::fs::read_to_string(log).unwrap()
        );
    }

    /// The status of an answer, or what went wrong.
    pub(super) fn get(
        &mut self,
        host: &str,
        port: u16,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<u64, String> {
        let headers: BTreeMap<_, _> = headers.iter().copied().collect();
        let answer = self.ask(&json!({ "get": [host, port, "GET", path], "headers": headers }));
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["status"].as_u64().unwrap()),
        }
    }

    /// The addresses on which somebody listens at a port.
    pub(super) fn listening(&mut self, port: u16) -> Vec<String> {
        let answer = self.ask(&json!({ "listening": port }));
        let addresses = answer["addresses"].as_array().unwrap();
        addresses
            .iter()
            .map(|address| address.as_str().unwrap().to_owned())
            .collect()
    }

    /// Runs a program of somebody else in the pod, who has no token unless the environment brings one.
    pub(super) fn run(&mut self, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
        let own = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = self.environment("somebody", &own.collect());
        let answer =
            self.ask(&json!({ "run": arguments, "env": environment, "seconds": PATIENCE.as_secs() }));
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        Done {
            code: answer["code"].as_i64(),
            stdout: text("stdout"),
            stderr: text("stderr"),
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // The first process of the namespaces ends with its input, and the kernel ends all others.
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}
