//! Frames, read back into answers. Everything in them is a stranger's text: what does not parse is a failed probe.

use crate::{
    cache::Key,
    frame::{Frame, plain},
    place::Place,
    query::{Query, path_of},
};
use evenkeel_model::{
    Answer, Digest, Facts, Probe, ResourceId, Timestamp,
    probe::{
        Debt, DebtVerb, Excerpt, FileType, GroupState, Hashed, Listing, PackageManager, PackageState,
        ProcessState, RunAnswer, Stat, UnitState, UserState,
    },
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The files of users and groups, as they were.
type Databases = [Option<Key>; 2];

/// Names of users and groups by their numbers, good while the files of users and groups do not move. Those of other
/// databases (nsswitch.conf(5)) are asked anew at every full look.
#[derive(Debug, Default)]
pub(crate) struct Names {
    databases: Databases,
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    witnesses: BTreeMap<(u32, u32), String>,
}

/// More owners are looked up file by file.
const WITNESSES: usize = 64;

impl Names {
    /// Files that have all the owners that are known between them: who looks their names up has all names. `None` where
    /// nothing is known, or too much.
    pub(crate) fn witnesses(&self) -> Option<Vec<String>> {
        let known = 1..=WITNESSES;
        known
            .contains(&self.witnesses.len())
            .then(|| self.witnesses.values().cloned().collect())
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// What was heard, by what it is about.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    stats: HashMap<String, (Stat, Key)>,
    missed: HashMap<String, String>,
    sums: HashMap<String, Digest>,
    databases: Databases,
    names: Names,
    sum_complaints: Vec<String>,
    links: Vec<String>,
    real: Vec<String>,
    units: HashMap<String, UnitState>,
    unit_complaint: Option<String>,
    packages: Vec<(Option<PackageManager>, Frame)>,
    sections: HashMap<usize, Vec<(Vec<String>, Frame)>>,
    debts: Vec<Debt>,
    facts: Facts,
    /// The target's clock in nanoseconds, from before the first file was looked at.
    pub(crate) now: Option<i128>,
    files: std::vec::IntoIter<String>,
}

impl Heard {
    /// Reads all frames of a query's answer.
    pub(crate) fn read(query: &Query, frames: Vec<Frame>, place: Place<'_>) -> Self {
        let mut heard = Self {
            files: query.files.clone().into_iter(),
            ..Self::default()
        };
        for frame in frames {
            let tag: Vec<String> = frame.tag.split(' ').map(str::to_owned).collect();
            match tag[0].as_str() {
                "stat" => heard.stat(&frame),
                "sum" => heard.sum(&frame),
                "names" => {
                    for (_, stat, _) in lines(&frame.out).iter().filter_map(|line| stat_line(line)) {
                        heard.names.users.insert(stat.uid, stat.owner);
                        heard.names.groups.insert(stat.gid, stat.group);
                    }
                }
                "link" => heard.links = lines(&frame.out),
                "to" => heard.link_targets(&frame, place),
                "real" => heard.real.extend(strings(&frame.out, 0)),
                "units" => heard.units(query, &frame),
                "packages" => {
                    let manager = match tag.get(1).map(String::as_str) {
                        Some("apt") => Some(PackageManager::Apt),
                        Some("dnf") => Some(PackageManager::Dnf),
                        Some("apk") => Some(PackageManager::Apk),
                        _ => None,
                    };
                    heard.packages.push((manager, frame));
                }
                "debts" => heard.debts = lines(&frame.out).iter().filter_map(|line| debt(line)).collect(),
                "facts" => heard.facts = facts(&frame.out),
                _ => {
                    if let Some(number) = tag.get(1).and_then(|number| number.parse().ok()) {
                        heard.sections.entry(number).or_default().push((tag, frame));
                    }
                }
            }
        }
        heard
    }

    /// A regular file's stat key.
    pub(crate) fn key(&self, path: &str) -> Option<Key> {
        self.stats
            .get(path)
            .filter(|(stat, _)| stat.file_type == FileType::File)
            .map(|(_, key)| *key)
    }

    /// A file's digest.
    pub(crate) fn sum(&mut self, frame: &Frame) {
        for record in strings(&frame.out, 0) {
            if let Some((sum, name)) = record.split_once("  ")
                && let Ok(digest) = sum.parse()
            {
                self.sums.insert(name.to_owned(), digest);
            }
        }
        self.sum_complaints.extend(lines(&frame.err));
    }

    /// The digest heard of a file.
    pub(crate) fn digest(&self, path: &str) -> Option<Digest> {
        self.sums.get(path).copied()
    }

    fn stat(&mut self, frame: &Frame) {
        let mut seen = HashMap::new();
        for line in lines(&frame.out) {
            if let Some((path, stat, key)) = stat_line(&line) {
                seen.insert(path, (stat, key));
            }
        }
        if let Some((_, key)) = seen.remove("/proc/self/.") {
            self.now = self.now.or(Some(key.mtime));
        }
        // stat(1) goes by the order of its arguments and complains once of each that it cannot see.
        self.databases = ["/etc/./passwd", "/etc/./group"].map(|file| seen.remove(file).map(|(_, key)| key));
        let mut complaints = lines(&frame.err)
            .into_iter()
            .filter(|line| !line.contains("/proc/self/.") && !line.contains("/etc/./"));
        let mut left = seen.len();
        // The chunk ends with its last seen file or its last complaint, whichever uses up both.
        let mut pending = complaints.by_ref().collect::<Vec<_>>().into_iter();
        while left > 0 || pending.len() > 0 {
            let Some(path) = self.files.next() else { break };
            if seen.contains_key(&path) {
                left -= 1;
            } else {
                self.missed.insert(path, pending.next().unwrap_or_default());
            }
        }
        self.stats.extend(seen);
    }

    fn link_targets(&mut self, frame: &Frame, place: Place<'_>) {
        let targets = strings(&frame.out, 0);
        let links = std::mem::take(&mut self.links);
        let complete = targets.len() == links.len();
        for (index, link) in links.into_iter().enumerate() {
            if let Some((stat, _)) = self.stats.get_mut(&link) {
                stat.link = targets
                    .get(index)
                    .filter(|_| complete)
                    .map(|to| place.link_in(to));
            }
        }
    }

    fn units(&mut self, query: &Query, frame: &Frame) {
        let text = String::from_utf8_lossy(&frame.out);
        let blocks: Vec<&str> = text
            .split("\n\n")
            .filter(|block| !block.trim().is_empty())
            .collect();
        if blocks.len() != query.units.len() {
            self.unit_complaint = Some(frame.complaint("systemctl said something else than was asked"));
            return;
        }
        for (name, block) in query.units.iter().zip(blocks) {
            let mut unit = UnitState::default();
            for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
                let value = plain(value, 4096);
                match key {
                    "LoadState" => unit.load = value,
                    "ActiveState" => unit.active = value,
                    "SubState" => unit.sub = value,
                    "UnitFileState" => unit.file_state = value,
                    "FragmentPath" => unit.fragment = Some(value).filter(|path| !path.is_empty()),
                    "NeedDaemonReload" => unit.need_daemon_reload = value == "yes",
                    _ => {}
                }
            }
            self.units.insert(name.clone(), unit);
        }
    }

    /// Every probe's answer.
    pub(crate) fn answers<'a>(
        &self,
        query: &Query,
        probes: impl IntoIterator<Item = &'a Probe>,
        place: Place<'_>,
    ) -> BTreeMap<Probe, Answer> {
        let outside = self.outside(query);
        let numbers: HashMap<&Probe, usize> = query
            .numbered
            .iter()
            .enumerate()
            .map(|(number, probe)| (probe, number))
            .collect();
        let mut answers = query.answered.clone();
        for probe in probes {
            if answers.contains_key(probe) {
                continue;
            }
            let out = path_of(probe).is_some_and(|path| outside.contains(place.parent(path).as_str()));
            let answer = if out {
                Answer::Failed("it lies outside the target's root, through a symbolic link".into())
            } else {
                let sections = numbers.get(probe).and_then(|number| self.sections.get(number));
                self.answer(probe, sections.map_or(&[], Vec::as_slice), place)
                    .unwrap_or_else(Answer::Failed)
            };
            answers.insert(probe.clone(), answer);
        }
        answers
    }

    /// Directories that lie outside the root, and all if that cannot be told.
    fn outside<'a>(&self, query: &'a Query) -> HashSet<&'a str> {
        let real_root = self.real.first().map_or("", String::as_str);
        let within = |real: &String| {
            real == real_root
                || real_root == "/"
                || real
                    .strip_prefix(real_root)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let told = self.real.len() == query.parents.len() && !real_root.is_empty();
        let parents = query.parents.iter().enumerate();
        parents
            .filter(|(index, _)| !told || !self.real.get(*index).is_some_and(within))
            .map(|(_, parent)| parent.as_str())
            .collect()
    }

    fn seen(&self, path: &str) -> Result<Option<&Stat>, String> {
        if let Some((stat, _)) = self.stats.get(path) {
            if stat.file_type == FileType::Symlink && stat.link.is_none() {
                return Err("the link changed while it was looked at".into());
            }
            return Ok(Some(stat));
        }
        match self.missed.get(path) {
            Some(why) if why.ends_with("No such file or directory") || why.ends_with("Not a directory") => {
                Ok(None)
            }
            Some(why) if !why.is_empty() => Err(plain(why, 300)),
            _ => Err("nothing was said of it".into()),
        }
    }

    fn answer(
        &self,
        probe: &Probe,
        sections: &[(Vec<String>, Frame)],
        place: Place<'_>,
    ) -> Result<Answer, String> {
        let silent = || "nothing was said of it".to_owned();
        let last = sections.last();
        Ok(match probe {
            Probe::Stat(path) => Answer::Stat(self.seen(&place.path(path))?.cloned()),
            Probe::Hash(path) => {
                let path = place.path(path);
                let Some(stat) = self.seen(&path)? else {
                    return Ok(Answer::Hash(None));
                };
                let digest = self.digest(&path);
                if stat.file_type == FileType::File && digest.is_none() {
                    let why = self
                        .sum_complaints
                        .iter()
                        .find(|line| line.contains(path.as_str()));
                    return Err(why.map_or_else(
                        || "it changed while it was looked at".into(),
                        |why| plain(why, 300),
                    ));
                }
                Answer::Hash(Some(Hashed {
                    stat: stat.clone(),
                    digest,
                }))
            }
            Probe::Read { limit, .. } => {
                let (tag, frame) = last.ok_or_else(silent)?;
                if tag.last().is_some_and(|word| word == "none") {
                    return Ok(Answer::Read(None));
                }
                quiet(frame)?;
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                Answer::Read(Some(Excerpt {
                    bytes: frame.out[..frame.out.len().min(limit)].to_vec(),
                    truncated: frame.out.len() > limit,
                }))
            }
            Probe::List { .. } => {
                let (tag, frame) = last.ok_or_else(silent)?;
                if tag.last().is_some_and(|word| word == "none") {
                    return Ok(Answer::List(None));
                }
                quiet(frame)?;
                Answer::List(Some(listing(&frame.out)))
            }
            Probe::Unit(name) => match (self.units.get(name), &self.unit_complaint) {
                (Some(unit), _) => Answer::Unit(unit.clone()),
                (None, why) => return Err(why.clone().unwrap_or_else(silent)),
            },
            Probe::Package { manager, name } => {
                let mut of = self
                    .packages
                    .iter()
                    .filter(|(said, _)| manager.is_none() || said == manager);
                let (manager, frame) = of.next_back().ok_or_else(silent)?;
                quiet(frame)?;
                Answer::Package(package(*manager, name, &frame.out))
            }
            Probe::User(_) => {
                let of = |what: &str| {
                    sections
                        .iter()
                        .find(|(tag, _)| tag.last().is_some_and(|word| word == what))
                        .map(|(_, frame)| frame)
                };
                let passwd = of("passwd").ok_or_else(silent)?;
                quiet(passwd)?;
                let Some(line) = lines(&passwd.out).into_iter().next() else {
                    return Ok(Answer::User(None));
                };
                let (group, groups) = (of("group").ok_or_else(silent)?, of("groups").ok_or_else(silent)?);
                quiet(group)?;
                Answer::User(Some(user(&line, &group.out, &groups.out).ok_or_else(silent)?))
            }
            Probe::Group(_) => {
                let (_, frame) = last.ok_or_else(silent)?;
                quiet(frame)?;
                let line = lines(&frame.out).into_iter().next();
                let gid = line.map(|line| {
                    line.split(':')
                        .nth(2)
                        .and_then(|gid| gid.parse().ok())
                        .ok_or_else(silent)
                });
                Answer::Group(gid.transpose()?.map(|gid| GroupState { gid }))
            }
            Probe::Process(_) => {
                let (_, frame) = last.ok_or_else(silent)?;
                Answer::Process(lines(&frame.out).first().and_then(|line| process(line)))
            }
            Probe::Run(_) => {
                let (tag, frame) = last.ok_or_else(silent)?;
                Answer::Run(RunAnswer {
                    status: tag
                        .last()
                        .and_then(|status| status.parse().ok())
                        .ok_or_else(silent)?,
                    output: String::from_utf8_lossy(&frame.out).into_owned(),
                })
            }
            Probe::Debts => Answer::Debts(self.debts.clone()),
            Probe::Facts => Answer::Facts(self.facts.clone()),
        })
    }

    /// Learns the names that were heard.
    pub(crate) fn teach(&self, names: &mut Names) {
        if names.databases != self.databases {
            *names = Names::default();
        }
        names.databases = self.databases;
        for (path, (stat, _)) in &self.stats {
            let owners = (stat.uid, stat.gid);
            if names.witnesses.len() <= WITNESSES && !names.witnesses.contains_key(&owners) {
                names.witnesses.insert(owners, path.clone());
            }
            names.users.insert(stat.uid, stat.owner.clone());
            names.groups.insert(stat.gid, stat.group.clone());
        }
    }

    /// Names as they were looked up anew.
    pub(crate) fn fresh(&mut self) -> Names {
        Names {
            databases: self.databases,
            ..std::mem::take(&mut self.names)
        }
    }

    /// Fills in names that are known; whether all were.
    pub(crate) fn name(&mut self, names: &Names) -> bool {
        names.databases == self.databases
            && self.stats.values_mut().all(|(stat, _)| {
                match (names.users.get(&stat.uid), names.groups.get(&stat.gid)) {
                    (Some(user), Some(group)) => {
                        (stat.owner, stat.group) = (user.clone(), group.clone());
                        true
                    }
                    _ => false,
                }
            })
    }

    /// Takes digests that were known already.
    pub(crate) fn know(&mut self, path: String, digest: Digest) {
        self.sums.insert(path, digest);
    }
}

fn quiet(frame: &Frame) -> Result<(), String> {
    if frame.err.iter().all(u8::is_ascii_whitespace) {
        Ok(())
    } else {
        Err(frame.complaint(""))
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    strings(bytes, b'\n')
}

fn strings(bytes: &[u8], end: u8) -> Vec<String> {
    let parts = bytes.split(|byte| *byte == end).filter(|part| !part.is_empty());
    parts
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

fn stat_line(line: &str) -> Option<(String, Stat, Key)> {
    let parts: Vec<&str> = line.splitn(11, ' ').collect();
    let [
        mode,
        uid,
        gid,
        size,
        mtime,
        ctime,
        inode,
        device,
        owner,
        group,
        path,
    ] = parts[..]
    else {
        return None;
    };
    let raw = u32::from_str_radix(mode, 16).ok()?;
    let (uid, gid, size) = (uid.parse().ok()?, gid.parse().ok()?, size.parse().ok()?);
    let (mtime, ctime) = (nanoseconds(mtime)?, nanoseconds(ctime)?);
    let name = |name: &str, number: u32| {
        if name == "UNKNOWN" {
            number.to_string()
        } else {
            plain(name, 255)
        }
    };
    let stat = Stat {
        file_type: match raw & 0o170_000 {
            0o100_000 => FileType::File,
            0o040_000 => FileType::Directory,
            0o120_000 => FileType::Symlink,
            _ => FileType::Other,
        },
        mode: raw & 0o7777,
        uid,
        owner: name(owner, uid),
        gid,
        group: name(group, gid),
        size,
        mtime: Timestamp(i64::try_from(mtime.div_euclid(1_000_000)).ok()?),
        link: None,
    };
    let key = Key {
        size,
        mtime,
        ctime,
        inode: inode.parse().ok()?,
        device: device.parse().ok()?,
    };
    Some((path.to_owned(), stat, key))
}

fn nanoseconds(text: &str) -> Option<i128> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    let whole = seconds.parse::<i64>().ok().map(i128::from)? * 1_000_000_000;
    Some(if seconds.starts_with('-') {
        whole - fraction
    } else {
        whole + fraction
    })
}

fn listing(bytes: &[u8]) -> Listing {
    let (mut entries, mut truncated) = (Vec::new(), false);
    for record in bytes.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let kind = match record[0] {
            b'f' => FileType::File,
            b'd' => FileType::Directory,
            b'l' => FileType::Symlink,
            b'o' => FileType::Other,
            _ => {
                truncated = true;
                continue;
            }
        };
        match std::str::from_utf8(&record[1..]) {
            Ok(name) if !name.is_empty() && !name.chars().any(char::is_control) => {
                entries.push((name.to_owned(), kind));
            }
            _ => truncated = true,
        }
    }
    entries.sort();
    Listing { entries, truncated }
}

fn package(manager: Option<PackageManager>, name: &str, out: &[u8]) -> PackageState {
    let mut state = PackageState::default();
    let bare = name.split_once(':').map_or(name, |(bare, _)| bare);
    for line in lines(out) {
        let words: Vec<&str> = line.split(' ').collect();
        match (manager, &words[..]) {
            (Some(PackageManager::Apk), ["apk", of, full, ..]) if *of == name => {
                state.version = full
                    .strip_prefix(&format!("{name}-"))
                    .map(|version| plain(version, 200));
            }
            (_, ["locked", full, ..]) => state.held |= full.starts_with(&format!("{name}-")),
            (_, ["installed", want, of, version, ..]) if *of == bare => {
                state.version = state.version.or_else(|| Some(plain(version, 200)));
                state.held |= *want == "hold";
            }
            _ => {}
        }
    }
    state
}

fn user(line: &str, group: &[u8], groups: &[u8]) -> Option<UserState> {
    let parts: Vec<&str> = line.split(':').collect();
    let [_, _, uid, _, comment, home, shell] = parts[..] else {
        return None;
    };
    let group = lines(group).into_iter().next()?;
    let names = String::from_utf8_lossy(groups).into_owned();
    let mut groups: Vec<String> = names
        .split_whitespace()
        .filter(|name| *name != group)
        .map(str::to_owned)
        .collect();
    groups.sort();
    Some(UserState {
        uid: uid.parse().ok()?,
        group,
        groups,
        home: plain(home, 4096),
        shell: plain(shell, 4096),
        comment: plain(comment, 1000),
    })
}

fn process(line: &str) -> Option<ProcessState> {
    let words: Vec<&str> = line.split(' ').collect();
    let [pid, state, generation] = words[..] else {
        return None;
    };
    Some(ProcessState {
        pid: pid.parse().ok()?,
        running: state == "running",
        generation: generation.parse().ok()?,
    })
}

fn debt(line: &str) -> Option<Debt> {
    let (verb, to) = line.split_once(' ')?;
    Some(Debt {
        to: to.parse::<ResourceId>().ok()?,
        verb: match verb {
            "restart" => DebtVerb::Restart,
            "reload" => DebtVerb::Reload,
            _ => return None,
        },
    })
}

fn facts(out: &[u8]) -> Facts {
    let lines = lines(out);
    let at = |index: usize| lines.get(index).map(|line| plain(line, 200)).unwrap_or_default();
    let release = |key: &str| {
        let value = lines
            .iter()
            .skip(5)
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        plain(value.unwrap_or_default().trim_matches(['"', '\'']), 200)
    };
    Facts {
        kernel: at(0).to_lowercase(),
        arch: at(1),
        hostname: at(2),
        os: release("ID"),
        os_version: release("VERSION_ID"),
        cpus: at(3).parse().unwrap_or(0),
        memory: at(4).parse::<u64>().unwrap_or(0) / 1024,
    }
}

#[cfg(test)]
mod tests;
