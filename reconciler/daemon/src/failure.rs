//! What went wrong, as a person reads it: what, why, and what to do next.

use std::fmt;

/// A failure to print. Its code is stable; scripts may go by it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// `no-service`, `no-such-environment` …
    pub(crate) code: String,
    /// What failed, and where.
    pub(crate) what: String,
    /// What to do next.
    pub(crate) help: Option<String>,
    /// With which status the process ends.
    pub(crate) exit: u8,
}

impl Failure {
    /// A failure with exit status 1.
    pub(crate) fn new(code: impl Into<String>, what: impl fmt::Display) -> Self {
        Self {
            code: code.into(),
            what: what.to_string(),
            help: None,
            exit: 1,
        }
    }
    /// The same, with what to do next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// The same, with another exit status.
    pub(crate) fn exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Turns an error into a [`Failure`] with a code.
pub(crate) trait OrFail<T> {
    /// The same result with a code and what was tried.
    fn or_fail(self, code: &str, tried: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, code: &str, tried: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(code, format!("{tried}: {error}")))
    }
}
