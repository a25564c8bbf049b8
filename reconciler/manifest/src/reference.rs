//! How resources of one target name each other: after, restartOn, reloadOn.

use crate::{
    app::normal,
    diagnostic::{Finding, Report},
    graph,
    node::Node,
    place::Place,
    section,
};
use evenkeel_model::{Resource, ResourceId};
use std::collections::{BTreeMap, BTreeSet};

/// What was loaded of a resource, with its references still as they are written.
pub(crate) struct Ready {
    pub(crate) resource: Resource,
    pub(crate) place: Place,
    /// How the manifest names it, where its kind calls it otherwise: `Unit:nginx`.
    pub(crate) alias: String,
    pub(crate) references: Vec<(Relation, Node)>,
}

/// How one resource names another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    After,
    RestartOn,
    ReloadOn,
}

/// The fields that name other resources.
pub(crate) const RELATIONS: [(&str, Relation); 3] = [
    ("after", Relation::After),
    ("restartOn", Relation::RestartOn),
    ("reloadOn", Relation::ReloadOn),
];

/// Resolves references between all resources of a target, and sorts them.
pub(crate) fn settle(ready: Vec<Ready>, absent: &BTreeSet<String>, report: &mut Report) -> Vec<Resource> {
    let mut places: BTreeMap<ResourceId, Place> = BTreeMap::new();
    let mut unique = Vec::new();
    for item in ready {
        let id = item.resource.id.clone();
        if let Some(first) = places.get(&id) {
            let found = Finding::error("duplicate-name", format!("{id} is given twice on this target"));
            report.push(found.at(item.place).related("first given here", *first));
            continue;
        }
        places.insert(id, item.place);
        unique.push(item);
    }
    let aliases = unique
        .iter()
        .map(|item: &Ready| (item.alias.clone(), item.resource.id.clone()));
    let mut known: BTreeMap<String, ResourceId> = aliases.collect();
    known.extend(places.keys().map(|id| (id.to_string(), id.clone())));
    let whole = report.errors() == 0;
    let mut edges: BTreeMap<ResourceId, BTreeSet<ResourceId>> = BTreeMap::new();
    let mut resources = Vec::new();
    for item in unique {
        let mut resource = item.resource;
        for (relation, node) in &item.references {
            let Some(text) = section::text(node, "a reference", report) else {
                continue;
            };
            let written = normal(text);
            let Some(id) = known.get(&written) else {
                // With a resource missing for a fault of its own, a name may seem unknown that is not.
                if whole && !absent.contains(&written) {
                    let found =
                        Finding::error("unknown-reference", format!("there is no resource {text:?} here"));
                    let found = match written.parse::<ResourceId>() {
                        Ok(_) => found,
                        Err(error) => found.help(error.to_string()),
                    };
                    report.push(
                        found
                            .at(node.place)
                            .suggest(&written, known.keys().map(String::as_str)),
                    );
                }
                continue;
            };
            if *id == resource.id {
                let found = Finding::error("cycle", format!("{id} names itself")).at(node.place);
                report.push(found);
                continue;
            }
            let list = match relation {
                Relation::After => &mut resource.after,
                Relation::RestartOn => &mut resource.restart_on,
                Relation::ReloadOn => &mut resource.reload_on,
            };
            list.push(id.clone());
            edges.entry(resource.id.clone()).or_default().insert(id.clone());
        }
        for list in [
            &mut resource.after,
            &mut resource.restart_on,
            &mut resource.reload_on,
        ] {
            list.sort();
            list.dedup();
        }
        edges.entry(resource.id.clone()).or_default();
        resources.push(resource);
    }
    for ring in graph::rings(&edges) {
        let words: Vec<_> = ring.iter().chain(ring.first()).map(ToString::to_string).collect();
        let mut found = Finding::error(
            "cycle",
            format!("resources wait for each other: {}", words.join(" → ")),
        );
        let mut at = ring.iter().filter_map(|id| places.get(id));
        if let Some(first) = at.next() {
            found = found.at(*first);
        }
        for place in at.take(5) {
            found = found.related("also in the ring", *place);
        }
        report.push(found.help("take one of their after, restartOn or reloadOn away"));
    }
    resources.sort_by(|a, b| a.id.cmp(&b.id));
    resources
}
