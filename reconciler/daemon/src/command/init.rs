//! `evenkeel init`: a commented project to begin with.

use crate::{
    arguments::{Common, Init},
    failure::{Failure, OrFail as _},
    output,
};
use std::fs;

/// Writes it; files that are there are not touched, and nothing is written then.
pub(crate) fn run(common: &Common, told: &Init) -> Result<u8, Failure> {
    let files = evenkeel_manifest::starter();
    for (path, _) in &files {
        let path = told.folder.join(path);
        if path.exists() {
            return Err(
                Failure::new("file-in-the-way", format!("{} is there already", path.display()))
                    .help("nothing was written; say another folder"),
            );
        }
    }
    for (path, text) in &files {
        let path = told.folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).or_fail("no-folder", parent.display())?;
        }
        fs::write(&path, text).or_fail("no-file", path.display())?;
        if !common.json {
            output::print(&format!("wrote {}", path.display()));
        }
    }
    if common.json {
        let wrote: Vec<_> = files.iter().map(|(path, _)| path).collect();
        output::json(&serde_json::json!({ "folder": told.folder, "wrote": wrote }))?;
        return Ok(0);
    }
    output::print(&format!(
        "check it: evenkeel validate -C {}",
        told.folder.display()
    ));
    Ok(0)
}
