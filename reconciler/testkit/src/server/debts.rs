//! Restarts and reloads that a simulated server owes.

use super::SimServer;
use evenkeel_model::{
    ResourceId,
    probe::{Debt, DebtVerb},
};

impl SimServer {
    pub(super) fn owe(&mut self, to: &ResourceId, verb: DebtVerb) {
        // A restart does what a reload would.
        self.debts.retain(|debt| debt.to != *to || debt.verb > verb);
        if !self.debts.iter().any(|debt| debt.to == *to) {
            self.debts.insert(Debt { to: to.clone(), verb });
        }
    }

    /// What is owed to whom, as pairs.
    #[must_use]
    pub fn owed(&self) -> Vec<(String, DebtVerb)> {
        self.debts
            .iter()
            .map(|debt| (debt.to.to_string(), debt.verb))
            .collect()
    }
}
