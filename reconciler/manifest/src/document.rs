//! Which files hold documents, and what kind each document is.

use crate::{
    diagnostic::{Finding, Report},
    node::Node,
    place::{Place, Sources},
    section::{self, Section},
    yaml,
};
use evenkeel_model::{EntryKind, Tree};
use std::str::FromStr;

/// What every document's `apiVersion` is.
pub const API_VERSION: &str = "evenkeel.dev/v1";
/// All documents of a repository together have at most so many bytes.
const MAX_TOTAL: u64 = 16 * 1024 * 1024;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    Project,
    Environment,
    App,
}

/// A document with its head read.
pub(crate) struct Document<N> {
    pub(crate) name: N,
    /// Where the name is written.
    pub(crate) place: Place,
    pub(crate) spec: Node,
}

/// Every document of a repository whose head could be read.
#[derive(Default)]
pub(crate) struct Documents {
    pub(crate) projects: Vec<Document<evenkeel_model::ProjectName>>,
    pub(crate) environments: Vec<Document<evenkeel_model::EnvironmentName>>,
    pub(crate) apps: Vec<Document<evenkeel_model::AppName>>,
}

/// Whether a path is read for documents: YAML, in no hidden directory, and in none called `files`, which holds raw
/// material.
#[must_use]
pub fn is_document(path: &str) -> bool {
    let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    yaml && !name.starts_with('.')
        && !directories
            .split('/')
            .any(|part| part.starts_with('.') || part == "files")
}

/// Reads every document.
pub(crate) fn read_all(tree: &dyn Tree, sources: &mut Sources, report: &mut Report) -> Documents {
    let mut documents = Documents::default();
    let mut total = 0;
    for entry in tree.entries().iter().filter(|entry| is_document(&entry.path)) {
        if entry.kind != EntryKind::File {
            let what = if entry.kind == EntryKind::Symlink {
                "a symbolic link"
            } else {
                "a submodule"
            };
            let found = Finding::warning("not-followed", format!("this is {what}, which is never followed"));
            report.push(found.file(&entry.path));
            continue;
        }
        if entry.size > yaml::MAX_BYTES {
            report.incomplete = true;
            report.push(yaml::too_large(&entry.path, entry.size));
            continue;
        }
        total += entry.size;
        if total > MAX_TOTAL {
            report.incomplete = true;
            let message = format!(
                "all documents together have more than {} MiB",
                MAX_TOTAL / 1024 / 1024
            );
            report.push(Finding::error("too-large", message).file(&entry.path));
            break;
        }
        match tree.read(&entry.path) {
            Ok(bytes) => {
                for node in yaml::parse(&entry.path, &bytes, sources, report) {
                    documents.add(&node, report);
                }
            }
            Err(error) => {
                report.incomplete = true;
                report.push(Finding::error("unreadable", error.to_string()).file(&entry.path));
            }
        }
    }
    documents
}

impl Documents {
    fn add(&mut self, node: &Node, report: &mut Report) {
        if node.content == crate::node::Content::Null {
            return;
        }
        let known = ["apiVersion", "kind", "metadata", "spec"];
        let before = report.errors();
        let section = Section::open(node, "a document", &known, report);
        if self.head(section, report).is_none() && report.errors() > before {
            // What it would have defined is not known: names that seem unknown are not to be told.
            report.incomplete = true;
        }
    }

    fn head(&mut self, section: Option<Section<'_>>, report: &mut Report) -> Option<()> {
        let section = section?;
        let version = section.need("apiVersion", report);
        let kind = section.need("kind", report);
        let metadata = section.need("metadata", report);
        if let Some(node) = version
            && let Some(text) = section::text(node, "apiVersion", report)
            && text != API_VERSION
        {
            let found =
                Finding::error("bad-value", format!("apiVersion {text:?} is not known")).at(node.place);
            report.push(found.help(format!(
                "write {API_VERSION}; raw files belong in a directory called files"
            )));
        }
        let kinds = [
            ("Project", DocumentKind::Project),
            ("Environment", DocumentKind::Environment),
            ("App", DocumentKind::App),
        ];
        let kind = section::choice(kind?, "kind", &kinds, report)?;
        let metadata = Section::open(metadata?, "metadata", &["name"], report)?;
        let name = metadata.need("name", report)?;
        let spec = section
            .get("spec")
            .cloned()
            .unwrap_or_else(|| Node::empty(name.place));
        match kind {
            DocumentKind::Project => push(&mut self.projects, name, spec, report),
            DocumentKind::Environment => push(&mut self.environments, name, spec, report),
            DocumentKind::App => push(&mut self.apps, name, spec, report),
        }
    }
}

fn push<N>(documents: &mut Vec<Document<N>>, name: &Node, spec: Node, report: &mut Report) -> Option<()>
where
    N: FromStr + PartialEq + std::fmt::Display,
    N::Err: std::fmt::Display,
{
    let place = name.place;
    let name: N = section::parsed(name, "name", report)?;
    if let Some(first) = documents.iter().find(|document| document.name == name) {
        let found = Finding::error("duplicate-name", format!("the name {name} is taken"));
        report.push(found.at(place).related("first given here", first.place));
        return Some(());
    }
    documents.push(Document { name, place, spec });
    Some(())
}
