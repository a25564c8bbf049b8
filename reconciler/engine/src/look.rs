//! Looking at an environment's targets: all together at intervals, the lost ones apart and at their own pace.

use crate::{
    change::News,
    desk::{Awaited, Desk},
    effect::Effect,
    environment::{Environment, part_of},
    event::{CheckResult, Ticket},
    fault::Fault,
    limit,
};
use evenkeel_model::{Observation, Probe, TargetName, TargetSnapshot, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A look under way. It ends, and a decision is taken, when all have answered or the stragglers' time is over.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) waiting: BTreeSet<TargetName>,
    pub(crate) until: Timestamp,
}

impl Environment {
    pub(crate) fn look_turn(&mut self, desk: &mut Desk) {
        if self.run.is_some() {
            return;
        }
        if self.retry.at.is_some_and(|at| at <= desk.now) {
            self.retry.at = None;
            self.look_now.get_or_insert_default();
        }
        let known = self.goal.is_some() || self.head.is_some();
        if self.look.is_none() && known && (self.look_now.is_some() || self.next_look <= desk.now) {
            self.start_look(desk);
        }
        if self.look.is_some() {
            self.end_look(desk);
        }
        self.look_for_the_lost(desk);
    }

    fn start_look(&mut self, desk: &mut Desk) {
        let how = self.look_now.take().unwrap_or_default();
        let mut look = Look {
            waiting: BTreeSet::new(),
            until: desk.now + limit::straggler(),
        };
        let names = self.targets();
        let known: BTreeSet<&TargetName> = names.iter().collect();
        self.sights.retain(|name, _| known.contains(name));
        for name in &names {
            let sight = self.sights.entry(name.clone()).or_default();
            if how.all || sight.backoff.at.is_none() {
                self.observe(name, how.full, desk);
                look.waiting.insert(name.clone());
            }
        }
        self.look = Some(look);
        self.next_look = desk.about(self.memory.settings.sync.interval);
    }

    fn end_look(&mut self, desk: &mut Desk) {
        let over = |look: &mut Look| look.waiting.is_empty() || look.until <= desk.now;
        if self.look.take_if(over).is_some() {
            self.decide(desk);
            self.tell_status(desk);
        }
    }

    fn look_for_the_lost(&mut self, desk: &mut Desk) {
        let due = |sight: &crate::sight::Sight| {
            sight.looking.is_none() && sight.backoff.at.is_some_and(|at| at <= desk.now)
        };
        let lost: Vec<TargetName> = self
            .sights
            .iter()
            .filter(|(_, s)| due(s))
            .map(|(name, _)| name.clone())
            .collect();
        for name in lost {
            self.observe(&name, false, desk);
        }
    }

    /// Looks at one target. A look at it that is under way is given up.
    pub(crate) fn observe(&mut self, name: &TargetName, full: bool, desk: &mut Desk) {
        let Some(part) = self.part(name) else { return };
        let target = Arc::new(part.target.clone());
        let probes = self.probes(name, desk);
        let deadline = limit::observe_deadline();
        let within = evenkeel_model::Span::from_millis(deadline.as_millis() + limit::grace().as_millis());
        let ticket = desk.ticket(Awaited::Observe(self.name.clone(), name.clone()), within);
        let sight = self.sights.entry(name.clone()).or_default();
        sight.backoff.at = None;
        if let Some((old, _)) = sight.looking.replace((ticket, desk.now)) {
            desk.take(old);
        }
        desk.emit(Effect::Observe {
            ticket,
            environment: self.name.clone(),
            target,
            probes,
            full,
            deadline,
        });
    }

    /// What must be asked to compare a target with the goal and with what Git says.
    fn probes(&self, name: &TargetName, desk: &Desk) -> Arc<[Probe]> {
        let nothing = BTreeMap::new();
        let applied = self.applied.get(name).unwrap_or(&nothing);
        let of = |part: &TargetSnapshot| evenkeel_plan::probes(&*desk.catalog, part, applied);
        let other = self.head.as_ref().filter(|_| !self.memory.at_head());
        let parts = self
            .goal
            .iter()
            .chain(other)
            .filter_map(|snapshot| part_of(snapshot, name));
        let all: BTreeSet<Probe> = parts.flat_map(of).collect();
        all.into_iter().collect()
    }

    pub(crate) fn observed(
        &mut self,
        name: &TargetName,
        ticket: Ticket,
        result: Result<Arc<Observation>, Fault>,
        desk: &mut Desk,
    ) {
        let Some(sight) = self.sights.get_mut(name) else {
            return;
        };
        let Some((_, asked)) = sight.looking.take_if(|(awaited, _)| *awaited == ticket) else {
            return;
        };
        let result = result.and_then(|seen| {
            if seen.at >= asked {
                return Ok(seen);
            }
            let text = format!(
                "{name} answered with a look from {}, before it was asked",
                seen.at
            );
            Err(Fault::new("target-stale", text))
        });
        let good = match &result {
            Ok(seen) => {
                sight.observation = Some(seen.clone());
                sight.received = desk.now;
                sight.stale = false;
                sight.seen = Some(desk.now);
                sight.backoff.clear();
                if sight.fault.take().is_some() {
                    let (target, fault) = (name.clone(), None);
                    desk.publish(Some(&self.name), News::Target { target, fault });
                }
                self.compare(name, desk);
                true
            }
            Err(fault) => {
                self.lose(name, fault.clone(), desk);
                false
            }
        };
        if let Some(look) = &mut self.look {
            look.waiting.remove(name);
        }
        if self.run.is_some() {
            self.run_looked(name, result, desk);
        } else if good {
            self.pulse(name, desk);
            if self.look.is_none() {
                self.decide(desk);
                self.tell_status(desk);
            }
        }
    }

    /// A target cannot be seen or worked on; it is tried again at its own pace.
    pub(crate) fn lose(&mut self, name: &TargetName, fault: Fault, desk: &mut Desk) {
        let sight = self.sights.entry(name.clone()).or_default();
        sight.stale = true;
        sight
            .backoff
            .fail(desk.now, limit::target_retry(), limit::target_retry_at_most());
        sight.backoff.at = sight.backoff.at.map(|at| desk.about(at.since(desk.now)));
        if sight.fault.is_none() {
            let (target, fault) = (name.clone(), Some(fault.text.clone()));
            desk.publish(Some(&self.name), News::Target { target, fault });
        }
        sight.fault = Some(fault);
    }

    /// Compares what was seen of a target with what Git says (or with the goal, while Git says nothing).
    pub(crate) fn compare(&mut self, name: &TargetName, desk: &Desk) {
        let version = self.memory.head.as_ref().or(self.memory.goal.as_ref());
        let snapshot = self.head.as_ref().or(self.goal.as_ref());
        let (Some(version), Some(snapshot)) = (version, snapshot) else {
            return;
        };
        let nothing = BTreeMap::new();
        let applied = self.applied.get(name).unwrap_or(&nothing);
        let Some(sight) = self.sights.get_mut(name) else {
            return;
        };
        sight.diff = match (part_of(snapshot, name), &sight.observation) {
            (Some(part), Some(seen)) => {
                let diff = evenkeel_plan::diff(&*desk.catalog, part, applied, seen);
                Some((version.snapshot, diff))
            }
            _ => None,
        };
    }

    /// Tries the checks of a target once, outside of a deployment.
    fn pulse(&mut self, name: &TargetName, desk: &mut Desk) {
        let Some(part) = self.part(name) else { return };
        if part.checks.is_empty() {
            return;
        }
        let (target, checks) = (Arc::new(part.target.clone()), part.checks.clone());
        self.check(name, target, checks, desk);
    }

    pub(crate) fn check(
        &mut self,
        name: &TargetName,
        target: Arc<evenkeel_model::Target>,
        checks: Vec<evenkeel_model::Check>,
        desk: &mut Desk,
    ) {
        let longest = checks.iter().map(|check| check.timeout).max().unwrap_or_default();
        let within = evenkeel_model::Span::from_millis(
            longest
                .as_millis()
                .saturating_add(limit::observe_deadline().as_millis()),
        );
        let ticket = desk.ticket(Awaited::Check(self.name.clone(), name.clone()), within);
        let sight = self.sights.entry(name.clone()).or_default();
        if let Some(old) = sight.pulse.asking.replace(ticket) {
            desk.take(old);
        }
        desk.emit(Effect::Check {
            ticket,
            environment: self.name.clone(),
            target,
            checks,
        });
    }

    pub(crate) fn checked(
        &mut self,
        name: &TargetName,
        ticket: Ticket,
        results: Vec<CheckResult>,
        desk: &mut Desk,
    ) {
        let Some(part) = self.part(name) else { return };
        let known: Vec<_> = part
            .checks
            .iter()
            .map(|c| (c.app.clone(), c.name.clone()))
            .collect();
        let Some(sight) = self.sights.get_mut(name) else {
            return;
        };
        if sight.pulse.asking.take_if(|awaited| *awaited == ticket).is_none() {
            return;
        }
        // A check that gave no answer has not passed.
        let silent: Vec<_> = known
            .iter()
            .filter(|(app, check)| results.iter().all(|r| r.app != *app || r.name != *check))
            .collect();
        for (app, check) in silent {
            if sight.pulse.unproven(app, check) {
                sight.pulse.hear(app, check, Err("no answer".to_owned()));
            }
        }
        for result in results {
            if known
                .iter()
                .any(|(app, name)| *app == result.app && *name == result.name)
            {
                sight.pulse.hear(&result.app, &result.name, result.outcome);
            }
        }
        self.run_checked(name, desk);
        self.tell_status(desk);
    }
}
