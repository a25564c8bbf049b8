//! When to try again: each time after twice as long, up to a limit, and never for good.

use evenkeel_model::{Span, Timestamp};

/// What failed, how often in a row, and when it is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// Failures in a row.
    pub(crate) attempts: u32,
    /// Not before this; `None`: at once.
    pub(crate) at: Option<Timestamp>,
}

impl Backoff {
    /// It failed (again).
    pub(crate) fn fail(&mut self, now: Timestamp, first: Span, at_most: Span) {
        let doubled = first.as_millis().saturating_mul(1 << self.attempts.min(20));
        self.attempts = self.attempts.saturating_add(1);
        self.at = Some(now + Span::from_millis(doubled.min(at_most.as_millis().max(first.as_millis()))));
    }
    /// Whether it must wait still.
    pub(crate) fn waits(&self, now: Timestamp) -> bool {
        self.at.is_some_and(|at| at > now)
    }
    /// It went well, or there is a new reason to try.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_limit_and_goes_on() {
        let mut backoff = Backoff::default();
        let now = Timestamp(0);
        let mut waits = Vec::new();
        for _ in 0..6 {
            backoff.fail(now, Span::from_secs(5), Span::from_secs(60));
            waits.push(backoff.at.map(|at| at.0 / 1000));
        }
        assert_eq!(waits, [Some(5), Some(10), Some(20), Some(40), Some(60), Some(60)]);
        for _ in 0..1000 {
            backoff.fail(now, Span::from_secs(5), Span::from_secs(60));
        }
        assert!(backoff.waits(now) && !backoff.waits(Timestamp(60_000)));
        backoff.clear();
        assert!(!backoff.waits(now));
    }
}
