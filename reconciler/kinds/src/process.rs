//! Process: a program that is kept running without systemd.
//!
//! - `argv`, `cwd`, `env`, `user`, `log` make up its *generation*: when one of them changes, the process is replaced.
//!   `cwd` is the target's root if not given, `log` `/var/log/NAME.log`, which gets standard output and error.
//! - `grace`: from TERM to KILL when it is stopped, `10s` if not given. A change of it alone replaces nothing.
//! - `running`: whether it runs; `true` if not given. One that is not to run is not there, as with `state: absent`.
//!
//! A process is known by its number, start time and boot, so that a stranger with the same number is never taken for
//! it. A restart is a stop and a start, a reload is HUP. One that does not run is only started. Pruning stops it; its
//! log stays.
//!
//! A changed program file is not noticed by itself: name its File or Release in `restartOn`.
//!
//! Fidelity: partial. A program that ends by itself right after its start is noticed when the deployment is verified.

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{Account, Command, PathShape, SpanShape, State, Variables, unseen},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, Digest, Fidelity, FieldError, Fields, Files, Kind, Link, Links, Loaded,
    Observation, Predicted, Probe, Resource, Span,
    action::{Argv, ProcessStart},
    kind::{Change, Steps},
    probe::DebtVerb,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The kind.
pub(crate) struct Process;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Form {
    /// The name that it is known under; unique on the target.
    name: Option<String>,
    /// Program and arguments.
    argv: Option<Command>,
    /// Working directory; the target's root if not given.
    #[schemars(with = "PathShape")]
    cwd: Option<AbsolutePath>,
    /// Variables added to the environment.
    env: Option<Variables>,
    /// Run as this user; as the one who deploys if not given.
    user: Option<Account>,
    /// Where standard output and error are appended; `/var/log/NAME.log` if not given.
    #[schemars(with = "PathShape")]
    log: Option<AbsolutePath>,
    /// From TERM to KILL; `10s` if not given.
    #[schemars(with = "SpanShape")]
    grace: Option<Span>,
    /// Whether it runs; yes if not given.
    running: Option<bool>,
    /// Whether it is to be there; `present` if not given.
    state: Option<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    name: String,
    grace: Span,
    /// `None`: it is not to run.
    program: Option<Program>,
}

/// What makes one process differ from another.
#[derive(Debug, Serialize, Deserialize)]
struct Program {
    argv: Argv,
    cwd: Option<AbsolutePath>,
    env: BTreeMap<String, String>,
    user: Option<String>,
    log: AbsolutePath,
}

impl Program {
    fn generation(&self) -> Option<Digest> {
        Digest::of_json(self).ok()
    }
}

impl Spec {
    fn stop(&self) -> Action {
        Action::StopProcess {
            name: self.name.clone(),
            grace: self.grace,
        }
    }
    fn start(&self) -> Option<Action> {
        let program = self.program.as_ref()?;
        Some(Action::StartProcess(Box::new(ProcessStart {
            name: self.name.clone(),
            argv: program.argv.clone(),
            cwd: program.cwd.clone(),
            env: program.env.clone(),
            user: program.user.clone(),
            log: program.log.clone(),
            generation: program.generation()?,
            grace: self.grace,
        })))
    }
}

impl Kind for Process {
    fn name(&self) -> &'static str {
        "Process"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Partial("whether the program stays up after its start")
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["name"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let name = faults.require("name", form.name);
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            let message = "a process's name has letters, digits and '-', '_', '.', at most 63, and begins with a \
                           letter or digit";
            faults.at("bad-value", "name", message);
        }
        let state = form.state.unwrap_or_default();
        let log = name.as_ref().filter(|name| is_name(name)).and_then(|name| {
            form.log
                .or_else(|| AbsolutePath::new(&format!("/var/log/{name}.log")).ok())
        });
        let program = match state {
            State::Absent => None,
            State::Present => faults
                .require("argv", form.argv)
                .zip(log)
                .map(|(argv, log)| Program {
                    argv: argv.0,
                    cwd: form.cwd,
                    env: form.env.unwrap_or_default().0,
                    user: form.user.map(|user| user.0),
                    log,
                }),
        };
        let loaded = name.map(|name| Loaded {
            spec: canonical(
                &Spec {
                    name: name.clone(),
                    grace: form.grace.unwrap_or(Span::from_secs(10)),
                    program: program.filter(|_| form.running.unwrap_or(true)),
                },
                &mut faults,
            ),
            name,
            ..Loaded::default()
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let program = spec::<Spec>(resource).ok().and_then(|spec| spec.program);
        let Some(program) = program else {
            return Links::default();
        };
        let words = program.argv.iter().filter_map(|word| {
            let end = word.split_once('=').map_or(word.as_str(), |(_, end)| end);
            AbsolutePath::new(word).or_else(|_| AbsolutePath::new(end)).ok()
        });
        let paths = words.chain(program.cwd.clone()).chain([program.log.clone()]);
        let user = program
            .user
            .filter(|user| !user.bytes().all(|b| b.is_ascii_digit()));
        Links {
            gives: Vec::new(),
            needs: paths
                .filter(|path| path.as_str() != "/")
                .map(Link::Path)
                .chain(user.map(Link::User))
                .collect(),
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        vec![Probe::Process(resource.id.name.clone())]
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let generation = spec::<Spec>(resource).ok()?.program?.generation()?;
        Some(Fields::from([
            ("running".to_owned(), true.into()),
            ("generation".to_owned(), generation.to_string().into()),
        ]))
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        _predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        let seen = match observation.answer(&Probe::Process(spec.name.clone())) {
            Some(Answer::Process(process)) => process,
            other => return Err(unseen(other, &spec.name)),
        };
        // One that is not to run and does not is not there; its name may still be on record.
        let there = seen
            .as_ref()
            .filter(|process| process.running || spec.program.is_some());
        Ok(there.map(|process| {
            Fields::from([
                ("running".to_owned(), process.running.into()),
                ("generation".to_owned(), process.generation.to_string().into()),
            ])
        }))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Steps::default();
        };
        let runs = change.live.and_then(|live| live.get("running")) == Some(&true.into());
        let fields = ["running", "generation"];
        let off = change.diff.is_absent() || fields.iter().any(|field| change.diff.changes_field(field));
        let mut actions = Vec::new();
        match change.owed {
            _ if spec.program.is_none() => actions.extend(change.live.map(|_| spec.stop())),
            _ if off => actions.extend(spec.start()),
            Some(DebtVerb::Restart) if runs => {
                actions.extend([Some(spec.stop()), spec.start()].into_iter().flatten());
            }
            Some(DebtVerb::Reload) if runs => actions.push(Action::ReloadProcess {
                name: spec.name.clone(),
            }),
            _ => {}
        }
        if change.owed.is_some() {
            actions.push(Action::Settle {
                to: resource.id.clone(),
            });
        }
        actions.into()
    }

    fn prune(&self, applied: &Resource, _live: &Fields) -> Steps {
        spec::<Spec>(applied)
            .map(|spec| vec![spec.stop()])
            .unwrap_or_default()
            .into()
    }

    fn owes(&self) -> &'static [DebtVerb] {
        &[DebtVerb::Restart, DebtVerb::Reload]
    }
}

/// A name that is harmless as a file's name.
fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 63
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(inner)
}

#[cfg(test)]
mod tests;
