//! An app's resources for one target, before their kinds read them: the environment's overlay, and `when`.

use crate::{
    app::{App, identity, is_resource, name_place, normal},
    diagnostic::{Finding, Report},
    environment::Choice,
    node::{Content, Node},
    render::{Draft, Work},
    section,
    template::Scope,
};
use std::collections::BTreeSet;

impl Work<'_> {
    /// The app's resources with the environment's overlay, templates filled. Ids of resources that the manifest
    /// knows and this target does not get go to `absent`: naming them is no error.
    pub(crate) fn drafts(
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
}
