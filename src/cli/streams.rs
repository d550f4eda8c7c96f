//! Standard streams and the environment. A closed pipe on the other side is success: `gatewright render … | head`.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;

use crate::error::Error;
use crate::krm::results::Finding;
use crate::krm::source::STDIN;

/// Set by kustomize for its legacy exec plugins (kubernetes-sigs/kustomize `api/internal/plugins/execplugin/execplugin.go`).
const PLUGIN_ROOT: &str = "KUSTOMIZE_PLUGIN_CONFIG_ROOT";

/// A variable of the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The config file, if kustomize calls us as a legacy exec plugin.
pub(super) fn legacy_plugin_config(arguments: &[OsString]) -> Option<PathBuf> {
    variable(PLUGIN_ROOT)?;
    let path = PathBuf::from(arguments.get(1)?);
    path.is_file().then_some(path)
}

/// All of standard input.
pub(super) fn read_stdin() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(STDIN, error))?;
    Ok(bytes)
}

/// Writes to standard output.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("<stdout>", error)),
        _ => Ok(()),
    }
}

/// Writes a line to standard error. Nobody listening is no failure.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes findings to standard error.
pub(super) fn say_all(findings: &[Finding]) {
    for finding in findings {
        say(&finding.to_line());
    }
}
