//! Users, groups, packages, units and processes of a simulated server, as far as the narrow waist can tell.

use evenkeel_model::{AbsolutePath, Digest, probe::PackageState};
use std::collections::{BTreeMap, BTreeSet};

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Number.
    pub uid: u32,
    /// Primary group's number.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: BTreeSet<String>,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// GECOS.
    pub comment: String,
}

/// A package that could be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Versions, the last one is the newest.
    pub versions: Vec<String>,
    /// Files that it brings.
    pub files: Vec<(AbsolutePath, String)>,
    /// Units of those files that installing enables and starts, as Debian does.
    pub starts: Vec<String>,
}

/// What is remembered of a unit besides its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Whether it runs.
    pub active: bool,
    /// Whether its last start failed.
    pub failed: bool,
    /// Whether it starts at boot.
    pub enabled: bool,
    /// Whether it may never run.
    pub masked: bool,
    /// The digest of its files when systemd read them last; `None`: it has not.
    pub loaded: Option<Digest>,
    /// How often it was started, restarted and reloaded.
    pub starts: u32,
    /// See `starts`.
    pub reloads: u32,
}

/// A process under supervision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Number.
    pub pid: u32,
    /// Whether it runs.
    pub running: bool,
    /// What it was started with.
    pub generation: Digest,
    /// How often it was told to reload.
    pub reloads: u32,
}

/// Users, groups, packages, units, processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    /// By login name.
    pub users: BTreeMap<String, User>,
    /// Numbers by name.
    pub groups: BTreeMap<String, u32>,
    /// Installed packages.
    pub packages: BTreeMap<String, PackageState>,
    /// What can be installed.
    pub offers: BTreeMap<String, Offer>,
    /// By full name.
    pub units: BTreeMap<String, Unit>,
    /// Units whose start fails.
    pub broken: BTreeSet<String>,
    /// By the name they were started under.
    pub processes: BTreeMap<String, Process>,
    /// The next process number.
    pub next_pid: u32,
}

impl System {
    /// The user's number, by name or by number.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn uid(&self, text: &str) -> Result<u32, String> {
        match self.users.get(text) {
            Some(user) => Ok(user.uid),
            None => text.parse().map_err(|_| format!("there is no user {text}")),
        }
    }
    /// The group's number, by name or by number.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn gid(&self, text: &str) -> Result<u32, String> {
        match self.groups.get(text) {
            Some(gid) => Ok(*gid),
            None => text.parse().map_err(|_| format!("there is no group {text}")),
        }
    }
    /// The name of a user's number, or the number.
    #[must_use]
    pub fn user_name(&self, uid: u32) -> String {
        self.users
            .iter()
            .find(|(_, user)| user.uid == uid)
            .map_or_else(|| uid.to_string(), |(name, _)| name.clone())
    }
    /// The name of a group's number, or the number.
    #[must_use]
    pub fn group_name(&self, gid: u32) -> String {
        self.groups
            .iter()
            .find(|(_, known)| **known == gid)
            .map_or_else(|| gid.to_string(), |(name, _)| name.clone())
    }
    /// A free number, from the system's or the people's range of login.defs(5).
    pub(crate) fn free(taken: impl Iterator<Item = u32>, system: bool) -> u32 {
        let taken: BTreeSet<u32> = taken.collect();
        let mut range = if system { 100..1000 } else { 1000..60_000 };
        range.find(|number| !taken.contains(number)).unwrap_or(60_000)
    }
    /// A fresh process number.
    pub(crate) fn pid(&mut self) -> u32 {
        self.next_pid = self.next_pid.max(100) + 1;
        self.next_pid
    }
}
