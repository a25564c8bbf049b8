//! A Git commit, as far as Evenkeel shows it.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Where desired state came from. Everything but `id` is a stranger's text: bounded when read, never interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The commit's id in hexadecimal; a working tree is `worktree-` and the digest of its content.
    pub id: String,
    /// `Name <mail>`, at most 200 characters.
    pub author: String,
    /// The first line of the message, at most 200 characters.
    pub subject: String,
    /// When it was committed.
    pub at: Timestamp,
    /// Who signed it, if a signature was asked for and good.
    pub signer: Option<String>,
}

impl Revision {
    /// The first seven characters, as people read them.
    #[must_use]
    pub fn short(&self) -> &str {
        let digits = if self.id.starts_with("worktree-") { 16 } else { 7 };
        self.id.get(..digits).unwrap_or(&self.id)
    }
}
