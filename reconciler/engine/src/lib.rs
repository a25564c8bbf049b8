//! The state machine that decides, and the ports that it needs.
//!
//! **Architecture Invariant:** no IO, no clock, no randomness, no threads: [`port`] has only traits.

pub mod port;
