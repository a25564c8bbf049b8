//! Symlink: a symbolic link, as it is written.
//!
//! Fidelity: full. The link's text is compared, not what stands at its end, which need not exist.

use crate::{
    decode::{canonical, decode, schema, spec},
    field::{PathShape, State, is_type, stat, type_name},
};
use evenkeel_model::{
    AbsolutePath, Action, Fidelity, FieldError, Fields, Files, Kind, Link, Links, Loaded, Observation,
    Predicted, Probe, Resource,
    kind::{Change, Steps},
    probe::FileType,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind.
pub(crate) struct Symlink;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Form {
    /// Where the link stands.
    #[schemars(with = "PathShape")]
    path: Option<AbsolutePath>,
    /// What it points to: an absolute path, or one relative to the link's directory.
    to: Option<String>,
    /// Whether it is to be there; `present` if not given.
    state: Option<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Spec {
    path: AbsolutePath,
    /// `None`: to be gone.
    to: Option<String>,
}

impl Spec {
    /// The path that the link means, if its text is a path at all.
    fn end(&self) -> Option<AbsolutePath> {
        let to = self.to.as_ref()?;
        if to.starts_with('/') {
            return AbsolutePath::new(to).ok();
        }
        let mut at = self.path.parent()?;
        for part in to.split('/').filter(|part| !part.is_empty() && *part != ".") {
            at = if part == ".." {
                at.parent()?
            } else {
                at.join(part).ok()?
            };
        }
        Some(at)
    }
}

impl Kind for Symlink {
    fn name(&self) -> &'static str {
        "Symlink"
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity::Full
    }

    fn schema(&self) -> Value {
        schema::<Form>(&["path"])
    }

    fn load(&self, spec: &Value, _files: &dyn Files) -> Result<Loaded, Vec<FieldError>> {
        let (form, mut faults) = decode::<Form>(spec);
        let path = faults.require("path", form.path);
        let to = match form.state.unwrap_or_default() {
            State::Absent => None,
            State::Present => faults.require("to", form.to),
        };
        let bad = |to: &String| to.is_empty() || to.len() > 4095 || to.chars().any(char::is_control);
        if to.as_ref().is_some_and(bad) {
            let message = "a link says 1 to 4095 bytes, without control characters";
            faults.at("bad-value", "to", message);
        }
        let loaded = path.map(|path| Loaded {
            name: path.to_string(),
            spec: canonical(&Spec { path, to }, &mut faults),
            ..Loaded::default()
        });
        faults.or(loaded)
    }

    fn links(&self, resource: &Resource) -> Links {
        let Ok(spec) = spec::<Spec>(resource) else {
            return Links::default();
        };
        let end = spec.end().filter(|end| *end != spec.path);
        Links {
            needs: spec
                .path
                .parent()
                .into_iter()
                .chain(end)
                .map(Link::Path)
                .collect(),
            gives: spec
                .to
                .is_some()
                .then_some(Link::Path(spec.path))
                .into_iter()
                .collect(),
        }
    }

    fn probes(&self, resource: &Resource) -> Vec<Probe> {
        spec::<Spec>(resource)
            .map(|spec| vec![Probe::Stat(spec.path)])
            .unwrap_or_default()
    }

    fn desired(&self, resource: &Resource) -> Option<Fields> {
        let to = spec::<Spec>(resource).ok()?.to?;
        Some(Fields::from([
            ("type".into(), "symlink".into()),
            ("to".into(), to.into()),
        ]))
    }

    fn observe(
        &self,
        resource: &Resource,
        observation: &Observation,
        predicted: &Predicted,
    ) -> Result<Option<Fields>, String> {
        let spec = spec::<Spec>(resource)?;
        if predicted.at(&spec.path) == Some(None) {
            return Ok(None);
        }
        let Some(stat) = stat(observation, &spec.path)? else {
            return Ok(None);
        };
        let mut live = Fields::from([("type".into(), type_name(stat.file_type).into())]);
        if let Some(to) = stat.link.clone() {
            live.insert("to".into(), to.into());
        }
        Ok(Some(live))
    }

    fn steps(&self, resource: &Resource, change: &Change<'_>) -> Steps {
        let Ok(Spec { path, to }) = spec(resource) else {
            return Steps::default();
        };
        let mut actions = Vec::new();
        match (to, change.diff.changes.is_empty()) {
            (_, true) => {}
            (None, false) => actions.push(Action::Remove {
                path,
                recursive: false,
            }),
            (Some(to), false) => {
                // rename(2) does not put a link over a directory: an empty one goes first, a full one fails.
                if is_type(change.live, FileType::Directory) {
                    actions.push(Action::Remove {
                        path: path.clone(),
                        recursive: false,
                    });
                }
                actions.push(Action::PutSymlink { path, to });
            }
        }
        actions.into()
    }

    fn prune(&self, applied: &Resource, live: &Fields) -> Steps {
        match spec::<Spec>(applied) {
            // Someone put something else there: it is not ours to remove.
            Ok(_) if !is_type(Some(live), FileType::Symlink) => Steps::default(),
            Ok(spec) => Steps::from(vec![Action::Remove {
                path: spec.path,
                recursive: false,
            }]),
            Err(_) => Steps::default(),
        }
    }
}

#[cfg(test)]
mod tests;
