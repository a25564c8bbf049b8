//! The database's shape, and how an older one becomes this one.

use crate::fault::database;
use evenkeel_engine::port::store::StoreError;
use sqlx::{Row, SqlitePool};

/// Each step once, in order. A step that was released is never changed.
const MIGRATIONS: &[(i64, &str)] = &[(1, include_str!("../migrations/sqlite/0001_history.sql"))];

/// Brings the database to the newest shape, in one transaction: all steps or none.
///
/// # Errors
/// When a newer Evenkeel wrote it, or it cannot be written.
pub(crate) async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(database)?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY)")
        .execute(&mut *tx)
        .await
        .map_err(database)?;
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM migrations")
        .fetch_one(&mut *tx)
        .await
        .map_err(database)?;
    let found: i64 = row.try_get(0).map_err(database)?;
    let known = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if found > known {
        return Err(StoreError::Broken(format!(
            "a newer Evenkeel wrote it (its schema is {found}, this one knows up to {known}): use that version, or \
             another state folder"
        )));
    }
    for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await.map_err(database)?;
        sqlx::query("INSERT INTO migrations (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *tx)
            .await
            .map_err(database)?;
    }
    tx.commit().await.map_err(database)
}
