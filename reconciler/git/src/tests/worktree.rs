//! Working trees, and being told of changes.

use super::repository::{Repository, remote};
use crate::{Watch, WorkTree};
use evenkeel_model::{EntryKind, Timestamp, Tree as _, TreeError};
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    time::Duration,
};
use tokio::time::timeout;

#[test]
fn a_working_tree_reads_as_a_commit_would() {
    let repo = Repository::new();
    repo.write("b/project.yaml", "kind: Project\n");
    repo.write("b.txt", "x");
    repo.write("nested/.git", "gitdir: elsewhere");
    repo.write("nested/inside", "not ours");
    repo.write("bad\nname", "x");
    symlink("/etc", repo.work().join("etc")).unwrap();
    let _socket = UnixListener::bind(repo.work().join("socket")).unwrap();
    let tree = WorkTree::scan(&repo.work()).unwrap();
    let found: Vec<_> = tree
        .entries()
        .iter()
        .map(|entry| (entry.path.as_str(), entry.kind, entry.size))
        .collect();
    assert_eq!(
        found,
        [
            ("b.txt", EntryKind::File, 1),
            ("b/project.yaml", EntryKind::File, 14),
            ("etc", EntryKind::Symlink, 4),
            ("nested", EntryKind::Submodule, 0),
        ]
    );
    assert_eq!(&*tree.read("b/project.yaml").unwrap(), b"kind: Project\n");
    assert_eq!(tree.read("etc").unwrap_err(), TreeError::NotAFile("etc".into()));
    for path in [
        "etc/passwd",
        "../bare.git/HEAD",
        "/etc/passwd",
        "nested/inside",
        ".git/HEAD",
    ] {
        assert_eq!(tree.read(path).unwrap_err(), TreeError::Missing(path.into()));
    }
    let revision = tree.revision(Timestamp(7));
    assert_eq!(revision.id, format!("worktree-{}", tree.digest()));
    assert_eq!(WorkTree::scan(&repo.work()).unwrap().digest(), tree.digest());
}

#[test]
fn every_change_is_another_digest_and_no_read_mixes_states() {
    let repo = Repository::new();
    repo.write("a", "1");
    repo.write("dir/b", "2");
    let tree = WorkTree::scan(&repo.work()).unwrap();
    let mut digests = vec![tree.digest()];
    repo.write("a", "3");
    let error = tree.read("a").unwrap_err();
    assert!(matches!(error, TreeError::Unreadable { .. }), "{error}");
    let mut look = || digests.push(WorkTree::scan(&repo.work()).unwrap().digest());
    look();
    fs::rename(repo.work().join("a"), repo.work().join("c")).unwrap();
    look();
    fs::remove_file(repo.work().join("c")).unwrap();
    symlink("3", repo.work().join("c")).unwrap();
    look();
    // A directory that became a link is not walked through.
    fs::rename(repo.work().join("dir"), repo.dir.path().join("outside")).unwrap();
    symlink(repo.dir.path().join("outside"), repo.work().join("dir")).unwrap();
    assert!(matches!(
        tree.read("dir/b").unwrap_err(),
        TreeError::Unreadable { .. }
    ));
    look();
    let all = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all);
    assert_eq!(
        WorkTree::scan(&repo.dir.path().join("gone")).unwrap_err().code(),
        "worktree-unreadable"
    );
}

#[test]
fn what_nests_too_deep_is_refused() {
    let repo = Repository::new();
    repo.write(&format!("{}end", "d/".repeat(64)), "x");
    assert_eq!(
        WorkTree::scan(&repo.work()).unwrap_err().code(),
        "worktree-unusable"
    );
}

/// Long enough on a busy machine; only a failing test waits for it.
const SOON: Duration = Duration::from_secs(10);
/// Several times the quiet that ends a burst: what is not told by then is not told.
const NEVER: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_changed_file_is_told_once_and_reading_or_git_is_not() {
    let repo = Repository::new();
    repo.write("a/b", "1");
    let mut watch = Watch::folder(&repo.work()).unwrap();
    WorkTree::scan(&repo.work()).unwrap();
    repo.git(&["add", "-A"]);
    assert!(
        timeout(NEVER, watch.changed()).await.is_err(),
        "nothing has changed"
    );
    for round in 0..20 {
        repo.write("a/b", &format!("{round}"));
    }
    assert!(timeout(SOON, watch.changed()).await.unwrap());
    let mut more = 0;
    while timeout(NEVER, watch.changed()).await.is_ok() {
        more += 1;
    }
    assert!(
        more < 5,
        "twenty writes on end are one change, or few where the machine stalls; not {more} more"
    );
    repo.write("new/folder/file", "1");
    assert!(timeout(SOON, watch.changed()).await.unwrap());
}

#[tokio::test]
async fn a_push_to_a_local_remote_is_told() {
    let repo = Repository::new();
    repo.commit("begin");
    let mut watch = Watch::remote(&repo.remote()).unwrap().unwrap();
    repo.commit("next");
    assert!(timeout(SOON, watch.changed()).await.unwrap());
    super::repository::run(&repo.bare(), &["pack-refs", "--all"]);
    assert!(timeout(SOON, watch.changed()).await.unwrap());
    assert!(
        Watch::remote(&remote("https://example.org/a.git"))
            .unwrap()
            .is_none()
    );
    assert!(Watch::remote(&remote("/nowhere")).is_err());
}
