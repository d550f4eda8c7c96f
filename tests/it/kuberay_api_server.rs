//! KubeRay's API server: what was put in comes out again to the byte, no token in plain text is left anywhere, and `verify` finds
//! no way past a guard, until the policy is taken away.

use std::fs;
use std::path::PathBuf;

use crate::program::{Folder, Run, gatewright};

/// The token in the chart's values.
const CHARTS_TOKEN: &str = "12345";

fn fixtures(start: &str) -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/fn");
    let mut found: Vec<(String, String)> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let text = fs::read_to_string(path.join("input.yaml")).ok()?;
            name.starts_with(start).then_some((name, text))
        })
        .collect();
    found.sort();
    found
}

fn fixture(name: &str) -> String {
    let (_, text) = fixtures(name).remove(0);
    text
}

fn render(text: &str) -> Run {
    gatewright(&["fn"], text.as_bytes())
}

fn verify(text: &str) -> Run {
    let folder = Folder::new("kuberay-api-server");
    let path = folder.write("all.yaml", text);
    gatewright(&["verify", path.to_str().unwrap()], b"")
}

fn off(text: &str) -> String {
    // Without quotes it is a boolean.
    text.replace("guard: Token", "guard: \"Off\"")
        .replace("guard: Review", "guard: \"Off\"")
}

#[test]
fn rendering_twice_is_rendering_once() {
    let mut rendered = 0;
    for (name, text) in fixtures("kuberay-api-server-") {
        let once = render(&text);
        if once.code == 0 {
            rendered += 1;
            let twice = render(&once.stdout);
            assert_eq!(
                (twice.code, twice.stdout),
                (0, once.stdout),
                "{name}: {}",
                twice.stderr
            );
        }
    }
    assert!(rendered >= 10, "{rendered}");
}

#[test]
fn switched_off_every_document_is_what_it_was() {
    let mut switched = 0;
    for (name, text) in fixtures("kuberay-api-server-") {
        let on = render(&text);
        if on.code != 0 || on.stdout == text {
            continue;
        }
        switched += 1;
        let again = render(&off(&on.stdout));
        assert_eq!(again.code, 0, "{name}: {}", again.stderr);
        // A token in plain text is the one thing that does not come back.
        let lines = off(&text).replace("{name: SECURITY_TOKEN, value: \"12345\"}, ", "");
        let mut lines: Vec<&str> = lines.lines().collect();
        if let Some(at) = lines
            .iter()
            .position(|line| line.ends_with(&format!("value: \"{CHARTS_TOKEN}\"")))
        {
            assert!(lines[at - 1].ends_with("- name: SECURITY_TOKEN"), "{name}");
            lines.drain(at - 1..=at);
        }
        assert_eq!(again.stdout.lines().collect::<Vec<_>>(), lines, "{name}");
        let lost = text.contains(CHARTS_TOKEN);
        assert_eq!(
            again.stderr.contains("stays without SECURITY_TOKEN"),
            lost,
            "{name}: {}",
            again.stderr
        );
    }
    assert!(switched >= 8, "{switched}");
}

#[test]
fn a_token_in_plain_text_is_said_and_written_nowhere() {
    let mut taken_out = 0;
    for (name, text) in fixtures("kuberay-api-server-token-") {
        let answer = render(&text);
        assert!(!answer.stderr.contains(CHARTS_TOKEN), "{name}: {}", answer.stderr);
        if answer.code == 0 && text.contains(CHARTS_TOKEN) {
            taken_out += 1;
            assert!(!answer.stdout.contains(CHARTS_TOKEN), "{name}");
            assert!(
                answer.stderr.contains("make a new one"),
                "{name}: {}",
                answer.stderr
            );
        }
    }
    assert_eq!(taken_out, 3);
}

#[test]
fn the_chart_as_it_is_leaves_the_api_server_open() {
    let nothing = verify(&fixture("kuberay-api-server-off"));
    assert_eq!(nothing.code, 1);
    assert!(nothing.stdout.contains("error[open-port]"), "{}", nothing.stdout);
    assert!(
        nothing
            .stdout
            .contains("ports 8887, 8888 of Deployment ray-system/kuberay-apiserver"),
        "{}",
        nothing.stdout
    );
    // The chart's own proxy leaves the ports behind it open, and has its token in the manifests.
    let proxied = verify(&fixture("kuberay-api-server-token-of-the-chart"));
    assert!(proxied.stdout.contains("error[open-port]"), "{}", proxied.stdout);
    assert!(
        proxied.stdout.contains("stands in clear in the manifests"),
        "{}",
        proxied.stdout
    );
    // On a node's port it is open to the outside too.
    let node = verify(&fixture("kuberay-api-server-token-node-port"));
    assert!(node.stdout.contains("error[unguarded-route]"), "{}", node.stdout);
}

#[test]
fn nothing_leads_past_a_guard_until_the_policy_is_gone() {
    let mut judged = 0;
    for (name, text) in fixtures("kuberay-api-server-") {
        let output = render(&text).stdout;
        if !output.contains("gatewright.dev/added") || name.ends_with("past-the-guard") {
            continue;
        }
        judged += 1;
        let closed = verify(&output);
        for rule in ["open-port", "unguarded-route", "guard-bypass", "wrong-review"] {
            assert!(
                !closed.stdout.contains(&format!("error[{rule}]")),
                "{name}: {}",
                closed.stdout
            );
        }
        let documents = output
            .split("---\n")
            .filter(|document| !document.contains("kind: NetworkPolicy"));
        let open = verify(&documents.collect::<Vec<_>>().join("---\n"));
        assert!(
            open.stdout.contains("error[open-port]"),
            "{name}: {}",
            open.stdout
        );
        assert!(open.stdout.contains("8887, 8888"), "{name}: {}", open.stdout);
    }
    assert!(judged >= 8, "{judged}");
}
