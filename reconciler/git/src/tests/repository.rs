//! A repository to read from, made with the real `git`.

use crate::{Access, Clones, Limits};
use evenkeel_engine::port::source::Remote;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// A working copy that pushes to a bare repository beside it.
pub(crate) struct Repository {
    pub(crate) dir: TempDir,
}

impl Repository {
    /// An empty one, with `main` as its branch.
    pub(crate) fn new() -> Self {
        let it = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        run(it.dir.path(), &["init", "-q", "--bare", "-b", "main", "bare.git"]);
        run(it.dir.path(), &["init", "-q", "-b", "main", "work"]);
        it.git(&["remote", "add", "origin", "../bare.git"]);
        it
    }

    /// Runs `git` in the working copy; what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        run(&self.work(), arguments)
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.dir.path().join("bare.git")
    }

    /// Writes a file of the working copy.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits all and pushes; the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["push", "-q", "--force", "origin", "HEAD"]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// The bare one, as a remote by its path.
    pub(crate) fn remote(&self) -> Remote {
        remote(&format!("file://{}", self.bare().display()))
    }

    /// Clones in a folder of their own beside it.
    pub(crate) fn clones(&self) -> Clones {
        Clones::with(self.dir.path().join("clones"), Access::default(), limits()).unwrap()
    }

    /// The one clone's folder.
    pub(crate) fn clone_dir(&self) -> PathBuf {
        let dir = fs::read_dir(self.dir.path().join("clones")).unwrap();
        let mut clones = dir.map(|entry| entry.unwrap().path());
        clones
            .find(|path| path.extension().is_some_and(|kind| kind == "git"))
            .unwrap()
    }
}

/// A remote with the top as its root.
pub(crate) fn remote(url: &str) -> Remote {
    Remote {
        url: url.to_owned(),
        root: String::new(),
    }
}

/// Far more than any test needs on a busy machine.
pub(crate) fn limits() -> Limits {
    Limits {
        list: Duration::from_secs(60),
        fetch: Duration::from_secs(120),
        read: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// Runs `git` with a configuration of the test's own.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> String {
    let output = git(dir).args(arguments).output().expect("git must be installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `git`, told nothing by the user's or the system's configuration.
pub(crate) fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(dir).stdin(Stdio::null());
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.org"),
    ] {
        git.env(name, value);
    }
    git
}
