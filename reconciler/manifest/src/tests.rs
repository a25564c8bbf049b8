//! The room as a whole: repositories in, snapshots and diagnostics out.

use crate::{Diagnostic, Project, RenderInput, Rendered, listing, load, validate};
use evenkeel_model::{
    Catalog, ContentRef, Digest, Entry, EntryKind, EnvironmentName, Fidelity, FieldError, Fields, Files,
    Kind, Links, Loaded, Observation, Predicted, Probe, Resource, Tree, TreeError,
    kind::{Change, Steps},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

mod fault;
mod limit;
mod rendering;
mod repository;

/// A tree in memory.
pub(crate) struct Memory {
    entries: Vec<Entry>,
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Memory {
    pub(crate) fn new<T: AsRef<[u8]>>(files: impl IntoIterator<Item = (impl Into<String>, T)>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path.into(), Arc::from(bytes.as_ref())));
        let files: BTreeMap<String, Arc<[u8]>> = files.collect();
        let entry = |(path, bytes): (&String, &Arc<[u8]>)| Entry {
            path: path.clone(),
            kind: EntryKind::File,
            size: bytes.len() as u64,
        };
        let entries = files.iter().map(entry).collect();
        Self { entries, files }
    }

    /// A tree written as one text: `=== path` begins a file.
    pub(crate) fn text(text: &str) -> Self {
        let mut files: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("=== ") {
                Some(path) => files.push((path.to_owned(), String::new())),
                None => {
                    if let Some((_, content)) = files.last_mut() {
                        content.push_str(line);
                        content.push('\n');
                    }
                }
            }
        }
        Self::new(files)
    }
}

impl Tree for Memory {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| TreeError::Missing(path.to_owned()))
    }
}

/// Two kinds that read just enough: `File` (path, content or template, mode) and `Unit` (name, running, keep).
pub(crate) struct Toys;
struct Toy {
    name: &'static str,
    key: &'static str,
    fields: &'static [&'static str],
}
static FILE: Toy = Toy {
    name: "File",
    key: "path",
    fields: &["path", "content", "template", "mode", "url"],
};
static UNIT: Toy = Toy {
    name: "Unit",
    key: "name",
    fields: &["name", "running", "keep"],
};

impl Catalog for Toys {
    fn kind(&self, name: &str) -> Option<&dyn Kind> {
        [&FILE, &UNIT]
            .into_iter()
            .find(|kind| kind.name == name)
            .map(|kind| kind as &dyn Kind)
    }
    fn names(&self) -> Vec<&'static str> {
        vec!["File", "Unit"]
    }
}

impl Kind for Toy {
    fn name(&self) -> &'static str {
        self.name
    }
    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }
    fn schema(&self) -> Value {
        let properties: serde_json::Map<_, _> = self
            .fields
            .iter()
            .map(|field| ((*field).to_owned(), json!({})))
            .collect();
        json!({ "type": "object", "properties": properties, "required": [self.key] })
    }
    fn load(&self, spec: &Value, files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let mut faults = Vec::new();
        for (field, value) in spec.as_object().unwrap() {
            if !self.fields.contains(&field.as_str()) {
                faults.push(FieldError::new(
                    "unknown-field",
                    &[field],
                    format!("there is no field `{field}`"),
                ));
            }
            if field == "mode" && !value.is_string() {
                faults.push(FieldError::new("wrong-type", &["mode"], "mode must be text").help("quote it"));
            }
        }
        let mut loaded = Loaded {
            spec: spec.clone(),
            ..Loaded::default()
        };
        match spec.get(self.key).and_then(Value::as_str) {
            Some(name) => loaded.name = name.to_owned(),
            None => faults.push(FieldError::new(
                "missing-field",
                &[self.key],
                format!("`{}` is missing", self.key),
            )),
        }
        let content = spec
            .get("content")
            .and_then(Value::as_str)
            .map(|text| Ok(text.to_owned()));
        let filled = spec
            .get("template")
            .and_then(Value::as_str)
            .map(|path| files.fill(path));
        match filled.or(content) {
            Some(Ok(text)) => {
                let digest = Digest::of(text.as_bytes());
                loaded.bytes.push((digest, Arc::from(text.as_bytes())));
                loaded.contents.push(ContentRef {
                    digest,
                    url: spec.get("url").and_then(Value::as_str).map(str::to_owned),
                    secret: false,
                });
            }
            Some(Err(why)) => faults.push(FieldError::new("no-such-file", &["template"], why)),
            None => {}
        }
        if faults.is_empty() {
            Ok(loaded)
        } else {
            Err(faults)
        }
    }
    fn links(&self, _: &Resource) -> Links {
        Links::default()
    }
    fn probes(&self, _: &Resource) -> Vec<Probe> {
        Vec::new()
    }
    fn desired(&self, _: &Resource) -> Option<Fields> {
        None
    }
    fn observe(&self, _: &Resource, _: &Observation, _: &Predicted) -> Result<Option<Fields>, String> {
        Ok(None)
    }
    fn steps(&self, _: &Resource, _: &Change<'_>) -> Steps {
        Steps::default()
    }
    fn prune(&self, _: &Resource, _: &Fields) -> Steps {
        Steps::default()
    }
}

pub(crate) fn render(project: &Project<'_>, environment: &str) -> Result<Rendered, Vec<Diagnostic>> {
    project.render(
        &EnvironmentName::new(environment).unwrap(),
        &RenderInput::default(),
    )
}

/// A project with one app and one environment around these resources.
pub(crate) fn with_resources(resources: &str) -> Memory {
    Memory::text(&format!(
        "=== m.yaml
apiVersion: evenkeel.dev/v1
kind: Project
metadata: {{ name: p }}
---
apiVersion: evenkeel.dev/v1
kind: Environment
metadata: {{ name: dev }}
spec:
  targets: [{{ name: t, local: {{ root: /t }} }}]
  apps: [{{ app: a, version: 1.10 }}]
=== apps/a.yaml
apiVersion: evenkeel.dev/v1
kind: App
metadata: {{ name: a }}
spec:
  values: {{ port: 8080, words: [x, y], name: web }}
  resources:
{resources}"
    ))
}

pub(crate) fn told(tree: &Memory) -> String {
    listing(&validate(tree, &Toys), false)
}

/// The one resource of the one target.
pub(crate) fn first_spec(tree: &Memory) -> Value {
    let (project, found) = load(tree, &Toys);
    assert!(found.is_empty(), "{}", listing(&found, false));
    let rendered = render(&project, "dev").map_err(|found| listing(&found, false));
    rendered
        .unwrap_or_else(|found| panic!("{found}"))
        .snapshot
        .targets[0]
        .resources[0]
        .spec
        .clone()
}
