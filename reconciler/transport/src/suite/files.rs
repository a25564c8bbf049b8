//! Files: put, linked, listed, read, validated, removed; and names that a shell would trip over.

use super::{Bench, Bytes};
use evenkeel_engine::port::transport::{Staged, TransportError};
use evenkeel_model::{AbsolutePath, Action, Answer, Digest, Outcome, Probe, probe::FileType};

pub(super) async fn files(bench: &Bench<'_>) {
    let mut contents = Bytes::default();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let (binary, empty) = (contents.keep(&bytes), contents.keep(b""));
    let staged = bench.stage(&contents).await.unwrap();
    assert_eq!(
        staged,
        Staged {
            sent: 2,
            bytes: 100_000
        }
    );
    assert_eq!(
        bench.stage(&contents).await.unwrap(),
        Staged::default(),
        "what is there is not sent"
    );
    let results = bench
        .act(vec![bench.put("a", binary, 0o640), bench.put("e", empty, 0o600)])
        .await;
    assert!(
        results.iter().all(|(outcome, _)| *outcome == Outcome::Done),
        "{results:?}"
    );
    let hashed = bench.hash(&bench.at("a")).await.unwrap();
    assert_eq!(
        (hashed.digest, hashed.stat.mode, hashed.stat.size),
        (Some(binary), 0o640, 100_000)
    );
    assert_eq!(hashed.stat.file_type, FileType::File);
    assert_eq!(bench.hash(&bench.at("e")).await.unwrap().digest, Some(empty));
    assert_eq!(bench.hash(&bench.at("none")).await, None);
    assert_eq!(bench.hash(&bench.at("a/below")).await, None);
    bench
        .fails(bench.put("b", Digest::of(b"never sent"), 0o644), "not staged")
        .await;

    match bench
        .ask(Probe::Read {
            path: bench.at("a"),
            limit: 300,
        })
        .await
    {
        Answer::Read(Some(excerpt)) => {
            assert_eq!((&excerpt.bytes[..], excerpt.truncated), (&bytes[..300], true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench
            .ask(Probe::Read {
                path: bench.at("none"),
                limit: 9
            })
            .await,
        Answer::Read(None)
    );

    bench
        .done_twice(vec![
            bench.directory(bench.at("d")),
            Action::PutSymlink {
                path: bench.at("l"),
                to: "d/x y".into(),
            },
            Action::SetMeta {
                path: bench.at("a"),
                mode: Some(0o604),
                owner: None,
                group: None,
            },
        ])
        .await;
    assert_eq!(bench.hash(&bench.at("a")).await.unwrap().stat.mode, 0o604);
    match bench.ask(Probe::Stat(bench.at("l"))).await {
        Answer::Stat(Some(stat)) => assert_eq!(
            (stat.file_type, stat.link),
            (FileType::Symlink, Some("d/x y".into()))
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench.hash(&bench.at("l")).await.unwrap().digest,
        None,
        "a link is not followed"
    );
    match bench
        .ask(Probe::List {
            path: bench.base.clone(),
            limit: 10,
        })
        .await
    {
        Answer::List(Some(listing)) => {
            let entry = |name: &str, kind| (name.to_owned(), kind);
            let wanted = [
                entry("a", FileType::File),
                entry("d", FileType::Directory),
                entry("e", FileType::File),
                entry("l", FileType::Symlink),
            ];
            assert_eq!((&listing.entries[..], listing.truncated), (&wanted[..], false));
        }
        other => panic!("{other:?}"),
    }
    match bench
        .ask(Probe::List {
            path: bench.base.clone(),
            limit: 2,
        })
        .await
    {
        Answer::List(Some(listing)) => assert!(listing.truncated && listing.entries.len() == 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        bench
            .ask(Probe::List {
                path: bench.at("a"),
                limit: 2
            })
            .await,
        Answer::List(None)
    );

    // A link at the destination is replaced, not followed; a validation sees the new file, and can refuse it.
    contents = Bytes::default();
    let new = contents.keep(b"good\n");
    bench.stage(&contents).await.unwrap();
    let vetted = |argv: &[&str]| Action::PutFile {
        path: bench.at("l"),
        content: new,
        mode: 0o644,
        owner: None,
        group: None,
        validate: Some(argv.iter().map(|text| (*text).to_owned()).collect()),
    };
    let refused = bench.act(vec![vetted(&["false", "%"])]).await;
    assert!(
        matches!(&refused[0].0, Outcome::Failed(why) if why.contains("refuses")),
        "{refused:?}"
    );
    bench.stage(&contents).await.unwrap();
    let accepted = bench.act(vec![vetted(&["grep", "-qx", "good", "%"])]).await;
    assert_eq!(accepted[0].0, Outcome::Done, "{}", accepted[0].1);
    assert_eq!(bench.hash(&bench.at("l")).await.unwrap().digest, Some(new));
    bench
        .fails(
            Action::Remove {
                path: bench.base.clone(),
                recursive: false,
            },
            "not empty",
        )
        .await;
    let root = AbsolutePath::new("/").unwrap();
    bench
        .fails(
            Action::Remove {
                path: root,
                recursive: true,
            },
            "never removed",
        )
        .await;

    // What does not have its digest never comes in, nor anything that came with it.
    contents.forge(Digest::of(b"other"), b"not other");
    let fine = contents.keep(b"fine");
    assert!(matches!(
        bench.stage(&contents).await,
        Err(TransportError::Unable { .. })
    ));
    bench.fails(bench.put("f", fine, 0o644), "not staged").await;
    let names: Vec<Action> = ["a", "e", "l", "d"]
        .iter()
        .map(|name| Action::Remove {
            path: bench.at(name),
            recursive: false,
        })
        .collect();
    bench.done_twice(names).await;
}

pub(super) async fn hostile_names(bench: &Bench<'_>) {
    let names = [
        "it's",
        "a b",
        "-rf",
        "$(touch pwned)",
        "\\n",
        "é",
        "*",
        "%s",
        "\"",
        "@ end",
    ];
    let mut contents = Bytes::default();
    let digest = contents.keep(b"x");
    bench.stage(&contents).await.unwrap();
    let results = bench
        .act(names.iter().map(|name| bench.put(name, digest, 0o644)).collect())
        .await;
    assert!(
        results.iter().all(|(outcome, _)| *outcome == Outcome::Done),
        "{results:?}"
    );
    let mut probes: Vec<Probe> = names.iter().map(|name| Probe::Hash(bench.at(name))).collect();
    probes.push(Probe::Hash(bench.at("missing")));
    for (probe, answer) in bench.look(&probes, true).await {
        let found = matches!(&answer, Answer::Hash(Some(hashed)) if hashed.digest == Some(digest));
        let missing = probe == Probe::Hash(bench.at("missing")) && answer == Answer::Hash(None);
        assert!(found || missing, "{probe:?} {answer:?}");
    }
    assert_eq!(
        bench.ask(Probe::Stat(bench.at("pwned"))).await,
        Answer::Stat(None)
    );
    bench
        .done_twice(
            names
                .iter()
                .map(|name| Action::Remove {
                    path: bench.at(name),
                    recursive: false,
                })
                .collect(),
        )
        .await;
}
