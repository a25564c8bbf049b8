//! A commit's files, straight from the object database.

use crate::{address::clean, limits};
use evenkeel_model::{Entry, EntryKind, Tree, TreeError};
use git2::{Commit, ObjectType, Oid, Repository};
use std::sync::{Arc, Mutex, PoisonError};

/// The files below a root at one commit. The list is made at once; contents are read when they are asked for.
///
/// Names that are not UTF-8, have control characters, are `.` or `..` or hold a `/`, and paths longer than 4096 bytes
/// are left out, and their number is logged: nothing can name them. A tree of more than 200,000 entries or 64 levels is
/// refused whole.
pub(crate) struct GitTree {
    repo: Mutex<Repository>,
    entries: Vec<Entry>,
    ids: Vec<Oid>,
}

/// Why there is no tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The root is no directory of this commit.
    NoRoot,
    /// Beyond the bounds.
    Bounds(String),
    /// An object is missing or not what it should be.
    Damage(String),
}

impl From<git2::Error> for Fault {
    fn from(error: git2::Error) -> Self {
        Self::Damage(clean(error.message()))
    }
}

impl GitTree {
    /// Lists the files of a commit below `root` (a path with `/`; empty: the top), calling `go_on` now and then.
    pub(crate) fn new(
        repo: Repository,
        id: Oid,
        root: &str,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self, Fault> {
        let top = find_root(&repo.find_commit(id)?, &repo, root)?;
        let mut found = Vec::new();
        let mut skipped = 0_usize;
        let mut seen = 0_usize;
        let mut open = vec![(String::new(), top, 1_usize)];
        let odb = repo.odb()?;
        while let Some((path, tree, depth)) = open.pop() {
            let tree = repo.find_tree(tree)?;
            for entry in &tree {
                seen += 1;
                if seen > limits::ENTRIES {
                    return Err(Fault::Bounds(format!("more than {} entries", limits::ENTRIES)));
                }
                if seen.is_multiple_of(1024) && !go_on() {
                    return Err(Fault::Bounds("its tree takes too long to list".into()));
                }
                let name = std::str::from_utf8(entry.name_bytes())
                    .ok()
                    .filter(|name| is_usable(name));
                let Some(name) = name.filter(|name| path.len() + 1 + name.len() <= limits::PATH) else {
                    skipped += 1;
                    continue;
                };
                let path = join(&path, name);
                let kind = match entry.filemode() & 0o170_000 {
                    0o040_000 if depth >= limits::DEPTH => {
                        return Err(Fault::Bounds(format!(
                            "directories nested deeper than {}",
                            limits::DEPTH
                        )));
                    }
                    0o040_000 => {
                        open.push((path, entry.id(), depth + 1));
                        continue;
                    }
                    0o120_000 => EntryKind::Symlink,
                    0o160_000 => EntryKind::Submodule,
                    _ => EntryKind::File,
                };
                let size = match kind {
                    EntryKind::Submodule => 0,
                    EntryKind::File | EntryKind::Symlink => odb.read_header(entry.id())?.0 as u64,
                };
                found.push((Entry { path, kind, size }, entry.id()));
            }
        }
        drop(odb);
        if skipped > 0 {
            tracing::warn!(commit = %id, skipped, "names that are no text are left out of the tree");
        }
        found.sort_unstable_by(|a, b| a.0.path.cmp(&b.0.path));
        found.dedup_by(|a, b| a.0.path == b.0.path);
        let (entries, ids) = found.into_iter().unzip();
        Ok(Self {
            repo: Mutex::new(repo),
            entries,
            ids,
        })
    }
}

impl Tree for GitTree {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let missing = || TreeError::Missing(clean(path));
        let at = find(&self.entries, path).ok_or_else(missing)?;
        let (entry, id) = self.entries.get(at).zip(self.ids.get(at)).ok_or_else(missing)?;
        readable(entry)?;
        let unreadable = |error: git2::Error| TreeError::Unreadable {
            path: path.to_owned(),
            why: clean(error.message()),
        };
        let repo = self.repo.lock().unwrap_or_else(PoisonError::into_inner);
        let odb = repo.odb().map_err(unreadable)?;
        let object = odb.read(*id).map_err(unreadable)?;
        Ok(object.data().into())
    }
}

/// An entry's place in a sorted list.
pub(crate) fn find(entries: &[Entry], path: &str) -> Option<usize> {
    entries
        .binary_search_by(|entry| entry.path.as_str().cmp(path))
        .ok()
}

/// Whether an entry is a file that may be read whole.
pub(crate) fn readable(entry: &Entry) -> Result<(), TreeError> {
    if entry.kind != EntryKind::File {
        Err(TreeError::NotAFile(entry.path.clone()))
    } else if entry.size > limits::FILE {
        Err(TreeError::TooLarge {
            path: entry.path.clone(),
            size: entry.size,
            limit: limits::FILE,
        })
    } else {
        Ok(())
    }
}

/// Whether a name can stand in a path that people and manifests write.
pub(crate) fn is_usable(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 255
        && !name.contains(|c: char| c == '/' || c.is_control())
}

/// A directory's path and a name in it.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

fn find_root(commit: &Commit<'_>, repo: &Repository, root: &str) -> Result<Oid, Fault> {
    let mut at = commit.tree_id();
    for part in root.split('/').filter(|part| !part.is_empty()) {
        let tree = repo.find_tree(at)?;
        let entry = tree
            .get_name(part)
            .filter(|entry| entry.kind() == Some(ObjectType::Tree));
        at = entry.filter(|_| is_usable(part)).ok_or(Fault::NoRoot)?.id();
    }
    Ok(at)
}
