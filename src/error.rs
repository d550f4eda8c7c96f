//! How a run can end badly, and the exit status for each way.

use crate::krm::results::Finding;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line does not make sense.
    #[error("{0}")]
    Usage(String),
    /// The input has errors; they have been said.
    #[error("{0} error(s) in the input")]
    Input(usize),
    /// What is committed is not what would be written.
    #[error("{0} file(s) differ from what is rendered")]
    Differs(usize),
    /// Two sides that were compared are not the same in what counts; that has been said.
    #[error("there are changes")]
    Changes,
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Exit status of success.
pub const EXIT_OK: u8 = 0;
/// Exit status where the input or what is committed is at fault.
pub const EXIT_FINDINGS: u8 = 1;
/// Exit status where the command line is at fault.
pub const EXIT_USAGE: u8 = 2;
/// Exit status of `diff` where it cannot compare: as of `diff` itself, 1 means that there are changes.
pub const EXIT_TROUBLE: u8 = 2;
/// Exit status where this program is at fault (`EX_SOFTWARE` of sysexits.h).
pub const EXIT_BUG: u8 = 70;

// === impl Error ===

impl Error {
    /// The exit status.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::Input(_) | Self::Differs(_) | Self::Changes | Self::Io { .. } => EXIT_FINDINGS,
        }
    }

    /// An error about a file.
    pub fn io(path: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// The error that stands for some findings.
    pub fn of(findings: &[Finding]) -> Self {
        let errors = findings
            .iter()
            .filter(|finding| finding.severity == crate::krm::results::Severity::Error);
        Self::Input(errors.count())
    }
}
