//! Everything outside of the engine: Git, the store, the servers. It outlives crashes.

use crate::{
    chance::Chance,
    manifest::{ENVIRONMENTS, TARGETS, manifests},
};
use evenkeel_engine::{Event, Started, Write};
use evenkeel_model::{
    Applied, Deployment, DeploymentId, DeploymentOutcome, Digest, EnvironmentName, Outcome, Plan, ResourceId,
    Revision, Settings, SnapshotId, Span, StepGroup, StepResult, TargetName, Timestamp,
    settings::{Batch, OnFailure, SyncMode},
};
use evenkeel_testkit::SimServer;
use std::{collections::BTreeMap, sync::Arc};

pub(crate) struct Commit {
    pub(crate) parents: Vec<usize>,
    pub(crate) variant: usize,
}

#[derive(Default)]
pub(crate) struct Records {
    pub(crate) deployments: BTreeMap<DeploymentId, Deployment>,
    pub(crate) plans: BTreeMap<DeploymentId, Arc<Plan>>,
    pub(crate) steps: BTreeMap<(DeploymentId, TargetName), Vec<StepResult>>,
    pub(crate) contents: BTreeMap<Digest, Arc<[u8]>>,
    memories: BTreeMap<EnvironmentName, serde_json::Value>,
    applied: BTreeMap<EnvironmentName, BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>>,
    epoch: u64,
}

pub(crate) struct Host {
    pub(crate) server: SimServer,
    /// Not reachable before this.
    pub(crate) off_until: i64,
    /// How it looked some time ago.
    pub(crate) before: SimServer,
}

pub(crate) struct World {
    pub(crate) commits: Vec<Commit>,
    /// `None`: the branch is gone.
    pub(crate) main: Option<usize>,
    pub(crate) settings: BTreeMap<EnvironmentName, Settings>,
    pub(crate) records: Records,
    pub(crate) hosts: BTreeMap<(EnvironmentName, TargetName), Host>,
    /// Every action that was carried out.
    pub(crate) done: std::collections::BTreeSet<(DeploymentId, TargetName, u32, u32)>,
}

impl World {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let mut hosts = BTreeMap::new();
        let mut settings = BTreeMap::new();
        for environment in ENVIRONMENTS {
            let environment = EnvironmentName::new(environment).unwrap();
            for target in TARGETS {
                let server = SimServer::debian();
                let host = Host {
                    before: server.clone(),
                    server,
                    off_until: 0,
                };
                hosts.insert((environment.clone(), TargetName::new(target).unwrap()), host);
            }
            let automatic = environment.as_str() == "dev";
            settings.insert(environment, some_settings(automatic, chance));
        }
        Self {
            commits: vec![Commit {
                parents: Vec::new(),
                variant: 0,
            }],
            main: Some(0),
            settings,
            records: Records::default(),
            hosts,
            done: std::collections::BTreeSet::new(),
        }
    }

    pub(crate) fn descends(&self, id: usize, ancestor: usize) -> bool {
        id == ancestor
            || self.commits[id]
                .parents
                .iter()
                .any(|parent| self.descends(*parent, ancestor))
    }

    pub(crate) fn revision(id: &str) -> Revision {
        Revision {
            id: id.to_owned(),
            author: "Ada <ada@example.org>".to_owned(),
            subject: "a change".to_owned(),
            at: Timestamp(0),
            signer: None,
        }
    }

    /// What a controller finds that starts now.
    pub(crate) fn started(&mut self) -> Event {
        let records = &mut self.records;
        records.epoch += 1;
        let mut history: BTreeMap<EnvironmentName, Vec<Deployment>> = BTreeMap::new();
        for deployment in records.deployments.values().rev() {
            history
                .entry(deployment.id.environment.clone())
                .or_default()
                .push(deployment.clone());
        }
        let unfinished = records
            .deployments
            .values()
            .filter(|d| !d.outcome.is_final())
            .cloned();
        Event::Started(Box::new(Started {
            epoch: records.epoch,
            memories: records.memories.clone(),
            applied: records.applied.clone(),
            history,
            unfinished: unfinished.collect(),
        }))
    }

    /// Carries out a write. `Err`: the number is taken.
    pub(crate) fn write(&mut self, environment: &EnvironmentName, write: &Write) -> Result<(), String> {
        let records = &mut self.records;
        match write {
            Write::Begin {
                deployment,
                plan,
                meant,
                contents,
            } => {
                let id = deployment.id.clone();
                if records.deployments.contains_key(&id) {
                    return Err(format!("{id} exists already"));
                }
                let latest = records
                    .deployments
                    .values()
                    .rfind(|d| d.id.environment == *environment);
                assert_eq!(
                    latest.map(|d| d.id.clone()),
                    plan.parent,
                    "a plan is made on top of the latest"
                );
                if let Some(latest) = latest {
                    assert!(latest.outcome.is_final(), "{id} begins while {latest:?} is open");
                }
                for bytes in contents {
                    records.contents.insert(Digest::of(bytes), bytes.clone());
                }
                let applied = records.applied.entry(environment.clone()).or_default();
                for (target, resources) in meant {
                    for (resource, meant) in resources {
                        let known = applied.entry(target.clone()).or_default();
                        known.entry(resource.clone()).or_insert(meant.clone());
                    }
                }
                records.plans.insert(id.clone(), plan.clone());
                records.deployments.insert(id, (**deployment).clone());
            }
            Write::Record {
                deployment,
                target,
                results,
                applied,
            } => {
                let steps = records
                    .steps
                    .entry((deployment.clone(), target.clone()))
                    .or_default();
                steps.extend(results.iter().cloned());
                let known = records.applied.entry(environment.clone()).or_default();
                let known = known.entry(target.clone()).or_default();
                for (resource, now) in applied {
                    match now {
                        Some(now) => drop(known.insert(resource.clone(), now.clone())),
                        None => drop(known.remove(resource)),
                    }
                }
            }
            Write::Conclude {
                deployment,
                outcome,
                at,
                ..
            } => {
                if let DeploymentOutcome::RolledBack { by, .. } = outcome {
                    let by = &records.deployments[by];
                    assert_eq!(
                        by.outcome,
                        DeploymentOutcome::Succeeded,
                        "{deployment} was rolled back"
                    );
                }
                let known = records
                    .deployments
                    .get_mut(deployment)
                    .expect("concludes what has begun");
                known.outcome = outcome.clone();
                known.finished = outcome.is_final().then_some(*at);
            }
            Write::Remember { memory } => {
                records.memories.insert(environment.clone(), memory.clone());
            }
        }
        Ok(())
    }

    /// Carries out a target's groups as a transport does; after `heard` actions nobody hears how they end, and
    /// after `reached` nothing is done any more.
    pub(crate) fn apply(
        &mut self,
        deployment: &DeploymentId,
        target: &TargetName,
        groups: &[StepGroup],
        (heard, reached): (usize, usize),
        breaks: Option<usize>,
        at: Timestamp,
    ) -> Vec<StepResult> {
        let host = self
            .hosts
            .get_mut(&(deployment.environment.clone(), target.clone()))
            .unwrap();
        host.before = host.server.clone();
        for (digest, bytes) in manifests().bytes.iter().chain(&self.records.contents) {
            host.server.staged.insert(*digest, bytes.clone());
        }
        let mut results = Vec::new();
        let mut good: Vec<bool> = Vec::new();
        for (group, step) in groups.iter().enumerate() {
            let mut ok = step
                .needs
                .iter()
                .all(|need| good[usize::try_from(*need).unwrap()]);
            for (action, what) in step.actions.iter().enumerate() {
                let place = results.len();
                let key = (u32::try_from(group).unwrap(), u32::try_from(action).unwrap());
                let outcome = if !ok {
                    Outcome::Skipped("what it needs did not succeed".to_owned())
                } else if place >= reached {
                    Outcome::Unknown("the connection went".to_owned())
                } else if breaks == Some(place) {
                    Outcome::Failed("no space left on device".to_owned())
                } else {
                    let outcome = host.server.carry(what);
                    if outcome == Outcome::Done {
                        self.done
                            .insert((deployment.clone(), target.clone(), key.0, key.1));
                    }
                    outcome
                };
                ok &= matches!(outcome, Outcome::Done);
                let outcome = if place >= heard {
                    Outcome::Unknown("the connection went".to_owned())
                } else {
                    outcome
                };
                results.push(StepResult {
                    group: key.0,
                    action: key.1,
                    outcome,
                    output: String::new(),
                    at,
                });
            }
            good.push(ok);
        }
        results
    }

    /// Why a server is not what a variant says; `None`: it is.
    pub(crate) fn off(host: &Host, variant: usize) -> Option<String> {
        let text = host.server.text("/srv/app/config");
        if text.as_deref() != Some(&crate::manifest::text(variant)) {
            return Some(format!("config is {text:?}"));
        }
        if host
            .server
            .text(&format!("/srv/app/extra-{}", variant % 2))
            .as_deref()
            != Some("x")
        {
            return Some("extra is missing".to_owned());
        }
        if host
            .server
            .text(&format!("/srv/app/extra-{}", (variant + 1) % 2))
            .is_some()
        {
            return Some("an extra was not pruned".to_owned());
        }
        if !host
            .server
            .system
            .processes
            .get("web")
            .is_some_and(|process| process.running)
        {
            return Some("web does not run".to_owned());
        }
        (!host.server.debts.is_empty()).then(|| "a restart is owed".to_owned())
    }

    pub(crate) fn snapshot_id(environment: &EnvironmentName, variant: usize) -> SnapshotId {
        manifests().snapshots[&(environment.clone(), variant)].0
    }
}

fn some_settings(automatic: bool, chance: &mut Chance) -> Settings {
    let mut settings = Settings::default();
    settings.sync.interval = Span::from_secs(300);
    settings.sync.retry_at_most = Span::from_secs(60);
    settings.on_failure = *chance.pick(&[OnFailure::Rollback, OnFailure::Stop, OnFailure::Continue]);
    if chance.percent(50) {
        settings.rollout.batches = vec![Batch::Count(1), Batch::Percent(100)];
        settings.rollout.pause = Span::from_secs(chance.below(20));
    }
    settings.rollout.max_failures = u32::try_from(chance.below(2)).unwrap();
    if !automatic {
        settings.sync.mode = *chance.pick(&[SyncMode::Automatic, SyncMode::Approval, SyncMode::Manual]);
        settings.sync.self_heal = chance.percent(70);
        settings.sync.prune_limit_percent = *chance.pick(&[10, 30, 100]);
    }
    settings
}
