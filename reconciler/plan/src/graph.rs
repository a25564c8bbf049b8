//! What comes after what: declared order, and the order that nobody has to declare.

use evenkeel_model::{Catalog, Link, Resource, ResourceId};
use std::collections::{BTreeMap, BTreeSet};

/// Resources of one target and what each must come after. Nodes are places in the slice it was made from.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Of each node: the nodes that come first.
    pub(crate) before: Vec<BTreeSet<usize>>,
    /// All nodes, each after all that it comes after; among those that are free, by id.
    pub(crate) order: Vec<usize>,
}

type Edges = Vec<BTreeSet<usize>>;

impl Graph {
    /// The order of `resources`, which are sorted by id and unique. An implied edge that would close a cycle is
    /// left out: what was declared counts more.
    ///
    /// # Errors
    /// The ids of a cycle of declared edges, in order, beginning with the smallest.
    pub(crate) fn strict(catalog: &dyn Catalog, resources: &[&Resource]) -> Result<Self, Vec<ResourceId>> {
        let declared = declared(resources);
        let (_, left) = sort(&declared);
        if !left.is_empty() {
            let ids = cycle(&declared, &left).into_iter();
            return Err(ids
                .filter_map(|node| resources.get(node))
                .map(|r| r.id.clone())
                .collect());
        }
        Ok(Self::with_implied(&declared, &implied(catalog, resources)))
    }

    /// The same for resources of the past, which nobody can correct any more: declared edges among the resources
    /// of a cycle are left out too.
    pub(crate) fn lenient(catalog: &dyn Catalog, resources: &[&Resource]) -> Self {
        let mut declared = declared(resources);
        let (_, left) = sort(&declared);
        for node in &left {
            declared[*node].retain(|first| !left.contains(first));
        }
        Self::with_implied(&declared, &implied(catalog, resources))
    }

    /// `declared` has no cycle.
    fn with_implied(declared: &Edges, implied: &Edges) -> Self {
        let mut before = declared.clone();
        for (node, firsts) in implied.iter().enumerate() {
            before[node].extend(firsts);
        }
        let (order, left) = sort(&before);
        if left.is_empty() {
            return Self { before, order };
        }
        // Only edges among the nodes that are left can be part of a cycle: take those out, put back one by one.
        for node in &left {
            before[*node].retain(|first| !left.contains(first) || declared[*node].contains(first));
        }
        for node in &left {
            for first in implied[*node].intersection(&left) {
                if !reaches(&before, *first, *node) {
                    before[*node].insert(*first);
                }
            }
        }
        let (order, _) = sort(&before);
        Self { before, order }
    }

    /// Of each node: the nodes that come directly after it.
    pub(crate) fn after(&self) -> Edges {
        let mut after = vec![BTreeSet::new(); self.before.len()];
        for (node, firsts) in self.before.iter().enumerate() {
            for first in firsts {
                after[*first].insert(node);
            }
        }
        after
    }
}

/// `after`, `restartOn` and `reloadOn`; what is named and not on this target orders nothing.
fn declared(resources: &[&Resource]) -> Edges {
    let places: BTreeMap<&ResourceId, usize> =
        resources.iter().enumerate().map(|(i, r)| (&r.id, i)).collect();
    let named = |r: &Resource| {
        let ids = r.after.iter().chain(&r.restart_on).chain(&r.reload_on);
        ids.filter_map(|id| places.get(id).copied()).collect()
    };
    resources.iter().map(|resource| named(resource)).collect()
}

/// What the kinds say: who needs a link comes after whoever gives it. A path is also given by its nearest managed
/// ancestor, and whatever stands at a path comes after that ancestor without saying so.
fn implied(catalog: &dyn Catalog, resources: &[&Resource]) -> Edges {
    let links: Vec<_> = resources
        .iter()
        .map(|r| {
            catalog
                .kind(&r.id.kind)
                .map(|kind| kind.links(r))
                .unwrap_or_default()
        })
        .collect();
    let mut givers: BTreeMap<&Link, BTreeSet<usize>> = BTreeMap::new();
    for (node, links) in links.iter().enumerate() {
        for link in &links.gives {
            givers.entry(link).or_default().insert(node);
        }
    }
    let others = |link: &Link, node: usize| -> Option<BTreeSet<usize>> {
        let others: BTreeSet<usize> = givers
            .get(link)?
            .iter()
            .copied()
            .filter(|giver| *giver != node)
            .collect();
        (!others.is_empty()).then_some(others)
    };
    let above = |link: &Link, node: usize| match link {
        Link::Path(path) => path
            .ancestors()
            .find_map(|above| others(&Link::Path(above), node)),
        _ => None,
    };
    let edges = links.iter().enumerate().map(|(node, links)| {
        let needs = links
            .needs
            .iter()
            .filter_map(|link| others(link, node).or_else(|| above(link, node)));
        let stands = links.gives.iter().filter_map(|link| above(link, node));
        needs.chain(stands).flatten().collect()
    });
    edges.collect()
}

/// Kahn's algorithm, the smallest free node first; also the nodes that are on a cycle or behind one.
fn sort(before: &Edges) -> (Vec<usize>, BTreeSet<usize>) {
    let mut waits: Vec<usize> = before.iter().map(BTreeSet::len).collect();
    let mut after = vec![Vec::new(); before.len()];
    for (node, firsts) in before.iter().enumerate() {
        for first in firsts {
            after[*first].push(node);
        }
    }
    let mut free: BTreeSet<usize> = (0..before.len()).filter(|node| waits[*node] == 0).collect();
    let mut left: BTreeSet<usize> = (0..before.len()).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(node) = free.pop_first() {
        left.remove(&node);
        order.push(node);
        for next in &after[node] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                free.insert(*next);
            }
        }
    }
    (order, left)
}

/// Whether `from` comes, through any number of others, after `to`.
fn reaches(before: &Edges, from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(node) = todo.pop() {
        if node == to {
            return true;
        }
        if seen.insert(node) {
            todo.extend(&before[node]);
        }
    }
    false
}

/// One cycle among the nodes that sorting left. Each of them waits for another that was left, so walking back must
/// come round.
fn cycle(before: &Edges, left: &BTreeSet<usize>) -> Vec<usize> {
    let mut walk: Vec<usize> = Vec::new();
    let mut here = left.first().copied();
    while let Some(node) = here {
        if let Some(begin) = walk.iter().position(|seen| *seen == node) {
            let mut ring = walk.split_off(begin);
            let smallest = ring
                .iter()
                .enumerate()
                .min_by_key(|(_, node)| **node)
                .map_or(0, |(i, _)| i);
            ring.rotate_left(smallest);
            return ring;
        }
        walk.push(node);
        here = before[node].iter().find(|first| left.contains(first)).copied();
    }
    walk
}
