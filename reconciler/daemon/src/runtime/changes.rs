//! What happened lately, for whoever listens: a ring with positions, so that a reader resumes without gap or repeat.

use evenkeel_engine::{Change, News};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How many changes are remembered.
const REMEMBERED: usize = 4096;

/// The ring.
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    head: watch::Sender<u64>,
}

struct Ring {
    changes: VecDeque<Change>,
    /// The position after the newest: how many there have ever been.
    next: u64,
}

/// What a reader gets.
pub(crate) struct Batch {
    /// In order.
    pub(crate) changes: Vec<Change>,
    /// Where to go on.
    pub(crate) next: u64,
    /// Whether the reader was too slow for some.
    pub(crate) gap: bool,
}

impl Feed {
    /// An empty ring.
    pub(crate) fn new() -> Self {
        let ring = Ring {
            changes: VecDeque::new(),
            next: 0,
        };
        Self {
            ring: Mutex::new(ring),
            head: watch::Sender::new(0),
        }
    }

    /// Adds one.
    pub(crate) fn publish(&self, change: Change) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.changes.len() == REMEMBERED {
            ring.changes.pop_front();
        }
        ring.changes.push_back(change);
        ring.next += 1;
        self.head.send_replace(ring.next);
    }

    /// The position after the newest.
    pub(crate) fn position(&self) -> u64 {
        *self.head.borrow()
    }

    /// What came after `after`, waiting up to `patience` for the first.
    pub(crate) async fn after(&self, after: u64, patience: Duration) -> Batch {
        let mut head = self.head.subscribe();
        drop(tokio::time::timeout(patience, head.wait_for(|next| *next > after)).await);
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = ring.next - ring.changes.len() as u64;
        let skip = usize::try_from(after.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let changes = ring.changes.iter().skip(skip).cloned().collect();
        Batch {
            changes,
            next: ring.next,
            gap: after < oldest,
        }
    }
}

/// One line for the log.
pub(crate) fn line(news: &News) -> String {
    match news {
        News::Revision { revision, snapshot } => {
            format!(
                "revision {} comes to snapshot {}",
                revision.short(),
                snapshot.short()
            )
        }
        News::Refused { code, text } => format!("refused ({code}): {text}"),
        News::Status { sync, health } => format!("{sync}, {health}"),
        News::Target {
            target,
            fault: Some(fault),
        } => format!("{target} cannot be seen: {fault}"),
        News::Target { target, fault: None } => format!("{target} can be seen"),
        News::Begun {
            deployment, targets, ..
        } => format!("{deployment} begins on {targets} targets"),
        News::Progress {
            deployment,
            target,
            phase,
            why,
            ..
        } => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{deployment} {target} {phase}{why}")
        }
        News::Concluded {
            deployment, outcome, ..
        } => format!("{deployment} is {outcome:?}"),
        News::NothingToDo { .. } => "nothing to do".to_owned(),
        News::Stalled { code, text, .. } => format!("cannot go on ({code}): {text}"),
        News::Waiting { waiting } => format!("waits: {waiting:?}"),
        News::Held { hold } => format!("held by {}: {}", hold.actor, hold.reason),
        News::Resumed { actor } => format!("resumed by {actor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_model::Timestamp;

    fn change(number: i64) -> Change {
        Change {
            at: Timestamp(number),
            environment: None,
            news: News::NothingToDo { requests: Vec::new() },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_resumes_without_gap_or_repeat_and_a_slow_one_is_told() {
        let feed = Feed::new();
        for number in 0..5 {
            feed.publish(change(number));
        }
        let batch = feed.after(3, Duration::from_secs(1)).await;
        assert_eq!((batch.changes.len(), batch.next, batch.gap), (2, 5, false));
        let none = feed.after(5, Duration::from_secs(1)).await;
        assert_eq!((none.changes.len(), none.next), (0, 5));
        for number in 0..5000 {
            feed.publish(change(number));
        }
        assert!(feed.after(5, Duration::from_secs(1)).await.gap);
    }
}
