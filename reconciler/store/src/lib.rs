//! Keeps what must outlive the process: snapshots, history, what is applied, what the engine remembers.
//!
//! Rows live in SQLite, bytes in files named by their digest. A write that returned `Ok` survives power loss:
//! the database is in WAL mode with `synchronous=FULL`, files are synced before and after they get their name.
//!
//! **Architecture Invariant:** nothing here decides. The store refuses what would make history contradict itself
//! (a number taken twice, an end after the end) and keeps the rest as it is told.

mod contents;
mod fault;
mod history;
mod port;
mod row;
mod schema;
mod snapshots;
mod sqlite;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;

pub use contents::{Draft, Folder};
pub use sqlite::Sqlite;
