//! The instant by which an operation ends.

use std::time::{Duration, Instant};

/// By when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So far from now; a span beyond the clock's range is a day.
    pub(crate) fn after(span: Duration) -> Self {
        let now = Instant::now();
        Self(
            now.checked_add(span)
                .unwrap_or_else(|| now + Duration::from_secs(86_400)),
        )
    }

    /// Whether it is over.
    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.0
    }

    /// For the runtime's timers.
    pub(crate) fn instant(self) -> tokio::time::Instant {
        self.0.into()
    }
}
