//! The real programs that tests run: where they are, and what happens where one is missing.
//!
//! `make tools` builds what is pinned into `.tools/` (`GATEWRIGHT_TOOLS` names another place). kubectl, kpt and chromium are
//! taken from PATH. Under `make test` (`GATEWRIGHT_REQUIRE_TOOLS=1`) a missing built part is a failure, and so is a missing
//! chromium; kubectl and kpt, which are in no package registry, are skipped with a visible line.

use std::io::Write as _;
use std::path::PathBuf;

/// What `make tools` builds.
const BUILT: [&str; 11] = [
    "envoy-1.36.4",
    "envoy-1.38.3",
    "envoy-1.40.0",
    "envoygatewayconfig",
    "etcd",
    "fluxssa",
    "gitopsengine",
    "istioconfig",
    "kube-apiserver",
    "kustomize",
    "yamlpeer",
];

fn tools() -> PathBuf {
    let named = std::env::var_os("GATEWRIGHT_TOOLS").map(PathBuf::from);
    named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools"))
}

/// The folder of the built programs.
pub(crate) fn folder() -> PathBuf {
    tools().join("bin")
}

/// The folder of other projects' CRDs.
pub(crate) fn crds() -> PathBuf {
    tools().join("crds")
}

/// The path of a program, if it is there.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let built = folder().join(program);
    if built.is_file() {
        return Some(built);
    }
    if BUILT.contains(&program) {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Whether a program is there. Where it is not: a visible line, or a failure if it should have been built.
pub(crate) fn needs(program: &str) -> bool {
    if find(program).is_some() {
        return true;
    }
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    assert!(
        !(required && BUILT.contains(&program)),
        "{program} is not in {}; run `make tools`",
        folder().display()
    );
    say(&format!("SKIPPED: {program} is not installed"));
    false
}

/// Whether Node and the packages of `tests/parts/login` are there. Where not: as for a program that should have been built.
pub(crate) fn needs_login() -> bool {
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    let packages = login_packages().join("node_modules").is_dir();
    if packages && find("node").is_some() {
        return true;
    }
    let missing = if packages { "node" } else { "tests/parts/login" };
    assert!(
        !required,
        "{missing} is not installed; run `make tools`, which needs Node"
    );
    say(&format!("SKIPPED: {missing} is not installed"));
    false
}

/// Whether a browser is there, and what drives it. Where not: as for a program that should have been built.
pub(crate) fn needs_browser() -> bool {
    if !needs_login() {
        return false;
    }
    if find("chromium").is_some() {
        return true;
    }
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    assert!(
        !required,
        "chromium is not installed; `make tools` does that as root on Debian"
    );
    say("SKIPPED: chromium is not installed");
    false
}

/// Whether Mermaid is there, and a browser to run it in. Where not: as for a program that should have been built.
pub(crate) fn needs_picture() -> bool {
    if !needs_browser() {
        return false;
    }
    if picture_packages().join("node_modules").is_dir() {
        return true;
    }
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    assert!(
        !required,
        "tests/parts/picture is not installed; run `make tools`"
    );
    say("SKIPPED: tests/parts/picture is not installed");
    false
}

/// Whether Graphviz is there. Where not: as for a browser.
pub(crate) fn needs_graphviz() -> bool {
    if find("dot").is_some() {
        return true;
    }
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    assert!(
        !required,
        "dot is not installed; `make tools` does that as root on Debian"
    );
    say("SKIPPED: dot is not installed");
    false
}

/// Whether a real Ray is there. Where not: as for a browser.
pub(crate) fn needs_ray() -> bool {
    if ray().join("bin/ray").is_file() {
        return true;
    }
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    assert!(
        !required,
        "tests/parts/ray is not installed; run `make tools`, which needs Python 3.11"
    );
    say("SKIPPED: tests/parts/ray is not installed");
    false
}

/// Whether everything is there to put the recorded table to a proxy. Where not: as for a program that should have been built.
#[cfg(feature = "proxy")]
pub(crate) fn needs_proxy_table() -> bool {
    // All of them, so that each one that is missing gets its line.
    let programs = ["etcd", "kube-apiserver", "python3", "openssl"].map(needs);
    if programs.contains(&false) {
        return false;
    }
    if h2().join("h2").is_dir() {
        return true;
    }
    let required = std::env::var_os("GATEWRIGHT_REQUIRE_TOOLS").is_some();
    assert!(!required, "h2 is not in {}; run `make tools`", h2().display());
    say("SKIPPED: h2 is not installed");
    false
}

/// The folder of HTTP/2 for Python.
#[cfg(feature = "proxy")]
pub(crate) fn h2() -> PathBuf {
    tools().join("h2")
}

/// The folder of Ray and all that it needs.
pub(crate) fn ray() -> PathBuf {
    tools().join("ray")
}

/// The folder under which the packages of `tests/parts/picture` are.
pub(crate) fn picture_packages() -> PathBuf {
    tools().join("picture")
}

/// Prints a line for whoever runs the tests. `eprintln!` would be kept back unless the test fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The folder under which the packages of `tests/parts/login` are.
pub(crate) fn login_packages() -> PathBuf {
    tools().join("login")
}
