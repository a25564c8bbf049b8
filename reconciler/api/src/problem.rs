//! Errors as RFC 9457 says: `application/problem+json`, with a stable code.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable code: `no-such-environment`, `no-such-deployment`, `refused` …
    pub code: String,
    /// What, for people.
    pub detail: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    /// Nothing is there.
    #[must_use]
    pub fn not_found(code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: 404,
            code: code.to_owned(),
            detail: detail.into(),
            help: None,
        }
    }
    /// It cannot be done as things are.
    #[must_use]
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: 409,
            code: code.to_owned(),
            detail: detail.into(),
            help: None,
        }
    }
    /// We failed.
    #[must_use]
    pub fn internal(code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: 500,
            code: code.to_owned(),
            detail: detail.into(),
            help: None,
        }
    }
    /// The same, with what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
