//! How things are, for people and programs.

use crate::fault::Fault;
use evenkeel_model::{
    Deployment, EnvironmentName, Health, ResourceDiff, Revision, Settings, SnapshotId, SyncStatus,
    TargetName, Timestamp,
};
use serde::{Deserialize, Serialize};

/// How Git stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// When it was last listed with success.
    pub seen: Option<Timestamp>,
    /// Why it cannot be read or used now.
    pub fault: Option<Fault>,
    /// When it is asked next.
    pub next: Option<Timestamp>,
    /// The commit of the project's own branch that was loaded last.
    pub commit: Option<String>,
}

/// How an environment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// Which.
    pub name: EnvironmentName,
    /// The worst of its targets, against what Git says.
    pub sync: SyncStatus,
    /// The worst of its targets.
    pub health: Health,
    /// What is or was last meant to be deployed.
    pub deployed: Option<Version>,
    /// What Git says, as far as it was accepted.
    pub desired: Option<Version>,
    /// How it is kept.
    pub settings: Settings,
    /// Automation is paused.
    pub hold: Option<Hold>,
    /// Target by target, in the snapshot's order.
    pub targets: Vec<TargetStatus>,
    /// The latest deployment.
    pub last_deployment: Option<Deployment>,
    /// Why nothing is done although something is off.
    pub waiting: Option<Waiting>,
    /// What is wrong with Git, the manifests, the store.
    pub faults: Vec<Fault>,
}

/// A revision, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The commit.
    pub revision: Revision,
    /// The environment, rendered there.
    pub snapshot: SnapshotId,
}

/// How a target stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Which.
    pub name: TargetName,
    /// The worst of its resources.
    pub sync: SyncStatus,
    /// The worst of its checks.
    pub health: Health,
    /// When it was last seen.
    pub seen: Option<Timestamp>,
    /// Why it cannot be seen now.
    pub fault: Option<Fault>,
    /// When it is looked at next.
    pub next: Option<Timestamp>,
    /// How many resources it has.
    pub resources: u32,
    /// How many of them are off.
    pub off_count: u32,
    /// What is off: at most [`crate::limit::SHOWN_DIFFS`].
    pub off: Vec<ResourceDiff>,
    /// Checks that fail: app, name, why.
    pub failing: Vec<FailingCheck>,
}

/// A check that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingCheck {
    /// Of which app.
    pub app: evenkeel_model::AppName,
    /// Which check.
    pub name: String,
    /// Why.
    pub why: String,
    /// How often in a row.
    pub times: u32,
}

/// Automation, paused on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// It ends by itself once Git says something other than this (a rollback's hold); `None`: only by resume.
    pub until_not: Option<SnapshotId>,
}

/// Why nothing is done although something is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "for", rename_all_fields = "camelCase")]
pub enum Waiting {
    /// Someone must approve (mode `approval`) or sync (mode `manual`) this snapshot.
    Approval {
        /// What waits.
        snapshot: SnapshotId,
    },
    /// It would prune more than the limit: someone must say yes.
    PruneYes {
        /// On which target.
        target: TargetName,
        /// How many resources it would prune.
        prunes: u32,
        /// Of how many.
        of: u32,
    },
    /// The last deployment failed: it is tried again then.
    Retry {
        /// When.
        at: Timestamp,
        /// How often it has failed in a row.
        attempts: u32,
    },
    /// Servers drifted, and self-heal is off.
    SelfHealOff,
    /// Automation is paused.
    Held,
    /// A newer controller is at work; this one has stopped.
    Fenced,
}
