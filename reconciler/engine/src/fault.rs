//! What went wrong outside, as the engine hears it.

use serde::{Deserialize, Serialize};

/// A fault of Git, a target, a manifest or the store: a stable code and a text for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Stable, such as `git-unreachable`; what [`crate::port::transport::TransportError::code`] and its like give.
    pub code: String,
    /// For people; may come from strangers, so it is bounded by [`Fault::new`].
    pub text: String,
}

impl Fault {
    /// The longest text kept, in characters.
    pub const LONGEST: usize = 4000;

    /// A fault; the text is cut at [`Fault::LONGEST`].
    pub fn new(code: impl Into<String>, text: impl AsRef<str>) -> Self {
        Self {
            code: code.into(),
            text: text.as_ref().chars().take(Self::LONGEST).collect(),
        }
    }
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl From<&crate::port::source::SourceError> for Fault {
    fn from(error: &crate::port::source::SourceError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
impl From<&crate::port::transport::TransportError> for Fault {
    fn from(error: &crate::port::transport::TransportError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
impl From<&crate::port::store::StoreError> for Fault {
    fn from(error: &crate::port::store::StoreError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
