//! Probes, compiled to one script.

use crate::{
    place::{Place, file_name, is_name},
    quote::{word, words},
};
use evenkeel_model::{AbsolutePath, Answer, Probe, Span, action::Argv, probe::PackageManager};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// Arguments of one program: far below the kernel's limit (ARG_MAX) and few enough for the shell's own loops.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNK_COUNT: usize = 512;

/// A script, and what it needs for its answer to be read.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// The calls.
    pub(crate) script: String,
    /// Probes that have their answer without asking.
    pub(crate) answered: BTreeMap<Probe, Answer>,
    /// The probes that were numbered.
    pub(crate) numbered: Vec<Probe>,
    /// Directories whose real place is asked for, in order.
    pub(crate) parents: Vec<String>,
    /// Units asked for, in order.
    pub(crate) units: Vec<String>,
    /// Files that are stat'ed, in order.
    pub(crate) files: Vec<String>,
}

impl Query {
    /// All `probes`; files of `unhashed` are not hashed. Owners' names are looked up there if `named`.
    pub(crate) fn new<'a>(
        place: Place<'_>,
        probes: impl IntoIterator<Item = &'a Probe>,
        unhashed: &BTreeSet<&AbsolutePath>,
        named: bool,
    ) -> Self {
        let mut query = Self::default();
        query
            .script
            .push_str(if named { "EK_W=$EK_F\n" } else { "EK_W=$EK_FN\n" });
        let (mut stats, mut sums) = (BTreeSet::new(), BTreeSet::new());
        let mut packages: BTreeMap<Option<PackageManager>, Vec<&str>> = BTreeMap::new();
        let mut parents = BTreeSet::new();
        let mut later = String::new();
        for probe in probes.into_iter().collect::<BTreeSet<_>>() {
            let refused = match probe {
                Probe::Unit(name) if place.root.is_none() => bad_name("unit", name),
                Probe::User(name) if place.root.is_none() => bad_name("user", name),
                Probe::Group(name) if place.root.is_none() => bad_name("group", name),
                Probe::Package { name, .. } if place.root.is_none() => bad_name("package", name),
                Probe::Unit(_) => Some("a rooted target has no units".to_owned()),
                Probe::User(_) | Probe::Group(_) => {
                    Some("a rooted target has no users and groups".to_owned())
                }
                Probe::Package { .. } => Some("a rooted target has no packages".to_owned()),
                Probe::Run(run) if run.argv.is_empty() => Some("there is no program to run".to_owned()),
                _ => None,
            };
            if let Some(why) = refused {
                query.answered.insert(probe.clone(), Answer::Failed(why));
                continue;
            }
            if let Some(path) = path_of(probe) {
                parents.insert(place.parent(path));
            }
            let number = query.numbered.len();
            let mut call = |text: String| {
                let _ = writeln!(later, "{text}");
            };
            match probe {
                Probe::Stat(path) => {
                    stats.insert(path);
                    continue;
                }
                Probe::Hash(path) => {
                    if unhashed.contains(path) {
                        stats.insert(path)
                    } else {
                        sums.insert(path)
                    };
                    continue;
                }
                Probe::Unit(name) => {
                    query.units.push(name.clone());
                    continue;
                }
                Probe::Package { manager, name } => {
                    packages.entry(*manager).or_default().push(name);
                    continue;
                }
                Probe::Read { path, limit } => {
                    call(format!(
                        "o_read {number} {} {}",
                        u64::from(*limit) + 1,
                        word(&place.path(path))
                    ));
                }
                Probe::List { path, limit } => {
                    call(format!("o_list {number} {limit} {}", word(&place.path(path))));
                }
                Probe::User(name) => call(format!("o_user {number} {}", word(name))),
                Probe::Group(name) => call(format!("o_group {number} {}", word(name))),
                Probe::Process(name) => call(format!("o_process {number} {}", word(&file_name(name)))),
                Probe::Run(run) => call(format!(
                    "o_run {number} {}",
                    command(
                        place,
                        run.timeout,
                        run.user.as_deref(),
                        run.cwd.as_ref(),
                        &run.env,
                        &run.argv
                    )
                )),
                Probe::Debts => call("o_debts".to_owned()),
                Probe::Facts => call("o_facts".to_owned()),
            }
            query.numbered.push(probe.clone());
        }
        // A file that is hashed is stat'ed with it.
        stats.retain(|path| !sums.contains(path));
        let stats: Vec<_> = stats.into_iter().map(|path| place.path(path)).collect();
        let sums: Vec<_> = sums.into_iter().map(|path| place.path(path)).collect();
        query.calls(&["o_stat"], &stats);
        query.calls(&["o_stat", "o_sum"], &sums);
        query.files = stats.into_iter().chain(sums).collect();
        if let (Some(root), false) = (place.root, parents.is_empty()) {
            query.parents = std::iter::once(root.as_str().to_owned()).chain(parents).collect();
            let parents = query.parents.clone();
            query.calls(&["o_real"], &parents);
        }
        if !query.units.is_empty() {
            let _ = writeln!(query.script, "o_units {}", words(&query.units));
        }
        for (manager, names) in packages {
            let _ = writeln!(
                query.script,
                "o_packages '{}' {}",
                manager_name(manager),
                words(names)
            );
        }
        query.script.push_str(&later);
        query
    }

    /// Also looks up the names of these files' owners.
    pub(crate) fn names(&mut self, witnesses: &[String]) {
        let _ = writeln!(self.script, "o_names {}", words(witnesses));
    }

    fn calls(&mut self, functions: &[&str], paths: &[String]) {
        let mut rest = paths;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |path: &&String| {
                bytes += path.len() + 1;
                bytes < CHUNK_BYTES
            };
            let count = rest.iter().take(CHUNK_COUNT).take_while(fits).count().max(1);
            let (chunk, left) = rest.split_at(count);
            let _ = writeln!(self.script, "set -- {}", words(chunk));
            for function in functions {
                let _ = writeln!(self.script, "{function} \"$@\"");
            }
            rest = left;
        }
    }
}

/// The path that a probe reads.
pub(crate) fn path_of(probe: &Probe) -> Option<&AbsolutePath> {
    match probe {
        Probe::Stat(path) | Probe::Hash(path) | Probe::Read { path, .. } | Probe::List { path, .. } => {
            Some(path)
        }
        _ => None,
    }
}

/// As the shell's functions call it; empty: whichever is there.
pub(crate) fn manager_name(manager: Option<PackageManager>) -> &'static str {
    match manager {
        None => "",
        Some(PackageManager::Apt) => "apt",
        Some(PackageManager::Dnf) => "dnf",
        Some(PackageManager::Apk) => "apk",
    }
}

fn bad_name(what: &str, name: &str) -> Option<String> {
    (!is_name(name)).then(|| {
        format!(
            "{:?} cannot be the name of a {what}",
            crate::frame::plain(name, 80)
        )
    })
}

/// Arguments for the shell's `go`: seconds, user, directory, environment, program.
pub(crate) fn command(
    place: Place<'_>,
    timeout: Span,
    user: Option<&str>,
    cwd: Option<&AbsolutePath>,
    env: &BTreeMap<String, String>,
    argv: &Argv,
) -> String {
    let millis = timeout.as_millis().max(1);
    let limit = format!("{}.{:03}", millis / 1000, millis % 1000);
    format!("{limit} {}", invocation(place, user, cwd, env, argv))
}

/// The same without the seconds.
pub(crate) fn invocation(
    place: Place<'_>,
    user: Option<&str>,
    cwd: Option<&AbsolutePath>,
    env: &BTreeMap<String, String>,
    argv: &Argv,
) -> String {
    let mut all = vec![user.unwrap_or_default().to_owned(), place.cwd(cwd)];
    all.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
    all.extend(argv.iter().cloned());
    words(all)
}
