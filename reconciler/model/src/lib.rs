//! The nouns of Evenkeel: what a manifest asks for, what a server says, what is to be done about it.
//!
//! **Architecture Invariant:** no IO, no clock, no randomness, and no dependency on any other room. Everything
//! here can be built in a test by hand.
//!
//! The *narrow waist* lives here: [`Probe`] and [`Action`] are the only things that a resource kind can ask of a
//! server, [`Answer`] the only thing it hears. A transport carries them out and knows no kind; a kind writes them
//! and touches no server.

pub mod action;
pub mod check;
pub mod deployment;
pub mod diff;
pub mod digest;
pub mod fields;
pub mod kind;
pub mod name;
pub mod observation;
pub mod path;
pub mod plan;
pub mod predicted;
pub mod probe;
pub mod resource;
pub mod revision;
pub mod settings;
pub mod snapshot;
pub mod status;
pub mod target;
pub mod time;
pub mod tree;

pub use action::{Action, Outcome, StepResult};
pub use check::{Check, CheckKind};
pub use deployment::{Deployment, DeploymentId, DeploymentOutcome, Trigger};
pub use diff::{Cause, FieldChange, ResourceDiff};
pub use digest::Digest;
pub use fields::{FieldValue, Fields};
pub use kind::{Catalog, Fidelity, FieldError, Files, Kind, Link, Links, Loaded};
pub use name::{AppName, EnvironmentName, ProjectName, ResourceId, TargetName};
pub use observation::Observation;
pub use path::AbsolutePath;
pub use plan::{Plan, StepGroup, TargetPlan};
pub use predicted::Predicted;
pub use probe::{Answer, Probe};
pub use resource::{Applied, ContentRef, Resource};
pub use revision::Revision;
pub use settings::Settings;
pub use snapshot::{Snapshot, SnapshotId, TargetSnapshot};
pub use status::{Health, SyncStatus};
pub use target::{Connection, Facts, Target};
pub use time::{Span, Timestamp};
pub use tree::{Entry, EntryKind, Tree, TreeError};
