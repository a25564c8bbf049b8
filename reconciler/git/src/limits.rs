//! How long and how much: the bounds of everything that a remote or a repository can make us do.

use std::{sync::OnceLock, time::Duration};

/// Bounds in time and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For listing references, in wall-clock time.
    pub list: Duration,
    /// For one fetch, in wall-clock time.
    pub fetch: Duration,
    /// For reading the local clone (a tree's list, ancestry), and for verifying a signature.
    pub read: Duration,
    /// Received by one fetch, in bytes.
    pub received: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            list: Duration::from_secs(30),
            fetch: Duration::from_secs(600),
            read: Duration::from_secs(60),
            received: 4 << 30,
        }
    }
}

/// Most references of a remote that are taken.
pub(crate) const REFERENCES: usize = 100_000;
/// Most entries of a tree, directories included.
pub(crate) const ENTRIES: usize = 200_000;
/// Deepest nesting of directories.
pub(crate) const DEPTH: usize = 64;
/// Longest path below the root, in bytes.
pub(crate) const PATH: usize = 4096;
/// Largest file that is read whole, in bytes.
pub(crate) const FILE: u64 = 16 << 20;

/// For a TCP connection to stand, and for one read from a socket.
const CONNECT_MILLIS: i32 = 10_000;
const READ_MILLIS: i32 = 20_000;
/// libgit2's own cache of objects: its default of 256 MiB is far more than reading a tree once needs.
const CACHE: isize = 8 << 20;

/// Gives libgit2 its time-outs, which it lacks by default: a silent peer would hold a thread for ever. Once per process.
#[allow(unsafe_code)] // the only door to libgit2's process-wide options is unsafe
pub(crate) fn set_process_wide() -> Result<(), String> {
    static SET: OnceLock<Result<(), String>> = OnceLock::new();
    SET.get_or_init(|| {
        // SAFETY: these write plain C globals without a lock. `OnceLock` runs this once, and `Clones` cannot be built
        // before it has returned, so no thread of this crate is inside libgit2 meanwhile; no other crate uses libgit2.
        unsafe {
            git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_MILLIS)
                .and_then(|()| git2::opts::set_server_timeout_in_milliseconds(READ_MILLIS))
                .and_then(|()| git2::opts::set_cache_max_size(CACHE))
        }
        .map_err(|error| error.message().to_owned())
    })
    .clone()
}
