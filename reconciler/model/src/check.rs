//! Health checks: what must hold for an app to be healthy.

use crate::{AppName, Span, action::Argv};
use serde::{Deserialize, Serialize};

/// One check of one app on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The app that it speaks for.
    pub app: AppName,
    /// Unique in the app.
    pub name: String,
    /// What is asked.
    pub kind: CheckKind,
    /// How long after a deployment a failure still counts as Progressing.
    pub start_period: Span,
    /// From one try to the next.
    pub interval: Span,
    /// A try fails after this.
    pub timeout: Span,
    /// So many failures in a row make it Degraded; at least 1.
    pub threshold: u32,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckKind {
    /// GET from the controller; redirects are not followed.
    Http {
        /// Where.
        url: String,
        /// Accepted status codes; empty: 200 to 299.
        status: Vec<u16>,
        /// Text that the first 64 KiB of the body must contain.
        body: Option<String>,
        /// The answer must be complete within this.
        latency: Option<Span>,
    },
    /// A TCP connection from the controller.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// A command on the target that must exit with 0.
    Command {
        /// Program and arguments.
        argv: Argv,
    },
    /// A systemd unit that must be active.
    Unit {
        /// Its name.
        name: String,
    },
}
