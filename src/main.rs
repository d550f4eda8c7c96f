//! The `gatewright` command: argument vector in, exit status out.

use std::process::ExitCode;

use gatewright::{cli, error};

/// The YAML reader recurses; a thread of our own makes the depth it may reach independent of the caller's limits.
const STACK_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    let work = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(cli::run);
    let code = match work.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        // A panic has printed itself.
        Ok(Err(_)) | Err(_) => error::EXIT_BUG,
    };
    ExitCode::from(code)
}
