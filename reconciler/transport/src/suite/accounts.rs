//! Users, groups and owners: what takes root.

use super::{Bench, Bytes, patience};
use evenkeel_model::{Action, Answer, Outcome, Probe, action::UserSpec, probe::RunProbe};
use std::collections::BTreeMap;

/// What takes root, and leaves users and groups as they were.
pub async fn root_suite(bench: &Bench<'_>) {
    let name = "evenkeel-t1".to_owned();
    let user = |shell: &str| Action::PutUser {
        name: name.clone(),
        user: UserSpec {
            groups: Some(vec!["evenkeel-g1".into()]),
            home: Some(bench.at("home")),
            shell: Some(shell.into()),
            comment: Some("it's ours".into()),
            system: true,
            ..UserSpec::default()
        },
    };
    let group = || Action::PutGroup {
        name: "evenkeel-g1".into(),
        gid: Some(64_123),
        system: false,
    };
    bench
        .done_twice(vec![
            bench.directory(bench.base.clone()),
            group(),
            user("/bin/sh"),
        ])
        .await;
    bench.done_twice(vec![user("/bin/false")]).await;
    match bench.ask(Probe::User(name.clone())).await {
        Answer::User(Some(state)) => {
            assert_eq!(state.groups, ["evenkeel-g1"]);
            assert_eq!(
                (&state.shell[..], &state.comment[..], &state.group),
                ("/bin/false", "it's ours", &name)
            );
        }
        other => panic!("{other:?}"),
    }
    match bench.ask(Probe::Group("evenkeel-g1".into())).await {
        Answer::Group(Some(state)) => assert_eq!(state.gid, 64_123),
        other => panic!("{other:?}"),
    }
    let mut contents = Bytes::default();
    let digest = contents.keep(b"owned");
    for owner in [Some(name.clone()), None] {
        bench.stage(&contents).await.unwrap();
        let put = Action::PutFile {
            path: bench.at("owned"),
            content: digest,
            mode: 0o4750,
            owner,
            group: None,
            validate: None,
        };
        let ends = bench.act(vec![put]).await;
        assert_eq!(ends[0].0, Outcome::Done, "{}", ends[0].1);
        let stat = bench.hash(&bench.at("owned")).await.unwrap().stat;
        assert_eq!(
            (&stat.owner, stat.mode),
            (&name, 0o4750),
            "an owner that is not named stays"
        );
    }
    let as_user = Probe::Run(Box::new(RunProbe {
        argv: vec!["sh".into(), "-c".into(), "id -un; echo $HOME".into()],
        cwd: None,
        env: BTreeMap::new(),
        user: Some(name.clone()),
        timeout: patience(),
    }));
    match bench.ask(as_user).await {
        Answer::Run(run) => assert_eq!(run.output, format!("{name}\n{}\n", bench.at("home"))),
        other => panic!("{other:?}"),
    }
    bench
        .done_twice(vec![
            Action::RemoveUser { name: name.clone() },
            Action::RemoveGroup {
                name: "evenkeel-g1".into(),
            },
            Action::Remove {
                path: bench.base.clone(),
                recursive: true,
            },
        ])
        .await;
    assert_eq!(bench.ask(Probe::User(name)).await, Answer::User(None));
    assert_eq!(
        bench.ask(Probe::Group("evenkeel-g1".into())).await,
        Answer::Group(None)
    );
    for hostile in ["-x", "a b", "*"] {
        assert!(matches!(
            bench.ask(Probe::User(hostile.into())).await,
            Answer::Failed(_)
        ));
        assert!(matches!(
            bench.ask(Probe::Unit(hostile.into())).await,
            Answer::Failed(_)
        ));
    }
}
