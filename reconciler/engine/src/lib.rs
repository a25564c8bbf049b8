//! The state machine that decides, and the ports that it needs.
//!
//! **Architecture Invariant:** no IO, no clock, no randomness, no threads: [`port`] has only traits.

pub mod change;
pub mod effect;
pub mod event;
pub mod fault;
pub mod limit;
pub mod port;
pub mod request;
pub mod status;

pub use change::{Change, News};
pub use effect::{Effect, Recall, Write};
pub use event::{CheckResult, Credentials, Event, Kept, Rendering, Started, Ticket};
pub use fault::Fault;
pub use request::{Accepted, Refusal, Request, RequestId, Wish};
pub use status::{EnvironmentStatus, SourceStatus, Waiting};
