//! Rings in the order that a manifest declares.

use evenkeel_model::ResourceId;
use std::collections::{BTreeMap, BTreeSet};

/// One ring of each knot: the resources in it, each before the next and the last before the first. Deterministic.
pub(crate) fn rings(edges: &BTreeMap<ResourceId, BTreeSet<ResourceId>>) -> Vec<Vec<ResourceId>> {
    let mut rings = Vec::new();
    let mut rest = edges.clone();
    // What waits for nothing that is left goes; what stays is in a ring, or waits for one.
    loop {
        let free: Vec<_> = rest
            .iter()
            .filter(|(_, needs)| !needs.iter().any(|need| rest.contains_key(need)))
            .map(|(id, _)| id.clone())
            .collect();
        if !free.is_empty() {
            for id in free {
                rest.remove(&id);
            }
            continue;
        }
        let Some(start) = rest.keys().next().cloned() else {
            return rings;
        };
        let mut way = vec![start];
        let ring = loop {
            let next = way
                .last()
                .and_then(|at| rest.get(at))
                .into_iter()
                .flatten()
                .find(|need| rest.contains_key(need));
            let Some(next) = next.cloned() else {
                return rings;
            };
            match way.iter().position(|seen| *seen == next) {
                Some(at) => break way.split_off(at),
                None => way.push(next),
            }
        };
        for id in &ring {
            rest.remove(id);
        }
        rings.push(ring);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &str) -> BTreeMap<ResourceId, BTreeSet<ResourceId>> {
        let id = |name: &str| ResourceId::new("File", name).unwrap();
        let parts = text.split_whitespace().map(|edge| edge.split_once('>').unwrap());
        let mut edges = BTreeMap::<_, BTreeSet<_>>::new();
        for (from, to) in parts {
            edges.entry(id(from)).or_default().insert(id(to));
            edges.entry(id(to)).or_default();
        }
        edges
    }

    #[test]
    fn a_ring_is_named_once_and_what_hangs_on_it_is_not() {
        for (text, rings_wanted) in [
            ("a>b b>c", vec![]),
            ("a>a", vec!["a"]),
            ("a>b b>a x>a a>y", vec!["ab"]),
            ("a>b b>c c>a d>e e>d", vec!["abc", "de"]),
        ] {
            let found: Vec<String> = rings(&edges(text))
                .iter()
                .map(|ring| ring.iter().map(|id| id.name.clone()).collect())
                .collect();
            assert_eq!(found, rings_wanted, "{text}");
        }
    }
}
