//! A push to a repository on this machine, or an edit in a folder, is looked at at once.

use super::Post;
use evenkeel_engine::{Wish, port::source::Remote};
use evenkeel_git::Watch;
use std::path::Path;

/// Watches while the returned guard lives. Where nothing can be watched, polling does it alone.
pub(crate) fn start(remote: &Remote, post: Post) -> Option<Guard> {
    let folder = Path::new(&remote.url);
    let watch = match Watch::remote(remote) {
        Ok(Some(watch)) => Ok(watch),
        Ok(None) | Err(_) if folder.is_dir() => Watch::folder(folder),
        Ok(None) => return None,
        Err(error) => Err(error),
    };
    let mut watch = match watch {
        Ok(watch) => watch,
        Err(error) => {
            tracing::warn!(%error, "changes are seen by polling alone");
            return None;
        }
    };
    Some(Guard(tokio::spawn(async move {
        while watch.changed().await {
            let look = Wish::Refresh {
                environment: None,
                full: false,
            };
            if post.wish("evenkeel".to_owned(), look).await.is_none() {
                return;
            }
        }
    })))
}

/// Ends the watching when dropped.
pub(crate) struct Guard(tokio::task::JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
