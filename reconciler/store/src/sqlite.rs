//! The store on one machine: a SQLite database and a folder of contents.

use crate::{
    contents::{Folder, private_directory},
    fault::{cut_off, database, file},
    schema,
};
use evenkeel_engine::port::store::StoreError;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a write waits for another process's to end.
const BUSY: Duration = Duration::from_secs(10);

/// The store of a state folder: `evenkeel.db` and `contents/`, readable by their owner alone.
#[derive(Debug)]
pub struct Sqlite {
    /// One connection: writes queue here and never meet a lock of our own.
    pub(crate) writer: SqlitePool,
    /// A few, opened when needed and closed when idle.
    pub(crate) readers: SqlitePool,
    pub(crate) folder: Folder,
}

impl Sqlite {
    /// Opens or makes the store in the folder `state`.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when it cannot be read or written, is damaged, or a newer Evenkeel wrote it.
    pub async fn open(state: &Path) -> Result<Self, StoreError> {
        let at = state.to_owned();
        let prepared = tokio::task::spawn_blocking(move || prepare(&at))
            .await
            .map_err(cut_off)?;
        let (path, folder) = prepared.map_err(|error| file(state, &error))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-2048") // KiB, at most
            .pragma("journal_size_limit", "4194304") // a log that grew is cut back to this
            .pragma("trusted_schema", "OFF")
            .statement_cache_capacity(32)
            .disable_statement_logging();
        let reading = options.clone().read_only(true).pragma("cache_size", "-512");
        let within = |error| match database(error) {
            StoreError::Broken(why) => StoreError::Broken(format!("{}: {why}", path.display())),
            other => other,
        };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_release(|connection, _| Box::pin(untangled(connection)))
            .connect_with(options)
            .await
            .map_err(within)?;
        schema::migrate(&writer).await.map_err(|error| match error {
            StoreError::Broken(why) => StoreError::Broken(format!("{}: {why}", path.display())),
            other => other,
        })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(3)
            .idle_timeout(Duration::from_secs(30))
            .connect_lazy_with(reading);
        Ok(Self {
            writer,
            readers,
            folder,
        })
    }

    /// The kept contents, for those who have bytes to keep that are too many for memory. Blocking: call it where
    /// blocking is allowed.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Ends all work and lets go of the database. One that is dropped instead loses nothing.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether a connection is out of its transaction. A full disk makes SQLite roll back by itself; sqlx then believes
/// the transaction open for ever, and every later one fails: such a connection is replaced.
async fn untangled(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?; // a roll back that was on its way has been done now
    Ok(!connection.is_in_transaction())
}

/// The folder, the database's file (SQLite gives its own helpers the same mode), and the contents.
fn prepare(state: &Path) -> io::Result<(PathBuf, Folder)> {
    private_directory(state)?;
    let path = state.join("evenkeel.db");
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    let folder = Folder::open(&state.join("contents"))?;
    fs::File::open(state)?.sync_all()?;
    Ok((path, folder))
}
