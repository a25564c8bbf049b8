//! Waiting for a fact, never for time.

use std::time::{Duration, Instant};

/// Asks until the fact is there; ten seconds without it fail the test.
pub(crate) fn until<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(fact) = fact() {
            return fact;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "waited in vain for: {what}"
        );
        std::thread::yield_now();
    }
}
