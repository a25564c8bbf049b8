//! For tests only: simulated servers behind the narrow waist, and conformance suites.
//!
//! [`SimServer`] is one Debian-like server as plain data. `SimFleet` (feature `fleet`) puts many of them behind the
//! engine's transport port, with faults. [`kind_suite`] holds a resource kind to its contract on a simulated server.

mod archive;
mod command;
pub mod desk;
mod execution;
mod files;
mod filesystem;
#[cfg(feature = "fleet")]
mod fleet;
mod hand;
mod server;
mod suite;
mod system;
mod walk;

pub use archive::archive;
pub use command::{Commands, Ran};
pub use files::MemoryFiles;
pub use filesystem::{FileSystem, Node, What};
#[cfg(feature = "fleet")]
pub use fleet::{Count, Fault, Host, SimFleet};
pub use server::SimServer;
pub use suite::{Case, kind_suite};
pub use system::{Offer, Process, System, Unit, User};
pub use walk::{Hand, Move, moves, walk};
