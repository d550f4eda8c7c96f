//! The guard that runs: the real program in front of an upstream that writes down every byte, asking the real API server.

mod attacks;
mod operations;
mod recorder;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use self::recorder::Recorder;
use crate::control_plane::{self, ControlPlane};
use crate::program::{Folder, GATEWRIGHT};
use crate::walk::background::Background;
use crate::walk::client::Target;

/// What the configuration of these tests asks about.
const CONFIG: &str = "\
authorization:
  resourceAttributes:
    namespace: guarded
    apiGroup: kubeflow.org
    apiVersion: v1
    resource: notebooks
    verb: get
    name: mine
";
/// Who may: the token of this account, made by the API server.
const ALLOWED: &str = "dana";
/// Who may not.
const STRANGER: &str = "mallory";

/// A guard, what is behind it, and two tokens.
struct Guard {
    program: Background,
    upstream: Recorder,
    target: Target,
    endpoints: Target,
    folder: Folder,
}

/// The API server with the accounts and roles of these tests.
struct World {
    plane: &'static ControlPlane,
    allowed: String,
    stranger: String,
}

// === impl World ===

impl World {
    /// None where a part is missing.
    fn new() -> Option<&'static Self> {
        static WORLD: std::sync::OnceLock<Option<World>> = std::sync::OnceLock::new();
        WORLD
            .get_or_init(|| {
                let plane = control_plane::shared()?;
                plane.namespaces(["guarded"]);
                let account = |name: &str| {
                    json!({ "apiVersion": "v1", "kind": "ServiceAccount",
                        "metadata": { "name": name, "namespace": "guarded" } })
                };
                let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                    "metadata": { "name": "mine", "namespace": "guarded" },
                    "rules": [{ "apiGroups": ["kubeflow.org"], "resources": ["notebooks"],
                        "resourceNames": ["mine"], "verbs": ["get"] }] });
                let binding = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                    "metadata": { "name": "mine", "namespace": "guarded" },
                    "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "mine" },
                    "subjects": [{ "kind": "ServiceAccount", "name": ALLOWED, "namespace": "guarded" }] });
                let objects = [account(ALLOWED), account(STRANGER), role, binding];
                plane.on(&["apply", "--server-side"], &objects);
                Some(World {
                    plane,
                    allowed: token(plane, ALLOWED),
                    stranger: token(plane, STRANGER),
                })
            })
            .as_ref()
    }

    fn kubeconfig(&self) -> String {
        let file = self.plane.folder().join("kubeconfig");
        file.to_str().unwrap().to_owned()
    }
}

/// A token of an account, from the API server itself.
fn token(plane: &ControlPlane, account: &str) -> String {
    let arguments = ["create", "token", account, "-n", "guarded", "--duration=1h"];
    plane.output(&arguments, b"").trim().to_owned()
}

// === impl Guard ===

impl Guard {
    /// Starts one with [`CONFIG`] and these flags.
    fn start(world: &World, name: &str, flags: &[&str]) -> Self {
        Self::with(world, name, Some(CONFIG), flags)
    }

    /// Starts one with a configuration, or none.
    fn with(world: &World, name: &str, config: Option<&str>, flags: &[&str]) -> Self {
        let folder = Folder::new(name);
        let upstream = Recorder::start();
        let (port, endpoints) = (free_port(), free_port());
        let mut command = vec![
            GATEWRIGHT.to_owned(),
            "proxy".to_owned(),
            format!("--secure-listen-address=127.0.0.1:{port}"),
            format!("--proxy-endpoints-port={endpoints}"),
            format!("--upstream=http://{}/", upstream.address()),
            format!("--kubeconfig={}", world.kubeconfig()),
            "--auth-header-fields-enabled=true".to_owned(),
            "--auth-header-user-field-name=X-Auth-Request-User".to_owned(),
            "--auth-header-groups-field-name=X-Auth-Request-Groups".to_owned(),
        ];
        if let Some(config) = config {
            let file = folder.write("config-file.yaml", config);
            command.push(format!("--config-file={}", file.display()));
        }
        command.extend(flags.iter().map(ToString::to_string));
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let log = folder.path().join("guard.log");
        let program = Background::start(&words, &[], &log);
        let target = |port: u16| Target::new(([127, 0, 0, 1], port).into(), "guard.test", None);
        let guard = Self {
            program,
            upstream,
            target: target(port),
            endpoints: target(endpoints),
            folder,
        };
        guard.program.wait(|| guard.target.connect().ok().map(drop));
        guard
    }

    /// Sends exactly these bytes on a connection of their own. The first answer's status; none where the connection ends
    /// without one.
    fn send(&self, bytes: &[u8]) -> Option<u16> {
        let mut connection = self.target.connect().ok()?;
        connection.patience(Duration::from_secs(15));
        connection.send(bytes).ok()?;
        connection.head().ok().map(|answer| answer.status)
    }

    /// The JSON lines that it wrote.
    fn lines(&self) -> Vec<Value> {
        let log = self.program.log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A request with a bearer token and a Host, and these headers more.
fn with_token(method: &str, target: &str, token: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Host", "guard.test"), ("Authorization", bearer.as_str())];
    headers.extend(more);
    crate::walk::client::request(method, target, &headers, b"")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn the_allowed_get_through_and_strangers_do_not() {
    let Some(world) = World::new() else { return };
    let guard = Guard::start(world, "guarded", &[]);
    assert_eq!(
        guard.send(&with_token("GET", "/lab", &world.allowed, &[])),
        Some(200)
    );
    let seen = guard.upstream.take();
    assert_eq!(seen.len(), 1);
    let head = &seen[0];
    assert!(head.starts_with("GET /lab HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(
        head.contains("\r\nx-auth-request-user: system:serviceaccount:guarded:dana\r\n"),
        "{head}"
    );
    assert!(head.contains("system:authenticated"), "{head}");
    assert!(!head.contains("\r\nauthorization:"), "{head}");
    assert_eq!(
        guard.send(&with_token("GET", "/lab", &world.stranger, &[])),
        Some(403)
    );
    assert_eq!(guard.send(&with_token("GET", "/lab", "junk", &[])), Some(401));
    assert_eq!(
        guard.send(b"GET /lab HTTP/1.1\r\nHost: guard.test\r\n\r\n"),
        Some(401)
    );
    assert_eq!(guard.upstream.take(), Vec::<String>::new());
    let log = guard.program.log();
    assert!(
        !log.contains(&world.allowed) && !log.contains(&world.stranger),
        "{log}"
    );
    let decisions: Vec<&str> = log.lines().filter(|line| line.contains("\"decision\"")).collect();
    assert_eq!(decisions.len(), 4, "{log}");
}
