//! The narrow waist, writing side: what can be done to a server, and how it ended.

use crate::{
    AbsolutePath, Digest, ResourceId, Span, Timestamp,
    probe::{DebtVerb, PackageManager},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Program and arguments, as execve(2) takes them; never read by a shell.
pub type Argv = Vec<String>;

/// One act. Each is idempotent: done twice, the server is as after once, and the second time is no failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Bytes land beside the file (0600 first), get owner and mode, are validated, synced, and renamed over it.
    PutFile {
        /// Where.
        path: AbsolutePath,
        /// Which bytes; they were staged before.
        content: Digest,
        /// Permission bits.
        mode: u32,
        /// Owner's name or number; `None`: who the file belongs to now, else who we are.
        owner: Option<String>,
        /// Group's name or number; likewise.
        group: Option<String>,
        /// A command that must accept the new file before it takes its place; `%` stands for its path.
        validate: Option<Argv>,
    },
    /// Owner, group and mode of what is there; nothing else changes.
    SetMeta {
        /// Where.
        path: AbsolutePath,
        /// Permission bits.
        mode: Option<u32>,
        /// Owner's name or number.
        owner: Option<String>,
        /// Group's name or number.
        group: Option<String>,
    },
    /// A directory, whose parent exists. One that is there keeps its entries.
    MakeDirectory {
        /// Where.
        path: AbsolutePath,
        /// Permission bits.
        mode: u32,
        /// Owner's name or number; `None`: who it belongs to now, else who we are.
        owner: Option<String>,
        /// Group's name or number; likewise.
        group: Option<String>,
    },
    /// A symbolic link, put in place by one rename.
    PutSymlink {
        /// Where the link stands.
        path: AbsolutePath,
        /// What it says, absolute or relative.
        to: String,
    },
    /// Removes a file, link or empty directory; with `recursive` a directory and all below (never through a link).
    /// `/` and the target's root are refused.
    Remove {
        /// Where.
        path: AbsolutePath,
        /// Also what is below.
        recursive: bool,
    },
    /// Unpacks a staged tar archive (plain, gzip, xz or zstd by its magic number) into a new directory: beside it
    /// first, checked for absolute names and `..`, synced, then renamed.
    Unpack {
        /// The archive's bytes; they were staged before.
        archive: Digest,
        /// The directory that it becomes.
        into: AbsolutePath,
        /// Leading path parts to drop from each name.
        strip: u32,
        /// Owner's name or number of all that is unpacked.
        owner: Option<String>,
        /// Group's name or number of all that is unpacked.
        group: Option<String>,
    },
    /// A verb on a systemd unit.
    Unit {
        /// The unit.
        name: String,
        /// What to do.
        verb: UnitVerb,
    },
    /// `systemctl daemon-reload`.
    DaemonReload,
    /// A verb on packages.
    Package {
        /// Which package manager; `None`: the one that the system has.
        manager: Option<PackageManager>,
        /// The package's name.
        name: String,
        /// What to do.
        verb: PackageVerb,
    },
    /// Creates the user or makes it so; fields that are `None` are left as they are.
    PutUser {
        /// Login name.
        name: String,
        /// The wanted properties.
        user: UserSpec,
    },
    /// Removes a user; its home stays.
    RemoveUser {
        /// Login name.
        name: String,
    },
    /// Creates the group or makes it so.
    PutGroup {
        /// Name.
        name: String,
        /// Number; `None`: any.
        gid: Option<u32>,
        /// From the system range, when it is created.
        system: bool,
    },
    /// Removes a group.
    RemoveGroup {
        /// Name.
        name: String,
    },
    /// Starts a process under a name of ours, detached, with its pid, start time, boot and generation recorded.
    /// One of this generation that runs is left alone; one of another is stopped first.
    StartProcess(Box<ProcessStart>),
    /// Sends TERM, after `grace` KILL, to the recorded process (if its start time is the recorded one), and forgets it.
    StopProcess {
        /// The name it was started under.
        name: String,
        /// From TERM to KILL.
        grace: Span,
    },
    /// Sends HUP to the recorded process.
    ReloadProcess {
        /// The name it was started under.
        name: String,
    },
    /// A command of the manifest's.
    Run(Box<RunAction>),
    /// Writes down, before what causes it, that `to` must be restarted or reloaded.
    Owe {
        /// Who.
        to: ResourceId,
        /// What.
        verb: DebtVerb,
    },
    /// Crosses out what was owed to it.
    Settle {
        /// Who.
        to: ResourceId,
    },
}

/// systemctl(1) verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnitVerb {
    /// Start now.
    Start,
    /// Stop now.
    Stop,
    /// Stop and start, if it runs (`try-restart`).
    Restart,
    /// Reload, or restart where it cannot reload, if it runs (`try-reload-or-restart`).
    Reload,
    /// Start at boot.
    Enable,
    /// Not at boot.
    Disable,
    /// Never, by nobody.
    Mask,
    /// May run again.
    Unmask,
}

/// What to do with a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PackageVerb {
    /// Install, or change to this version; the package lists are refreshed first if older than `refresh_after`.
    Install {
        /// Exactly this version; `None`: any, and one that is there stays.
        version: Option<String>,
        /// How old the package lists may be.
        refresh_after: Span,
    },
    /// Remove; configuration stays.
    Remove,
    /// No upgrades.
    Hold,
    /// Upgrades again.
    Unhold,
}

/// The wanted properties of a user; `None` is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserSpec {
    /// Number.
    pub uid: Option<u32>,
    /// Primary group's name.
    pub group: Option<String>,
    /// Supplementary groups: exactly these.
    pub groups: Option<Vec<String>>,
    /// Home directory.
    pub home: Option<AbsolutePath>,
    /// Make the home directory when the user is created.
    pub create_home: bool,
    /// Login shell.
    pub shell: Option<String>,
    /// Comment (GECOS).
    pub comment: Option<String>,
    /// From the system range, when it is created.
    pub system: bool,
}

/// A process to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStart {
    /// The name that it is known under; unique on the target.
    pub name: String,
    /// Program and arguments.
    pub argv: Argv,
    /// Working directory; `None`: the target's root.
    pub cwd: Option<AbsolutePath>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
    /// Run as this user; `None`: as we are.
    pub user: Option<String>,
    /// Standard output and error are appended here.
    pub log: AbsolutePath,
    /// The digest of this specification, by which a changed one is known.
    pub generation: Digest,
    /// From TERM to KILL when it is replaced.
    pub grace: Span,
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunAction {
    /// Program and arguments.
    pub argv: Argv,
    /// Working directory; `None`: the target's root.
    pub cwd: Option<AbsolutePath>,
    /// Variables added to the environment.
    pub env: BTreeMap<String, String>,
    /// Run as this user; `None`: as we are.
    pub user: Option<String>,
    /// Killed after this.
    pub timeout: Span,
    /// Exit statuses that are no failure.
    pub ok: Vec<i32>,
}

impl fmt::Display for Action {
    /// One line for a plan, with no content and no secret in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PutFile { path, content, .. } => write!(f, "write {path} (sha256:{})", content.short()),
            Self::SetMeta {
                path,
                mode,
                owner,
                group,
            } => {
                write!(f, "set")?;
                if let Some(mode) = mode {
                    write!(f, " mode {mode:04o}")?;
                }
                if let Some(owner) = owner {
                    write!(f, " owner {owner}")?;
                }
                if let Some(group) = group {
                    write!(f, " group {group}")?;
                }
                write!(f, " on {path}")
            }
            Self::MakeDirectory { path, .. } => write!(f, "make directory {path}"),
            Self::PutSymlink { path, to } => write!(f, "link {path} -> {to}"),
            Self::Remove { path, recursive } => {
                write!(
                    f,
                    "remove {path}{}",
                    if *recursive { " and all below" } else { "" }
                )
            }
            Self::Unpack { archive, into, .. } => write!(f, "unpack sha256:{} into {into}", archive.short()),
            Self::Unit { name, verb } => write!(f, "{} {name}", format!("{verb:?}").to_lowercase()),
            Self::DaemonReload => write!(f, "reload systemd's unit files"),
            Self::Package { name, verb, .. } => match verb {
                PackageVerb::Install {
                    version: Some(version),
                    ..
                } => write!(f, "install {name}={version}"),
                PackageVerb::Install { version: None, .. } => write!(f, "install {name}"),
                PackageVerb::Remove => write!(f, "remove package {name}"),
                PackageVerb::Hold => write!(f, "hold package {name}"),
                PackageVerb::Unhold => write!(f, "unhold package {name}"),
            },
            Self::PutUser { name, .. } => write!(f, "make user {name} so"),
            Self::RemoveUser { name } => write!(f, "remove user {name}"),
            Self::PutGroup { name, .. } => write!(f, "make group {name} so"),
            Self::RemoveGroup { name } => write!(f, "remove group {name}"),
            Self::StartProcess(start) => write!(f, "start process {}", start.name),
            Self::StopProcess { name, .. } => write!(f, "stop process {name}"),
            Self::ReloadProcess { name } => write!(f, "reload process {name}"),
            Self::Run(run) => write!(f, "run {}", run.argv.first().map_or("", String::as_str)),
            Self::Owe { to, verb } => {
                write!(f, "note that {to} needs a {}", format!("{verb:?}").to_lowercase())
            }
            Self::Settle { to } => write!(f, "note that {to} got what it was owed"),
        }
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It failed, and changed nothing or is safe to do again.
    Failed(String),
    /// It was sent, and the connection went: observe again, never retry blind.
    Unknown(String),
    /// It was not tried, for this reason (a step that it needs did not succeed).
    Skipped(String),
}

/// A step's end, as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// The group's place in its [`crate::TargetPlan`].
    pub group: u32,
    /// The action's place in its group.
    pub action: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// What it printed, the last 4 KiB; secrets are taken out where they are known.
    pub output: String,
    /// When it ended, by the controller's clock.
    pub at: Timestamp,
}
