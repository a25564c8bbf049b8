//! `evenkeel validate`, `render` and `schema`: a manifest folder, offline.

use crate::{
    arguments::{Common, OneEnvironment},
    failure::{Failure, OrFail as _},
    output,
};
use evenkeel_git::WorkTree;
use evenkeel_manifest::{Diagnostic, RenderInput, listing, load};
use evenkeel_model::EnvironmentName;
use std::path::{Path, PathBuf};

fn folder(common: &Common) -> PathBuf {
    common.project.clone().unwrap_or_else(|| PathBuf::from("."))
}

fn scan(folder: &Path) -> Result<WorkTree, Failure> {
    WorkTree::scan(folder)
        .map_err(|error| Failure::new(error.code(), error).help("say which folder with -C FOLDER"))
}

/// Whether the folder holds a project.
pub(crate) fn is_project(folder: &Path) -> bool {
    WorkTree::scan(folder).is_ok_and(|tree| load(&tree, evenkeel_kinds::catalog()).0.name().is_some())
}

/// The environments of the folder's project.
pub(crate) fn names(folder: &Path) -> Result<Vec<EnvironmentName>, Failure> {
    let tree = scan(folder)?;
    let (project, found) = load(&tree, evenkeel_kinds::catalog());
    if found.iter().any(Diagnostic::is_error) {
        return Err(Failure::new(
            "manifest-invalid",
            format!("the manifests have faults\n{}", listing(&found, false)),
        ));
    }
    Ok(project.environments().map(|one| one.name.clone()).collect())
}

/// Every fault of the folder, or that there is none.
pub(crate) fn validate(common: &Common) -> Result<u8, Failure> {
    let folder = folder(common);
    let tree = scan(&folder)?;
    let found = evenkeel_manifest::validate(&tree, evenkeel_kinds::catalog());
    let failed = found.iter().any(Diagnostic::is_error);
    if common.json {
        output::json(&found)?;
    } else if found.is_empty() {
        let (project, _) = load(&tree, evenkeel_kinds::catalog());
        let names: Vec<_> = project.environments().map(|one| one.name.to_string()).collect();
        output::print(&format!(
            "{}: valid; environments: {}",
            folder.display(),
            names.join(", ")
        ));
    } else {
        output::print(&listing(&found, output::colour(common, &std::io::stdout())));
    }
    Ok(u8::from(failed))
}

/// What an environment comes to. Facts of targets are not asked for here.
pub(crate) fn render(common: &Common, one: &OneEnvironment) -> Result<u8, Failure> {
    let tree = scan(&folder(common))?;
    let (project, found) = load(&tree, evenkeel_kinds::catalog());
    let known: Vec<_> = project.environments().map(|one| one.name.to_string()).collect();
    if !found.iter().any(Diagnostic::is_error) && !known.iter().any(|name| *name == one.environment.as_str())
    {
        return Err(super::no_such_environment(&one.environment, &known));
    }
    match project.render(&one.environment, &RenderInput::default()) {
        Ok(rendered) if common.json => output::json(&rendered.snapshot).map(|()| 0),
        Ok(rendered) => {
            output::print(&rendered.to_yaml().or_fail("no-yaml", "the snapshot")?);
            Ok(0)
        }
        Err(found) => {
            if common.json {
                output::json(&found)?;
            } else {
                output::note(&listing(&found, output::colour(common, &std::io::stderr())));
            }
            Ok(1)
        }
    }
}

/// The JSON Schema of manifests.
pub(crate) fn schema() -> Result<u8, Failure> {
    output::json(&evenkeel_manifest::schema(evenkeel_kinds::catalog())).map(|()| 0)
}
