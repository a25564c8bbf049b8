//! Group: a line of group(5).
//!
//! - `gid`: its number; any free one if not given. A changed number renumbers the group; files keep the old one.
//! - `system`: from the system range; counts only when the group is made.
//!
//! Members are told by their users' `groups`. Pruning removes the group; groupdel(8) refuses while it is some user's
//! primary group. `root` and number 0 are never removed.
//!
//! Fidelity: full. A number that nobody asked for is not predicted.

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{Account, State, unseen},
};
use evenkeel_model::{
    Action, Answer, Fidelity, FieldError, FieldValue, Fields, Files, Kind, Link, Links, Loaded, Observation,
    Predicted, Probe, Resource,
    kind::{Change, Steps},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind.
pub(crate) struct Group;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Form {
    /// The group's name.
    name: Option<Account>,
    /// Its number; any if not given.
    gid: Option<u32>,
    /// Whether a new one gets a number from the system range; no if not given.
    system: Option<bool>,
    /// Whether it is to be there; `present` if not given.
    state: Option<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    name: String,
    #[serde(default)]
    state: State,
    gid: Option<u32>,
    #[serde(default)]
    system: bool,
}

impl Kind for Group {
    fn name(&self) -> &'static str {
        "Group"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["name"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let name = faults.require("name", form.name);
        let state = form.state.unwrap_or_default();
        if let Some(name) = &name {
            if name.is_number() {
                faults.at("bad-value", "name", "a group's name is no number");
            }
            if state == State::Absent && (name.0 == "root" || form.gid == Some(0)) {
                faults.at("bad-value", "state", "the group of root is never removed");
            }
            if state == State::Present
                && (name.0 == "root") != (form.gid.unwrap_or(0) == 0)
                && form.gid.is_some()
            {
                faults.at(
                    "bad-value",
                    "gid",
                    "the number 0 is root's, and root has no other",
                );
            }
        }
        if form.gid == Some(u32::MAX) {
            faults.at("bad-value", "gid", "the number 4294967295 means \"no group\"");
        }
        let loaded = name.map(|name| Loaded {
            spec: canonical(
                &Spec {
                    name: name.0.clone(),
                    state,
                    gid: form.gid.filter(|_| state == State::Present),
                    system: form.system.unwrap_or_default(),
                },
                &mut faults,
            ),
            name: name.0,
            ..Loaded::default()
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        Links {
            gives: vec![Link::Group(resource.id.name.clone())],
            needs: Vec::new(),
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        vec![Probe::Group(resource.id.name.clone())]
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let spec = spec::<Spec>(resource)
            .ok()
            .filter(|spec| spec.state == State::Present)?;
        let gid = spec
            .gid
            .map(|gid| ("gid".to_owned(), FieldValue::Number(gid.into())));
        Some(gid.into_iter().collect())
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let name = &resource.id.name;
        let seen = match observation.answer(&Probe::Group(name.clone())) {
            Some(Answer::Group(group)) => group.as_ref(),
            other => return Err(unseen(other, name)),
        };
        let gid = |gid: u32| ("gid".to_owned(), FieldValue::Number(gid.into()));
        Ok(match (predicted.group(name), seen) {
            (Some(false), _) | (None, None) => None,
            (_, group) => Some(group.map(|group| gid(group.gid)).into_iter().collect()),
        })
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Steps::default();
        };
        match (spec.state, change.live) {
            (State::Present, _) if change.diff.changes.is_empty() => Steps::default(),
            (State::Present, _) => vec![Action::PutGroup {
                gid: spec
                    .gid
                    .filter(|_| !resource.ignore.iter().any(|field| field == "gid")),
                name: spec.name,
                system: spec.system,
            }]
            .into(),
            (State::Absent, Some(live)) => self.prune(resource, live),
            (State::Absent, None) => Steps::default(),
        }
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        let name = applied.id.name.clone();
        if name == "root" || live.get("gid") == Some(&FieldValue::Number(0)) {
            return Steps::default();
        }
        vec![Action::RemoveGroup { name }].into()
    }
}

#[cfg(test)]
mod tests;
