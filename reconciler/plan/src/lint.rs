//! A second reader of a plan: looks for what must never be in one. It shares no code with the planner.

use evenkeel_model::{
    AbsolutePath, Action, Applied, Catalog, Digest, Link, Probe, Resource, ResourceId, TargetPlan,
    TargetSnapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// Something that must never be in a plan. A plan with one is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The plan is for another target.
    #[error("the plan is for {0}")]
    Elsewhere(evenkeel_model::TargetName),
    /// A group needs one that does not come before it.
    #[error("{0} needs group {1}, which does not come before it")]
    NeedsForward(ResourceId, u32),
    /// A resource has two groups.
    #[error("{0} is planned twice")]
    Twice(ResourceId),
    /// A group with nothing to do.
    #[error("{0} has nothing to do")]
    Idle(ResourceId),
    /// A group for something that is neither in Git nor was applied.
    #[error("{0} is neither in Git nor was it applied")]
    Stranger(ResourceId),
    /// A prune of what was never applied, or is in Git.
    #[error("{0} is not ours to prune")]
    BadPrune(ResourceId),
    /// Prunes are miscounted.
    #[error("the plan says that it prunes {said} of {of}, and prunes {found}")]
    Miscounted {
        /// What it says.
        said: u32,
        /// Of how many.
        of: u32,
        /// What it does.
        found: usize,
    },
    /// An action on a path that no resource gives and its own does not look at, nor any directory above it.
    #[error("{resource} acts on {path}, which nobody manages")]
    Unmanaged {
        /// Whose action.
        resource: ResourceId,
        /// Where.
        path: AbsolutePath,
    },
    /// An action that would remove or replace the root.
    #[error("{0} acts on /")]
    Root(ResourceId),
    /// An action names bytes that the plan does not list.
    #[error("{resource} needs the bytes {digest}, which the plan does not list")]
    Unlisted {
        /// Whose action.
        resource: ResourceId,
        /// Which bytes.
        digest: Digest,
    },
    /// A debt is written down after what causes it, where a crash between the two would lose it.
    #[error("{0} owes after it acts")]
    OweLate(ResourceId),
    /// A debt to what is not on this target.
    #[error("{from} owes to {to}, which is not here")]
    OweNowhere {
        /// Who owes.
        from: ResourceId,
        /// To whom.
        to: ResourceId,
    },
    /// A debt is crossed out by another, or before the last step.
    #[error("{0} settles what is not its own, or too early")]
    BadSettle(ResourceId),
}

impl Fault {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Elsewhere(_) => "lint-elsewhere",
            Self::NeedsForward(..) => "lint-needs-forward",
            Self::Twice(_) => "lint-twice",
            Self::Idle(_) => "lint-idle",
            Self::Stranger(_) => "lint-stranger",
            Self::BadPrune(_) => "lint-bad-prune",
            Self::Miscounted { .. } => "lint-miscounted",
            Self::Unmanaged { .. } => "lint-unmanaged",
            Self::Root(_) => "lint-root",
            Self::Unlisted { .. } => "lint-unlisted",
            Self::OweLate(_) => "lint-owe-late",
            Self::OweNowhere { .. } => "lint-owe-nowhere",
            Self::BadSettle(_) => "lint-bad-settle",
        }
    }
}

/// Every fault of a target's plan; none, for a good one.
#[must_use]
pub fn lint(
    catalog: &dyn Catalog,
    target: &TargetSnapshot,
    applied: &BTreeMap<ResourceId, Applied>,
    plan: &TargetPlan,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let wanted: BTreeMap<&ResourceId, &Resource> = target.resources.iter().map(|r| (&r.id, r)).collect();
    if plan.target != target.target.name {
        faults.push(Fault::Elsewhere(plan.target.clone()));
    }
    let found = plan.groups.iter().filter(|group| group.prune).count();
    if usize::try_from(plan.prunes) != Ok(found) || usize::try_from(plan.applied) != Ok(applied.len()) {
        faults.push(Fault::Miscounted {
            said: plan.prunes,
            of: plan.applied,
            found,
        });
    }
    let past = applied.values().map(|applied| &applied.resource);
    let managed = paths(catalog, target.resources.iter().chain(past));
    let listed: BTreeSet<&Digest> = plan.contents.iter().collect();
    let mut before = BTreeSet::new();
    for (place, group) in plan.groups.iter().enumerate() {
        let id = &group.resource;
        let forward = group
            .needs
            .iter()
            .filter(|need| usize::try_from(**need).map_or(true, |need| need >= place));
        faults.extend(forward.map(|need| Fault::NeedsForward(id.clone(), *need)));
        if !before.insert(id) {
            faults.push(Fault::Twice(id.clone()));
        }
        if group.actions.is_empty() {
            faults.push(Fault::Idle(id.clone()));
        }
        let only_settles = group
            .actions
            .iter()
            .all(|action| matches!(action, Action::Settle { .. }));
        if group.prune {
            let ours = applied.get(id).is_some_and(|applied| !applied.resource.keep);
            if !ours || wanted.contains_key(id) {
                faults.push(Fault::BadPrune(id.clone()));
            }
        } else if !wanted.contains_key(id) && !only_settles {
            faults.push(Fault::Stranger(id.clone()));
        }
        let own = wanted
            .get(id)
            .copied()
            .or_else(|| applied.get(id).map(|applied| &applied.resource));
        let looked_at = own.map(|own| looked_at(catalog, own)).unwrap_or_default();
        let last = group.actions.len().saturating_sub(1);
        let mut acted = false;
        for (at, action) in group.actions.iter().enumerate() {
            match action {
                Action::Owe { to, .. } => {
                    if acted {
                        faults.push(Fault::OweLate(id.clone()));
                    }
                    if !wanted.contains_key(to) {
                        faults.push(Fault::OweNowhere {
                            from: id.clone(),
                            to: to.clone(),
                        });
                    }
                }
                Action::Settle { to } if to != id || at != last => faults.push(Fault::BadSettle(id.clone())),
                _ => acted = true,
            }
            if let Some(path) = path(action) {
                let beneath = std::iter::once(path.clone())
                    .chain(path.ancestors())
                    .any(|p| managed.contains(&p) || looked_at.contains(&p));
                if path.as_str() == "/" && !matches!(action, Action::SetMeta { .. }) {
                    faults.push(Fault::Root(id.clone()));
                } else if !beneath {
                    faults.push(Fault::Unmanaged {
                        resource: id.clone(),
                        path: path.clone(),
                    });
                }
            }
            if let Some(digest) = bytes(action).filter(|digest| !listed.contains(digest)) {
                faults.push(Fault::Unlisted {
                    resource: id.clone(),
                    digest: *digest,
                });
            }
        }
    }
    faults
}

/// Every path that a resource gives.
fn paths<'a>(catalog: &dyn Catalog, resources: impl Iterator<Item = &'a Resource>) -> BTreeSet<AbsolutePath> {
    let gives = resources
        .filter_map(|r| catalog.kind(&r.id.kind).map(|kind| kind.links(r).gives))
        .flatten();
    gives
        .filter_map(|link| {
            if let Link::Path(path) = link {
                Some(path)
            } else {
                None
            }
        })
        .collect()
}

/// Every path that a resource asks after: what it wants away is among them, and what it has besides its name.
fn looked_at(catalog: &dyn Catalog, resource: &Resource) -> BTreeSet<AbsolutePath> {
    let probes = catalog
        .kind(&resource.id.kind)
        .map(|kind| kind.probes(resource))
        .unwrap_or_default();
    let paths = probes.into_iter().filter_map(|probe| match probe {
        Probe::Stat(path) | Probe::Hash(path) | Probe::Read { path, .. } | Probe::List { path, .. } => {
            Some(path)
        }
        _ => None,
    });
    paths.collect()
}

/// The path that an action writes to.
fn path(action: &Action) -> Option<&AbsolutePath> {
    match action {
        Action::PutFile { path, .. }
        | Action::SetMeta { path, .. }
        | Action::MakeDirectory { path, .. }
        | Action::PutSymlink { path, .. }
        | Action::Remove { path, .. }
        | Action::Unpack { into: path, .. } => Some(path),
        _ => None,
    }
}

/// The bytes that an action names.
fn bytes(action: &Action) -> Option<&Digest> {
    match action {
        Action::PutFile { content: digest, .. } | Action::Unpack { archive: digest, .. } => Some(digest),
        _ => None,
    }
}
