//! What stands for a tar archive on simulated servers: a JSON mapping of names to texts, so that no test needs tar.

use std::collections::BTreeMap;

/// The bytes of an archive with these files.
#[must_use]
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    serde_json::to_vec(&files).unwrap_or_default()
}

/// The files of such an archive.
pub(crate) fn entries(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let files: BTreeMap<String, String> =
        serde_json::from_slice(bytes).map_err(|_| "this is no archive".to_owned())?;
    match files
        .keys()
        .find(|name| name.starts_with('/') || name.split('/').any(|part| part == ".."))
    {
        Some(name) => Err(format!("{name:?} leads out of the archive")),
        None => Ok(files),
    }
}
