//! Being told at once that files changed: a hint to look now instead of at the next poll, never the only way to learn.

use crate::address::{Address, Way, clean};
use evenkeel_engine::port::source::Remote;
use git2::{Repository, RepositoryOpenFlags};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

/// Quiet for so long means that a burst of changes is over …
const QUIET: Duration = Duration::from_millis(200);
/// … and one that never ends is told of after this.
const LONGEST: Duration = Duration::from_secs(2);

/// Watched files. Changes that nobody has heard of yet count as one.
#[derive(Debug)]
pub struct Watch {
    /// Ends the watching when dropped.
    _watcher: RecommendedWatcher,
    told: mpsc::Receiver<()>,
}

/// Why files cannot be watched (gone, closed to us, the system's limit of watches is reached): poll instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} cannot be watched: {why}")]
pub struct WatchError {
    /// Which folder.
    pub path: String,
    /// Why.
    pub why: String,
}

impl WatchError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "watch-failed"
    }
}

impl Watch {
    /// Everything below a working tree but its `.git`.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub fn folder(folder: &Path) -> Result<Self, WatchError> {
        let root = folder.canonicalize().map_err(|error| fail(folder, &error))?;
        let within = root.clone();
        let relevant = move |path: &Path| {
            let path = path.strip_prefix(&within).unwrap_or(path);
            !path
                .components()
                .any(|part| part.as_os_str() == OsStr::new(".git"))
        };
        Self::new(&[(root, RecursiveMode::Recursive)], relevant)
    }

    /// The references of a remote that is a repository on this machine; `None` for any other.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub fn remote(remote: &Remote) -> Result<Option<Self>, WatchError> {
        let Way::Path(path) = Address::new(&remote.url).way else {
            return Ok(None);
        };
        let none: [&OsStr; 0] = [];
        let path = Path::new(&path);
        let repo = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, none)
            .map_err(|error| fail(path, &error.message()))?;
        let dir = repo.commondir();
        let dir = dir.canonicalize().map_err(|error| fail(dir, &error))?;
        let refs = dir.join("refs");
        let (below, top) = (refs.clone(), dir.clone());
        let relevant = move |path: &Path| {
            let lock = path.extension().is_some_and(|kind| kind == "lock");
            let single = path == top.join("packed-refs") || path == top.join("HEAD");
            !lock && (single || path.starts_with(&below))
        };
        let places = [
            (dir, RecursiveMode::NonRecursive),
            (refs, RecursiveMode::Recursive),
        ];
        Self::new(&places, relevant).map(Some)
    }

    /// Waits for a change, and for the burst it belongs to: 200 ms of quiet end it, or two seconds. `false` once there
    /// is nothing to wait for any more. Safe to drop and call again: a change that was not told of is told then.
    pub async fn changed(&mut self) -> bool {
        if self.told.recv().await.is_none() {
            return false;
        }
        let end = Instant::now() + LONGEST;
        // An `Err` is the quiet that was waited for.
        let burst = async { while let Ok(Some(())) = timeout(QUIET, self.told.recv()).await {} };
        let _ = timeout_at(end, burst).await;
        true
    }

    fn new(
        places: &[(PathBuf, RecursiveMode)],
        relevant: impl Fn(&Path) -> bool + Send + 'static,
    ) -> Result<Self, WatchError> {
        let first = places.first().map(|(path, _)| path.clone()).unwrap_or_default();
        let (tell, told) = mpsc::channel(1);
        let hear = move |event: notify::Result<Event>| {
            let counts = match &event {
                // Our own reading.
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
                Ok(event) => event.need_rescan() || event.paths.iter().any(|path| relevant(path)),
                // Something was missed.
                Err(_) => true,
            };
            if counts {
                let _ = tell.try_send(()); // full: a change is waiting to be heard of already
            }
        };
        let mut watcher = notify::recommended_watcher(hear).map_err(|error| fail(&first, &error))?;
        for (path, mode) in places {
            watcher.watch(path, *mode).map_err(|error| fail(path, &error))?;
        }
        Ok(Self {
            _watcher: watcher,
            told,
        })
    }
}

fn fail(path: &Path, why: &dyn std::fmt::Display) -> WatchError {
    WatchError {
        path: clean(&path.display().to_string()),
        why: clean(&why.to_string()),
    }
}
