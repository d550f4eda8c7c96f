//! Many Notebooks: every collision among them is found, and output and memory grow as the input does.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::program::{GATEWRIGHT, gatewright};

const NAMESPACES: usize = 40;
/// As many with optimisation (`make soak`) as the larger of the two is in the everyday tests, which run without.
const FEW: usize = if cfg!(debug_assertions) { 100 } else { 1_000 };
const PLATFORM: &str = "apiVersion: gatewright.dev/v1alpha1\nkind: Platform\nmetadata: {name: platform}\nspec: {flavor: Kubernetes}\n";

fn notebook(namespace: usize, name: &str) -> String {
    format!(
        "---\napiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: {name}\n  namespace: team-{namespace}\n  annotations:\n    \
         notebooks.opendatahub.io/inject-auth: \"true\"\n    opendatahub.io/username: dana\nspec:\n  template:\n    spec:\n      \
         containers:\n      - name: {name}\n        image: example.com/image:1\n"
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
    let answer = gatewright(&["fn"], input.as_bytes());
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    let errors: Vec<&str> = answer
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    for (what, why) in &expected {
        let said = errors
            .iter()
            .filter(|line| line.contains(what) && line.contains(why))
            .count();
        assert_eq!(said, 1, "{what} {why}: {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    eprintln!(
        "{count} Notebooks in {NAMESPACES} namespaces: {} collisions",
        errors.len()
    );
}

/// What a run of the function takes and gives (bytes).
struct Size {
    input: usize,
    output: usize,
    memory: Option<usize>,
}

fn run(notebooks: usize) -> Size {
    let mut input = PLATFORM.to_owned();
    for index in 0..notebooks {
        input.push_str(&notebook(index % NAMESPACES, &format!("n-{index:05}")));
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
    assert_eq!(text.matches("\nkind: HTTPRoute\n").count(), notebooks);
    Size {
        input: size,
        output: text.len() + first.len(),
        memory: kilobytes.map(|kilobytes| kilobytes * 1024),
    }
}

#[test]
fn output_and_memory_grow_as_the_input_does() {
    let (few, many) = (run(FEW), run(10 * FEW));
    for (notebooks, size) in [(FEW, &few), (10 * FEW, &many)] {
        eprintln!(
            "{notebooks} Notebooks: {} bytes in, {} bytes out, {} bytes of memory",
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
