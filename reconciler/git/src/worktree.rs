//! A working tree on this machine, read as if it were a commit.

use crate::{
    address::clean,
    limits,
    tree::{find, is_usable, join, readable},
};
use evenkeel_model::{Digest, Entry, EntryKind, Revision, Timestamp, Tree, TreeError};
use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags},
    io::Errno,
};
use sha2::Digest as _;
use std::{fs::File, io::Read as _, os::fd::AsFd, path::Path, sync::Arc};

/// Most that is read to know a working tree's content, in bytes.
const CONTENT: u64 = 1 << 30;

/// The files below a folder at one moment: everything there but `.git`, committed or not, ignored or not.
///
/// No symbolic link is ever followed, the folder itself apart: each directory is opened from the one above it, and a
/// file that changed since the tree was listed is refused, so that all reads are of one state. A directory with a `.git`
/// of its own is a submodule, as in a commit. Sockets, pipes and devices are left out, as are names that a
/// commit's tree would not have either (see [`crate::Clones`]); the bounds are the same.
#[derive(Debug)]
pub struct WorkTree {
    root: OwnedFd,
    entries: Vec<Entry>,
    digests: Vec<Digest>,
    digest: Digest,
}

/// Why a working tree could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkTreeError {
    /// It is gone, or closed to us, or the disk fails.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// Which file or folder.
        path: String,
        /// Why.
        why: String,
    },
    /// Too many entries, nested too deep, or too much content.
    #[error("{path} is no project that can be read whole: {why}")]
    Unusable {
        /// Which folder.
        path: String,
        /// Which bound.
        why: String,
    },
}

impl WorkTreeError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "worktree-unreadable",
            Self::Unusable { .. } => "worktree-unusable",
        }
    }
}

impl WorkTree {
    /// Lists and hashes what is below `folder`. Blocking; in proportion to the bytes there, of which 1 GiB are allowed.
    ///
    /// # Errors
    /// See [`WorkTreeError`].
    pub fn scan(folder: &Path) -> Result<Self, WorkTreeError> {
        let shown = clean(&folder.display().to_string());
        let unreadable = |path: &str, why: &dyn std::fmt::Display| WorkTreeError::Unreadable {
            path: join(shown.trim_end_matches('/'), path)
                .trim_end_matches('/')
                .to_owned(),
            why: why.to_string(),
        };
        let unusable = |why: String| WorkTreeError::Unusable {
            path: shown.clone(),
            why,
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::open(folder, flags, Mode::empty()).map_err(|error| unreadable("", &error))?;
        let mut found = Vec::new();
        let (mut seen, mut skipped, mut content) = (0_usize, 0_usize, 0_u64);
        let mut open = vec![(String::new(), 1_usize)];
        while let Some((path, depth)) = open.pop() {
            let here = open_below(&root, &path, OFlags::DIRECTORY);
            let here = match here {
                // Gone, or no directory any more, since its parent was listed.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if !path.is_empty() => continue,
                here => here.map_err(|error| unreadable(&path, &error))?,
            };
            if !path.is_empty() && fs::statat(&here, ".git", AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                let kind = EntryKind::Submodule;
                found.push((Entry { path, kind, size: 0 }, Digest::of(b"")));
                continue;
            }
            for entry in Dir::read_from(&here).map_err(|error| unreadable(&path, &error))? {
                let entry = entry.map_err(|error| unreadable(&path, &error))?;
                let name = entry.file_name().to_bytes();
                if matches!(name, b"." | b".." | b".git") {
                    continue;
                }
                seen += 1;
                if seen > limits::ENTRIES {
                    return Err(unusable(format!("it has more than {} entries", limits::ENTRIES)));
                }
                let name = std::str::from_utf8(name).ok().filter(|name| is_usable(name));
                let Some(name) = name.filter(|name| path.len() + 1 + name.len() <= limits::PATH) else {
                    skipped += 1;
                    continue;
                };
                let below = join(&path, name);
                let stat = match fs::statat(&here, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => continue,
                    stat => stat.map_err(|error| unreadable(&below, &error))?,
                };
                let (kind, size, digest) = match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory if depth >= limits::DEPTH => {
                        return Err(unusable(format!(
                            "its directories nest deeper than {}",
                            limits::DEPTH
                        )));
                    }
                    FileType::Directory => {
                        open.push((below, depth + 1));
                        continue;
                    }
                    FileType::Symlink => {
                        let to = fs::readlinkat(&here, name, Vec::new())
                            .map_err(|error| unreadable(&below, &error))?;
                        let to = to.as_bytes();
                        (EntryKind::Symlink, to.len() as u64, Digest::of(to))
                    }
                    FileType::RegularFile => match open_below(&here, name, OFlags::NONBLOCK) {
                        Err(Errno::NOENT | Errno::LOOP) => continue,
                        file => {
                            let file = File::from(file.map_err(|error| unreadable(&below, &error))?);
                            let (size, digest) = hash(file, CONTENT.saturating_sub(content))
                                .map_err(|error| unreadable(&below, &error))?;
                            content = content.saturating_add(size);
                            (EntryKind::File, size, digest)
                        }
                    },
                    _ => {
                        skipped += 1;
                        continue;
                    }
                };
                if content > CONTENT {
                    return Err(unusable(format!("its files have more than {CONTENT} bytes")));
                }
                found.push((
                    Entry {
                        path: below,
                        kind,
                        size,
                    },
                    digest,
                ));
            }
        }
        if skipped > 0 {
            tracing::warn!(
                folder = shown,
                skipped,
                "names that are no text and special files are left out"
            );
        }
        found.sort_unstable_by(|a, b| a.0.path.cmp(&b.0.path));
        let digest = whole(&found);
        let (entries, digests) = found.into_iter().unzip();
        Ok(Self {
            root,
            entries,
            digests,
            digest,
        })
    }

    /// Of all paths, kinds and contents.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// It as a revision, `worktree-` and its digest, seen at a time.
    #[must_use]
    pub fn revision(&self, at: Timestamp) -> Revision {
        Revision {
            id: format!("worktree-{}", self.digest),
            author: String::new(),
            subject: "the working tree".into(),
            at,
            signer: None,
        }
    }
}

impl Tree for WorkTree {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let missing = || TreeError::Missing(clean(path));
        let at = find(&self.entries, path).ok_or_else(missing)?;
        let (entry, digest) = self
            .entries
            .get(at)
            .zip(self.digests.get(at))
            .ok_or_else(missing)?;
        readable(entry)?;
        let unreadable = |why: String| TreeError::Unreadable {
            path: path.to_owned(),
            why,
        };
        let file =
            open_below(&self.root, path, OFlags::NONBLOCK).map_err(|error| unreadable(error.to_string()))?;
        let mut bytes = Vec::new();
        let read = File::from(file).take(entry.size + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(error.to_string()))?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes.into())
        } else {
            Err(unreadable("it changed while the working tree was read".into()))
        }
    }
}

/// Opens what is at a path below a directory, part by part, following no link anywhere.
fn open_below(root: &OwnedFd, path: &str, last: OFlags) -> Result<OwnedFd, Errno> {
    let plain = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
    let mut at = fs::openat(root.as_fd(), ".", plain | OFlags::DIRECTORY, Mode::empty())?;
    while let Some(part) = parts.next() {
        let kind = if parts.peek().is_some() {
            OFlags::DIRECTORY
        } else {
            last
        };
        at = fs::openat(&at, part, plain | kind, Mode::empty())?;
    }
    Ok(at)
}

/// Size and digest of a file's bytes, of which a little more than `most` are read.
fn hash(mut file: File, most: u64) -> std::io::Result<(u64, Digest)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0_u64;
    while size <= most {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
    Ok((size, Digest::from_bytes(hasher.finalize().into())))
}

fn whole(found: &[(Entry, Digest)]) -> Digest {
    let mut hasher = sha2::Sha256::new();
    for (entry, digest) in found {
        // A path has no control character, so a line says one thing only.
        hasher.update(format!("{:?} {digest} {}\n", entry.kind, entry.path));
    }
    Digest::from_bytes(hasher.finalize().into())
}
