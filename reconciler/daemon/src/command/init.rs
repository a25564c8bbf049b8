//! `evenkeel init`: a commented project to begin with.

use crate::{
    arguments::Init,
    failure::{Failure, OrFail as _},
    output,
};
use std::fs;

/// Writes it; files that are there are not touched, and nothing is written then.
pub(crate) fn run(told: &Init) -> Result<u8, Failure> {
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
        output::print(&format!("wrote {}", path.display()));
    }
    output::print(&format!(
        "check it: evenkeel validate -C {}",
        told.folder.display()
    ));
    Ok(0)
}
