//! What is not ours passes byte for byte, and what nobody can read is refused at the right place.
//!
//! - `fixtures/yaml/corpus`: documents as people write them, through kpt and through a pipe.
//! - `fixtures/yaml/stream`: YAML that kpt refuses or rewrites, through a pipe.
//! - `fixtures/yaml/refused`: broken inputs; `NAME.expected` says `line:column` of the error (`*`: any column).
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "tests read files, run programs and stop where they fail"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const GATEWRIGHT: &str = env!("CARGO_BIN_EXE_gatewright");

/// Fewer documents than this in the corpus, and it no longer proves what it is kept for.
const CORPUS_DOCUMENTS: usize = 300;

/// Files by their path below some folder, in a stable order.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn kpt_cannot_tell_us_from_cat() {
    if !crate::parts::needs("kpt") {
        return;
    }
    let corpus = tree(&fixtures("corpus"));
    let by_cat = through_kpt("cat", &corpus, "/bin/cat");
    let by_us = through_kpt("gatewright", &corpus, GATEWRIGHT);

    assert_eq!(names(&by_us), names(&corpus), "files came or went");
    assert_eq!(
        names(&by_us),
        names(&by_cat),
        "files came or went, compared with cat"
    );
    let mut report = String::new();
    for (name, expected) in &by_cat {
        describe_difference(&mut report, name, expected, &by_us[name]);
    }
    assert!(
        report.is_empty(),
        "kpt wrote other bytes with us than with cat:\n{report}"
    );

    let documents: usize = by_us.values().map(|bytes| count_documents(bytes)).sum();
    assert!(
        documents >= CORPUS_DOCUMENTS,
        "only {documents} documents, {CORPUS_DOCUMENTS} are the least"
    );
}

#[test]
fn bare_yaml_comes_out_as_it_went_in() {
    let mut report = String::new();
    for folder in ["corpus", "stream"] {
        let files = tree(&fixtures(folder));
        assert!(!files.is_empty(), "fixtures/yaml/{folder} is empty");
        for (name, input) in &files {
            let name = Path::new(folder).join(name);
            let output = gatewright_fn(input);
            if output.status.code() == Some(0) {
                describe_difference(&mut report, &name, input, &output.stdout);
            } else {
                let _ = writeln!(
                    report,
                    "{}: {}, stderr: {}",
                    name.display(),
                    output.status,
                    String::from_utf8_lossy(&output.stderr).trim_end()
                );
            }
        }
    }
    assert!(report.is_empty(), "not byte for byte:\n{report}");
}

#[test]
fn broken_input_is_refused_where_it_breaks() {
    let files = tree(&fixtures("refused"));
    let mut inputs = 0;
    let mut report = String::new();
    for (name, input) in &files {
        if has_extension(name, "expected") {
            continue;
        }
        inputs += 1;
        let expected = files
            .get(&name.with_extension("expected"))
            .unwrap_or_else(|| panic!("{} has no .expected beside it", name.display()));
        let expected = String::from_utf8_lossy(expected);
        let (line, column) = expected
            .trim()
            .split_once(':')
            .expect(".expected holds `line:column`");

        let output = gatewright_fn(input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let mut complain = |what: &str| {
            let _ = writeln!(
                report,
                "{}: {what}; stderr: {}",
                name.display(),
                stderr.trim_end()
            );
        };
        if output.status.code() != Some(1) {
            complain(&format!("{}, not exit code 1", output.status));
        }
        if !output.stdout.is_empty() {
            complain("wrote to stdout");
        }
        if !points_at(&stderr, line, column) {
            complain(&format!("does not point at <stdin>:{line}:{column}"));
        }
    }
    assert!(inputs > 0, "fixtures/yaml/refused is empty");
    assert_eq!(files.len(), 2 * inputs, "an .expected without its input");
    assert!(report.is_empty(), "not refused as they should be:\n{report}");
}

/// Runs `gatewright fn` with `input` on stdin.
fn gatewright_fn(input: &[u8]) -> Output {
    let mut child = Command::new(GATEWRIGHT)
        .arg("fn")
        .env_remove("KUSTOMIZE_PLUGIN_CONFIG_ROOT")
        .env_remove("KUSTOMIZE_PLUGIN_CONFIG_STRING")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gatewright starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    std::thread::scope(|scope| {
        // Written beside reading, for a program that answers before it has read everything; one that stops
        // reading early is judged by its exit code and output, not by the broken pipe.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("gatewright ends")
    })
}

/// The files as `kpt fn eval --exec PROGRAM` leaves them.
fn through_kpt(name: &str, files: &Tree, program: &str) -> Tree {
    let scratch = Scratch::new(&format!("fidelity-{name}"));
    for (file, bytes) in files {
        let path = scratch.0.join(file);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("folder is made");
        fs::write(&path, bytes).expect("file is written");
    }
    let output = Command::new("kpt")
        .args(["fn", "eval"])
        .arg(&scratch.0)
        // kpt splits the value as a shell would: the quotes keep a path with blanks together
        .args(["--exec", &format!("'{program}'")])
        .stdin(Stdio::null())
        .output()
        .expect("kpt starts");
    assert!(
        output.status.success(),
        "kpt with {program}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    tree(&scratch.0)
}

/// A folder of this process and test alone, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gatewright-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("temporary folder is made");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/yaml")
        .join(folder)
}

/// Every file below `root`, hidden ones left out.
fn tree(root: &Path) -> Tree {
    let mut files = Tree::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folder is read") {
            let path = entry.expect("folder entry is read").path();
            if path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_path_buf();
                files.insert(name, fs::read(&path).expect("file is read"));
            }
        }
    }
    files
}

fn names(files: &Tree) -> Vec<&Path> {
    files.keys().map(PathBuf::as_path).collect()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

/// Adds nothing when both are the same, and otherwise the first line in which they differ.
fn describe_difference(report: &mut String, name: &Path, expected: &[u8], got: &[u8]) {
    if expected == got {
        return;
    }
    let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let line = expected[..at].split(|byte| *byte == b'\n').count() - 1;
    let text = |bytes: &[u8]| {
        let line = bytes.split(|byte| *byte == b'\n').nth(line).unwrap_or(b"");
        line.escape_ascii()
            .to_string()
            .chars()
            .take(160)
            .collect::<String>()
    };
    let _ = writeln!(
        report,
        "{}:{}: {} bytes expected, {} came\n  expected: {}\n  came:     {}",
        name.display(),
        line + 1,
        expected.len(),
        got.len(),
        text(expected),
        text(got)
    );
}

/// How many documents of a YAML stream hold more than comments.
fn count_documents(stream: &[u8]) -> usize {
    let mut documents = 0;
    let mut has_content = false;
    for line in stream.split(|byte| *byte == b'\n') {
        let (is_marker, rest) = match line.strip_prefix(b"---") {
            Some(rest) if rest.first().is_none_or(u8::is_ascii_whitespace) => (true, rest),
            _ => (false, line),
        };
        if is_marker {
            documents += usize::from(has_content);
            has_content = false;
        }
        let rest = rest.trim_ascii();
        has_content |= !rest.is_empty() && !rest.starts_with(b"#") && rest != b"...";
    }
    documents + usize::from(has_content)
}

/// Whether a message names this place of stdin; the column may be `*`.
fn points_at(stderr: &str, line: &str, column: &str) -> bool {
    if column == "*" {
        return stderr.contains(&format!("<stdin>:{line}:"));
    }
    let place = format!("<stdin>:{line}:{column}");
    stderr
        .match_indices(&place)
        .any(|(at, _)| !stderr[at + place.len()..].starts_with(|next: char| next.is_ascii_digit()))
}
