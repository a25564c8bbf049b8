//! Command: something to run when its guards say that it is not done yet.
//!
//! A Command never drifts by itself: all that is known of it is what its guards say, so it must have one. It is
//! *done* when the path in `creates` is there, or `unless` exits with 0, or `onlyIf` exits with anything else.
//!
//! Fidelity: what `creates` will say is predicted from earlier steps of the plan; what the commands in `unless` and
//! `onlyIf` would say after them is not, they are asked before. Pruning does nothing: what ran has run.

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{Account, PathShape, SpanShape, Variables, account_links, stat, unseen},
};
use evenkeel_model::{
    AbsolutePath, Action, Answer, Digest, Fidelity, FieldError, Fields, Files, Kind, Link, Links, Loaded,
    Observation, Predicted, Probe, Resource, Span,
    action::RunAction,
    kind::{Change, Steps},
    probe::RunProbe,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind.
pub(crate) struct Command;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
struct Form {
    /// The resource's name.
    name: Option<String>,
    /// Program and arguments, as a list; never a shell line.
    argv: Option<crate::field::Command>,
    /// It is done when something is at this path.
    #[schemars(with = "PathShape")]
    creates: Option<AbsolutePath>,
    /// It is done when this command, which only reads, exits with 0.
    unless: Option<crate::field::Command>,
    /// It is done, or not needed, when this command, which only reads, exits with anything but 0.
    only_if: Option<crate::field::Command>,
    /// Working directory, also of the guards.
    #[schemars(with = "PathShape")]
    cwd: Option<AbsolutePath>,
    /// Variables added to the environment, also of the guards.
    env: Option<Variables>,
    /// Run as this user, also the guards.
    user: Option<Account>,
    /// Killed after this; `5m` if not given. A guard is killed after 30 seconds at most.
    #[schemars(with = "SpanShape")]
    timeout: Option<Span>,
    /// Exit statuses that are no failure; `[0]` if not given.
    ok: Option<Vec<u8>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    argv: crate::field::Command,
    #[serde(skip_serializing_if = "Option::is_none")]
    creates: Option<AbsolutePath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<crate::field::Command>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_if: Option<crate::field::Command>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<AbsolutePath>,
    env: Variables,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Account>,
    timeout: Span,
    ok: Vec<u8>,
}

impl Spec {
    /// The field that says whether it is done. Its name is bound to the guards: what other guards said when they were
    /// applied says nothing of these, and must not make them look drifted.
    fn field(&self) -> String {
        let guards = (&self.creates, &self.unless, &self.only_if);
        let digest = Digest::of_json(&guards).map(|digest| digest.short());
        format!("done.{}", digest.unwrap_or_default().get(..8).unwrap_or_default())
    }

    fn guard(&self, argv: &crate::field::Command) -> Probe {
        Probe::Run(Box::new(RunProbe {
            argv: argv.0.clone(),
            cwd: self.cwd.clone(),
            env: self.env.0.clone(),
            user: self.user.as_ref().map(|user| user.0.clone()),
            timeout: self.timeout.min(Span::from_millis(30_000)),
        }))
    }

    /// A guard's exit status.
    fn status(&self, argv: &crate::field::Command, observation: &Observation) -> Result<i32, String> {
        let shown = argv.0.first().map_or("", String::as_str);
        match observation.answer(&self.guard(argv)) {
            Some(Answer::Run(run)) if run.status == 124 => {
                Err(format!("the guard {shown} did not end in time"))
            }
            Some(Answer::Run(run)) => Ok(run.status),
            other => Err(unseen(other, &format!("the guard {shown}"))),
        }
    }
}

impl Kind for Command {
    fn name(&self) -> &'static str {
        "Command"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Partial("`unless` and `onlyIf` are asked before earlier steps of the plan are done")
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["name", "argv"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let guards = ["creates", "unless", "onlyIf"];
        let guarded = form.creates.is_some() || form.unless.is_some() || form.only_if.is_some();
        if !guarded && !guards.iter().any(|guard| faults.touches(guard)) {
            let fault = FieldError::new("missing-field", &[], "nothing says when this command is done");
            faults.add(fault.help("say creates, unless or onlyIf"));
        }
        let name = faults.require("name", form.name);
        if name
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.len() > 200)
        {
            faults.at("bad-value", "name", "a name has 1 to 200 bytes");
        }
        if name
            .as_ref()
            .is_some_and(|name| name.chars().any(char::is_control))
        {
            faults.at("bad-value", "name", "a name has no control characters");
        }
        let argv = faults.require("argv", form.argv);
        if form.timeout.is_some_and(|timeout| timeout == Span::default()) {
            faults.at("bad-value", "timeout", "no command ends in no time");
        }
        let loaded = name.zip(argv).map(|(name, argv)| {
            let spec = Spec {
                argv,
                creates: form.creates,
                unless: form.unless,
                only_if: form.only_if,
                cwd: form.cwd,
                env: form.env.unwrap_or_default(),
                user: form.user,
                timeout: form.timeout.unwrap_or(Span::from_secs(300)),
                ok: form.ok.filter(|ok| !ok.is_empty()).unwrap_or_else(|| vec![0]),
            };
            Loaded {
                name,
                spec: canonical(&spec, &mut faults),
                ..Loaded::default()
            }
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Links::default();
        };
        let mut needs = account_links(spec.user.as_ref(), None);
        needs.extend(spec.argv.needs());
        needs.extend(spec.cwd.map(Link::Path));
        needs.extend(
            spec.creates
                .as_ref()
                .and_then(AbsolutePath::parent)
                .map(Link::Path),
        );
        Links {
            gives: spec.creates.map(Link::Path).into_iter().collect(),
            needs,
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Vec::new();
        };
        let creates = spec.creates.clone().map(Probe::Stat);
        let guards = spec
            .unless
            .iter()
            .chain(&spec.only_if)
            .map(|argv| spec.guard(argv));
        creates.into_iter().chain(guards).collect()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let spec = spec::<Spec>(resource).ok()?;
        Some(Fields::from([(spec.field(), true.into())]))
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        let mut done = false;
        if let Some(creates) = &spec.creates {
            done |= match predicted.at(creates) {
                Some(what) => what.is_some(),
                None => stat(observation, creates)?.is_some(),
            };
        }
        if let Some(unless) = &spec.unless {
            done |= spec.status(unless, observation)? == 0;
        }
        if let Some(only_if) = &spec.only_if {
            done |= match spec.status(only_if, observation)? {
                // Nobody can tell: taking a missing program for "not needed" would hide it for good.
                127 => return Err("the guard `onlyIf` names a program that is not there".into()),
                status => status != 0,
            };
        }
        Ok(Some(Fields::from([(spec.field(), done.into())])))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        match spec::<Spec>(resource) {
            Ok(spec) if !change.diff.changes.is_empty() => {
                Steps::from(vec![Action::Run(Box::new(RunAction {
                    argv: spec.argv.0,
                    cwd: spec.cwd,
                    env: spec.env.0,
                    user: spec.user.map(|user| user.0),
                    timeout: spec.timeout,
                    ok: spec.ok.into_iter().map(i32::from).collect(),
                }))])
            }
            _ => Steps::default(),
        }
    }

    fn prune(&self, _applied: &Resource, _live: &Fields) -> Steps {
        Steps::default()
    }
}

#[cfg(test)]
mod tests;
