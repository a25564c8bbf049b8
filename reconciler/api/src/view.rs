//! What the API answers, where the engine's own nouns are not enough.

use evenkeel_engine::{Change, RequestId};
use evenkeel_model::{EnvironmentName, Plan, ResourceDiff, ResourceId, SyncStatus, TargetName, Timestamp};
use serde::{Deserialize, Serialize};

/// Which service this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Of the program.
    pub version: String,
    /// The repository that it follows, without password.
    pub repository: String,
    /// Its process number.
    pub pid: u32,
}

/// A wish, taken on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// By which [`Changes`] name it.
    pub request: RequestId,
    /// For people.
    pub text: String,
    /// Ask [`Changes`] after this to hear what becomes of it.
    pub after: u64,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// In order.
    pub changes: Vec<Change>,
    /// Ask after this next.
    pub next: u64,
    /// Whether some were lost because the asker was too slow: look at everything anew.
    pub gap: bool,
}

/// What a deployment would do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Whose.
    pub environment: EnvironmentName,
    /// The worst of its targets.
    pub status: SyncStatus,
    /// When it was looked at.
    pub at: Timestamp,
    /// What would be done.
    pub plan: Plan,
    /// What is off, target by target.
    pub differences: Vec<Difference>,
    /// Texts behind changed contents, where they may be shown.
    pub texts: Vec<Text>,
    /// Targets that cannot be seen, and why.
    pub unseen: Vec<(TargetName, String)>,
}

/// What is off on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Which.
    pub target: TargetName,
    /// Only what is not in sync.
    pub resources: Vec<ResourceDiff>,
}

/// Two sides of a changed text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// Where.
    pub target: TargetName,
    /// Of what.
    pub resource: ResourceId,
    /// Of which field.
    pub field: String,
    /// What is there; at most 64 KiB.
    pub live: String,
    /// What Git says; at most 64 KiB.
    pub desired: String,
}
