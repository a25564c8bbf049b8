//! Who is to be restarted or reloaded: what is owed already, and what a change will owe.

use evenkeel_model::{Catalog, Kind, Observation, ResourceId, TargetSnapshot, probe::DebtVerb};
use std::collections::BTreeMap;

/// What is owed on a target while a plan is made.
#[derive(Debug, Default)]
pub(crate) struct Debts {
    owed: BTreeMap<ResourceId, DebtVerb>,
    watchers: BTreeMap<ResourceId, BTreeMap<ResourceId, DebtVerb>>,
}

impl Debts {
    /// What the target remembers, and who watches whom.
    pub(crate) fn of(catalog: &dyn Catalog, target: &TargetSnapshot, observation: &Observation) -> Self {
        let mut debts = Self::default();
        for debt in observation.debts() {
            raise(&mut debts.owed, &debt.to, debt.verb);
        }
        for resource in &target.resources {
            let Some(kind) = catalog.kind(&resource.id.kind) else {
                continue;
            };
            let restarts = resource.restart_on.iter().map(|id| (id, DebtVerb::Restart));
            let reloads = resource.reload_on.iter().map(|id| (id, DebtVerb::Reload));
            for (watched, verb) in restarts.chain(reloads) {
                if let Some(verb) = payable(kind, verb).filter(|_| *watched != resource.id) {
                    raise(
                        debts.watchers.entry(watched.clone()).or_default(),
                        &resource.id,
                        verb,
                    );
                }
            }
        }
        debts
    }

    /// A change of `watched` is planned: what it will owe to whom.
    pub(crate) fn change(&mut self, watched: &ResourceId) -> Vec<(ResourceId, DebtVerb)> {
        let Some(watchers) = self.watchers.get(watched) else {
            return Vec::new();
        };
        for (to, verb) in watchers {
            raise(&mut self.owed, to, *verb);
        }
        watchers.iter().map(|(to, verb)| (to.clone(), *verb)).collect()
    }

    /// Whether something is owed to it, be it payable or not.
    pub(crate) fn owes(&self, to: &ResourceId) -> bool {
        self.owed.contains_key(to)
    }

    /// What is owed to it and can be paid.
    pub(crate) fn due(&self, kind: &dyn Kind, to: &ResourceId) -> Option<DebtVerb> {
        self.owed.get(to).and_then(|verb| payable(kind, *verb))
    }

    /// Everyone to whom something is owed, sorted.
    pub(crate) fn creditors(&self) -> impl Iterator<Item = &ResourceId> {
        self.owed.keys()
    }
}

fn raise(owed: &mut BTreeMap<ResourceId, DebtVerb>, to: &ResourceId, verb: DebtVerb) {
    let most = owed.entry(to.clone()).or_insert(verb);
    *most = verb.max(*most);
}

/// What a kind can do about a debt: what cannot be reloaded is restarted; nothing, where it can do neither.
fn payable(kind: &dyn Kind, verb: DebtVerb) -> Option<DebtVerb> {
    [verb, DebtVerb::Restart]
        .into_iter()
        .find(|verb| kind.owes().contains(verb))
}
