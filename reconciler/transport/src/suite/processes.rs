//! Processes: started, replaced, stopped, killed.

use super::Bench;
use evenkeel_model::{Action, Answer, Digest, Outcome, Probe, Span, action::ProcessStart};
use std::collections::BTreeMap;

pub(super) async fn processes(bench: &Bench<'_>) {
    let start = |generation: &[u8], argv: &[&str]| {
        Action::StartProcess(Box::new(ProcessStart {
            name: "worker".into(),
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            cwd: Some(bench.base.clone()),
            env: BTreeMap::from([("A".into(), "b c".into())]),
            user: None,
            log: bench.at("worker.log"),
            generation: Digest::of(generation),
            grace: Span::from_secs(5),
        }))
    };
    let state = async || match bench.ask(Probe::Process("worker".into())).await {
        Answer::Process(state) => state,
        other => panic!("{other:?}"),
    };
    let stop = || Action::StopProcess {
        name: "worker".into(),
        grace: Span::from_secs(5),
    };
    bench.done_twice(vec![stop()]).await;
    assert_eq!(state().await, None);
    let forever = ["sh", "-c", "echo \"$A\"; exec sleep 1000"];
    bench.done_twice(vec![start(b"1", &forever)]).await;
    let first = state().await.unwrap();
    assert!(first.running && first.generation == Digest::of(b"1"), "{first:?}");
    bench.done_twice(vec![start(b"1", &forever)]).await;
    assert_eq!(
        state().await.unwrap(),
        first,
        "one of this generation is left alone"
    );
    bench.done_twice(vec![start(b"2", &forever)]).await;
    let second = state().await.unwrap();
    assert!(second.running && second.pid != first.pid && second.generation == Digest::of(b"2"));
    eventually(bench, "worker.log", b"b c\nb c\n").await;
    bench.fails(start(b"3", &["no-such-program"]), "no program").await;
    assert_eq!(state().await, None, "the one before was stopped");
    bench.done_twice(vec![start(b"4", &forever), stop()]).await;
    assert_eq!(state().await, None);
    bench
        .fails(
            Action::ReloadProcess {
                name: "worker".into(),
            },
            "never started",
        )
        .await;
    // One that does not heed TERM is killed after its grace.
    bench
        .act(vec![start(
            b"5",
            &["sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
        )])
        .await;
    let ends = bench
        .act(vec![Action::StopProcess {
            name: "worker".into(),
            grace: Span::from_millis(200),
        }])
        .await;
    assert_eq!(ends[0].0, Outcome::Done, "{}", ends[0].1);
    bench
        .act(vec![Action::Remove {
            path: bench.at("worker.log"),
            recursive: false,
        }])
        .await;
}

/// Asks until a file says so, within a bound.
async fn eventually(bench: &Bench<'_>, name: &str, bytes: &[u8]) {
    let mut said = None;
    for _ in 0..500 {
        said = bench.hash(&bench.at(name)).await.and_then(|hashed| hashed.digest);
        if said == Some(Digest::of(bytes)) {
            return;
        }
    }
    panic!("{name} never said {:?}: {said:?}", String::from_utf8_lossy(bytes));
}
