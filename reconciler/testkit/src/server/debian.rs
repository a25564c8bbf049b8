//! A fresh Debian.

use super::SimServer;
use crate::{
    command::Commands,
    filesystem::FileSystem,
    system::{System, User},
};
use evenkeel_model::{AbsolutePath, Facts, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

impl SimServer {
    /// A fresh Debian, with root, a few packages on offer, and the directories that every Debian has.
    #[must_use]
    pub fn debian() -> Self {
        let mut files = FileSystem::default();
        for text in [
            "/etc/systemd/system",
            "/usr/lib/systemd/system",
            "/usr/bin",
            "/usr/sbin",
            "/var/log",
            "/var/lib",
            "/srv",
            "/home",
            "/root",
            "/opt",
            "/tmp",
            "/run/systemd/system",
        ] {
            if let Ok(path) = AbsolutePath::new(text) {
                files.make_directories(&path);
            }
        }
        let mut system = System::default();
        for (name, number) in [("root", 0), ("adm", 4), ("www-data", 33), ("sudo", 27)] {
            system.groups.insert(name.to_owned(), number);
        }
        for (name, number, home) in [("root", 0, "/root"), ("www-data", 33, "/var/www")] {
            let user = User {
                uid: number,
                gid: number,
                groups: BTreeSet::new(),
                home: home.to_owned(),
                shell: "/bin/sh".to_owned(),
                comment: String::new(),
            };
            system.users.insert(name.to_owned(), user);
        }
        let mut server = Self {
            facts: Facts {
                kernel: "linux".into(),
                arch: "x86_64".into(),
                hostname: "sim".into(),
                os: "debian".into(),
                os_version: "13".into(),
                cpus: 2,
                memory: 2048,
            },
            files,
            system,
            debts: BTreeSet::new(),
            staged: BTreeMap::new(),
            epoch: 0,
            lock: None,
            now: Timestamp(0),
            commands: Commands::default(),
            ran: Vec::new(),
        };
        server.offer(
            "nginx",
            &["1.22.1-9", "1.26.3-3"],
            &[("/usr/sbin/nginx", "elf")],
            &["nginx.service"],
        );
        server.offer(
            "curl",
            &["7.88.1-10", "8.14.1-2"],
            &[("/usr/bin/curl", "elf")],
            &[],
        );
        server.offer(
            "logrotate",
            &["3.22.0-1"],
            &[("/usr/sbin/logrotate", "elf")],
            &["logrotate.timer"],
        );
        server.offer("rsync", &["3.4.1"], &[("/usr/bin/rsync", "elf")], &[]);
        server
    }
}
