//! How far each batch of a rollout reaches, and when a prune waits for a yes.

use evenkeel_model::{
    TargetPlan,
    settings::{Batch, Rollout},
};
use std::ops::Range;

/// Whether a plan prunes more than this share (0 to 100) of a target's applied resources, and so waits for a yes.
#[must_use]
pub fn prune_blocked(plan: &TargetPlan, percent: u8) -> bool {
    plan.prune_percent() > percent
}

/// The batches for so many targets, as ranges of their places: one after the other, none empty, all targets in
/// all. A batch that reaches no further than the one before it is left out; the last reaches the end.
#[must_use]
pub fn batches(rollout: &Rollout, targets: usize) -> Vec<Range<usize>> {
    let reach = |batch: &Batch| match batch {
        Batch::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX).min(targets),
        Batch::Percent(percent) => {
            // In parts, so that no number of targets overflows.
            let percent = usize::from((*percent).min(100));
            targets / 100 * percent + (targets % 100 * percent).div_ceil(100)
        }
    };
    let earlier = rollout
        .batches
        .split_last()
        .map_or(&[][..], |(_, earlier)| earlier);
    let mut ranges = Vec::new();
    let mut done = 0;
    for end in earlier.iter().map(reach).chain([targets]) {
        if end > done {
            ranges.push(done..end);
            done = end;
        }
    }
    ranges
}
