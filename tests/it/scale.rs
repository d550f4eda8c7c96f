//! Many Notebooks, many Ray clusters: every collision among them is found, and output and memory grow as the input does.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::program::{GATEWRIGHT, gatewright};

const NAMESPACES: usize = 40;
/// As many with optimisation (`make soak`) as the larger of the two is in the everyday tests, which run without.
const FEW: usize = if cfg!(debug_assertions) { 100 } else { 1_000 };
/// Guarded Ray clusters in each namespace where names collide: a thousand in all with optimisation.
const CLUSTERS: usize = if cfg!(debug_assertions) { 5 } else { 25 };
const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {name: platform}\nspec: {flavor: Kubernetes}\n";

fn notebook(namespace: usize, name: &str) -> String {
    format!(
        "---\napiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: {name}\n  namespace: team-{namespace}\n  annotations:\n    \
         notebooks.opendatahub.io/inject-auth: \"true\"\n    opendatahub.io/username: dana\nspec:\n  template:\n    spec:\n      \
         containers:\n      - name: {name}\n        image: example.com/image:1\n"
    )
}

fn ray_cluster(namespace: usize, name: &str) -> String {
    format!(
        "---\napiVersion: ray.io/v1\nkind: RayCluster\nmetadata:\n  name: {name}\n  namespace: team-{namespace}\n  annotations:\n    \
         opendatahub.io/username: dana\nspec:\n  rayVersion: 2.52.0\n  headGroupSpec:\n    rayStartParams: {{}}\n    template:\n      \
         spec:\n        containers:\n        - name: ray-head\n          image: example.com/ray:2.52.0\n"
    )
}

#[test]
fn every_collision_among_a_thousand_is_found() {
    let mut input = PLATFORM.to_owned();
    let mut expected = BTreeSet::new();
    let mut count = 0;
    for namespace in 0..NAMESPACES {
        let mut add = |name: &str| {
            input.push_str(&notebook(namespace, name));
            count += 1;
        };
        for index in 0..23 {
            add(&format!("n-{index}"));
        }
        let mut collides = |what: &str, why: &str| {
            expected.insert((format!("{what} team-{namespace}/"), why.to_owned()));
        };
        // A Notebook whose own Service would have the name of another's guard.
        if namespace % 4 == 0 {
            add("x");
            add("x-kube-rbac-proxy");
            collides("Notebook", "of Notebook x;");
        } else {
            add("x");
            add("y-kube-rbac-proxy");
        }
        if namespace % 10 == 1 {
            add("default");
            add("default-kube-rbac-proxy");
            collides("Notebook", "of Notebook default;");
        }
        if namespace % 10 == 2 {
            add("n-7");
            collides("Notebook", "given twice");
        }
        if namespace % 10 == 3 {
            input.push_str(&format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: n-11-kube-rbac-proxy, namespace: team-{namespace}}}\n"
            ));
            collides("Service", "name that is needed for kubeflow.org/Notebook/");
        }
    }
    assert!(count >= 1_000, "{count}");
    says_each_once(&input, &expected);
}

#[test]
fn every_collision_among_many_ray_clusters_is_found() {
    let mut input = PLATFORM.to_owned();
    let mut expected = BTreeSet::new();
    for namespace in 0..NAMESPACES {
        for index in 0..CLUSTERS {
            input.push_str(&ray_cluster(namespace, &format!("r-{index}")));
        }
        let mut collides = |what: &str, why: &str| {
            expected.insert((format!("{what} team-{namespace}/"), why.to_owned()));
        };
        match namespace % 10 {
            1 => {
                input.push_str(&ray_cluster(namespace, "r-1"));
                collides("RayCluster", "given twice");
            }
            3 => {
                input.push_str(&notebook(namespace, "r-2-head-svc"));
                collides("RayCluster", "makes for Notebook r-2-head-svc;");
            }
            5 => {
                input.push_str(&notebook(namespace, "r-3-ray-proxy"));
                collides("RayCluster", "makes for Notebook r-3-ray-proxy;");
            }
            7 => {
                input.push_str(&format!(
                    "---\napiVersion: v1\nkind: Service\nmetadata: {{name: r-4-ray-proxy, namespace: team-{namespace}}}\n"
                ));
                collides("Service", "name that is needed for ray.io/RayCluster/");
            }
            _ => {}
        }
    }
    says_each_once(&input, &expected);
}

/// Each of these errors is said once, by its object and its reason, and no other is.
fn says_each_once(input: &str, expected: &BTreeSet<(String, String)>) {
    let answer = gatewright(&["fn"], input.as_bytes());
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    let errors: Vec<&str> = answer
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    for (what, why) in expected {
        let said = errors
            .iter()
            .filter(|line| line.contains(what) && line.contains(why))
            .count();
        assert_eq!(said, 1, "{what} {why}: {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

/// What a run of the function takes and gives (bytes).
struct Size {
    input: usize,
    output: usize,
    memory: Option<usize>,
}

fn run(count: usize, one: fn(usize, &str) -> String) -> Size {
    let mut input = PLATFORM.to_owned();
    for index in 0..count {
        input.push_str(&one(index % NAMESPACES, &format!("n-{index:05}")));
    }
    let size = input.len();
    let mut child = Command::new(GATEWRIGHT)
        .arg("fn")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0];
    stdout.read_exact(&mut first).unwrap();
    // All of the answer is there before any of it is written, and it waits for us to read it: this is the most it takes.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = most.and_then(|text| text.trim().trim_end_matches(" kB").parse::<usize>().ok());
    let mut output = Vec::new();
    stdout.read_to_end(&mut output).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    let text = String::from_utf8(output).unwrap();
    assert_eq!(text.matches("\nkind: HTTPRoute\n").count(), count);
    Size {
        input: size,
        output: text.len() + first.len(),
        memory: kilobytes.map(|kilobytes| kilobytes * 1024),
    }
}

#[test]
fn output_and_memory_grow_as_the_input_does() {
    in_proportion("Notebooks", FEW, notebook);
}

/// Fewer, for more is put into each of them.
#[test]
fn output_and_memory_grow_as_the_input_of_ray_clusters_does() {
    in_proportion("Ray clusters", FEW / 4, ray_cluster);
}

fn in_proportion(what: &str, count: usize, one: fn(usize, &str) -> String) {
    let (few, many) = (run(count, one), run(10 * count, one));
    for (count, size) in [(count, &few), (10 * count, &many)] {
        eprintln!(
            "{count} {what}: {} bytes in, {} bytes out, {} bytes of memory",
            size.input,
            size.output,
            size.memory.unwrap_or_default()
        );
    }
    assert!(many.output <= 11 * few.output);
    match (few.memory, many.memory) {
        (Some(few), Some(many)) => assert!(many <= 11 * few, "{few}, {many}"),
        _ => eprintln!("SKIPPED: no /proc to read the memory of a process from"),
    }
}
