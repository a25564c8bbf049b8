//! How every resource of a target stands.

use crate::gone::{Fate, ends, fates, outset};
use evenkeel_model::{
    Applied, Catalog, Fields, Kind, Observation, Predicted, Resource, ResourceDiff, ResourceId, SyncStatus,
    TargetSnapshot, diff::compare,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a target stands against its snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetDiff {
    /// Every resource of the snapshot, and every one that is Extra; sorted by id.
    pub resources: Vec<ResourceDiff>,
    /// The greatest of them; see [`roll_up`].
    pub status: SyncStatus,
}

/// What a parent shows for its children: the greatest; nothing is InSync; Missing shows as Pending.
#[must_use]
pub fn roll_up(children: impl IntoIterator<Item = SyncStatus>) -> SyncStatus {
    let shown = |status| {
        if status == SyncStatus::Missing {
            SyncStatus::Pending
        } else {
            status
        }
    };
    children.into_iter().map(shown).max().unwrap_or_default()
}

/// How a target stands: three-way, field by field; nothing is planned. What was applied and is no longer in Git is
/// Extra while it is there, unless it is kept, taken over, still needed by what is in Git, or of a kind that takes
/// nothing away.
#[must_use]
pub fn diff(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
    observation: &Observation,
) -> TargetDiff {
    let look = outset(catalog, target, applied);
    let mut resources = Vec::new();
    for resource in &target.resources {
        resources.push(match catalog.kind(&resource.id.kind) {
            Some(kind) => seen(kind, resource, applied.get(&resource.id), observation, &look).0,
            None => no_such_kind(&resource.id),
        });
    }
    for (id, applied, _) in fates(catalog, target, applied)
        .into_iter()
        .filter(|(_, _, f)| *f == Fate::Prune)
    {
        let found = match catalog.kind(&id.kind) {
            Some(kind) => seen_extra(kind, applied, observation, &look).0,
            None => no_such_kind(id),
        };
        if found.status != SyncStatus::InSync {
            resources.push(found);
        }
    }
    let mut named = BTreeSet::new();
    resources.retain(|diff| named.insert(diff.resource.clone()));
    resources.sort_by(|a, b| a.resource.cmp(&b.resource));
    let status = roll_up(resources.iter().map(|diff| diff.status));
    TargetDiff { resources, status }
}

fn no_such_kind(id: &ResourceId) -> ResourceDiff {
    ResourceDiff::unknown(id.clone(), format!("this version knows no kind {:?}", id.kind))
}

/// One resource of the snapshot, and its live fields.
pub(crate) fn seen(
    kind: &dyn Kind,
    resource: &Resource,
    applied: Option<&Applied>,
    observation: &Observation,
    predicted: &Predicted,
) -> (ResourceDiff, Option<Fields>) {
    match kind.observe(resource, observation, predicted) {
        Ok(live) => {
            let desired = kind.desired(resource);
            let then = applied.and_then(|applied| applied.fields.as_ref());
            let ignore = &resource.ignore;
            (
                compare(&resource.id, desired.as_ref(), live.as_ref(), then, ignore),
                live,
            )
        }
        Err(why) => (ResourceDiff::unknown(resource.id.clone(), why), None),
    }
}

/// One resource that is no longer in Git, and its live fields. Where its kind would take nothing away (root, a unit
/// whose text is not ours) there is nothing to be Extra.
pub(crate) fn seen_extra(
    kind: &dyn Kind,
    applied: &Applied,
    observation: &Observation,
    predicted: &Predicted,
) -> (ResourceDiff, Option<Fields>) {
    let id = &applied.resource.id;
    match kind.observe(&applied.resource, observation, predicted) {
        Ok(live) => {
            let live = live.filter(|live| ends(kind, applied, live));
            // A deployment that was cut off counts as our hand too: what it meant to apply may be there.
            let unsaid = Fields::new();
            let then = applied.fields.as_ref().unwrap_or(&unsaid);
            (compare(id, None, live.as_ref(), Some(then), &[]), live)
        }
        Err(why) => (ResourceDiff::unknown(id.clone(), why), None),
    }
}
