//! One simulated server, like a Debian: it answers probes and carries out actions as the model says them.

use crate::{
    command::{Commands, Ran},
    filesystem::{FileSystem, Node, What},
    system::{Offer, Process, System, Unit, User},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, Digest, Facts, Outcome, Probe, Timestamp,
    action::{PackageVerb, ProcessStart, UnitVerb, UserSpec},
    probe::{
        Debt, DebtVerb, GroupState, Hashed, PackageManager, PackageState, ProcessState, RunAnswer, Stat,
        UnitState, UserState,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A server. All of it is data: it can be cloned before a fault and compared after.
#[derive(Clone, Debug, PartialEq)]
pub struct SimServer {
    /// What it says of itself.
    pub facts: Facts,
    /// Its files.
    pub files: FileSystem,
    /// Users, groups, packages, units, processes.
    pub system: System,
    /// Restarts and reloads that are owed.
    pub debts: BTreeSet<Debt>,
    /// Bytes that were brought and wait for the actions that name them.
    pub staged: BTreeMap<Digest, Arc<[u8]>>,
    /// The highest epoch that was seen.
    pub epoch: u64,
    /// Who is at work.
    pub lock: Option<String>,
    /// Its clock; it stands still unless a test moves it.
    pub now: Timestamp,
    /// What programs do here.
    pub commands: Commands,
    /// Every command that was run as a step, in order.
    pub ran: Vec<Vec<String>>,
}

/// Where unit files lie, the strongest first: systemd.unit(5).
const UNIT_PATHS: [&str; 3] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
];

impl Default for SimServer {
    fn default() -> Self {
        Self::debian()
    }
}

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

    /// Puts a package on offer: its versions (oldest first), files, and the units that installing it starts.
    pub fn offer(&mut self, name: &str, versions: &[&str], files: &[(&str, &str)], starts: &[&str]) {
        let unit_file = |unit: &&str| {
            (
                format!("/usr/lib/systemd/system/{unit}"),
                format!(
                    "[Unit]\nDescription={unit}\n[Service]\nExecStart=/usr/bin/{name}\n[Install]\nWantedBy=multi-user.target\n"
                ),
            )
        };
        let plain = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let offer = Offer {
            versions: versions.iter().map(ToString::to_string).collect(),
            files: plain
                .chain(starts.iter().map(unit_file))
                .filter_map(|(path, text)| Some((AbsolutePath::new(&path).ok()?, text)))
                .collect(),
            starts: starts.iter().map(ToString::to_string).collect(),
        };
        self.system.offers.insert(name.to_owned(), offer);
    }

    /// Brings bytes, as [`stage`](evenkeel_model::Action) by a transport would; their digest.
    pub fn stage(&mut self, bytes: impl Into<Arc<[u8]>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.staged.insert(digest, bytes);
        digest
    }

    /// Answers one probe. Nothing changes, but for what a guard's command does by itself.
    #[must_use]
    pub fn answer(&self, probe: &Probe) -> Answer {
        match probe {
            Probe::Stat(path) => Answer::Stat(self.files.get(path).map(|node| self.stat(node))),
            Probe::Hash(path) => Answer::Hash(self.files.get(path).map(|node| Hashed {
                stat: self.stat(node),
                digest: FileSystem::digest(node),
            })),
            Probe::Read { path, limit } => Answer::Read(self.files.read(path, *limit)),
            Probe::List { path, limit } => Answer::List(self.files.list(path, *limit)),
            Probe::Unit(name) => Answer::Unit(self.unit_state(name)),
            Probe::Package { manager, name } => match manager {
                Some(PackageManager::Dnf | PackageManager::Apk) => {
                    Answer::Failed("there is no such package manager here".into())
                }
                Some(PackageManager::Apt) | None => {
                    Answer::Package(self.system.packages.get(name).cloned().unwrap_or_default())
                }
            },
            Probe::User(name) => Answer::User(self.system.users.get(name).map(|user| UserState {
                uid: user.uid,
                group: self.system.group_name(user.gid),
                groups: user.groups.iter().cloned().collect(),
                home: user.home.clone(),
                shell: user.shell.clone(),
                comment: user.comment.clone(),
            })),
            Probe::Group(name) => {
                Answer::Group(self.system.groups.get(name).map(|gid| GroupState { gid: *gid }))
            }
            Probe::Process(name) => {
                Answer::Process(self.system.processes.get(name).map(|process| ProcessState {
                    pid: process.pid,
                    running: process.running,
                    generation: process.generation,
                }))
            }
            Probe::Run(run) => {
                // A guard reads only: whatever its command would leave behind is dropped with the copy.
                let Ran { status, output } = self.commands.clone().run(&mut self.clone(), &run.argv);
                Answer::Run(RunAnswer { status, output })
            }
            Probe::Debts => Answer::Debts(self.debts.iter().cloned().collect()),
            Probe::Facts => Answer::Facts(self.facts.clone()),
        }
    }

    /// Carries out one action. Done twice, the server is as after once.
    pub fn carry(&mut self, action: &Action) -> Outcome {
        match self.act(action) {
            Ok(()) => Outcome::Done,
            Err(why) => Outcome::Failed(why),
        }
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::PutFile {
                path,
                content,
                mode,
                owner,
                group,
                validate,
            } => {
                let bytes = self.bytes(content)?;
                let there = self.files.get(path).cloned();
                if there.as_ref().is_some_and(|node| node.what == What::Directory) {
                    return Err(format!("{path}: is a directory"));
                }
                let mut node = Node::new(What::File(bytes), *mode);
                self.give(&mut node, there.as_ref(), owner.as_deref(), group.as_deref())?;
                self.files.place(path)?;
                if let Some(argv) = validate {
                    self.validate(path, &node, argv)?;
                }
                self.files.put(path, node)
            }
            Action::SetMeta {
                path,
                mode,
                owner,
                group,
            } => {
                let uid = owner.as_ref().map(|owner| self.system.uid(owner)).transpose()?;
                let gid = group.as_ref().map(|group| self.system.gid(group)).transpose()?;
                let missing = || format!("{path}: no such file or directory");
                let node = self.files.get_mut(path).ok_or_else(missing)?;
                node.mode = mode.unwrap_or(node.mode);
                node.uid = uid.unwrap_or(node.uid);
                node.gid = gid.unwrap_or(node.gid);
                Ok(())
            }
            Action::MakeDirectory {
                path,
                mode,
                owner,
                group,
            } => {
                let there = self.files.get(path).cloned();
                let mut node = Node::new(What::Directory, *mode);
                self.give(&mut node, there.as_ref(), owner.as_deref(), group.as_deref())?;
                match self.files.get_mut(path) {
                    Some(old) if old.what == What::Directory => {
                        node.mtime = old.mtime;
                        *old = node;
                        Ok(())
                    }
                    Some(_) => Err(format!("{path}: file exists")),
                    None => self.files.put(path, node),
                }
            }
            Action::PutSymlink { path, to } => {
                if self
                    .files
                    .get(path)
                    .is_some_and(|node| node.what == What::Directory)
                {
                    return Err(format!("{path}: is a directory"));
                }
                let mut node = Node::new(What::Symlink(to.clone()), 0o777);
                node.mtime = self.now;
                self.files.put(path, node)
            }
            Action::Remove { path, recursive } => {
                if path.as_str() == "/" {
                    return Err("the root is never removed".into());
                }
                if !recursive && self.files.has_entries(path) {
                    return Err(format!("{path}: directory not empty"));
                }
                self.files.remove(path);
                Ok(())
            }
            Action::Unpack {
                archive,
                into,
                strip,
                owner,
                group,
            } => self.unpack(archive, into, *strip, owner.as_deref(), group.as_deref()),
            Action::Unit { name, verb } => self.unit(name, *verb),
            Action::DaemonReload => {
                let names: Vec<String> = self.system.units.keys().cloned().collect();
                for name in names {
                    let text = self.unit_text(&name);
                    if let Some(unit) = self.system.units.get_mut(&name) {
                        unit.loaded = text;
                    }
                }
                Ok(())
            }
            Action::Package { name, verb, manager } => match manager {
                Some(PackageManager::Dnf | PackageManager::Apk) => {
                    Err("there is no such package manager here".into())
                }
                Some(PackageManager::Apt) | None => self.package(name, verb),
            },
            Action::PutUser { name, user } => self.put_user(name, user),
            Action::RemoveUser { name } => {
                if let Some(user) = self.system.users.remove(name) {
                    // userdel(8) with USERGROUPS_ENAB: the group of the same name goes along.
                    if self.system.groups.get(name) == Some(&user.gid)
                        && !self.system.users.values().any(|other| other.gid == user.gid)
                    {
                        self.system.groups.remove(name);
                    }
                }
                Ok(())
            }
            Action::PutGroup { name, gid, system } => {
                let free = || System::free(self.system.groups.values().copied(), *system);
                let wanted = gid
                    .or_else(|| self.system.groups.get(name).copied())
                    .unwrap_or_else(free);
                if self
                    .system
                    .groups
                    .iter()
                    .any(|(other, gid)| other != name && *gid == wanted)
                {
                    return Err(format!("group number {wanted} is taken"));
                }
                let old = self.system.groups.insert(name.clone(), wanted);
                for user in self
                    .system
                    .users
                    .values_mut()
                    .filter(|user| Some(user.gid) == old)
                {
                    user.gid = wanted;
                }
                Ok(())
            }
            Action::RemoveGroup { name } => {
                if let Some(gid) = self.system.groups.get(name) {
                    if let Some((user, _)) = self.system.users.iter().find(|(_, user)| user.gid == *gid) {
                        return Err(format!("{name} is the primary group of {user}"));
                    }
                    self.system.groups.remove(name);
                    for user in self.system.users.values_mut() {
                        user.groups.remove(name);
                    }
                }
                Ok(())
            }
            Action::StartProcess(start) => self.start_process(start),
            Action::StopProcess { name, .. } => {
                self.system.processes.remove(name);
                Ok(())
            }
            Action::ReloadProcess { name } => match self.system.processes.get_mut(name) {
                Some(process) if process.running => {
                    process.reloads = process.reloads.saturating_add(1);
                    Ok(())
                }
                _ => Ok(()),
            },
            Action::Run(run) => {
                self.ran.push(run.argv.clone());
                let Ran { status, output } = self.commands.clone().run(self, &run.argv);
                if run.ok.contains(&status) || (run.ok.is_empty() && status == 0) {
                    Ok(())
                } else {
                    Err(format!("{} exited with {status}: {output}", run.argv.join(" ")))
                }
            }
            Action::Owe { to, verb } => {
                // A restart does what a reload would.
                self.debts.retain(|debt| debt.to != *to || debt.verb > *verb);
                if !self.debts.iter().any(|debt| debt.to == *to) {
                    self.debts.insert(Debt {
                        to: to.clone(),
                        verb: *verb,
                    });
                }
                Ok(())
            }
            Action::Settle { to } => {
                self.debts.retain(|debt| debt.to != *to);
                Ok(())
            }
        }
    }

    fn bytes(&self, digest: &Digest) -> Result<Arc<[u8]>, String> {
        let missing = || format!("sha256:{} was not staged", digest.short());
        self.staged.get(digest).cloned().ok_or_else(missing)
    }

    fn give(
        &self,
        node: &mut Node,
        there: Option<&Node>,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> Result<(), String> {
        node.uid = owner.map_or(Ok(there.map_or(0, |n| n.uid)), |owner| self.system.uid(owner))?;
        node.gid = group.map_or(Ok(there.map_or(0, |n| n.gid)), |group| self.system.gid(group))?;
        node.mtime = self.now;
        Ok(())
    }

    fn validate(&mut self, path: &AbsolutePath, node: &Node, argv: &[String]) -> Result<(), String> {
        let beside = AbsolutePath::new(&format!("{path}.evenkeel-new")).map_err(|e| e.to_string())?;
        self.files.put(&beside, node.clone())?;
        let argv: Vec<String> = argv
            .iter()
            .map(|word| word.replace('%', beside.as_str()))
            .collect();
        let Ran { status, output } = self.commands.clone().run(self, &argv);
        self.files.remove(&beside);
        if status == 0 {
            Ok(())
        } else {
            Err(format!("{} refuses it ({status}): {output}", argv.join(" ")))
        }
    }

    fn stat(&self, node: &Node) -> Stat {
        Stat {
            file_type: node.file_type(),
            mode: node.mode,
            uid: node.uid,
            owner: self.system.user_name(node.uid),
            gid: node.gid,
            group: self.system.group_name(node.gid),
            size: match &node.what {
                What::File(bytes) => bytes.len() as u64,
                What::Directory => 4096,
                What::Symlink(to) => to.len() as u64,
            },
            mtime: node.mtime,
            link: match &node.what {
                What::Symlink(to) => Some(to.clone()),
                _ => None,
            },
        }
    }

    fn unpack(
        &mut self,
        archive: &Digest,
        into: &AbsolutePath,
        strip: u32,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> Result<(), String> {
        let bytes = self.bytes(archive)?;
        let entries = crate::archive::entries(&bytes)?;
        if self
            .files
            .get(into)
            .is_some_and(|node| node.what != What::Directory)
        {
            return Err(format!("{into}: file exists"));
        }
        let mut top = Node::new(What::Directory, 0o755);
        self.give(&mut top, None, owner, group)?;
        let (uid, gid) = (top.uid, top.gid);
        self.files.put(into, top)?;
        for (name, text) in entries {
            let strip = usize::try_from(strip).unwrap_or(usize::MAX);
            let name = name.split('/').skip(strip).collect::<Vec<_>>().join("/");
            if name.is_empty() {
                continue;
            }
            let path = into.join(&name).map_err(|e| e.to_string())?;
            if let Some(parent) = path.parent() {
                self.files.make_directories(&parent);
            }
            let mut node = Node::new(What::File(Arc::from(text.as_bytes())), 0o644);
            node.mtime = self.now;
            self.files.put(&path, node)?;
        }
        for node in self.files.nodes_beneath(into) {
            (node.uid, node.gid) = (uid, gid);
        }
        Ok(())
    }

    fn fragment(&self, name: &str) -> Option<AbsolutePath> {
        UNIT_PATHS
            .iter()
            .filter_map(|folder| AbsolutePath::new(&format!("{folder}/{name}")).ok())
            .find(|path| self.files.bytes(path).is_some())
    }

    /// A digest of all that systemd reads for a unit: its file and its drop-ins.
    fn unit_text(&self, name: &str) -> Option<Digest> {
        let mut all = self.files.bytes(&self.fragment(name)?)?.to_vec();
        for folder in UNIT_PATHS {
            let Ok(folder) = AbsolutePath::new(&format!("{folder}/{name}.d")) else {
                continue;
            };
            for (entry, _) in self
                .files
                .list(&folder, u32::MAX)
                .map(|l| l.entries)
                .unwrap_or_default()
            {
                all.extend_from_slice(entry.as_bytes());
                let path = folder.join(&entry).ok();
                all.extend_from_slice(path.and_then(|path| self.files.bytes(&path)).unwrap_or_default());
            }
        }
        Some(Digest::of(&all))
    }

    fn unit_state(&self, name: &str) -> UnitState {
        let unit = self.system.units.get(name).cloned().unwrap_or_default();
        let fragment = self.fragment(name);
        let installable = fragment
            .as_ref()
            .and_then(|path| self.files.bytes(path))
            .is_some_and(|text| String::from_utf8_lossy(text).contains("[Install]"));
        let text = |text: &str| text.to_owned();
        UnitState {
            load: match (unit.masked, &fragment, unit.loaded) {
                (true, ..) => text("masked"),
                (_, None, None) => text("not-found"),
                _ => text("loaded"),
            },
            active: text(match (unit.active, unit.failed) {
                (true, _) => "active",
                (_, true) => "failed",
                _ => "inactive",
            }),
            sub: text(match (unit.active, unit.failed) {
                (true, _) => "running",
                (_, true) => "failed",
                _ => "dead",
            }),
            file_state: match (unit.masked, &fragment, unit.enabled, installable) {
                (true, ..) => text("masked"),
                (_, None, ..) => String::new(),
                (_, _, true, _) => text("enabled"),
                (_, _, _, true) => text("disabled"),
                _ => text("static"),
            },
            need_daemon_reload: unit.loaded.is_some() && unit.loaded != self.unit_text(name),
            fragment: fragment.map(|path| path.to_string()),
        }
    }

    fn unit(&mut self, name: &str, verb: UnitVerb) -> Result<(), String> {
        let text = self.unit_text(name);
        let broken = self.system.broken.contains(name);
        let unit = self.system.units.entry(name.to_owned()).or_default();
        let there = text.is_some() || unit.loaded.is_some();
        let start = |unit: &mut Unit| {
            unit.loaded = unit.loaded.or(text);
            (unit.active, unit.failed) = (!broken, broken);
            unit.starts = unit.starts.saturating_add(1);
            if broken {
                Err(format!("{name} failed to start"))
            } else {
                Ok(())
            }
        };
        match verb {
            UnitVerb::Start if unit.masked => Err(format!("unit {name} is masked")),
            UnitVerb::Start if !there => Err(format!("unit {name} not found")),
            UnitVerb::Start if unit.active => Ok(()),
            UnitVerb::Start => start(unit),
            UnitVerb::Stop => {
                (unit.active, unit.failed) = (false, false);
                Ok(())
            }
            UnitVerb::Restart if unit.active => start(unit),
            UnitVerb::Reload if unit.active => {
                unit.reloads = unit.reloads.saturating_add(1);
                Ok(())
            }
            UnitVerb::Restart | UnitVerb::Reload => Ok(()),
            UnitVerb::Enable if text.is_none() => Err(format!("unit file {name} does not exist")),
            UnitVerb::Enable if unit.masked => Err(format!("unit {name} is masked")),
            UnitVerb::Enable => {
                unit.enabled = true;
                Ok(())
            }
            UnitVerb::Disable => {
                unit.enabled = false;
                Ok(())
            }
            UnitVerb::Mask => {
                unit.masked = true;
                Ok(())
            }
            UnitVerb::Unmask => {
                unit.masked = false;
                Ok(())
            }
        }
    }

    fn package(&mut self, name: &str, verb: &PackageVerb) -> Result<(), String> {
        match verb {
            PackageVerb::Install { version, .. } => {
                let offer = self.system.offers.get(name).cloned();
                let offer = offer.ok_or_else(|| format!("unable to locate package {name}"))?;
                let there = self.system.packages.get(name).cloned().unwrap_or_default();
                let wanted = match (version, &there.version) {
                    (None, Some(_)) => return Ok(()),
                    (Some(version), _) if !offer.versions.contains(version) => {
                        return Err(format!("version {version} of {name} was not found"));
                    }
                    (Some(version), Some(have)) if version == have => return Ok(()),
                    (Some(version), _) => Some(version.clone()),
                    (None, None) => offer.versions.last().cloned(),
                };
                let state = PackageState {
                    version: wanted,
                    held: there.held,
                };
                self.system.packages.insert(name.to_owned(), state);
                for (path, text) in &offer.files {
                    if let Some(parent) = path.parent() {
                        self.files.make_directories(&parent);
                    }
                    self.files
                        .put(path, Node::new(What::File(Arc::from(text.as_bytes())), 0o755))?;
                }
                for unit in offer.starts.iter().filter(|_| there.version.is_none()) {
                    if !self.system.units.get(unit).is_some_and(|unit| unit.masked) {
                        self.unit(unit, UnitVerb::Enable)?;
                        self.unit(unit, UnitVerb::Start)?;
                    }
                }
                Ok(())
            }
            PackageVerb::Remove => {
                if self.system.packages.remove(name).is_some() {
                    let offer = self.system.offers.get(name).cloned().unwrap_or_default();
                    for unit in &offer.starts {
                        self.unit(unit, UnitVerb::Stop)?;
                        self.unit(unit, UnitVerb::Disable)?;
                        if let Some(unit) = self.system.units.get_mut(unit) {
                            unit.loaded = None;
                        }
                    }
                    for (path, _) in &offer.files {
                        self.files.remove(path);
                    }
                }
                Ok(())
            }
            PackageVerb::Hold | PackageVerb::Unhold => {
                // apt-mark(8) takes a hold only for what dpkg knows.
                let held = *verb == PackageVerb::Hold;
                match self.system.packages.get_mut(name) {
                    Some(package) => package.held = held,
                    None if held => return Err(format!("{name} is not installed")),
                    None => {}
                }
                Ok(())
            }
        }
    }

    fn put_user(&mut self, name: &str, spec: &UserSpec) -> Result<(), String> {
        for group in spec.groups.iter().flatten().chain(&spec.group) {
            self.system.gid(group)?;
        }
        let new = !self.system.users.contains_key(name);
        let free = || System::free(self.system.users.values().map(|user| user.uid), spec.system);
        let there = self.system.users.get(name).map(|user| user.uid);
        let uid = spec.uid.or(there).unwrap_or_else(free);
        if self
            .system
            .users
            .iter()
            .any(|(other, user)| other != name && user.uid == uid)
        {
            return Err(format!("user number {uid} is taken"));
        }
        let gid = match (&spec.group, self.system.users.get(name)) {
            (Some(group), _) => self.system.gid(group)?,
            (None, Some(user)) => user.gid,
            (None, None) => {
                let taken = self.system.groups.values().copied();
                let gid = match self.system.groups.get(name) {
                    Some(_) => return Err(format!("group {name} exists: name it as the user's group")),
                    None if self.system.groups.values().any(|gid| *gid == uid) => {
                        System::free(taken, spec.system)
                    }
                    None => uid,
                };
                self.system.groups.insert(name.to_owned(), gid);
                gid
            }
        };
        if let Some(old) = self
            .system
            .users
            .get(name)
            .map(|user| (user.uid, user.gid, user.home.clone()))
        {
            self.follow_account(old, (uid, gid));
        }
        let user = self.system.users.entry(name.to_owned()).or_insert_with(|| User {
            uid,
            gid,
            groups: BTreeSet::new(),
            home: format!("/home/{name}"),
            shell: "/bin/sh".into(),
            comment: String::new(),
        });
        (user.uid, user.gid) = (uid, gid);
        if let Some(groups) = &spec.groups {
            user.groups = groups.iter().cloned().collect();
        }
        if let Some(home) = &spec.home {
            user.home = home.to_string();
        }
        if let Some(shell) = &spec.shell {
            user.shell.clone_from(shell);
        }
        if let Some(comment) = &spec.comment {
            user.comment.clone_from(comment);
        }
        let home = AbsolutePath::new(&user.home);
        if let (true, true, Ok(home)) = (new, spec.create_home, home) {
            self.files.make_directories(&home);
            if let Some(node) = self.files.get_mut(&home) {
                (node.uid, node.gid) = (uid, gid);
            }
        }
        Ok(())
    }

    /// usermod(8): what a user owns in the home directory goes along with a new number.
    fn follow_account(&mut self, (uid, gid, home): (u32, u32, String), new: (u32, u32)) {
        let Ok(home) = AbsolutePath::new(&home) else {
            return;
        };
        for node in self.files.nodes_beneath(&home) {
            node.uid = if node.uid == uid { new.0 } else { node.uid };
            node.gid = if node.gid == gid { new.1 } else { node.gid };
        }
    }

    fn start_process(&mut self, start: &ProcessStart) -> Result<(), String> {
        if let Some(user) = &start.user {
            self.system.uid(user)?;
        }
        if let Some(cwd) = &start.cwd {
            let node = self
                .files
                .get(cwd)
                .ok_or_else(|| format!("{cwd}: no such directory"))?;
            if !matches!(node.what, What::Directory | What::Symlink(_)) {
                return Err(format!("{cwd}: not a directory"));
            }
        }
        let running = self.system.processes.get(&start.name);
        if running.is_some_and(|process| process.running && process.generation == start.generation) {
            return Ok(());
        }
        if self.files.get(&start.log).is_none() {
            self.files
                .put(&start.log, Node::new(What::File(Arc::from(&[][..])), 0o644))?;
        }
        let pid = self.system.pid();
        let process = Process {
            pid,
            running: true,
            generation: start.generation,
            reloads: 0,
        };
        self.system.processes.insert(start.name.clone(), process);
        Ok(())
    }

    /// What a person would call the state: without what was brought and waits, what ran, how often something was
    /// started, and process numbers.
    #[must_use]
    pub fn picture(&self) -> Self {
        let mut picture = self.clone();
        picture.staged.clear();
        picture.ran.clear();
        for unit in picture.system.units.values_mut() {
            (unit.starts, unit.reloads) = (0, 0);
        }
        for process in picture.system.processes.values_mut() {
            (process.pid, process.reloads) = (0, 0);
        }
        picture.system.next_pid = 0;
        picture
    }

    /// What is owed to whom, as pairs.
    #[must_use]
    pub fn owed(&self) -> Vec<(String, DebtVerb)> {
        self.debts
            .iter()
            .map(|debt| (debt.to.to_string(), debt.verb))
            .collect()
    }
}

#[cfg(test)]
mod tests;
