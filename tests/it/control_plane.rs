//! A real API server: etcd and kube-apiserver with RBAC and the real CRDs, and kubectl to talk to it.
//!
//! It is started once, when the first test asks for it, on a free port of the loopback interface, with a folder of its own
//! for everything. Nothing but an API server is there: no controller, so no pods, no status and no garbage collection, and
//! a namespace that is deleted stays. Tests therefore keep to namespaces of their own, or clean up object by object.
//!
//! Kubeflow's Notebook CRD is the file that `GATEWRIGHT_NOTEBOOK_CRD` names; without one, `fixtures/crds` stands in. The
//! other CRDs there are always installed.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gatewright::krm::source::Source;
use gatewright::krm::stream;
use serde_json::{Value, json};

use crate::parts;
use crate::program::{Run, gatewright, run};

/// Who keeps both programs running, and stops them when its standard input ends, which it does however the test process
/// ends. Arguments: folder of programs, folder for files, port.
///
/// - Clients reach etcd through a socket in the folder; its port for other members goes unused.
/// - No durability: `--unsafe-no-fsync`.
/// - The signing key of `ServiceAccount` tokens is the one that the server makes for its certificate.
/// - Admission of pods would ask for `ServiceAccount` objects that nobody makes here.
const KEEPER: &str = r#"
cd "$2" || exit
"$1/etcd" --name=tests --data-dir=etcd --unsafe-no-fsync \
  --listen-client-urls="unix://$2/etcd.sock" --advertise-client-urls=http://127.0.0.1:1 \
  --listen-peer-urls=http://127.0.0.1:0 >etcd.log 2>&1 &
etcd=$!
"$1/kube-apiserver" --etcd-servers="unix://$2/etcd.sock" --cert-dir=. \
  --bind-address=127.0.0.1 --secure-port="$3" --service-cluster-ip-range=10.0.0.0/24 \
  --authorization-mode=RBAC --token-auth-file=tokens.csv \
  --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file=apiserver.crt --service-account-signing-key-file=apiserver.key \
  --disable-admission-plugins=ServiceAccount >kube-apiserver.log 2>&1 &
server=$!
trap 'exit 0' HUP INT TERM
trap 'kill -KILL "$server" "$etcd"; wait; cd /; rm -rf "$2"' EXIT
read -r line
"#;

/// What a server says that came too late for its port.
const PORT_TAKEN: &str = "address already in use";
/// Files in `fixtures/crds` with kinds of which no CRD is published, or whose fields do not matter here.
const STAND_INS: [&str; 2] = ["open-data-hub", "openshift-oauth"];
/// KubeRay's definitions, and where a Ray cluster's spec is in each.
const KUBERAY: [(&str, &str); 3] = [
    ("rayclusters", ""),
    ("rayjobs", "/properties/rayClusterSpec"),
    ("rayservices", "/properties/rayClusterConfig"),
];
/// Ports that are tried one after the other.
const ATTEMPTS: usize = 5;
/// A server is ready after two seconds; this is for busy machines.
const PATIENCE: Duration = Duration::from_secs(90);

/// A control plane that runs.
pub(crate) struct ControlPlane {
    folder: PathBuf,
    keeper: Child,
}

/// The control plane with all CRDs that the tests share, or nothing where a part is missing.
pub(crate) fn shared() -> Option<&'static ControlPlane> {
    static SHARED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    // All of them, so that each one that is missing gets its line.
    let parts = ["etcd", "kube-apiserver", "kubectl"].map(parts::needs);
    if parts.contains(&false) {
        return None;
    }
    match SHARED.get_or_init(|| with_all_crds("control-plane")) {
        Ok(plane) => Some(plane),
        Err(why) => panic!("{why}"),
    }
}

/// A control plane with all CRDs, for a test that would be in the way of others.
pub(crate) fn with_all_crds(name: &str) -> Result<ControlPlane, String> {
    let notebooks = real_notebook_crd().unwrap_or_else(|| {
        parts::say("GATEWRIGHT_NOTEBOOK_CRD is not set: fixtures/crds stands in for Kubeflow's CRD");
        stand_in_notebook_crd()
    });
    let plane = ControlPlane::start(name)?;
    let mut files = vec![notebooks, parts::crds()];
    files.extend(STAND_INS.map(fixture));
    plane.install(&files)?;
    Ok(plane)
}

/// A control plane with KubeRay's definitions alone, as its 1.7 has them: `fixtures/crds/kuberay-1.7.yaml` put into those that
/// are installed everywhere else.
pub(crate) fn with_newer_kuberay(name: &str) -> Result<ControlPlane, String> {
    let fields = newer_fields();
    let plane = ControlPlane::start(name)?;
    let mut files = Vec::new();
    for (plural, cluster) in KUBERAY {
        let original = parts::crds().join(format!("ray.io_{plural}.yaml"));
        // v1 is the first version in each; v1alpha1 has not got these fields in 1.7 either.
        let spec = format!("/spec/versions/0/schema/openAPIV3Schema/properties/spec{cluster}/properties");
        let added: Vec<Value> = fields
            .iter()
            .map(|(field, schema)| json!({ "op": "add", "path": format!("{spec}/{field}"), "value": schema }))
            .collect();
        let version = json!({ "op": "test", "path": "/spec/versions/0/name", "value": "v1" });
        let patch: Value = [version].into_iter().chain(added).collect();
        let patch = patch.to_string();
        let arguments = [
            "patch",
            "--local",
            "--type=json",
            "-o",
            "json",
            "-p",
            &patch,
            "-f",
        ];
        let patched = plane.checked(&[&arguments[..], &[original.to_str().unwrap()]].concat(), b"")?;
        let file = plane.folder.join(format!("{plural}.json"));
        std::fs::write(&file, patched).unwrap();
        files.push(file);
    }
    plane.install(&files)?;
    Ok(plane)
}

/// The fields of a Ray cluster's spec that KubeRay has from 1.7 on, and their schemas.
pub(crate) fn newer_fields() -> serde_json::Map<String, Value> {
    let text = std::fs::read(fixture("kuberay-1.7")).unwrap();
    let source = Source::from_bytes("kuberay-1.7", text).unwrap();
    let items = stream::frame(&source).unwrap().items;
    let value = items[0].piece(&source).value().unwrap();
    value["fields"].as_object().unwrap().clone()
}

/// Kubeflow's CRD, if this machine has it.
pub(crate) fn real_notebook_crd() -> Option<PathBuf> {
    let named = std::env::var_os("GATEWRIGHT_NOTEBOOK_CRD").filter(|path| !path.is_empty())?;
    Some(PathBuf::from(named))
}

/// Our own CRD in its place.
pub(crate) fn stand_in_notebook_crd() -> PathBuf {
    fixture("notebooks")
}

/// A file of `fixtures/crds`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/crds/{name}.yaml"))
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts one without any CRD.
    pub(crate) fn start(name: &str) -> Result<Self, String> {
        for _ in 0..ATTEMPTS {
            if let Some(plane) = Self::start_at(name, free_port())? {
                return Ok(plane);
            }
        }
        Err("no port stayed free for kube-apiserver".to_owned())
    }

    /// Nothing if another program took the port before.
    fn start_at(name: &str, port: u16) -> Result<Option<Self>, String> {
        let folder = std::env::temp_dir().join(format!("gatewright-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        let token = random();
        let user = format!("{token},admin,admin,\"system:masters\"\n");
        std::fs::write(folder.join("tokens.csv"), user).unwrap();
        std::fs::write(
            folder.join("kubeconfig"),
            kubeconfig(&folder, port, &token).to_string(),
        )
        .unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args([parts::folder().as_path(), &folder])
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A key that interrupts the tests ends its input, and nothing else.
            .process_group(0)
            .spawn()
            .unwrap();
        let plane = Self { folder, keeper };
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if plane.kubectl(&["get", "--raw=/readyz"], b"").code == 0 {
                return Ok(Some(plane));
            }
            if plane.log("kube-apiserver").contains(PORT_TAKEN) {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = |name| {
            let log = plane.log(name);
            let from = log.len().saturating_sub(4000);
            log.get(from..).unwrap_or_default().to_owned()
        };
        Err(format!(
            "the API server is not ready after {} s\n{}\n{}",
            PATIENCE.as_secs(),
            log("etcd"),
            log("kube-apiserver")
        ))
    }

    /// Installs our own CRDs and those of files or folders, and waits until they are served.
    pub(crate) fn install(&self, files: &[PathBuf]) -> Result<(), String> {
        let ours = gatewright(&["crds"], b"");
        assert_eq!(ours.code, 0, "{}", ours.stderr);
        let mut apply = vec!["apply", "--server-side", "-o", "name", "-f", "-"];
        for file in files {
            apply.extend(["-f", file.to_str().unwrap()]);
        }
        let applied = self.checked(&apply, ours.stdout.as_bytes())?;
        let names: Vec<&str> = applied
            .lines()
            .filter_map(|line| line.strip_prefix("customresourcedefinition.apiextensions.k8s.io/"))
            .collect();
        let since = Instant::now();
        loop {
            // `kubectl wait` asks for each of them anew, which takes longer than all the rest.
            let served = self.kubectl(&["api-resources", "-o", "name"], b"");
            let served: BTreeSet<&str> = served.stdout.lines().collect();
            let Some(missing) = names.iter().find(|name| !served.contains(**name)) else {
                return Ok(());
            };
            if since.elapsed() > PATIENCE {
                return Err(format!("{missing} is not served after {} s", PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// kubectl as the administrator, with something on standard input.
    pub(crate) fn kubectl(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        let mut command = Command::new(parts::find("kubectl").unwrap());
        command
            .args(arguments)
            .env("HOME", &self.folder)
            .env("KUBECONFIG", self.folder.join("kubeconfig"));
        run(command, stdin)
    }

    fn checked(&self, arguments: &[&str], stdin: &[u8]) -> Result<String, String> {
        let answer = self.kubectl(arguments, stdin);
        if answer.code == 0 {
            Ok(answer.stdout)
        } else {
            Err(format!("kubectl {}: {}", arguments.join(" "), answer.stderr))
        }
    }

    /// The output of kubectl, which must succeed.
    pub(crate) fn output(&self, arguments: &[&str], stdin: &[u8]) -> String {
        match self.checked(arguments, stdin) {
            Ok(output) => output,
            Err(why) => panic!("{why}"),
        }
    }

    /// Runs kubectl on objects and gives what it prints of each, in their order.
    pub(crate) fn on(&self, arguments: &[&str], objects: &[Value]) -> Vec<Value> {
        if objects.is_empty() {
            return Vec::new(); // kubectl takes that for a mistake
        }
        let mut all = arguments.to_vec();
        all.extend(["-o", "json", "-f", "-"]);
        let output = self.output(&all, list(objects).to_string().as_bytes());
        // One after the other or in a List, as the command likes.
        let mut answers = Vec::new();
        for value in serde_json::Deserializer::from_str(&output).into_iter::<Value>() {
            match value.unwrap() {
                Value::Object(mut value) if value["kind"] == "List" => {
                    answers.extend(value["items"].take().as_array().unwrap().iter().cloned());
                }
                value => answers.push(value),
            }
        }
        assert_eq!(answers.len(), objects.len(), "kubectl {}", arguments.join(" "));
        answers
    }

    /// Makes namespaces that are not there yet.
    pub(crate) fn namespaces<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let namespace =
            |name: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        let objects: Vec<Value> = names.into_iter().map(namespace).collect();
        self.on(&["apply", "--server-side", "--validate=false"], &objects);
    }

    fn log(&self, program: &str) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = std::fs::File::open(self.folder.join(format!("{program}.log"))) {
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Where its files are, as long as it runs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// What kubectl needs to know. The certificate is the server's own, so nobody else on that port is believed.
fn kubeconfig(folder: &Path, port: u16, token: &str) -> Value {
    let certificate = folder.join("apiserver.crt");
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "tests", "cluster": {
            "server": format!("https://127.0.0.1:{port}"), "certificate-authority": certificate } }],
        "users": [{ "name": "admin", "user": { "token": token } }],
        "contexts": [{ "name": "tests", "context": { "cluster": "tests", "user": "admin" } }],
        "current-context": "tests",
    })
}

/// Objects in one document.
fn list(objects: &[Value]) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": objects })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A token that others on this machine cannot guess.
fn random() -> String {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .unwrap()
        .read_exact(&mut bytes)
        .unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
