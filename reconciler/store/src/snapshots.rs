//! Snapshots, what the engine remembers, and epochs.

use crate::{
    Sqlite,
    fault::{cut_off, damaged, database},
    row::{json, number, parsed, value},
};
use evenkeel_engine::port::store::StoreError;
use evenkeel_model::{Digest, EnvironmentName, Revision, Snapshot, SnapshotId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

impl Sqlite {
    pub(crate) async fn keep_bytes(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let (folder, bytes) = (self.folder.clone(), bytes.to_vec());
        let kept = tokio::task::spawn_blocking(move || folder.put(&bytes))
            .await
            .map_err(cut_off)?;
        kept.map_err(|error| StoreError::Broken(format!("contents cannot be kept: {error}")))
    }

    pub(crate) async fn keep_snapshot(
        &self,
        snapshot: &Snapshot,
        revision: &Revision,
        at: Timestamp,
    ) -> Result<SnapshotId, StoreError> {
        let body = json(snapshot)?;
        let id = Digest::of(body.as_bytes());
        let resources = snapshot.targets.iter().flat_map(|target| &target.resources);
        let named: BTreeSet<Digest> = resources
            .flat_map(|r| &r.contents)
            .map(|content| content.digest)
            .collect();
        let folder = self.folder.clone();
        let lacking = move || -> std::io::Result<Option<Digest>> {
            for digest in named {
                if folder.has(&digest)?.is_none() {
                    return Ok(Some(digest));
                }
            }
            Ok(None)
        };
        let lacking = tokio::task::spawn_blocking(lacking).await.map_err(cut_off)?;
        match lacking {
            Ok(None) => {}
            Ok(Some(digest)) => {
                let why = format!(
                    "the snapshot {} needs the content {digest}, which is not kept",
                    id.short()
                );
                return Err(StoreError::Broken(why));
            }
            Err(error) => return Err(StoreError::Broken(format!("contents cannot be read: {error}"))),
        }
        sqlx::query(
            "INSERT INTO snapshots (id, environment, body_json, revision_json, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(snapshot.environment.as_str())
        .bind(body)
        .bind(json(revision)?)
        .bind(at.0)
        .execute(&self.writer)
        .await
        .map_err(database)?;
        Ok(id)
    }

    pub(crate) async fn find_snapshot(
        &self,
        id: &SnapshotId,
    ) -> Result<Option<(Snapshot, Revision)>, StoreError> {
        let row = sqlx::query("SELECT body_json, revision_json FROM snapshots WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .map_err(database)?;
        let Some(row) = row else { return Ok(None) };
        let snapshot: Snapshot = value(&row, "body_json")?;
        // It is what gets deployed: better none than another one.
        if snapshot.id().ok() != Some(*id) {
            return Err(damaged(
                format!("the snapshot {}", id.short()),
                "its digest is another",
            ));
        }
        Ok(Some((snapshot, value(&row, "revision_json")?)))
    }

    pub(crate) async fn keep_memory(
        &self,
        environment: &EnvironmentName,
        memory: &serde_json::Value,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO memories (environment, body_json) VALUES ($1, $2)
             ON CONFLICT (environment) DO UPDATE SET body_json = excluded.body_json",
        )
        .bind(environment.as_str())
        .bind(json(memory)?)
        .execute(&self.writer)
        .await
        .map_err(database)?;
        Ok(())
    }

    pub(crate) async fn all_memories(
        &self,
    ) -> Result<BTreeMap<EnvironmentName, serde_json::Value>, StoreError> {
        let rows = sqlx::query("SELECT environment, body_json FROM memories")
            .fetch_all(&self.readers)
            .await
            .map_err(database)?;
        rows.iter()
            .map(|row| Ok((parsed(row, "environment")?, value(row, "body_json")?)))
            .collect()
    }

    pub(crate) async fn count_epoch(&self) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "INSERT INTO counters (name, value) VALUES ('epoch', 1)
             ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        )
        .fetch_one(&self.writer)
        .await
        .map_err(database)?;
        number(&row, "value")
    }
}
