//! Whether this machine can carry a fleet at all.

use super::command::{on_path, run};
use std::time::Duration;

/// What a fleet is made with, and the Debian package that brings it.
const TOOLS: [(&str, &str); 9] = [
    ("systemd-nspawn", "systemd-container"),
    ("debootstrap", "debootstrap"),
    ("dpkg-deb", "dpkg"),
    ("dpkg-scanpackages", "dpkg-dev"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
];

/// `Err` says what stands in the way, in words for the one who reads the test's output.
pub(super) fn check() -> Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err("servers are Linux namespaces, and this is not Linux".to_owned());
    }
    let me = run(&["id", "-u"], Duration::from_secs(5)).map_err(|trouble| trouble.to_string())?;
    if me.stdout.trim() != "0" {
        return Err("needs root, to make namespaces and network links".to_owned());
    }
    let missing: Vec<String> = TOOLS
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(program, package)| format!("{program} (package {package})"))
        .collect();
    if !missing.is_empty() {
        return Err(format!("missing: {}", missing.join(", ")));
    }
    // Root inside a container is often not allowed to.
    let namespaces = run(&["unshare", "--mount", "--net", "true"], Duration::from_secs(5));
    if !namespaces.is_ok_and(|outcome| outcome.ok()) {
        return Err("this root may not make namespaces (a container without privileges?)".to_owned());
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.split_whitespace().any(|word| word == "overlay") {
        // Not fatal where it is a module yet to be loaded; the mount would load it.
        let loaded = run(&["modprobe", "overlay"], Duration::from_secs(10));
        if !loaded.is_ok_and(|outcome| outcome.ok()) {
            return Err("this kernel has no overlay file system".to_owned());
        }
    }
    Ok(())
}
