//! A repository loaded: its project, environments and apps, before anything is filled in for a target.

use crate::{
    app::App,
    diagnostic::{Diagnostic, Finding, Report},
    document,
    environment::Environment,
    node::Node,
    place::{Place, Sources},
    section::{self, Section},
    settings,
    template::Filler,
};
use evenkeel_model::{AppName, Catalog, EnvironmentName, Kind, ProjectName, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// A manifest repository at one revision, loaded.
pub struct Project<'a> {
    pub(crate) tree: &'a dyn Tree,
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) sources: Sources,
    pub(crate) name: Option<ProjectName>,
    pub(crate) values: Node,
    pub(crate) apps: BTreeMap<AppName, App>,
    /// Kinds that have a field `keep` of their own.
    pub(crate) own_keep: BTreeSet<&'static str>,
    environments: BTreeMap<EnvironmentName, Environment>,
    /// What was found while loading.
    found: Vec<Diagnostic>,
}

/// Loads a repository. Cannot fail: what is wrong is told, and nothing is rendered from what has an error.
///
/// All faults of all documents are told at once, at most 200. Those that only filling in can find are told by
/// [`Project::render`]; [`crate::validate`] tells both.
#[must_use]
pub fn load<'a>(tree: &'a dyn Tree, catalog: &'a dyn Catalog) -> (Project<'a>, Vec<Diagnostic>) {
    let mut report = Report::default();
    let mut sources = Sources::default();
    let documents = document::read_all(tree, &mut sources, &mut report);
    let nowhere = Place {
        file: u32::MAX,
        start: 0,
        end: 0,
    };
    let mut values = Node::empty(nowhere);
    let mut defaults = Node::empty(nowhere);
    let mut projects = documents.projects.into_iter();
    let project = projects.next();
    for other in projects {
        let found = Finding::error("duplicate-name", "a repository has one Project").at(other.place);
        report.push(match &project {
            Some(first) => found.related("this is the first", first.place),
            None => found,
        });
    }
    if let Some(project) = &project
        && let Some(section) = Section::open(&project.spec, "a Project", &["values", "defaults"], &mut report)
    {
        if let Some(node) = section
            .get("values")
            .filter(|node| section::is_map(node, "values", &mut report))
        {
            values = node.clone();
        }
        if let Some(node) = section.get("defaults")
            && Section::open(node, "defaults", &settings::FIELDS, &mut report).is_some()
        {
            defaults = node.clone();
        }
    }
    if project.is_none() && !report.incomplete {
        let found = Finding::error("missing-project", "the repository has no Project");
        report.push(
            found.help("`evenkeel init` writes a starter; a Project is a document with `kind: Project`"),
        );
    }
    let apps: BTreeMap<_, _> = documents
        .apps
        .into_iter()
        .map(|document| (document.name.clone(), App::read(&document, catalog, &mut report)))
        .collect();
    let name = project.map(|project| project.name);
    let filler = Filler::new();
    let mut environments = BTreeMap::new();
    for document in documents.environments {
        report.environment = Some(document.name.clone());
        let common = crate::environment::Common {
            project: name.as_ref(),
            values: &values,
            defaults: &defaults,
            apps: &apps,
        };
        let name = document.name.clone();
        let environment = Environment::read(document, &common, &filler, &sources, &mut report);
        environments.insert(name, environment);
    }
    report.environment = None;
    same_server_twice(&environments, &mut report);
    unused(&apps, &environments, &mut report);
    let found = report.tell(&sources);
    let project = Project {
        tree,
        catalog,
        sources,
        name,
        values,
        apps,
        own_keep: own_keep(catalog),
        environments,
        found: found.clone(),
    };
    (project, found)
}

fn own_keep(catalog: &dyn Catalog) -> BTreeSet<&'static str> {
    let has = |name: &&'static str| {
        let schema = catalog.kind(name).map(Kind::schema);
        schema.is_some_and(|schema| schema.pointer("/properties/keep").is_some())
    };
    catalog.names().into_iter().filter(has).collect()
}

/// Two environments that keep the same server would prune each other's resources.
fn same_server_twice(environments: &BTreeMap<EnvironmentName, Environment>, report: &mut Report) {
    let mut seen = BTreeMap::new();
    for environment in environments.values() {
        for (target, place) in environment.targets.iter().zip(&environment.target_places) {
            if let Some((first, other)) = seen.insert(&target.connection, (*place, &environment.name))
                && other != &environment.name
            {
                let message = format!("target {} is the same server as one of {other}", target.name);
                let found = Finding::error("shared-target", message)
                    .at(*place)
                    .related("the other", first);
                report.push(
                    found.help("give each environment servers of its own, or one environment both apps"),
                );
            }
        }
    }
}

fn unused(
    apps: &BTreeMap<AppName, App>,
    environments: &BTreeMap<EnvironmentName, Environment>,
    report: &mut Report,
) {
    let used: BTreeSet<_> = environments
        .values()
        .flat_map(|e| e.apps.iter().map(|choice| &choice.app))
        .collect();
    for (name, app) in apps.iter().filter(|(name, _)| !used.contains(name)) {
        let found = Finding::warning("unused-app", format!("no environment chooses the app {name}"));
        report.push(found.at(app.place));
    }
}

impl Project<'_> {
    /// Its name; `None` if it has no readable Project document.
    #[must_use]
    pub fn name(&self) -> Option<&ProjectName> {
        self.name.as_ref()
    }

    /// Its environments, sorted by name; also those with errors.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values()
    }

    /// One environment.
    #[must_use]
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.get(name)
    }

    /// What loading found that concerns this environment: its own faults, and those of all.
    pub(crate) fn found_for(&self, name: &EnvironmentName) -> Vec<Diagnostic> {
        let concerns = |found: &&Diagnostic| found.environment.as_ref().is_none_or(|of| of == name);
        self.found.iter().filter(concerns).cloned().collect()
    }
}
