//! What is to be done, from how things stand; never from why someone looked.

use crate::{
    change::News,
    desk::Desk,
    effect::Write,
    environment::{Environment, part_of},
    fault::Fault,
    run::{Member, Run},
    status::{Version, Waiting},
};
use evenkeel_model::{
    Applied, Deployment, DeploymentOutcome, Observation, Plan, ResourceId, Snapshot, SyncStatus, TargetName,
    TargetPlan, TargetSnapshot, Timestamp, Trigger,
};
use evenkeel_plan::{Options, Which};
use std::{collections::BTreeMap, sync::Arc};

/// A target's plan, and the bytes made on the way.
pub(crate) type Planned = (TargetPlan, Vec<Arc<[u8]>>);

/// A target that a deployment would take up.
struct Draft {
    target: TargetName,
    plan: TargetPlan,
    contents: Vec<Arc<[u8]>>,
    /// The goal was deployed there before: what is off now is drift.
    settled: bool,
}

impl Environment {
    /// Begins a deployment, or says why none begins.
    pub(crate) fn decide(&mut self, desk: &mut Desk) {
        if self.run.is_some() {
            return;
        }
        self.waiting = None;
        let (Some(goal), Some(snapshot)) = (self.memory.goal.clone(), self.goal.clone()) else {
            return;
        };
        let drafts = self.drafts(&goal, &snapshot, desk);
        let busy = drafts.iter().any(|draft| !draft.plan.groups.is_empty());
        let ordered = self.memory.order_for_goal().is_some();
        if drafts.is_empty() {
            if ordered && self.waiting.is_none() {
                self.nothing_to_do(desk);
            }
            return;
        }
        let stop = if desk.fenced {
            Some(Waiting::Fenced)
        } else if !ordered && self.memory.hold.is_some() {
            Some(Waiting::Held)
        } else if self.retry.waits(desk.now) {
            self.retry.at.map(|at| Waiting::Retry {
                at,
                attempts: self.retry.attempts,
            })
        } else {
            self.large_prune(&drafts, &goal)
        };
        let prune_waits = matches!(stop, Some(Waiting::PruneYes { .. }));
        match stop {
            None => self.begin(drafts, false, goal, snapshot, desk),
            Some(waiting) => {
                if let (Waiting::PruneYes { target, prunes, of }, true) = (&waiting, ordered) {
                    let text =
                        format!("{target}: it would remove {prunes} of {of} resources; say yes to that");
                    self.drop_order("prune-needs-yes", &text, desk);
                }
                if busy {
                    desk.publish(
                        Some(&self.name),
                        News::Waiting {
                            waiting: waiting.clone(),
                        },
                    );
                    self.waiting = Some(waiting);
                }
                // What waits for a yes must not keep what was deployed from being kept true.
                if prune_waits && self.memory.settings.sync.self_heal {
                    let drafts = self.healing(&snapshot, desk);
                    if !drafts.is_empty() {
                        self.begin(drafts, true, goal, snapshot, desk);
                    }
                }
            }
        }
    }

    /// Only what drifted, of the targets that were just seen.
    fn healing(&self, snapshot: &Snapshot, desk: &Desk) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for part in &snapshot.targets {
            let name = &part.target.name;
            let sight = self.sights.get(name);
            let Some(seen) = sight.and_then(|s| s.usable(desk.now, Timestamp(0))) else {
                continue;
            };
            if let Ok((plan, contents)) = self.plan_only(part, seen, Which::Drifted, desk)
                && !plan.groups.is_empty()
            {
                drafts.push(Draft {
                    target: name.clone(),
                    plan,
                    contents,
                    settled: true,
                });
            }
        }
        drafts
    }

    /// Nothing is off wherever an order's look reached.
    fn nothing_to_do(&mut self, desk: &mut Desk) {
        let order = self.memory.order.take();
        let requests = std::mem::take(&mut self.requests);
        let since = order.map_or(desk.now, |order| order.since);
        let unseen = |name: &TargetName| {
            self.sights
                .get(name)
                .is_none_or(|sight| sight.usable(desk.now, since).is_none())
        };
        let lost: Vec<String> = self
            .targets()
            .iter()
            .filter(|name| unseen(name))
            .map(ToString::to_string)
            .collect();
        if requests.is_empty() {
            return;
        }
        let news = if lost.is_empty() {
            News::NothingToDo { requests }
        } else {
            News::Stalled {
                requests,
                code: "target-unseen".to_owned(),
                text: format!(
                    "nothing to do where it can be seen; cannot see {}",
                    lost.join(", ")
                ),
            }
        };
        desk.publish(Some(&self.name), news);
    }

    fn large_prune(&self, drafts: &[Draft], goal: &Version) -> Option<Waiting> {
        if self.memory.prune_yes == Some(goal.snapshot) {
            return None;
        }
        let limit = self.memory.settings.sync.prune_limit_percent;
        let large = drafts
            .iter()
            .find(|draft| evenkeel_plan::prune_blocked(&draft.plan, limit))?;
        Some(Waiting::PruneYes {
            target: large.target.clone(),
            prunes: large.plan.prunes,
            of: large.plan.applied,
        })
    }

    /// The targets that have something to do or to prove, of those that were just seen.
    fn drafts(&mut self, goal: &Version, snapshot: &Snapshot, desk: &Desk) -> Vec<Draft> {
        self.plan_fault = None;
        let order = self.memory.order_for_goal();
        let (ordered, since) = (order.is_some(), order.map_or(Timestamp(0), |order| order.since));
        let mut drafts = Vec::new();
        for part in &snapshot.targets {
            let name = &part.target.name;
            let Some(seen) = self
                .sights
                .get(name)
                .and_then(|s| s.usable(desk.now, since))
                .cloned()
            else {
                continue;
            };
            let (plan, contents) = match self.plan_target(part, &seen, desk) {
                Ok(planned) => planned,
                Err(fault) => {
                    self.plan_fault = Some(fault);
                    continue;
                }
            };
            let settled = self.memory.converged.get(name) == Some(&goal.snapshot);
            if plan.groups.is_empty() && (settled || self.unseen_in(part, &seen, desk)) {
                continue;
            }
            if settled && !ordered && !self.memory.settings.sync.self_heal {
                self.waiting = Some(Waiting::SelfHealOff);
                continue;
            }
            drafts.push(Draft {
                target: name.clone(),
                plan,
                contents,
                settled,
            });
        }
        drafts
    }

    fn applied_on(&self, name: &TargetName) -> BTreeMap<ResourceId, Applied> {
        self.applied.get(name).cloned().unwrap_or_default()
    }

    /// Whether something on the target cannot be seen: then an empty plan proves nothing.
    fn unseen_in(&self, part: &TargetSnapshot, seen: &Observation, desk: &Desk) -> bool {
        let applied = self.applied_on(&part.target.name);
        evenkeel_plan::diff(&*desk.catalog, part, &applied, seen).status == SyncStatus::Unknown
    }

    /// A target's plan, checked by a second reader.
    pub(crate) fn plan_target(
        &self,
        part: &TargetSnapshot,
        seen: &Observation,
        desk: &Desk,
    ) -> Result<Planned, Fault> {
        self.plan_only(part, seen, Which::All, desk)
    }

    fn plan_only(
        &self,
        part: &TargetSnapshot,
        seen: &Observation,
        only: Which,
        desk: &Desk,
    ) -> Result<Planned, Fault> {
        let applied = self.applied_on(&part.target.name);
        let options = Options {
            prune: self.memory.settings.sync.prune,
            only,
        };
        let name = &part.target.name;
        let (plan, contents) = evenkeel_plan::plan(&*desk.catalog, part, &applied, seen, options)
            .map_err(|error| Fault::new(error.code(), format!("{name}: {error}")))?;
        match evenkeel_plan::lint(&*desk.catalog, part, &applied, &plan).first() {
            Some(fault) => Err(Fault::new(fault.code(), format!("{name}: {fault}"))),
            None => Ok((plan, contents.into_values().map(Arc::from).collect())),
        }
    }

    /// `part`: less than all that is off is taken up.
    fn begin(
        &mut self,
        drafts: Vec<Draft>,
        part: bool,
        goal: Version,
        snapshot: Arc<Snapshot>,
        desk: &mut Desk,
    ) {
        let (id, parent) = self.next_id();
        let order = self.memory.order_for_goal().cloned();
        let trigger = if part {
            Trigger::Drift
        } else if self.retry.attempts > 0 || self.cut_off {
            Trigger::Retry
        } else if drafts.iter().all(|draft| draft.settled) {
            Trigger::Drift
        } else {
            Trigger::Commit
        };
        let (trigger, actor, reason) = match order {
            Some(order) => (order.trigger, order.actor, order.reason),
            None => (trigger, "evenkeel".to_owned(), None),
        };
        let deployment = Deployment {
            id: id.clone(),
            snapshot: goal.snapshot,
            revision: goal.revision,
            trigger,
            actor,
            reason,
            started: desk.now,
            finished: None,
            outcome: DeploymentOutcome::Applying,
        };
        let mut contents = Vec::new();
        let mut meant = BTreeMap::new();
        let mut members = Vec::new();
        let mut targets = Vec::new();
        for draft in drafts {
            contents.extend(draft.contents);
            let plan = (!draft.plan.groups.is_empty()).then(|| Arc::new(draft.plan.clone()));
            if plan.is_some() {
                if let Some(part) = part_of(&snapshot, &draft.target) {
                    meant.insert(draft.target.clone(), self.meant(part, &draft.plan));
                }
                targets.push(draft.plan);
            }
            members.push(Member::new(draft.target, plan));
        }
        let plan = Arc::new(Plan {
            environment: self.name.clone(),
            parent,
            snapshot: goal.snapshot,
            targets,
        });
        let settings = &self.memory.settings;
        self.run = Some(Run::new(
            id,
            snapshot,
            members,
            settings,
            self.memory.kept || part,
            std::mem::take(&mut self.requests),
            desk.now,
        ));
        self.history.push_front(deployment.clone());
        self.history.truncate(crate::limit::HISTORY);
        self.outbox.write(Write::Begin {
            deployment: Box::new(deployment),
            plan,
            meant,
            contents,
        });
    }

    /// What a plan means to apply where nothing was applied before.
    fn meant(&self, part: &TargetSnapshot, plan: &TargetPlan) -> BTreeMap<ResourceId, Applied> {
        let applied = self.applied.get(&part.target.name);
        let new = |id: &ResourceId| applied.is_none_or(|applied| !applied.contains_key(id));
        let planned = plan.groups.iter().filter(|group| !group.prune);
        let resources = planned.filter_map(|g| part.resources.iter().find(|r| r.id == g.resource));
        resources
            .filter(|resource| new(&resource.id))
            .map(|resource| {
                let fields = None;
                let resource = resource.clone();
                (resource.id.clone(), Applied { resource, fields })
            })
            .collect()
    }
}
