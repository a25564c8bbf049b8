//! What listeners are told as it happens.

use crate::request::RequestId;
use evenkeel_model::{
    DeploymentId, DeploymentOutcome, EnvironmentName, Health, Outcome, Revision, SnapshotId, SyncStatus,
    TargetName, Timestamp, Trigger,
};
use serde::{Deserialize, Serialize};

/// A notification: what changed, when, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Whose; `None`: of the whole service.
    pub environment: Option<EnvironmentName>,
    /// What.
    pub news: News,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type", rename_all_fields = "camelCase")]
pub enum News {
    /// Git has something new for the environment, and it was rendered.
    Revision {
        /// The commit.
        revision: Revision,
        /// What it comes to.
        snapshot: SnapshotId,
    },
    /// Git, or what it holds, could not be used; the last good is kept.
    Refused {
        /// Stable code.
        code: String,
        /// Why.
        text: String,
    },
    /// How the environment stands.
    Status {
        /// Against its snapshot.
        sync: SyncStatus,
        /// Of what runs.
        health: Health,
    },
    /// A target was lost from sight or is back.
    Target {
        /// Which.
        target: TargetName,
        /// `None`: it can be seen.
        fault: Option<String>,
    },
    /// A deployment is on record and begins.
    Begun {
        /// Which.
        deployment: DeploymentId,
        /// What set it off.
        trigger: Trigger,
        /// How many targets have something to do.
        targets: u32,
        /// The requests that it answers.
        requests: Vec<RequestId>,
    },
    /// A deployment came further on a target.
    Progress {
        /// Which deployment.
        deployment: DeploymentId,
        /// Which target.
        target: TargetName,
        /// `applying`, `verifying`, `done` or `failed`.
        phase: String,
        /// Why it failed.
        why: Option<String>,
        /// How many steps there are, and how many ended in each way that is not Done.
        troubles: Vec<Outcome>,
    },
    /// A deployment stands differently now.
    Concluded {
        /// Which.
        deployment: DeploymentId,
        /// How it stands.
        outcome: DeploymentOutcome,
        /// The requests that it answers.
        requests: Vec<RequestId>,
    },
    /// A look found nothing to do for these requests.
    NothingToDo {
        /// Which requests.
        requests: Vec<RequestId>,
    },
    /// These requests cannot go on (their environment waits, cannot be seen, or was held).
    Stalled {
        /// Which requests.
        requests: Vec<RequestId>,
        /// Stable code.
        code: String,
        /// Why.
        text: String,
    },
    /// A plan waits for somebody.
    Waiting {
        /// For what.
        waiting: crate::status::Waiting,
    },
    /// Automation was paused.
    Held {
        /// By whom and why.
        hold: crate::status::Hold,
    },
    /// Automation goes on.
    Resumed {
        /// Who said so; `evenkeel` when Git moved on.
        actor: String,
    },
}
