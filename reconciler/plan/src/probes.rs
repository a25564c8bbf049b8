//! What must be asked of a target.

use evenkeel_model::{Applied, Catalog, Probe, Resource, ResourceId, TargetSnapshot};
use std::collections::{BTreeMap, BTreeSet};

/// Every probe that is needed to see a target's resources, those that were applied and are no longer in Git, and
/// what is owed there: each once, sorted. Resources of a kind that is not in the catalog ask nothing.
#[must_use]
pub fn probes(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
) -> Vec<Probe> {
    let wanted: BTreeSet<&ResourceId> = target.resources.iter().map(|r| &r.id).collect();
    let gone = applied
        .iter()
        .filter(|(id, _)| !wanted.contains(id))
        .map(|(_, applied)| &applied.resource);
    let asked = |resource: &Resource| {
        catalog
            .kind(&resource.id.kind)
            .map(|kind| kind.probes(resource))
            .unwrap_or_default()
    };
    let all: BTreeSet<Probe> = target
        .resources
        .iter()
        .chain(gone)
        .flat_map(asked)
        .chain([Probe::Debts])
        .collect();
    all.into_iter().collect()
}
