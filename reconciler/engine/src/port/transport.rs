//! Carrying probes and steps to a target.

use super::{BoxFuture, store::Contents};
use evenkeel_model::{
    Answer, DeploymentId, Digest, EnvironmentName, Probe, Span, StepGroup, StepResult, Target, TargetName,
};
use std::collections::BTreeMap;

/// Probes and steps, carried to targets. It knows no resource kind. Every call ends by its deadline.
pub trait Transport: Send + Sync {
    /// Asks all `probes` in one round trip; every probe gets an answer, at worst [`Answer::Failed`].
    fn observe<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        target: &'a Target,
        probes: &'a [Probe],
        look: Look,
    ) -> BoxFuture<'a, Result<BTreeMap<Probe, Answer>, TransportError>>;

    /// Brings the contents that the target has not staged yet, as one stream, and checks their digests there.
    fn stage<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        target: &'a Target,
        digests: &'a [Digest],
        contents: &'a dyn Contents,
        deadline: Span,
    ) -> BoxFuture<'a, Result<Staged, TransportError>>;

    /// Carries out a target's plan under the target's lock, as one round trip. Each step's end is told to
    /// `progress` as it is heard, and all again in the result, in order, one for every action of the work.
    ///
    /// An `Err` means that nothing was sent. Once anything was sent, the steps with no answer are
    /// [`evenkeel_model::Outcome::Unknown`] in an `Ok`.
    fn apply<'a>(
        &'a self,
        target: &'a Target,
        work: Work<'a>,
        progress: &'a (dyn Fn(&StepResult) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<StepResult>, TransportError>>;

    /// Lets go of a target's connection once nothing is under way on it.
    fn close<'a>(&'a self, environment: &'a EnvironmentName, target: &'a TargetName) -> BoxFuture<'a, ()>;
}

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Hash every file again, also those whose size, mtime, ctime and inode have not moved since.
    pub full: bool,
    /// To be answered within this.
    pub deadline: Span,
}

/// A target's part of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// Whose.
    pub deployment: &'a DeploymentId,
    /// The controller's epoch; the target refuses one lower than the highest that it has seen.
    pub epoch: u64,
    /// What to do.
    pub groups: &'a [StepGroup],
    /// To be done within this.
    pub deadline: Span,
}

/// What staging moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staged {
    /// Contents sent; the others were there.
    pub sent: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// Why a target could not be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: refused, no route, timed out, host key not known, authentication failed.
    #[error("cannot reach {target}: {why}")]
    Unreachable {
        /// Which.
        target: TargetName,
        /// What was heard.
        why: String,
    },
    /// The connection went in the middle.
    #[error("lost {target}: {why}")]
    Lost {
        /// Which.
        target: TargetName,
        /// What was heard.
        why: String,
    },
    /// No answer by the deadline.
    #[error("{target} did not answer within {deadline}")]
    Deadline {
        /// Which.
        target: TargetName,
        /// The limit.
        deadline: Span,
    },
    /// Another controller is at work there.
    #[error("{target} is locked by {holder}")]
    Locked {
        /// Which.
        target: TargetName,
        /// Who.
        holder: String,
    },
    /// A newer controller was there: this one must stop.
    #[error("{target} has seen epoch {seen}, newer than ours")]
    Fenced {
        /// Which.
        target: TargetName,
        /// The highest epoch it has seen.
        seen: u64,
    },
    /// It lacks something that is needed (a tool, sudo rights, disk space).
    #[error("{target} cannot do this: {why}")]
    Unable {
        /// Which.
        target: TargetName,
        /// What is lacking.
        why: String,
    },
}

impl TransportError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "target-unreachable",
            Self::Lost { .. } => "target-lost",
            Self::Deadline { .. } => "target-deadline",
            Self::Locked { .. } => "target-locked",
            Self::Fenced { .. } => "target-fenced",
            Self::Unable { .. } => "target-unable",
        }
    }
}
