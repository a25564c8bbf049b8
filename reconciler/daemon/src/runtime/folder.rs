//! A manifest folder as it lies there, committed or not, in the place of a repository.

use evenkeel_engine::port::{
    BoxFuture,
    source::{Remote, Source, SourceError},
};
use evenkeel_git::WorkTree;
use evenkeel_model::{Revision, Timestamp, Tree, settings::Signer};
use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// How many states of the folder are remembered.
const REMEMBERED: usize = 4;

/// The folder; each of its states is a revision of its own.
pub(crate) struct Folder {
    path: PathBuf,
    seen: Mutex<VecDeque<(Revision, Arc<WorkTree>)>>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: Mutex::new(VecDeque::new()),
        }
    }

    fn find(&self, id: &str) -> Result<(Revision, Arc<WorkTree>), SourceError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = seen.iter().find(|(revision, _)| revision.id == id);
        found
            .map(|(revision, tree)| (revision.clone(), Arc::clone(tree)))
            .ok_or_else(|| SourceError::NoSuch {
                url: self.path.display().to_string(),
                name: id.to_owned(),
            })
    }
}

impl Source for Folder {
    fn list<'a>(
        &'a self,
        remote: &'a Remote,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, SourceError>> {
        Box::pin(async move {
            let path = self.path.clone();
            let unreachable = |why: String| SourceError::Unreachable {
                url: remote.url.clone(),
                why,
            };
            let scanned = tokio::task::spawn_blocking(move || WorkTree::scan(&path)).await;
            let tree = scanned
                .map_err(|error| unreachable(error.to_string()))?
                .map_err(|error| unreachable(error.to_string()))?;
            let revision = tree.revision(Timestamp(crate::output::age::now().0));
            let id = revision.id.clone();
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if !seen.iter().any(|(known, _)| known.id == id) {
                if seen.len() == REMEMBERED {
                    seen.pop_front();
                }
                seen.push_back((revision, Arc::new(tree)));
            }
            Ok(BTreeMap::from([("HEAD".to_owned(), id)]))
        })
    }

    fn fetch<'a>(&'a self, _: &'a Remote, _: &'a [String]) -> BoxFuture<'a, Result<(), SourceError>> {
        Box::pin(async { Ok(()) })
    }

    fn revision<'a>(&'a self, _: &'a Remote, id: &'a str) -> BoxFuture<'a, Result<Revision, SourceError>> {
        Box::pin(async move { self.find(id).map(|(revision, _)| revision) })
    }

    fn tree<'a>(&'a self, _: &'a Remote, id: &'a str) -> BoxFuture<'a, Result<Arc<dyn Tree>, SourceError>> {
        Box::pin(async move { self.find(id).map(|(_, tree)| tree as Arc<dyn Tree>) })
    }

    /// A folder has no history: every state follows every other.
    fn descends<'a>(
        &'a self,
        _: &'a Remote,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        Box::pin(async { Ok(true) })
    }

    fn signer<'a>(
        &'a self,
        _: &'a Remote,
        _: &'a str,
        _: &'a [Signer],
    ) -> BoxFuture<'a, Result<Result<String, String>, SourceError>> {
        Box::pin(async {
            Ok(Err(
                "a folder is not signed; commit and sign, and follow the repository".to_owned(),
            ))
        })
    }
}
