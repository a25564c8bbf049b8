//! What the engine wants done.

use crate::{
    change::Change,
    event::Ticket,
    request::{Accepted, Refusal, RequestId},
};
use evenkeel_model::{
    Applied, Check, ContentRef, Deployment, DeploymentId, DeploymentOutcome, EnvironmentName, Health, Plan,
    Probe, ResourceId, SnapshotId, Span, StepResult, Target, TargetName, TargetPlan, settings::Signer,
};
use std::{collections::BTreeMap, sync::Arc};

/// Something to do. All effects may be carried out at once; what must wait is not given out before. Each one with a
/// ticket is answered by one event with that ticket, within its time: an answer that never comes counts as a fault
/// (see [`crate::limit`]).
#[derive(Clone, Debug)]
pub enum Effect {
    /// List the remote's references; answer [`crate::Event::Listed`].
    List {
        /// To be handed back.
        ticket: Ticket,
    },
    /// Bring these references or commits; answer [`crate::Event::Fetched`].
    Fetch {
        /// To be handed back.
        ticket: Ticket,
        /// Full reference names or commit ids.
        names: Vec<String>,
    },
    /// Read the project at a commit; answer [`crate::Event::Loaded`].
    Load {
        /// To be handed back.
        ticket: Ticket,
        /// The commit.
        commit: String,
    },
    /// Find out whether a commit may be deployed; answer [`crate::Event::Accepted`].
    Accept {
        /// To be handed back.
        ticket: Ticket,
        /// For which environment.
        environment: EnvironmentName,
        /// The commit.
        commit: String,
        /// Does it descend from this one?
        ancestor: Option<String>,
        /// Did one of these sign it? Empty: do not ask.
        signers: Vec<Signer>,
    },
    /// Render an environment, keep the snapshot and its contents; answer [`crate::Event::Rendered`].
    Render {
        /// To be handed back.
        ticket: Ticket,
        /// Which environment.
        environment: EnvironmentName,
        /// The commit, with what was found out of it; it is kept with the snapshot.
        revision: evenkeel_model::Revision,
    },
    /// Get a kept snapshot; answer [`crate::Event::Recalled`].
    Recall {
        /// To be handed back.
        ticket: Ticket,
        /// Which one.
        what: Recall,
    },
    /// Look at a target; answer [`crate::Event::Observed`].
    Observe {
        /// To be handed back.
        ticket: Ticket,
        /// Whose.
        environment: EnvironmentName,
        /// The server.
        target: Arc<Target>,
        /// All that must be asked, as one round trip.
        probes: Arc<[Probe]>,
        /// Hash every file again.
        full: bool,
        /// To be answered within this.
        deadline: Span,
    },
    /// Stage the contents and carry out a target's part of a plan; answer [`crate::Event::Applied`].
    Apply {
        /// To be handed back.
        ticket: Ticket,
        /// Whose.
        environment: EnvironmentName,
        /// The server.
        target: Arc<Target>,
        /// Of which deployment.
        deployment: DeploymentId,
        /// This controller's epoch.
        epoch: u64,
        /// What to do.
        plan: Arc<TargetPlan>,
        /// The contents that it names, and where to get those that the store has not.
        contents: Vec<ContentRef>,
        /// To be done within this, with the staging.
        deadline: Span,
    },
    /// Try these checks once; answer [`crate::Event::Checked`].
    Check {
        /// To be handed back.
        ticket: Ticket,
        /// Whose.
        environment: EnvironmentName,
        /// The server.
        target: Arc<Target>,
        /// All to be tried at once.
        checks: Vec<Check>,
    },
    /// Write to the store; answer [`crate::Event::Written`]. At most one per environment is under way.
    Write {
        /// To be handed back.
        ticket: Ticket,
        /// Whose.
        environment: EnvironmentName,
        /// What.
        write: Write,
    },
    /// Answer a request.
    Reply {
        /// Which one.
        request: RequestId,
        /// The answer.
        result: Result<Accepted, Refusal>,
    },
    /// Tell whoever listens.
    Publish(Change),
}

/// Which kept snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recall {
    /// This one.
    Snapshot(SnapshotId),
    /// The one that this deployment led to.
    Deployment(DeploymentId),
}

/// A write to the store; each maps to one call of [`crate::port::store::Store`].
#[derive(Clone, Debug)]
pub enum Write {
    /// `put_content` each of `contents`, then `begin`.
    Begin {
        /// The record.
        deployment: Box<Deployment>,
        /// What will be done.
        plan: Arc<Plan>,
        /// Resources that are meant to be applied.
        meant: BTreeMap<TargetName, BTreeMap<ResourceId, Applied>>,
        /// Small contents made while planning.
        contents: Vec<Arc<[u8]>>,
    },
    /// `record`. The runtime may have recorded single steps before, as they ended.
    Record {
        /// Of which deployment.
        deployment: DeploymentId,
        /// On which target.
        target: TargetName,
        /// How the steps ended; empty if only `applied` is new.
        results: Vec<StepResult>,
        /// What is applied since; `None`: no longer.
        applied: BTreeMap<ResourceId, Option<Applied>>,
    },
    /// `conclude`: may come several times for one deployment, also after a final outcome (Failed, then RolledBack).
    Conclude {
        /// Which deployment.
        deployment: DeploymentId,
        /// How it stands now.
        outcome: DeploymentOutcome,
        /// Health at that time, once known.
        health: Option<Health>,
        /// When.
        at: evenkeel_model::Timestamp,
    },
    /// `put_memory`.
    Remember {
        /// Opaque.
        memory: serde_json::Value,
    },
}
