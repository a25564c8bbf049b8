//! Proof: a second look must find nothing to do, and every check must pass. There is no other code for it.

use crate::{
    desk::Desk,
    effect::Write,
    environment::{Environment, part_of},
    fault::Fault,
    limit,
    run::State,
};
use evenkeel_model::{
    Applied, Check, DeploymentId, Health, Observation, Outcome, Resource, ResourceId, StepResult, SyncStatus,
    TargetName, TargetPlan, TargetSnapshot, Trigger,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// So often a target is looked at again when it cannot be seen right after its steps.
const LOOKS: u32 = 4;

type Changes = BTreeMap<ResourceId, Option<Applied>>;

impl Environment {
    /// A target with no steps: what was seen of it before is the second look.
    pub(crate) fn prove(&mut self, name: &TargetName, desk: &mut Desk) {
        let seen = self.sights.get(name).and_then(|sight| sight.observation.clone());
        match seen {
            Some(seen) => self.run_looked(name, Ok(seen), desk),
            None => self.fail_member(name, "it was not seen", true, Health::Unknown, desk),
        }
    }

    /// The second look at a target of the deployment.
    pub(crate) fn run_looked(
        &mut self,
        name: &TargetName,
        result: Result<Arc<Observation>, Fault>,
        desk: &mut Desk,
    ) {
        let Some(run) = &mut self.run else { return };
        let (id, snapshot) = (run.id.clone(), run.snapshot.clone());
        let Some(member) = run.member(name) else { return };
        if !matches!(member.state, State::Looking(None))
            && (member.state != State::Waiting || member.plan.is_some())
        {
            return;
        }
        let (planned, unknown) = (member.plan.clone(), member.unknown);
        let Some(part) = part_of(&snapshot, name) else {
            return;
        };
        match result {
            Err(fault) if member.looks >= LOOKS => {
                let why = format!("cannot be seen after its steps: {fault}");
                self.fail_member(name, &why, true, Health::Unknown, desk);
            }
            Err(_) => {
                member.looks += 1;
                let wait = limit::target_retry().as_millis() << member.looks.min(4);
                let at = desk.about(evenkeel_model::Span::from_millis(wait / 2));
                member.state = State::Looking(Some(at));
            }
            Ok(seen) => {
                let changes = self.proven(part, &seen, desk);
                self.record(id, name, Vec::new(), changes);
                match self.left(part, planned.as_deref(), &seen, desk) {
                    None => {
                        // Healing drift, which may be done in part, proves no more than was proven before.
                        if let Some(proven) = self.run_proves() {
                            self.memory.converged.insert(name.clone(), proven);
                        }
                        self.start_checks(name, part, desk);
                    }
                    Some(left) => {
                        self.memory.converged.remove(name);
                        let why = if unknown {
                            format!(
                                "not all steps were heard of, and a second look finds still to do: {left}"
                            )
                        } else {
                            format!("a second look finds still to do: {left}")
                        };
                        self.fail_member(name, &why, unknown, Health::Unknown, desk);
                    }
                }
            }
        }
        self.run_progress(desk);
    }

    fn run_proves(&self) -> Option<evenkeel_model::SnapshotId> {
        let id = &self.run.as_ref()?.id;
        let known = self.history.iter().find(|known| known.id == *id)?;
        (known.trigger != Trigger::Drift).then_some(known.snapshot)
    }

    /// What of the deployment's own resources is still off, as text; `None`: nothing.
    fn left(
        &self,
        part: &TargetSnapshot,
        planned: Option<&TargetPlan>,
        seen: &Observation,
        desk: &Desk,
    ) -> Option<String> {
        let groups = planned.map_or(&[][..], |plan| &plan.groups);
        let ours: BTreeSet<&ResourceId> = groups.iter().map(|group| &group.resource).collect();
        let plan = match self.plan_target(part, seen, desk) {
            Ok((plan, _)) => plan,
            Err(fault) => return Some(fault.text),
        };
        let nothing = BTreeMap::new();
        let applied = self.applied.get(&part.target.name).unwrap_or(&nothing);
        let diff = evenkeel_plan::diff(&*desk.catalog, part, applied, seen);
        let unseen = diff
            .resources
            .iter()
            .filter(|diff| diff.status == SyncStatus::Unknown)
            .map(|diff| &diff.resource);
        let mut left: Vec<String> = plan
            .groups
            .iter()
            .map(|group| &group.resource)
            .chain(unseen)
            .filter(|id| ours.contains(id))
            .map(ToString::to_string)
            .collect();
        left.dedup();
        left.truncate(10);
        if left.is_empty() {
            None
        } else {
            Some(left.join(", "))
        }
    }

    fn start_checks(&mut self, name: &TargetName, part: &TargetSnapshot, desk: &mut Desk) {
        if let Some(sight) = self.sights.get_mut(name) {
            sight.pulse.forget();
        }
        if let Some(member) = self.run.as_mut().and_then(|run| run.member(name)) {
            member.state = if part.checks.is_empty() {
                State::Done
            } else {
                State::Checking(desk.now, desk.now)
            };
        }
        if part.checks.is_empty() {
            self.tell_progress(name, "done", None, Vec::new(), desk);
        } else {
            self.run_check(name, desk);
        }
    }

    /// Tries the checks that have not passed yet.
    pub(crate) fn run_check(&mut self, name: &TargetName, desk: &mut Desk) {
        let Some(run) = &mut self.run else { return };
        let snapshot = run.snapshot.clone();
        let Some(part) = part_of(&snapshot, name) else {
            return;
        };
        if let Some(member) = run.member(name)
            && let State::Checking(since, _) = member.state
        {
            // The next one comes when this one was answered, at the latest when its ticket is overdue.
            member.state = State::Checking(since, evenkeel_model::Timestamp(i64::MAX));
        }
        let pulse = self.sights.get(name).map(|sight| &sight.pulse);
        let open = |check: &&Check| pulse.is_none_or(|pulse| pulse.failures(check) != Some(0));
        let checks: Vec<Check> = part.checks.iter().filter(open).cloned().collect();
        self.check(name, Arc::new(part.target.clone()), checks, desk);
    }

    /// The checks of a target have spoken.
    pub(crate) fn run_checked(&mut self, name: &TargetName, desk: &mut Desk) {
        let Some(run) = &mut self.run else { return };
        let snapshot = run.snapshot.clone();
        let (Some(part), Some(sight)) = (part_of(&snapshot, name), self.sights.get(name)) else {
            return;
        };
        let Some(member) = run.member(name) else { return };
        let State::Checking(since, _) = member.state else {
            return;
        };
        let age = desk.now.since(since);
        let open: Vec<&Check> = part
            .checks
            .iter()
            .filter(|check| sight.pulse.failures(check) != Some(0))
            .collect();
        let lost = open.iter().find(|check| {
            age >= check.start_period
                && sight
                    .pulse
                    .failures(check)
                    .is_some_and(|times| times >= check.threshold.max(1))
        });
        if let Some(check) = lost {
            let why = format!(
                "check {}/{} fails: {}",
                check.app,
                check.name,
                sight.pulse.why(check)
            );
            self.fail_member(name, &why, false, Health::Degraded, desk);
        } else if let Some(wait) = open.iter().map(|check| check.interval).min() {
            member.state = State::Checking(since, desk.now + wait.max(limit::check_interval()));
        } else {
            member.state = State::Done;
            self.tell_progress(name, "done", None, Vec::new(), desk);
        }
        self.run_progress(desk);
    }

    /// What the ends of steps say is applied now: groups that were done whole.
    pub(crate) fn applied_by(
        &self,
        name: &TargetName,
        plan: Option<&TargetPlan>,
        results: &[StepResult],
        desk: &Desk,
    ) -> Changes {
        let part = self.run.as_ref().and_then(|run| part_of(&run.snapshot, name));
        let (Some(part), Some(plan)) = (part, plan) else {
            return Changes::new();
        };
        let mut done: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for result in results.iter().filter(|result| result.outcome == Outcome::Done) {
            done.entry(result.group).or_default().insert(result.action);
        }
        let whole = |place: usize, actions: usize| {
            let heard = u32::try_from(place).ok().and_then(|place| done.get(&place));
            heard.is_some_and(|heard| heard.len() >= actions)
        };
        let groups = plan.groups.iter().enumerate();
        groups
            .filter(|(place, group)| whole(*place, group.actions.len()))
            .filter_map(|(_, group)| {
                if group.prune {
                    return Some((group.resource.clone(), None));
                }
                let resource = part.resources.iter().find(|r| r.id == group.resource)?;
                Some((resource.id.clone(), as_applied(resource, desk)))
            })
            .collect()
    }

    /// What a look proves to be applied, or to be gone for good, and is not known to be.
    fn proven(&self, part: &TargetSnapshot, seen: &Observation, desk: &Desk) -> Changes {
        let nothing = BTreeMap::new();
        let applied = self.applied.get(&part.target.name).unwrap_or(&nothing);
        let diff = evenkeel_plan::diff(&*desk.catalog, part, applied, seen);
        let good: BTreeSet<&ResourceId> = diff
            .resources
            .iter()
            .filter(|diff| diff.status == SyncStatus::InSync)
            .map(|diff| &diff.resource)
            .collect();
        let proven = part
            .resources
            .iter()
            .filter(|resource| good.contains(&resource.id));
        let mut changes: Changes = proven
            .map(|resource| (resource.id.clone(), as_applied(resource, desk)))
            .collect();
        for id in evenkeel_plan::forgotten(&*desk.catalog, part, applied, seen) {
            changes.insert(id, None);
        }
        changes.retain(|id, now| applied.get(id) != now.as_ref());
        changes
    }

    /// Writes down ends of steps and what is applied since.
    pub(crate) fn record(
        &mut self,
        deployment: DeploymentId,
        name: &TargetName,
        results: Vec<StepResult>,
        changes: Changes,
    ) {
        if results.is_empty() && changes.is_empty() {
            return;
        }
        let known = self.applied.entry(name.clone()).or_default();
        for (id, now) in &changes {
            match now {
                Some(now) => drop(known.insert(id.clone(), now.clone())),
                None => drop(known.remove(id)),
            }
        }
        self.outbox.write(Write::Record {
            deployment,
            target: name.clone(),
            results,
            applied: changes,
        });
    }
}

/// A resource as applied; `None`: Git wants it not to be there, so there is nothing to look after.
fn as_applied(resource: &Resource, desk: &Desk) -> Option<Applied> {
    let fields = desk.catalog.kind(&resource.id.kind)?.desired(resource)?;
    Some(Applied {
        resource: resource.clone(),
        fields: Some(fields),
    })
}
