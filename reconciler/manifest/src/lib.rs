//! Bytes of a manifest repository to resources and diagnostics.
//!
//! [`load`] reads every document of a [`Tree`](evenkeel_model::Tree) into a [`Project`]; [`Project::render`] gives
//! the [`Snapshot`](evenkeel_model::Snapshot) of one environment. Both tell *all* faults, each with its place.
//!
//! **Architecture Invariant:** no IO, no clock, no randomness; files come from a `Tree`, kinds from a `Catalog`.
//! Nothing here runs away: files, nesting, nodes, templates and output are bounded, whatever the repository holds.
//!
//! **Architecture Invariant:** YAML text is never a template; templates fill the strings of parsed documents, so
//! that no value can change a document's shape, and every part of a rendered resource knows its line.

mod app;
mod check;
pub mod diagnostic;
pub mod document;
pub mod environment;
pub mod files;
mod graph;
pub mod listing;
pub mod node;
mod overlay;
pub mod place;
pub mod project;
mod reference;
pub mod render;
mod scalar;
pub mod schema;
mod section;
mod settings;
pub mod starter;
mod suggestion;
mod target;
pub mod template;
#[cfg(test)]
mod tests;
pub mod yaml;

pub use diagnostic::{Diagnostic, Related, Severity};
pub use environment::Environment;
pub use listing::listing;
pub use place::Location;
pub use project::{Project, load};
pub use render::{RenderInput, Rendered};
pub use schema::schema;
pub use starter::starter;

use evenkeel_model::{Catalog, Facts, Tree};

/// Every fault of a repository: loads it, and renders every environment as if each target were a plain Linux server.
#[must_use]
pub fn validate(tree: &dyn Tree, catalog: &dyn Catalog) -> Vec<Diagnostic> {
    let (project, mut found) = load(tree, catalog);
    for environment in project.environments() {
        let facts = environment
            .targets
            .iter()
            .map(|target| (target.name.clone(), usual_facts()));
        let input = RenderInput {
            facts: facts.collect(),
        };
        for fault in project.render_all(environment, &input).1 {
            let same = |known: &Diagnostic| {
                (known.code, &known.message, &known.location) == (fault.code, &fault.message, &fault.location)
            };
            if !found.iter().any(same) && found.len() <= diagnostic::TOLD {
                found.push(fault);
            }
        }
    }
    found.sort_by_key(place);
    found
}

/// Faults of the repository as a whole first, then by place; the count of those that are not shown last.
fn place(found: &Diagnostic) -> (bool, String, u32, u32) {
    let last = found.code == "more";
    match &found.location {
        Some(location) => (last, location.file.clone(), location.line, location.column),
        None => (last, String::new(), 0, 0),
    }
}

/// What a server is taken for while nobody has asked it.
fn usual_facts() -> Facts {
    Facts {
        kernel: "linux".into(),
        arch: "x86_64".into(),
        hostname: "localhost".into(),
        os: "debian".into(),
        os_version: "13".into(),
        cpus: 2,
        memory: 2048,
    }
}
