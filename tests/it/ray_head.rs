//! Real heads of Ray, started as KubeRay would start what we emit: the program's own RayCluster gives the command line and the
//! environment (`ray_head/kuberay.rs`), a pod without a way out is where it runs (`ray_head/pod.rs`).
//!
//! Shown are the things that our documents promise of Ray itself, without any guard: that its tokens are off or on as Platform
//! says, whatever this Ray would do by itself; that the dashboard answers on the loopback address alone where it is put there;
//! and which requests by GET are more than looking. The guard in front is shown elsewhere.

mod kuberay;
mod pod;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::api_server::objects;
use crate::parts;
use crate::program::{gatewright, run};
use pod::{ADDRESS, Done, Pod};

/// A token of the Secret, and one that Ray finds in its user's home.
const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const AT_HOME: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// What somebody with a token has in the environment.
const WITH_TOKEN: [(&str, &str); 2] = [("RAY_AUTH_MODE", "token"), ("RAY_AUTH_TOKEN", TOKEN)];
const WITHOUT: [(&str, &str); 1] = [("RAY_AUTH_MODE", "disabled")];

/// Paths that act though they are asked for by GET, in Ray 2.60: a debugger or profiler is attached to a worker, which stands
/// still or slows down for that time. Up to 2.52 there is `/api/actors/kill` besides, which ends an actor.
const ACTING: [&str; 7] = [
    "/memory_profile",
    "/task/cpu_profile",
    "/task/traceback",
    "/worker/cpu_profile",
    "/worker/gpu_profile",
    "/worker/jax_profile",
    "/worker/traceback",
];

/// A head takes a processor for half a minute: one after the other.
static TURNS: Mutex<()> = Mutex::new(());

fn turn() -> Option<MutexGuard<'static, ()>> {
    (parts::needs_ray() && pod::possible()).then(|| TURNS.lock().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn with_tokens_off_ray_asks_for_none() {
    let Some(_turn) = turn() else { return };
    let cluster = rendered("off");
    let environment = kuberay::environment(&cluster, &no_secret);
    assert_eq!(environment["RAY_AUTH_MODE"], "disabled");
    assert_eq!(environment["GREETING"], "hello", "what its author wrote");
    let mut pod = Pod::start();
    pod.token_at_home(AT_HOME);
    pod.head(&kuberay::command(&cluster), &environment);

    assert_eq!(pod.get("127.0.0.1", 8265, "/api/version", &[]), Ok(200));
    works(&mut pod, &WITHOUT);

    // `dashboardHost: Loopback`: nobody gets past the guard to the dashboard.
    assert_eq!(pod.listening(8265), ["127.0.0.1"]);
    let refused = Err("ConnectionRefusedError".to_owned());
    assert_eq!(pod.get(ADDRESS, 8265, "/api/version", &[]), refused);
    // The client server always answers on the loopback address, where the guard asks it, and on the pod's: no setting changes
    // that, so it is up to the policies who reaches it. GCS answers everywhere.
    assert_eq!(pod.listening(10001), [ADDRESS, "127.0.0.1"]);
    assert_eq!(pod.listening(6379), ["::"]);
}

/// The same document as it was written: this Ray asks for tokens as soon as its user has one, and later versions always.
#[test]
fn without_our_word_ray_decides_by_itself() {
    let Some(_turn) = turn() else { return };
    let cluster = written();
    let environment = kuberay::environment(&cluster, &no_secret);
    assert_eq!(environment.get("RAY_AUTH_MODE"), None);
    let mut pod = Pod::start();
    pod.token_at_home(AT_HOME);
    pod.head(&kuberay::command(&cluster), &environment);
    assert_eq!(pod.get("127.0.0.1", 8265, "/api/version", &[]), Ok(401));
    let bearer = format!("Bearer {AT_HOME}");
    let headers = [("Authorization", bearer.as_str())];
    assert_eq!(pod.get("127.0.0.1", 8265, "/api/version", &headers), Ok(200));
    assert_eq!(knocks(&mut pod, &[AT_HOME]), ["UNAUTHENTICATED", "OK"]);
    assert_eq!(
        pod.get(ADDRESS, 8265, "/api/version", &headers),
        Ok(200),
        "as KubeRay starts it"
    );
}

#[test]
fn with_a_tokens_secret_ray_asks_for_that_token() {
    let Some(_turn) = turn() else { return };
    let cluster = rendered("secret");
    let secrets = |name: &str, key: &str| {
        assert_eq!((name, key), ("ray-token", "auth_token"));
        TOKEN.to_owned()
    };
    let environment = kuberay::environment(&cluster, &secrets);
    assert_eq!(environment["RAY_AUTH_MODE"], "token");
    let mut pod = Pod::start();
    pod.token_at_home(AT_HOME);
    pod.head(&kuberay::command(&cluster), &environment);

    let (right, wrong) = (format!("Bearer {TOKEN}"), format!("Bearer {AT_HOME}"));
    for (headers, status) in [
        (&[][..], 401),
        (&[("Authorization", right.as_str())], 200),
        (&[("X-Ray-Authorization", right.as_str())], 200),
        (&[("Authorization", wrong.as_str())], 403),
        (&[("X-Ray-Authorization", wrong.as_str())], 403),
        // A gateway's token comes first, and is not Ray's: that is why routes and guards take it away.
        (
            &[
                ("Authorization", wrong.as_str()),
                ("X-Ray-Authorization", right.as_str()),
            ],
            403,
        ),
    ] {
        for path in ["/api/version", "/nodes?view=summary", "/api/jobs/"] {
            assert_eq!(
                pod.get("127.0.0.1", 8265, path, headers),
                Ok(status),
                "{path} with {headers:?}"
            );
        }
        // KubeRay's probes have no token.
        assert_eq!(pod.get("127.0.0.1", 8265, "/api/gcs_healthz", headers), Ok(200));
    }
    let submitted = submit(&mut pod, &WITHOUT);
    assert_ne!(submitted.code, Some(0), "{submitted:?}");
    assert_eq!(
        knocks(&mut pod, &[AT_HOME, TOKEN]),
        ["UNAUTHENTICATED", "UNAUTHENTICATED", "OK"]
    );
    works(&mut pod, &WITH_TOKEN);
}

/// `rayClusters.readers` may ask whatever is asked by GET. What that is in this version of Ray.
#[test]
fn what_is_asked_by_get() {
    if !parts::needs_ray() {
        return;
    }
    let mut command = Command::new("python3");
    command
        .arg(pod::script("routes.py"))
        .arg(parts::ray().join("ray"));
    let routes = run(command, b"");
    assert_eq!(routes.code, 0, "{}", routes.stderr);
    let acting: Vec<&str> = routes
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("acts "))
        .collect();
    assert_eq!(acting, ACTING);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("ray-get-routes", routes.stdout));
}

// --- what people do ---

/// Submits a job, follows its log, and works on the cluster by Ray Client.
fn works(pod: &mut Pod, environment: &[(&str, &str)]) {
    let submitted = submit(pod, environment);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let address = "--address=http://127.0.0.1:8265";
    let log = pod.run(&["ray", "job", "logs", address, "--follow", "one"], environment);
    assert!(
        log.code == Some(0) && log.stdout.contains("the answer is 42"),
        "{log:?}"
    );
    let work = pod.run(&["python3", &pod::script("work.py")], environment);
    assert!(
        work.code == Some(0) && work.stdout.contains("answers 42 5"),
        "{work:?}"
    );
}

fn submit(pod: &mut Pod, environment: &[(&str, &str)]) -> Done {
    let job = "import ray; ray.init(); print('the answer is', ray.get(ray.remote(lambda: 6 * 7).remote()))";
    let address = "--address=http://127.0.0.1:8265";
    let submit = [
        "ray",
        "job",
        "submit",
        address,
        "--submission-id=one",
        "--no-wait",
        "--",
        "python3",
        "-c",
        job,
    ];
    pod.run(&submit, environment)
}

/// What the client server says without a token, and with each of these.
fn knocks(pod: &mut Pod, tokens: &[&str]) -> Vec<String> {
    let script = pod::script("knock.py");
    let done = pod.run(&[&["python3", script.as_str()], tokens].concat(), &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    done.stdout.lines().map(str::to_owned).collect()
}

// --- what is rendered ---

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    root().join(format!("fixtures/ray/head/{name}.yaml"))
}

/// The RayCluster under one of the Platforms.
fn rendered(platform: &str) -> Value {
    let files = [fixture(platform), fixture("cluster")];
    let arguments: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let answer = gatewright(&[&["render"], &arguments[..]].concat(), b"");
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    cluster(&answer.stdout)
}

/// The RayCluster as its author wrote it.
fn written() -> Value {
    cluster(&fs::read_to_string(fixture("cluster")).unwrap())
}

fn cluster(text: &str) -> Value {
    let mut clusters = objects(text)
        .into_iter()
        .filter(|object| object["kind"] == "RayCluster");
    let cluster = clusters.next().unwrap();
    assert_eq!(clusters.next(), None);
    cluster
}

fn no_secret(name: &str, key: &str) -> String {
    panic!("nothing is read out of Secret {name}, key {key}")
}
