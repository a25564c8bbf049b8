//! Unit: a systemd service, timer, socket, target, path or mount.
//!
//! - `content`, `source` or `template`: its text, at `/etc/systemd/system/NAME`, mode 0644. Without it, the unit is
//!   one that a package or a File brings.
//! - `enabled`: whether it starts at boot. A text without `[Install]` cannot be. Of a unit that systemctl(1) calls
//!   static, indirect, generated or alias nothing can be changed: it is taken as it should be. What is enabled until
//!   the next boot only (`enabled-runtime`) is not enabled. When a text changes, the unit is enabled again, so that a
//!   new `WantedBy=` takes effect; links of the old one stay.
//! - `running`: active, reloading and activating are running; inactive, failed and deactivating are not. A unit that
//!   systemd starts again and again is running here: telling that is what health checks are for. A oneshot without
//!   `RemainAfterExit=yes` is inactive after its success, so it can never be kept running: of a text this is a fault
//!   when it is read; of a unit without text it shows as Drifted after every deployment.
//! - `masked`: nobody can start it. Its mask stands where a text would, so a unit has one or the other. Whoever asks
//!   for a text, for enabled or for running thereby asks for no mask.
//! - `state: absent`: no text of ours; what had it is stopped and disabled.
//!
//! systemd reads its files again (`daemon-reload`) exactly when the text changes, when systemd itself says that it
//! must, or when an earlier step writes one of the unit's files or drop-ins; that is the field `needDaemonReload`.
//!
//! A changed text restarts a unit that runs. That is written down as owed first, so that a crash in between loses
//! nothing. A unit that does not run is never restarted; one that is to be started anyway is only started. A changed
//! drop-in restarts nothing by itself: name its File in `restartOn`. A socket whose service runs cannot be restarted,
//! as systemd refuses it.
//!
//! The text is not tried with `systemd-analyze verify`: that goes by the file's name, and bytes land under another
//! name before they are renamed.
//!
//! Pruning takes a text away and stops what had it. A unit without text is left as it is, but for our mask: who
//! forgets `ssh.service` must not lose the server.
//!
//! Fidelity: partial. Whether a unit that a step of the same plan installs is enabled and started by its package is
//! not known beforehand: the plan then has every verb that could be needed, and those that are not do nothing.

mod form;
mod name;
mod seen;
mod steps;
#[cfg(test)]
mod tests;
mod text;

use crate::{
    decode::{canonical, decode, schema, spec},
    field::State,
};
use evenkeel_model::{
    Action, ContentRef, Digest, Fidelity, FieldError, FieldValue, Fields, Files, Kind, Link, Links, Loaded,
    Observation, Predicted, Probe, Resource, ResourceDiff,
    action::UnitVerb,
    kind::{Change, Steps},
    probe::{DebtVerb, FileType},
};
use form::{Form, contradictions, own_text};
use seen::{Seen, see};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use steps::steps;
use text::References;

/// The kind.
pub(crate) struct Unit;

#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    name: String,
    #[serde(default)]
    state: State,
    /// The text's digest.
    content: Option<Digest>,
    enabled: Option<bool>,
    running: Option<bool>,
    masked: Option<bool>,
    /// What the text refers to: links are asked for without the text.
    #[serde(default, skip_serializing_if = "References::is_empty")]
    references: References,
}

impl Spec {
    /// What must be asked to see our text, if there is one or it must be gone.
    fn text_probe(&self) -> Option<Probe> {
        let ours = self.content.is_some() || self.state == State::Absent;
        name::fragment(&self.name).ok().filter(|_| ours).map(Probe::Hash)
    }
    fn wants(&self) -> Option<Fields> {
        if self.state == State::Absent {
            return None;
        }
        let flags = [
            ("enabled", self.enabled),
            ("running", self.running),
            ("masked", self.masked),
        ];
        let flags = flags
            .into_iter()
            .filter_map(|(field, flag)| Some((field.to_owned(), flag?.into())));
        let content = self
            .content
            .map(|digest| ("content".to_owned(), FieldValue::Content(digest)));
        let read = ("needDaemonReload".to_owned(), false.into());
        Some(flags.chain(content).chain([read]).collect())
    }
    /// Stops, disables and removes what has our text.
    fn take_away(&self, live: &Fields) -> Vec<Action> {
        let is = |field: &str| live.get(field) == Some(&true.into());
        let verbs = [
            (is("running"), UnitVerb::Stop),
            (is("enabled"), UnitVerb::Disable),
        ];
        let mut actions: Vec<_> = verbs
            .into_iter()
            .filter(|(due, _)| *due)
            .map(|(_, verb)| self.verb(verb))
            .collect();
        if let Ok(path) = name::fragment(&self.name) {
            actions.push(Action::Remove {
                path,
                recursive: false,
            });
        }
        actions.push(Action::DaemonReload);
        actions
    }
    fn verb(&self, verb: UnitVerb) -> Action {
        Action::Unit {
            name: self.name.clone(),
            verb,
        }
    }
}

impl Kind for Unit {
    fn name(&self) -> &'static str {
        "Unit"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Partial("whether a package that the same plan installs enables and starts the unit")
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["name"])
    }

    fn load(&self, spec: &Value, files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let name = faults.require("name", form.name.as_deref()).and_then(|name| {
            name::full(name)
                .map_err(|why| faults.at("bad-value", "name", why))
                .ok()
        });
        let state = form.state.unwrap_or_default();
        let text = match state {
            State::Present => own_text(&form, files, &mut faults),
            State::Absent => None,
        };
        let name_known = name.as_deref().unwrap_or("unknown.service");
        let reading = text.as_ref().map(|text| text::read(name_known, text));
        if state == State::Present {
            contradictions(&form, name_known, reading.as_ref(), &mut faults);
        }
        let implied = text.is_some() || form.enabled == Some(true) || form.running == Some(true);
        let bytes: Vec<(Digest, Arc<[u8]>)> = text
            .iter()
            .map(|text| (Digest::of(text.as_bytes()), Arc::from(text.as_bytes())))
            .collect();
        let present = state == State::Present;
        let loaded = name.map(|name| Spec {
            name,
            state,
            content: bytes.first().map(|(digest, _)| *digest),
            enabled: form.enabled.filter(|_| present),
            running: form.running.filter(|_| present),
            masked: form.masked.or(implied.then_some(false)).filter(|_| present),
            references: reading.map(|reading| reading.references).unwrap_or_default(),
        });
        let loaded = loaded.map(|spec| Loaded {
            spec: canonical(&spec, &mut faults),
            name: spec.name,
            contents: bytes
                .iter()
                .map(|(digest, _)| ContentRef {
                    digest: *digest,
                    url: None,
                    secret: false,
                })
                .collect(),
            bytes,
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Links::default();
        };
        let mut links = Links {
            gives: vec![Link::Unit(spec.name.clone())],
            needs: spec.references.links().collect(),
        };
        if let Ok(path) = name::fragment(&spec.name) {
            let side = if spec.text_probe().is_some() {
                &mut links.gives
            } else {
                &mut links.needs
            };
            side.push(Link::Path(path));
        }
        if let Some(template) = name::template(&spec.name) {
            links.needs.extend(name::fragment(&template).ok().map(Link::Path));
            links.needs.push(Link::Unit(template));
        }
        links.needs.push(Link::Package(name::base(&spec.name).to_owned()));
        links
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Vec::new();
        };
        let text = spec.text_probe();
        [Probe::Unit(spec.name)].into_iter().chain(text).collect()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        spec::<Spec>(resource).ok()?.wants()
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        let seen = see(&spec, resource, observation, predicted)?;
        Ok(is_there(&spec, &seen).then(|| seen.fields()))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Steps::default();
        };
        let Ok(seen) = see(&spec, resource, change.observation, change.predicted) else {
            return Steps::default();
        };
        if spec.state == State::Present {
            return steps(&spec, resource, change, &seen).into();
        }
        let away = change.live.map(|live| spec.take_away(live)).unwrap_or_default();
        let settle = change.owed.map(|_| Action::Settle {
            to: resource.id.clone(),
        });
        away.into_iter().chain(settle).collect::<Vec<_>>().into()
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        let Ok(spec) = spec::<Spec>(applied) else {
            return Steps::default();
        };
        if spec.content.is_some() {
            return spec.take_away(live).into();
        }
        let masked = spec.masked == Some(true) && live.get("masked") == Some(&true.into());
        masked
            .then(|| spec.verb(UnitVerb::Unmask))
            .into_iter()
            .collect::<Vec<_>>()
            .into()
    }

    fn reveal(&self, resource: &Resource, diff: &ResourceDiff) -> Vec<Probe> {
        let path = spec::<Spec>(resource).and_then(|spec| name::fragment(&spec.name));
        let shown = path.ok().filter(|_| diff.changes_field("content"));
        let limit = 64 * 1024;
        shown
            .map(|path| Probe::Read { path, limit })
            .into_iter()
            .collect()
    }

    fn owes(&self) -> &'static [DebtVerb] {
        &[DebtVerb::Restart, DebtVerb::Reload]
    }
}

/// With a text of ours, the unit is there when anything stands in the text's place; without, when systemd knows it,
/// or when nothing is asked of it that a unit that is not there could not give.
fn is_there(spec: &Spec, seen: &Seen) -> bool {
    if spec.state == State::Absent {
        let ours = seen.stands == Some(FileType::File);
        return ours || (!seen.found && seen.running);
    }
    if spec.content.is_some() {
        return seen.stands.is_some();
    }
    let flags = [spec.enabled, spec.running, spec.masked];
    let asked = if seen.unsure {
        flags.iter().any(Option::is_some)
    } else {
        spec.enabled == Some(true) || spec.running == Some(true)
    };
    seen.found || !asked
}
