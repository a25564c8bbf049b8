//! The engine's port, as SQLite carries it out.

use crate::Sqlite;
use evenkeel_engine::port::{
    BoxFuture,
    store::{Contents, Record, Store, StoreError},
};
use evenkeel_model::{
    Applied, Deployment, DeploymentId, DeploymentOutcome, Digest, EnvironmentName, Health, Plan, ResourceId,
    Revision, Snapshot, SnapshotId, StepResult, TargetName, Timestamp,
};
use std::{collections::BTreeMap, sync::Arc};

impl Store for Sqlite {
    fn contents(&self) -> Arc<dyn Contents> {
        Arc::new(self.folder.clone())
    }
    fn put_content<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Digest, StoreError>> {
        Box::pin(self.keep_bytes(bytes))
    }
    fn put_snapshot<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        revision: &'a Revision,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<SnapshotId, StoreError>> {
        Box::pin(self.keep_snapshot(snapshot, revision, at))
    }
    fn snapshot<'a>(
        &'a self,
        id: &'a SnapshotId,
    ) -> BoxFuture<'a, Result<Option<(Snapshot, Revision)>, StoreError>> {
        Box::pin(self.find_snapshot(id))
    }
    fn put_memory<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        memory: &'a serde_json::Value,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.keep_memory(environment, memory))
    }
    fn memories(&self) -> BoxFuture<'_, Result<BTreeMap<EnvironmentName, serde_json::Value>, StoreError>> {
        Box::pin(self.all_memories())
    }
    fn next_epoch(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.count_epoch())
    }
    fn begin<'a>(
        &'a self,
        deployment: &'a Deployment,
        plan: &'a Plan,
        meant: &'a BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.begin_deployment(deployment, plan, meant))
    }
    fn record<'a>(
        &'a self,
        id: &'a DeploymentId,
        target: &'a TargetName,
        results: &'a [StepResult],
        applied: &'a BTreeMap<ResourceId, Option<Applied>>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.record_steps(id, target, results, applied))
    }
    fn conclude<'a>(
        &'a self,
        id: &'a DeploymentId,
        outcome: &'a DeploymentOutcome,
        health: Option<Health>,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.conclude_deployment(id, outcome, health, at))
    }
    fn applied<'a>(
        &'a self,
        environment: &'a EnvironmentName,
    ) -> BoxFuture<'a, Result<BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>, StoreError>> {
        Box::pin(self.all_applied(environment))
    }
    fn deployments<'a>(
        &'a self,
        environment: Option<&'a EnvironmentName>,
        before: Option<u64>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Deployment>, StoreError>> {
        Box::pin(self.page(environment, before, limit))
    }
    fn deployment<'a>(&'a self, id: &'a DeploymentId) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(self.find_deployment(id))
    }
    fn unfinished(&self) -> BoxFuture<'_, Result<Vec<Deployment>, StoreError>> {
        Box::pin(self.all_unfinished())
    }
}
