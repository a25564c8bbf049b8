//! The repository's files as resource kinds see them: beneath the root, bounded, links never followed.

use crate::{
    diagnostic::Finding,
    place::{Place, Sources},
    suggestion::did_you_mean,
    template::{Filler, MAX_OUTPUT, Scope},
};
use evenkeel_model::{EntryKind, Files, Tree, TreeError};
use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

/// The largest file that a resource may take from the repository, in bytes.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;

/// A file's bytes, or why not.
type Read = Result<Arc<[u8]>, String>;

/// What was read during one rendering, so that the same file on many targets is read once.
pub(crate) struct Shelf<'a> {
    tree: &'a dyn Tree,
    read: RefCell<BTreeMap<String, Read>>,
    templates: RefCell<BTreeMap<String, u32>>,
    pub(crate) sources: RefCell<Sources>,
}

impl<'a> Shelf<'a> {
    pub(crate) fn new(tree: &'a dyn Tree, sources: Sources) -> Self {
        Self {
            tree,
            read: RefCell::default(),
            templates: RefCell::default(),
            sources: RefCell::new(sources),
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        check(path)?;
        if let Some(known) = self.read.borrow().get(path) {
            return known.clone();
        }
        let entries = self.tree.entries();
        let entry = entries.iter().find(|entry| entry.path == path);
        let bytes = match entry {
            Some(entry) if entry.kind == EntryKind::File && entry.size > MAX_FILE => Err(format!(
                "{path:?} has {} bytes; at most {MAX_FILE} are taken from the repository",
                entry.size
            )),
            _ => self.tree.read(path).map_err(|error| self.explain(path, &error)),
        };
        self.read.borrow_mut().insert(path.to_owned(), bytes.clone());
        bytes
    }

    fn explain(&self, path: &str, error: &TreeError) -> String {
        if !matches!(error, TreeError::Missing(_)) {
            return error.to_string();
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let near = self
            .tree
            .entries()
            .iter()
            .map(|entry| entry.path.as_str())
            .filter(|candidate| {
                candidate.ends_with(name)
                    || candidate.rsplit_once('/').map_or("", |(other, _)| other) == directory
            });
        let near: Vec<_> = near.take(500).collect();
        let same_name = near
            .iter()
            .find(|candidate| candidate.rsplit('/').next() == Some(name));
        let guess = same_name
            .map(|guess| (*guess).to_owned())
            .or_else(|| did_you_mean(path, near.iter().copied()));
        match guess {
            Some(guess) => format!("{error}; did you mean {guess:?}?"),
            None => format!("{error}; paths are from the project's root"),
        }
    }
}

fn check(path: &str) -> Result<(), String> {
    let shown: String = path.chars().take(120).collect();
    if path.starts_with('/') {
        return Err(format!(
            "{shown:?} must be a path from the project's root, without a leading slash"
        ));
    }
    let climbs = path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if climbs || path.len() > 4096 || path.contains(['\0', '\\']) {
        return Err(format!(
            "{shown:?} must stay beneath the project's root and have no empty part"
        ));
    }
    Ok(())
}

/// Files with the names that hold for one resource's app on one target.
pub(crate) struct Filled<'a> {
    pub(crate) shelf: &'a Shelf<'a>,
    pub(crate) filler: &'a Filler,
    pub(crate) scope: &'a Scope,
    /// Faults in templates, with the text that the kind was told.
    pub(crate) faults: RefCell<Vec<(String, Finding)>>,
}

impl Files for Filled<'_> {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        self.shelf.read(path)
    }

    fn fill(&self, path: &str) -> Result<String, String> {
        let bytes = self.shelf.read(path)?;
        if bytes.len() > MAX_OUTPUT {
            return Err(format!("the template {path:?} has more than {MAX_OUTPUT} bytes"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| format!("the template {path:?} is not UTF-8"))?;
        self.filler.file(text, self.scope).map_err(|fault| {
            let known = self.shelf.templates.borrow().get(path).copied();
            let mut sources = self.shelf.sources.borrow_mut();
            let file = known.unwrap_or_else(|| sources.add(path, Arc::from(text)));
            self.shelf.templates.borrow_mut().insert(path.to_owned(), file);
            let line = fault.line().unwrap_or(1);
            let told = format!("{path}, line {line}: {}", fault.message());
            let place: Place = sources.line(file, line);
            self.faults
                .borrow_mut()
                .push((told.clone(), fault.finding(place, &sources)));
            told
        })
    }
}
