//! What the engine hears.

use crate::{fault::Fault, request::Request};
use evenkeel_model::{
    AppName, Applied, Deployment, EnvironmentName, Observation, ResourceId, Revision, Settings, Snapshot,
    SnapshotId, StepResult, TargetName,
};
use std::{collections::BTreeMap, sync::Arc};

/// An effect's number: its result carries it back. Results with a number that is not awaited are ignored, so an
/// event that comes twice, or late, does no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first event, once: what the store remembers.
    Started(Box<Started>),
    /// The time of [`crate::Engine::next_wakeup`] has come. Harmless at any other time.
    Tick,
    /// To [`crate::Effect::List`]: reference names in full (`HEAD`, `refs/heads/main`, `refs/tags/v1`, and where a
    /// tag is peeled `refs/tags/v1^{}`) and the commit ids that they point to.
    Listed {
        /// Of the effect.
        ticket: Ticket,
        /// What was heard.
        result: Result<BTreeMap<String, String>, Fault>,
    },
    /// To [`crate::Effect::Fetch`].
    Fetched {
        /// Of the effect.
        ticket: Ticket,
        /// Whether it is here.
        result: Result<(), Fault>,
    },
    /// To [`crate::Effect::Load`]: the environments that the project names there. An `Err` has all diagnostics as text.
    Loaded {
        /// Of the effect.
        ticket: Ticket,
        /// What was read.
        result: Result<Vec<(EnvironmentName, Settings)>, Fault>,
    },
    /// To [`crate::Effect::Accept`].
    Accepted {
        /// Of the effect.
        ticket: Ticket,
        /// What was found.
        result: Result<Credentials, Fault>,
    },
    /// To [`crate::Effect::Render`]. The snapshot and its contents are kept in the store before this is said.
    Rendered {
        /// Of the effect.
        ticket: Ticket,
        /// The environment at the revision.
        result: Result<Rendering, Fault>,
    },
    /// To [`crate::Effect::Recall`]; `Ok(None)`: no such thing is kept.
    Recalled {
        /// Of the effect.
        ticket: Ticket,
        /// What is kept.
        result: Result<Option<Kept>, Fault>,
    },
    /// To [`crate::Effect::Observe`]. The observation's `at` is the time when the look began.
    Observed {
        /// Of the effect.
        ticket: Ticket,
        /// What was seen.
        result: Result<Arc<Observation>, Fault>,
    },
    /// To [`crate::Effect::Apply`]: an `Err` means that nothing was sent.
    Applied {
        /// Of the effect.
        ticket: Ticket,
        /// One for every action, in order.
        result: Result<Vec<StepResult>, Fault>,
    },
    /// To [`crate::Effect::Check`]: one result for every check that was asked.
    Checked {
        /// Of the effect.
        ticket: Ticket,
        /// What the checks said.
        results: Vec<CheckResult>,
    },
    /// To every [`crate::Effect::Write`]. A fault's code `store-conflict` says that a deployment's number is taken.
    Written {
        /// Of the effect.
        ticket: Ticket,
        /// Whether it survives power loss.
        result: Result<(), Fault>,
    },
    /// Someone asks.
    Request(Request),
}

/// What the store remembers when the controller starts.
#[derive(Clone, Debug, Default)]
pub struct Started {
    /// This controller's, higher than any before.
    pub epoch: u64,
    /// As [`crate::port::store::Store::memories`] gives them.
    pub memories: BTreeMap<EnvironmentName, serde_json::Value>,
    /// As [`crate::port::store::Store::applied`] gives them, for each environment that has a memory or a deployment.
    pub applied: BTreeMap<EnvironmentName, BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>>,
    /// The latest deployments of each environment, newest first; 100 are enough.
    pub history: BTreeMap<EnvironmentName, Vec<Deployment>>,
    /// As [`crate::port::store::Store::unfinished`] gives them.
    pub unfinished: Vec<Deployment>,
}

/// What is known of a commit's right to be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The commit.
    pub revision: Revision,
    /// Whether it descends from (or is) the ancestor that was asked about; `true` if none was.
    pub descends: bool,
    /// Who of the signers signed it, or why none did; `None` if none was asked about.
    pub signer: Option<Result<String, String>>,
}

/// An environment, rendered.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// What it comes to.
    pub snapshot: Arc<Snapshot>,
    /// Its name.
    pub id: SnapshotId,
    /// How it is to be kept.
    pub settings: Settings,
}

/// A snapshot from the store.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What it is.
    pub snapshot: Arc<Snapshot>,
    /// Its name.
    pub id: SnapshotId,
    /// The commit that it was rendered at (for a deployment: the deployment's).
    pub revision: Revision,
}

/// What one check said, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// For which app.
    pub app: AppName,
    /// Which check.
    pub name: String,
    /// `Err`: why it fails.
    pub outcome: Result<(), String>,
}
