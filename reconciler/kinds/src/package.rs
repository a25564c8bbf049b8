//! Package: a package of the system's package manager (apt, dnf or apk).
//!
//! - `version`: exactly this one, also when it is older; any if not given, and one that is there stays as it is.
//! - `hold`: whether upgrades are held back; left alone if not given. A held package gets another version, or goes,
//!   by letting go of it first; it is held again afterwards unless `hold: false`.
//! - `manager`: needed only where a system has several.
//! - `refreshAfter`: the package lists are fetched first if they are older; `1h` if not given.
//!
//! Pruning removes the package and keeps its configuration, and what came along with it.
//!
//! Fidelity: partial. That the package will be there is exact; which version, where none is given, and what comes
//! along with it is the package manager's choice.

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{SpanShape, State, unseen},
};
use evenkeel_model::{
    Action, Answer, Fidelity, FieldError, FieldValue, Fields, Files, Kind, Link, Links, Loaded, Observation,
    Predicted, Probe, Resource, Span,
    action::PackageVerb,
    kind::{Change, Steps},
    probe::PackageManager,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind.
pub(crate) struct Package;

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Manager {
    /// Debian and its kin.
    Apt,
    /// Fedora and its kin.
    Dnf,
    /// Alpine.
    Apk,
}

impl From<Manager> for PackageManager {
    fn from(manager: Manager) -> Self {
        match manager {
            Manager::Apt => Self::Apt,
            Manager::Dnf => Self::Dnf,
            Manager::Apk => Self::Apk,
        }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
struct Form {
    /// The package's name.
    name: Option<String>,
    /// Exactly this version; any if not given.
    version: Option<String>,
    /// Whether upgrades are held back; left alone if not given.
    hold: Option<bool>,
    /// The package manager; the system's own if not given.
    manager: Option<Manager>,
    /// How old the package lists may be; `1h` if not given.
    #[schemars(with = "SpanShape")]
    refresh_after: Option<Span>,
    /// Whether it is to be there; `present` if not given.
    state: Option<State>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    name: String,
    #[serde(default)]
    state: State,
    version: Option<String>,
    hold: Option<bool>,
    manager: Option<PackageManager>,
    refresh_after: Span,
}

impl Spec {
    fn probe(&self) -> Probe {
        Probe::Package {
            manager: self.manager,
            name: self.name.clone(),
        }
    }
    fn verb(&self, verb: PackageVerb) -> Action {
        Action::Package {
            manager: self.manager,
            name: self.name.clone(),
            verb,
        }
    }
    /// A held package is let go of first: no package manager removes it else.
    fn take_away(&self, live: &Fields) -> Steps {
        let held = live.get("held") == Some(&true.into());
        let unhold = held.then(|| self.verb(PackageVerb::Unhold));
        unhold
            .into_iter()
            .chain([self.verb(PackageVerb::Remove)])
            .collect::<Vec<_>>()
            .into()
    }
}

impl Kind for Package {
    fn name(&self) -> &'static str {
        "Package"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Partial("the version, where none is given, and what comes along with the package")
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["name"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let name = faults.require("name", form.name);
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            let message = "a package's name has letters, digits and '+', '-', '.', '_', then perhaps ':' and an \
                           architecture; at most 128 in all";
            faults.at("bad-value", "name", message);
        }
        if form
            .version
            .as_deref()
            .is_some_and(|version| !is_version(version))
        {
            let message =
                "a version has letters, digits and '.', '+', '-', ':', '~', '^', '_', at most 128 in all";
            faults.add(
                FieldError::new("bad-value", &["version"], message)
                    .help("write one exact version, no pattern"),
            );
        }
        let state = form.state.unwrap_or_default();
        let present = state == State::Present;
        let loaded = name.map(|name| Loaded {
            spec: canonical(
                &Spec {
                    name: name.clone(),
                    state,
                    version: form.version.filter(|_| present),
                    hold: form.hold.filter(|_| present),
                    manager: form.manager.map(Into::into),
                    refresh_after: form.refresh_after.unwrap_or(Span::from_secs(3600)),
                },
                &mut faults,
            ),
            name,
            ..Loaded::default()
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let name = &resource.id.name;
        let plain = name.split_once(':').map(|(plain, _)| plain.to_owned());
        Links {
            gives: plain
                .into_iter()
                .chain([name.clone()])
                .map(Link::Package)
                .collect(),
            needs: Vec::new(),
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        spec::<Spec>(resource)
            .map(|spec| spec.probe())
            .into_iter()
            .collect()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let spec = spec::<Spec>(resource)
            .ok()
            .filter(|spec| spec.state == State::Present)?;
        let version = spec.version.map(|version| ("version".to_owned(), version.into()));
        let held = spec.hold.map(|hold| ("held".to_owned(), hold.into()));
        Some(version.into_iter().chain(held).collect())
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        let seen = match observation.answer(&spec.probe()) {
            Some(Answer::Package(package)) => package,
            other => return Err(unseen(other, &spec.name)),
        };
        let mut fields = Fields::from([("held".to_owned(), FieldValue::Flag(seen.held))]);
        match (predicted.package(&spec.name), &seen.version) {
            (Some(false), _) | (None, None) => return Ok(None),
            // A step installs it, and which version that will be is not ours to say.
            (Some(true), _) => {}
            (None, Some(version)) => drop(fields.insert("version".to_owned(), version.as_str().into())),
        }
        Ok(Some(fields))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Steps::default();
        };
        if spec.state == State::Absent {
            return change.live.map(|live| spec.take_away(live)).unwrap_or_default();
        }
        let managed = |field: &str| !resource.ignore.iter().any(|ignored| ignored == field);
        let absent = change.diff.is_absent();
        let installs = absent || change.diff.changes_field("version");
        // What is not installed can be held all the same (dpkg keeps the mark).
        let held = match change.observation.answer(&spec.probe()) {
            Some(Answer::Package(package)) => package.held,
            _ => false,
        };
        let hold = spec.hold.filter(|_| managed("held")).unwrap_or(held);
        let mut actions = Vec::new();
        if held && (installs || !hold) {
            actions.push(spec.verb(PackageVerb::Unhold));
        }
        if installs {
            actions.push(spec.verb(PackageVerb::Install {
                version: spec.version.clone().filter(|_| managed("version")),
                refresh_after: spec.refresh_after,
            }));
        }
        if hold && (installs || !held) {
            actions.push(spec.verb(PackageVerb::Hold));
        }
        actions.into()
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        spec::<Spec>(applied)
            .map(|spec| spec.take_away(live))
            .unwrap_or_default()
    }
}

/// What Debian Policy 5.6.7, RPM and apk take together, with an architecture as apt takes it.
fn is_name(text: &str) -> bool {
    let (name, architecture) = text.split_once(':').unwrap_or((text, "any"));
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_');
    let word = |text: &str| {
        text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && text.bytes().all(inner)
    };
    text.len() <= 128 && word(name) && word(architecture)
}

/// What deb-version(7), RPM and apk take together.
fn is_version(text: &str) -> bool {
    let inner =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b':' | b'~' | b'^' | b'_');
    text.len() <= 128
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(inner)
}

#[cfg(test)]
mod tests;
