//! Keeping what must outlive the process.

use super::BoxFuture;
use evenkeel_model::{
    Applied, Deployment, DeploymentId, DeploymentOutcome, Digest, EnvironmentName, Health, Plan, ResourceId,
    Revision, Snapshot, SnapshotId, StepResult, TargetName, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::Read, sync::Arc};

/// What each target got last, by resource.
pub type AppliedByTarget = BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>;

/// Bytes by their digest.
pub trait Contents: Send + Sync {
    /// Opens them: their size and a reader. `None`: not kept here.
    ///
    /// # Errors
    /// When the store cannot be read. Blocking: called where blocking is allowed.
    fn open(&self, digest: &Digest) -> std::io::Result<Option<(u64, Box<dyn Read + Send>)>>;
}

/// The record of all that was decided and done. A write that returned `Ok` survives power loss.
pub trait Store: Send + Sync {
    /// The contents that are kept.
    fn contents(&self) -> Arc<dyn Contents>;
    /// Keeps bytes; their digest.
    fn put_content<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Digest, StoreError>>;
    /// Keeps a snapshot. Its contents must be kept already.
    fn put_snapshot<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        revision: &'a Revision,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<SnapshotId, StoreError>>;
    /// A snapshot and the revision it was first rendered at.
    fn snapshot<'a>(
        &'a self,
        id: &'a SnapshotId,
    ) -> BoxFuture<'a, Result<Option<(Snapshot, Revision)>, StoreError>>;
    /// What the engine wants to find again after a restart, by environment: opaque to the store.
    fn put_memory<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        memory: &'a serde_json::Value,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// All of it.
    fn memories(&self) -> BoxFuture<'_, Result<BTreeMap<EnvironmentName, serde_json::Value>, StoreError>>;
    /// Counts up and returns the epoch of a controller that starts.
    fn next_epoch(&self) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Records a deployment before its first step, and in the same transaction that its plan's resources are
    /// meant to be applied (as [`Applied`] with no fields, where nothing was applied before).
    /// Fails with [`StoreError::Conflict`] when the number is taken: numbers are the compare-and-set.
    fn begin<'a>(
        &'a self,
        deployment: &'a Deployment,
        plan: &'a Plan,
        meant: &'a BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// Records the ends of steps on one target, and what of it is applied (`None`: no longer) since.
    fn record<'a>(
        &'a self,
        id: &'a DeploymentId,
        target: &'a TargetName,
        results: &'a [StepResult],
        applied: &'a BTreeMap<ResourceId, Option<Applied>>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// Records how a deployment stands now.
    fn conclude<'a>(
        &'a self,
        id: &'a DeploymentId,
        outcome: &'a DeploymentOutcome,
        health: Option<Health>,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// What each target of an environment got last.
    fn applied<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<AppliedByTarget, StoreError>>;
    /// An environment's deployments, newest first, at most `limit`, those before `before`.
    fn deployments<'a>(
        &'a self,
        environment: Option<&'a EnvironmentName>,
        before: Option<u64>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, StoreError>>;
    /// One deployment with its plan and its steps' ends so far.
    fn deployment<'a>(&'a self, id: &'a DeploymentId) -> BoxFuture<'a, Result<Option<Record>, StoreError>>;
    /// Those that have begun and not ended, in any environment.
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Deployment>, StoreError>>;
}

/// A deployment as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The deployment.
    pub deployment: Deployment,
    /// What was to be done.
    pub plan: Plan,
    /// What was heard of it.
    pub steps: BTreeMap<TargetName, Vec<StepResult>>,
    /// Health after it, once known.
    pub health: Option<Health>,
}

/// Why the store could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Someone else was first.
    #[error("{0} exists already")]
    Conflict(String),
    /// The disk is full or read-only, the database is locked, damaged or gone.
    #[error("the store does not work: {0}")]
    Broken(String),
}

impl StoreError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "store-conflict",
            Self::Broken(_) => "store-broken",
        }
    }
}
