//! Reading desired state from Git.

use super::BoxFuture;
use evenkeel_model::{Revision, Tree, settings::Signer};
use std::{collections::BTreeMap, sync::Arc};

/// A Git repository somewhere, as the service was told of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Remote {
    /// `https://`, `ssh://`, `git@host:path`, `file://` or a path of this machine. Never printed with its password.
    pub url: String,
    /// The project's root in the repository: a path with `/`, empty for the top.
    pub root: String,
}

/// Git, read only. Every call ends by a deadline of the adapter's; none blocks the runtime.
pub trait Source: Send + Sync {
    /// The references of the remote and where they point; cheap, asked at every poll. `HEAD` is among them.
    fn list<'a>(&'a self, remote: &'a Remote)
    -> BoxFuture<'a, Result<BTreeMap<String, String>, SourceError>>;
    /// Brings the commits that these references (or commit ids) name, with their history.
    fn fetch<'a>(&'a self, remote: &'a Remote, names: &'a [String])
    -> BoxFuture<'a, Result<(), SourceError>>;
    /// A commit that was fetched.
    fn revision<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Revision, SourceError>>;
    /// The files of a commit below the remote's root.
    fn tree<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Tree>, SourceError>>;
    /// Whether `id` is `ancestor` or descends from it. An ancestor that is gone counts as no.
    fn descends<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
        ancestor: &'a str,
    ) -> BoxFuture<'a, Result<bool, SourceError>>;
    /// Who of `signers` signed the commit; `Ok(Err(why))` when none did.
    fn signer<'a>(
        &'a self,
        remote: &'a Remote,
        id: &'a str,
        signers: &'a [Signer],
    ) -> BoxFuture<'a, Result<Result<String, String>, SourceError>>;
}

/// Why Git could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No answer, refused, name not found.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// Without password.
        url: String,
        /// What was heard.
        why: String,
    },
    /// No answer by the deadline.
    #[error("{url} did not answer in time")]
    Deadline {
        /// Without password.
        url: String,
    },
    /// The remote said no.
    #[error("{url} refuses us: {why}")]
    Denied {
        /// Without password.
        url: String,
        /// What was heard.
        why: String,
    },
    /// The host key or certificate is not the known one.
    #[error("{url} is not who it should be: {why}")]
    Impostor {
        /// Without password.
        url: String,
        /// What was seen.
        why: String,
    },
    /// No such reference or commit.
    #[error("{url} has no {name:?}")]
    NoSuch {
        /// Without password.
        url: String,
        /// What was asked for.
        name: String,
    },
    /// Our copy was damaged, and could not be healed.
    #[error("the local copy of {url} is damaged: {why}")]
    Damaged {
        /// Without password.
        url: String,
        /// What was found.
        why: String,
    },
    /// What it has is beyond our bounds: too many references or files, nested too deep, too large.
    #[error("{url} cannot be used: {why}")]
    Unusable {
        /// Without password.
        url: String,
        /// Which bound.
        why: String,
    },
}

impl SourceError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "git-unreachable",
            Self::Deadline { .. } => "git-deadline",
            Self::Denied { .. } => "git-denied",
            Self::Impostor { .. } => "git-impostor",
            Self::NoSuch { .. } => "git-no-such",
            Self::Damaged { .. } => "git-damaged",
            Self::Unusable { .. } => "git-unusable",
        }
    }
}
