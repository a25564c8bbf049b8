//! What goes wrong: silence, refusal, damage, history rewritten under us.

use super::{
    repository::{Repository, limits, remote, run},
    server::{Server, free_port},
};
use crate::{Access, Clones, Limits};
use evenkeel_engine::port::source::{Remote, Source as _};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

async fn fetch(clones: &Clones, remote: &Remote, name: &str) -> Result<(), &'static str> {
    clones
        .fetch(remote, &[name.to_owned()])
        .await
        .map_err(|error| error.code())
}

async fn entries(clones: &Clones, remote: &Remote, id: &str) -> Result<usize, &'static str> {
    let tree = clones.tree(remote, id).await;
    tree.map(|tree| tree.entries().len())
        .map_err(|error| error.code())
}

#[tokio::test]
async fn a_silent_peer_is_given_up_at_the_deadline_and_holds_up_no_other() {
    // It accepts (the kernel does) and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let repo = Repository::new();
    let id = repo.commit("begin");
    let hurry = Limits {
        list: Duration::from_millis(300),
        fetch: Duration::from_millis(300),
        ..limits()
    };
    let clones = Clones::with(repo.dir.path().join("clones"), Access::default(), hurry).unwrap();
    for scheme in ["git", "http", "https", "ssh"] {
        let url = format!("{scheme}://user:hunter2@127.0.0.1:{port}/a.git");
        let begun = Instant::now();
        let error = clones.list(&remote(&url)).await.unwrap_err();
        assert_eq!(error.code(), "git-deadline", "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        // The thread is still at it; the next caller waits no longer either.
        assert_eq!(fetch(&clones, &remote(&url), "HEAD").await, Err("git-deadline"));
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{scheme} took {:?}",
            begun.elapsed()
        );
    }
    let patient = repo.clones();
    assert_eq!(patient.list(&repo.remote()).await.unwrap().get("HEAD"), Some(&id));
}

#[tokio::test]
async fn every_refusal_has_its_name() {
    let repo = Repository::new();
    let id = repo.commit("begin");
    let daemon = Server::git_daemon(repo.dir.path());
    let clones = repo.clones();
    for (url, code) in [
        (
            format!("git://127.0.0.1:{}/bare.git", free_port()),
            "git-unreachable",
        ),
        (format!("git://127.0.0.1:{}/none.git", daemon.port), "git-denied"),
        ("/nowhere/at/all".into(), "git-unreachable"),
        ("gopher://127.0.0.1/a".into(), "git-unreachable"),
        (String::new(), "git-unreachable"),
    ] {
        let error = clones.list(&remote(&url)).await.unwrap_err();
        assert_eq!(error.code(), code, "{url}: {error}");
    }
    let absent = "1".repeat(40);
    for url in [
        format!("git://127.0.0.1:{}/bare.git", daemon.port),
        repo.bare().display().to_string(),
    ] {
        for name in ["refs/heads/none", "main", "", &absent] {
            assert_eq!(
                fetch(&clones, &remote(&url), name).await,
                Err("git-no-such"),
                "{name} of {url}"
            );
        }
        assert_eq!(
            fetch(&clones, &remote(&url), &id).await,
            Ok(()),
            "by its id from {url}"
        );
        let why = clones.revision(&remote(&url), "HEAD").await.unwrap_err();
        assert_eq!(why.code(), "git-no-such", "a revision is named by its full id");
    }
}

#[tokio::test]
async fn history_that_was_forced_away_is_kept_and_known() {
    let repo = Repository::new();
    let base = repo.commit("base");
    let (clones, remote) = (repo.clones(), repo.remote());
    assert_eq!(fetch(&clones, &remote, "refs/heads/main").await, Ok(()));
    repo.write("a", "1");
    let old = repo.commit("old");
    assert_eq!(fetch(&clones, &remote, "refs/heads/main").await, Ok(()));
    repo.git(&["reset", "-q", "--hard", &base]);
    let new = repo.commit("new");
    run(&repo.bare(), &["gc", "-q", "--prune=now"]);
    assert_eq!(
        clones.list(&remote).await.unwrap().get("refs/heads/main"),
        Some(&new)
    );
    assert_eq!(fetch(&clones, &remote, "refs/heads/main").await, Ok(()));
    let descends = async |id: &str, of: &str| clones.descends(&remote, id, of).await.unwrap();
    assert!(!descends(&new, &old).await, "a rewrite is seen");
    assert!(descends(&new, &base).await);
    assert_eq!(
        entries(&clones, &remote, &old).await,
        Ok(1),
        "what was deployed can be read"
    );
    let kept = run(&repo.clone_dir(), &["for-each-ref", "--format=%(objectname)"]);
    let mut kept: Vec<_> = kept.lines().collect();
    kept.sort_unstable();
    let mut both = [old.as_str(), new.as_str()];
    both.sort_unstable();
    assert_eq!(
        kept, both,
        "one reference for each end of history, however many fetches there were"
    );

    run(&repo.bare(), &["update-ref", "-d", "refs/heads/main"]);
    assert!(
        clones.list(&remote).await.unwrap().is_empty(),
        "a vanished branch is not listed"
    );
    assert_eq!(
        fetch(&clones, &remote, "refs/heads/main").await,
        Err("git-no-such")
    );
    assert_eq!(
        fetch(&clones, &remote, &new).await,
        Ok(()),
        "what is here needs no network"
    );
    assert_eq!(entries(&clones, &remote, &new).await, Ok(0));
}

/// Files of a clone's object database.
fn objects(dir: &Path, kind: &str) -> Vec<PathBuf> {
    let packs = fs::read_dir(dir.join("objects/pack")).unwrap();
    let packs = packs.map(|entry| entry.unwrap().path());
    let packs: Vec<_> = packs
        .filter(|path| path.extension().is_some_and(|is| is == kind))
        .collect();
    assert!(!packs.is_empty(), "a clone without any {kind} cannot be harmed");
    packs
}

/// Replaces a file by other content (a read-only file, and a process that has it open keeps what it has).
fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn a_damaged_clone_is_made_anew_by_whatever_meets_the_damage() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 6] = [
        ("truncated packs", |dir| {
            for pack in objects(dir, "pack") {
                let bytes = fs::read(&pack).unwrap();
                replace(&pack, &bytes[..bytes.len() / 2]);
            }
        }),
        ("flipped bytes", |dir| {
            for pack in objects(dir, "pack") {
                let mut bytes = fs::read(&pack).unwrap();
                let end = bytes.len() - 20;
                for byte in &mut bytes[12..end] {
                    *byte ^= 0x55;
                }
                replace(&pack, &bytes);
            }
        }),
        ("empty packs", |dir| {
            for pack in objects(dir, "pack") {
                replace(&pack, b"");
            }
        }),
        ("no index", |dir| {
            for index in objects(dir, "idx") {
                fs::remove_file(index).unwrap();
            }
        }),
        ("no objects", |dir| {
            fs::remove_dir_all(dir.join("objects")).unwrap();
        }),
        ("no HEAD", |dir| {
            fs::remove_file(dir.join("HEAD")).unwrap();
        }),
    ];
    for (what, harm) in harms {
        for by_fetch in [false, true] {
            let repo = Repository::new();
            repo.write("a", "1");
            let id = repo.commit("begin");
            let remote = repo.remote();
            assert_eq!(fetch(&repo.clones(), &remote, "refs/heads/main").await, Ok(()));
            harm(&repo.clone_dir());
            let clones = repo.clones();
            let mut now = id.clone();
            if by_fetch {
                repo.write("b", "2");
                now = repo.commit("next");
                assert_eq!(fetch(&clones, &remote, "refs/heads/main").await, Ok(()), "{what}");
            }
            let want = if by_fetch { 2 } else { 1 };
            assert_eq!(
                entries(&clones, &remote, &now).await,
                Ok(want),
                "{what}, by fetch: {by_fetch}"
            );
            let tree = clones.tree(&remote, &now).await.unwrap();
            assert_eq!(&*tree.read("a").unwrap(), b"1", "{what}, by fetch: {by_fetch}");
            assert!(clones.descends(&remote, &now, &id).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_damaged_clone_of_a_remote_that_is_away_is_damage_and_stays_for_a_look() {
    let repo = Repository::new();
    repo.write("a", "1");
    let id = repo.commit("begin");
    let (clones, remote) = (repo.clones(), repo.remote());
    assert_eq!(fetch(&clones, &remote, "HEAD").await, Ok(()));
    objects(&repo.clone_dir(), "pack")
        .iter()
        .for_each(|pack| replace(pack, b""));
    let away = repo.dir.path().join("away.git");
    fs::rename(repo.bare(), &away).unwrap();
    assert_eq!(entries(&clones, &remote, &id).await, Err("git-damaged"));
    assert!(repo.clone_dir().exists());
    fs::rename(&away, repo.bare()).unwrap();
    assert_eq!(entries(&clones, &remote, &id).await, Ok(1));
}

#[tokio::test]
async fn fifty_thousand_files_are_listed_quickly_and_too_many_refused() {
    use std::io::Write as _;
    let repo = Repository::new();
    let mut stream = String::from("blob\nmark :1\ndata 2\nx\n\n");
    for (branch, count) in [("many", 50_000), ("too-many", 200_001)] {
        stream.push_str(&format!(
            "commit refs/heads/{branch}\ncommitter A <a@b> 1 +0000\ndata 1\nx\n"
        ));
        for file in 0..count {
            stream.push_str(&format!("M 100644 :1 d{}/f{file}\n", file % 500));
        }
    }
    let mut import = super::repository::git(&repo.bare());
    let import = import
        .args(["fast-import", "--quiet"])
        .stdin(std::process::Stdio::piped())
        .spawn();
    let mut import = import.expect("git must be installed");
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let (clones, remote) = (repo.clones(), repo.remote());
    let list = clones.list(&remote).await.unwrap();
    assert_eq!(fetch(&clones, &remote, "refs/heads/many").await, Ok(()));
    let begun = Instant::now();
    let tree = clones.tree(&remote, &list["refs/heads/many"]).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(tree.entries().len(), 50_000);
    assert!(tree.entries().is_sorted_by(|a, b| a.path < b.path));
    assert!(took < Duration::from_secs(10), "listing took {took:?}");
    assert_eq!(fetch(&clones, &remote, "refs/heads/too-many").await, Ok(()));
    let error = entries(&clones, &remote, &list["refs/heads/too-many"]).await;
    assert_eq!(error, Err("git-unusable"));
}

#[tokio::test]
async fn hostile_names_are_left_out_and_deep_trees_refused() {
    let repo = Repository::new();
    repo.write("good", "1");
    repo.commit("begin");
    let object = |kind: &str, bytes: &[u8]| {
        fs::write(repo.work().join(".git/raw"), bytes).unwrap();
        repo.git(&["hash-object", "--literally", "-t", kind, "-w", ".git/raw"])
    };
    let raw = |id: &str| -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).unwrap();
        (0..40).step_by(2).map(byte).collect()
    };
    let blob = raw(&object("blob", b"x"));
    let mut bytes = Vec::new();
    for name in [
        &b"../up"[..],
        b"..",
        b".",
        b"a/b",
        b"bad\xff",
        b"good",
        b"new\nline",
        b"tab\t",
    ] {
        bytes.extend([b"100644 ", name, b"\0", &blob].concat());
    }
    let top = object("tree", &bytes);
    let mut deep = top.clone();
    for _ in 0..64 {
        deep = object("tree", &[b"40000 d\0".to_vec(), raw(&deep)].concat());
    }
    let (clones, remote) = (repo.clones(), repo.remote());
    for (tree, branch, want) in [(&top, "names", Ok(1)), (&deep, "deep", Err("git-unusable"))] {
        let commit = repo.git(&["commit-tree", tree, "-m", "hostile"]);
        let name = format!("refs/heads/{branch}");
        // As an attacker's own server would have it: a push would check it.
        fs::write(repo.bare().join(&name), format!("{commit}\n")).unwrap();
        fs::write(
            repo.bare().join("objects/info/alternates"),
            repo.work().join(".git/objects").to_str().unwrap(),
        )
        .unwrap();
        assert_eq!(fetch(&clones, &remote, &name).await, Ok(()), "{branch}");
        assert_eq!(entries(&clones, &remote, &commit).await, want, "{branch}");
    }
}

#[tokio::test]
async fn many_fetches_leave_few_packs_and_everything_that_was_fetched() {
    let repo = Repository::new();
    let (clones, remote) = (repo.clones(), repo.remote());
    let mut ids: Vec<String> = Vec::new();
    for round in 0..36 {
        if round == 20 {
            repo.git(&["reset", "-q", "--hard", &ids[10]]); // and forced
        }
        repo.write("a", &round.to_string());
        ids.push(repo.commit("next"));
        assert_eq!(fetch(&clones, &remote, "HEAD").await, Ok(()));
    }
    let packs = objects(&repo.clone_dir(), "pack").len();
    assert!(packs < 10, "{packs} packs");
    for (round, id) in ids.iter().enumerate() {
        let tree = clones.tree(&remote, id).await.unwrap();
        assert_eq!(&*tree.read("a").unwrap(), round.to_string().as_bytes());
    }
    run(&repo.clone_dir(), &["fsck", "--strict", "--no-dangling"]);
}
