//! Steps, compiled to one script, and what is heard of their ends.

use crate::{
    bulk::Run,
    frame::{Frame, plain},
    place::{Place, file_name, is_name},
    query::{command, invocation, manager_name},
    quote::{word, word_with_file, words},
};
use evenkeel_engine::port::transport::Work;
use evenkeel_model::{
    Action, Digest, Outcome, ResourceId, StepGroup, StepResult, Timestamp,
    action::{Argv, PackageVerb, ProcessStart, UnitVerb, UserSpec},
    probe::DebtVerb,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
};

const DEBTS: [(DebtVerb, &str); 2] = [(DebtVerb::Restart, "restart"), (DebtVerb::Reload, "reload")];

/// The whole of an apply.
pub(crate) fn script(place: Place<'_>, work: &Work<'_>) -> String {
    let mut text = format!(
        "(\ntrap : PIPE\nEK_D={} EK_E={} EK_B=' '\nlock\nm begun\n",
        word(&work.deployment.to_string()),
        work.epoch
    );
    let mut folders = BTreeSet::new();
    let mut rest = work.groups;
    while let Some(group) = rest.first() {
        let number = work.groups.len() - rest.len();
        let run = Run::at(number, rest).and_then(|run| Some((run.groups, run.call(place, rest)?)));
        let (count, call) = run.unwrap_or((1, String::new()));
        if call.is_empty() {
            steps(&mut text, place, number, group);
        } else {
            let numbers: Vec<String> = (number..number + count)
                .map(|number| number.to_string())
                .collect();
            let _ = writeln!(text, "if {call}; then told {}; else", numbers.join(" "));
            for (number, group) in (number..).zip(rest.iter().take(count)) {
                steps(&mut text, place, number, group);
            }
            text.push_str("fi\n");
        }
        rest = rest.get(count..).unwrap_or_default();
    }
    for action in work.groups.iter().flat_map(|group| &group.actions) {
        if let Action::PutFile { path, .. }
        | Action::PutSymlink { path, .. }
        | Action::MakeDirectory { path, .. }
        | Action::Remove { path, .. }
        | Action::Unpack { into: path, .. } = action
        {
            folders.insert(place.parent(path));
        }
    }
    // Renames are made durable in one go; what was staged for this has served.
    for chunk in folders.iter().collect::<Vec<_>>().chunks(200) {
        let _ = writeln!(text, "sync -- {} >/dev/null 2>&1", words(chunk));
    }
    for chunk in crate::staging::used(work.groups)
        .iter()
        .collect::<Vec<_>>()
        .chunks(500)
    {
        let files = chunk
            .iter()
            .map(|digest| format!("\"$EK_S\"/staging/{digest}"))
            .collect::<Vec<_>>();
        let _ = writeln!(text, "rm -f -- {}", files.join(" "));
    }
    text.push_str("rm -f -- \"$EK_O\" \"$EK_S/lock.holder\"\nm finished\n)");
    text
}

/// A group's actions, one after the other.
fn steps(text: &mut String, place: Place<'_>, number: usize, group: &StepGroup) {
    let needs: Vec<String> = group.needs.iter().map(u32::to_string).collect();
    let _ = writeln!(text, "g {number} {}", needs.join(" "));
    for (index, action) in group.actions.iter().enumerate() {
        let body = body(place, action).unwrap_or_else(|why| format!("no {}", word(&why)));
        let _ = writeln!(text, "b() {{ {body}; }}; s {number} {index}");
    }
}

/// One action as a call of the shell's functions, or why it is refused.
fn body(place: Place<'_>, action: &Action) -> Result<String, String> {
    let owned = |name: &Option<String>| match name {
        Some(name) if !is_name(name) => Err(format!("{:?} cannot be a name", plain(name, 80))),
        Some(name) => Ok(word(name)),
        None => Ok("''".to_owned()),
    };
    let whole = |what: &str| match place.root {
        Some(_) => Err(format!("a rooted target has no {what}")),
        None => Ok(()),
    };
    let named = |name: &str| {
        if is_name(name) {
            Ok(word(name))
        } else {
            Err(format!("{:?} cannot be a name", plain(name, 80)))
        }
    };
    Ok(match action {
        Action::PutFile {
            path,
            content,
            mode,
            owner,
            group,
            validate,
        } => {
            let file = word(&place.path(path));
            let vet = match validate {
                Some(argv) if argv.is_empty() => return Err("the validation has no program".into()),
                Some(argv) => {
                    let argv: Vec<_> = argv.iter().map(|text| word_with_file(text)).collect();
                    format!("vet {} && ", argv.join(" "))
                }
                None => String::new(),
            };
            let (owner, group) = (owned(owner)?, owned(group)?);
            format!("put_open {file} {content} {mode:04o} {owner} {group} && {vet}put_close")
        }
        Action::SetMeta {
            path,
            mode,
            owner,
            group,
        } => {
            let mode = mode.map_or_else(|| "''".to_owned(), |mode| format!("{mode:04o}"));
            format!(
                "meta {} {mode} {} {}",
                word(&place.path(path)),
                owned(owner)?,
                owned(group)?
            )
        }
        Action::MakeDirectory {
            path,
            mode,
            owner,
            group,
        } => {
            format!(
                "directory {} {mode:04o} {} {}",
                word(&place.path(path)),
                owned(owner)?,
                owned(group)?
            )
        }
        Action::PutSymlink { path, to } => {
            if to.is_empty() || to.contains('\0') {
                return Err("a link must say something".into());
            }
            format!("link {}", words([place.path(path), place.link_out(to)]))
        }
        Action::Remove { path, recursive } => {
            let state = if place.root.is_some() {
                "/.evenkeel"
            } else {
                "/var/lib/evenkeel"
            };
            if path.as_str() == "/" || (*recursive && path.as_str() == state) {
                return Err(format!("{path} is never removed"));
            }
            format!("take {} {}", word(&place.path(path)), u8::from(*recursive))
        }
        Action::Unpack {
            archive,
            into,
            strip,
            owner,
            group,
        } => {
            format!(
                "unpack {archive} {} {strip} {} {}",
                word(&place.path(into)),
                owned(owner)?,
                owned(group)?
            )
        }
        Action::Unit { name, verb } => {
            whole("units")?;
            format!("unit {} {}", named(name)?, unit_verb(*verb))
        }
        Action::DaemonReload => {
            whole("units")?;
            "reload_units".to_owned()
        }
        Action::Package { manager, name, verb } => {
            whole("packages")?;
            let (verb, version, age) = match verb {
                PackageVerb::Install {
                    version,
                    refresh_after,
                } => ("install", version.clone(), refresh_after.as_millis() / 1000),
                PackageVerb::Remove => ("remove", None, 0),
                PackageVerb::Hold => ("hold", None, 0),
                PackageVerb::Unhold => ("unhold", None, 0),
            };
            format!(
                "package '{}' {} {verb} {} {age}",
                manager_name(*manager),
                named(name)?,
                owned(&version)?
            )
        }
        Action::PutUser { name, user } => {
            whole("users and groups")?;
            let options = user_options(user)?;
            let kind = format!(
                "{}{}{}",
                if user.system { "r" } else { "" },
                if user.create_home { "m" } else { "" },
                if user.group.is_some() { "g" } else { "" }
            );
            format!("user {} '{kind}' {}", named(name)?, words(options))
        }
        Action::RemoveUser { name } => {
            whole("users and groups")?;
            format!("take_user {}", named(name)?)
        }
        Action::PutGroup { name, gid, system } => {
            whole("users and groups")?;
            let gid = gid.map_or_else(|| "''".to_owned(), |gid| gid.to_string());
            format!(
                "group {} {gid} {}",
                named(name)?,
                if *system { "r" } else { "''" }
            )
        }
        Action::RemoveGroup { name } => {
            whole("users and groups")?;
            format!("take_group {}", named(name)?)
        }
        Action::StartProcess(start) => process(place, start)?,
        Action::StopProcess { name, grace } => {
            format!(
                "stop {} {}",
                word(&file_name(name)),
                grace.as_millis().div_ceil(100)
            )
        }
        Action::ReloadProcess { name } => format!("hup {}", word(&file_name(name))),
        Action::Run(run) => {
            runnable(&run.argv, &run.env)?;
            let call = command(
                place,
                run.timeout,
                run.user.as_deref(),
                run.cwd.as_ref(),
                &run.env,
                &run.argv,
            );
            let ok: String = run.ok.iter().map(|status| format!("|{status}")).collect();
            format!(
                "( go {call} ); x=$?; case $x in 0{ok}) ;; 124) no 'it ran out of time' ;; *) no \"it exited with $x\" ;; esac"
            )
        }
        Action::Owe { to, verb } => {
            let verb = DEBTS
                .iter()
                .find(|(of, _)| of == verb)
                .map_or("restart", |(_, name)| name);
            let file = format!("\"$EK_S/debts/{}.{verb}.due\"", debtor(to));
            format!("line {file} || keep {file} {}", word(&format!("{verb} {to}")))
        }
        Action::Settle { to } => {
            let files: Vec<_> = DEBTS
                .iter()
                .map(|(_, verb)| format!("\"$EK_S/debts/{}.{verb}.due\"", debtor(to)))
                .collect();
            format!("rm -f -- {} && sync \"$EK_S/debts\"", files.join(" "))
        }
    })
}

fn debtor(to: &ResourceId) -> Digest {
    Digest::of(to.to_string().as_bytes())
}

fn unit_verb(verb: UnitVerb) -> &'static str {
    match verb {
        UnitVerb::Start => "start",
        UnitVerb::Stop => "stop",
        UnitVerb::Restart => "try-restart",
        UnitVerb::Reload => "try-reload-or-restart",
        UnitVerb::Enable => "enable",
        UnitVerb::Disable => "disable",
        UnitVerb::Mask => "mask",
        UnitVerb::Unmask => "unmask",
    }
}

fn user_options(user: &UserSpec) -> Result<Vec<String>, String> {
    let mut options = Vec::new();
    let mut add = |option: &str, value: Option<String>| {
        if let Some(value) = value {
            options.extend([option.to_owned(), value]);
        }
    };
    let names = user.group.iter().chain(user.groups.iter().flatten());
    if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
        return Err(format!("{:?} cannot be a name", plain(name, 80)));
    }
    add("-u", user.uid.map(|uid| uid.to_string()));
    add("-g", user.group.clone());
    add("-G", user.groups.as_ref().map(|groups| groups.join(",")));
    add("-d", user.home.as_ref().map(ToString::to_string));
    add("-s", user.shell.clone());
    add("-c", user.comment.clone());
    Ok(options)
}

fn runnable(argv: &Argv, env: &BTreeMap<String, String>) -> Result<(), String> {
    match argv.first() {
        None => return Err("there is no program to run".into()),
        Some(program) if program.is_empty() || program.contains('=') => {
            return Err("it is no program's name".into());
        }
        Some(_) => {}
    }
    let is_variable = |name: &String| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    match env.keys().find(|name| !is_variable(name)) {
        Some(name) => Err(format!("{:?} cannot be a variable's name", plain(name, 80))),
        None => Ok(()),
    }
}

fn process(place: Place<'_>, start: &ProcessStart) -> Result<String, String> {
    runnable(&start.argv, &start.env)?;
    // Where PATH is its own, only the process itself can say whether there is such a program.
    let find = if start.env.contains_key("PATH") {
        ""
    } else {
        &start.argv[0]
    };
    let mut argv = start
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>();
    argv.extend(start.argv.iter().cloned());
    let empty = BTreeMap::new();
    let both = invocation(
        place,
        start.user.as_deref(),
        start.cwd.as_ref(),
        &empty,
        &Vec::new(),
    );
    Ok(format!(
        "start {} {} {} {} {both} {} {}",
        word(&file_name(&start.name)),
        start.generation,
        start.grace.as_millis().div_ceil(100),
        word(&place.path(&start.log)),
        word(find),
        words(argv)
    ))
}

/// What is heard of an apply, frame by frame.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// It got the lock.
    pub(crate) begun: bool,
    /// It came to its end.
    pub(crate) finished: bool,
    /// Who has the lock.
    pub(crate) locked: Option<String>,
    /// A newer epoch.
    pub(crate) fenced: Option<u64>,
    /// What is lacking.
    pub(crate) unable: Option<String>,
    ends: HashMap<(u32, u32), StepResult>,
    skipped: HashMap<u32, u32>,
}

impl Report {
    /// Takes a frame; a step's end if it told one.
    pub(crate) fn hear(&mut self, frame: &Frame, now: Timestamp) -> Option<StepResult> {
        let (word, rest) = frame.tag.split_once(' ').unwrap_or((&frame.tag, ""));
        let mut numbers = rest.split(' ').map_while(|word| word.parse::<u32>().ok());
        match word {
            "begun" => self.begun = true,
            "finished" => self.finished = true,
            "locked" => self.locked = Some(plain(rest, 200)),
            "fenced" => self.fenced = rest.parse().ok().or(Some(u64::MAX)),
            "unable" => self.unable = Some(plain(rest, 300)),
            "skip" => {
                if let (Some(group), Some(need)) = (numbers.next(), numbers.next()) {
                    self.skipped.insert(group, need);
                }
            }
            "step" => {
                let (group, action) = (numbers.next()?, numbers.next()?);
                let output = String::from_utf8_lossy(&frame.out).into_owned();
                let outcome = if rest.ends_with(" done") {
                    Outcome::Done
                } else {
                    let line = output.lines().rev().map(str::trim).find(|line| !line.is_empty());
                    Outcome::Failed(plain(line.unwrap_or("it failed and said nothing"), 500))
                };
                let result = StepResult {
                    group,
                    action,
                    outcome,
                    output,
                    at: now,
                };
                self.ends.insert((group, action), result.clone());
                return Some(result);
            }
            _ => {}
        }
        None
    }

    /// One end for every action, in order. `lost` is why no more was heard, if it did not finish.
    pub(crate) fn results(&self, work: &Work<'_>, lost: &str, now: Timestamp) -> Vec<StepResult> {
        let mut results = Vec::new();
        for (group, steps) in (0_u32..).zip(work.groups) {
            let mut failed = false;
            for action in (0_u32..).take(steps.actions.len()) {
                if let Some(end) = self.ends.get(&(group, action)) {
                    failed |= !matches!(end.outcome, Outcome::Done);
                    results.push(end.clone());
                    continue;
                }
                let outcome = if failed {
                    Outcome::Skipped(format!("an earlier step of {} failed", steps.resource))
                } else if let Some(need) = self.skipped.get(&group) {
                    let name = usize::try_from(*need).ok().and_then(|need| work.groups.get(need));
                    let name = name.map_or_else(|| need.to_string(), |group| group.resource.to_string());
                    Outcome::Skipped(format!("it needs {name}, which did not succeed"))
                } else if let Some(seen) = self.fenced {
                    Outcome::Skipped(format!("a newer controller (epoch {seen}) took over"))
                } else {
                    Outcome::Unknown(lost.to_owned())
                };
                results.push(StepResult {
                    group,
                    action,
                    outcome,
                    output: String::new(),
                    at: now,
                });
            }
        }
        results
    }
}
