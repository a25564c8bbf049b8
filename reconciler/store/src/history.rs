//! Deployments as they go, and what is applied since.

use crate::{
    Sqlite,
    fault::database,
    row::{self, column, deployment_columns, json, parsed, value},
};
use evenkeel_engine::port::store::{Record, StoreError};
use evenkeel_model::{
    Applied, Deployment, DeploymentId, DeploymentOutcome, EnvironmentName, Health, Plan, ResourceId,
    StepResult, TargetName, Timestamp,
};
use sqlx::{Row, Sqlite as Db, Transaction};
use std::collections::BTreeMap;

/// More deployments than this are never told at once.
const PAGE: u32 = 1000;

type AppliedTo = BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>;

impl Sqlite {
    /// A transaction that has the write lock from the start: what it reads stays so until it commits.
    async fn write(&self) -> Result<Transaction<'static, Db>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(database)
    }

    pub(crate) async fn begin_deployment(
        &self,
        deployment: &Deployment,
        plan: &Plan,
        meant: &AppliedTo,
    ) -> Result<(), StoreError> {
        let id = &deployment.id;
        let environment = id.environment.as_str();
        let mut tx = self.write().await?;
        let last =
            sqlx::query("SELECT COALESCE(MAX(number), 0) AS number FROM deployments WHERE environment = $1")
                .bind(environment)
                .fetch_one(&mut *tx)
                .await
                .map_err(database)?;
        let last: u64 = row::number(&last, "number")?;
        if id.number <= last {
            return Err(StoreError::Conflict(id.to_string()));
        }
        if id.number - 1 != last {
            return Err(StoreError::Conflict(format!(
                "a history of {environment} that ends at {last}, which {id} cannot follow,"
            )));
        }
        sqlx::query(
            "INSERT INTO deployments (environment, number, snapshot, revision_json, trigger_json, actor, reason,
                started, finished, outcome_json, plan_json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(environment)
        .bind(column(id.number)?)
        .bind(deployment.snapshot.to_string())
        .bind(json(&deployment.revision)?)
        .bind(json(&deployment.trigger)?)
        .bind(&deployment.actor)
        .bind(&deployment.reason)
        .bind(deployment.started.0)
        .bind(deployment.finished.map(|at| at.0))
        .bind(json(&deployment.outcome)?)
        .bind(json(plan)?)
        .execute(&mut *tx)
        .await
        .map_err(database)?;
        for (target, resources) in meant {
            for (resource, applied) in resources {
                sqlx::query(
                    "INSERT INTO applied (environment, target, resource, body_json) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (environment, target, resource) DO NOTHING",
                )
                .bind(environment)
                .bind(target.as_str())
                .bind(resource.to_string())
                .bind(json(&Applied {
                    fields: None,
                    ..applied.clone()
                })?)
                .execute(&mut *tx)
                .await
                .map_err(database)?;
            }
        }
        tx.commit().await.map_err(database)
    }

    pub(crate) async fn record_steps(
        &self,
        id: &DeploymentId,
        target: &TargetName,
        results: &[StepResult],
        applied: &BTreeMap<ResourceId, Option<Applied>>,
    ) -> Result<(), StoreError> {
        let environment = id.environment.as_str();
        let mut tx = self.write().await?;
        standing(&mut tx, id).await?;
        for result in results {
            sqlx::query(
                "INSERT INTO steps (environment, number, target, place, action, outcome_json, output, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (environment, number, target, place, action) DO UPDATE
                 SET outcome_json = excluded.outcome_json, output = excluded.output, at = excluded.at",
            )
            .bind(environment)
            .bind(column(id.number)?)
            .bind(target.as_str())
            .bind(i64::from(result.group))
            .bind(i64::from(result.action))
            .bind(json(&result.outcome)?)
            .bind(&result.output)
            .bind(result.at.0)
            .execute(&mut *tx)
            .await
            .map_err(database)?;
        }
        for (resource, applied) in applied {
            let query = match applied {
                Some(applied) => sqlx::query(
                    "INSERT INTO applied (environment, target, resource, body_json) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (environment, target, resource) DO UPDATE SET body_json = excluded.body_json",
                )
                .bind(environment)
                .bind(target.as_str())
                .bind(resource.to_string())
                .bind(json(applied)?),
                None => sqlx::query("DELETE FROM applied WHERE environment = $1 AND target = $2 AND resource = $3")
                    .bind(environment)
                    .bind(target.as_str())
                    .bind(resource.to_string()),
            };
            query.execute(&mut *tx).await.map_err(database)?;
        }
        tx.commit().await.map_err(database)
    }

    pub(crate) async fn conclude_deployment(
        &self,
        id: &DeploymentId,
        outcome: &DeploymentOutcome,
        health: Option<Health>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let before = standing(&mut tx, id).await?;
        let goes_back = matches!(
            (&before, outcome),
            (
                DeploymentOutcome::Failed { .. },
                DeploymentOutcome::RolledBack { .. }
            )
        );
        if before.is_final() && !goes_back {
            return Err(StoreError::Conflict(format!("the end of {id}")));
        }
        // What failed and was rolled back later ended when it failed.
        sqlx::query(
            "UPDATE deployments SET outcome_json = $3, health_json = COALESCE($4, health_json),
                finished = COALESCE(finished, $5) WHERE environment = $1 AND number = $2",
        )
        .bind(id.environment.as_str())
        .bind(column(id.number)?)
        .bind(json(outcome)?)
        .bind(health.as_ref().map(json).transpose()?)
        .bind(outcome.is_final().then_some(at.0))
        .execute(&mut *tx)
        .await
        .map_err(database)?;
        tx.commit().await.map_err(database)
    }

    pub(crate) async fn all_applied(&self, environment: &EnvironmentName) -> Result<AppliedTo, StoreError> {
        let rows = sqlx::query("SELECT target, resource, body_json FROM applied WHERE environment = $1")
            .bind(environment.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(database)?;
        let mut all = AppliedTo::new();
        for row in &rows {
            let of = all.entry(parsed(row, "target")?).or_default();
            of.insert(parsed(row, "resource")?, value(row, "body_json")?);
        }
        Ok(all)
    }

    pub(crate) async fn page(
        &self,
        environment: Option<&EnvironmentName>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Deployment>, StoreError> {
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let query = match environment {
            Some(environment) => sqlx::query(concat!(
                "SELECT ",
                deployment_columns!(),
                " FROM deployments WHERE environment = $3 AND number < $1 ORDER BY number DESC LIMIT $2"
            ))
            .bind(before)
            .bind(limit.min(PAGE))
            .bind(environment.as_str()),
            None => sqlx::query(concat!(
                "SELECT ",
                deployment_columns!(),
                " FROM deployments WHERE number < $1 ORDER BY started DESC, environment, number DESC LIMIT $2"
            ))
            .bind(before)
            .bind(limit.min(PAGE)),
        };
        let rows = query.fetch_all(&self.readers).await.map_err(database)?;
        rows.iter().map(row::deployment).collect()
    }

    pub(crate) async fn find_deployment(&self, id: &DeploymentId) -> Result<Option<Record>, StoreError> {
        // One transaction: the steps are those of the deployment as it stands.
        let mut tx = self.readers.begin().await.map_err(database)?;
        let found = sqlx::query(concat!(
            "SELECT ",
            deployment_columns!(),
            ", health_json, plan_json FROM deployments WHERE environment = $1 AND number = $2"
        ))
        .bind(id.environment.as_str())
        .bind(column(id.number)?)
        .fetch_optional(&mut *tx)
        .await
        .map_err(database)?;
        let Some(found) = found else { return Ok(None) };
        let rows = sqlx::query(
            "SELECT target, place, action, outcome_json, output, at FROM steps
             WHERE environment = $1 AND number = $2 ORDER BY target, place, action",
        )
        .bind(id.environment.as_str())
        .bind(column(id.number)?)
        .fetch_all(&mut *tx)
        .await
        .map_err(database)?;
        let mut steps: BTreeMap<TargetName, Vec<StepResult>> = BTreeMap::new();
        for row in &rows {
            let (target, step) = row::step(row)?;
            steps.entry(target).or_default().push(step);
        }
        let health: Option<&str> = found.try_get("health_json").map_err(database)?;
        let health = health.map(|_| value(&found, "health_json")).transpose()?;
        Ok(Some(Record {
            deployment: row::deployment(&found)?,
            plan: value(&found, "plan_json")?,
            steps,
            health,
        }))
    }

    pub(crate) async fn all_unfinished(&self) -> Result<Vec<Deployment>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            deployment_columns!(),
            " FROM deployments WHERE finished IS NULL ORDER BY environment, number"
        ))
        .fetch_all(&self.readers)
        .await
        .map_err(database)?;
        rows.iter().map(row::deployment).collect()
    }
}

/// How a deployment stands, under the write lock.
async fn standing(
    tx: &mut Transaction<'static, Db>,
    id: &DeploymentId,
) -> Result<DeploymentOutcome, StoreError> {
    let row = sqlx::query("SELECT outcome_json FROM deployments WHERE environment = $1 AND number = $2")
        .bind(id.environment.as_str())
        .bind(column(id.number)?)
        .fetch_optional(&mut **tx)
        .await
        .map_err(database)?;
    match row {
        Some(row) => value(&row, "outcome_json"),
        None => Err(StoreError::Broken(format!("{id} was never begun"))),
    }
}
