//! What people ask, taken on or refused.

use crate::{
    change::News,
    desk::{Awaited, Desk, RollbackAsked},
    effect::{Effect, Recall},
    ending::whole_success,
    environment::{Environment, LookNow},
    event::Kept,
    fault::Fault,
    limit,
    memory::Order,
    request::{Accepted, Refusal, RequestId, Wish},
    status::{Hold, Version, Waiting},
};
use evenkeel_model::{DeploymentId, SnapshotId, Trigger, settings::SyncMode};

type Answer = Result<Accepted, Refusal>;

fn yes(text: impl Into<String>) -> Answer {
    Ok(Accepted { text: text.into() })
}

impl Environment {
    /// Takes a wish on or refuses it. The reply goes out when what it says is on disk.
    pub(crate) fn ask(&mut self, request: RequestId, actor: &str, wish: Wish, desk: &mut Desk) {
        if self.outbox.is_full() {
            let text = "the store does not take anything now; try again later";
            let result = Err(Refusal::new("store-broken", text));
            return desk.emit(Effect::Reply { request, result });
        }
        let answer = match wish {
            Wish::Refresh { full, .. } => {
                self.look_now = Some(LookNow { all: true, full });
                Some(yes(format!("looking at {}", self.name)))
            }
            Wish::Sync {
                reason,
                full,
                prune_yes,
                ..
            } => Some(self.ask_sync(request, actor, reason, (full, prune_yes), desk)),
            Wish::Approve {
                snapshot,
                prune_yes,
                reason,
                ..
            } => Some(self.ask_approve(request, actor, snapshot, (reason, prune_yes), desk)),
            Wish::Hold { reason, .. } => Some(self.ask_hold(actor, reason, desk)),
            Wish::Resume { .. } => Some(self.ask_resume(actor, desk)),
            Wish::Rollback { to, reason, .. } => self.ask_rollback(request, actor, to, reason, desk),
        };
        if let Some(answer) = answer {
            self.answer(request, answer);
        }
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        if self.remembered.as_ref() != Some(&self.memory) {
            self.remember();
        }
        self.outbox.reply(request, answer);
    }

    fn ask_sync(
        &mut self,
        request: RequestId,
        actor: &str,
        reason: Option<String>,
        (full, prune_yes): (bool, bool),
        desk: &mut Desk,
    ) -> Answer {
        self.may_begin(desk)?;
        // Under the hold of a rollback the kept snapshot stays the goal.
        let back = self.memory.kept && self.memory.hold.is_some();
        let aim = match (&self.memory.head, &self.memory.goal) {
            (Some(head), _) if !back => head.clone(),
            (_, Some(goal)) => goal.clone(),
            _ => return Err(not_ready()),
        };
        let text = format!("syncing {} to {}", self.name, aim.revision.short());
        let snapshot = aim.snapshot;
        if prune_yes {
            self.memory.prune_yes = Some(snapshot);
        }
        if !back {
            self.memory.approved = Some(snapshot);
            self.approve_settings();
            self.set_goal(aim, false, self.head.clone(), desk);
        }
        self.look_now = Some(LookNow { all: true, full });
        self.take_on(request, actor, reason, snapshot, Trigger::Request, desk);
        yes(text)
    }

    fn ask_approve(
        &mut self,
        request: RequestId,
        actor: &str,
        snapshot: Option<SnapshotId>,
        (reason, prune_yes): (Option<String>, bool),
        desk: &mut Desk,
    ) -> Answer {
        self.may_begin(desk)?;
        let Some(head) = self.memory.head.clone() else {
            return Err(not_ready());
        };
        if let Some(seen) = snapshot.filter(|seen| *seen != head.snapshot) {
            let text = format!(
                "Git has moved on: {} was looked at, {} waits now; look again",
                seen.short(),
                head.snapshot.short()
            );
            return Err(Refusal::new("stale-approval", text));
        }
        let prune = matches!(self.waiting, Some(Waiting::PruneYes { .. })) || prune_yes;
        let waits = self.settings_wait()
            || self.memory.settings.sync.mode != SyncMode::Automatic && !self.memory.at_head();
        if !waits && !prune {
            return Err(Refusal::new(
                "nothing-to-approve",
                format!("nothing waits in {}", self.name),
            ));
        }
        if !waits && !prune_yes {
            let text = "it would prune more than the limit: say yes to that too";
            return Err(Refusal::new("prune-needs-yes", text));
        }
        let snapshot = head.snapshot;
        self.memory.approved = Some(snapshot);
        self.approve_settings();
        if prune_yes {
            self.memory.prune_yes = Some(snapshot);
        }
        if self.memory.hold.is_some() {
            return yes("approved; it is deployed when the hold ends");
        }
        self.advance(desk);
        self.take_on(request, actor, reason, snapshot, Trigger::Request, desk);
        yes(format!("approved {}", head.revision.short()))
    }

    fn ask_hold(&mut self, actor: &str, reason: String, desk: &mut Desk) -> Answer {
        if reason.trim().is_empty() {
            return Err(Refusal::new("reason-missing", "a hold needs a reason"));
        }
        self.drop_order("held", &format!("held by {actor}: {reason}"), desk);
        let text = format!("held by {actor}: {reason}");
        self.hold(
            Hold {
                actor: actor.to_owned(),
                reason,
                since: desk.now,
                until_not: None,
            },
            desk,
        );
        self.stop_run(&text, desk);
        self.look_now.get_or_insert_default();
        yes(format!("{} is held", self.name))
    }

    fn ask_resume(&mut self, actor: &str, desk: &mut Desk) -> Answer {
        if self.memory.hold.is_none() {
            return Err(Refusal::new("not-held", format!("{} is not held", self.name)));
        }
        self.drop_order("resumed", "the environment was resumed", desk);
        self.lift(actor, desk);
        self.advance(desk);
        yes(format!("{} is resumed", self.name))
    }

    /// `None`: the answer comes when the store has spoken.
    fn ask_rollback(
        &mut self,
        request: RequestId,
        actor: &str,
        to: Option<u64>,
        reason: String,
        desk: &mut Desk,
    ) -> Option<Answer> {
        if let Err(refusal) = self.may_begin(desk) {
            return Some(Err(refusal));
        }
        if reason.trim().is_empty() {
            return Some(Err(Refusal::new("reason-missing", "a rollback needs a reason")));
        }
        let now = self.memory.goal.as_ref().map(|goal| goal.snapshot);
        let found = match to {
            Some(number) => self.history.iter().find(|known| known.id.number == number),
            None => self
                .history
                .iter()
                .find(|d| whole_success(d) && Some(d.snapshot) != now),
        };
        match (found.cloned(), to) {
            (Some(found), _) => {
                let version = Version {
                    revision: found.revision,
                    snapshot: found.snapshot,
                };
                Some(self.roll_back(request, actor, reason, &found.id, version, desk))
            }
            (None, None) => {
                let text = format!("{} has no earlier deployment that succeeded", self.name);
                Some(Err(Refusal::new("nothing-to-roll-back-to", text)))
            }
            (None, Some(to)) => {
                let asked = RollbackAsked {
                    request,
                    actor: actor.to_owned(),
                    reason,
                    to,
                };
                let environment = self.name.clone();
                let ticket = desk.ticket(
                    Awaited::RecallFor(environment.clone(), asked),
                    limit::answer_deadline(),
                );
                let what = Recall::Deployment(DeploymentId {
                    environment,
                    number: to,
                });
                desk.emit(Effect::Recall { ticket, what });
                None
            }
        }
    }

    /// The store has spoken about a deployment that is too old to be remembered here.
    pub(crate) fn recalled_for(
        &mut self,
        asked: RollbackAsked,
        result: Result<Option<Kept>, Fault>,
        desk: &mut Desk,
    ) {
        let id = DeploymentId {
            environment: self.name.clone(),
            number: asked.to,
        };
        let answer = match result {
            Ok(Some(kept)) => {
                let version = Version {
                    revision: kept.revision,
                    snapshot: kept.id,
                };
                self.may_begin(desk).and_then(|()| {
                    self.roll_back(asked.request, &asked.actor, asked.reason, &id, version, desk)
                })
            }
            Ok(None) => Err(Refusal::new("no-such-deployment", format!("there is no {id}"))),
            Err(fault) => Err(Refusal::new("store-broken", fault.text)),
        };
        self.answer(asked.request, answer);
    }

    fn roll_back(
        &mut self,
        request: RequestId,
        actor: &str,
        reason: String,
        to: &DeploymentId,
        version: Version,
        desk: &mut Desk,
    ) -> Answer {
        let text = format!(
            "rolling {} back to {to} ({})",
            self.name,
            version.revision.short()
        );
        self.hold(
            Hold {
                actor: actor.to_owned(),
                reason: format!("rolled back to {to}: {reason}"),
                since: desk.now,
                until_not: self.memory.head.as_ref().map(|head| head.snapshot),
            },
            desk,
        );
        let snapshot = version.snapshot;
        let same = self
            .memory
            .goal
            .as_ref()
            .is_some_and(|goal| goal.snapshot == snapshot);
        let known = if same { self.goal.clone() } else { None };
        // A rollback leads to a kept snapshot, and to what it pruned or may prune: the person chose it.
        self.memory.prune_yes = Some(snapshot);
        self.set_goal(version, true, known, desk);
        let trigger = Trigger::Rollback { to: to.clone() };
        self.take_on(request, actor, Some(reason), snapshot, trigger, desk);
        yes(text)
    }

    fn take_on(
        &mut self,
        request: RequestId,
        actor: &str,
        reason: Option<String>,
        snapshot: SnapshotId,
        trigger: Trigger,
        desk: &mut Desk,
    ) {
        self.order(
            Order {
                snapshot,
                trigger,
                actor: actor.to_owned(),
                reason,
                since: desk.now,
            },
            desk,
        );
        if self.requests.len() < limit::REQUESTS {
            self.requests.push(request);
        }
    }

    fn may_begin(&self, desk: &Desk) -> Result<(), Refusal> {
        if desk.fenced {
            let text = "a newer controller is at work on a target; this one does nothing any more";
            return Err(Refusal::new("fenced", text));
        }
        Ok(())
    }

    /// How it stands, told when it changed.
    pub(crate) fn tell_status(&mut self, desk: &mut Desk) {
        let now = (self.sync(), self.health(desk.now));
        if self.told.replace(now) != Some(now) {
            let (sync, health) = now;
            desk.publish(Some(&self.name), News::Status { sync, health });
        }
    }
}

fn not_ready() -> Refusal {
    Refusal::new(
        "not-ready",
        "Git has not been read yet, or nothing of it could be accepted; see the status",
    )
}
