//! Commands, the order of groups, and which controller may command.

use super::{Bench, group, patience};
use evenkeel_engine::port::transport::TransportError;
use evenkeel_model::{Answer, Outcome, Span};

pub(super) async fn commands(bench: &Bench<'_>) {
    let status = async |argv: &[&str], timeout| match bench.ask(bench.guard(argv, timeout)).await {
        Answer::Run(run) => (run.status, run.output),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        status(&["sh", "-c", "printf %s \"$GREETING\"; exit 3"], patience()).await,
        (3, "it's \"so\"".into())
    );
    assert_eq!(status(&["no-such-program"], patience()).await.0, 127);
    assert_eq!(status(&["sleep", "60"], Span::from_millis(50)).await.0, 124);
    assert_eq!(
        status(&["cat"], patience()).await,
        (0, String::new()),
        "standard input is empty"
    );
    assert_eq!(
        status(&["head", "-c", "9999", "/dev/zero"], patience())
            .await
            .1
            .len(),
        4096
    );
    let done = bench
        .act(vec![bench.run(&["sh", "-c", "echo $GREETING; pwd"])])
        .await;
    assert!(
        done[0].0 == Outcome::Done && done[0].1.starts_with("it's \"so\"\n"),
        "{done:?}"
    );
    bench
        .fails(
            bench.run(&["sh", "-c", "echo first; echo because >&2; exit 7"]),
            "exited with 7",
        )
        .await;
    bench.fails(bench.run(&["exit"]), "exited with 127").await;
}

pub(super) async fn order(bench: &Bench<'_>) {
    let ok = || bench.run(&["true"]);
    let groups = [
        group("a", vec![ok(), bench.run(&["false"]), ok()], &[]),
        group("b", vec![ok()], &[0]),
        group("c", vec![ok()], &[]),
        group("d", vec![ok()], &[1]),
    ];
    let ends = bench.try_apply(&groups, bench.epoch, patience()).await.unwrap();
    let ends: Vec<String> = ends.into_iter().map(|end| format!("{:?}", end.outcome)).collect();
    assert_eq!(
        ends,
        [
            "Done",
            "Failed(\"it exited with 1\")",
            "Skipped(\"an earlier step of Test:a failed\")",
            "Skipped(\"it needs Test:a, which did not succeed\")",
            "Done",
            "Skipped(\"it needs Test:b, which did not succeed\")",
        ]
    );
}

pub(super) async fn epochs(bench: &Bench<'_>) {
    let groups = [group("x", vec![bench.run(&["true"])], &[])];
    assert!(bench.try_apply(&groups, bench.epoch, patience()).await.is_ok());
    match bench.try_apply(&groups, bench.epoch - 1, patience()).await {
        Err(TransportError::Fenced { seen, .. }) if seen == bench.epoch => {}
        other => panic!("{other:?}"),
    }
}
