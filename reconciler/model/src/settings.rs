//! How an environment is kept: what its manifest says besides what it is.

use crate::Span;
use serde::{Deserialize, Serialize};

/// An environment's settings. They are no part of its snapshot: changing them deploys nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// When and how it syncs.
    pub sync: SyncSettings,
    /// In which order targets get a deployment.
    pub rollout: Rollout,
    /// What follows a deployment whose checks fail.
    pub on_failure: OnFailure,
    /// Which reference it follows.
    pub track: Track,
    /// Which commits it accepts.
    pub accept: Accept,
}

/// When and how an environment syncs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncSettings {
    /// What happens when Git moves on.
    pub mode: SyncMode,
    /// Whether drift is undone without being asked.
    pub self_heal: bool,
    /// Whether what left Git is removed.
    pub prune: bool,
    /// A plan that would prune more than this share of a target's applied resources waits for a yes; 0 to 100.
    pub prune_limit_percent: u8,
    /// From one observation to the next.
    pub interval: Span,
    /// The first retry of a failed deployment comes after this …
    pub retry_after: Span,
    /// … each further one after twice as long, up to this; it never ends for good.
    pub retry_at_most: Span,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            mode: SyncMode::Automatic,
            self_heal: true,
            prune: true,
            prune_limit_percent: 30,
            interval: Span::from_secs(60),
            retry_after: Span::from_secs(5),
            retry_at_most: Span::from_secs(300),
        }
    }
}

/// What happens when Git moves on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncMode {
    /// It is deployed.
    #[default]
    Automatic,
    /// It is planned, and deployed when someone says yes.
    Approval,
    /// It is shown as Pending until someone syncs.
    Manual,
}

/// In which order targets get a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// How far each batch reaches, cumulative, over the targets in their order; never empty, the last is taken as 100 %.
    pub batches: Vec<Batch>,
    /// Between two batches, after the first one's checks passed.
    pub pause: Span,
    /// More failed targets than this end the deployment.
    pub max_failures: u32,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            batches: vec![Batch::Percent(100)],
            pause: Span::default(),
            max_failures: 0,
        }
    }
}

/// How far a batch reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Batch {
    /// So many targets in all.
    Count(u32),
    /// This share of the targets in all, rounded up; 1 to 100.
    Percent(u8),
}

/// What follows a deployment whose checks fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Go back to the snapshot of the last deployment that succeeded, and hold.
    Rollback,
    /// Leave it; no further targets.
    #[default]
    Stop,
    /// Leave it; further targets follow.
    Continue,
}

/// Which reference an environment follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Track {
    /// The branch that the service was told to follow.
    #[default]
    Default,
    /// A branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// One commit, by its full id.
    Commit(String),
}

/// Which commits an environment accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accept {
    /// Whether a commit may not descend from the last deployed one (a force-push).
    pub rewind: bool,
    /// Who must have signed it; empty: nobody.
    pub signers: Vec<Signer>,
}

/// A key that may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signer {
    /// An SSH key: a principal, and `ssh-ed25519 AAAA…` as in the file of ssh-keygen(1)'s ALLOWED SIGNERS.
    Ssh {
        /// Who this is.
        principal: String,
        /// Type and key.
        key: String,
    },
    /// An OpenPGP key: an armoured public key.
    OpenPgp {
        /// Who this is.
        principal: String,
        /// The key block.
        key: String,
    },
}
