//! A deployment under way: its record, its batches' beginning, each target's steps. How it ends: `ending`.

use crate::{
    change::News,
    desk::{Awaited, Desk},
    effect::{Effect, Write},
    environment::{Environment, part_of},
    event::Ticket,
    fault::Fault,
    limit,
    request::RequestId,
};
use evenkeel_model::{
    ContentRef, DeploymentId, Health, Outcome, Settings, Snapshot, StepResult, TargetName, TargetPlan,
    TargetSnapshot, Timestamp,
    settings::{OnFailure, Rollout},
};
use std::{collections::BTreeSet, ops::Range, sync::Arc};

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: DeploymentId,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) members: Vec<Member>,
    pub(crate) batches: Vec<Range<usize>>,
    pub(crate) batch: usize,
    pub(crate) phase: Phase,
    /// It must not go on: why.
    pub(crate) stop: Option<String>,
    pub(crate) requests: Vec<RequestId>,
    pub(crate) rollout: Rollout,
    pub(crate) on_failure: OnFailure,
    /// It leads back: a failure of it is never answered by another way back.
    pub(crate) kept: bool,
    pub(crate) planned: Timestamp,
    pub(crate) verifying: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its record is on the way to the disk.
    Recording,
    Batch,
    Pausing(Timestamp),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) target: TargetName,
    /// `None`: nothing to do, only to prove.
    pub(crate) plan: Option<Arc<TargetPlan>>,
    pub(crate) state: State,
    /// What was heard of its steps left something open.
    pub(crate) unknown: bool,
    pub(crate) looks: u32,
}

/// How far a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Applying(Ticket),
    /// A second look is under way, or comes then.
    Looking(Option<Timestamp>),
    /// Its checks are tried since, and next then.
    Checking(Timestamp, Timestamp),
    Done,
    Failed {
        why: String,
        /// It may be no fault of what was deployed.
        transient: bool,
        health: Health,
    },
}

impl Member {
    pub(crate) fn new(target: TargetName, plan: Option<Arc<TargetPlan>>) -> Self {
        Self {
            target,
            plan,
            state: State::Waiting,
            unknown: false,
            looks: 0,
        }
    }
    pub(crate) fn ended(&self) -> bool {
        matches!(self.state, State::Done | State::Failed { .. })
    }
}

impl Run {
    pub(crate) fn new(
        id: DeploymentId,
        snapshot: Arc<Snapshot>,
        members: Vec<Member>,
        settings: &Settings,
        kept: bool,
        requests: Vec<RequestId>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            snapshot,
            batches: evenkeel_plan::batches(&settings.rollout, members.len()),
            members,
            batch: 0,
            phase: Phase::Recording,
            stop: None,
            requests,
            rollout: settings.rollout.clone(),
            on_failure: settings.on_failure,
            kept,
            planned: now,
            verifying: false,
        }
    }
    pub(crate) fn member(&mut self, name: &TargetName) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.target == *name)
    }
    pub(crate) fn works_on(&self, name: &TargetName) -> bool {
        self.members.iter().any(|m| m.target == *name && !m.ended())
    }
    pub(crate) fn reach(&self) -> Range<usize> {
        self.batches.get(self.batch).cloned().unwrap_or(0..0)
    }
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let members = self.members.iter().filter_map(|member| match member.state {
            State::Looking(again) => again,
            State::Checking(_, next) => Some(next),
            _ => None,
        });
        let pause = match self.phase {
            Phase::Pausing(until) => Some(until),
            _ => None,
        };
        members.chain(pause).min()
    }
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&TargetName, &str, bool, Health)> {
        self.members.iter().filter_map(|member| match &member.state {
            State::Failed {
                why,
                transient,
                health,
            } => Some((&member.target, why.as_str(), *transient, *health)),
            _ => None,
        })
    }
}

impl Environment {
    /// Its record is on disk.
    pub(crate) fn run_begun(&mut self, write: Write, desk: &mut Desk) {
        let Write::Begin {
            deployment,
            plan,
            meant,
            ..
        } = write
        else {
            return;
        };
        let Some(run) = self.run.as_mut().filter(|run| run.id == deployment.id) else {
            return;
        };
        run.phase = Phase::Batch;
        let late = desk.now.since(run.planned) > limit::confirmed();
        let requests = run.requests.clone();
        for (target, resources) in meant {
            let known = self.applied.entry(target).or_default();
            for (id, applied) in resources {
                known.entry(id).or_insert(applied);
            }
        }
        desk.publish(
            Some(&self.name),
            News::Begun {
                deployment: deployment.id.clone(),
                trigger: deployment.trigger.clone(),
                targets: u32::try_from(plan.targets.len()).unwrap_or(u32::MAX),
                requests,
            },
        );
        if late {
            self.stop_run("its record was confirmed too late to go by its plan", desk);
        } else {
            self.start_batch(desk);
        }
    }

    fn start_batch(&mut self, desk: &mut Desk) {
        // An order that came later gets its own deployment, with its actor and reason.
        let planned = self.run.as_ref().map_or(Timestamp(0), |run| run.planned);
        let ordered = self
            .memory
            .order_for_goal()
            .is_some_and(|order| order.since <= planned);
        let held = self.memory.hold.as_ref().filter(|_| !ordered);
        let stop = if desk.fenced {
            Some("a newer controller is at work".to_owned())
        } else {
            held.map(|hold| format!("held by {}: {}", hold.actor, hold.reason))
        };
        let Some(run) = &mut self.run else { return };
        run.phase = Phase::Batch;
        if let Some(why) = stop {
            run.stop.get_or_insert(why);
        }
        if run.stop.is_none() {
            let batch: Vec<(TargetName, Option<Arc<TargetPlan>>)> = run
                .members
                .get(run.reach())
                .unwrap_or_default()
                .iter()
                .map(|member| (member.target.clone(), member.plan.clone()))
                .collect();
            for (target, plan) in batch {
                match plan {
                    Some(plan) => self.apply(&target, plan, desk),
                    None => self.prove(&target, desk),
                }
            }
        }
        self.run_progress(desk);
    }

    fn apply(&mut self, name: &TargetName, plan: Arc<TargetPlan>, desk: &mut Desk) {
        let deadline = limit::apply_deadline();
        let Some(run) = &mut self.run else { return };
        let Some(part) = part_of(&run.snapshot, name) else {
            return;
        };
        let target = Arc::new(part.target.clone());
        let contents = contents(part, &plan);
        let deployment = run.id.clone();
        let within = evenkeel_model::Span::from_millis(deadline.as_millis() + limit::grace().as_millis());
        let ticket = desk.ticket(Awaited::Apply(self.name.clone(), name.clone()), within);
        if let Some(member) = run.member(name) {
            member.state = State::Applying(ticket);
        }
        let sight = self.sights.entry(name.clone()).or_default();
        sight.stale = true;
        if let Some((old, _)) = sight.looking.take() {
            desk.take(old);
        }
        sight.pulse.forget();
        self.tell_progress(name, "applying", None, Vec::new(), desk);
        desk.emit(Effect::Apply {
            ticket,
            environment: self.name.clone(),
            target,
            deployment,
            epoch: desk.epoch,
            plan,
            contents,
            deadline,
        });
    }

    pub(crate) fn run_applied(
        &mut self,
        name: &TargetName,
        ticket: Ticket,
        result: Result<Vec<StepResult>, Fault>,
        desk: &mut Desk,
    ) {
        let Some(run) = &mut self.run else { return };
        let id = run.id.clone();
        let Some(member) = run.member(name).filter(|m| m.state == State::Applying(ticket)) else {
            return;
        };
        let plan = member.plan.clone();
        match result {
            Err(fault) => {
                // Nothing was sent.
                desk.fenced |= fault.code == "target-fenced";
                let why = fault.text.clone();
                self.lose(name, fault, desk);
                self.fail_member(name, &why, true, Health::Unknown, desk);
            }
            Ok(results) => {
                let bad = |result: &&StepResult| matches!(result.outcome, Outcome::Failed(_));
                let failed = results.iter().find(bad).map(|result| {
                    let place = usize::try_from(result.group).unwrap_or(usize::MAX);
                    let group = plan.as_ref().and_then(|plan| plan.groups.get(place));
                    let resource = group.map_or_else(String::new, |group| format!("{}: ", group.resource));
                    match &result.outcome {
                        Outcome::Failed(why) => format!("{resource}{why}"),
                        _ => resource,
                    }
                });
                let open = |result: &StepResult| !matches!(result.outcome, Outcome::Done);
                let actions = plan
                    .as_ref()
                    .map_or(0, |plan| plan.groups.iter().map(|g| g.actions.len()).sum());
                member.unknown = results.iter().any(open) || results.len() < actions;
                member.state = State::Looking(None);
                let troubles: Vec<Outcome> = results
                    .iter()
                    .filter(|r| open(r))
                    .map(|r| r.outcome.clone())
                    .take(20)
                    .collect();
                let applied = self.applied_by(name, plan.as_deref(), &results, desk);
                self.record(id, name, results, applied);
                match failed {
                    Some(why) => self.fail_member(name, &why, false, Health::Unknown, desk),
                    None => {
                        self.tell_progress(name, "verifying", None, troubles, desk);
                        self.observe(name, false, desk);
                    }
                }
            }
        }
        self.run_progress(desk);
    }

    pub(crate) fn fail_member(
        &mut self,
        name: &TargetName,
        why: &str,
        transient: bool,
        health: Health,
        desk: &mut Desk,
    ) {
        if let Some(member) = self.run.as_mut().and_then(|run| run.member(name)) {
            member.state = State::Failed {
                why: why.to_owned(),
                transient,
                health,
            };
            self.tell_progress(name, "failed", Some(why.to_owned()), Vec::new(), desk);
        }
    }

    pub(crate) fn tell_progress(
        &self,
        name: &TargetName,
        phase: &str,
        why: Option<String>,
        troubles: Vec<Outcome>,
        desk: &mut Desk,
    ) {
        let Some(run) = &self.run else { return };
        desk.publish(
            Some(&self.name),
            News::Progress {
                deployment: run.id.clone(),
                target: name.clone(),
                phase: phase.to_owned(),
                why,
                troubles,
            },
        );
    }

    pub(crate) fn run_turn(&mut self, desk: &mut Desk) {
        while let Some(run) = &mut self.run
            && matches!(run.phase, Phase::Pausing(until) if until <= desk.now)
        {
            run.batch += 1;
            self.start_batch(desk);
        }
        let Some(run) = &mut self.run else { return };
        let mut look = Vec::new();
        let mut check = Vec::new();
        for member in &mut run.members {
            match member.state {
                State::Looking(Some(at)) if at <= desk.now => {
                    member.state = State::Looking(None);
                    look.push(member.target.clone());
                }
                State::Checking(_, next) if next <= desk.now => check.push(member.target.clone()),
                _ => {}
            }
        }
        for target in look {
            self.observe(&target, false, desk);
        }
        for target in check {
            self.run_check(&target, desk);
        }
    }
}

/// The contents that a plan names, and where to get them.
fn contents(part: &TargetSnapshot, plan: &TargetPlan) -> Vec<ContentRef> {
    let wanted: BTreeSet<_> = plan.contents.iter().copied().collect();
    let known = part.resources.iter().flat_map(|resource| &resource.contents);
    let mut refs: Vec<ContentRef> = known.filter(|c| wanted.contains(&c.digest)).cloned().collect();
    refs.sort();
    refs.dedup_by_key(|content| content.digest);
    let have: BTreeSet<_> = refs.iter().map(|content| content.digest).collect();
    refs.extend(wanted.difference(&have).map(|digest| ContentRef {
        digest: *digest,
        url: None,
        secret: false,
    }));
    refs
}
