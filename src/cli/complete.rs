//! Completion scripts for shells, made from the command line's own definition.
//!
//! Takes a shell's name; prints its script. Never reads anything.

use clap_complete::Shell;

use super::streams;
use crate::error::Error;

/// Prints the script for a shell.
pub(super) fn print(shell: Shell, command: &mut clap::Command) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "gatewright", &mut script);
    streams::print(&String::from_utf8_lossy(&script))
}
