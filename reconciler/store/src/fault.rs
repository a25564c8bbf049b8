//! What went wrong below, in the port's words.

use evenkeel_engine::port::store::StoreError;
use std::{fmt::Display, path::Path};

/// The database said no.
pub(crate) fn database(error: sqlx::Error) -> StoreError {
    StoreError::Broken(match error {
        // "error returned from database: (code: 13) database or disk is full" says it twice.
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    })
}

/// A file or folder could not be worked with.
pub(crate) fn file(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Broken(format!("{}: {error}", path.display()))
}

/// A row holds what nobody wrote.
pub(crate) fn damaged(what: impl Display, why: impl Display) -> StoreError {
    StoreError::Broken(format!("{what} is damaged: {why}"))
}

/// The runtime is going down in the middle of blocking work.
pub(crate) fn cut_off(error: impl Display) -> StoreError {
    StoreError::Broken(format!("it was cut off: {error}"))
}
