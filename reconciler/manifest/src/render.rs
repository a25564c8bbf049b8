//! An environment rendered: for each target, what its resources come to.

use crate::{
    app::{App, identity},
    check,
    diagnostic::{Diagnostic, Finding, Report},
    environment::{Choice, Environment, names},
    files::{Filled, Shelf},
    node::{Content, Node},
    place::Place,
    project::Project,
    reference::{RELATIONS, Ready, settle},
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
pub(crate) struct Draft {
    pub(crate) node: Node,
    pub(crate) app: AppName,
    pub(crate) place: Place,
}

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

/// One rendering under way.
pub(crate) struct Work<'a> {
    pub(crate) project: &'a Project<'a>,
    environment: &'a Environment,
    pub(crate) shelf: &'a Shelf<'a>,
    pub(crate) filler: &'a Filler,
    pub(crate) report: &'a mut Report,
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
        let resources = settle(ready, &absent, self.report);
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

    pub(crate) fn fill(&mut self, node: &Node, scope: &Scope) -> Node {
        self.filler
            .fill(node, scope, &self.shelf.sources.borrow(), self.report)
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

    fn checks(&mut self, app: &App, choice: &Choice, scope: &Scope) -> Vec<Check> {
        let nodes: Vec<_> = app.checks.iter().map(|node| self.fill(node, scope)).collect();
        check::read(&nodes, &choice.app, self.report)
    }
}

/// The fields that every kind has.
pub(crate) const COMMON: [&str; 7] = ["kind", "after", "restartOn", "reloadOn", "keep", "ignore", "when"];
