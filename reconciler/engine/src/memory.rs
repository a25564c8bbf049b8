//! What an environment must find again after a restart.

use crate::{
    gate::Looser,
    status::{Hold, Version},
};
use evenkeel_model::{Settings, SnapshotId, TargetName, Timestamp, Trigger};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kept as JSON by the store. Fields are only ever added, each with a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Memory {
    /// The settings in force.
    pub(crate) settings: Settings,
    /// The settings of the last accepted commit, where they are looser than those in force.
    pub(crate) looser: Option<Looser>,
    /// What Git says, as far as it was accepted.
    pub(crate) head: Option<Version>,
    /// What automation keeps true.
    pub(crate) goal: Option<Version>,
    /// The goal is a kept snapshot, chosen by a rollback; not what Git says.
    pub(crate) kept: bool,
    pub(crate) hold: Option<Hold>,
    /// Someone said yes to this snapshot.
    pub(crate) approved: Option<SnapshotId>,
    /// Someone said yes to a large prune by this snapshot.
    pub(crate) prune_yes: Option<SnapshotId>,
    /// Someone wants the goal deployed, hold or not.
    pub(crate) order: Option<Order>,
    /// By target, the snapshot with which a second look last found nothing to do.
    pub(crate) converged: BTreeMap<TargetName, SnapshotId>,
}

/// A wish for a deployment that stands until it succeeded, or is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) snapshot: SnapshotId,
    pub(crate) trigger: Trigger,
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
    /// Only looks made since then count.
    pub(crate) since: Timestamp,
}

impl Memory {
    /// Reads what the store kept; what cannot be read is forgotten, and found out anew.
    pub(crate) fn read(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
    pub(crate) fn write(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
    /// Whether the goal is what Git says.
    pub(crate) fn at_head(&self) -> bool {
        self.head.as_ref().map(|head| head.snapshot) == self.goal.as_ref().map(|goal| goal.snapshot)
    }
    /// The order for the goal, if there is one.
    pub(crate) fn order_for_goal(&self) -> Option<&Order> {
        let goal = self.goal.as_ref()?;
        self.order
            .as_ref()
            .filter(|order| order.snapshot == goal.snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_writing_and_what_it_does_not_know() {
        let hold = Hold {
            actor: "ada".into(),
            reason: "freeze".into(),
            since: Timestamp(7),
            until_not: None,
        };
        let memory = Memory {
            hold: Some(hold),
            ..Memory::default()
        };
        let mut value = memory.write();
        value["later"] = serde_json::json!({"a": 1});
        assert_eq!(Memory::read(&value), memory);
        assert_eq!(Memory::read(&serde_json::json!(["?"])), Memory::default());
    }
}
