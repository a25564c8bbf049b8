//! One target, as far as it can be seen.

use crate::{backoff::Backoff, event::Ticket, fault::Fault};
use evenkeel_model::{AppName, Check, Health, Observation, SnapshotId, Timestamp};
use evenkeel_plan::TargetDiff;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Debug, Default)]
pub(crate) struct Sight {
    pub(crate) observation: Option<Arc<Observation>>,
    /// When the observation came in.
    pub(crate) received: Timestamp,
    /// Something may have changed since: steps were sent, or other things must be asked.
    pub(crate) stale: bool,
    /// The look under way, and when it was asked for.
    pub(crate) looking: Option<(Ticket, Timestamp)>,
    pub(crate) fault: Option<Fault>,
    pub(crate) backoff: Backoff,
    pub(crate) seen: Option<Timestamp>,
    /// How it stands, and against which snapshot that was found.
    pub(crate) diff: Option<(SnapshotId, TargetDiff)>,
    pub(crate) pulse: Pulse,
}

impl Sight {
    /// Whether a plan may be made of what was seen: nothing happened since, it was asked for at `since` or later,
    /// and it did not lie here for long.
    pub(crate) fn usable(&self, now: Timestamp, since: Timestamp) -> Option<&Arc<Observation>> {
        let fresh = now.since(self.received) <= crate::limit::fresh() && self.received.0 <= now.0;
        let good = !self.stale && self.fault.is_none() && fresh;
        self.observation.as_ref().filter(|seen| good && seen.at >= since)
    }
}

/// What the checks of a target have said.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    pub(crate) asking: Option<Ticket>,
    beats: BTreeMap<(AppName, String), Beat>,
}

#[derive(Clone, Debug)]
struct Beat {
    failures: u32,
    why: String,
}

impl Pulse {
    /// Takes in one check's word.
    pub(crate) fn hear(&mut self, app: &AppName, name: &str, outcome: Result<(), String>) {
        let beat = self.beats.entry((app.clone(), name.to_owned())).or_insert(Beat {
            failures: 0,
            why: String::new(),
        });
        match outcome {
            Ok(()) => beat.failures = 0,
            Err(why) => {
                beat.failures = beat.failures.saturating_add(1);
                beat.why = why.chars().take(400).collect();
            }
        }
    }
    /// How often a check has failed in a row; `None`: it was never heard.
    pub(crate) fn failures(&self, check: &Check) -> Option<u32> {
        Some(self.beats.get(&(check.app.clone(), check.name.clone()))?.failures)
    }
    /// Whether a check has not passed when it was last heard, or was never heard.
    pub(crate) fn unproven(&self, app: &AppName, name: &str) -> bool {
        let beat = self.beats.get(&(app.clone(), name.to_owned()));
        beat.is_none_or(|beat| beat.failures > 0)
    }
    /// Why a check failed last.
    pub(crate) fn why(&self, check: &Check) -> &str {
        let key = (check.app.clone(), check.name.clone());
        self.beats.get(&key).map_or("", |beat| beat.why.as_str())
    }
    /// Counts anew: what was deployed changed.
    pub(crate) fn forget(&mut self) {
        self.beats.clear();
        self.asking = None;
    }
    /// The worst of `checks`; `settling` is the time since the last deployment there, if there was one.
    pub(crate) fn health(&self, checks: &[Check], settling: Option<evenkeel_model::Span>) -> Health {
        let of = |check: &Check| match self.failures(check) {
            None => Health::Unknown,
            Some(0) => Health::Healthy,
            Some(_) if settling.is_some_and(|span| span < check.start_period) => Health::Progressing,
            Some(times) if times >= check.threshold.max(1) => Health::Degraded,
            Some(_) => Health::Progressing,
        };
        checks.iter().map(of).max().unwrap_or_default()
    }
}
