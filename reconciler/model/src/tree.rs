//! A manifest repository's files at one revision, read from wherever they lie; nothing is checked out.

use std::sync::Arc;

/// The files of one revision, sorted by path. Paths are relative to the project's root, with `/`, and never climb.
pub trait Tree: Send + Sync {
    /// Every entry below the root.
    fn entries(&self) -> &[Entry];
    /// The bytes of the file at `path`, whole.
    ///
    /// # Errors
    /// See [`TreeError`].
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError>;
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// From the project's root.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// In bytes; 0 for a submodule.
    pub size: u64,
}

/// What an entry is. Links and submodules are data: named in messages, never followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file (mode 100644 or 100755).
    File,
    /// A symbolic link (mode 120000).
    Symlink,
    /// A submodule (mode 160000).
    Submodule,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Nothing is there.
    #[error("there is no file {0:?}")]
    Missing(String),
    /// It is a link or a submodule.
    #[error("{0:?} is a symbolic link or submodule, which is never followed")]
    NotAFile(String),
    /// It is larger than the limit.
    #[error("{path:?} has {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Which.
        path: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The store of objects is damaged or unreadable.
    #[error("{path:?} cannot be read: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
}
