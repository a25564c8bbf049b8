//! An environment rendered: for each target, what its resources come to.

use crate::{
    app::{App, identity, is_resource, name_place, normal},
    check,
    diagnostic::{Diagnostic, Finding, Report},
    environment::{Choice, Environment, names},
    files::{Filled, Shelf},
    graph,
    node::{Content, Node},
    place::Place,
    project::Project,
    section,
    template::{Filler, Scope},
};
use evenkeel_model::{
    AppName, Check, ContentRef, Digest, EnvironmentName, Facts, Resource, ResourceId, Settings, Snapshot,
    Target, TargetName, TargetSnapshot,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What rendering needs besides the repository.
#[derive(Clone, Debug, Default)]
pub struct RenderInput {
    /// What targets say of themselves, as far as they have been seen. A template that uses the facts of a target
    /// that is not here gives a diagnostic with the code `facts-unknown`.
    pub facts: BTreeMap<TargetName, Facts>,
}

/// An environment rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What it should be.
    pub snapshot: Snapshot,
    /// How it is kept.
    pub settings: Settings,
    /// The bytes that rendering produced, sorted by digest, each once. The store keeps them with the snapshot.
    pub contents: Vec<(Digest, Arc<[u8]>)>,
    /// What must be fetched before anything is deployed, sorted, each once.
    pub downloads: Vec<ContentRef>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl Rendered {
    /// The snapshot as YAML for people.
    ///
    /// # Errors
    /// Never for a snapshot that rendering made; the type cannot say so.
    pub fn to_yaml(&self) -> Result<String, serde_yaml::Error> {
        serde_yaml::to_string(&self.snapshot)
    }
}

/// A resource on its way to a target.
struct Draft {
    node: Node,
    app: AppName,
    place: Place,
}

/// What was loaded of a resource, with its references still as they are written.
struct Ready {
    resource: Resource,
    place: Place,
    /// How the manifest names it, where its kind calls it otherwise: `Unit:nginx`.
    alias: String,
    references: Vec<(Relation, Node)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    After,
    RestartOn,
    ReloadOn,
}

const RELATIONS: [(&str, Relation); 3] = [
    ("after", Relation::After),
    ("restartOn", Relation::RestartOn),
    ("reloadOn", Relation::ReloadOn),
];

impl Project<'_> {
    /// Renders one environment. The same repository and input give the same snapshot, byte by byte.
    ///
    /// # Errors
    /// All faults that concern it, those that loading found included, when at least one of them is an error.
    pub fn render(&self, name: &EnvironmentName, input: &RenderInput) -> Result<Rendered, Vec<Diagnostic>> {
        let early = self.found_for(name);
        let Some(environment) = self.environment(name) else {
            let mut report = Report::default();
            let known = self.environments().map(|environment| environment.name.as_str());
            let found = Finding::error("unknown-environment", format!("there is no environment {name}"));
            report.push(found.suggest(name.as_str(), known));
            return Err(early.into_iter().chain(report.tell(&self.sources)).collect());
        };
        if early.iter().any(Diagnostic::is_error) {
            return Err(early);
        }
        let (rendered, found) = self.render_all(environment, input);
        let found: Vec<_> = early.into_iter().chain(found).collect();
        match rendered {
            Some(rendered) => Ok(Rendered {
                warnings: found,
                ..rendered
            }),
            None => Err(found),
        }
    }

    /// Renders what can be rendered, also where loading found errors, so that all faults are told at once.
    pub(crate) fn render_all(
        &self,
        environment: &Environment,
        input: &RenderInput,
    ) -> (Option<Rendered>, Vec<Diagnostic>) {
        let mut report = Report::default();
        report.environment = Some(environment.name.clone());
        let shelf = Shelf::new(self.tree, self.sources.clone());
        let filler = Filler::new();
        let mut work = Work {
            project: self,
            environment,
            shelf: &shelf,
            filler: &filler,
            report: &mut report,
            contents: BTreeMap::new(),
            downloads: BTreeSet::new(),
        };
        let targets = environment
            .targets
            .iter()
            .map(|target| work.target(target, input))
            .collect();
        let (contents, downloads) = (work.contents, work.downloads);
        let errors = report.errors();
        let found = report.tell(&shelf.sources.borrow());
        if errors > 0 {
            return (None, found);
        }
        let rendered = Rendered {
            snapshot: Snapshot {
                environment: environment.name.clone(),
                targets,
            },
            settings: environment.settings.clone(),
            contents: contents.into_iter().collect(),
            downloads: downloads.into_iter().collect(),
            warnings: Vec::new(),
        };
        (Some(rendered), found)
    }
}

struct Work<'a> {
    project: &'a Project<'a>,
    environment: &'a Environment,
    shelf: &'a Shelf<'a>,
    filler: &'a Filler,
    report: &'a mut Report,
    contents: BTreeMap<Digest, Arc<[u8]>>,
    downloads: BTreeSet<ContentRef>,
}

impl Work<'_> {
    fn target(&mut self, target: &Target, input: &RenderInput) -> TargetSnapshot {
        self.report.target = Some(target.name.clone());
        let facts = input.facts.get(&target.name);
        let mut ready = Vec::new();
        let mut checks = Vec::new();
        let mut absent = BTreeSet::new();
        let mut apps: BTreeMap<&AppName, Place> = BTreeMap::new();
        for choice in self.environment.apps.iter().filter(|choice| choice.is_on(target)) {
            if let Some(first) = apps.insert(&choice.app, choice.place) {
                let message = format!(
                    "the app {} is chosen twice for target {}",
                    choice.app, target.name
                );
                let found = Finding::error("duplicate-name", message).at(choice.place);
                self.report.push(found.related("first chosen here", first));
                continue;
            }
            let Some(app) = self.project.apps.get(&choice.app) else {
                continue;
            };
            let Some(scope) = self.scope(target, facts, choice, app) else {
                continue;
            };
            let drafts = self.drafts(app, choice, &scope, &mut absent);
            for draft in drafts {
                ready.extend(self.resource(draft, &scope));
            }
            checks.extend(self.checks(app, choice, &scope));
        }
        let resources = self.settle(ready, &absent);
        self.report.target = None;
        TargetSnapshot {
            target: target.clone(),
            resources,
            checks,
        }
    }

    /// The names in force for one app on one target; `None` if its values cannot be filled.
    fn scope(&mut self, target: &Target, facts: Option<&Facts>, choice: &Choice, app: &App) -> Option<Scope> {
        let mut names = names(self.project.name.as_ref(), &self.environment.name);
        let mut server = json!({ "name": target.name, "address": target.address, "labels": target.labels });
        if let (Some(facts), Value::Object(server)) = (facts, &mut server) {
            server.insert("facts".into(), json!(facts));
        }
        names.insert("target".into(), server);
        let missing = facts.is_none().then(|| target.name.to_string());
        let before = self.report.errors();
        let mut about = json!({ "name": choice.app });
        if let Some(version) = &choice.version {
            let scope = Scope::new(&Value::Object(names.clone()), missing.clone());
            let sources = self.shelf.sources.borrow();
            let version = self.filler.fill(version, &scope, &sources, self.report);
            let word = section::word(&version, "version", self.report);
            if let (Some(word), Value::Object(about)) = (word, &mut about) {
                about.insert("version".into(), Value::String(word));
            }
        }
        names.insert("app".into(), about);
        let mut values = self.project.values.clone();
        let layers = [
            app.values.as_ref(),
            self.environment.values.as_ref(),
            choice.values.as_ref(),
            self.environment.target_values.get(&target.name),
        ];
        for layer in layers.into_iter().flatten() {
            values.overlay(layer);
        }
        let scope = Scope::new(&Value::Object(names.clone()), missing.clone());
        let values = self
            .filler
            .fill(&values, &scope, &self.shelf.sources.borrow(), self.report);
        if self.report.errors() > before {
            return None;
        }
        names.insert("values".into(), values.to_json());
        Some(Scope::new(&Value::Object(names), missing))
    }

    fn fill(&mut self, node: &Node, scope: &Scope) -> Node {
        self.filler
            .fill(node, scope, &self.shelf.sources.borrow(), self.report)
    }

    /// The app's resources with the environment's overlay, templates filled. Ids of resources that the manifest
    /// knows and this target does not get go to `absent`: naming them is no error.
    fn drafts(
        &mut self,
        app: &App,
        choice: &Choice,
        scope: &Scope,
        absent: &mut BTreeSet<String>,
    ) -> Vec<Draft> {
        let mut named: Vec<(String, Node)> = Vec::new();
        for resource in &app.resources {
            let resource = self.named(resource, scope);
            named.push((identity(&resource).unwrap_or_default(), resource));
        }
        for drop in &choice.overlay.drop {
            if let Some(at) = self.find(drop, &named, choice, scope) {
                absent.insert(named.remove(at).0);
            }
        }
        for (reference, fields) in &choice.overlay.change {
            if let Some(at) = self.find(reference, &named, choice, scope)
                && let Some((_, resource)) = named.get_mut(at)
            {
                resource.change(fields);
            }
        }
        for resource in &choice.overlay.add {
            if is_resource(resource, self.project.catalog, self.report) {
                let resource = self.named(resource, scope);
                named.push((identity(&resource).unwrap_or_default(), resource));
            }
        }
        let mut drafts = Vec::new();
        for (id, resource) in named {
            if !self.wanted(&resource, scope) {
                absent.insert(id);
                continue;
            }
            let place = name_place(&resource);
            let node = self.fill(&resource, scope);
            drafts.push(Draft {
                node,
                app: choice.app.clone(),
                place,
            });
        }
        drafts
    }

    /// The resource with its name filled, as overlays and references name it.
    fn named(&mut self, resource: &Node, scope: &Scope) -> Node {
        let mut resource = resource.clone();
        if let Content::Map(entries) = &mut resource.content {
            for entry in entries
                .iter_mut()
                .filter(|entry| entry.key == "name" || entry.key == "path")
            {
                // A fault is told when all of the resource is filled.
                let mut later = Report::default();
                let sources = self.shelf.sources.borrow();
                let filled = self.filler.fill(&entry.value, scope, &sources, &mut later);
                if later.errors() == 0 {
                    entry.value = filled;
                }
            }
        }
        resource
    }

    fn find(
        &mut self,
        reference: &Node,
        named: &[(String, Node)],
        choice: &Choice,
        scope: &Scope,
    ) -> Option<usize> {
        let reference = self.fill(reference, scope);
        let id = normal(section::text(&reference, "a resource", self.report)?);
        let at = named.iter().position(|(known, _)| *known == id);
        if at.is_none() {
            let found = Finding::error("unknown-reference", format!("the app {} has no {id}", choice.app));
            let known = named.iter().map(|(id, _)| id.as_str());
            self.report.push(found.at(reference.place).suggest(&id, known));
        }
        at
    }

    fn wanted(&mut self, resource: &Node, scope: &Scope) -> bool {
        let Some(when) = resource.get("when").filter(|when| when.content != Content::Null) else {
            return true;
        };
        let when = self.fill(when, scope);
        section::flag(&when, "when", self.report).unwrap_or(false)
    }

    fn resource(&mut self, draft: Draft, scope: &Scope) -> Option<Ready> {
        let before = self.report.errors();
        let node = &draft.node;
        let kind_name = node.get("kind")?.text()?;
        let kind = self.project.catalog.kind(kind_name)?;
        let own_keep = self.project.own_keep.contains(kind_name);
        let mut spec = serde_json::Map::new();
        let mut references = Vec::new();
        let (mut keep, mut ignore) = (false, Vec::new());
        for entry in node.entries() {
            let value = &entry.value;
            let relation = RELATIONS.iter().find(|(key, _)| *key == entry.key);
            match entry.key.as_str() {
                _ if value.content == Content::Refused => {}
                "kind" | "when" => {}
                "keep" if !own_keep || matches!(value.content, Content::Flag(_)) => {
                    keep = section::flag(value, "keep", self.report).unwrap_or(false);
                }
                "ignore" => ignore = section::texts(value, "ignore", self.report),
                _ => match relation {
                    Some((key, relation)) => {
                        for item in section::list(value, key, self.report) {
                            references.push((*relation, item.clone()));
                        }
                    }
                    None => drop(spec.insert(entry.key.clone(), value.to_json())),
                },
            }
        }
        if self.report.errors() > before || node.entries().iter().any(|e| e.value.content == Content::Refused)
        {
            return None;
        }
        let files = Filled {
            shelf: self.shelf,
            filler: self.filler,
            scope,
            faults: Default::default(),
        };
        let loaded = match kind.load(&Value::Object(spec), &files) {
            Ok(loaded) => loaded,
            Err(errors) => {
                let faults = files.faults.take();
                for error in errors {
                    let place = node.place_of(&error.path, error.code == "unknown-field");
                    // A fault inside a template is told where it is, not where the template is named.
                    let finding = match faults.iter().find(|(told, _)| error.message.contains(told)) {
                        Some((_, fault)) => fault.clone().related("the template is used here", place),
                        None => {
                            let known = kind.schema();
                            let known = known.get("properties").and_then(Value::as_object);
                            let found = Finding::error(error.code, format!("{kind_name}: {}", error.message))
                                .at(place);
                            match (error.help, error.code, error.path.last(), known) {
                                (Some(help), ..) => found.help(help),
                                (None, "unknown-field", Some(wrong), Some(known)) => {
                                    found.suggest(wrong, known.keys().map(String::as_str).chain(COMMON))
                                }
                                _ => found,
                            }
                        }
                    };
                    self.report.push(finding);
                }
                return None;
            }
        };
        let id = match ResourceId::new(kind_name, loaded.name) {
            Ok(id) => id,
            Err(error) => {
                self.report
                    .push(Finding::error("bad-value", error.to_string()).at(draft.place));
                return None;
            }
        };
        for (digest, bytes) in loaded.bytes {
            self.contents.insert(digest, bytes);
        }
        let remote = loaded.contents.iter().filter(|content| content.url.is_some());
        self.downloads.extend(remote.cloned());
        let resource = Resource {
            id,
            app: draft.app,
            spec: loaded.spec,
            after: Vec::new(),
            restart_on: Vec::new(),
            reload_on: Vec::new(),
            contents: loaded.contents,
            keep,
            ignore,
        };
        Some(Ready {
            alias: identity(node).unwrap_or_default(),
            resource,
            place: draft.place,
            references,
        })
    }

    /// Resolves references between all resources of a target, and sorts them.
    fn settle(&mut self, ready: Vec<Ready>, absent: &BTreeSet<String>) -> Vec<Resource> {
        let mut places: BTreeMap<ResourceId, Place> = BTreeMap::new();
        let mut unique = Vec::new();
        for item in ready {
            let id = item.resource.id.clone();
            if let Some(first) = places.get(&id) {
                let found = Finding::error("duplicate-name", format!("{id} is given twice on this target"));
                self.report
                    .push(found.at(item.place).related("first given here", *first));
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
        let whole = self.report.errors() == 0;
        let mut edges: BTreeMap<ResourceId, BTreeSet<ResourceId>> = BTreeMap::new();
        let mut resources = Vec::new();
        for item in unique {
            let mut resource = item.resource;
            for (relation, node) in &item.references {
                let Some(text) = section::text(node, "a reference", self.report) else {
                    continue;
                };
                let written = normal(text);
                let Some(id) = known.get(&written) else {
                    // With a resource missing for a fault of its own, a name may seem unknown that is not.
                    if whole && !absent.contains(&written) {
                        let found = Finding::error(
                            "unknown-reference",
                            format!("there is no resource {text:?} here"),
                        );
                        let found = match written.parse::<ResourceId>() {
                            Ok(_) => found,
                            Err(error) => found.help(error.to_string()),
                        };
                        self.report.push(
                            found
                                .at(node.place)
                                .suggest(&written, known.keys().map(String::as_str)),
                        );
                    }
                    continue;
                };
                if *id == resource.id {
                    let found = Finding::error("cycle", format!("{id} names itself")).at(node.place);
                    self.report.push(found);
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
            self.report
                .push(found.help("take one of their after, restartOn or reloadOn away"));
        }
        resources.sort_by(|a, b| a.id.cmp(&b.id));
        resources
    }

    fn checks(&mut self, app: &App, choice: &Choice, scope: &Scope) -> Vec<Check> {
        let nodes: Vec<_> = app.checks.iter().map(|node| self.fill(node, scope)).collect();
        check::read(&nodes, &choice.app, self.report)
    }
}

/// The fields that every kind has.
pub(crate) const COMMON: [&str; 7] = ["kind", "after", "restartOn", "reloadOn", "keep", "ignore", "when"];
