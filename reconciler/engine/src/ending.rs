//! How a deployment goes from batch to batch, how it ends, and what follows.

use crate::{
    change::News,
    desk::Desk,
    effect::Write,
    environment::Environment,
    fault::Fault,
    memory::Order,
    run::{Member, Phase, Run, State},
    status::{Hold, Version},
};
use evenkeel_model::{Deployment, DeploymentOutcome, Health, Trigger, settings::OnFailure};

impl Environment {
    /// Its number was taken: someone else deploys here.
    pub(crate) fn run_conflict(&mut self, write: &Write, desk: &mut Desk) {
        let Write::Begin { deployment, .. } = write else {
            return;
        };
        if let Some(run) = self.run.take_if(|run| run.id == deployment.id) {
            self.requests = run.requests;
            // The number stays taken in our history, so that the next one is free.
            if let Some(taken) = self.history.front_mut() {
                taken.finished = Some(desk.now);
                taken.outcome = DeploymentOutcome::Superseded {
                    why: "another controller took this number".to_owned(),
                };
            }
            self.fail_retry(desk);
        }
    }

    pub(crate) fn fail_retry(&mut self, desk: &Desk) {
        let sync = &self.memory.settings.sync;
        self.retry.fail(desk.now, sync.retry_after, sync.retry_at_most);
    }

    /// It must not go on: what is being applied ends, nothing else begins.
    pub(crate) fn stop_run(&mut self, why: &str, desk: &mut Desk) {
        if let Some(run) = &mut self.run {
            run.stop.get_or_insert_with(|| why.to_owned());
        }
        self.run_progress(desk);
    }

    /// Goes on when a batch has ended, and ends when there is no more.
    pub(crate) fn run_progress(&mut self, desk: &mut Desk) {
        let Some(run) = &mut self.run else { return };
        if run.phase == Phase::Recording {
            return;
        }
        let applying = run.members.iter().any(|m| matches!(m.state, State::Applying(_)));
        if let Some(why) = &run.stop {
            if !applying {
                let why = why.clone();
                self.end_run(&DeploymentOutcome::Superseded { why }, desk);
            }
            return;
        }
        let last = run.batch + 1 >= run.batches.len();
        if last && !applying && !run.verifying {
            run.verifying = true;
            let id = run.id.clone();
            self.conclude(&id, DeploymentOutcome::Verifying, None, desk);
        }
        let Some(run) = &mut self.run else { return };
        let batch = run.members.get(run.reach()).unwrap_or_default();
        if run.phase != Phase::Batch || !batch.iter().all(Member::ended) {
            return;
        }
        let failures = u32::try_from(run.failures().count()).unwrap_or(u32::MAX);
        let too_many = failures > run.rollout.max_failures && run.on_failure != OnFailure::Continue;
        if !last && !too_many {
            run.phase = Phase::Pausing(desk.now + run.rollout.pause);
            return;
        }
        let failed: Vec<String> = run
            .failures()
            .map(|(target, why, ..)| format!("{target}: {why}"))
            .collect();
        let outcome = if failed.is_empty() {
            DeploymentOutcome::Succeeded
        } else {
            let why = failed.join("; ").chars().take(Fault::LONGEST).collect();
            DeploymentOutcome::Failed { why }
        };
        self.end_run(&outcome, desk);
    }

    fn end_run(&mut self, outcome: &DeploymentOutcome, desk: &mut Desk) {
        let Some(run) = self.run.take() else { return };
        let worst = run.failures().map(|(.., health)| health).max();
        let health = match outcome {
            DeploymentOutcome::Superseded { .. } => None,
            _ => Some(worst.unwrap_or(Health::Healthy)),
        };
        self.conclude(&run.id, outcome.clone(), health, desk);
        for member in &run.members {
            self.compare(&member.target, desk);
        }
        desk.publish(
            Some(&self.name),
            News::Concluded {
                deployment: run.id.clone(),
                outcome: outcome.clone(),
                requests: run.requests.clone(),
            },
        );
        match outcome {
            DeploymentOutcome::Succeeded => self.succeeded(&run, desk),
            DeploymentOutcome::Failed { why } => {
                self.fail_retry(desk);
                let lasting = run.failures().any(|(_, _, transient, _)| !transient);
                let too_many =
                    u32::try_from(run.failures().count()).unwrap_or(u32::MAX) > run.rollout.max_failures;
                if run.on_failure == OnFailure::Rollback && lasting && too_many && !run.kept {
                    self.go_back(&run, why, desk);
                }
            }
            // Whoever superseded it has said what comes now.
            _ => drop(self.look_now.get_or_insert_default()),
        }
        self.look_now.get_or_insert_default();
        self.tell_status(desk);
    }

    fn succeeded(&mut self, run: &Run, desk: &Desk) {
        self.retry.clear();
        self.cut_off = false;
        let trigger = self
            .history
            .iter()
            .find(|known| known.id == run.id)
            .map(|known| known.trigger.clone());
        self.memory.order.take_if(|order| order.since <= run.planned);
        if let Some(Trigger::AutomaticRollback { failed, .. }) = trigger {
            let outcome = self
                .history
                .iter()
                .find(|known| known.id == failed)
                .map(|known| known.outcome.clone());
            if let Some(DeploymentOutcome::Failed { why }) = outcome {
                let by = run.id.clone();
                self.conclude(&failed, DeploymentOutcome::RolledBack { why, by }, None, desk);
            }
        }
    }

    /// Back to what last succeeded, and hold.
    fn go_back(&mut self, run: &Run, why: &str, desk: &mut Desk) {
        let Some(failed) = self.history.iter().find(|known| known.id == run.id).cloned() else {
            return;
        };
        let good = |known: &&Deployment| whole_success(known) && known.snapshot != failed.snapshot;
        let Some(to) = self.history.iter().find(good).cloned() else {
            return;
        };
        let reason = format!("{} failed and was taken back to {}: {why}", failed.id, to.id);
        // A person's hold has no end of its own, and is not given one.
        if self
            .memory
            .hold
            .as_ref()
            .is_none_or(|hold| hold.until_not.is_some())
        {
            self.hold(
                Hold {
                    actor: "evenkeel".to_owned(),
                    reason: reason.clone(),
                    since: desk.now,
                    until_not: self.memory.head.as_ref().map(|head| head.snapshot),
                },
                desk,
            );
        }
        let goal = Version {
            revision: to.revision.clone(),
            snapshot: to.snapshot,
        };
        self.set_goal(goal, true, None, desk);
        self.order(
            Order {
                snapshot: to.snapshot,
                trigger: Trigger::AutomaticRollback {
                    failed: failed.id,
                    to: to.id,
                },
                actor: "evenkeel".to_owned(),
                reason: Some(reason),
                since: desk.now,
            },
            desk,
        );
    }
}

/// Whether a deployment proves its snapshot. Healing drift may be done in part.
pub(crate) fn whole_success(deployment: &Deployment) -> bool {
    deployment.outcome == DeploymentOutcome::Succeeded && deployment.trigger != Trigger::Drift
}
