//! Probes and steps, carried to servers: this machine (optionally a folder of it) and others by ssh.
//!
//! Both ways end at the same thing: a POSIX shell on the target that stays (`shell`), takes scripts, and answers in
//! frames (`frame`). Probes are compiled to calls of small shell functions (`query`, `prelude.sh`), steps likewise
//! (`steps`, `steps.sh`); what comes back is read strictly and bounded (`answer`).
//!
//! **Architecture Invariant:** no resource kind is known here. Text enters a script through `quote` alone. No probe
//! reads the shell's standard input. Nothing is sent again after it may have had an effect.

mod answer;
mod bulk;
mod cache;
mod connection;
mod counters;
mod frame;
mod host;
mod place;
mod query;
mod quote;
mod shell;
mod staging;
mod steps;

pub use counters::{Counters, Counts};
pub use host::{HostTransport, TransportSettings};
#[cfg(test)]
mod sshd;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
#[cfg(test)]
mod tests;
