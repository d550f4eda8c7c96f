//! The same input gives the same bytes: however often, in whatever order and place its files stand, and whoever runs it
//! where and when.

use std::path::Path;
use std::process::Command;

use crate::program::{Folder, GATEWRIGHT, Run, run};

const IMAGE_VARIABLE: &str = "RELATED_IMAGE_OSE_KUBE_RBAC_PROXY_IMAGE";

const PLATFORM: &str = "\
apiVersion: gatewright.dev/v1alpha1
kind: Platform
metadata: {name: platform}
spec: {flavor: Kubernetes}
";

fn notebook(namespace: &str, name: &str, switch: &str) -> String {
    format!(
        "# {name}\napiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  \
         annotations: {{notebooks.opendatahub.io/inject-auth: \"{switch}\", opendatahub.io/username: dana}}\nspec:\n  \
         template: {{spec: {{containers: [{{name: {name}, image: \"i:1\"}}]}}}}\n"
    )
}

fn documents() -> Vec<String> {
    vec![
        notebook("team", "a", "true"),
        notebook("team", "b", "true"),
        notebook("team", "c", "false"),
        notebook("other", "a", "true"),
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: team}\n".to_owned(),
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n".to_owned(),
    ]
}

/// A run without anything of the environment that could make a difference.
fn plain(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(GATEWRIGHT);
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove(IMAGE_VARIABLE);
    command
}

#[track_caller]
fn succeeds(answer: Run) -> Run {
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("kind: HTTPRoute"));
    answer
}

/// Writes each document to a file, and renders the folder.
fn rendered(test: &str, files: &[(String, &str)]) -> String {
    let folder = Folder::new(test);
    folder.write("platform.yaml", PLATFORM);
    for (name, text) in files {
        folder.write(&format!("in/{name}"), text);
    }
    succeeds(run(
        plain(folder.path(), &["render", "in", "--platform", "platform.yaml"]),
        b"",
    ))
    .stdout
}

#[test]
fn twice_the_same_bytes() {
    let input = format!("{PLATFORM}---\n{}", documents().join("---\n"));
    let folder = Folder::new("twice-same");
    let once = succeeds(run(plain(folder.path(), &["fn"]), input.as_bytes())).stdout;
    for _ in 0..3 {
        assert!(once == run(plain(folder.path(), &["fn"]), input.as_bytes()).stdout);
    }
}

#[test]
fn files_in_another_order_or_place() {
    let documents = documents();
    let named = |name: &dyn Fn(usize) -> String| -> Vec<(String, &str)> {
        documents
            .iter()
            .enumerate()
            .map(|(index, text)| (name(index), text.as_str()))
            .collect()
    };
    let expected = rendered("order", &named(&|index| format!("{index}.yaml")));
    let backwards = named(&|index| format!("{}.yaml", 9 - index));
    let moved = named(&|index| format!("{}/deep/er/x{index}.yml", ["b", "a", "c"][index % 3]));
    let renamed = named(&|index| format!("{}.yaml", ["zebra", "Ä", "m m", "0", "aa", "Z"][index]));
    for (test, files) in [("backwards", backwards), ("moved", moved), ("renamed", renamed)] {
        assert!(expected == rendered(test, &files), "{test}: other bytes");
    }
    let one_file = documents.join("---\n");
    assert!(
        expected == rendered("one-file", &[("all.yaml".to_owned(), one_file.as_str())]),
        "one file: other bytes"
    );
    // Comments of the next document stay with it.
    let reversed: Vec<&str> = documents.iter().rev().map(String::as_str).collect();
    let one_file = reversed.join("---\n");
    assert!(
        expected == rendered("reversed", &[("all.yaml".to_owned(), one_file.as_str())]),
        "reversed: other bytes"
    );
}

#[test]
fn paths_in_another_order() {
    let folder = Folder::new("paths");
    folder.write("platform.yaml", PLATFORM);
    let names: Vec<String> = documents()
        .iter()
        .enumerate()
        .map(|(index, text)| {
            folder.write(&format!("in/{index}.yaml"), text);
            format!("in/{index}.yaml")
        })
        .collect();
    let render = |paths: &[&str]| {
        let mut arguments = vec!["render", "--platform", "platform.yaml"];
        arguments.extend(paths);
        succeeds(run(plain(folder.path(), &arguments), b"")).stdout
    };
    let mut paths: Vec<&str> = names.iter().map(String::as_str).collect();
    let expected = render(&["in"]);
    assert!(expected == render(&paths));
    paths.reverse();
    assert!(expected == render(&paths));
    paths.rotate_left(2);
    assert!(expected == render(&paths));
    paths.push("in");
    assert!(expected == render(&paths), "a file named twice");
}

#[test]
fn wherever_and_by_whomever_it_is_run() {
    let folder = Folder::new("wherever");
    let platform = folder.write("platform.yaml", PLATFORM);
    for (index, text) in documents().iter().enumerate() {
        folder.write(&format!("in/{index}.yaml"), text);
    }
    folder.write("elsewhere/empty", "");
    let [input, platform] =
        [folder.path().join("in"), platform].map(|path| path.to_str().unwrap().to_owned());
    let relative = plain(folder.path(), &["render", "in", "--platform", "platform.yaml"]);
    let expected = succeeds(run(relative, b""));
    let absolute = |at: &Path| plain(at, &["render", &input, "--platform", &platform]);
    let elsewhere = folder.path().join("elsewhere");
    let mut runs = vec![
        ("another folder", absolute(&elsewhere)),
        ("the root", absolute(Path::new("/"))),
    ];
    for (name, value) in [
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", "America/Lima"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("LC_ALL", "de_DE.ISO-8859-1"),
        ("HOME", "/nonexistent"),
        ("USER", "somebody"),
        ("HOSTNAME", "elsewhere"),
        ("COLUMNS", "20"),
        ("TERM", "dumb"),
        ("NO_COLOR", "1"),
        ("CLICOLOR_FORCE", "1"),
        ("RUST_BACKTRACE", "1"),
        ("RUST_LOG", "trace"),
        ("SOURCE_DATE_EPOCH", "0"),
    ] {
        let mut command = plain(folder.path(), &["render", "in", "--platform", "platform.yaml"]);
        command.env(name, value);
        runs.push((name, command));
    }
    let mut bare = plain(folder.path(), &["render", "in", "--platform", "platform.yaml"]);
    bare.env_clear();
    runs.push(("no environment", bare));
    for (what, command) in runs {
        let answer = succeeds(run(command, b""));
        assert!(answer.stdout == expected.stdout, "{what}: other bytes");
    }
}

#[test]
fn one_variable_counts_and_is_said() {
    let folder = Folder::new("variable");
    let input = format!("{PLATFORM}---\n{}", notebook("team", "a", "true"));
    let image = format!(
        "registry.example.com/mirror/kube-rbac-proxy@sha256:{}",
        "1".repeat(64)
    );
    let with = |text: &str, image: &str| {
        let mut command = plain(folder.path(), &["fn"]);
        command.env(IMAGE_VARIABLE, image);
        succeeds(run(command, text.as_bytes()))
    };
    let usual = succeeds(run(plain(folder.path(), &["fn"]), input.as_bytes()));
    assert!(!usual.stderr.contains(IMAGE_VARIABLE));
    let changed = with(&input, &image);
    assert!(changed.stdout.contains(&image), "{}", changed.stdout);
    let said = changed
        .stderr
        .lines()
        .find(|line| line.contains(IMAGE_VARIABLE))
        .unwrap();
    assert!(said.starts_with("info: "), "{said}");
    // Empty is as good as not set, and the Platform knows better.
    assert!(with(&input, "").stdout == usual.stdout);
    let theirs = format!("registry.example.com/own@sha256:{}", "2".repeat(64));
    let own = input.replace(
        "{flavor: Kubernetes}",
        &format!("{{flavor: Kubernetes, sidecar: {{image: \"{theirs}\"}}}}"),
    );
    let kept = with(&own, &image);
    assert!(kept.stdout.contains(&theirs) && !kept.stdout.contains(&image));
}
