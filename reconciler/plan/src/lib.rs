//! From what should be and what is to what is to be done: probes → diff → order → plan → lint, and batches.
//!
//! **Architecture Invariant:** pure and total. No IO, no clock, no randomness, and no knowledge of any one kind:
//! everything goes through [`evenkeel_model::Kind`]. The same input gives the same plan, byte for byte.
//!
//! - [`probes()`]: all that must be asked of a target, once.
//! - [`diff()`]: how every resource stands, three-way.
//! - [`plan()`]: the exact steps, each resource planned against what earlier steps will have made.
//! - [`lint()`]: a second reader, which shares no code with the first, looks for what must never be in a plan.
//! - [`batches`] and [`prune_blocked`]: how far a rollout reaches, and when a prune waits for a yes.

mod debts;
mod diff;
mod gone;
mod graph;
mod lint;
mod plan;
mod probes;
#[cfg(test)]
mod real;
mod rollout;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;

pub use diff::{TargetDiff, diff, roll_up};
pub use gone::forgotten;
pub use lint::{Fault, lint};
pub use plan::{Options, PlanError, Which, plan};
pub use probes::probes;
pub use rollout::{batches, prune_blocked};
