//! The exact steps for one target, each resource planned against what earlier steps will have made.

use crate::{
    debts::Debts,
    diff::{seen, seen_extra},
    gone::{Fate, fates, forgotten, outset},
    graph::Graph,
};
use evenkeel_model::{
    Action, Applied, Catalog, Digest, FieldChange, Observation, Predicted, Resource, ResourceDiff,
    ResourceId, StepGroup, SyncStatus, TargetPlan, TargetSnapshot,
    kind::{Change, Steps},
    probe::DebtVerb,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a plan takes up. What is owed is always paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether what left Git is removed.
    pub prune: bool,
    /// Which resources.
    pub only: Which,
}

/// Which resources a plan takes up, by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// All that are off.
    #[default]
    All,
    /// Those that Drifted: self-healing while Git's changes wait. Prunes nothing.
    Drifted,
    /// Those that are Pending or Missing, and prunes: Git's changes without self-healing.
    Pending,
}

impl Which {
    fn takes(self, status: SyncStatus) -> bool {
        match self {
            Self::All => true,
            Self::Drifted => status == SyncStatus::Drifted,
            Self::Pending => status != SyncStatus::Drifted,
        }
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Each of these was declared to come after the next, and the last after the first.
    #[error("these wait for each other: {}", ring(.0))]
    Cycle(Vec<ResourceId>),
}

impl PlanError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cycle(_) => "plan-cycle",
        }
    }
}

fn ring(ids: &[ResourceId]) -> String {
    let names: Vec<String> = ids.iter().chain(ids.first()).map(ToString::to_string).collect();
    names.join(" after ")
}

/// The steps that take a target from what was observed to its snapshot, and the bytes made on the way (by the
/// digests that actions name them by). Groups are in an order that respects every `needs`; prunes come last.
///
/// A resource that cannot be seen gets no group, and neither does any that comes after it: nothing is done on a
/// guess. [`crate::diff()`] says why.
///
/// # Errors
/// When declared order goes in a circle.
pub fn plan(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
    observation: &Observation,
    options: Options,
) -> Result<(TargetPlan, BTreeMap<Digest, Vec<u8>>), PlanError> {
    let resources: BTreeMap<&ResourceId, &Resource> = target.resources.iter().map(|r| (&r.id, r)).collect();
    let mut draft = Draft {
        catalog,
        applied,
        observation,
        options,
        predicted: outset(catalog, target, applied),
        debts: Debts::of(catalog, target, observation),
        groups: Vec::new(),
        standing: BTreeMap::new(),
        contents: BTreeMap::new(),
    };
    draft.keep(&resources.values().copied().collect::<Vec<_>>())?;
    if options.prune && options.only != Which::Drifted {
        draft.prune(target);
    }
    draft.settle_strangers(target);
    let prunes = draft.groups.iter().filter(|group| group.prune).count();
    let plan = TargetPlan {
        target: target.target.name.clone(),
        observed_at: observation.at,
        prunes: count(prunes),
        applied: count(applied.len()),
        contents: contents(&draft.groups),
        groups: draft.groups,
    };
    Ok((plan, draft.contents))
}

/// A plan in the making.
struct Draft<'a> {
    catalog: &'a dyn Catalog,
    applied: &'a BTreeMap<ResourceId, Applied>,
    observation: &'a Observation,
    options: Options,
    predicted: Predicted,
    debts: Debts,
    groups: Vec<StepGroup>,
    standing: BTreeMap<ResourceId, Standing>,
    contents: BTreeMap<Digest, Vec<u8>>,
}

/// What whoever comes after a resource must wait for.
#[derive(Clone, Default)]
struct Standing {
    /// It, or something that it comes after, cannot be seen.
    blocked: bool,
    /// These groups: its own, or those that it would have waited for itself.
    needs: BTreeSet<u32>,
}

impl Draft<'_> {
    /// The resources that Git wants, sorted by id.
    fn keep(&mut self, resources: &[&Resource]) -> Result<(), PlanError> {
        let graph = Graph::strict(self.catalog, resources).map_err(PlanError::Cycle)?;
        for node in &graph.order {
            let before = graph.before[*node].iter().map(|first| &resources[*first].id);
            let mut standing = self.behind(before);
            let resource = resources[*node];
            if !standing.blocked {
                match self.resource(resource, &standing.needs) {
                    Ok(Some(group)) => standing.needs = BTreeSet::from([self.push(group)]),
                    Ok(None) => {}
                    Err(Unseen) => standing.blocked = true,
                }
            }
            self.standing.insert(resource.id.clone(), standing);
        }
        Ok(())
    }

    /// What comes of coming after these.
    fn behind<'b>(&self, before: impl Iterator<Item = &'b ResourceId>) -> Standing {
        let mut all = Standing::default();
        for standing in before.filter_map(|id| self.standing.get(id)) {
            all.blocked |= standing.blocked;
            all.needs.extend(&standing.needs);
        }
        all
    }

    fn resource(&mut self, resource: &Resource, needs: &BTreeSet<u32>) -> Result<Option<StepGroup>, Unseen> {
        let kind = self.catalog.kind(&resource.id.kind).ok_or(Unseen)?;
        let applied = self.applied.get(&resource.id);
        let (mut diff, live) = seen(kind, resource, applied, self.observation, &self.predicted);
        if diff.status == SyncStatus::Unknown {
            return Err(Unseen);
        }
        if !self.options.only.takes(diff.status) {
            // Not taken up now: only what is owed to it, if it is there at all.
            if live.is_none() {
                return Ok(None);
            }
            diff = ResourceDiff {
                status: SyncStatus::InSync,
                changes: Vec::new(),
                ..diff
            };
        }
        let owes = self.debts.owes(&resource.id);
        if diff.changes.is_empty() && !owes {
            return Ok(None);
        }
        let owed = self.debts.due(kind, &resource.id);
        let steps = if diff.changes.is_empty() && owed.is_none() {
            Steps::default()
        } else {
            kind.steps(
                resource,
                &Change {
                    diff: &diff,
                    live: live.as_ref(),
                    applied: applied.map(|applied| &applied.resource),
                    owed,
                    observation: self.observation,
                    predicted: &self.predicted,
                },
            )
        };
        let to = || resource.id.clone();
        let itself = own_debt(&steps, &resource.id);
        let mut actions = self.take(steps);
        if !diff.changes.is_empty() && !actions.is_empty() {
            let others = self.debts.change(&resource.id).into_iter();
            let owe = others.map(|(to, verb)| Action::Owe { to, verb });
            actions = owe.chain(actions).collect();
        }
        if let Some(verb) = itself {
            actions.insert(0, Action::Owe { to: to(), verb });
        }
        if owes || itself.is_some() {
            actions.push(Action::Settle { to: to() });
        }
        Ok(group(
            resource.id.clone(),
            diff.status,
            diff.changes,
            actions,
            needs,
        ))
    }

    /// What was applied and left Git, in the reverse of the order in which it was applied. What it stood under, be
    /// that removed too or changed in this plan, must be done first.
    fn prune(&mut self, target: &TargetSnapshot) {
        let fates = fates(self.catalog, target, self.applied);
        let prune: BTreeSet<&ResourceId> = fates
            .iter()
            .filter(|(_, _, fate)| *fate == Fate::Prune)
            .map(|(id, _, _)| *id)
            .collect();
        let past: Vec<&Resource> = self.applied.values().map(|applied| &applied.resource).collect();
        let graph = Graph::lenient(self.catalog, &past);
        let after = graph.after();
        for node in graph.order.iter().rev() {
            let Some(applied) = self.applied.get(&past[*node].id) else {
                continue;
            };
            let id = &applied.resource.id;
            if !prune.contains(id) {
                continue;
            }
            let mut standing = self.behind(after[*node].iter().map(|later| &past[*later].id));
            if !standing.blocked {
                match self.extra(applied, &standing.needs) {
                    Ok(Some(group)) => standing.needs = BTreeSet::from([self.push(group)]),
                    Ok(None) => {}
                    Err(Unseen) => standing.blocked = true,
                }
            }
            self.standing.insert(id.clone(), standing);
        }
    }

    fn extra(&mut self, applied: &Applied, needs: &BTreeSet<u32>) -> Result<Option<StepGroup>, Unseen> {
        let id = &applied.resource.id;
        let kind = self.catalog.kind(&id.kind).ok_or(Unseen)?;
        let (diff, live) = seen_extra(kind, applied, self.observation, &self.predicted);
        if diff.status == SyncStatus::Unknown {
            return Err(Unseen);
        }
        let Some(live) = live else { return Ok(None) };
        let mut actions = self.take(kind.prune(&applied.resource, &live));
        if self.debts.owes(id) {
            actions.push(Action::Settle { to: id.clone() });
        }
        let group = group(id.clone(), diff.status, diff.changes, actions, needs);
        Ok(group.map(|group| StepGroup { prune: true, ..group }))
    }

    /// Crosses out what is owed to resources that nobody wants any more. What was applied and is still there keeps
    /// its debt until it is pruned: it may come back to Git, and runs on what it read too early.
    fn settle_strangers(&mut self, target: &TargetSnapshot) {
        let mut known: BTreeSet<&ResourceId> = self.applied.keys().collect();
        let forgotten = forgotten(self.catalog, target, self.applied, self.observation);
        known.retain(|id| !forgotten.contains(id));
        known.extend(target.resources.iter().map(|resource| &resource.id));
        let planned: BTreeSet<&ResourceId> = self.groups.iter().map(|group| &group.resource).collect();
        let strangers = self
            .debts
            .creditors()
            .filter(|id| !known.contains(id) && !planned.contains(id));
        let settle = |to: &ResourceId| {
            let actions = vec![Action::Settle { to: to.clone() }];
            group(
                to.clone(),
                SyncStatus::InSync,
                Vec::new(),
                actions,
                &BTreeSet::new(),
            )
        };
        let groups: Vec<StepGroup> = strangers.filter_map(settle).collect();
        self.groups.extend(groups);
    }

    /// A kind's steps, less what they write down and cross out of debts: that is done here, in the right place.
    fn take(&mut self, steps: Steps) -> Vec<Action> {
        for bytes in steps.contents {
            self.contents.insert(Digest::of(&bytes), bytes);
        }
        let ours = |action: &Action| matches!(action, Action::Owe { .. } | Action::Settle { .. });
        steps.actions.into_iter().filter(|action| !ours(action)).collect()
    }

    fn push(&mut self, group: StepGroup) -> u32 {
        for action in &group.actions {
            self.predicted.absorb(action);
        }
        self.groups.push(group);
        count(self.groups.len() - 1)
    }
}

/// It cannot be seen.
struct Unseen;

/// What a resource owes itself by its own steps: a unit that gets a new text must restart, also if what comes between
/// the two fails.
fn own_debt(steps: &Steps, id: &ResourceId) -> Option<DebtVerb> {
    let owed = steps.actions.iter().filter_map(|action| match action {
        Action::Owe { to, verb } if to == id => Some(*verb),
        _ => None,
    });
    owed.max()
}

/// A group, if there is anything in it.
fn group(
    resource: ResourceId,
    status: SyncStatus,
    changes: Vec<FieldChange>,
    actions: Vec<Action>,
    needs: &BTreeSet<u32>,
) -> Option<StepGroup> {
    let needs = needs.iter().copied().collect();
    (!actions.is_empty()).then_some(StepGroup {
        resource,
        status,
        prune: false,
        changes,
        actions,
        needs,
    })
}

/// The bytes that actions name, sorted, each once.
fn contents(groups: &[StepGroup]) -> Vec<Digest> {
    let named = groups
        .iter()
        .flat_map(|group| &group.actions)
        .filter_map(|action| match action {
            Action::PutFile { content: digest, .. } | Action::Unpack { archive: digest, .. } => Some(*digest),
            _ => None,
        });
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
