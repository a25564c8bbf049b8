//! The words for how things are.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a resource, target or environment stands against its snapshot. Ordered: the greatest is what a parent shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SyncStatus {
    /// Live is what is desired.
    #[default]
    InSync,
    /// Git moved on; the server is as it was last deployed.
    Pending,
    /// Wanted by Git, not there, and never deployed by us. An environment shows it as [`Self::Pending`].
    Missing,
    /// On the server by our hand, no longer in Git.
    Extra,
    /// The server changed since it was last deployed.
    Drifted,
    /// The server cannot be seen.
    Unknown,
}

impl fmt::Display for SyncStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InSync => "InSync",
            Self::Pending => "Pending",
            Self::Missing => "Missing",
            Self::Extra => "Extra",
            Self::Drifted => "Drifted",
            Self::Unknown => "Unknown",
        })
    }
}

/// Whether what runs does its work. Ordered: the worst child wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Health {
    /// Every check passes.
    #[default]
    Healthy,
    /// Paused on purpose.
    Suspended,
    /// Not yet: within a check's start period.
    Progressing,
    /// Nothing is known.
    Unknown,
    /// A check fails.
    Degraded,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Unknown => "Unknown",
            Self::Degraded => "Degraded",
        })
    }
}
