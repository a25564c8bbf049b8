//! A plan carried out, recorded for good.

use crate::{EnvironmentName, Revision, SnapshotId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// A deployment's name, written `prod/17`: numbers count up within an environment, from 1, without gaps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentId {
    /// Whose.
    pub environment: EnvironmentName,
    /// Which.
    pub number: u64,
}

/// Why a text is not a deployment's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a deployment: write ENVIRONMENT/NUMBER, such as prod/17")]
pub struct DeploymentIdError(pub String);

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.environment, self.number))
    }
}
impl fmt::Debug for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl FromStr for DeploymentId {
    type Err = DeploymentIdError;
    fn from_str(text: &str) -> Result<Self, DeploymentIdError> {
        let fail = || DeploymentIdError(text.chars().take(80).collect());
        let (environment, number) = text.rsplit_once('/').ok_or_else(fail)?;
        Ok(Self {
            environment: EnvironmentName::new(environment).map_err(|_| fail())?,
            number: number.parse().map_err(|_| fail())?,
        })
    }
}
impl Serialize for DeploymentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for DeploymentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// What is recorded of a deployment besides its plan and its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Which.
    pub id: DeploymentId,
    /// Where it leads.
    pub snapshot: SnapshotId,
    /// The commit that the snapshot was rendered at.
    pub revision: Revision,
    /// What set it off.
    pub trigger: Trigger,
    /// Who asked; `evenkeel` when nobody did.
    pub actor: String,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// When its record was made, before its first step.
    pub started: Timestamp,
    /// When it ended; `None`: it has not.
    pub finished: Option<Timestamp>,
    /// How it stands.
    pub outcome: DeploymentOutcome,
}

/// What set a deployment off. Shown, never used to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// Git moved on.
    Commit,
    /// A server drifted.
    Drift,
    /// Someone asked.
    Request,
    /// An earlier one failed or was cut off.
    Retry,
    /// Someone asked to go back to this one's snapshot.
    Rollback {
        /// Whose snapshot is deployed again.
        to: DeploymentId,
    },
    /// The one before failed its checks.
    AutomaticRollback {
        /// The one that failed.
        failed: DeploymentId,
        /// Whose snapshot is deployed again.
        to: DeploymentId,
    },
}

/// How a deployment stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeploymentOutcome {
    /// Steps are under way.
    Applying,
    /// Steps are done; observation and checks are under way.
    Verifying,
    /// Every step done, a second look found nothing to do, every check passed.
    Succeeded,
    /// It failed, for this reason.
    Failed {
        /// Why.
        why: String,
    },
    /// It failed, and what was there before was deployed again by `by`.
    RolledBack {
        /// Why it failed.
        why: String,
        /// The deployment that went back.
        by: DeploymentId,
    },
    /// The controller went away in the middle; what it had not heard of may or may not have been done.
    CutOff,
    /// A later one took its place before it ended (Git moved on, or someone asked).
    Superseded {
        /// Why.
        why: String,
    },
}

impl DeploymentOutcome {
    /// Whether it has ended.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Applying | Self::Verifying)
    }
}
