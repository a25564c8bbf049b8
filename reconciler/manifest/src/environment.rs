//! An environment: its settings, its targets, and the apps that it chooses for them.

use crate::{
    app::App,
    diagnostic::{Finding, Report},
    document::Document,
    node::{Content, Node},
    place::{Place, Sources},
    section::{self, Section},
    settings, target,
    template::{Filler, Scope},
};
use evenkeel_model::{AppName, EnvironmentName, ProjectName, Settings, Target, TargetName};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An environment as it is written, its settings and targets read.
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// How it is kept.
    pub settings: Settings,
    /// Its servers, in the order of the manifest; those with errors are left out.
    pub targets: Vec<Target>,
    pub(crate) target_places: Vec<Place>,
    pub(crate) target_values: BTreeMap<TargetName, Node>,
    pub(crate) values: Option<Node>,
    pub(crate) apps: Vec<Choice>,
}

/// An app that an environment chooses.
pub(crate) struct Choice {
    pub(crate) app: AppName,
    pub(crate) place: Place,
    pub(crate) version: Option<Node>,
    pub(crate) on: BTreeMap<String, String>,
    pub(crate) values: Option<Node>,
    pub(crate) overlay: Overlay,
}

/// What an environment does otherwise than an app says.
#[derive(Default)]
pub(crate) struct Overlay {
    pub(crate) add: Vec<Node>,
    /// Which resource, and the fields laid over it.
    pub(crate) change: Vec<(Node, Node)>,
    pub(crate) drop: Vec<Node>,
}

/// What all environments of a project share.
pub(crate) struct Common<'a> {
    pub(crate) project: Option<&'a ProjectName>,
    pub(crate) values: &'a Node,
    pub(crate) defaults: &'a Node,
    pub(crate) apps: &'a BTreeMap<AppName, App>,
}

/// The names that hold in a whole environment.
pub(crate) fn names(project: Option<&ProjectName>, environment: &EnvironmentName) -> Map<String, Value> {
    let mut names = Map::new();
    names.insert("project".into(), json!({ "name": project }));
    names.insert("environment".into(), json!({ "name": environment }));
    names
}

impl Environment {
    pub(crate) fn read(
        document: Document<EnvironmentName>,
        common: &Common<'_>,
        filler: &Filler,
        sources: &Sources,
        report: &mut Report,
    ) -> Self {
        let mut environment = Self {
            name: document.name,
            settings: Settings::default(),
            targets: Vec::new(),
            target_places: Vec::new(),
            target_values: BTreeMap::new(),
            values: None,
            apps: Vec::new(),
        };
        let known: Vec<_> = settings::FIELDS
            .into_iter()
            .chain(["values", "targets", "apps"])
            .collect();
        let Some(section) = Section::open(&document.spec, "an Environment", &known, report) else {
            return environment;
        };
        environment.values = section
            .get("values")
            .filter(|node| section::is_map(node, "values", report))
            .cloned();
        let mut names = names(common.project, &environment.name);
        names.insert(
            "values".into(),
            environment.early_values(None, common, &names, filler, sources),
        );

        let mut spec = Node::empty(document.place);
        for layer in [common.defaults, &document.spec] {
            let entries = layer
                .entries()
                .iter()
                .filter(|entry| settings::FIELDS.contains(&entry.key.as_str()));
            let layer = Node {
                content: Content::Map(entries.cloned().collect()),
                place: document.place,
            };
            spec.overlay(&layer);
        }
        let scope = Scope::new(&Value::Object(names.clone()), None);
        environment.settings = settings::read(&filler.fill(&spec, &scope, sources, report), report);

        if let Some(node) = section.get("targets") {
            for node in section::list(node, "targets", report) {
                environment.add_target(node, common, &names, filler, sources, report);
            }
        }
        if let Some(node) = section.get("apps") {
            for node in section::list(node, "apps", report) {
                environment.apps.extend(Choice::read(node, common.apps, report));
            }
        }
        environment.check_labels(report);
        environment
    }

    /// Values as far as they can be filled before a target is known.
    fn early_values(
        &self,
        target: Option<&Node>,
        common: &Common<'_>,
        names: &Map<String, Value>,
        filler: &Filler,
        sources: &Sources,
    ) -> Value {
        let mut values = common.values.clone();
        for layer in self.values.iter().chain(target) {
            values.overlay(layer);
        }
        let mut names = names.clone();
        names.remove("values");
        // Those that need a target or an app are told when they are filled for one.
        let mut later = Report::default();
        filler
            .fill(
                &values,
                &Scope::new(&Value::Object(names), None),
                sources,
                &mut later,
            )
            .to_json()
    }

    fn add_target(
        &mut self,
        node: &Node,
        common: &Common<'_>,
        names: &Map<String, Value>,
        filler: &Filler,
        sources: &Sources,
        report: &mut Report,
    ) {
        let Some(name) = target::name(node, report) else {
            return;
        };
        let place = node.get("name").map_or(node.place, |name| name.place);
        let values = node
            .get("values")
            .filter(|values| values.content != Content::Null);
        let values = values.filter(|values| section::is_map(values, "values", report));
        let mut names = names.clone();
        names.insert("target".into(), json!({ "name": name }));
        names.insert(
            "values".into(),
            self.early_values(values, common, &names, filler, sources),
        );
        let mut rest = node.clone();
        if let Content::Map(entries) = &mut rest.content {
            entries.retain(|entry| entry.key != "values");
        }
        let filled = filler.fill(&rest, &Scope::new(&Value::Object(names), None), sources, report);
        if let Some(first) = self.targets.iter().position(|target| target.name == name) {
            let found = Finding::error("duplicate-name", format!("target {name} is given twice")).at(place);
            report.push(match self.target_places.get(first) {
                Some(first) => found.related("first given here", *first),
                None => found,
            });
            return;
        }
        if let Some(values) = values {
            self.target_values.insert(name.clone(), values.clone());
        }
        let Some(target) = target::read(&filled, name, report) else {
            return;
        };
        if let Some(first) = self
            .targets
            .iter()
            .position(|other| other.connection == target.connection)
        {
            let message = format!(
                "target {} is the same server as {}",
                target.name, self.targets[first].name
            );
            let found = Finding::error("shared-target", message).at(place);
            report.push(found.related("the other", self.target_places[first]));
        }
        self.targets.push(target);
        self.target_places.push(place);
    }

    /// A choice that reaches no target is likely a slip, and so is a label that only a choice knows.
    fn check_labels(&self, report: &mut Report) {
        let known: BTreeSet<_> = self
            .targets
            .iter()
            .flat_map(|target| target.labels.iter())
            .collect();
        for choice in &self.apps {
            if self.targets.iter().any(|target| choice.is_on(target)) {
                continue;
            }
            let shown: Vec<_> = choice
                .on
                .iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            let found = match shown.is_empty() {
                true => Finding::warning("no-target", format!("{} has no targets", self.name)),
                false => Finding::warning(
                    "no-target",
                    format!("no target has the labels {}", shown.join(", ")),
                ),
            };
            let labels: Vec<_> = known
                .iter()
                .map(|(key, value)| format!("{key}: {value}"))
                .collect();
            let wrong = choice.on.iter().find(|label| !known.contains(label));
            let wrong = wrong
                .map(|(key, value)| format!("{key}: {value}"))
                .unwrap_or_default();
            report.push(
                found
                    .at(choice.place)
                    .suggest(&wrong, labels.iter().map(String::as_str)),
            );
        }
    }
}

impl Choice {
    fn read(node: &Node, apps: &BTreeMap<AppName, App>, report: &mut Report) -> Option<Self> {
        let known = ["app", "version", "on", "values", "overlay"];
        let section = Section::open(node, "an app's entry", &known, report)?;
        let app = section.need("app", report);
        let on = section
            .get("on")
            .map(|node| target::labels(node, "on", report))
            .unwrap_or_default();
        let values = section
            .get("values")
            .filter(|node| section::is_map(node, "values", report))
            .cloned();
        let overlay = section
            .get("overlay")
            .map(|node| Overlay::read(node, report))
            .unwrap_or_default();
        let node = app?;
        let app: AppName = section::parsed(node, "app", report)?;
        if !apps.contains_key(&app) {
            if !report.incomplete {
                let found = Finding::error("unknown-app", format!("there is no app {app}"));
                report.push(
                    found
                        .at(node.place)
                        .suggest(app.as_str(), apps.keys().map(AppName::as_str)),
                );
            }
            return None;
        }
        Some(Self {
            app,
            place: node.place,
            version: section.get("version").cloned(),
            on,
            values,
            overlay,
        })
    }

    /// Whether the app is on this target: all labels are there.
    pub(crate) fn is_on(&self, target: &Target) -> bool {
        self.on
            .iter()
            .all(|(key, value)| target.labels.get(key) == Some(value))
    }
}

impl Overlay {
    fn read(node: &Node, report: &mut Report) -> Self {
        let mut overlay = Self::default();
        let Some(section) = Section::open(node, "overlay", &["add", "change", "drop"], report) else {
            return overlay;
        };
        if let Some(node) = section.get("add") {
            overlay.add = section::list(node, "add", report).to_vec();
        }
        if let Some(node) = section.get("change") {
            for node in section::list(node, "change", report) {
                overlay.change.extend(change(node, report));
            }
        }
        if let Some(node) = section.get("drop") {
            overlay.drop = section::list(node, "drop", report).to_vec();
        }
        overlay
    }
}

fn change(node: &Node, report: &mut Report) -> Option<(Node, Node)> {
    if !section::is_map(node, "a change", report) {
        return None;
    }
    let Some(resource) = node.get("resource") else {
        let found = Finding::error("missing-field", "a change needs the field \"resource\"").at(node.place);
        report.push(found.help("write KIND:NAME, such as File:/etc/motd"));
        return None;
    };
    let mut fields = node.clone();
    if let Content::Map(entries) = &mut fields.content {
        for fixed in entries
            .iter()
            .filter(|e| ["kind", "name", "path"].contains(&e.key.as_str()))
        {
            let message = format!(
                "a change cannot set {:?}: it would be another resource",
                fixed.key
            );
            let found = Finding::error("bad-value", message).at(fixed.key_place);
            report.push(found.help("drop this one and add another"));
        }
        entries.retain(|e| !["resource", "kind", "name", "path"].contains(&e.key.as_str()));
    }
    Some((resource.clone(), fields))
}
