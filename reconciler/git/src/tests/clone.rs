//! Listing, fetching and reading.

use super::{
    repository::{Repository, remote},
    server::Server,
};
use evenkeel_engine::port::source::{Remote, Source as _, SourceError};
use evenkeel_model::{EntryKind, TreeError};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_commit_is_listed_fetched_and_read_by_every_way() {
    let repo = Repository::new();
    repo.write("project.yaml", "kind: Project\n");
    repo.write("apps/shop.yaml", "kind: App\n");
    repo.write("apps.txt", "sorted after apps/");
    let first = repo.commit("begin");
    repo.write("project.yaml", "kind: Project # 2\n");
    let id = repo.commit("raise workers\n\nbecause");
    repo.git(&["tag", "-a", "v1", "-m", "one"]);
    repo.git(&["push", "-q", "origin", "v1"]);
    let daemon = Server::git_daemon(repo.dir.path());
    for url in [
        format!("git://127.0.0.1:{}/bare.git", daemon.port),
        format!("file://{}", repo.bare().display()),
        repo.bare().display().to_string(),
    ] {
        let (clones, remote) = (repo.clones(), remote(&url));
        let list = clones.list(&remote).await.unwrap();
        for name in ["HEAD", "refs/heads/main", "refs/tags/v1"] {
            assert_eq!(list.get(name), Some(&id), "{name} of {url}");
        }
        assert_eq!(
            clones.default_branch(&remote).as_deref(),
            Some("refs/heads/main"),
            "{url}"
        );
        let error = clones.tree(&remote, &id).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "git-no-such", "not fetched yet: {url}");
        clones
            .fetch(&remote, &names(&["refs/tags/v1", "HEAD"]))
            .await
            .unwrap();

        let revision = clones.revision(&remote, &id).await.unwrap();
        assert_eq!(
            (
                revision.id.as_str(),
                revision.subject.as_str(),
                revision.author.as_str()
            ),
            (id.as_str(), "raise workers", "Ada <ada@example.org>")
        );
        let tree = clones.tree(&remote, &id).await.unwrap();
        let paths: Vec<_> = tree
            .entries()
            .iter()
            .map(|entry| (entry.path.as_str(), entry.size))
            .collect();
        assert_eq!(
            paths,
            [("apps.txt", 18), ("apps/shop.yaml", 10), ("project.yaml", 18)]
        );
        assert_eq!(&*tree.read("project.yaml").unwrap(), b"kind: Project # 2\n");
        assert_eq!(tree.read("apps").unwrap_err(), TreeError::Missing("apps".into()));
        assert!(clones.descends(&remote, &id, &first).await.unwrap());
        assert!(clones.descends(&remote, &id, &id).await.unwrap());
        assert!(!clones.descends(&remote, &first, &id).await.unwrap());
        assert!(!clones.descends(&remote, &id, &"0".repeat(40)).await.unwrap());
    }
}

#[tokio::test]
async fn only_what_lies_below_the_root_is_seen() {
    let repo = Repository::new();
    repo.write("deploy/prod/project.yaml", "x");
    repo.write("secret.txt", "y");
    let id = repo.commit("begin");
    let clones = repo.clones();
    clones
        .fetch(&repo.remote(), &names(&["refs/heads/main"]))
        .await
        .unwrap();
    let at = |root: &str| Remote {
        root: root.into(),
        ..repo.remote()
    };
    let tree = clones.tree(&at("deploy/prod/"), &id).await.unwrap();
    assert_eq!(tree.entries().len(), 1);
    assert_eq!(&*tree.read("project.yaml").unwrap(), b"x");
    assert!(tree.read("../../secret.txt").is_err());
    for root in ["nowhere", "..", "deploy/../deploy", "secret.txt"] {
        let error = clones.tree(&at(root), &id).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, SourceError::NoSuch { .. }), "{root}: {error}");
    }
}

#[tokio::test]
async fn links_submodules_and_large_files_are_data() {
    let repo = Repository::new();
    std::fs::create_dir_all(repo.work().join("a")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", repo.work().join("a/link")).unwrap();
    std::fs::File::create(repo.work().join("large"))
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    repo.write("fits", "ok");
    let commit = repo.commit("begin");
    let submodule = format!("160000,{commit},sub");
    repo.git(&["update-index", "--add", "--cacheinfo", &submodule]);
    repo.git(&["commit", "-q", "-m", "submodule"]);
    repo.git(&["push", "-q", "origin", "HEAD"]);
    let (clones, remote) = (repo.clones(), repo.remote());
    clones.fetch(&remote, &names(&["refs/heads/main"])).await.unwrap();
    let tree = clones.tree(&remote, &repo.head()).await.unwrap();
    let kinds: Vec<_> = tree
        .entries()
        .iter()
        .map(|entry| (entry.path.as_str(), entry.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("a/link", EntryKind::Symlink),
            ("fits", EntryKind::File),
            ("large", EntryKind::File),
            ("sub", EntryKind::Submodule),
        ]
    );
    for path in ["a/link", "sub"] {
        assert_eq!(tree.read(path).unwrap_err(), TreeError::NotAFile(path.into()));
    }
    assert!(matches!(
        tree.read("large").unwrap_err(),
        TreeError::TooLarge { .. }
    ));
    assert_eq!(&*tree.read("fits").unwrap(), b"ok");
}
