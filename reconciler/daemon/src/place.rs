//! Where things are: state, socket, manifest folder.

use crate::{arguments::Common, failure::Failure};
use std::path::{Path, PathBuf};

/// Where state is kept when nothing is said: the systemd convention for root (file-hierarchy(7)), XDG for others.
pub(crate) fn state(common: &Common) -> Result<PathBuf, Failure> {
    if let Some(state) = &common.state {
        return std::path::absolute(state).map_err(|error| Failure::new("bad-state-folder", error));
    }
    if is_root() {
        return Ok(PathBuf::from("/var/lib/evenkeel"));
    }
    let base = match std::env::var_os("XDG_STATE_HOME") {
        Some(base) if Path::new(&base).is_absolute() => PathBuf::from(base),
        _ => PathBuf::from(std::env::var_os("HOME").ok_or_else(|| {
            Failure::new("no-home", "neither HOME nor XDG_STATE_HOME is set").help("say --state FOLDER")
        })?)
        .join(".local/state"),
    };
    Ok(base.join("evenkeel"))
}

/// The service's socket.
pub(crate) fn socket(common: &Common) -> Result<PathBuf, Failure> {
    match &common.socket {
        Some(socket) => Ok(socket.clone()),
        None => Ok(state(common)?.join("evenkeel.sock")),
    }
}

/// Whether this is root, by the owner of our own process folder; false where there is none.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Who is asking, as recorded: the login name, or the user number.
pub(crate) fn actor() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .map_or_else(
            || {
                if is_root() {
                    "root".into()
                } else {
                    "someone".into()
                }
            },
            |name| name.chars().filter(|c| !c.is_control()).take(64).collect(),
        )
}
