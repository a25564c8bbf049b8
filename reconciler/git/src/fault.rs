//! What libgit2 says, in the port's words.

use crate::{address::Address, deadline::Deadline};
use evenkeel_engine::port::source::SourceError;
use git2::{ErrorClass, ErrorCode};

/// Why work on a clone ended.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The clone is damaged: to be made anew.
    Damage(String),
    /// Anything else.
    Source(SourceError),
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// An error while the remote was spoken to.
pub(crate) fn of_remote(error: &git2::Error, address: &Address, deadline: Deadline) -> SourceError {
    let url = address.shown().to_owned();
    let why = address.scrub(error.message());
    let said = why.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if error.code() == ErrorCode::Timeout || says(&["timed out", "timeout"]) || deadline.passed() {
        SourceError::Deadline { url }
    } else if error.code() == ErrorCode::Certificate || says(&["certificate", "host key"]) {
        SourceError::Impostor { url, why }
    } else if matches!(error.code(), ErrorCode::Auth | ErrorCode::Owner)
        || says(&[
            "status code: 401",
            "status code: 403",
            "authenticat",
            "denied",
            "not exported",
        ])
    {
        SourceError::Denied { url, why }
    } else {
        SourceError::Unreachable { url, why }
    }
}

/// Whether such an error, met while fetching, comes from our clone (or an equally local remote) and not from the wire.
pub(crate) fn is_local(error: &git2::Error) -> bool {
    use ErrorClass as C;
    matches!(
        error.class(),
        C::Odb | C::Object | C::Zlib | C::Indexer | C::Reference | C::Tree | C::Repository
    ) || error.code() == ErrorCode::HashsumMismatch
}

/// The same as a message for people.
pub(crate) fn message(error: &git2::Error) -> String {
    crate::address::clean(error.message())
}
