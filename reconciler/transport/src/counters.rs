//! How much was said to targets: what tests and benchmarks hold the transport to.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the transport was made; read them with [`Counters::read`].
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) round_trips: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) execs: AtomicU64,
    pub(crate) connects: AtomicU64,
}

/// The counts at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Scripts sent to a warm shell and answered; the greeting of a new connection is not among them.
    pub round_trips: u64,
    /// Bytes written to shells and streams.
    pub bytes_out: u64,
    /// Bytes read from shells.
    pub bytes_in: u64,
    /// Commands run beside the persistent shell (a stream of contents).
    pub execs: u64,
    /// Shells opened.
    pub connects: u64,
}

impl Counters {
    /// The counts now.
    #[must_use]
    pub fn read(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            round_trips: of(&self.round_trips),
            bytes_out: of(&self.bytes_out),
            bytes_in: of(&self.bytes_in),
            execs: of(&self.execs),
            connects: of(&self.connects),
        }
    }
    pub(crate) fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
