//! The plot of this machine that one fleet stands on: a number, from which all its names and addresses follow.
//!
//! Whatever a fleet makes outside its own processes can be found again by its number alone. So the next fleet can clear
//! what a killed test left behind, and two test runs never meet.

use super::command::{must, run, until, word};
use super::{Trouble, io};
use std::fs::{self, File, TryLockError};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Fleets at once on one machine; each has a /24 of 198.18.0.0/15, which RFC 2544 sets aside for tests of networks.
const PLOTS: u8 = 64;
/// Where plots keep what does not outlive a reboot.
const BASE: &str = "/run/evenkeel-fleet";

/// One fleet's plot; cleared when dropped.
#[derive(Debug)]
pub(super) struct Plot {
    number: u8,
    /// The kernel lets go of it when this process ends, however it ends: a plot whose lock is free is nobody's.
    _lock: File,
}

impl Plot {
    /// Takes the first free plot, clears what stale ones hold, and lays the bridge.
    pub(super) fn claim() -> Result<Self, Trouble> {
        fs::create_dir_all(BASE).map_err(io("make the folder of plots"))?;
        let mut mine = None;
        for number in 0..PLOTS {
            let path = Path::new(BASE).join(format!("{number}.lock"));
            let known = path.exists();
            if !known && mine.is_some() {
                break;
            }
            let lock = File::create(path).map_err(io("open a plot's lock"))?;
            match lock.try_lock() {
                Ok(()) => {
                    clear(number);
                    if mine.is_none() {
                        mine = Some(Self { number, _lock: lock });
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => {
                    return Err(Trouble::Io {
                        what: "take a plot's lock".to_owned(),
                        source,
                    });
                }
            }
        }
        let plot = mine.ok_or(Trouble::Full)?;
        fs::create_dir_all(plot.folder()).map_err(io("make the plot's folder"))?;
        must(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            "mode=0700,size=4g",
            "evenkeel-fleet",
            &word(&plot.folder()),
        ])?;
        must(&["ip", "link", "add", &plot.bridge(), "type", "bridge"])?;
        must(&[
            "ip",
            "address",
            "add",
            &format!("{}/24", plot.gateway()),
            "dev",
            &plot.bridge(),
        ])?;
        must(&["ip", "link", "set", &plot.bridge(), "up"])?;
        Ok(plot)
    }

    /// Memory-backed, for everything this fleet writes.
    pub(super) fn folder(&self) -> PathBuf {
        folder(self.number)
    }

    /// The bridge that all servers' cables end at.
    pub(super) fn bridge(&self) -> String {
        bridge(self.number)
    }

    /// This machine's own address on the bridge.
    pub(super) fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, 1)
    }

    /// The address of the `index`th server.
    pub(super) fn address(&self, index: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, index.saturating_add(11))
    }

    /// The name of the `index`th server's namespace and machine.
    pub(super) fn machine(&self, index: u8) -> String {
        format!("{}{index}", prefix(self.number))
    }

    /// The end on this machine of the `index`th server's cable; at most 15 bytes, the kernel's limit.
    pub(super) fn cable(&self, index: u8) -> String {
        format!("{}v{index}", bridge(self.number))
    }
}

impl Drop for Plot {
    fn drop(&mut self) {
        clear(self.number);
    }
}

fn folder(number: u8) -> PathBuf {
    Path::new(BASE).join(number.to_string())
}

fn bridge(number: u8) -> String {
    format!("ekf{number}")
}

fn prefix(number: u8) -> String {
    format!("ekf{number}-")
}

/// Removes whatever stands on a plot. Nothing to remove is fine, and what resists is left for the next attempt.
fn clear(number: u8) {
    let _ = until(Duration::from_secs(10), || {
        let mut left = nspawns(number);
        for namespace in namespaces(number) {
            left.extend(inhabitants(&namespace));
        }
        end(&left);
        left.is_empty()
    });
    for namespace in namespaces(number) {
        quietly(&["ip", "netns", "delete", &namespace]);
    }
    // A deleted namespace lives on while another fleet's mounts still show it, and its cable with it.
    for link in links(number) {
        quietly(&["ip", "link", "delete", &link]);
    }
    for mount in mounts(number) {
        if !run(&["umount", &mount], Duration::from_secs(10)).is_ok_and(|outcome| outcome.ok()) {
            quietly(&["umount", "--lazy", &mount]);
        }
    }
    // A killed nspawn leaves an empty folder per machine.
    if let Ok(entries) = fs::read_dir("/run/systemd/nspawn/propagate") {
        for entry in entries.flatten() {
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(&prefix(number)))
            {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
    // Only an empty folder: if a mount resisted, what is below it stays.
    let _ = fs::remove_dir(folder(number));
}

fn quietly(argv: &[&str]) {
    let _ = run(argv, Duration::from_secs(10));
}

/// SIGKILL, by the shell's own `kill`: Debian's minimal systems have no other.
pub(super) fn end(pids: &[u32]) {
    signal("KILL", pids);
}

/// Sends a signal to processes; those already gone are no trouble.
pub(super) fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let mut argv = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        "kill -s \"$@\" 2>/dev/null".to_owned(),
        "kill".to_owned(),
    ];
    argv.push(name.to_owned());
    argv.extend(pids.iter().map(u32::to_string));
    let _ = run(&argv, Duration::from_secs(5));
}

/// The network namespaces of a plot.
fn namespaces(number: u8) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix(number)))
        .collect()
}

/// The processes in a network namespace: a server's, from its first one on.
pub(super) fn inhabitants(namespace: &str) -> Vec<u32> {
    run(&["ip", "netns", "pids", namespace], Duration::from_secs(5))
        .map(|outcome| {
            outcome
                .stdout
                .lines()
                .filter_map(|line| line.trim().parse().ok())
                .collect()
        })
        .unwrap_or_default()
}

/// The plot's bridge and the cables on it.
fn links(number: u8) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else {
        return Vec::new();
    };
    let cables = format!("{}v", bridge(number));
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| *name == bridge(number) || name.starts_with(&cables))
        .collect()
}

/// The plot's systemd-nspawn processes, known by their own `--machine=` argument and nothing looser.
fn nspawns(number: u8) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let machine = format!("--machine={}", prefix(number));
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok())
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            words
                .next()
                .is_some_and(|program| program.ends_with("systemd-nspawn"))
                && words.any(|argument| argument.starts_with(&machine))
        })
        .collect()
}

/// What is mounted in a plot's folder, the innermost first.
fn mounts(number: u8) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let here = word(&folder(number));
    let mut found: Vec<String> = table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|path| *path == here || path.starts_with(&format!("{here}/")))
        .map(str::to_owned)
        .collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_plot_takes_anothers_servers_for_its_own() {
        for number in 0..PLOTS {
            for other in (0..PLOTS).filter(|other| *other != number) {
                assert!(!prefix(other).starts_with(&prefix(number)), "{number} {other}");
            }
        }
    }
}
