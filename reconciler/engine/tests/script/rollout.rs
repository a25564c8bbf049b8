//! How a deployment goes over many servers, how it fails, and when it stops for good.

use crate::stage::Stage;
use evenkeel_engine::Waiting;
use evenkeel_model::{
    DeploymentOutcome, Settings, Span,
    settings::{Batch, OnFailure},
};
use std::collections::BTreeSet;

const F: &str = "/etc/a";

fn batches() -> Settings {
    let mut settings = Settings::default();
    settings.rollout.batches = vec![Batch::Count(1), Batch::Percent(25), Batch::Percent(100)];
    settings.rollout.pause = Span::from_secs(10);
    settings
}

/// How many servers got steps, batch by batch, and the seconds between batches.
fn waves(stage: &Stage) -> (Vec<usize>, Vec<i64>) {
    let times: BTreeSet<i64> = stage.sent.iter().map(|(at, _)| *at).collect();
    let count = |time: &i64| stage.sent.iter().filter(|(at, _)| at == time).count();
    let times: Vec<i64> = times.into_iter().collect();
    let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    (times.iter().map(count).collect(), gaps)
}

#[test]
fn batch_by_batch_with_a_pause() {
    let mut stage = Stage::new(8);
    stage.push("c1", &[(F, "1")], &batches());
    stage.start();
    stage.run(60);
    assert_eq!(waves(&stage), (vec![1, 1, 6], vec![10, 10]));
    assert_eq!(stage.outcomes(), [&DeploymentOutcome::Succeeded]);
}

#[test]
fn too_many_failures_end_it_unless_it_is_to_go_on() {
    let cases = [
        (OnFailure::Stop, 0, vec![1]),
        (OnFailure::Stop, 1, vec![1, 1, 6]),
        (OnFailure::Continue, 0, vec![1, 1, 6]),
    ];
    for (on_failure, max_failures, reached) in cases {
        let mut settings = batches();
        settings.on_failure = on_failure;
        settings.rollout.max_failures = max_failures;
        settings.sync.retry_after = Span::from_secs(3000);
        settings.sync.retry_at_most = Span::from_secs(3000);
        let mut stage = Stage::new(8);
        stage.broken.insert("s0".to_owned());
        stage.push("c1", &[(F, "1")], &settings);
        stage.start();
        stage.run(60);
        assert_eq!(waves(&stage).0, reached, "{on_failure:?} {max_failures}");
        assert!(matches!(stage.outcomes()[..], [DeploymentOutcome::Failed { .. }]));
    }
}

#[test]
fn retries_come_ever_later_up_to_a_limit_and_never_end() {
    let mut settings = Settings::default();
    settings.sync.retry_after = Span::from_secs(5);
    settings.sync.retry_at_most = Span::from_secs(40);
    let mut stage = Stage::new(1);
    stage.broken.insert("s0".to_owned());
    stage.push("c1", &[(F, "1")], &settings);
    stage.start();
    stage.run(3600);
    let gaps = waves(&stage).1;
    assert_eq!(gaps[..4], [5, 10, 20, 40]);
    assert!(
        gaps.len() > 60 && gaps[4..].iter().all(|gap| *gap == 40),
        "{gaps:?}"
    );
    assert!(matches!(stage.status().waiting, Some(Waiting::Retry { .. })));
    stage.broken.clear();
    stage.run(60);
    assert_eq!(stage.text(F), "1");
}

#[test]
fn a_newer_controller_stops_this_one_for_good() {
    let mut stage = Stage::new(2);
    stage.push("c1", &[(F, "1")], &Settings::default());
    stage.start();
    stage.fenced = true;
    stage.push("c2", &[(F, "2")], &Settings::default());
    stage.run(60);
    let sent = stage.sent.len();
    stage.push("c3", &[(F, "3")], &Settings::default());
    stage.server("s1").remove(F);
    stage.run(3600);
    assert_eq!(stage.sent.len(), sent, "nothing is sent any more");
    assert_eq!(stage.status().waiting, Some(Waiting::Fenced));
    assert_eq!(stage.sync(), Err("fenced".to_owned()));
}
