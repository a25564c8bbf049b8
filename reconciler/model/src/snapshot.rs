//! An environment rendered at a revision.

use crate::{Check, Digest, EnvironmentName, Resource, Target};
use serde::{Deserialize, Serialize};

/// A snapshot's name: the digest of its canonical JSON. The revision is not part of it: a commit that changes
/// nothing for an environment gives the same snapshot.
pub type SnapshotId = Digest;

/// An environment rendered: immutable, complete, deployable again without Git, network or registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Whose it is.
    pub environment: EnvironmentName,
    /// Its servers, in the order of the manifest.
    pub targets: Vec<TargetSnapshot>,
}

/// What one target should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSnapshot {
    /// The server.
    pub target: Target,
    /// Its resources, sorted by id.
    pub resources: Vec<Resource>,
    /// What must hold for its apps to be healthy.
    pub checks: Vec<Check>,
}

impl Snapshot {
    /// Its name.
    ///
    /// # Errors
    /// Never for a snapshot that rendering made; the type cannot say so.
    pub fn id(&self) -> Result<SnapshotId, serde_json::Error> {
        Digest::of_json(self)
    }
}
