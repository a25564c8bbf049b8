//! The engine under a seeded simulator: real kinds, simulated servers, a fault after any effect, on a virtual clock.
//!
//! `EVENKEEL_SIM_SEEDS` says how many seeds (100 if not given), `EVENKEEL_SIM_FIRST` where to begin. A failure names
//! its seed; `EVENKEEL_SIM_FIRST=seed EVENKEEL_SIM_SEEDS=1` runs it again, the same to the last step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // all of this is a test: what it expects and does not find is its failure

mod chance;
mod drive;
mod manifest;
mod world;

use drive::Drive;
use evenkeel_engine::{Waiting, Wish};
use evenkeel_model::{DeploymentOutcome, EnvironmentName, SyncStatus};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread::ScopedJoinHandle,
};
use world::World;

const MINUTE: i64 = 60_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[test]
fn whatever_happens_it_keeps_its_promises() {
    let first = number("EVENKEEL_SIM_FIRST", 0);
    let seeds = number("EVENKEEL_SIM_SEEDS", 100);
    let halves: Vec<(usize, BTreeSet<&'static str>)> = std::thread::scope(|scope| {
        let live_on = |offset: u64| move || lives((first + offset..first + seeds).step_by(2));
        let workers = [0, 1].map(|offset| scope.spawn(live_on(offset)));
        let joined = workers.map(ScopedJoinHandle::join);
        let told = joined.map(|half| half.unwrap_or_else(|why| resume_unwind(why)));
        told.into_iter().collect()
    });
    let deployments: usize = halves.iter().map(|(count, _)| count).sum();
    let seen: BTreeSet<&str> = halves.into_iter().flat_map(|(_, seen)| seen).collect();
    // A simulator in which nothing happens proves nothing.
    assert!(deployments as u64 >= seeds * 4, "only {deployments} deployments");
    let all = ["CutOff", "Failed", "RolledBack", "Succeeded", "Superseded"];
    assert!(
        seeds < 100 || seen == BTreeSet::from(all),
        "only {seen:?} were seen"
    );
}

/// Many lives: how many deployments there were, and how they ended.
fn lives(seeds: impl Iterator<Item = u64>) -> (usize, BTreeSet<&'static str>) {
    let mut deployments = 0;
    let mut seen = BTreeSet::new();
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| live(seed))) {
            Ok(outcomes) => {
                deployments += outcomes.len();
                seen.extend(outcomes);
            }
            Err(why) => {
                let text = why.downcast_ref::<String>().cloned().unwrap_or_default();
                panic!("seed {seed}: {text}");
            }
        }
    }
    (deployments, seen)
}

/// One life: trouble, then calm, then rest. How its deployments ended.
fn live(seed: u64) -> Vec<&'static str> {
    let mut drive = Drive::new(seed);
    let start = drive.now;
    drive.run(start + 20 * MINUTE, |_| false);

    let variant = usize::try_from(seed % 5).unwrap();
    let wanted = drive.calm(variant);
    drive.run(drive.now + 40 * MINUTE, |_| false);
    for status in drive.engine.status() {
        if status.hold.is_some() {
            drive.request(Wish::Resume {
                environment: status.name.clone(),
            });
        }
    }
    drive.run(drive.now + 15 * MINUTE, |_| false);
    // What waits for a person gets its yes; an automatic environment needs it only for a large prune.
    let prod = EnvironmentName::new("prod").unwrap();
    for status in drive.engine.status() {
        if status.name == prod || matches!(status.waiting, Some(Waiting::PruneYes { .. })) {
            drive.request(Wish::Sync {
                environment: status.name,
                reason: None,
                full: true,
                prune_yes: true,
            });
        }
    }
    drive.run(drive.now + 10 * MINUTE, |_| false);

    // Converged: Git's last word is on every server, and is said to be.
    for ((environment, target), host) in &drive.world.hosts {
        let off = World::off(host, variant);
        assert_eq!(off, None, "{environment}/{target}: {:#?}", drive.engine.status());
    }
    for status in drive.engine.status() {
        assert_eq!(status.sync, SyncStatus::InSync, "{status:#?}");
        assert_eq!(
            status.deployed.map(|v| v.snapshot).as_ref(),
            wanted.get(&status.name)
        );
        assert_eq!(status.faults, [], "{}", status.name);
    }

    // At rest: nothing more is ever planned, also not when asked to.
    drive.check_history();
    let before = drive.world.records.deployments.len();
    drive.request(Wish::Sync {
        environment: prod,
        reason: None,
        full: true,
        prune_yes: false,
    });
    drive.run(drive.now + 20 * MINUTE, |_| false);
    assert_eq!(
        drive.world.records.deployments.len(),
        before,
        "a second run has something to do"
    );
    drive
        .world
        .records
        .deployments
        .values()
        .map(|known| word(&known.outcome))
        .collect()
}

fn word(outcome: &DeploymentOutcome) -> &'static str {
    match outcome {
        DeploymentOutcome::Applying | DeploymentOutcome::Verifying => "open",
        DeploymentOutcome::Succeeded => "Succeeded",
        DeploymentOutcome::Failed { .. } => "Failed",
        DeploymentOutcome::RolledBack { .. } => "RolledBack",
        DeploymentOutcome::CutOff => "CutOff",
        DeploymentOutcome::Superseded { .. } => "Superseded",
    }
}
