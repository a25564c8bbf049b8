//! What people ask of the engine, and what it answers.

use evenkeel_model::{EnvironmentName, SnapshotId};
use serde::{Deserialize, Serialize};

/// A request's name, given by who hands it in; the engine only hands it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Someone asks for something. Whether the actor may is decided before it comes here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// By which the answer is known.
    pub id: RequestId,
    /// Who asks.
    pub actor: String,
    /// For what.
    pub wish: Wish,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// Look at all targets, and deploy what is off, also under a hold and in manual mode. Under a rollback's hold it
    /// deploys the kept snapshot again, not Git's; to follow Git again, resume.
    Sync {
        /// Which environment.
        environment: EnvironmentName,
        /// Why, in the actor's words.
        reason: Option<String>,
        /// Hash every file again.
        full: bool,
        /// Also if it prunes more than the limit.
        prune_yes: bool,
    },
    /// Say yes to what waits for approval.
    Approve {
        /// Which environment.
        environment: EnvironmentName,
        /// What was looked at: refused if Git has moved on since. `None`: whatever waits.
        snapshot: Option<SnapshotId>,
        /// Also if it prunes more than the limit.
        prune_yes: bool,
        /// Why, in the actor's words.
        reason: Option<String>,
    },
    /// Automation pauses: it looks, and does nothing. A deployment under way stops after its batch.
    Hold {
        /// Which environment.
        environment: EnvironmentName,
        /// Why; never empty.
        reason: String,
    },
    /// Automation goes on, with what Git says.
    Resume {
        /// Which environment.
        environment: EnvironmentName,
    },
    /// Deploy a kept snapshot again and hold the environment until Git moves on or it is resumed.
    Rollback {
        /// Which environment.
        environment: EnvironmentName,
        /// The number of the deployment whose snapshot is wanted; `None`: the last that succeeded with another
        /// snapshot than the current one.
        to: Option<u64>,
        /// Why; never empty.
        reason: String,
    },
    /// Look now: at Git, and at the targets of an environment (`None`: only at Git). A webhook, a watch, a person.
    Refresh {
        /// Whose targets.
        environment: Option<EnvironmentName>,
        /// Hash every file again.
        full: bool,
    },
}

impl Wish {
    /// Whose environment it is about.
    #[must_use]
    pub fn environment(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Sync { environment, .. }
            | Self::Approve { environment, .. }
            | Self::Hold { environment, .. }
            | Self::Resume { environment }
            | Self::Rollback { environment, .. } => Some(environment),
            Self::Refresh { environment, .. } => environment.as_ref(),
        }
    }
}

/// What was taken on: it is on record, and will be done. Its end comes as a [`crate::Change`] that names the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// For people, one line.
    pub text: String,
}

/// Why it was not taken on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Stable: `no-such-environment`, `nothing-to-approve`, `stale-approval`, `no-such-deployment`,
    /// `nothing-to-roll-back-to`, `reason-missing`, `not-held`, `not-ready`, `prune-needs-yes`, `store-broken`, `fenced`.
    pub code: String,
    /// For people: what, why, and what to do.
    pub text: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            text: text.into(),
        }
    }
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}
