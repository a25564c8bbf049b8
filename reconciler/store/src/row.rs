//! Values of the model in and out of rows.

use crate::fault::{damaged, database};
use evenkeel_engine::port::store::StoreError;
use evenkeel_model::{Deployment, DeploymentId, EnvironmentName, StepResult, TargetName, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, sqlite::SqliteRow};

/// A deployment's columns, as [`deployment`] reads them.
macro_rules! deployment_columns {
    () => {
        "environment, number, snapshot, revision_json, trigger_json, actor, reason, started, finished, outcome_json"
    };
}
pub(crate) use deployment_columns;

/// A value as JSON text.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|why| StoreError::Broken(format!("it does not fit JSON: {why}")))
}

/// A value from a column of JSON text.
pub(crate) fn value<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(database)?;
    serde_json::from_str(text).map_err(|why| damaged(column, why))
}

/// A value from a column of plain text.
pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    row: &SqliteRow,
    column: &str,
) -> Result<T, StoreError> {
    let text: &str = row.try_get(column).map_err(database)?;
    text.parse().map_err(|why| damaged(column, why))
}

/// A number from a column, of the type that it must fit.
pub(crate) fn number<T: TryFrom<i64, Error: std::fmt::Display>>(
    row: &SqliteRow,
    column: &str,
) -> Result<T, StoreError> {
    let number: i64 = row.try_get(column).map_err(database)?;
    T::try_from(number).map_err(|why| damaged(column, why))
}

/// A number as a column takes it.
pub(crate) fn column(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Broken(format!("{number} is too large a number")))
}

/// A row of `deployments`.
pub(crate) fn deployment(row: &SqliteRow) -> Result<Deployment, StoreError> {
    let finished: Option<i64> = row.try_get("finished").map_err(database)?;
    Ok(Deployment {
        id: DeploymentId {
            environment: parsed::<EnvironmentName>(row, "environment")?,
            number: number(row, "number")?,
        },
        snapshot: parsed(row, "snapshot")?,
        revision: value(row, "revision_json")?,
        trigger: value(row, "trigger_json")?,
        actor: row.try_get("actor").map_err(database)?,
        reason: row.try_get("reason").map_err(database)?,
        started: Timestamp(row.try_get("started").map_err(database)?),
        finished: finished.map(Timestamp),
        outcome: value(row, "outcome_json")?,
    })
}

/// A row of `steps`.
pub(crate) fn step(row: &SqliteRow) -> Result<(TargetName, StepResult), StoreError> {
    let result = StepResult {
        group: number(row, "place")?,
        action: number(row, "action")?,
        outcome: value(row, "outcome_json")?,
        output: row.try_get("output").map_err(database)?,
        at: Timestamp(row.try_get("at").map_err(database)?),
    };
    Ok((parsed(row, "target")?, result))
}
