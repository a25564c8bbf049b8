//! An app as it is written: resources and checks that are filled in for each target.

use crate::{
    diagnostic::{Finding, Report},
    document::Document,
    node::Node,
    place::Place,
    section::{self, Section},
};
use evenkeel_model::{AbsolutePath, AppName, Catalog};
use std::collections::BTreeMap;

/// An app.
pub(crate) struct App {
    /// Where its name is written.
    pub(crate) place: Place,
    pub(crate) values: Option<Node>,
    pub(crate) resources: Vec<Node>,
    pub(crate) checks: Vec<Node>,
}

impl App {
    /// Takes an app apart. What holds for every target is checked here, the rest when it is rendered.
    pub(crate) fn read(document: &Document<AppName>, catalog: &dyn Catalog, report: &mut Report) -> Self {
        let mut app = Self {
            place: document.place,
            values: None,
            resources: Vec::new(),
            checks: Vec::new(),
        };
        let known = ["values", "resources", "checks"];
        let Some(section) = Section::open(&document.spec, "an App", &known, report) else {
            return app;
        };
        app.values = section
            .get("values")
            .filter(|node| section::is_map(node, "values", report))
            .cloned();
        if let Some(node) = section.get("resources") {
            let resources = section::list(node, "resources", report).iter();
            app.resources = resources
                .filter(|node| is_resource(node, catalog, report))
                .cloned()
                .collect();
        }
        if let Some(node) = section.get("checks") {
            let checks = section::list(node, "checks", report).iter();
            app.checks = checks
                .filter(|node| section::is_map(node, "a check", report))
                .cloned()
                .collect();
        }
        duplicates(&app.resources, report);
        app
    }
}

/// Whether it is a mapping with a kind that is known; reports if not.
pub(crate) fn is_resource(node: &Node, catalog: &dyn Catalog, report: &mut Report) -> bool {
    if !section::is_map(node, "a resource", report) {
        return false;
    }
    let Some(kind) = node.get("kind") else {
        let found = Finding::error("missing-field", "a resource needs the field \"kind\"").at(node.place);
        report.push(found.help(format!("it is one of {}", catalog.names().join(", "))));
        return false;
    };
    let Some(name) = section::text(kind, "kind", report) else {
        return false;
    };
    if catalog.kind(name).is_none() {
        let names = catalog.names();
        let found = Finding::error("unknown-kind", format!("there is no kind {name:?}"))
            .at(kind.place)
            .help(format!("it is one of {}", names.join(", ")))
            .suggest(name, names.iter().copied());
        report.push(found);
        return false;
    }
    true
}

/// Resources that are given twice are found here once, before they are found on every target.
fn duplicates(resources: &[Node], report: &mut Report) {
    let mut seen = BTreeMap::new();
    for resource in resources.iter().filter(|node| node.get("when").is_none()) {
        if let Some(identity) = identity(resource)
            && let Some(first) = seen.insert(identity.clone(), resource.place)
        {
            let found = Finding::error("duplicate-name", format!("{identity} is given twice"));
            report.push(found.at(name_place(resource)).related("first given here", first));
        }
    }
}

/// Where the name or path of a resource is written.
pub(crate) fn name_place(resource: &Node) -> Place {
    let name = resource.get("name").or_else(|| resource.get("path"));
    name.map_or(resource.place, |node| node.place)
}

/// `KIND:NAME` as overlays name a resource, before its kind has read it.
pub(crate) fn identity(resource: &Node) -> Option<String> {
    let kind = resource.get("kind")?.text()?;
    let name = resource.get("name").or_else(|| resource.get("path"))?.text()?;
    Some(normal(&format!("{kind}:{name}")))
}

/// The same id for the same path, however its slashes are written.
pub(crate) fn normal(id: &str) -> String {
    match id.split_once(':') {
        Some((kind, path)) if path.starts_with('/') => match AbsolutePath::new(path) {
            Ok(path) => format!("{kind}:{path}"),
            Err(_) => id.to_owned(),
        },
        _ => id.to_owned(),
    }
}
