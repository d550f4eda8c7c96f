//! The rules of the house, read off the source: who may use whom, who may touch the outside, how long a file may be,
//! and what stands in the repository's root. ARCHITECTURE.md says why.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms and what each may use. What is not listed is forbidden; a room may always use itself.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("krm", &[]),
    ("error", &["krm"]),
    ("config", &[]),
    ("input", &["krm"]),
    ("model", &["krm", "input"]),
    ("plan", &["krm", "input", "model"]),
    ("manifests", &["krm", "input", "config", "model", "plan"]),
    (
        "render",
        &[
            "krm",
            "input",
            "model",
            "plan",
            "manifests",
            "cluster",
            "access",
            "verify",
        ],
    ),
    ("kustomize", &["input", "model"]),
    ("proxy", &["krm", "config", "error"]),
    ("cluster", &["krm", "input"]),
    ("access", &["krm", "model", "cluster"]),
    (
        "verify",
        &["krm", "input", "config", "model", "cluster", "access"],
    ),
    ("order", &["krm", "model", "cluster", "access", "verify"]),
    ("graph", &["krm", "cluster", "access", "verify"]),
    ("diff", &["krm", "model", "cluster", "access", "verify"]),
    (
        "cli",
        &[
            "krm",
            "input",
            "config",
            "model",
            "render",
            "kustomize",
            "cluster",
            "access",
            "verify",
            "order",
            "graph",
            "diff",
            "error",
            "proxy",
        ],
    ),
    // The program itself sees the library from outside.
    ("main", &["cli", "error"]),
];

/// Of `input`, `plan`, `manifests` and `kustomize` know words alone: constants (in capitals), and Platform's enums, which are the same
/// in the document and in its meaning. No room behind `model` reads what a user wrote.
const WORDS_ONLY: [&str; 3] = ["plan", "manifests", "kustomize"];

/// Files that may name the outside world, by the start of their path.
const EDGE: [&str; 20] = [
    "src/cli.rs",
    "src/cli/",
    "src/main.rs",
    // Of the proxy, what is not named here is pure.
    "src/proxy/api",
    "src/proxy/audit",
    "src/proxy/authenticate",
    "src/proxy/authorize",
    "src/proxy/budget",
    "src/proxy/cache",
    "src/proxy/certificate",
    "src/proxy/connection",
    "src/proxy/drain",
    "src/proxy/endpoints",
    "src/proxy/forward",
    "src/proxy/metrics",
    "src/proxy/oidc",
    "src/proxy/run",
    "src/proxy/serve",
    "src/proxy/tls",
    "src/proxy/upstream",
];
/// What the outside world is called.
const OUTSIDE: [&str; 6] = [
    "std::fs",
    "std::env",
    "std::time",
    "std::io",
    "std::net",
    "std::process",
];
/// Addresses and lengths of time are values.
const VALUES: [&str; 5] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::time::Duration",
];
/// `std::io::Error` is a value: `error` carries it.
const OUTSIDE_ALLOWED: [(&str, &str); 1] = [("src/error.rs", "std::io::Error")];
/// The libraries that read and write YAML, and the one file that names them.
const YAML: ([&str; 2], &str) = (["serde_saphyr", "granit_parser"], "src/krm/yaml.rs");

/// Lines of code; tests, comments and blank lines do not count.
const MAX_LINES: usize = 600;
const EMPTY_NAMES: [&str; 5] = ["util", "utils", "common", "helper", "helpers"];

/// What may stand in the root, beside names that begin with a dot and the configuration of tools.
const ROOT: [&str; 17] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "benches",
    "clippy.toml",
    "deny.toml",
    "examples",
    "fixtures",
    "fuzz",
    "krm-functions",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "snapshots",
    "src",
];
const TESTS: &str = "tests";

struct File {
    /// With slashes, from the root.
    path: String,
    /// Without tests and comments; lines keep their numbers.
    code: String,
}

// === impl File ===

impl File {
    /// The room it is in: the first name below `src`.
    fn room(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inner.split(['/', '.']).next().unwrap_or_default()
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the library and the program, without tests.
fn sources() -> Vec<File> {
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.sort();
    let name = |path: &Path| {
        path.strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/")
    };
    let read = |path: &PathBuf| File {
        path: name(path),
        code: code(&std::fs::read_to_string(path).unwrap()),
    };
    files
        .iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(read)
        .collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// The code of a file: comments blanked, and all from the first `#[cfg(test)]` cut off, for tests stand last.
fn code(text: &str) -> String {
    let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let own = own.split("#[cfg(test)]\n#[path").next().unwrap_or_default();
    let blank = |line: &str| {
        if line.trim_start().starts_with("//") {
            String::new()
        } else {
            line.to_owned()
        }
    };
    own.lines().map(blank).collect::<Vec<_>>().join("\n")
}

/// The paths behind each `word::` (`crate::`, `gatewright::`), with the line. Braces are opened: `a::{b, c::d}` gives
/// `a::b` and `a::c::d`.
fn paths(code: &str, word: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find(word).map(|at| from + at) {
        from = at + word.len();
        let whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if whole {
            let line = code[..at].matches('\n').count() + 1;
            let mut all = Vec::new();
            expand(&mut code[from..].chars().peekable(), String::new(), &mut all);
            found.extend(all.into_iter().map(|path| (line, path)));
        }
    }
    found
}

fn expand(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, prefix: String, found: &mut Vec<String>) {
    let mut path = prefix.clone();
    while let Some(c) = rest.peek().copied() {
        if c.is_alphanumeric() || c == '_' || c == ':' || c == '*' {
            path.push(c);
            rest.next();
        } else if c == '{' && (path.is_empty() || path.ends_with("::")) {
            rest.next();
            while rest.peek().is_some_and(|c| *c != '}') {
                if rest.peek().is_some_and(|c| c.is_whitespace() || *c == ',') {
                    rest.next();
                } else {
                    let before = found.len();
                    expand(rest, path.clone(), found);
                    // `x as y`: what follows is a name of the file's own.
                    while rest.peek().is_some_and(|c| !matches!(c, ',' | '}')) {
                        rest.next();
                    }
                    assert!(found.len() > before, "`{path}{{…}}` cannot be read");
                }
            }
            rest.next();
            return;
        } else {
            break;
        }
    }
    found.push(path.trim_end_matches(':').replace("::self", ""));
}

#[test]
fn paths_are_read_in_every_spelling() {
    let code = "use crate::krm::{self, yaml::{Piece, to_block}, head as h};\nlet x = crate::plan::make(1);\nmycrate::no(); crate::{a, b::c}";
    let found: Vec<String> = paths(code, "crate::")
        .into_iter()
        .map(|(line, path)| format!("{line} {path}"))
        .collect();
    assert_eq!(
        found,
        [
            "1 krm",
            "1 krm::yaml::Piece",
            "1 krm::yaml::to_block",
            "1 krm::head",
            "2 plan::make",
            "3 a",
            "3 b::c"
        ]
    );
}

#[test]
fn rooms_use_only_the_rooms_before_them() {
    let mut wrong = Vec::new();
    for file in sources() {
        let room = file.room().to_owned();
        if room == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!(
                "{}: a room that is not in the list; say what it may use",
                file.path
            ));
            continue;
        };
        let own = if room == "main" { "gatewright::" } else { "crate::" };
        for (line, path) in paths(&file.code, own) {
            let used = path.split("::").next().unwrap_or_default();
            if used != room && !allowed.contains(&used) {
                wrong.push(format!("{}:{line}: {room} may not use {path}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn behind_the_model_nobody_reads_what_a_user_wrote() {
    let enums = platform_enums();
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| WORDS_ONLY.contains(&file.room())) {
        for (line, path) in paths(&file.code, "crate::")
            .into_iter()
            .filter(|(_, path)| path.starts_with("input"))
        {
            let names: Vec<&str> = path.split("::").collect();
            let allowed = match names.as_slice() {
                ["input", "platform"] => uses_constants_alone(&file.code, "platform"),
                [
                    "input",
                    room @ ("api_server" | "auth" | "gateway" | "notebook" | "ray"),
                ] => uses_constants_alone(&file.code, room),
                ["input", "platform", name] => is_constant(name) || enums.iter().any(|known| known == name),
                [
                    "input",
                    "api_server" | "auth" | "gateway" | "notebook" | "ray",
                    name,
                ] if is_constant(name) => true,
                // Which of Ray's kinds a document is: a word, as Platform's are.
                ["input", "ray", "Kind"] => true,
                _ => false,
            };
            if !allowed {
                wrong.push(format!(
                    "{}:{line}: {path} is more than a word of the input",
                    file.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_constant(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether `module::` is followed by constants everywhere in a file that imports the module.
fn uses_constants_alone(code: &str, module: &str) -> bool {
    let word = format!("{module}::");
    let own = |line: &&str| !line.trim_start().starts_with("use ");
    let body = code.lines().filter(own).collect::<Vec<_>>().join("\n");
    paths(&body, &word).iter().all(|(_, path)| is_constant(path))
}

/// The enums that the Platform document declares.
fn platform_enums() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("src/input/platform.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub enum "));
    names
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn only_the_edge_touches_the_outside() {
    let mut wrong = Vec::new();
    for file in sources() {
        if EDGE.iter().any(|edge| file.path.starts_with(edge)) {
            continue;
        }
        for (line, path) in paths(&file.code, "std::") {
            let path = format!("std::{path}");
            let outside = OUTSIDE
                .iter()
                .any(|word| path == *word || path.starts_with(&format!("{word}::")));
            let allowed = OUTSIDE_ALLOWED
                .iter()
                .any(|(file_of, what)| file.path == *file_of && path == *what);
            if outside && !allowed && !VALUES.contains(&path.as_str()) {
                wrong.push(format!("{}:{line}: {path}; only src/cli does that", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn one_file_names_the_yaml_library() {
    let (words, file_of) = YAML;
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| file.path != file_of) {
        for (line, text) in file.code.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| text.contains(*word)) {
                wrong.push(format!(
                    "{}:{}: {word}; only {file_of} names it",
                    file.path,
                    line + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short_and_named_after_something() {
    let mut wrong = Vec::new();
    for file in sources() {
        let stem = Path::new(&file.path).file_stem().unwrap().to_str().unwrap();
        if file.path.split('/').any(|part| EMPTY_NAMES.contains(&part)) || EMPTY_NAMES.contains(&stem) {
            wrong.push(format!("{}: name it after what it does", file.path));
        }
        let lines = file.code.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines are more than {MAX_LINES}", file.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for file in sources() {
        let text = std::fs::read_to_string(root().join(&file.path)).unwrap();
        let first = text
            .lines()
            .next()
            .unwrap_or_default()
            .strip_prefix("//! ")
            .unwrap_or_default();
        if first.len() < 15 {
            wrong.push(format!("{}: begin with `//!` and a sentence", file.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a clone has, by git; where there is no git, what lies there.
fn root_names() -> Vec<String> {
    let tracked = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let listed = tracked
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8(output.stdout).unwrap());
    let mut names: Vec<String> = if let Some(files) = listed {
        let first = |file: &str| file.trim_matches('"').split('/').next().map(str::to_owned);
        files.lines().filter_map(first).collect()
    } else {
        let entries = std::fs::read_dir(root()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name != "target").collect()
    };
    names.sort();
    names.dedup();
    names
}

#[test]
fn the_root_holds_what_is_known() {
    let known = |name: &String| name.starts_with('.') || ROOT.contains(&name.as_str()) || name == TESTS;
    let unknown: Vec<String> = root_names().into_iter().filter(|name| !known(name)).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?}: not in the list of what stands in the root"
    );
}
