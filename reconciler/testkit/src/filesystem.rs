//! The files of a simulated server: a flat map of paths, with symbolic links followed in the middle of a path.

use evenkeel_model::{
    AbsolutePath, Digest, Timestamp,
    probe::{Excerpt, FileType, Listing},
};
use std::{collections::BTreeMap, sync::Arc};

/// What stands at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// File, directory or link, and what is in it.
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Last change of the content, by the server's clock.
    pub mtime: Timestamp,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A regular file.
    File(Arc<[u8]>),
    /// A directory.
    Directory,
    /// A symbolic link, as it is written.
    Symlink(String),
}

/// All files; `/` is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    nodes: BTreeMap<AbsolutePath, Node>,
}

/// How many links one path may go through, as path_resolution(7) has it.
const LINKS: usize = 40;

impl Node {
    /// A node of root's.
    #[must_use]
    pub fn new(what: What, mode: u32) -> Self {
        Self {
            what,
            mode,
            uid: 0,
            gid: 0,
            mtime: Timestamp(0),
        }
    }
    /// What it is.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        match self.what {
            What::File(_) => FileType::File,
            What::Directory => FileType::Directory,
            What::Symlink(_) => FileType::Symlink,
        }
    }
}

impl Default for FileSystem {
    fn default() -> Self {
        let root = AbsolutePath::new("/").map(|path| (path, Node::new(What::Directory, 0o755)));
        Self {
            nodes: root.into_iter().collect(),
        }
    }
}

impl FileSystem {
    /// The path with every link in its directories followed; the last part is kept as it is. `None`: a directory on
    /// the way is not there, or the links go in a circle.
    #[must_use]
    pub fn resolve(&self, path: &AbsolutePath) -> Option<AbsolutePath> {
        let mut left = LINKS;
        self.follow(path, false, &mut left)
    }

    fn follow(&self, path: &AbsolutePath, last: bool, left: &mut usize) -> Option<AbsolutePath> {
        let mut rest: Vec<String> = path.as_str().rsplit('/').map(str::to_owned).collect();
        let mut at = AbsolutePath::new("/").ok()?;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at = at.parent().unwrap_or(at);
                    continue;
                }
                _ => {}
            }
            let next = at.join(&part).ok()?;
            let is_last = rest.iter().all(String::is_empty);
            match self.nodes.get(&next).map(|node| &node.what) {
                Some(What::Symlink(to)) if last || !is_last => {
                    *left = left.checked_sub(1)?;
                    if to.starts_with('/') {
                        at = AbsolutePath::new("/").ok()?;
                    }
                    rest.extend(to.rsplit('/').map(str::to_owned));
                }
                Some(What::Directory) => at = next,
                _ if is_last => at = next,
                _ => return None,
            }
        }
        Some(at)
    }

    /// What is at a path; a link at its end is not followed.
    #[must_use]
    pub fn get(&self, path: &AbsolutePath) -> Option<&Node> {
        self.nodes.get(&self.resolve(path)?)
    }
    /// The same, to change it.
    pub fn get_mut(&mut self, path: &AbsolutePath) -> Option<&mut Node> {
        let path = self.resolve(path)?;
        self.nodes.get_mut(&path)
    }
    /// The bytes of the file at a path, through links.
    #[must_use]
    pub fn bytes(&self, path: &AbsolutePath) -> Option<&[u8]> {
        let mut left = LINKS;
        match &self.nodes.get(&self.follow(path, true, &mut left)?)?.what {
            What::File(bytes) => Some(bytes),
            _ => None,
        }
    }
    /// Puts a node; what was there, with all below, is gone.
    ///
    /// # Errors
    /// When the directory that should hold it is none.
    pub fn put(&mut self, path: &AbsolutePath, node: Node) -> Result<(), String> {
        let path = self.place(path)?;
        self.nodes.retain(|known, _| !known.is_beneath(&path));
        self.nodes.insert(path, node);
        Ok(())
    }
    /// Where a new entry would come to stand.
    ///
    /// # Errors
    /// When the directory that should hold it is none.
    pub fn place(&self, path: &AbsolutePath) -> Result<AbsolutePath, String> {
        let missing = || format!("{path}: no such file or directory");
        let place = self.resolve(path).ok_or_else(missing)?;
        match place.parent().and_then(|parent| self.nodes.get(&parent)) {
            Some(node) if node.what == What::Directory => Ok(place),
            Some(_) => Err(format!("{path}: not a directory")),
            None => Err(missing()),
        }
    }
    /// Takes away what is at a path, and all below; whether anything was.
    pub fn remove(&mut self, path: &AbsolutePath) -> bool {
        let Some(path) = self.resolve(path) else {
            return false;
        };
        self.nodes.retain(|known, _| !known.is_beneath(&path));
        self.nodes.remove(&path).is_some()
    }
    /// Whether a directory has entries.
    #[must_use]
    pub fn has_entries(&self, path: &AbsolutePath) -> bool {
        self.resolve(path)
            .is_some_and(|path| self.nodes.keys().any(|known| known.is_beneath(&path)))
    }
    /// Makes a directory and those above it that are missing, as `mkdir -p` does.
    pub fn make_directories(&mut self, path: &AbsolutePath) {
        let mut all: Vec<_> = path.ancestors().collect();
        all.reverse();
        for path in all.into_iter().chain([path.clone()]) {
            self.nodes
                .entry(path)
                .or_insert_with(|| Node::new(What::Directory, 0o755));
        }
    }
    /// Everything, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&AbsolutePath, &Node)> {
        self.nodes.iter()
    }
    /// All nodes, to change their owners.
    pub(crate) fn nodes_beneath(&mut self, path: &AbsolutePath) -> impl Iterator<Item = &mut Node> {
        self.nodes
            .iter_mut()
            .filter(move |(known, _)| *known == path || known.is_beneath(path))
            .map(|(_, node)| node)
    }

    /// A directory's entries.
    #[must_use]
    pub fn list(&self, path: &AbsolutePath, limit: u32) -> Option<Listing> {
        let mut left = LINKS;
        let path = self.follow(path, true, &mut left)?;
        if self.nodes.get(&path)?.what != What::Directory {
            return None;
        }
        let all = self
            .nodes
            .iter()
            .filter(|(known, _)| known.parent().as_ref() == Some(&path));
        let mut entries: Vec<_> = all
            .map(|(known, node)| (known.file_name().to_owned(), node.file_type()))
            .collect();
        entries.sort();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let truncated = entries.len() > limit;
        entries.truncate(limit);
        Some(Listing { entries, truncated })
    }
    /// The beginning of a regular file.
    #[must_use]
    pub fn read(&self, path: &AbsolutePath, limit: u32) -> Option<Excerpt> {
        let bytes = self.bytes(path)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Some(Excerpt {
            bytes: bytes.get(..limit.min(bytes.len())).unwrap_or(bytes).to_vec(),
            truncated: bytes.len() > limit,
        })
    }
    /// The digest that a [`Hashed`](evenkeel_model::probe::Hashed) tells.
    pub(crate) fn digest(node: &Node) -> Option<Digest> {
        match &node.what {
            What::File(bytes) => Some(Digest::of(bytes)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_in_the_middle_and_never_for_ever() {
        let path = |text| AbsolutePath::new(text).unwrap();
        let mut files = FileSystem::default();
        files.make_directories(&path("/srv/a/releases/1"));
        let link = |to: &str| Node::new(What::Symlink(to.into()), 0o777);
        files.put(&path("/srv/a/current"), link("releases/1")).unwrap();
        let file = Node::new(What::File(Arc::from(*b"x")), 0o644);
        files.put(&path("/srv/a/current/f"), file).unwrap();
        assert_eq!(files.bytes(&path("/srv/a/releases/1/f")), Some(&b"x"[..]));
        files
            .put(&path("/srv/a/releases/1/up"), link("../../current/f"))
            .unwrap();
        assert_eq!(files.bytes(&path("/srv/a/current/up")), Some(&b"x"[..]));
        assert_eq!(
            files.get(&path("/srv/a/current")).unwrap().file_type(),
            FileType::Symlink
        );
        files.put(&path("/srv/loop"), link("/srv/loop")).unwrap();
        assert_eq!(files.bytes(&path("/srv/loop/x")), None);
        assert!(files.put(&path("/no/x"), link("y")).is_err());
        assert!(files.put(&path("/srv/a/current/f/x"), link("y")).is_err());
        assert!(files.remove(&path("/srv/a")) && files.get(&path("/srv/a/current")).is_none());
    }
}
