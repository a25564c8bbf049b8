//! A walk: Git, hands and deployments in any order on one resource, with the three-way comparison watched throughout.

use crate::{
    Case, SimServer,
    desk::{Wanted, carry_out, diff, load, plan, stage},
};
use evenkeel_model::{Kind, SyncStatus};
use proptest::prelude::*;

/// Something that a person does to a server; it must do no harm where there is nothing to do it to.
pub type Hand = fn(&mut SimServer);

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Git now has this specification (by its place, counted round).
    Git(u8),
    /// This hand is laid on the server (by its place, counted round).
    Hand(u8),
    /// What Git has is deployed.
    Deploy,
    /// The same, cut off after so many steps.
    CutOff(u8),
}

/// Any moves, at most 24.
pub fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        any::<u8>().prop_map(Move::Git),
        any::<u8>().prop_map(Move::Hand),
        Just(Move::Deploy),
        (0u8..8).prop_map(Move::CutOff),
    ];
    proptest::collection::vec(one, 1..24)
}

/// Walks: all cases name the same resource, and the first one's server is the one that is walked on.
///
/// Held at each move: no change, no other word than InSync; with no hand laid on since the last deployment nothing is
/// Drifted; what was deployed and is as Git has it is Drifted once a hand changed it; every deployment ends InSync.
///
/// # Panics
/// When the kind does not hold it.
pub fn walk(kind: &dyn Kind, cases: &[Case], hands: &[Hand], moves: &[Move]) {
    let wanted: Vec<Wanted> = cases
        .iter()
        .map(|case| load(kind, &case.spec, &case.files))
        .collect();
    let (Some(first), Some(case)) = (wanted.first(), cases.first()) else {
        return;
    };
    let mut server = case.server.clone();
    let mut git = first;
    let mut applied: Option<&Wanted> = None;
    // Whether all that happened to the server since the last deployment is known to be nothing.
    let mut untouched = true;
    let mut cut = false;
    for (place, step) in moves.iter().enumerate() {
        let what = format!("{} after move {place} of {moves:?}", kind.name());
        match step {
            Move::Git(which) => git = nth(&wanted, *which).unwrap_or(first),
            Move::Hand(which) => {
                if let Some(hand) = nth(hands, *which) {
                    let before = server.picture();
                    hand(&mut server);
                    untouched &= server.picture() == before;
                }
            }
            Move::Deploy | Move::CutOff(_) => {
                let applied_resource = applied.map(|applied| &applied.resource);
                let steps = plan(kind, git, &server, applied_resource, None);
                stage(git, &steps, &mut server);
                let limit = match step {
                    Move::CutOff(limit) => usize::from(*limit),
                    _ => usize::MAX,
                };
                let done = steps
                    .actions
                    .get(..limit.min(steps.actions.len()))
                    .unwrap_or_default();
                assert_eq!(carry_out(done, &mut server), Ok(()), "{what}");
                cut = done.len() < steps.actions.len();
                if !cut {
                    (applied, untouched) = (Some(git), true);
                }
            }
        }
        let fields = applied.and_then(|applied| kind.desired(&applied.resource));
        let diff = diff(kind, &git.resource, &server, fields.as_ref());
        assert_eq!(
            diff.changes.is_empty(),
            diff.status == SyncStatus::InSync,
            "{what}: {diff:?}"
        );
        if *step == Move::Deploy {
            assert_eq!(diff.status, SyncStatus::InSync, "{what}: {diff:?}");
        }
        if untouched && !cut {
            assert_ne!(
                diff.status,
                SyncStatus::Drifted,
                "{what}: nobody touched it: {diff:?}"
            );
        }
        let same = applied.is_some_and(|applied| applied.resource == git.resource);
        if same && !cut && fields.is_some() && diff.status != SyncStatus::InSync {
            assert_eq!(
                diff.status,
                SyncStatus::Drifted,
                "{what}: Git did not move: {diff:?}"
            );
        }
    }
}

fn nth<T>(list: &[T], place: u8) -> Option<&T> {
    list.get(usize::from(place).checked_rem(list.len())?)
}
