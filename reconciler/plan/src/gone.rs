//! What was applied and is no longer in Git: what becomes of it.

use evenkeel_model::{
    Applied, Catalog, Fields, Kind, Link, Observation, Predicted, ResourceId, TargetSnapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of an applied resource that is no longer in Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not ours to remove, now or later: it asks to be kept, Git wanted it away in the first place, or another
    /// resource now gives the same thing (a File that became a Symlink).
    Forget,
    /// A resource that is in Git still needs it (a user that owns a file, a directory with managed files): it stays,
    /// and is looked at again when that one goes.
    Retain,
    /// It is Extra if it is there.
    Prune,
}

/// All applied resources that are no longer in Git, sorted by id, and what becomes of each.
pub(crate) fn fates<'a>(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &'a BTreeMap<ResourceId, Applied>,
) -> Vec<(&'a ResourceId, &'a Applied, Fate)> {
    let wanted: BTreeSet<&ResourceId> = target.resources.iter().map(|r| &r.id).collect();
    let (mut given, mut needed) = (BTreeSet::new(), BTreeSet::new());
    for resource in &target.resources {
        let Some(kind) = catalog.kind(&resource.id.kind) else {
            continue;
        };
        // What should not be there gives nothing.
        if kind.desired(resource).is_some() {
            let links = kind.links(resource);
            needed.extend(links.needs);
            for link in links.gives {
                if let Link::Path(path) = &link {
                    needed.extend(path.ancestors().map(Link::Path));
                }
                given.insert(link);
            }
        }
    }
    let fate = |applied: &Applied| {
        let Some(kind) = catalog.kind(&applied.resource.id.kind) else {
            return Fate::Prune;
        };
        let gives = kind.links(&applied.resource).gives;
        if applied.resource.keep
            || kind.desired(&applied.resource).is_none()
            || gives.iter().any(|link| given.contains(link))
        {
            Fate::Forget
        } else if gives.iter().any(|link| needed.contains(link)) {
            Fate::Retain
        } else {
            Fate::Prune
        }
    };
    let gone = applied.iter().filter(|(id, _)| !wanted.contains(id));
    gone.map(|(id, applied)| (id, applied, fate(applied))).collect()
}

/// Applied resources that are no longer in Git and need no step: they are not there any more, or not ours to
/// remove. The store may drop them after a deployment.
#[must_use]
pub fn forgotten(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
    observation: &Observation,
) -> Vec<ResourceId> {
    let nothing = Predicted::default();
    let mut ids = Vec::new();
    for (id, applied, fate) in fates(catalog, target, applied) {
        let away =
            |kind: &dyn Kind| kind.observe(&applied.resource, observation, &nothing) == Ok(None::<Fields>);
        if fate == Fate::Forget || catalog.kind(&id.kind).is_some_and(away) {
            ids.push(id.clone());
        }
    }
    ids
}

/// What a look at a target starts from: nothing is planned, and these paths are somebody's.
pub(crate) fn outset(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
) -> Predicted {
    let mut predicted = Predicted::default();
    let retained = fates(catalog, target, applied)
        .into_iter()
        .filter(|(_, _, fate)| *fate == Fate::Retain);
    let resources = target
        .resources
        .iter()
        .chain(retained.map(|(_, applied, _)| &applied.resource));
    for resource in resources {
        let Some(kind) = catalog.kind(&resource.id.kind) else {
            continue;
        };
        for link in kind.links(resource).gives {
            if let Link::Path(path) = link {
                predicted.manage(path);
            }
        }
    }
    predicted
}
