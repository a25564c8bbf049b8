//! One managed thing, rendered.

use crate::{AppName, Digest, Fields, ResourceId};
use serde::{Deserialize, Serialize};

/// A resource as a snapshot holds it: nothing left to decide, templates filled, contents named by their digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Kind and name, unique on its target.
    pub id: ResourceId,
    /// The app that it belongs to.
    pub app: AppName,
    /// The kind's own specification in its canonical form: only the kind reads it.
    pub spec: serde_json::Value,
    /// Declared order: these first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<ResourceId>,
    /// Restart it when one of these changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_on: Vec<ResourceId>,
    /// Reload it when one of these changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reload_on: Vec<ResourceId>,
    /// The bytes that it needs on the server, and where they come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<ContentRef>,
    /// Never removed by pruning.
    #[serde(default)]
    pub keep: bool,
    /// Fields that are neither compared nor applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// Bytes by their digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentRef {
    /// Their SHA-256.
    pub digest: Digest,
    /// Where to get them if the store has them not: an http(s) address. `None`: rendering produced them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether nobody may read them.
    #[serde(default)]
    pub secret: bool,
}

/// What a target got last: the third side of every comparison, and what pruning goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The resource as it was then.
    pub resource: Resource,
    /// Its desired fields then. `None`: a deployment meant to apply it, and was cut off before it could say.
    pub fields: Option<Fields>,
}
