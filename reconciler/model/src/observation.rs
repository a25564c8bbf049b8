//! What a target really looks like, at a time.

use crate::{Answer, Probe, Timestamp, probe::Debt};
use std::collections::BTreeMap;

/// The answers to one round trip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// When it was made, by the controller's clock.
    pub at: Timestamp,
    /// One answer to each probe that was sent.
    pub answers: BTreeMap<Probe, Answer>,
}

impl Observation {
    /// The answer to a probe, if it was asked.
    #[must_use]
    pub fn answer(&self, probe: &Probe) -> Option<&Answer> {
        self.answers.get(probe)
    }
    /// What is owed on the target; empty if it was not asked.
    #[must_use]
    pub fn debts(&self) -> &[Debt] {
        match self.answers.get(&Probe::Debts) {
            Some(Answer::Debts(debts)) => debts,
            _ => &[],
        }
    }
}
