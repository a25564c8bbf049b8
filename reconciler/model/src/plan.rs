//! A plan: the ordered steps that take observations to a snapshot. Once made, it leaves no choice for later.

use crate::{
    Action, DeploymentId, Digest, EnvironmentName, FieldChange, ResourceId, SnapshotId, SyncStatus,
    TargetName, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What will be done, as it will be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Whose.
    pub environment: EnvironmentName,
    /// The deployment that it was made on top of: compare-and-set against the current one.
    pub parent: Option<DeploymentId>,
    /// Where it leads.
    pub snapshot: SnapshotId,
    /// Target by target, in the snapshot's order; only targets with something to do.
    pub targets: Vec<TargetPlan>,
}

/// What will be done on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetPlan {
    /// Which.
    pub target: TargetName,
    /// When it was looked at.
    pub observed_at: Timestamp,
    /// In an order that respects every `needs`.
    pub groups: Vec<StepGroup>,
    /// How many applied resources it prunes, and of how many.
    pub prunes: u32,
    /// See `prunes`.
    pub applied: u32,
    /// Bytes that its actions name.
    pub contents: Vec<Digest>,
}

/// What will be done for one resource: its actions in order; the first failure ends the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepGroup {
    /// For which.
    pub resource: ResourceId,
    /// How it stood.
    pub status: SyncStatus,
    /// Whether this takes it away.
    pub prune: bool,
    /// What is off, field by field; secrets redacted.
    pub changes: Vec<FieldChange>,
    /// What will be done.
    pub actions: Vec<Action>,
    /// Places of earlier groups that must have succeeded; else this one is skipped.
    pub needs: Vec<u32>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.iter().all(|target| target.groups.is_empty())
    }
    /// Its name: the digest of its canonical JSON.
    ///
    /// # Errors
    /// Never for a plan that planning made; the type cannot say so.
    pub fn id(&self) -> Result<Digest, serde_json::Error> {
        Digest::of_json(self)
    }
}

impl TargetPlan {
    /// The share of applied resources that it prunes, rounded up; 0 to 100.
    #[must_use]
    pub fn prune_percent(&self) -> u8 {
        let share = (u64::from(self.prunes) * 100).div_ceil(u64::from(self.applied.max(1)));
        u8::try_from(share.min(100)).unwrap_or(100)
    }
}
