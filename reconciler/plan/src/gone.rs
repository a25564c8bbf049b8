//! What was applied and is no longer in Git: what becomes of it.

use evenkeel_model::{
    Applied, Catalog, Fields, Kind, Link, Links, Observation, Predicted, ResourceId, TargetSnapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of an applied resource that is no longer in Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not ours to remove, now or later: Git wanted it away in the first place, or another resource now gives
    /// the same thing (a File that became a Symlink).
    Forget,
    /// It asks to be kept, or something that stays still needs it (a user that owns a file, a directory with managed
    /// or kept files): it stays, and is looked at again when that one goes.
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
            need(&mut needed, &links);
            given.extend(links.gives);
        }
    }
    let gone = applied.iter().filter(|(id, _)| !wanted.contains(id));
    let mut fates: Vec<_> = gone
        .map(|(id, applied)| {
            let kind = catalog.kind(&id.kind);
            let links = kind.map(|kind| kind.links(&applied.resource)).unwrap_or_default();
            let never = kind.is_some_and(|kind| kind.desired(&applied.resource).is_none());
            let forget = never || links.gives.iter().any(|link| given.contains(link));
            let fate = if forget { Fate::Forget } else { Fate::Prune };
            (id, applied, fate, links)
        })
        .collect();
    // What is retained needs its own: a kept file its directory, a directory its owner.
    let mut settled = false;
    while !settled {
        settled = true;
        for (_, applied, fate, links) in fates.iter_mut().filter(|(_, _, fate, _)| *fate == Fate::Prune) {
            if applied.resource.keep || links.gives.iter().any(|link| needed.contains(link)) {
                *fate = Fate::Retain;
                need(&mut needed, links);
                settled = false;
            }
        }
    }
    fates
        .into_iter()
        .map(|(id, applied, fate, _)| (id, applied, fate))
        .collect()
}

/// What there must be for something with these links to stand.
fn need(needed: &mut BTreeSet<Link>, links: &Links) {
    needed.extend(links.needs.iter().cloned());
    for link in &links.gives {
        if let Link::Path(path) = link {
            needed.extend(path.ancestors().map(Link::Path));
        }
    }
}

/// Whether pruning would take away anything of what is there. A unit whose text is not ours and root outlive their
/// leaving Git: there is nothing to do about them, now or later.
pub(crate) fn ends(kind: &dyn Kind, applied: &Applied, live: &Fields) -> bool {
    !kind.prune(&applied.resource, live).actions.is_empty()
}

/// Applied resources that are no longer in Git and need no step: they are not there any more, not ours to remove, or
/// nothing of them can be removed. The store may drop them.
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
        let over = |kind: &dyn Kind| match kind.observe(&applied.resource, observation, &nothing) {
            Ok(Some(live)) => fate == Fate::Prune && !ends(kind, applied, &live),
            Ok(None) => true,
            Err(_) => false,
        };
        if fate == Fate::Forget || catalog.kind(&id.kind).is_some_and(over) {
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
