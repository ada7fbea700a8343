//! What a command ends with when it does not succeed, how that reads, and the exit status it
//! makes. Printed once, by `main`; nothing else writes errors.

use std::fmt;
use std::process::ExitCode;

use crate::client::Refusal;

/// The exit status of a refusal, and of anything that could not be done.
const STATUS_FAILED: u8 = 1;
/// The exit status of wrong usage, the same as clap's.
const STATUS_USAGE: u8 = 2;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, a variable or the configuration file is wrong; nothing was tried.
    Usage(String),
    /// The control plane refused, or could not be reached.
    Refused(Box<Refusal>),
    /// Something on this machine did not work out.
    Failed { what: String, advice: Option<String> },
    /// Whoever read the output has seen enough, as `head` does. No failure to speak of.
    OutputClosed,
}

impl Failure {
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage(what.into())
    }

    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), advice: None }
    }

    /// The same failure, and what to do about it.
    #[must_use]
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        match self {
            Self::Failed { what, .. } => Self::Failed { what, advice: Some(advice.into()) },
            other => other,
        }
    }

    /// Whether the control plane said that what was asked for is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == "NOT_FOUND")
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Usage(_) => ExitCode::from(STATUS_USAGE),
            Self::Refused(_) | Self::Failed { .. } => ExitCode::from(STATUS_FAILED),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Usage(what) | Self::Failed { what, advice: None } => write!(f, "error: {what}"),
            Self::Failed { what, advice: Some(advice) } => {
                write!(f, "error: {what}\n  what to do: {advice}")
            }
            Self::OutputClosed => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

/// Writing to standard output failed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::failed(format!("cannot write to standard output: {error}"))
        }
    }
}
