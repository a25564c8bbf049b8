//! Which files need not be hashed again.
//!
//! A digest is kept with the file's size, mtime, ctime, inode and device as they were *before* it was hashed. While all
//! of them are the same, the content is: every write(2), truncate(2) and rename(2) over the path moves ctime or the
//! inode, and utimensat(2) can set mtime back but never ctime. What remains is a write within the clock's grain of the
//! stat itself (git's "racy" entries), so a file is only trusted if both times were at least two seconds old, on the
//! target's own clock, when it was looked at: any later write then gets a later ctime. Only who sets the target's clock
//! back and writes at the old ctime's very nanosecond, or writes to the raw device, goes unseen; that takes root, and
//! a full look sees it too. A write through a shared mapping moves ctime when the kernel writes the page back (at
//! msync(2) at the latest), which a full look does not wait for either.

use evenkeel_model::{AbsolutePath, Digest};
use std::collections::HashMap;

/// So old, in nanoseconds, must a change be.
const SETTLED: i128 = 2_000_000_000;
/// More files are not remembered for a target.
const LIMIT: usize = 100_000;

/// What moves when a file's content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// In bytes.
    pub(crate) size: u64,
    /// Content change, in nanoseconds since 1970.
    pub(crate) mtime: i128,
    /// Inode change, in nanoseconds since 1970.
    pub(crate) ctime: i128,
    /// Inode.
    pub(crate) inode: u64,
    /// Device.
    pub(crate) device: u64,
}

/// The digests that are known of one target's files.
#[derive(Debug, Default)]
pub(crate) struct Cache(HashMap<AbsolutePath, (Key, Digest)>);

impl Cache {
    /// Whether anything is known of a file.
    pub(crate) fn knows(&self, path: &AbsolutePath) -> bool {
        self.0.contains_key(path)
    }

    /// The digest, if the file has not moved.
    pub(crate) fn get(&self, path: &AbsolutePath, key: &Key) -> Option<Digest> {
        self.0
            .get(path)
            .filter(|(known, _)| known == key)
            .map(|(_, digest)| *digest)
    }

    /// Remembers a digest, if the file was at rest: `now` is the target's clock from before it was looked at.
    pub(crate) fn put(&mut self, path: &AbsolutePath, key: Key, digest: Digest, now: Option<i128>) {
        let settled = now.is_some_and(|now| key.mtime.max(key.ctime) < now - SETTLED);
        if settled && (self.0.len() < LIMIT || self.0.contains_key(path)) {
            self.0.insert(path.clone(), (key, digest));
        } else {
            self.0.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_at_rest_that_has_not_moved_is_known() {
        let path = AbsolutePath::new("/a").unwrap();
        let digest = Digest::of(b"x");
        let key = Key {
            size: 1,
            mtime: 5,
            ctime: 10_000_000_000,
            inode: 1,
            device: 1,
        };
        for (now, kept) in [
            (None, false),
            (Some(10_000_000_000), false),
            (Some(12_000_000_000), false),
            (Some(12_000_000_001), true),
        ] {
            let mut cache = Cache::default();
            cache.put(&path, key, digest, now);
            assert_eq!(cache.get(&path, &key), kept.then_some(digest), "{now:?}");
        }
        let mut cache = Cache::default();
        cache.put(&path, key, digest, Some(99_000_000_000));
        for moved in [
            Key { size: 2, ..key },
            Key { mtime: 6, ..key },
            Key { ctime: 7, ..key },
            Key { inode: 2, ..key },
            Key { device: 2, ..key },
        ] {
            assert_eq!(cache.get(&path, &moved), None);
        }
        cache.put(&path, key, digest, Some(11_000_000_000));
        assert!(!cache.knows(&path), "what is in doubt is forgotten");
    }
}
