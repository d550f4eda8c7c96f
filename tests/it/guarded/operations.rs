//! What whoever runs the guard needs: reloads that keep the last good one, readiness, an end that waits, what is counted.

use std::time::{Duration, Instant};

use super::recorder::SLOW;
use super::{CONFIG, Guard, World, with_token};
use crate::program::Folder;
use crate::walk::authority::{Authority, Signed};
use crate::walk::client::Target;

/// How long a reload may take that is looked for every second.
const SOON: Duration = Duration::from_secs(10);

/// Waits until something is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn counted(guard: &Guard, event: &str) -> u64 {
    let answer = guard
        .endpoints
        .exchange("GET", "/metrics", &[("Host", "guard.test")], b"");
    let text = answer.unwrap().text();
    let name = format!("gatewright_proxy_events_total{{event=\"{event}\"}} ");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&name).map(str::to_owned));
    line.map_or(0, |count| count.parse().unwrap())
}

fn ask(guard: &Guard, path: &str) -> u16 {
    let answer = guard
        .endpoints
        .exchange("GET", path, &[("Host", "guard.test")], b"");
    answer.unwrap().status
}

#[test]
fn a_torn_certificate_pair_keeps_the_last_good_one() {
    let Some(world) = World::new() else { return };
    let folder = Folder::new("guarded-certificates");
    let [one, two] = ["one", "two"].map(Authority::new);
    let write = |certificate: &Signed, key: &Signed| {
        folder.write("tls.crt", &certificate.certificate);
        folder.write("tls.key", &key.key);
    };
    let (first, second) = (one.sign(&["guard.test"]), two.sign(&["guard.test"]));
    write(&first, &first);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let flags = [
        format!("--tls-cert-file={}", path("tls.crt")),
        format!("--tls-private-key-file={}", path("tls.key")),
        "--tls-reload-interval=1s".to_owned(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let guard = Guard::start(world, "guarded-reload", &flags);
    let trusts = |authority: &Authority| {
        let target = Target::new(guard.target.address(), "guard.test", Some(authority.pem()));
        target.connect().is_ok()
    };
    assert!(trusts(&one) && !trusts(&two));
    // The certificate is there, its key not yet.
    write(&second, &first);
    eventually("the torn pair is seen", || counted(&guard, "ReloadFailed") > 0);
    assert!(trusts(&one) && !trusts(&two));
    folder.write("tls.crt", "nothing");
    let before = counted(&guard, "ReloadFailed");
    eventually("what is no certificate is seen", || {
        counted(&guard, "ReloadFailed") > before
    });
    assert!(trusts(&one));
    write(&second, &second);
    eventually("the new pair is served", || trusts(&two));
    assert!(!trusts(&one));
    assert_eq!(
        guard.send(&with_token("GET", "/after-reload", &world.allowed, &[])),
        Some(200)
    );
}

#[test]
fn a_configuration_is_read_again_and_a_broken_one_is_not_used() {
    let Some(world) = World::new() else { return };
    let guard = Guard::start(world, "guarded-rules", &["--tls-reload-interval=1s"]);
    let get = || guard.send(&with_token("GET", "/rules", &world.allowed, &[]));
    assert_eq!(get(), Some(200));
    let config = guard.path().join("config-file.yaml");
    std::fs::write(
        &config,
        "authorization: {resourceAttributes: {namspace: guarded}}\n",
    )
    .unwrap();
    eventually("the broken file is seen", || counted(&guard, "ReloadFailed") > 0);
    assert_eq!(get(), Some(200));
    std::fs::write(&config, CONFIG.replace("name: mine", "name: yours")).unwrap();
    eventually("the new file is in use", || get() == Some(403));
    std::fs::write(&config, CONFIG).unwrap();
    eventually("the first file is in use again", || get() == Some(200));
}

#[test]
fn draining_waits_for_who_is_being_served_and_no_longer() {
    let Some(world) = World::new() else { return };
    let guard = Guard::start(world, "guarded-drain", &["--drain-timeout=6s"]);
    assert_eq!(ask(&guard, "/readyz"), 200);
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    let mut socket = guard.target.connect().unwrap();
    socket
        .send(&with_token("GET", "/socket", &world.allowed, &upgrade))
        .unwrap();
    assert_eq!(socket.head().unwrap().status, 101);
    let mut running = guard.target.connect().unwrap();
    running
        .send(&with_token("GET", "/slow", &world.allowed, &[]))
        .unwrap();
    guard.program.wait(|| guard.upstream.has("/slow").then_some(()));
    let since = Instant::now();
    guard.program.signal("TERM");
    eventually("it says that it is not ready", || ask(&guard, "/readyz") == 503);
    assert_eq!(ask(&guard, "/healthz"), 200);
    eventually("nobody new is let in", || guard.target.connect().is_err());
    let answer = running.answer("GET").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(since.elapsed() < SLOW + Duration::from_secs(2));
    // The socket goes on until the deadline.
    socket.send(b"still here").unwrap();
    assert_eq!(socket.take(10).unwrap(), b"still here");
    socket.patience(Duration::from_secs(20));
    let ended = socket.bytes();
    assert!(
        matches!(&ended, Ok(bytes) if bytes.is_empty()) || ended.is_err(),
        "{ended:?}"
    );
    let lasted = since.elapsed();
    assert!(
        lasted > Duration::from_secs(5) && lasted < Duration::from_secs(15),
        "{lasted:?}"
    );
}

#[test]
fn what_is_counted_and_what_is_written_names_no_token() {
    let Some(world) = World::new() else { return };
    let guard = Guard::start(world, "guarded-counted", &["--v=10"]);
    let query = format!("/counted?token={}", world.allowed);
    assert_eq!(
        guard.send(&with_token("GET", &query, &world.allowed, &[])),
        Some(200)
    );
    for _ in 0..3 {
        assert_eq!(
            guard.send(&with_token("GET", "/counted", &world.allowed, &[])),
            Some(200)
        );
        assert_eq!(
            guard.send(&with_token("GET", "/counted", "a-junk-token", &[])),
            Some(401)
        );
    }
    assert_eq!(counted(&guard, "SubjectAccessReview"), 1);
    assert_eq!(counted(&guard, "DecisionCacheHit"), 3);
    assert_eq!(counted(&guard, "TokenCacheHit"), 3);
    assert!(counted(&guard, "TokenReview") <= 3);
    let log = guard.program.log();
    assert!(
        !log.contains(&world.allowed) && !log.contains("a-junk-token"),
        "{log}"
    );
    let lines = guard.lines();
    let known = lines.iter().filter(|line| line["decision"] == "allowed").count();
    assert_eq!(known, 4, "{log}");
    let line = lines.iter().find(|line| line["decision"] == "allowed").unwrap();
    assert_eq!(line["user"], "system:serviceaccount:guarded:dana");
    assert_eq!(line["path"], "/counted");
    assert_eq!(line["status"], 200);
}
