//! What is shown of an environment.

use crate::{
    desk::Desk,
    environment::{Environment, part_of},
    fault::Fault,
    limit,
    sight::Sight,
    status::{EnvironmentStatus, FailingCheck, TargetStatus, Waiting},
};
use evenkeel_model::{
    Health, Plan, SyncStatus, TargetName, TargetPlan, TargetSnapshot, Timestamp, settings::SyncMode,
};
use evenkeel_plan::roll_up;

impl Environment {
    /// The worst of all targets, against what Git says.
    pub(crate) fn sync(&self) -> SyncStatus {
        if self.head.is_none() && self.goal.is_none() {
            return SyncStatus::Unknown;
        }
        let names = self.targets();
        roll_up(names.iter().map(|name| self.sync_of(name)))
    }

    fn sync_of(&self, name: &TargetName) -> SyncStatus {
        let Some(sight) = self.sights.get(name) else {
            return SyncStatus::Unknown;
        };
        if sight.fault.is_some() {
            return SyncStatus::Unknown;
        }
        let head = self.memory.head.as_ref().or(self.memory.goal.as_ref());
        match &sight.diff {
            None => SyncStatus::Unknown,
            // Found before Git moved on.
            Some((snapshot, diff)) if head.is_some_and(|head| head.snapshot != *snapshot) => {
                diff.status.max(SyncStatus::Pending)
            }
            Some((_, diff)) => diff.status,
        }
    }

    /// The worst of all targets.
    pub(crate) fn health(&self, now: Timestamp) -> Health {
        let names = self.targets();
        let of = |name: &TargetName| self.part(name).map(|part| self.health_of(part, now));
        names.iter().filter_map(of).max().unwrap_or(Health::Unknown)
    }

    fn health_of(&self, part: &TargetSnapshot, now: Timestamp) -> Health {
        let name = &part.target.name;
        if self.run.as_ref().is_some_and(|run| run.works_on(name)) {
            return Health::Progressing;
        }
        let Some(sight) = self.sights.get(name) else {
            return Health::Unknown;
        };
        if sight.fault.is_some() || sight.seen.is_none() {
            return Health::Unknown;
        }
        let latest = self.history.front().and_then(|latest| latest.finished);
        sight
            .pulse
            .health(&part.checks, latest.map(|then| now.since(then)))
    }

    pub(crate) fn status(&self, desk: &Desk) -> EnvironmentStatus {
        let shown: Vec<TargetStatus> = self
            .targets()
            .iter()
            .map(|name| self.target_status(name, desk.now))
            .collect();
        EnvironmentStatus {
            name: self.name.clone(),
            sync: self.sync(),
            health: self.health(desk.now),
            deployed: self.memory.goal.clone(),
            desired: self.memory.head.clone(),
            settings: self.memory.settings.clone(),
            hold: self.memory.hold.clone(),
            targets: shown,
            last_deployment: self.history.front().cloned(),
            waiting: self.why_waiting(desk),
            faults: self.faults(),
        }
    }

    fn why_waiting(&self, desk: &Desk) -> Option<Waiting> {
        if desk.fenced {
            return Some(Waiting::Fenced);
        }
        let waits = !self.memory.at_head() || self.settings_wait();
        let head = self.memory.head.as_ref().filter(|_| waits);
        match head {
            Some(head)
                if self.memory.hold.is_none() && self.memory.settings.sync.mode != SyncMode::Automatic =>
            {
                Some(Waiting::Approval {
                    snapshot: head.snapshot,
                })
            }
            Some(_) if self.memory.hold.is_some() => Some(Waiting::Held),
            _ => self.waiting.clone(),
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let gone = (!self.named).then(|| {
            let text = "the project does not name this environment (any more); it is kept as it was";
            Fault::new("environment-gone", text)
        });
        let kept = self.source_fault.iter().chain(&self.candidate.fault);
        let kept = kept.chain(&self.plan_fault).chain(&self.outbox.fault).cloned();
        kept.chain(gone).collect()
    }

    fn target_status(&self, name: &TargetName, now: Timestamp) -> TargetStatus {
        let nothing = Sight::default();
        let sight = self.sights.get(name).unwrap_or(&nothing);
        let part = self.part(name);
        let checks = part.map_or(&[][..], |part| &part.checks);
        let failing = checks.iter().filter_map(|check| {
            let times = sight.pulse.failures(check).filter(|times| *times > 0)?;
            Some(FailingCheck {
                app: check.app.clone(),
                name: check.name.clone(),
                why: sight.pulse.why(check).to_owned(),
                times,
            })
        });
        let diffs = sight.diff.as_ref().map_or(&[][..], |(_, diff)| &diff.resources);
        let off: Vec<_> = diffs
            .iter()
            .filter(|diff| diff.status != SyncStatus::InSync)
            .collect();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        TargetStatus {
            name: name.clone(),
            sync: self.sync_of(name),
            health: part.map_or(Health::Unknown, |part| self.health_of(part, now)),
            seen: sight.seen,
            fault: sight.fault.clone(),
            next: if sight.fault.is_some() {
                sight.backoff.at
            } else {
                Some(self.next_look)
            },
            resources: count(part.map_or(0, |part| part.resources.len())),
            off_count: count(off.len()),
            off: off.into_iter().take(limit::SHOWN_DIFFS).cloned().collect(),
            failing: failing.collect(),
        }
    }

    /// What would be done to get to what Git says, by what was seen last. Targets that were never seen are left out.
    pub(crate) fn plan_of(&self, desk: &Desk) -> Option<Result<Plan, Fault>> {
        let version = self.memory.head.as_ref().or(self.memory.goal.as_ref())?;
        let snapshot = self.head.as_ref().or(self.goal.as_ref())?;
        let mut targets: Vec<TargetPlan> = Vec::new();
        for name in snapshot.targets.iter().map(|part| &part.target.name) {
            let seen = self.sights.get(name).and_then(|sight| sight.observation.as_ref());
            if let (Some(seen), Some(part)) = (seen, part_of(snapshot, name)) {
                match self.plan_target(part, seen, desk) {
                    Ok((plan, _)) if plan.groups.is_empty() => {}
                    Ok((plan, _)) => targets.push(plan),
                    Err(fault) => return Some(Err(fault)),
                }
            }
        }
        Some(Ok(Plan {
            environment: self.name.clone(),
            parent: self.history.front().map(|latest| latest.id.clone()),
            snapshot: version.snapshot,
            targets,
        }))
    }
}
