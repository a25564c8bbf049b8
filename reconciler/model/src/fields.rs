//! What a resource is, field by field: the common language of desired, live and last applied.

use crate::Digest;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A resource's state, by field name in dotted lower camel case (`mode`, `content`, `unit.enabled`).
///
/// Only the fields that a manifest speaks of are desired; a live state may tell more.
pub type Fields = BTreeMap<String, FieldValue>;

/// One field's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldValue {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Short text: a mode, an owner, a version.
    Text(String),
    /// Several short texts; their order counts.
    List(Vec<String>),
    /// The bytes that have this digest. A reader who wants the text asks the store for it.
    Content(Digest),
    /// Bytes that nobody may read: compared, never shown, never stored as text.
    Secret(Digest),
    /// What is left of a secret in anything that is shown or kept as history.
    Redacted,
}

impl FieldValue {
    /// The same value with no trace of a secret.
    #[must_use]
    pub fn redacted(&self) -> Self {
        match self {
            Self::Secret(_) => Self::Redacted,
            other => other.clone(),
        }
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.pad(if *flag { "yes" } else { "no" }),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.pad(text),
            Self::List(list) => f.pad(&list.join(", ")),
            Self::Content(digest) => f.pad(&format!("sha256:{}", digest.short())),
            Self::Secret(_) | Self::Redacted => f.pad("(secret)"),
        }
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<bool> for FieldValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}
impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}
