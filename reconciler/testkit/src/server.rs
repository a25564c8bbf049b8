//! One simulated server, like a Debian: it answers probes and carries out actions as the model says them.

mod accounts;
mod actions;
mod answers;
mod debian;
mod debts;
mod files;
mod packages;
mod processes;
mod units;

use crate::{command::Commands, filesystem::FileSystem, system::System};
use evenkeel_model::{Digest, Facts, Timestamp, probe::Debt};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A server. All of it is data: it can be cloned before a fault and compared after.
#[derive(Clone, Debug, PartialEq)]
pub struct SimServer {
    /// What it says of itself.
    pub facts: Facts,
    /// Its files.
    pub files: FileSystem,
    /// Users, groups, packages, units, processes.
    pub system: System,
    /// Restarts and reloads that are owed.
    pub debts: BTreeSet<Debt>,
    /// Bytes that were brought and wait for the actions that name them.
    pub staged: BTreeMap<Digest, Arc<[u8]>>,
    /// The highest epoch that was seen.
    pub epoch: u64,
    /// Who is at work.
    pub lock: Option<String>,
    /// Its clock; it stands still unless a test moves it.
    pub now: Timestamp,
    /// What programs do here.
    pub commands: Commands,
    /// Every command that was run as a step, in order.
    pub ran: Vec<Vec<String>>,
}

impl Default for SimServer {
    fn default() -> Self {
        Self::debian()
    }
}

impl SimServer {
    /// Brings bytes, as [`stage`](evenkeel_model::Action) by a transport would; their digest.
    pub fn stage(&mut self, bytes: impl Into<Arc<[u8]>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.staged.insert(digest, bytes);
        digest
    }

    /// What a person would call the state: without what was brought and waits, what ran, how often something was
    /// started, and process numbers.
    #[must_use]
    pub fn picture(&self) -> Self {
        let mut picture = self.clone();
        picture.staged.clear();
        picture.ran.clear();
        for unit in picture.system.units.values_mut() {
            (unit.starts, unit.reloads) = (0, 0);
        }
        for process in picture.system.processes.values_mut() {
            (process.pid, process.reloads) = (0, 0);
        }
        picture.system.next_pid = 0;
        picture
    }
}

#[cfg(test)]
mod tests;
