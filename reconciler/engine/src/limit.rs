//! How long, how often, how many. One place for the numbers that are no setting.

use evenkeel_model::Span;

/// At most so many differing resources of a target are shown in a status.
pub const SHOWN_DIFFS: usize = 50;
/// At most so many deployments are remembered as candidates for a rollback.
pub const HISTORY: usize = 100;
/// At most so many writes and replies of an environment wait for the store; then requests are refused.
pub const OUTBOX: usize = 256;
/// At most so many open requests wait for one environment's next deployment.
pub const REQUESTS: usize = 64;

/// A target answers a look within this.
#[must_use]
pub fn observe_deadline() -> Span {
    Span::from_secs(30)
}
/// A target's part of a plan is staged and done within this.
#[must_use]
pub fn apply_deadline() -> Span {
    Span::from_secs(30 * 60)
}
/// Beyond an effect's own deadline, its answer is given up after this much more.
#[must_use]
pub fn grace() -> Span {
    Span::from_secs(30)
}
/// Git's answers, renderings, reads and writes of the store are given up after this.
#[must_use]
pub fn answer_deadline() -> Span {
    Span::from_secs(10 * 60)
}
/// A look at an environment goes on without the targets that have not answered within this.
#[must_use]
pub fn straggler() -> Span {
    Span::from_secs(3)
}
/// A plan is made of what was seen at most so long ago.
#[must_use]
pub fn fresh() -> Span {
    Span::from_secs(15)
}
/// A deployment whose record is confirmed later than this after it was planned is not begun, but planned anew.
#[must_use]
pub fn confirmed() -> Span {
    Span::from_secs(60)
}
/// The first new try at a target that cannot be seen comes after this …
#[must_use]
pub fn target_retry() -> Span {
    Span::from_secs(5)
}
/// … each further one after twice as long, up to this.
#[must_use]
pub fn target_retry_at_most() -> Span {
    Span::from_secs(5 * 60)
}
/// A health check is not tried again before this, whatever its interval says.
#[must_use]
pub fn check_interval() -> Span {
    Span::from_millis(100)
}
