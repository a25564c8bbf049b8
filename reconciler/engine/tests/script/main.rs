//! The engine by script: a state, something happens, and what is done about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // all of this is a test: what it expects and does not find is its failure

mod acceptance;
mod gates;
mod rollout;
mod stage;
