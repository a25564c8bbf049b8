//! One environment: what Git says of it, what is kept true, what is seen.

use crate::{
    backoff::Backoff,
    candidate::Candidate,
    change::News,
    desk::{Awaited, Desk},
    effect::{Effect, Recall, Write},
    event::{Kept, Ticket},
    fault::Fault,
    limit,
    look::Look,
    memory::{Memory, Order},
    outbox::Outbox,
    request::RequestId,
    run::Run,
    sight::Sight,
    status::{Hold, Waiting},
};
use evenkeel_model::{
    Applied, Deployment, DeploymentId, DeploymentOutcome, EnvironmentName, ResourceId, Snapshot, SnapshotId,
    Span, SyncStatus, TargetName, TargetSnapshot, Timestamp, settings::SyncMode,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

pub(crate) struct Environment {
    pub(crate) name: EnvironmentName,
    /// Whether the project names it still.
    pub(crate) named: bool,
    pub(crate) memory: Memory,
    pub(crate) remembered: Option<Memory>,
    pub(crate) head: Option<Arc<Snapshot>>,
    pub(crate) goal: Option<Arc<Snapshot>>,
    recalling: Option<(Ticket, SnapshotId)>,
    recall: Backoff,
    pub(crate) candidate: Candidate,
    pub(crate) applied: BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>,
    /// Newest first.
    pub(crate) history: VecDeque<Deployment>,
    pub(crate) sights: BTreeMap<TargetName, Sight>,
    pub(crate) look: Option<Look>,
    /// When the next look is due.
    pub(crate) next_look: Timestamp,
    /// Look at once, and how.
    pub(crate) look_now: Option<LookNow>,
    pub(crate) run: Option<Run>,
    /// When a failed deployment of the goal is tried again.
    pub(crate) retry: Backoff,
    /// The last deployment was cut off.
    pub(crate) cut_off: bool,
    /// The open requests that the order stands for.
    pub(crate) requests: Vec<RequestId>,
    pub(crate) outbox: Outbox,
    pub(crate) waiting: Option<Waiting>,
    /// Why no plan could be made.
    pub(crate) plan_fault: Option<Fault>,
    pub(crate) source_fault: Option<Fault>,
    pub(crate) told: Option<(SyncStatus, evenkeel_model::Health)>,
}

/// How urgent a look is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LookNow {
    /// Also at targets that are backing off.
    pub(crate) all: bool,
    /// Hash every file again.
    pub(crate) full: bool,
}

impl Environment {
    pub(crate) fn new(name: EnvironmentName) -> Self {
        Self {
            name,
            named: true, // Until Git was read and says otherwise.
            memory: Memory::default(),
            remembered: None,
            head: None,
            goal: None,
            recalling: None,
            recall: Backoff::default(),
            candidate: Candidate::default(),
            applied: BTreeMap::new(),
            history: VecDeque::new(),
            sights: BTreeMap::new(),
            look: None,
            next_look: Timestamp(0),
            look_now: None,
            run: None,
            retry: Backoff::default(),
            cut_off: false,
            requests: Vec::new(),
            outbox: Outbox::default(),
            waiting: None,
            plan_fault: None,
            source_fault: None,
            told: None,
        }
    }

    /// Takes up what the store remembers; what was under way was cut off.
    pub(crate) fn take_up(&mut self, history: Vec<Deployment>, unfinished: Vec<Deployment>, desk: &Desk) {
        self.history = history.into_iter().take(limit::HISTORY).collect();
        for deployment in unfinished {
            self.cut_off = true;
            if self.history.iter().all(|known| known.id != deployment.id) {
                self.history.push_front(deployment.clone());
            }
            self.conclude(&deployment.id, DeploymentOutcome::CutOff, None, desk);
        }
        self.history
            .make_contiguous()
            .sort_by_key(|known| std::cmp::Reverse(known.id.number));
    }

    /// All that time brings.
    pub(crate) fn turn(&mut self, desk: &mut Desk) {
        self.recall(desk);
        self.candidate_turn(desk);
        self.run_turn(desk);
        self.loosen();
        self.look_turn(desk);
        if self.remembered.as_ref() != Some(&self.memory) {
            self.remember();
        }
        let name = self.name.clone();
        self.outbox.pump(&name, desk);
    }

    /// Queues the memory for the store.
    pub(crate) fn remember(&mut self) {
        self.remembered = Some(self.memory.clone());
        self.outbox.write(Write::Remember {
            memory: self.memory.write(),
        });
    }

    /// Gets the snapshots that the memory names and that are not here.
    fn recall(&mut self, desk: &mut Desk) {
        if self.recalling.is_some() || self.recall.waits(desk.now) {
            return;
        }
        let head = self.memory.head.as_ref().map(|version| version.snapshot);
        let goal = self.memory.goal.as_ref().map(|version| version.snapshot);
        if goal == head && self.goal.is_some() != self.head.is_some() {
            let known = self.goal.take().or_else(|| self.head.take());
            (self.goal, self.head) = (known.clone(), known);
        }
        let missing = match (goal, head) {
            (Some(id), _) if self.goal.is_none() => id,
            (_, Some(id)) if self.head.is_none() => id,
            _ => return,
        };
        let ticket = desk.ticket(Awaited::Recall(self.name.clone()), limit::answer_deadline());
        self.recalling = Some((ticket, missing));
        desk.emit(Effect::Recall {
            ticket,
            what: Recall::Snapshot(missing),
        });
    }

    pub(crate) fn recalled(&mut self, ticket: Ticket, result: Result<Option<Kept>, Fault>, desk: &mut Desk) {
        let Some((_, id)) = self.recalling.take_if(|(awaited, _)| *awaited == ticket) else {
            return;
        };
        let kept = match result {
            Ok(Some(kept)) if kept.id == id => kept,
            _ => {
                // Never for good: Git can bring the head again, and the store may come back.
                self.recall
                    .fail(desk.now, Span::from_secs(1), Span::from_secs(60));
                return;
            }
        };
        self.recall.clear();
        if self.memory.goal.as_ref().is_some_and(|goal| goal.snapshot == id) {
            self.goal = Some(kept.snapshot.clone());
        }
        if self.memory.head.as_ref().is_some_and(|head| head.snapshot == id) {
            self.head = Some(kept.snapshot);
        }
        self.ask_anew();
    }

    /// Other things must be asked of the targets from now on.
    pub(crate) fn ask_anew(&mut self) {
        for sight in self.sights.values_mut() {
            sight.stale = true;
            sight.looking = None;
        }
        self.look = None;
        self.look_now.get_or_insert_default();
    }

    /// Lets the goal follow Git, where that is allowed.
    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        let Some(head) = self.memory.head.clone() else {
            return;
        };
        if self.memory.hold.is_some() {
            return;
        }
        let yes = self.memory.settings.sync.mode == SyncMode::Automatic
            || self.memory.approved == Some(head.snapshot);
        if self.memory.at_head() {
            // The same snapshot at another commit deploys nothing.
            self.memory.goal = Some(head);
            self.memory.kept = false;
        } else if yes {
            self.set_goal(head, false, self.head.clone(), desk);
        }
    }

    pub(crate) fn set_goal(
        &mut self,
        goal: crate::status::Version,
        kept: bool,
        snapshot: Option<Arc<Snapshot>>,
        desk: &mut Desk,
    ) {
        let moved = self
            .memory
            .goal
            .as_ref()
            .is_none_or(|old| old.snapshot != goal.snapshot);
        self.memory.kept = kept;
        if moved {
            let why = format!("{} took its place", goal.revision.short());
            self.goal = snapshot;
            self.memory.goal = Some(goal);
            self.retry.clear();
            self.cut_off = false;
            self.recall.clear();
            self.recalling = None;
            self.stop_run(&why, desk);
            self.ask_anew();
        } else {
            self.memory.goal = Some(goal);
            self.look_now.get_or_insert_default();
        }
    }

    /// Ends a hold, whoever said so.
    pub(crate) fn lift(&mut self, actor: &str, desk: &mut Desk) {
        if self.memory.hold.take().is_some() {
            desk.publish(
                Some(&self.name),
                News::Resumed {
                    actor: actor.to_owned(),
                },
            );
        }
        self.look_now.get_or_insert_default();
    }

    pub(crate) fn hold(&mut self, hold: Hold, desk: &mut Desk) {
        desk.publish(Some(&self.name), News::Held { hold: hold.clone() });
        self.memory.hold = Some(hold);
    }

    /// Takes an order back, and tells those who wait for it.
    pub(crate) fn drop_order(&mut self, code: &str, text: &str, desk: &mut Desk) {
        self.memory.order = None;
        let requests = std::mem::take(&mut self.requests);
        if !requests.is_empty() {
            let (code, text) = (code.to_owned(), text.to_owned());
            desk.publish(Some(&self.name), News::Stalled { requests, code, text });
        }
    }

    pub(crate) fn order(&mut self, order: Order, desk: &mut Desk) {
        self.drop_order("replaced", "another request took its place", desk);
        self.retry.clear();
        self.memory.order = Some(order);
        self.look_now = Some(LookNow {
            all: true,
            full: self.look_now.is_some_and(|now| now.full),
        });
    }

    /// How a deployment stands: in the history here, and in the store.
    pub(crate) fn conclude(
        &mut self,
        id: &DeploymentId,
        outcome: DeploymentOutcome,
        health: Option<evenkeel_model::Health>,
        desk: &Desk,
    ) {
        if let Some(known) = self.history.iter_mut().find(|known| known.id == *id) {
            known.finished = outcome.is_final().then_some(known.finished.unwrap_or(desk.now));
            known.outcome = outcome.clone();
        }
        self.outbox.write(Write::Conclude {
            deployment: id.clone(),
            outcome,
            health,
            at: desk.now,
        });
    }

    /// The number of the next deployment, and the one that it follows.
    pub(crate) fn next_id(&self) -> (DeploymentId, Option<DeploymentId>) {
        let parent = self.history.front().map(|latest| latest.id.clone());
        let number = parent.as_ref().map_or(0, |parent| parent.number) + 1;
        let environment = self.name.clone();
        (DeploymentId { environment, number }, parent)
    }

    /// All targets, those of the goal first.
    pub(crate) fn targets(&self) -> Vec<TargetName> {
        let mut names: Vec<TargetName> = Vec::new();
        let both = self
            .goal
            .iter()
            .chain(self.head.iter().filter(|_| !self.memory.at_head()));
        let mut known = std::collections::BTreeSet::new();
        for target in both.flat_map(|snapshot| &snapshot.targets) {
            if known.insert(&target.target.name) {
                names.push(target.target.name.clone());
            }
        }
        names
    }

    /// A target's part of the goal, else of what Git says.
    pub(crate) fn part<'a>(&'a self, name: &TargetName) -> Option<&'a TargetSnapshot> {
        let of = |snapshot: &'a Option<Arc<Snapshot>>| snapshot.as_ref().and_then(|s| part_of(s, name));
        of(&self.goal).or_else(|| of(&self.head))
    }

    pub(crate) fn next_wakeup(&self, desk: &Desk) -> Option<Timestamp> {
        let sights = self.sights.values().filter_map(|sight| sight.backoff.at);
        let busy = self.run.is_some();
        let looks = (!busy && self.look.is_none() && (self.goal.is_some() || self.head.is_some()))
            .then_some(self.next_look);
        let recall = self.recall.at.filter(|_| self.recalling.is_none());
        sights
            .filter(|_| !busy)
            .chain(looks)
            .chain(recall)
            .chain(self.retry.at.filter(|_| !busy))
            .chain(self.candidate.next_wakeup())
            .chain(self.look.as_ref().map(|look| look.until))
            .chain(self.run.as_ref().and_then(Run::next_wakeup))
            .chain(self.outbox.next_wakeup())
            .filter(|at| *at > desk.now)
            .min()
    }
}

/// A target's part of a snapshot.
pub(crate) fn part_of<'a>(snapshot: &'a Snapshot, name: &TargetName) -> Option<&'a TargetSnapshot> {
    snapshot.targets.iter().find(|part| part.target.name == *name)
}
