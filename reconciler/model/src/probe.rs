//! The narrow waist, reading side: what can be asked of a server, and what it answers.

use crate::{AbsolutePath, Digest, Span, Timestamp, action::Argv};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One question. All of a target's probes travel together, once each, as one round trip; none changes anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Probe {
    /// What is at a path; a symbolic link is not followed. Answer: [`Answer::Stat`].
    Stat(AbsolutePath),
    /// Stat and, for a regular file, the SHA-256 of its content. Answer: [`Answer::Hash`].
    Hash(AbsolutePath),
    /// The first `limit` bytes of a regular file. Answer: [`Answer::Read`].
    Read {
        /// Which file.
        path: AbsolutePath,
        /// At most so many bytes.
        limit: u32,
    },
    /// A directory's entries, not those below. Answer: [`Answer::List`].
    List {
        /// Which directory.
        path: AbsolutePath,
        /// At most so many entries.
        limit: u32,
    },
    /// A systemd unit. Answer: [`Answer::Unit`].
    Unit(String),
    /// A package of the system's package manager. Answer: [`Answer::Package`].
    Package {
        /// Which package manager; `None`: the one that the system has.
        manager: Option<PackageManager>,
        /// The package's name.
        name: String,
    },
    /// A user of the user database. Answer: [`Answer::User`].
    User(String),
    /// A group of the group database. Answer: [`Answer::Group`].
    Group(String),
    /// A process that we supervise, by the name it was started under. Answer: [`Answer::Process`].
    Process(String),
    /// A command that reads only (a guard such as `unless`). Answer: [`Answer::Run`].
    Run(Box<RunProbe>),
    /// The restarts and reloads that are owed on this target. Answer: [`Answer::Debts`].
    Debts,
    /// What the target says of itself. Answer: [`Answer::Facts`].
    Facts,
}

/// A command that a guard asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunProbe {
    /// Program and arguments; never a shell line.
    pub argv: Argv,
    /// Working directory; `None`: the target's root.
    pub cwd: Option<AbsolutePath>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
    /// Run as this user; `None`: as we are.
    pub user: Option<String>,
    /// Killed after this.
    pub timeout: Span,
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// Debian and its kin: dpkg and apt-get.
    Apt,
    /// Fedora and its kin: rpm and dnf.
    Dnf,
    /// Alpine: apk.
    Apk,
}

/// What a server said to one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// To [`Probe::Stat`]; `None`: nothing is there.
    Stat(Option<Stat>),
    /// To [`Probe::Hash`]; `None`: nothing is there.
    Hash(Option<Hashed>),
    /// To [`Probe::Read`]; `None`: no regular file is there.
    Read(Option<Excerpt>),
    /// To [`Probe::List`]; `None`: no directory is there.
    List(Option<Listing>),
    /// To [`Probe::Unit`].
    Unit(UnitState),
    /// To [`Probe::Package`].
    Package(PackageState),
    /// To [`Probe::User`]; `None`: no such user.
    User(Option<UserState>),
    /// To [`Probe::Group`]; `None`: no such group.
    Group(Option<GroupState>),
    /// To [`Probe::Process`]; `None`: never started, or stopped and forgotten.
    Process(Option<ProcessState>),
    /// To [`Probe::Run`].
    Run(RunAnswer),
    /// To [`Probe::Debts`].
    Debts(Vec<Debt>),
    /// To [`Probe::Facts`].
    Facts(crate::Facts),
    /// This probe could not be answered (permission denied, tool missing); the others could.
    Failed(String),
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

/// lstat(2), as far as a kind may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stat {
    /// What it is.
    pub file_type: FileType,
    /// Permission bits with set-id and sticky bits: 0 to 0o7777.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The owner's name, or the number as text if it has none.
    pub owner: String,
    /// The group's number.
    pub gid: u32,
    /// The group's name, or the number as text if it has none.
    pub group: String,
    /// In bytes.
    pub size: u64,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Where a symbolic link points, as it is written.
    pub link: Option<String>,
}

/// A stat and, for a regular file, its content's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// What stands there.
    pub stat: Stat,
    /// `None` unless a regular file.
    pub digest: Option<Digest>,
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the file goes on.
    pub truncated: bool,
}

/// Entries of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Name and type, sorted by name. Names that are no UTF-8 or have control characters are left out and counted
    /// as `truncated`.
    pub entries: Vec<(String, FileType)>,
    /// Whether there are more than were asked for.
    pub truncated: bool,
}

/// What systemd says of a unit (`systemctl show`, org.freedesktop.systemd1(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitState {
    /// `LoadState`: `loaded`, `not-found`, `masked` …
    pub load: String,
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// `SubState`: `running`, `dead` …
    pub sub: String,
    /// `UnitFileState`: `enabled`, `disabled`, `static`, `masked` …
    pub file_state: String,
    /// The file that systemd loaded.
    pub fragment: Option<String>,
    /// `NeedDaemonReload`.
    pub need_daemon_reload: bool,
}

/// What the package manager says of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageState {
    /// The installed version; `None`: not installed.
    pub version: Option<String>,
    /// Whether upgrades are held back.
    pub held: bool,
}

/// A line of passwd(5) and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserState {
    /// User number.
    pub uid: u32,
    /// Primary group's name.
    pub group: String,
    /// Supplementary groups, sorted.
    pub groups: Vec<String>,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// The comment field (GECOS).
    pub comment: String,
}

/// A line of group(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupState {
    /// Group number.
    pub gid: u32,
}

/// A process that we started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessState {
    /// Its number.
    pub pid: u32,
    /// Whether it runs, and is the one that was started (its start time and boot are the recorded ones).
    pub running: bool,
    /// The digest of the specification that it was started with.
    pub generation: Digest,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAnswer {
    /// Exit status; 124 if it was killed for its timeout, 127 if there is no such program.
    pub status: i32,
    /// Standard output and error, the first 4 KiB.
    pub output: String,
}

/// A restart or reload that a changed resource owes to another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Debt {
    /// Who is to be restarted or reloaded.
    pub to: crate::ResourceId,
    /// Restart or reload.
    pub verb: DebtVerb,
}

/// What is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DebtVerb {
    /// Take up a changed configuration in the running process.
    Reload,
    /// Stop and start.
    Restart,
}
