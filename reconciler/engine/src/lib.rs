//! The state machine that decides, and the ports that it needs.
//!
//! [`Engine::step`] takes one [`Event`] and gives [`Effect`]s; whoever carries them out feeds their results back as
//! events. Between events nothing happens, but for the [`Event::Tick`] that [`Engine::next_wakeup`] asks for.
//!
//! **Architecture Invariant:** no IO, no clock, no randomness, no threads: [`port`] has only traits.
//! **Architecture Invariant:** nothing is applied before its deployment is on disk (`outbox`), nothing outside of
//! the recorded plan, and nothing by automation under a hold (`decision`, `run`).

mod asking;
mod backoff;
mod candidate;
pub mod change;
mod decision;
mod desk;
mod dice;
pub mod effect;
mod ending;
mod engine;
mod environment;
pub mod event;
pub mod fault;
mod gate;
pub mod limit;
mod look;
mod memory;
mod outbox;
pub mod port;
pub mod request;
mod run;
mod sight;
mod source;
pub mod status;
mod verification;
mod view;

pub use change::{Change, News};
pub use effect::{Effect, Recall, Write};
pub use engine::{Engine, Options};
pub use event::{CheckResult, Credentials, Event, Kept, Rendering, Started, Ticket};
pub use fault::Fault;
pub use request::{Accepted, Refusal, Request, RequestId, Wish};
pub use status::{EnvironmentStatus, SourceStatus, Waiting};
