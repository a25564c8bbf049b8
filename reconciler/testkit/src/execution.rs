//! A target's part of a plan, carried out on a simulated server in the way every transport must.

use crate::SimServer;
use evenkeel_model::{Outcome, StepGroup, StepResult};
use std::collections::BTreeSet;

impl SimServer {
    /// Carries out groups in order: the first failure ends its group, and a group whose needs did not succeed is
    /// skipped with the reason. After `limit` actions that were tried, nothing more is done, and the rest is told as
    /// [`Outcome::Unknown`]. One result for every action, in order.
    pub fn execute(&mut self, groups: &[StepGroup], limit: u32) -> Vec<StepResult> {
        let mut left = limit;
        let mut results = Vec::new();
        let mut bad = BTreeSet::new();
        for (place, group) in (0u32..).zip(groups) {
            let lacking = group.needs.iter().find(|need| bad.contains(*need));
            let mut skip = lacking
                .and_then(|need| groups.get(usize::try_from(*need).ok()?))
                .map(|need| format!("{} did not succeed", need.resource));
            for (action, act) in (0u32..).zip(&group.actions) {
                let outcome = match (&skip, left) {
                    (_, 0) => Outcome::Unknown("the connection was lost".into()),
                    (Some(why), _) => Outcome::Skipped(why.clone()),
                    (None, _) => {
                        left -= 1;
                        self.carry(act)
                    }
                };
                if let Outcome::Failed(_) = outcome {
                    skip = Some("an earlier step failed".into());
                }
                if outcome != Outcome::Done {
                    bad.insert(place);
                }
                results.push(StepResult {
                    group: place,
                    action,
                    outcome,
                    output: String::new(),
                    at: self.now,
                });
            }
            if lacking.is_some() {
                bad.insert(place);
            }
        }
        results
    }
}
