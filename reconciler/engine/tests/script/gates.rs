//! What waits for a person: approval, manual mode, large prunes, looser settings.

use crate::stage::Stage;
use evenkeel_engine::Waiting;
use evenkeel_model::{Settings, settings::SyncMode};

const F: &str = "/etc/a";

fn mode(mode: SyncMode) -> Settings {
    let mut settings = Settings::default();
    settings.sync.mode = mode;
    settings
}

/// `c1` is deployed by somebody's word, where that is needed.
fn stage(settings: &Settings, files: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new(1);
    stage.push("c1", files, settings);
    stage.start();
    if settings.sync.mode != SyncMode::Automatic {
        assert_eq!(stage.text(F), "", "nothing without a yes");
        stage.sync().unwrap();
    }
    assert_eq!(stage.text(F), "1");
    stage
}

#[test]
fn what_was_looked_at_is_approved_and_nothing_else() {
    let settings = mode(SyncMode::Approval);
    let mut stage = stage(&settings, &[(F, "1")]);
    assert_eq!(stage.approve(None, false), Err("nothing-to-approve".to_owned()));
    stage.push("c2", &[(F, "2")], &settings);
    stage.run(120);
    let Some(Waiting::Approval { snapshot }) = stage.status().waiting else {
        panic!("{:?}", stage.status().waiting)
    };
    stage.push("c3", &[(F, "3")], &settings);
    stage.run(120);
    assert_eq!(
        stage.approve(Some(snapshot), false),
        Err("stale-approval".to_owned())
    );
    assert_eq!(stage.text(F), "1");
    let now = stage.status().desired.unwrap().snapshot;
    stage.approve(Some(now), false).unwrap();
    assert_eq!(stage.text(F), "3");
}

#[test]
fn manual_mode_waits_for_a_sync_and_heals_what_was_synced() {
    let settings = mode(SyncMode::Manual);
    let mut stage = stage(&settings, &[(F, "1")]);
    stage.push("c2", &[(F, "2")], &settings);
    stage.run(300);
    stage.server("s0").edit_file(F, "by hand");
    stage.run(120);
    assert_eq!(stage.text(F), "1");
    stage.sync().unwrap();
    assert_eq!(stage.text(F), "2");
}

#[test]
fn without_self_heal_drift_is_shown_and_left() {
    let mut settings = Settings::default();
    settings.sync.self_heal = false;
    let mut stage = stage(&settings, &[(F, "1")]);
    stage.server("s0").edit_file(F, "by hand");
    stage.run(300);
    assert_eq!(stage.text(F), "by hand");
    assert_eq!(stage.status().waiting, Some(Waiting::SelfHealOff));
    stage.sync().unwrap();
    assert_eq!(stage.text(F), "1");
}

#[test]
fn a_large_prune_waits_for_a_yes_while_drift_is_healed() {
    let settings = Settings::default();
    let mut stage = stage(&settings, &[(F, "1"), ("/etc/b", "1"), ("/etc/c", "1")]);
    let mut loose = settings.clone();
    loose.sync.prune_limit_percent = 100;
    // It does not raise its own limit.
    stage.push("c2", &[(F, "1")], &loose);
    stage.run(120);
    let waits = |stage: &Stage| {
        matches!(
            stage.status().waiting,
            Some(Waiting::PruneYes { prunes: 2, of: 3, .. })
        )
    };
    assert!(waits(&stage), "{:?}", stage.status().waiting);
    stage.server("s0").edit_file(F, "by hand");
    stage.run(120);
    assert_eq!(
        (stage.text(F).as_str(), stage.text("/etc/b").as_str()),
        ("1", "1")
    );
    assert!(waits(&stage), "{:?}", stage.status().waiting);
    assert_eq!(stage.approve(None, false), Err("prune-needs-yes".to_owned()));
    stage.approve(None, true).unwrap();
    assert_eq!(stage.text("/etc/b"), "");
    assert_eq!(stage.status().settings, loose, "deployed, it counts");
    // At rest.
    let count = stage.deployments.len();
    stage.run(600);
    assert_eq!(stage.deployments.len(), count);
}

#[test]
fn a_commit_does_not_switch_its_own_approval_off() {
    let mut stage = stage(&mode(SyncMode::Approval), &[(F, "1")]);
    let loose = mode(SyncMode::Automatic);
    stage.push("c2", &[(F, "2")], &loose);
    stage.run(300);
    assert_eq!(stage.text(F), "1");
    assert_eq!(stage.status().settings.sync.mode, SyncMode::Approval);
    stage.approve(None, false).unwrap();
    assert_eq!(stage.text(F), "2");
    assert_eq!(stage.status().settings, loose);
    stage.push("c3", &[(F, "3")], &loose);
    stage.run(60);
    assert_eq!(stage.text(F), "3");
    // Tightening waits for nobody.
    stage.push("c4", &[(F, "4")], &mode(SyncMode::Manual));
    stage.run(60);
    assert_eq!(stage.text(F), "3");
}

#[test]
fn settings_alone_are_approved_too() {
    let mut stage = stage(&mode(SyncMode::Approval), &[(F, "1")]);
    let loose = mode(SyncMode::Automatic);
    stage.push("c2", &[(F, "1")], &loose);
    stage.run(120);
    let snapshot = stage.status().desired.unwrap().snapshot;
    assert_eq!(stage.status().waiting, Some(Waiting::Approval { snapshot }));
    assert_eq!(stage.status().settings.sync.mode, SyncMode::Approval);
    stage.approve(Some(snapshot), false).unwrap();
    assert_eq!((stage.status().settings, stage.status().waiting), (loose, None));
}
