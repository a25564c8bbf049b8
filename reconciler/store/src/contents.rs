//! Bytes by their digest, one file each: `contents/ab/cdef…`, written once, verified whenever they are read.

use evenkeel_engine::port::store::Contents;
use evenkeel_model::Digest;
use sha2::Digest as _;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// Drafts older than this belong to nobody any more.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of contents. Cheap to clone; several processes may share one.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    drafts: Arc<AtomicU64>,
}

/// Makes a directory (and those above it), and what is in it nobody else's business.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Folder {
    /// Opens or makes the folder at `root` (mode 0700), throws stale drafts away, and makes sure that whatever an
    /// earlier process put here, and died before it could sync, is on the disk.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(root: &Path) -> io::Result<Self> {
        private_directory(root)?;
        let folder = Self {
            root: root.to_owned(),
            drafts: Arc::default(),
        };
        private_directory(&folder.drafts())?;
        for draft in fs::read_dir(folder.drafts())? {
            let draft = draft?;
            let age = draft
                .metadata()
                .and_then(|data| data.modified())
                .map(|at| SystemTime::now().duration_since(at));
            if matches!(age, Ok(Ok(age)) if age > STALE) {
                fs::remove_file(draft.path())?;
            }
        }
        for shard in fs::read_dir(root)? {
            let shard = shard?;
            if shard.file_type()?.is_dir() {
                sync_directory(&shard.path())?;
            }
        }
        sync_directory(root)?;
        Ok(folder)
    }

    fn drafts(&self) -> PathBuf {
        self.root.join("drafts")
    }

    /// The shard and the file of some content.
    fn place(&self, digest: &Digest) -> (PathBuf, PathBuf) {
        let text = digest.to_string();
        let (shard, name) = text.split_at(2);
        let shard = self.root.join(shard);
        let file = shard.join(name);
        (shard, file)
    }

    /// Whether these bytes are kept here; their size, if so. They are not read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn has(&self, digest: &Digest) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(self.place(digest).1) {
            Ok(data) => Ok(data.is_file().then_some(data.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps bytes; their digest. Bytes that are here already, and whole, are not written again.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        if self.has(&digest)? == u64::try_from(bytes.len()).ok() && fs::read(self.place(&digest).1)? == bytes
        {
            return Ok(digest);
        }
        let mut draft = self.draft(u64::MAX)?;
        draft.write_all(bytes)?;
        Ok(draft.keep()?.0)
    }

    /// Keeps what a reader gives, at most `limit` bytes; its digest and size.
    ///
    /// # Errors
    /// When the reader fails or gives more, or the folder cannot be written.
    pub fn put_reader(&self, reader: &mut dyn Read, limit: u64) -> io::Result<(Digest, u64)> {
        let mut draft = self.draft(limit)?;
        io::copy(reader, &mut draft)?;
        draft.keep()
    }

    /// Begins contents of at most `limit` bytes that come piece by piece. Dropped before [`Draft::keep`], nothing
    /// is left of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn draft(&self, limit: u64) -> io::Result<Draft> {
        // The process number may come again after a crash that left drafts behind: then the next free name is taken.
        loop {
            let number = self.drafts.fetch_add(1, Ordering::Relaxed);
            let path = self.drafts().join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
            {
                Ok(file) => {
                    let hash = sha2::Sha256::new();
                    return Ok(Draft {
                        folder: self.clone(),
                        path,
                        file,
                        hash,
                        size: 0,
                        limit,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Contents for Folder {
    fn open(&self, digest: &Digest) -> io::Result<Option<(u64, Box<dyn Read + Send>)>> {
        let file = match File::open(self.place(digest).1) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        let hash = sha2::Sha256::new();
        let mut verified = Verified {
            file,
            hash: Some(hash),
            left: size,
            digest: *digest,
        };
        verified.check_at_end()?;
        Ok(Some((size, Box::new(verified))))
    }
}

/// Contents that are being written.
#[derive(Debug)]
pub struct Draft {
    folder: Folder,
    path: PathBuf,
    file: File,
    hash: sha2::Sha256,
    size: u64,
    limit: u64,
}

impl Draft {
    /// Keeps what was written: on the disk, under its name, for good. Its digest and size.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn keep(self) -> io::Result<(Digest, u64)> {
        self.file.sync_all()?;
        let digest = Digest::from_bytes(self.hash.clone().finalize().into());
        let (shard, file) = self.folder.place(&digest);
        if !shard.is_dir() {
            private_directory(&shard)?;
            sync_directory(&self.folder.root)?;
        }
        fs::rename(&self.path, file)?;
        sync_directory(&shard)?;
        Ok((digest, self.size))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self
            .size
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if size > self.limit {
            let why = format!("more than the {} bytes that are allowed", self.limit);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size = self
            .size
            .saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    /// What was kept has another name by now, and nothing is found here.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A reader that gives its last bytes only if all of them have the digest.
struct Verified {
    file: File,
    /// `None` once all was read and found good.
    hash: Option<sha2::Sha256>,
    left: u64,
    digest: Digest,
}

impl Verified {
    fn check_at_end(&mut self) -> io::Result<()> {
        if self.left > 0 {
            return Ok(());
        }
        let found = self
            .hash
            .take()
            .map(|hash| Digest::from_bytes(hash.finalize().into()));
        if found.is_some_and(|found| found != self.digest) {
            Err(self.damaged())
        } else {
            Ok(())
        }
    }
    fn damaged(&self) -> io::Error {
        let why = format!("the kept content {} is damaged", self.digest);
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(self.damaged());
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..read]);
        }
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        self.check_at_end()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::open(&state.path().join("contents")).unwrap();
        (state, folder)
    }

    fn read(folder: &Folder, digest: &Digest) -> io::Result<Vec<u8>> {
        let (size, mut reader) = folder.open(digest)?.expect("it is kept");
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        assert_eq!(u64::try_from(bytes.len()).unwrap(), size);
        Ok(bytes)
    }

    #[test]
    fn what_is_put_is_read_back_by_its_digest() {
        let (_state, folder) = folder();
        let big: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        for bytes in [&b""[..], b"a", &big] {
            let digest = folder.put(bytes).unwrap();
            assert_eq!(digest, Digest::of(bytes));
            assert_eq!(folder.put(bytes).unwrap(), digest);
            assert_eq!(read(&folder, &digest).unwrap(), bytes);
            assert_eq!(folder.has(&digest).unwrap(), u64::try_from(bytes.len()).ok());
        }
        assert!(folder.open(&Digest::of(b"never put")).unwrap().is_none());
        assert_eq!(folder.has(&Digest::of(b"never put")).unwrap(), None);
        let (digest, size) = folder.put_reader(&mut &big[1..], 300_000).unwrap();
        assert_eq!((digest, size), (Digest::of(&big[1..]), 299_999));
    }

    #[test]
    fn nothing_is_for_other_eyes_and_nothing_is_left_over() {
        let (state, folder) = folder();
        let digest = folder.put(b"secret").unwrap();
        assert_eq!(
            folder.put_reader(&mut io::repeat(1), 1000).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        drop(folder.draft(10).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (shard, file) = folder.place(&digest);
        assert_eq!(
            (mode(&file), mode(&shard), mode(&state.path().join("contents"))),
            (0o600, 0o700, 0o700)
        );
        assert_eq!(fs::read_dir(folder.drafts()).unwrap().count(), 0);
    }

    #[test]
    fn damage_is_an_error_before_the_last_byte_and_putting_again_heals_it() {
        let (_state, folder) = folder();
        let digest = folder.put(b"hello").unwrap();
        let file = folder.place(&digest).1;
        for damage in [&b"hellO"[..], b"hell", b"hello!", b""] {
            fs::write(&file, damage).unwrap();
            // Also for a reader that stops at the size that it was told.
            let taken = folder.open(&digest).and_then(|opened| {
                let (size, reader) = opened.expect("a file is there");
                let mut bytes = vec![0; usize::try_from(size).unwrap()];
                reader.take(size).read_exact(&mut bytes).map(|()| bytes)
            });
            assert_eq!(
                taken.unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{damage:?}"
            );
            folder.put(b"hello").unwrap();
            assert_eq!(read(&folder, &digest).unwrap(), b"hello");
        }
    }

    #[test]
    fn a_draft_of_a_crashed_process_is_in_nobodys_way() {
        let (state, folder) = folder();
        for number in 0..3 {
            fs::write(
                folder.drafts().join(format!("{}-{number}", std::process::id())),
                b"half",
            )
            .unwrap();
        }
        let old = File::options()
            .write(true)
            .open(folder.drafts().join(format!("{}-0", std::process::id())))
            .unwrap();
        old.set_modified(SystemTime::now() - 2 * STALE).unwrap();
        assert_eq!(folder.put(b"whole").unwrap(), Digest::of(b"whole"));
        Folder::open(&state.path().join("contents")).unwrap();
        assert_eq!(
            fs::read_dir(folder.drafts()).unwrap().count(),
            2,
            "the stale one is gone"
        );
    }
}
